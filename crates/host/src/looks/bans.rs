//! What fail2ban 1.0 and CrowdSec 1.4 say of their jails, bouncers and bans.

use crate::Timestamp;
use std::net::IpAddr;

/// Ports by the names that jails give them.
const NAMED: &[(&str, u16)] = &[("http", 80), ("https", 443), ("http-alt", 8080)];

/// The jails that run, of the line `Jail list:`.
pub fn jails(said: &str) -> Vec<String> {
    let list = said.lines().find_map(|line| line.split_once("Jail list:"));
    words(list.map_or("", |(_, names)| names))
}

/// By what a jail bans: the line behind a heading.
pub fn actions(said: &str) -> Vec<String> {
    words(said.lines().nth(1).unwrap_or_default())
}

/// A jail that bans from those ports (`http,https`, `0:65535`) bans from this one.
pub fn covers(ports: &str, port: u16) -> bool {
    words(ports).iter().any(|word| {
        let named = |text: &str| {
            NAMED
                .iter()
                .find(|(name, _)| *name == text)
                .map(|(_, number)| *number)
        };
        let number = |text: &str| text.parse().ok().or_else(|| named(text));
        let (first, last) = word.split_once([':', '-']).unwrap_or((word, word));
        match (number(word), number(first), number(last)) {
            (Some(only), ..) => only == port,
            (None, Some(first), Some(last)) => (first..=last).contains(&port),
            _ => false,
        }
    })
}

/// Networks that a jail never bans, as written: lines with ``|- `` or `` `- `` before each.
pub fn ignored(said: &str) -> Vec<String> {
    let entry = |line: &str| line.trim_start_matches(['|', '`', '-', ' ']).trim().to_owned();
    said.lines()
        .filter(|line| line.starts_with(['|', '`']))
        .map(entry)
        .collect()
}

/// The addresses that a jail bans now.
pub fn banned(said: &str) -> Vec<IpAddr> {
    said.split_whitespace()
        .filter_map(|word| word.parse().ok())
        .collect()
}

/// Some firewall bouncer is let in, and has asked for decisions since then: without one they come to nothing.
pub fn has_bouncer(raw: &str, since: Timestamp) -> bool {
    raw.lines().skip(1).any(|line| {
        let fields: Vec<&str> = line.split(',').collect();
        match fields[..] {
            [_, _, "validated", pulled, kind, ..] => {
                kind.contains("firewall") && moment(pulled).is_some_and(|at| at >= since)
            }
            _ => false,
        }
    })
}

/// Some decision is in force: there is a line behind the heading.
pub fn has_decision(raw: &str) -> bool {
    raw.lines().skip(1).any(|line| !line.trim().is_empty())
}

/// `2026-11-27T20:05:02Z`
fn moment(text: &str) -> Option<Timestamp> {
    let at: jiff::Timestamp = text.parse().ok()?;
    Some(Timestamp::from_secs(at.as_second()))
}

fn words(list: &str) -> Vec<String> {
    let words = list.split([',', ' ', '\t']).filter(|word| !word.is_empty());
    words.map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fail2ban_tells_of_its_jails() {
        let status = "Status\n|- Number of jail:\t2\n`- Jail list:\tall, logins\n";
        assert_eq!(jails(status), ["all", "logins"]);
        assert!(jails("Status\n|- Number of jail:\t0\n`- Jail list:\t\n").is_empty());
        let by = "The jail logins has the following actions:\niptables-multiport, mail\n";
        assert_eq!(actions(by), ["iptables-multiport", "mail"]);
        let never = "These IP addresses/networks are ignored:\n|- 127.0.0.0/8\n`- 198.51.100.0/24\n";
        assert_eq!(ignored(never), ["127.0.0.0/8", "198.51.100.0/24"]);
        assert!(ignored("No IP address/network is ignored\n").is_empty());
        assert_eq!(banned("203.0.113.9 2001:db8::9\n").len(), 2);
        assert!(banned("\n").is_empty());
    }

    #[test]
    fn a_jail_covers_its_ports() {
        for (ports, expected) in [
            ("http,https\n", true),
            ("80", true),
            ("0:65535", true),
            ("ssh", false),
            ("8080", false),
            ("", false),
            ("https", false),
        ] {
            assert_eq!(covers(ports.trim(), 80), expected, "{ports}");
        }
    }

    #[test]
    fn crowdsec_tells_who_carries_it_out() {
        let head = "name,ip,revoked,last_pull,type,version,auth_type\n";
        let at = |text| moment(text).expect("a time");
        let list = |line: &str| format!("{head}{line}\n");
        let fw = "fw,127.0.0.1,validated,2026-11-27T20:05:02Z,crowdsec-firewall-bouncer,v0.0.25,api-key";
        assert!(has_bouncer(&list(fw), at("2026-11-27T20:00:00Z")));
        assert!(!has_bouncer(&list(fw), at("2026-11-27T20:06:00Z")));
        assert!(!has_bouncer(
            &list(&fw.replace("validated", "pending")),
            at("2026-11-27T20:00:00Z")
        ));
        assert!(!has_bouncer(head, at("2026-11-27T20:00:00Z")));
        let head = "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id\n";
        assert!(!has_decision(head));
        assert!(has_decision(&format!(
            "{head}3,cscli,Ip:203.0.113.9,x,ban,,,1,59m59.4s,false,3\n"
        )));
    }
}
