//! A visitor's names and interfaces, through the tools that own them.

use super::{
    place::moved,
    run::{self, failed},
};
use crate::{NameCache, Network, Owner, Route, StepFailed};
use std::time::Duration;

/// For what a daemon does at once.
const SOON: Duration = Duration::from_secs(5);
/// A lease may take a while to come; whether it came is for the proof to see.
const LEASE: Duration = Duration::from_secs(45);

/// A cache forgets all names.
pub(super) fn flush_names(cache: NameCache) -> Result<(), StepFailed> {
    let (program, args) = cache.command();
    run::succeed(program, args, SOON).map(drop)
}

/// Both families; a host without IPv6 has nothing to forget there.
pub(super) fn flush_routes() -> Result<(), StepFailed> {
    let _ = run::tool("ip", &["-6", "route", "flush", "cache"], SOON)?;
    run::succeed("ip", &["route", "flush", "cache"], SOON).map(drop)
}

/// `resolvconf -u`. It tells those who asked to be told, and fails when one of them does, though the file is made: an
/// unbound that does not run is no reason to take it back.
pub(super) fn rebuild_resolv_conf() -> Result<(), StepFailed> {
    let said = run::tool("resolvconf", &["-u"], SOON)?;
    let by_others =
        !said.err.trim().is_empty() && said.err.lines().all(|line| line.starts_with("run-parts:"));
    match said.is_good() || by_others {
        true => Ok(()),
        false => Err(failed(format!("resolvconf -u: {}", said.reason()))),
    }
}

/// Sets an interface up anew. What takes it down first need not succeed: it may not count as up.
pub(super) fn reset(name: &str, by: Owner) -> Result<(), StepFailed> {
    is_there(name)?;
    let commands = by.commands(name);
    let (last, before) = commands.split_last().ok_or_else(|| failed("nothing owns it"))?;
    for (program, args) in before {
        let _ = run::tool(program, args, LEASE)?;
    }
    run::succeed(last.0, &last.1, LEASE).map(drop)
}

/// Gives an interface what it had. What is there already stays.
pub(super) fn restore(name: &str, had: &Network) -> Result<(), StepFailed> {
    is_there(name)?;
    for command in had.commands(name) {
        let args: Vec<&str> = command.iter().map(String::as_str).collect();
        run::succeed("ip", &args, SOON)?;
    }
    Ok(())
}

/// A route of the main table, if the kernel holds what the plan found.
pub(super) fn set_route(device: &str, from: Option<&Route>, to: Option<&Route>) -> Result<(), StepFailed> {
    let named = from.or(to).ok_or_else(|| failed("no route is named"))?;
    let held = held(named)?;
    let is = |wanted: Option<&Route>| match (wanted, held.as_slice()) {
        (None, []) => true,
        (Some(wanted), [(by, held)]) => by == device && wanted.is(held),
        _ => false,
    };
    if is(to) {
        return Ok(());
    }
    if !is(from) {
        let found: Vec<String> = held.iter().map(|(by, it)| it.set(by).join(" ")).collect();
        return Err(moved(match found.is_empty() {
            true => format!("there is no route to {}", named.to),
            false => found.join("; "),
        }));
    }
    let args = to.map_or_else(|| named.remove(device), |to| to.set(device));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    run::succeed("ip", &args, SOON).map(drop)
}

/// Every route to exactly that place, each with its interface.
fn held(named: &Route) -> Result<Vec<(String, Route)>, StepFailed> {
    let family = if named.is_v6() { "-6" } else { "-4" };
    let shown = run::succeed("ip", &[family, "-j", "route", "show", "exact", &named.to], SOON)?;
    let routes = host::looks::Route::parse_all(shown.out.as_bytes())
        .ok_or_else(|| failed(format!("ip route show exact {}: not understood", named.to)))?;
    let held = routes
        .into_iter()
        .map(|it| (it.device.clone().unwrap_or_default(), it.into()));
    Ok(held.collect())
}

fn is_there(name: &str) -> Result<(), StepFailed> {
    let shown = run::tool("ip", &["-o", "link", "show", "dev", name], SOON)?;
    match shown.is_good() {
        true => Ok(()),
        false => Err(moved(format!("there is no interface {name}: {}", shown.reason()))),
    }
}
