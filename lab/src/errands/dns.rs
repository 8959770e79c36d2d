//! Two name servers that disagree, on a machine whose names belong to one tool after another.

use anyhow::{Context, Result, ensure};

use super::{Errand, Shown, why502};
use crate::{Host, repair};

pub(super) const ERRAND: Errand = Errand {
    name: "visitor-dns",
    about: "Two name servers disagree, and the machine asks the stale one: by its own file with nscd and unbound or with \
            dnsmasq in between, by systemd-resolved, by NetworkManager with and without its dnsmasq, by resolvconf, by openresolv. `client dns` \
            changes it there, `undo` brings it back; without a server it makes their caches forget, and changes nothing else. \
            `check` blames the stale server, and a line of /etc/hosts.",
    tell,
};

pub(super) const STALE_ANSWER: Shown = Shown {
    cause: "client-dns",
    about: "The name server that the machine asks remembers an address that the site has left.",
};
pub(super) const PINNED: Shown = Shown {
    cause: "client-network",
    about: "Somebody once wrote the site's address into /etc/hosts, and the site has moved since.",
};

/// The stale one at 127.0.0.61, the right one at 127.0.0.62; nobody is at 127.0.0.63.
const SERVE: &str = r#"
serve() {
  systemctl stop names-$1 2>/dev/null || true
  systemd-run -q --unit=names-$1 dnsmasq --keep-in-foreground --conf-file=/dev/null --bind-interfaces \
    --listen-address=127.0.0.$1 --no-resolv --no-hosts --address=/shop.example/$2 --local-ttl=600
  for _ in $(seq 50); do [ "$(dig +short +tries=1 +time=1 @127.0.0.$1 shop.example)" = $2 ] && break; sleep 0.1; done
}
"#;
const STALE: &str = "192.0.2.66";
const RIGHT: &str = "192.0.2.7";

/// Who owns the names, whether something there remembers them, and shell that makes it so.
const OWNERS: &[(&str, bool, &str)] = &[
    (
        "the file, nscd and unbound",
        true,
        r"rm -f /etc/resolv.conf; echo 'nameserver 127.0.0.1' >/etc/resolv.conf
        rm -f /etc/unbound/unbound.conf.d/root-auto-trust-anchor-file.conf
        printf 'server:\n do-not-query-localhost: no\n module-config: iterator\nforward-zone:\n name: .\n forward-addr: 127.0.0.61\n' \
          >/etc/unbound/unbound.conf.d/names.conf
        systemctl start nscd unbound",
    ),
    (
        "the file and dnsmasq",
        true,
        r"systemctl stop nscd unbound
        printf 'listen-address=127.0.0.1\nbind-interfaces\nno-resolv\nserver=127.0.0.61\n' >/etc/dnsmasq.d/names.conf
        systemctl start dnsmasq",
    ),
    (
        "systemd-resolved",
        true,
        "systemctl stop dnsmasq
         # it keeps nothing of a server on its own machine, unless it is told to
         printf '[Resolve]\nDNS=127.0.0.61\nCacheFromLocalhost=yes\n' >/etc/systemd/resolved.conf
         ln -sf ../run/systemd/resolve/stub-resolv.conf /etc/resolv.conf
         systemctl unmask -q systemd-resolved; systemctl start systemd-resolved",
    ),
    (
        "NetworkManager",
        false,
        r"systemctl stop systemd-resolved; systemctl mask -q systemd-resolved; rm /etc/resolv.conf
        printf '[main]\ndns=default\nrc-manager=file\n' >/etc/NetworkManager/conf.d/names.conf
        printf '[connection]\nid=wired\ntype=ethernet\ninterface-name=eth0\n[ipv4]\nmethod=manual\naddress1=192.0.2.10/24,192.0.2.1\ndns=127.0.0.61;\n[ipv6]\nmethod=disabled\n' \
          >/etc/NetworkManager/system-connections/wired.nmconnection
        chmod 600 /etc/NetworkManager/system-connections/wired.nmconnection
        systemctl start NetworkManager
        for _ in $(seq 100); do nmcli connection reload 2>/dev/null && break; sleep 0.1; done
        nmcli connection up wired >/dev/null
        for _ in $(seq 100); do grep -qs 127.0.0.61 /etc/resolv.conf && break; sleep 0.1; done",
    ),
    (
        "NetworkManager with dnsmasq",
        true,
        // to a connection's own servers it goes by that interface only, which leads to none on this machine
        r"printf '[main]\ndns=dnsmasq\nrc-manager=file\n[global-dns-domain-*]\nservers=127.0.0.61\n' >/etc/NetworkManager/conf.d/names.conf
        systemctl restart NetworkManager
        for _ in $(seq 100); do grep -qs 127.0.0.1 /etc/resolv.conf && break; sleep 0.1; done
        for _ in $(seq 100); do dig +short +tries=1 +time=1 @127.0.0.1 shop.example | grep -q . && break; sleep 0.1; done",
    ),
    (
        "resolvconf",
        false,
        r"systemctl stop NetworkManager; rm -f /etc/resolv.conf; : >/etc/resolv.conf
        export DEBIAN_FRONTEND=noninteractive
        { dpkg --purge systemd-resolved && dpkg -i /var/cache/apt/archives/resolvconf_*.deb; } >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; false; }
        ln -sf ../run/resolvconf/resolv.conf /etc/resolv.conf
        # its hook of unbound fails where that does not run
        echo 'nameserver 127.0.0.61' | resolvconf -a eth0.lab || true
        for _ in $(seq 100); do grep -qs 127.0.0.61 /etc/resolv.conf && break; sleep 0.1; done",
    ),
    (
        "openresolv",
        false,
        r"export DEBIAN_FRONTEND=noninteractive
        { dpkg --purge resolvconf && rm -f /etc/resolv.conf && : >/etc/resolv.conf && dpkg -i /var/cache/apt/archives/openresolv_*.deb; } >/tmp/dpkg 2>&1 || { cat /tmp/dpkg; false; }
        echo 'nameserver 127.0.0.61' | resolvconf -a eth0.lab || true
        for _ in $(seq 100); do grep -qs 127.0.0.61 /etc/resolv.conf && break; sleep 0.1; done",
    ),
];

