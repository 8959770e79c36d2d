//! SELinux's policy as this host has it: booleans and types of ports. Never whether it is enforced.

use super::{
    place::moved,
    run::{self, failed},
};
use crate::StepFailed;
use host::looks::denial;
use std::time::Duration;

/// For what only reads.
const SOON: Duration = Duration::from_secs(10);
/// A policy is built anew and loaded.
const REBUILT: Duration = Duration::from_secs(90);

/// `setsebool -P`: now and for good.
pub(super) fn boolean(name: &str, on: bool) -> Result<(), StepFailed> {
    let now = || -> Result<bool, StepFailed> {
        let said = run::succeed("getsebool", &[name], SOON)?;
        let all = denial::booleans(&said.out);
        let found = all.into_iter().find(|(known, _)| known == name);
        found
            .map(|(_, value)| value)
            .ok_or_else(|| failed(format!("SELinux has no boolean {name}")))
    };
    if now()? == on {
        return Ok(());
    }
    let word = if on { "on" } else { "off" };
    run::succeed("setsebool", &["-P", name, word], REBUILT)?;
    match now()? == on {
        true => Ok(()),
        false => Err(failed(format!("{name} is not {word} after setsebool"))),
    }
}

/// `semanage port`: what this host says of a TCP port beside its policy.
pub(super) fn port(port: u16, from: Option<&str>, to: Option<&str>) -> Result<(), StepFailed> {
    let now = local(port)?;
    if now.as_deref() == to {
        return Ok(());
    }
    if now.as_deref() != from {
        let kind = now.unwrap_or_else(|| "nothing of its own".to_owned());
        return Err(moved(format!("SELinux has {kind} for TCP port {port}")));
    }
    let number = port.to_string();
    match to {
        None => drop(run::succeed(
            "semanage",
            &["port", "-d", "-p", "tcp", &number],
            REBUILT,
        )?),
        Some(kind) => give(&number, kind)?,
    }
    match local(port)?.as_deref() == to {
        true => Ok(()),
        false => Err(failed(format!("semanage did not change TCP port {port}"))),
    }
}

/// A port that the policy names already is modified, any other is added.
fn give(port: &str, kind: &str) -> Result<(), StepFailed> {
    let with = |verb: &str| {
        run::succeed(
            "semanage",
            &["port", verb, "-t", kind, "-p", "tcp", port],
            REBUILT,
        )
    };
    with("-a").or_else(|_| with("-m")).map(drop)
}

/// The type that `semanage port -l -C` lists for this port alone.
fn local(port: u16) -> Result<Option<String>, StepFailed> {
    let said = run::succeed("semanage", &["port", "-l", "-C"], SOON)?;
    let all = denial::ports(&said.out);
    Ok(all.into_iter().find(|it| it.has_tcp(port)).map(|it| it.name))
}
