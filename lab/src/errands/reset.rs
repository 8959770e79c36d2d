//! A gateway that was replaced, and a machine that goes on sending to the old one.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use super::{Errand, why502};
use crate::{Host, traffic};

pub(super) const ERRAND: Errand = Errand {
    name: "visitor-reset",
    about: "The gateway was replaced and its neighbour entry still leads to the old one: `client reset` sets the interface \
            up anew by systemd-networkd, NetworkManager and ifupdown in turn, and the page is answered. Where what the owner \
            was told leads to no gateway, the interface gets back what it had, within the limit.",
    tell,
};

/// A page behind the gateway.
const PAGE: &str = "http://198.51.100.2:8080/";

/// Who owns the interface, shell that makes it so, and what it was told its gateway is by: a file, which it may read again.
const OWNERS: &[(&str, &str, &str)] = &[
    (
        "systemd-networkd",
        // this systemd can't set a broadcast address on newer kernels
        r"ip address flush dev eth0
        printf '[Match]\nName=eth0\n[Network]\nLinkLocalAddressing=no\n[Address]\nAddress=192.0.2.10/24\nBroadcast=no\n[Route]\nGateway=192.0.2.1\n' \
          >/etc/systemd/network/10-eth0.network
        systemctl start systemd-networkd
        for _ in $(seq 100); do
          grep -qs ADMIN_STATE=configured /run/systemd/netif/links/$(cat /sys/class/net/eth0/ifindex) && break; sleep 0.1
        done",
        "/etc/systemd/network/10-eth0.network",
    ),
    (
        "NetworkManager",
        r"systemctl stop systemd-networkd; rm /etc/systemd/network/10-eth0.network
        printf '[main]\ndns=none\n' >/etc/NetworkManager/conf.d/names.conf
        printf '[connection]\nid=wired\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1=192.0.2.10/24,192.0.2.1\n[ipv6]\nmethod=disabled\n' \
          >/etc/NetworkManager/system-connections/wired.nmconnection
        chmod 600 /etc/NetworkManager/system-connections/wired.nmconnection
        ip address flush dev eth0; systemctl start NetworkManager
        for _ in $(seq 100); do nmcli connection reload 2>/dev/null && break; sleep 0.1; done
        nmcli connection up wired >/dev/null",
        "/etc/NetworkManager/system-connections/wired.nmconnection",
    ),
    (
        "ifupdown",
        r"systemctl stop NetworkManager; ip address flush dev eth0
        printf 'auto lo\niface lo inet loopback\niface eth0 inet static\n  address 192.0.2.10/24\n  gateway 192.0.2.1\n' \
          >/etc/network/interfaces
        ifup eth0",
        "/etc/network/interfaces",
    ),
];

/// The machine is sure that the gateway is where it was, and will not ask again for hours.
const SURE: &str = r"
sysctl -qw net.ipv4.neigh.eth0.base_reachable_time_ms=36000000
ping -c1 -W2 192.0.2.1 >/dev/null
mac=$(ip -j neigh show to 192.0.2.1 dev eth0 | grep -o '[0-9a-f:]\{17\}')
ip neigh replace 192.0.2.1 lladdr $mac dev eth0 nud reachable
";

/// Another gateway under the same address, until the next one.
const REPLACED: &str = r#"
n=$(($(ip -n "$router" -o link show dev "$router" | grep -o '02:00:00:00:00:0[0-9]' | tail -c 2 || true) + 1))
ip -n "$router" link set dev "$router" address "02:00:00:00:00:0$n"
"#;

fn tell(host: &mut Host) -> Result<()> {
    let _page = traffic::serve(&host.far()?);
    for (owner, set_up, file) in OWNERS {
        host.sh(set_up).context(*owner)?;
        by_owner(host).context(*owner)?;
        no_way_back(host, file).with_context(|| format!("{owner}: a reset that loses the connection"))?;
    }
    Ok(())
}

fn by_owner(host: &Host) -> Result<()> {
    answers(host, true).context("before")?;
    let well = why502(host, &["client", "reset", PAGE, "--yes"], 0)?;
    ensure!(well.contains("nothing that a reset would mend"), "{well}");
    break_it(host)?;
    why502(host, &["client", "reset", PAGE, "--plan"], 1)?;
    answers(host, false).context("after a plan")?;
    why502(host, &["client", "reset", PAGE, "--within", "30s", "--yes"], 0)?;
    answers(host, true).context("after client reset")?;
    why502(host, &["undo", "--yes"], 0)?;
    answers(host, true).context("undone: the addresses and routes are those it had")
}

/// The gateway is gone for now, what stands in the file is not what the machine runs with, and it has an address that
/// somebody gave it by hand.
fn no_way_back(host: &Host, file: &str) -> Result<()> {
    host.sh(&format!(
        r"cp -p {file} /root/told; sed -i 's/192\.0\.2\.1$/192.0.2.250/' {file}; ! cmp -s {file} /root/told
        ! systemctl -q is-active NetworkManager || nmcli connection reload
        ip address add 192.0.2.77/32 dev eth0"
    ))?;
    break_it(host)?;
    host.around(&gateway_hears(false))?;
    let had = host.sh(HAS)?;
    ensure!(had.contains("192.0.2.77/32"), "eth0 has\n{had}");
    let start = Instant::now();
    let said = why502(host, &["client", "reset", PAGE, "--within", "3s", "--yes"], 1)?;
    ensure!(said.contains("taken back"), "{said}");
    // the owner's own work comes before the limit, taking back after it
    ensure!(start.elapsed() < LATEST, "it took {:?}: {said}", start.elapsed());
    let has = host.sh(HAS)?;
    ensure!(had == has, "eth0 had\n{had}and has\n{has}");
    host.around(&gateway_hears(true))?;
    host.sh(&format!(
        "cp -p /root/told {file}; ip neigh flush dev eth0; ip address del 192.0.2.77/32 dev eth0"
    ))?;
    answers(host, true).context("with the addresses and routes that it got back")
}

/// Whether anybody at the gateway answers who asks for its address.
fn gateway_hears(does: bool) -> String {
    let arp = if does { "on" } else { "off" };
    format!(r#"ip -n "$router" link set dev "$router" arp {arp}"#)
}

/// For a reset that loses the connection, from its begin until all is as it was.
const LATEST: Duration = Duration::from_secs(60);

const HAS: &str = "ip -o -4 address show dev eth0 | awk '{ print $4 }'; ip route show default | sed 's/ proto [a-z]*//; s/ onlink//; s/ *$//'";

fn break_it(host: &Host) -> Result<()> {
    host.sh(SURE)?;
    host.around(REPLACED)?;
    answers(host, false).context("with another gateway")
}

fn answers(host: &Host, does: bool) -> Result<()> {
    let look = format!("curl -s -o /dev/null -m 2 {PAGE} && echo yes || echo no");
    let wanted = if does { "yes" } else { "no" };
    let seen = host.sh(&look)?;
    ensure!(
        seen.trim() == wanted,
        "{PAGE} answers: {}, not {wanted}",
        seen.trim()
    );
    Ok(())
}
