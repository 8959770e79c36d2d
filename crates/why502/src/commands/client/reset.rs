//! `why502 client reset [URL]`: the interface set up anew, neighbours and ways forgotten.

use super::session::Session;
use crate::{cli, exit::Exit};
use diagnose::Measure;
use host::{
    Looks,
    live::Live,
    looks::{Ping, Route, RouteTo},
};
use remedy::{Holds, Wish, status_of};
use std::net::IpAddr;

/// Bytes of a packet that every gateway passes.
const PACKET: u16 = 84;

/// Runs the command.
pub fn run(options: &cli::ClientReset) -> anyhow::Result<Exit> {
    let live = Live::new();
    let session = Session {
        live: &live,
        options: &options.agreement,
    };
    let Some(way) = Way::out(&live, options) else {
        let wish = wish(options, "-", None, String::new());
        let says = "no interface leads out of this machine by a gateway; --interface NAME names one (ip link).\n\
                    Nothing was done.";
        return session.nothing(&wish, says);
    };
    let gateway = way.gateway.map(|gateway| (gateway, answers(&live, gateway)));
    let before = options.url.as_ref().map(|page| status_of(&live, page));
    let seen = seen(options, gateway, before);
    let wish = wish(options, &way.device, Some((way.gateway, before)), seen);
    let is_well = gateway.is_none_or(|(_, answers)| answers)
        && before.is_none_or(|status| status.is_some_and(|status| status < 500));
    match is_well && (gateway.is_some() || before.is_some()) {
        true => session.well(
            &wish,
            &format!("{}: there is nothing that a reset would mend.", wish.why),
        ),
        false => session.grant(&wish),
    }
}

/// The way packets take out of this machine.
struct Way {
    device: String,
    gateway: Option<IpAddr>,
}

impl Way {
    fn out(live: &Live, options: &cli::ClientReset) -> Option<Self> {
        let routes = [false, true].map(|v6| live.routes(v6).unwrap_or_default());
        let defaults = routes.iter().flatten().filter(|route| route.to == "default");
        let gateway_of = |device: &str| {
            let by = |route: &&Route| route.device.as_deref() == Some(device);
            defaults.clone().filter(by).find_map(|route| route.gateway)
        };
        if let Some(device) = &options.interface {
            let known = live.links().ok()?.iter().any(|link| link.name == *device);
            return known.then(|| Self {
                gateway: gateway_of(device),
                device: device.clone(),
            });
        }
        let to_the_page = options.url.iter().find_map(|page| {
            let address = *live.system_name(&page.host).ok()?.first()?;
            match live.route_to(address).ok()? {
                RouteTo::Via { local: true, .. } | RouteTo::Refused { .. } => None,
                RouteTo::Via { device, gateway, .. } => Some(Self { device, gateway }),
            }
        });
        to_the_page.or_else(|| {
            let best = defaults
                .clone()
                .filter(|route| route.device.is_some())
                .min_by_key(|route| route.metric.unwrap_or(0))?;
            Some(Self {
                device: best.device.clone()?,
                gateway: best.gateway,
            })
        })
    }
}

fn answers(live: &Live, gateway: IpAddr) -> bool {
    live.ping(gateway, PACKET) == Ok(Ping::Answered)
}

/// What does not work, in one sentence.
fn seen(options: &cli::ClientReset, gateway: Option<(IpAddr, bool)>, before: Option<Option<u16>>) -> String {
    let gateway = gateway.map(|(address, answers)| match answers {
        true => format!("the gateway {address} answers"),
        false => format!("the gateway {address} does not answer"),
    });
    let page = options
        .url
        .as_ref()
        .zip(before)
        .map(|(page, before)| match before {
            Some(status) => format!("{page} answers {status}"),
            None => format!("{page} does not answer"),
        });
    let seen: Vec<String> = gateway.into_iter().chain(page).collect();
    match seen.is_empty() {
        true => "it was asked for".to_owned(),
        false => seen.join(", "),
    }
}

fn wish(
    options: &cli::ClientReset,
    device: &str,
    known: Option<(Option<IpAddr>, Option<Option<u16>>)>,
    why: String,
) -> Wish {
    let (gateway, before) = known.unwrap_or_default();
    let mut measures = vec![Measure::ResetInterface {
        name: device.to_owned(),
    }];
    measures.extend(gateway.map(|address| Measure::FlushNeighbour { address }));
    let reaches = gateway.map(|address| Holds::Reaches { address });
    let page = options.url.clone().map(|page| Holds::Answers {
        page,
        before: before.flatten(),
    });
    Wish {
        cause: "client-network",
        subject: device.to_owned(),
        why,
        title: format!("reset the connection by {device}"),
        measures,
        holds: reaches.into_iter().chain(page).collect(),
        patience: options.within,
    }
}
