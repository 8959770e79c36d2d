//! `why502 dns NAME`: a name at every resolver that matters to nginx and to this host.

use crate::{
    cli,
    exit::Exit,
    screen::{BAD, GOOD, QUIET, STRONG, safe},
};
use diagnose::{
    case::{NameAnswer, NameSight, NameSource},
    discover::discover,
    observe::everywhere,
};
use host::live::Live;
use serde::Serialize;
use std::{collections::BTreeSet, fmt::Write as _, io::Write, net::IpAddr};

/// Runs the command.
pub fn run(options: &cli::Dns) -> anyhow::Result<Exit> {
    let name = options.name.as_str();
    let live = Live::new();
    let world = discover(&live, &diagnose::Options::default());
    let sights = everywhere(&live, &world, name, &options.resolver);
    let rows: Vec<Row> = sights.iter().map(row).collect();
    let opinion = opinion(&sights);
    let page = match options.json {
        true => {
            let (exit, says) = (&opinion.0, &opinion.1);
            let agree = *exit == Exit::Good;
            crate::report::json::page(&Dns {
                schema: "why502/dns/1",
                name,
                agree,
                says,
                answers: rows,
            })? + "\n"
        }
        false => draw(name, &rows, &opinion),
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(opinion.0)
}

#[derive(Serialize)]
struct Dns<'a> {
    schema: &'static str,
    name: &'a str,
    agree: bool,
    says: &'a str,
    answers: Vec<Row>,
}

#[derive(Serialize)]
struct Row {
    asked: String,
    good: bool,
    answer: String,
}

fn row(sight: &NameSight) -> Row {
    let asked = match sight.by {
        NameSource::NginxResolver(at) => format!("nginx's resolver {at}"),
        NameSource::SystemResolver(at) => format!("resolver {at}"),
        NameSource::Authority(at) => format!("the zone's own server {at}"),
        NameSource::System => "this system (/etc/hosts, then DNS)".to_owned(),
    };
    let (good, answer) = match &sight.answer {
        Ok(NameAnswer::Addresses(addresses)) if addresses.is_empty() => {
            (false, "no address of that name".to_owned())
        }
        Ok(NameAnswer::Addresses(addresses)) => (true, listed(addresses)),
        Ok(NameAnswer::Missing) => (false, "no such name (NXDOMAIN)".to_owned()),
        Ok(NameAnswer::Failed(2)) => (false, "server failure (SERVFAIL)".to_owned()),
        Ok(NameAnswer::Failed(5)) => (false, "refused".to_owned()),
        Ok(NameAnswer::Failed(code)) => (false, format!("failed (RCODE {code})")),
        Ok(NameAnswer::PortClosed) => (false, "nothing listens there".to_owned()),
        Ok(NameAnswer::Silent) => (false, "no answer".to_owned()),
        Err(unseen) => (false, unseen.to_string()),
    };
    Row { asked, good, answer }
}

fn listed(addresses: &[IpAddr]) -> String {
    addresses
        .iter()
        .map(ToString::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}

/// What the answers say together. nginx's resolver knows neither /etc/hosts nor search domains.
fn opinion(sights: &[NameSight]) -> (Exit, String) {
    let addresses = |sight: &NameSight| match &sight.answer {
        Ok(NameAnswer::Addresses(found)) => found.iter().copied().collect::<BTreeSet<IpAddr>>(),
        _ => BTreeSet::new(),
    };
    let sets: Vec<(bool, BTreeSet<IpAddr>)> = sights
        .iter()
        .map(|it| (matches!(it.by, NameSource::NginxResolver(_)), addresses(it)))
        .collect();
    let nginx_lacks = sets.iter().any(|(nginx, set)| *nginx && set.is_empty());
    let some_has = sets.iter().any(|(_, set)| !set.is_empty());
    let distinct: BTreeSet<&BTreeSet<IpAddr>> = sets
        .iter()
        .map(|(_, set)| set)
        .filter(|set| !set.is_empty())
        .collect();
    match (some_has, nginx_lacks, distinct.len()) {
        (false, ..) => (Exit::CauseFound, "nobody asked knows an address of it".to_owned()),
        (true, true, _) => (
            Exit::CauseFound,
            "nginx's own resolver does not know it (it reads neither /etc/hosts nor search domains)"
                .to_owned(),
        ),
        (true, false, 0 | 1) => (Exit::Good, "all who answer agree".to_owned()),
        (true, false, _) => (Exit::CauseFound, "the answers differ".to_owned()),
    }
}

fn draw(name: &str, rows: &[Row], (exit, says): &(Exit, String)) -> String {
    let mut page = format!("{STRONG}{}{STRONG:#}\n", safe(name));
    for row in rows {
        let style = if row.good { GOOD } else { BAD };
        let _ = writeln!(page, "  {:<36} {style}{}{style:#}", row.asked, safe(&row.answer));
    }
    let style = if *exit == Exit::Good { QUIET } else { STRONG };
    let _ = writeln!(page, "{style}{says}{style:#}");
    page
}
