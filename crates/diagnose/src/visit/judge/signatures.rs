//! Signatures of a name (DNSSEC) that a resolver refuses: the zone's, or the resolver's own clock.

use super::{
    super::{
        Check,
        case::{By, NameAsked, Unchecked},
        steps,
    },
    Theory, Whose,
};
use crate::Rank;

/// A resolver refuses the name, and gives its address once it is told not to check.
pub(super) fn refused(check: &Check, by: &NameAsked, found: &Unchecked) -> Theory {
    match found.refuses_root {
        Some(true) => everything(check, by, found),
        knows => zones(check, by, found, knows.is_some()),
    }
}

/// The root zone's signatures hold for the whole world: who refuses them as well is wrong himself.
fn everything(check: &Check, by: &NameAsked, found: &Unchecked) -> Theory {
    let (host, who) = (&check.place.host, steps::by(by.by));
    let is_here = is_here(by);
    let whose = if is_here { Whose::Machine } else { Whose::Resolver };
    let says = format!(
        "{who} refuses every name that is signed (DNSSEC), not only {host}: its clock or its trust anchor is wrong."
    );
    let server = asked(by);
    let theory = Theory::new(whose, says)
        .cause("client-dns")
        .seen(
            Rank::Decisive,
            format!("{who} answers SERVFAIL for the root zone too, and gives its servers once it is told not to check"),
            format!("dig {server}NS . ; dig {server}+cd NS ."),
        )
        .seen(Rank::Hint, dates(check, found), format!("dig {server}+cd +dnssec {host}"));
    match is_here {
        true => theory.visitor(
            "Compare this machine's clock: date; timedatectl. Then restart the resolver on it; if its clock is right, renew its \
             trust anchor (unbound-anchor).",
        ),
        false => theory.visitor(super::names::other_resolver(check, "and tell who runs the first one that its clock is wrong")),
    }
}

fn zones(check: &Check, by: &NameAsked, found: &Unchecked, knows_root: bool) -> Theory {
    let (host, who, server) = (&check.place.host, steps::by(by.by), asked(by));
    let outside = outside(check, found);
    let theory = Theory::new(
        Whose::Zone,
        format!("the DNSSEC signatures of {host} do not hold, so resolvers that check them refuse it."),
    )
    .seen(
        Rank::Decisive,
        format!("{who} answers SERVFAIL, and an address once it is told not to check"),
        format!("dig {host}; dig +cd {host}; delv {host}"),
    )
    .seen(Rank::Hint, dates(check, found), format!("dig {server}+cd +dnssec {host}"))
    .visitor("Nothing here is at fault; tell the site's operator (the line below). Do not switch the checking off.");
    // by one clock alone: what it finds outdated may be its own fault
    match outside && is_here(by) && !knows_root {
        true => theory
            .visitor("Or this machine's clock, which its resolver goes by, is wrong: date; timedatectl.")
            .unclear(),
        false => theory,
    }
}

/// None of the signatures holds now by this machine's clock.
fn outside(check: &Check, found: &Unchecked) -> bool {
    let holds = |(from, until): &(host::Timestamp, host::Timestamp)| (*from..=*until).contains(&check.at);
    !found.signed.is_empty() && !found.signed.iter().any(holds)
}

fn dates(check: &Check, found: &Unchecked) -> String {
    let newest = found.signed.iter().max_by_key(|(_, until)| *until);
    let Some((from, until)) = newest else {
        return "its answer has no signature".to_owned();
    };
    let now = match (outside(check, found), check.at > *until) {
        (false, _) => "they hold now",
        (true, true) => "they have ended",
        (true, false) => "they have not begun",
    };
    format!("its signatures are for {from} to {until}: by this machine's clock {now}")
}

fn address(by: &NameAsked) -> Option<std::net::SocketAddr> {
    match by.by {
        By::System => None,
        By::Configured(at) | By::Given(at) | By::Zone(at) => Some(at),
    }
}

/// It runs on this machine, and has its clock.
fn is_here(by: &NameAsked) -> bool {
    address(by).is_some_and(|at| at.ip().is_loopback())
}

/// `@192.0.2.53 `, for dig.
fn asked(by: &NameAsked) -> String {
    address(by).map_or_else(String::new, |at| format!("@{} ", at.ip()))
}
