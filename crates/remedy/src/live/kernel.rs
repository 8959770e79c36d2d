//! What the kernel holds: settings, neighbours, tracked connections, interfaces; and the restart of the host.

use super::{
    place::moved,
    run::{self, failed},
    units,
};
use crate::StepFailed;
use host::Endpoint;
use std::{fs, net::IpAddr, path::PathBuf, time::Duration};

/// For what the kernel does at once.
const SOON: Duration = Duration::from_secs(5);

/// Sets a kernel setting, now; `/etc/sysctl.d` is a step of its own.
pub(super) fn sysctl(key: &str, from: &str, to: &str) -> Result<(), StepFailed> {
    let path = sysctl_path(key).ok_or_else(|| failed(format!("{key:?} is no kernel setting")))?;
    let read = || fs::read_to_string(&path).map_err(|error| failed(format!("{key}: {error}")));
    let now = read()?;
    if same(&now, to) {
        return Ok(());
    }
    if !same(&now, from) {
        return Err(moved(format!("{key} is {}", now.trim())));
    }
    fs::write(&path, to).map_err(|error| failed(format!("{key}={to}: {error}")))?;
    let after = read()?;
    match same(&after, to) {
        true => Ok(()),
        false => Err(failed(format!("the kernel made {} of {key}={to}", after.trim()))),
    }
}

/// As sysctl(8) reads a key: the separator that comes first is the one, so that `net.ipv4.conf.eth0/1.forwarding` means
/// an interface with a dot. Only names: no way out of /proc/sys.
fn sysctl_path(key: &str) -> Option<PathBuf> {
    let slashed: String = match key.find(['.', '/']).map(|at| &key[at..=at]) {
        Some(".") => key
            .chars()
            .map(|letter| match letter {
                '.' => '/',
                '/' => '.',
                other => other,
            })
            .collect(),
        _ => key.to_owned(),
    };
    let good = |part: &str| !part.is_empty() && !part.starts_with('.') && !part.contains('\0');
    slashed
        .split('/')
        .all(good)
        .then(|| PathBuf::from("/proc/sys").join(slashed))
}

/// Values of several words are separated by tabs when read, by spaces when written.
fn same(a: &str, b: &str) -> bool {
    a.split_whitespace().eq(b.split_whitespace())
}

/// Forgets how one neighbour is reached; the kernel asks again.
pub(super) fn flush_neighbour(address: IpAddr, device: &str) -> Result<(), StepFailed> {
    let address = address.to_string();
    run::succeed("ip", &["neigh", "flush", "to", &address, "dev", device], SOON).map(drop)
}

/// Forgets the tracked connections, or the UDP flows, to one peer.
pub(super) fn flush_conntrack(to: &Endpoint, udp: bool) -> Result<(), StepFailed> {
    let Some(peer) = to.tcp() else {
        return Err(failed(format!("{to} has no tracked connections")));
    };
    let family = if peer.is_ipv4() { "ipv4" } else { "ipv6" };
    let (address, port) = (peer.ip().to_string(), peer.port().to_string());
    let protocol = if udp { "udp" } else { "tcp" };
    let args = [
        "-D", "-f", family, "-d", &address, "-p", protocol, "--dport", &port,
    ];
    if run::find("conntrack").is_none() {
        return Err(failed(
            "conntrack is not installed: install the package conntrack (conntrack-tools on RHEL)",
        ));
    }
    let said = run::tool("conntrack", &args, SOON)?;
    // it fails when there was nothing to forget
    let none = said
        .lines()
        .any(|line| line.contains(" 0 flow entries have been deleted"));
    match said.is_good() || none {
        true => Ok(()),
        false => Err(failed(format!("conntrack -D: {}", said.reason()))),
    }
}

/// Sets a network interface up or down.
pub(super) fn set_interface(name: &str, up: bool) -> Result<(), StepFailed> {
    let shown = run::tool("ip", &["-o", "link", "show", "dev", name], SOON)?;
    if !shown.is_good() {
        return Err(moved(format!("there is no interface {name}: {}", shown.reason())));
    }
    if is_up(&shown.out) == Some(up) {
        return Ok(());
    }
    let word = if up { "up" } else { "down" };
    run::succeed("ip", &["link", "set", "dev", name, word], SOON).map(drop)
}

/// `2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu …`; `None` if this is no such line.
fn is_up(line: &str) -> Option<bool> {
    let (flags, _) = line.split_once('<')?.1.split_once('>')?;
    Some(flags.split(',').any(|flag| flag == "UP"))
}

/// Restarts the host, once all that was written is on its disks.
pub(super) fn reboot() -> Result<(), StepFailed> {
    // without a journal there is nothing to sync
    let _ = run::tool("journalctl", &["--sync"], SOON);
    rustix::fs::sync();
    units::reboot()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_and_their_files() {
        for (key, path) in [
            ("net.core.somaxconn", Some("/proc/sys/net/core/somaxconn")),
            (
                "net.ipv4.conf.eth0/1.forwarding",
                Some("/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
            ),
            (
                "net/ipv4/conf/eth0.1/forwarding",
                Some("/proc/sys/net/ipv4/conf/eth0.1/forwarding"),
            ),
            ("../../etc/passwd", None),
            ("net/../../../etc/passwd", None),
            ("net..core", None),
            ("/etc/passwd", None),
            ("", None),
        ] {
            assert_eq!(sysctl_path(key), path.map(PathBuf::from), "{key}");
        }
    }

    #[test]
    fn flags_of_an_interface() {
        assert_eq!(
            is_up("2: eth0: <BROADCAST,MULTICAST,UP,LOWER_UP> mtu 1500"),
            Some(true)
        );
        // LOWER_UP alone is the cable
        assert_eq!(is_up("2: eth0: <BROADCAST,LOWER_UP> mtu 1500"), Some(false));
        assert_eq!(is_up("Device does not exist"), None);
    }
}
