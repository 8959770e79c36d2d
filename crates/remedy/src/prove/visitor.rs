//! What must hold on a visitor's machine, as its own library, its kernel and a request by name see it.

use super::Prover;
use crate::{Holds, Page, Proof, outcome::Unproved};
use host::{Endpoint, Host, Looks, Stance, Talk, looks::Ping};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// Looks in a row at which all must hold.
const ROUNDS: usize = 3;
/// Bytes of the packets that a gateway answers.
const PACKET: u16 = 84;
/// Until the first byte of an answer, milliseconds.
const PATIENCE_MS: u64 = 10_000;
/// Addresses of one name that are tried.
const MOST_ADDRESSES: usize = 4;

impl Prover<'_> {
    /// How many rounds were good; the last thing that did not hold where time is up.
    pub(super) fn visitor(&mut self, proof: &Proof) -> Result<usize, Unproved> {
        if proof.holds.is_empty() {
            return Ok(0);
        }
        let until = self.clock.now().after(Duration::from_millis(proof.warm_up_ms));
        let mut good = 0;
        while good < ROUNDS {
            match proof.holds.iter().try_for_each(|it| holds(self.host, it)) {
                Ok(()) => good += 1,
                Err(lacks) if self.clock.now() >= until => return Err(lacks),
                Err(_) => good = 0,
            }
            self.pause()?;
        }
        Ok(good)
    }
}

fn holds(host: &dyn Host, it: &Holds) -> Result<(), Unproved> {
    let seen = match it {
        Holds::Resolves { name, to } => resolves(host, name, to),
        Holds::Reaches { address } => reaches(host, *address),
        Holds::Answers { page, before } => answers(host, page, *before),
    };
    seen.map_err(|seen| Unproved::Lacks {
        holds: Box::new(it.clone()),
        seen,
    })
}

fn resolves(host: &dyn Host, name: &str, to: &[IpAddr]) -> Result<(), String> {
    let found = host.system_name(name).map_err(|unseen| unseen.to_string())?;
    let fits = |address: &IpAddr| to.is_empty() || to.contains(address);
    match found.as_slice() {
        [] => Err(format!("{name} has no address here")),
        some if some.iter().all(fits) => Ok(()),
        some => {
            let some: Vec<String> = some.iter().map(ToString::to_string).collect();
            Err(format!("{name} is {} here", some.join(" and ")))
        }
    }
}

/// By an echo, or, where a gateway keeps silent to those, by its answer to the question for its hardware address, which is
/// asked anew once the old one is forgotten.
fn reaches(host: &dyn Host, address: IpAddr) -> Result<(), String> {
    let ping = host.ping(address, PACKET);
    if ping == Ok(Ping::Answered) {
        return Ok(());
    }
    let neighbour = host.neighbour(address).map_err(|unseen| unseen.to_string())?;
    match neighbour {
        Some(neighbour) if neighbour.state == "REACHABLE" => Ok(()),
        Some(neighbour) => Err(format!("{address} does not answer ({})", neighbour.state)),
        None => Err(format!("{address} does not answer")),
    }
}

fn answers(host: &dyn Host, page: &Page, before: Option<u16>) -> Result<(), String> {
    let now = status(host, page);
    match rank(now) > rank(before) || rank(now) == GOOD {
        true => Ok(()),
        false => Err(match now {
            Some(status) => format!("{page} answers {status}"),
            None => format!("{page} does not answer"),
        }),
    }
}

/// The rank of an answer below 500.
const GOOD: u8 = 2;

fn rank(status: Option<u16>) -> u8 {
    match status {
        None => 0,
        Some(500..) => 1,
        Some(_) => GOOD,
    }
}

/// How a page is answered now, asked by its name as a visitor does; `None` is no answer at all.
pub fn status(host: &dyn Host, page: &Page) -> Option<u16> {
    let addresses = host.system_name(&page.host).unwrap_or_default();
    let usual = if page.tls { 443 } else { 80 };
    let named = match page.port {
        port if port == usual => page.host.clone(),
        port => format!("{}:{port}", page.host),
    };
    addresses.into_iter().take(MOST_ADDRESSES).find_map(|address| {
        let talk = Talk::Http {
            method: "GET".to_owned(),
            target: page.target.clone(),
            host: named.clone(),
            tls: page.tls.then(|| page.host.clone()),
            patience_ms: PATIENCE_MS,
        };
        let to = Endpoint::Tcp(SocketAddr::new(address, page.port));
        host.connect(&to, &Stance::default(), talk).ok()?.status()
    })
}
