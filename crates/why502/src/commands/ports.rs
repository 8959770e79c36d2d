//! `why502 ports`: who listens where, against what nginx asks for.

use crate::{
    cli,
    exit::Exit,
    screen::{BAD, GOOD, QUIET, STRONG, safe, wrap},
};
use diagnose::{
    World,
    case::listens_on,
    discover::{backend_of, discover},
    topology::{Route, Target},
};
use host::{Endpoint, Host, answer::Socket, live::Live};
use serde::Serialize;
use std::{collections::BTreeMap, fmt::Write as _, io::Write};

/// Runs the command.
pub fn run(options: &cli::Ports) -> anyhow::Result<Exit> {
    let live = Live::new();
    let world = discover(&live as &dyn Host, &diagnose::Options::default());
    let asked: Vec<Asked> = asked(&world)
        .into_iter()
        .map(|(endpoint, by)| row(&world, &endpoint, by))
        .collect();
    let idle = not_asked(&world, &asked);
    let exit = if asked.iter().any(|row| row.listener == Listener::Nobody) {
        Exit::CauseFound
    } else {
        Exit::Good
    };
    let page = match options.json {
        true => {
            crate::report::json::page(&Ports {
                schema: "why502/ports/1",
                asked,
                others: idle,
            })? + "\n"
        }
        false => draw(&asked, &idle, &world),
    };
    anstream::stdout().write_all(page.as_bytes())?;
    Ok(exit)
}

#[derive(Serialize)]
struct Ports {
    schema: &'static str,
    asked: Vec<Asked>,
    others: Vec<Other>,
}

/// An address nginx asks, and who answers there.
#[derive(Serialize)]
struct Asked {
    address: String,
    by: Vec<String>,
    listener: Listener,
    who: Option<String>,
    unit: Option<String>,
    waiting: Option<u32>,
    backlog: Option<u32>,
    #[serde(skip)]
    endpoint: Endpoint,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Listener {
    Here,
    Nobody,
    Elsewhere,
    Unseen,
}

/// A listener of this host that no route asks.
#[derive(Serialize)]
struct Other {
    address: String,
    who: Option<String>,
}

/// Addresses that routes ask for, each with who asks.
fn asked(world: &World) -> BTreeMap<Endpoint, Vec<String>> {
    let mut asked: BTreeMap<Endpoint, Vec<String>> = BTreeMap::new();
    for route in &world.routes {
        for endpoint in endpoints(&route.target) {
            let by = by(route);
            let all = asked.entry(endpoint).or_default();
            if !all.contains(&by) {
                all.push(by);
            }
        }
    }
    asked
}

fn endpoints(target: &Target) -> Vec<Endpoint> {
    match target {
        Target::Endpoint(endpoint) => vec![endpoint.clone()],
        Target::Group { servers, .. } => servers
            .iter()
            .flat_map(|server| endpoints(&server.address))
            .collect(),
        Target::Name { .. } | Target::Variable { .. } => Vec::new(),
    }
}

fn by(route: &Route) -> String {
    format!("{} {} ({})", route.site, route.location, route.written)
}

fn row(world: &World, endpoint: &Endpoint, by: Vec<String>) -> Asked {
    let socket = world
        .listeners()
        .map(|mut all| all.find(|socket| listens_on(socket, endpoint)));
    let backend = backend_of(world, endpoint);
    let unit = backend.and_then(|backend| backend.unit);
    let listener = match &socket {
        Ok(Some(_)) => Listener::Here,
        Ok(None) if is_remote(endpoint) => Listener::Elsewhere,
        Ok(None) => Listener::Nobody,
        Err(_) => Listener::Unseen,
    };
    let socket = socket.ok().flatten();
    Asked {
        address: endpoint.to_string(),
        by,
        listener,
        who: socket.and_then(|socket| who(world, socket)),
        unit,
        waiting: socket.map(|socket| socket.recv_q),
        backlog: socket.map(|socket| socket.send_q),
        endpoint: endpoint.clone(),
    }
}

/// Not an address of the loopback range: perhaps another machine's.
fn is_remote(endpoint: &Endpoint) -> bool {
    endpoint
        .tcp()
        .is_some_and(|addr| !addr.ip().is_loopback() && !addr.ip().is_unspecified())
}

fn who(world: &World, socket: &Socket) -> Option<String> {
    let pid = *socket.pids.as_ref()?.first()?;
    Some(format!("{} ({pid})", world.process(pid)?.comm))
}

fn not_asked(world: &World, asked: &[Asked]) -> Vec<Other> {
    let Ok(listeners) = world.listeners() else {
        return Vec::new();
    };
    listeners
        .filter(|socket| socket.local.tcp().is_some())
        .filter(|socket| !asked.iter().any(|row| listens_on(socket, &row.endpoint)))
        .map(|socket| Other {
            address: socket.local.to_string(),
            who: who(world, socket),
        })
        .collect()
}

fn draw(asked: &[Asked], others: &[Other], world: &World) -> String {
    let mut page = format!("{STRONG}What nginx asks{STRONG:#}\n");
    for row in asked {
        let (style, says) = match row.listener {
            Listener::Here => (GOOD, answered(row)),
            Listener::Nobody => (BAD, format!("nobody listens{}", should(row))),
            Listener::Elsewhere => (QUIET, "not a listener of this host".to_owned()),
            Listener::Unseen => (QUIET, "could not see listeners".to_owned()),
        };
        let _ = writeln!(
            page,
            "  {:<40} {style}{}{style:#}",
            safe(&row.address),
            safe(&says)
        );
        for by in &row.by {
            let _ = writeln!(page, "      {QUIET}{}{QUIET:#}", safe(by));
        }
    }
    if asked.is_empty() {
        page.push_str("  nothing: no route with a literal address was found\n");
    }
    let _ = writeln!(page, "{STRONG}Other TCP listeners{STRONG:#}");
    for other in others {
        let _ = writeln!(
            page,
            "  {:<40} {}",
            other.address,
            safe(other.who.as_deref().unwrap_or("(owner not visible)"))
        );
    }
    for unseen in &world.unseen {
        let line = wrap(&safe(&unseen.to_string()), "not seen: ", "    ");
        let _ = writeln!(page, "{QUIET}{line}{QUIET:#}");
    }
    page
}

fn answered(row: &Asked) -> String {
    let who = row.who.as_deref().unwrap_or("a process we may not see");
    let queue = match (row.waiting, row.backlog) {
        (Some(waiting @ 1..), Some(backlog)) => format!(", {waiting} of {backlog} wait to be accepted"),
        _ => String::new(),
    };
    format!(
        "{who}{}{queue}",
        row.unit
            .as_ref()
            .map(|unit| format!(" of {unit}"))
            .unwrap_or_default()
    )
}

fn should(row: &Asked) -> String {
    row.unit
        .as_ref()
        .map(|unit| format!("; {unit} should"))
        .unwrap_or_default()
}
