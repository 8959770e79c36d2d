//! This machine, as far as it stands between a browser and a site. No packet is sent for it.

use super::super::{case::Machine, place::Place};
use host::{Host, Looks, looks::certificate, visit::ProxySetting};
use std::{
    net::{IpAddr, SocketAddr},
    path::Path,
};

/// Addresses that nobody has (RFC 5737, RFC 3849): the way to them is the way out.
const OUTSIDE: [&str; 2] = ["198.51.100.1", "2001:db8::1"];

pub(super) fn look(host: &dyn Host, place: &Place) -> Machine {
    let way = |address: &str| {
        let outside = address.parse().unwrap_or(IpAddr::from([198, 51, 100, 1]));
        host.route_to(outside)
    };
    let proxies = host.proxies().unwrap_or_default();
    let proxy = applies(&proxies, place).cloned();
    Machine {
        ways_out: OUTSIDE.map(way),
        links: host.links(),
        hosts_file: hosts_file(host, &place.host),
        proxy: proxy.map(|proxy| {
            let addresses = addresses_of(host, &proxy);
            (proxy, addresses)
        }),
        proxies,
    }
}

/// The first bundle of certificates that this system has.
pub(super) fn roots(host: &dyn Host) -> Option<Vec<u8>> {
    let file = |path: &&str| host.file(Path::new(path)).ok().flatten();
    certificate::ROOTS.iter().find_map(file)
}

fn hosts_file(host: &dyn Host, name: &str) -> Vec<(u32, IpAddr)> {
    let file = host
        .file(Path::new("/etc/hosts"))
        .ok()
        .flatten()
        .unwrap_or_default();
    let text = String::from_utf8_lossy(&file);
    let lines = (1u32..).zip(text.lines());
    let entry = |(number, line): (u32, &str)| {
        let mut words = line.split('#').next()?.split_whitespace();
        let address = words.next()?.parse().ok()?;
        words
            .any(|it| it.eq_ignore_ascii_case(name))
            .then_some((number, address))
    };
    lines.filter_map(entry).take(10).collect()
}

/// The proxy for this page, as curl and most programs read the environment.
fn applies<'a>(proxies: &'a [ProxySetting], place: &Place) -> Option<&'a ProxySetting> {
    let named = |name: &str| proxies.iter().find(|it| it.name.eq_ignore_ascii_case(name));
    let exempt = named("no_proxy").is_some_and(|it| is_exempt(&it.value, &place.host));
    let scheme = if place.tls { "https_proxy" } else { "http_proxy" };
    named(scheme)
        .or_else(|| named("all_proxy"))
        .filter(|it| !exempt && !it.value.is_empty())
}

fn is_exempt(list: &str, host: &str) -> bool {
    list.split(',').map(str::trim).any(|it| {
        let bare = it.trim_start_matches('*').trim_start_matches('.');
        it == "*"
            || (!bare.is_empty() && (host.eq_ignore_ascii_case(bare) || host.ends_with(&format!(".{bare}"))))
    })
}

/// Only of proxies that speak HTTP: a SOCKS one is told, and not asked.
fn addresses_of(host: &dyn Host, proxy: &ProxySetting) -> host::Look<Vec<SocketAddr>> {
    if proxy.value.to_ascii_lowercase().starts_with("socks") {
        return Err(host::Unseen::Unusable {
            what: format!("the proxy of {}", proxy.name),
            why: "it speaks SOCKS, which is not asked here".into(),
        });
    }
    let text = match proxy.value.contains("://") {
        true => proxy.value.clone(),
        false => format!("http://{}", proxy.value),
    };
    let place = Place::parse(&text).map_err(|why| host::Unseen::Unusable {
        what: format!("the proxy of {}", proxy.name),
        why,
    })?;
    let addresses = match place.address() {
        Some(address) => vec![address],
        None => host.system_name(&place.host)?,
    };
    Ok(addresses
        .into_iter()
        .map(|ip| SocketAddr::new(ip, place.port))
        .collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_proxy_applies_unless_the_host_is_exempt() {
        let setting = |name: &str, value: &str| ProxySetting {
            name: name.into(),
            value: value.into(),
        };
        let place = Place::parse("https://www.shop.example/").expect("is one");
        for (settings, applies_) in [
            (vec![setting("https_proxy", "http://p:3128")], true),
            (vec![setting("http_proxy", "http://p:3128")], false),
            (vec![setting("ALL_PROXY", "http://p:3128")], true),
            (
                vec![
                    setting("https_proxy", "http://p:3128"),
                    setting("no_proxy", "localhost,.shop.example"),
                ],
                false,
            ),
            (
                vec![
                    setting("https_proxy", "http://p:3128"),
                    setting("no_proxy", "p.example"),
                ],
                true,
            ),
            (
                vec![setting("https_proxy", "http://p:3128"), setting("no_proxy", "*")],
                false,
            ),
            (vec![setting("https_proxy", "")], false),
        ] {
            assert_eq!(applies(&settings, &place).is_some(), applies_, "{settings:?}");
        }
    }
}
