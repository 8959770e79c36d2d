//! What the kernel keeps: neighbours, tracked connections, interfaces, and the host as a whole.

use super::{CannotDraft, desk::Desk};
use crate::Step;
use host::{Endpoint, Looks, Tool};
use std::{net::IpAddr, path::Path};

/// IFF_UP of netdevice(7).
const UP: u32 = 1;

/// The interface by which this host reaches an address.
pub(super) fn device(desk: &Desk, address: IpAddr) -> Result<String, CannotDraft> {
    let output = desk.host.run(Tool::RouteGet { to: address })?;
    let routes: serde_json::Value = serde_json::from_slice(&output.stdout.0).unwrap_or_default();
    let device = routes
        .get(0)
        .and_then(|route| route.get("dev"))
        .and_then(|dev| dev.as_str());
    device.map(str::to_owned).ok_or_else(|| {
        let why = format!("there is no route to {address}");
        CannotDraft::new(why, format!("ip route get {address}"))
    })
}

/// `ip neigh flush`
pub(super) fn flush_neighbour(desk: &mut Desk, address: IpAddr) -> Result<(), CannotDraft> {
    let device = device(desk, address)?;
    desk.push(Step::FlushNeighbour { address, device });
    Ok(())
}

/// `conntrack -D`
pub(super) fn flush_conntrack(desk: &mut Desk, to: &Endpoint, udp: bool) -> Result<(), CannotDraft> {
    if to.tcp().is_none() {
        let why = format!("connections to {to} are not tracked: it is a unix socket");
        return Err(CannotDraft::new(why, "look at the socket with ss -xlp"));
    }
    desk.push(Step::FlushConntrack { to: to.clone(), udp });
    Ok(())
}

/// `ip link set NAME up`
pub(super) fn interface_up(desk: &mut Desk, name: &str) -> Result<(), CannotDraft> {
    let missing = || {
        let why = format!("there is no interface {name}");
        CannotDraft::new(why, "ip link")
    };
    if name.is_empty() || name.contains('/') || name.starts_with('.') {
        return Err(missing());
    }
    let flags = desk
        .host
        .file(&Path::new("/sys/class/net").join(name).join("flags"))?
        .ok_or_else(missing)?;
    let flags = String::from_utf8_lossy(&flags)
        .trim()
        .trim_start_matches("0x")
        .to_owned();
    let is_up = u32::from_str_radix(&flags, 16).is_ok_and(|flags| flags & UP != 0);
    if !is_up {
        desk.push(Step::SetInterface {
            name: name.to_owned(),
            up: true,
        });
    }
    Ok(())
}

/// `systemctl reboot`
pub(super) fn reboot(desk: &mut Desk) -> Result<(), CannotDraft> {
    desk.push(Step::Reboot);
    Ok(())
}