fn tell(host: &mut Host) -> Result<()> {
    host.sh(&format!("{SERVE}serve 61 {STALE}; serve 62 {RIGHT}"))
        .context("two name servers")?;
    host.sh(SITE).context("the site")?;
    for (nth, (owner, remembers, set_up)) in OWNERS.iter().enumerate() {
        host.sh(set_up).context(*owner)?;
        if nth == 0 {
            blamed(host, STALE_ANSWER).context("check of the stale answer")?;
        }
        by_owner(host).context(*owner)?;
        if *remembers {
            forgets(host).with_context(|| format!("{owner}: only flush"))?;
        }
    }
    pinned(host).context("a line in /etc/hosts")
}

/// The page is at the right address alone.
const SITE: &str = r"
ip address add 192.0.2.7/32 dev lo; ip address add 192.0.2.66/32 dev lo
printf 'server { listen 192.0.2.7:80; server_name shop.example; return 200 hi; }\n' >/etc/nginx/sites-enabled/default
systemctl start nginx
";

/// What the visitor is told, who has another name server to compare with.
fn blamed(host: &Host, shown: Shown) -> Result<()> {
    let args = ["check", "http://shop.example/", "--resolver", "127.0.0.62"];
    let said = why502(host, &args, 1)?;
    shown.keep(&format!("why502 {}", args.join(" ")), &said)
}

fn by_owner(host: &Host) -> Result<()> {
    finds(host, STALE)?;
    let before = repair::state(host)?;
    let to_right = ["client", "dns", "shop.example", "--server", "127.0.0.62"];
    why502(host, &[&to_right[..], &["--plan"]].concat(), 1)?;
    let nobody = why502(
        host,
        &["client", "dns", "shop.example", "--server", "127.0.0.63", "--yes"],
        1,
    )?;
    ensure!(nobody.contains("knows no address of shop.example"), "{nobody}");
    repair::unchanged(host, &before, "a plan and a server that does not answer")?;
    finds(host, STALE)?;
    why502(host, &[&to_right[..], &["--yes"]].concat(), 0)?;
    finds(host, RIGHT).context("after client dns")?;
    why502(host, &["undo", "--yes"], 0)?;
    finds(host, STALE).context("after undo")?;
    repair::unchanged(host, &before, "the undo")
}

/// The name server changes its mind, and what remembers its old answer goes on giving it.
fn forgets(host: &Host) -> Result<()> {
    let before = repair::state(host)?;
    for (now, old) in [(RIGHT, STALE), (STALE, RIGHT)] {
        finds(host, old)?;
        host.sh(&format!("{SERVE}serve 61 {now}"))?;
        finds(host, old).context("from memory")?;
        why502(host, &["client", "dns", "shop.example", "--plan"], 1)?;
        finds(host, old).context("after a plan")?;
        why502(host, &["client", "dns", "shop.example", "--yes"], 0)?;
        finds(host, now).context("after client dns")?;
    }
    repair::unchanged(host, &before, "a flush")
}

/// What no name server can change is said, and nothing is done.
fn pinned(host: &Host) -> Result<()> {
    host.sh("echo '192.0.2.66 shop.example' >>/etc/hosts")?;
    blamed(host, PINNED).context("check of the pinned address")?;
    let before = repair::state(host)?;
    let said = why502(
        host,
        &["client", "dns", "shop.example", "--server", "127.0.0.62", "--yes"],
        1,
    )?;
    ensure!(said.contains("/etc/hosts line"), "{said}");
    repair::unchanged(host, &before, "a refusal")
}

fn finds(host: &Host, address: &str) -> Result<()> {
    let found = host.sh("getent ahostsv4 shop.example | awk '{ print $1; exit }'")?;
    ensure!(
        found.trim() == address,
        "shop.example is {}, not {address}",
        found.trim()
    );
    Ok(())
}
