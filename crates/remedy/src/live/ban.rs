//! The table of nftables that is why502's own.

use super::{
    firewall::LIMIT,
    run::{self, failed},
};
use crate::{
    StepFailed,
    own_table::{OwnTable, TABLE},
};
use std::net::IpAddr;

/// Refuses addresses for so long.
pub(super) fn refuse(addresses: &[IpAddr], ports: &[u16], minutes: u32) -> Result<(), StepFailed> {
    let script = OwnTable::refuse(table()?.as_ref(), addresses, ports, minutes);
    run::succeed("nft", &[&script], LIMIT).map(drop)
}

/// Lets them through again. That their time was over meanwhile is no failure.
pub(super) fn let_through(addresses: &[IpAddr], ports: &[u16]) -> Result<(), StepFailed> {
    let script = |table: &OwnTable| table.let_through(addresses, ports);
    let Some(first) = table()?.as_ref().and_then(script) else {
        return Ok(());
    };
    let said = run::tool("nft", &[&first], LIMIT)?;
    if said.is_good() {
        return Ok(());
    }
    // an element that ran out between the look and the deed
    match table()?.as_ref().and_then(script) {
        None => Ok(()),
        Some(second) => run::succeed("nft", &[&second], LIMIT).map(drop),
    }
}

fn table() -> Result<Option<OwnTable>, StepFailed> {
    let [family, name] = TABLE;
    let said = run::tool("nft", &["-j", "list", "table", family, name], LIMIT)?;
    let absent = said
        .lines()
        .any(|line| line.contains("No such file or directory"));
    match said.is_good() {
        true => Ok(OwnTable::parse(said.out.as_bytes())),
        false if absent => Ok(None),
        false => Err(failed(format!(
            "nft list table {family} {name}: {}",
            said.reason()
        ))),
    }
}
