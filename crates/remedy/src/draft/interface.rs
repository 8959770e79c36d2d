//! An interface set up anew by the tool that owns it, with what it has now kept for the way back.

use super::{CannotDraft, desk::Desk};
use crate::{Network, Owner, Route, Step};
use host::{Looks, looks::Link};
use std::{net::IpAddr, path::Path};

/// Profiles of NetworkManager that are read.
const MOST_PROFILES: usize = 64;

/// The interface, then what the kernel remembers of the ways by it.
pub(super) fn reset(desk: &mut Desk, name: &str) -> Result<(), CannotDraft> {
    let links = desk.host.links()?;
    let Some(link) = links.iter().find(|link| link.name == name) else {
        let why = format!("there is no interface {name}");
        return Err(CannotDraft::new(why, "ip link"));
    };
    match owner(desk, name)? {
        Some(by) => {
            let found = network(desk, link)?;
            let name = name.to_owned();
            desk.push(Step::ResetInterface { name, by, found });
        }
        None => desk.note(format!(
            "neither systemd-networkd nor NetworkManager nor ifupdown owns {name}: it is not set up anew, for nobody would \
             give it its addresses back"
        )),
    }
    desk.push(Step::FlushRoutes);
    Ok(())
}

/// Who owns it, by what each of them writes down below /run. At most one of them has it.
fn owner(desk: &Desk, name: &str) -> Result<Option<Owner>, CannotDraft> {
    let index = text(desk, &Path::new("/sys/class/net").join(name).join("ifindex"))?;
    let index = index.trim();
    let runs = |comm: &str| -> Result<bool, CannotDraft> {
        Ok(desk.processes()?.iter().any(|process| process.comm == comm))
    };
    if is_of_network_manager(desk, index)? && runs("NetworkManager")? {
        return Ok(Some(Owner::NetworkManager));
    }
    let networkd = text(desk, &Path::new("/run/systemd/netif/links").join(index))?;
    let managed = networkd.lines().any(|line| {
        line.strip_prefix("ADMIN_STATE=")
            .is_some_and(|state| !matches!(state, "unmanaged" | "linger"))
    });
    // the kernel keeps 15 letters of a name
    if managed && runs("systemd-network")? {
        return Ok(Some(Owner::Networkd));
    }
    let up = text(desk, Path::new("/run/network/ifstate"))?;
    let is_up = up.lines().any(|line| line.split('=').next() == Some(name));
    Ok(is_up.then_some(Owner::Ifupdown))
}

/// NetworkManager has a profile for it that is more than a mirror of what somebody else set up: those are gone with it.
fn is_of_network_manager(desk: &Desk, index: &str) -> Result<bool, CannotDraft> {
    let device = text(desk, &Path::new("/run/NetworkManager/devices").join(index))?;
    let profile = device
        .lines()
        .find_map(|line| line.strip_prefix("connection-uuid="));
    let Some(profile) = profile else {
        return Ok(false);
    };
    let mirrors = Path::new("/run/NetworkManager/system-connections");
    let uuid = format!("uuid={profile}");
    for name in desk
        .host
        .dir(mirrors)?
        .unwrap_or_default()
        .iter()
        .take(MOST_PROFILES)
    {
        let mirror = text(desk, &mirrors.join(name))?;
        let has = |wanted: &str| mirror.lines().any(|line| line == wanted);
        if has(&uuid) && has("volatile=true") {
            return Ok(false);
        }
    }
    Ok(true)
}

fn text(desk: &Desk, path: &Path) -> Result<String, CannotDraft> {
    let bytes = desk.host.file(path)?.unwrap_or_default();
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn network(desk: &Desk, link: &Link) -> Result<Network, CannotDraft> {
    let mut routes = Vec::new();
    for v6 in [false, true] {
        // without IPv6 there are none
        let found = match desk.host.routes(v6) {
            Err(_) if v6 => Vec::new(),
            found => found?,
        };
        let ours = found.into_iter().filter(|route| {
            // the kernel makes its own with each address
            route.device.as_deref() == Some(&link.name) && route.protocol != "kernel"
        });
        routes.extend(ours.map(Route::from));
    }
    // a gateway must be reached before a route may lead through it
    routes.sort_by_key(|route| route.gateway.is_some());
    let lasting = |address: &IpAddr| match address {
        IpAddr::V4(_) => true,
        IpAddr::V6(v6) => !v6.is_unicast_link_local(),
    };
    Ok(Network {
        addresses: link
            .addresses
            .iter()
            .filter(|(address, _)| lasting(address))
            .copied()
            .collect(),
        routes,
    })
}
