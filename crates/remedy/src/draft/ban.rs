//! Addresses refused for a while: by the program that bans on this host already, which then goes on to own its bans, and
//! where there is none by a set of nftables of our own.

use super::{CannotDraft, desk::Desk};
use crate::{FlowRule, Step, own_table::OwnTable};
use diagnose::traffic::proxies;
use host::{Banner, Look, Looks, Tool, looks::bans};
use std::{net::IpAddr, time::Duration};

/// Jails looked at.
const JAILS: usize = 20;
/// A ban that a jail lifts by itself lasts so many seconds at most: longer ones are for its own offenders.
const LONGEST: u64 = 24 * 3600;
/// A bouncer asks for decisions every few seconds.
const PULLS: Duration = Duration::from_secs(300);

/// Who bans here.
enum By {
    Jail { name: String, seconds: u64 },
    Crowdsec,
    Ours(Option<OwnTable>),
}

/// Refuses each of them that is not refused already.
pub(super) fn set(
    desk: &mut Desk,
    addresses: &[IpAddr],
    ports: &[u16],
    minutes: u32,
) -> Result<(), CannotDraft> {
    let by = who_bans(desk, addresses, ports)?;
    let (there, new): (Vec<IpAddr>, Vec<IpAddr>) = addresses
        .iter()
        .partition(|address| is_refused(desk, &by, **address, ports));
    for address in there {
        desk.note(format!("{address} is refused already"));
    }
    for rule in rules(&by, new, ports, minutes) {
        desk.push(Step::RefuseFlow { rule });
    }
    desk.note(match &by {
        By::Jail { name, seconds } => format!(
            "fail2ban bans here, so its jail {name} does it; it lifts each ban by itself {} later",
            span(*seconds)
        ),
        By::Crowdsec => format!(
            "CrowdSec bans here, so it does it, for {minutes} minutes and on all ports; its bouncer takes some seconds to hear of it"
        ),
        By::Ours(_) => format!(
            "the kernel lifts it by itself {minutes} minutes later; the table inet why502 is of its own, no other is touched: nft list table inet why502"
        ),
    });
    desk.note("whoever shares one of these addresses is refused as well, all others notice nothing");
    Ok(())
}

fn rules(by: &By, addresses: Vec<IpAddr>, ports: &[u16], minutes: u32) -> Vec<FlowRule> {
    match by {
        _ if addresses.is_empty() => Vec::new(),
        By::Ours(_) => vec![FlowRule::Own {
            addresses,
            ports: ports.to_vec(),
            minutes,
        }],
        By::Jail { name, .. } => {
            let ban = |address| FlowRule::Fail2ban {
                jail: name.clone(),
                address,
            };
            addresses.into_iter().map(ban).collect()
        }
        By::Crowdsec => {
            let ban = |address| FlowRule::Crowdsec {
                address,
                minutes: Some(minutes),
            };
            addresses.into_iter().map(ban).collect()
        }
    }
}

fn who_bans(desk: &mut Desk, addresses: &[IpAddr], ports: &[u16]) -> Result<By, CannotDraft> {
    if runs(desk, "fail2ban.service") {
        match jail(desk, addresses, ports)? {
            Some(jail) => return Ok(jail),
            None => desk.note("no jail of fail2ban bans from these ports for a limited time"),
        }
    }
    if runs(desk, "crowdsec.service") {
        match ask(desk, Banner::Bouncers) {
            Ok(raw) if bans::has_bouncer(&raw, desk.world().now.before(PULLS)) => return Ok(By::Crowdsec),
            _ => desk.note("no firewall bouncer carries out what CrowdSec decides"),
        }
    }
    let listed = desk.host.run(Tool::NftRuleset)?;
    Ok(By::Ours(OwnTable::parse(&listed.stdout.0)))
}

fn runs(desk: &Desk, unit: &str) -> bool {
    desk.unit(unit).is_ok_and(|unit| unit.active_state == "active")
}

/// The first jail that bans from all these ports, and lifts its bans by itself. Whom any jail is told to spare is not
/// banned at all.
fn jail(desk: &Desk, addresses: &[IpAddr], ports: &[u16]) -> Result<Option<By>, CannotDraft> {
    let mut fits = None;
    for jail in bans::jails(&ask(desk, Banner::Jails)?).into_iter().take(JAILS) {
        let ignored = bans::ignored(&ask(desk, Banner::JailIgnores { jail: jail.clone() })?);
        let is_ignored = |it: &&IpAddr| proxies::holds(&ignored, **it);
        if let Some(address) = addresses.iter().find(is_ignored) {
            let why = format!("the jail {jail} of fail2ban is told to let {address} alone (ignoreip)");
            return Err(CannotDraft::new(
                why,
                "ask whoever wrote that; limit the requests in nginx",
            ));
        }
        if fits.is_none() && covers(desk, &jail, ports)? {
            let seconds = ask(desk, Banner::JailTime { jail: jail.clone() })?;
            let seconds = seconds.trim().parse().ok();
            fits = seconds
                .filter(|it| (1..=LONGEST).contains(it))
                .map(|seconds| By::Jail { name: jail, seconds });
        }
    }
    Ok(fits)
}

/// Some action of it bans from every one of them.
fn covers(desk: &Desk, jail: &str, ports: &[u16]) -> Result<bool, CannotDraft> {
    let actions = ask(
        desk,
        Banner::JailActions {
            jail: jail.to_owned(),
        },
    )?;
    let all = bans::actions(&actions).into_iter().any(|action| {
        let jail = jail.to_owned();
        // an action without ports bans from none that we know of
        let theirs = ask(desk, Banner::JailPorts { jail, action }).unwrap_or_default();
        ports.iter().all(|port| bans::covers(theirs.trim(), *port))
    });
    Ok(all)
}

/// Taking back must not lift what was there before.
fn is_refused(desk: &Desk, by: &By, address: IpAddr, ports: &[u16]) -> bool {
    match by {
        By::Jail { name, .. } => {
            let banned = ask(desk, Banner::JailBans { jail: name.clone() });
            banned.is_ok_and(|said| bans::banned(&said).contains(&address))
        }
        By::Crowdsec => {
            ask(desk, Banner::Decisions { ip: address }).is_ok_and(|raw| bans::has_decision(&raw))
        }
        By::Ours(table) => table
            .as_ref()
            .is_some_and(|it| ports.iter().any(|port| it.refuses(address, *port))),
    }
}

fn ask(desk: &Desk, what: Banner) -> Look<String> {
    let output = desk.host.run(Tool::Bans(what))?;
    Ok(String::from_utf8_lossy(&output.stdout.0).into_owned())
}

fn span(seconds: u64) -> String {
    match seconds {
        seconds if seconds % 60 == 0 => format!("{} minutes", seconds / 60),
        seconds => format!("{seconds} seconds"),
    }
}

#[cfg(test)]
mod tests {
    use crate::draft::testing::Machine;
    use diagnose::Measure;
    use host::{Banner, Tool};

    const EMPTY: &str = r#"{"nftables": [{"metainfo": {"version": "1.0.6"}}]}"#;

    fn ban() -> Vec<Measure> {
        vec![Measure::Ban {
            addresses: vec!["203.0.113.9".parse().expect("an address")],
            ports: vec![80, 443],
            minutes: 60,
        }]
    }

    fn jail(name: &str, ports: &str, seconds: &str, ignores: &str, bans: &str) -> Machine {
        let jail = name.to_owned();
        let by = format!("The jail {name} has the following actions:\niptables-multiport\n");
        let action = "iptables-multiport".to_owned();
        Machine::new()
            .says(Tool::NftRuleset, EMPTY)
            .unit(
                "fail2ban.service",
                "active",
                "enabled",
                9,
                "/usr/bin/fail2ban-server",
            )
            .says(
                Tool::Bans(Banner::Jails),
                &format!("Status\n|- Number of jail:\t1\n`- Jail list:\t{name}\n"),
            )
            .says(Tool::Bans(Banner::JailIgnores { jail: jail.clone() }), ignores)
            .says(Tool::Bans(Banner::JailActions { jail: jail.clone() }), &by)
            .says(
                Tool::Bans(Banner::JailPorts {
                    jail: jail.clone(),
                    action,
                }),
                ports,
            )
            .says(Tool::Bans(Banner::JailTime { jail: jail.clone() }), seconds)
            .says(Tool::Bans(Banner::JailBans { jail }), bans)
    }

    fn crowdsec(pulled: &str, decisions: &str) -> Machine {
        let ip = "203.0.113.9".parse().expect("an address");
        let bouncers = format!(
            "name,ip,revoked,last_pull,type,version,auth_type\nfw,127.0.0.1,validated,{pulled},crowdsec-firewall-bouncer,v0.0.25,api-key\n"
        );
        let head = "id,source,ip,reason,action,country,as,events_count,expiration,simulated,alert_id\n";
        Machine::new()
            .says(Tool::NftRuleset, EMPTY)
            .unit("crowdsec.service", "active", "enabled", 9, "/usr/bin/crowdsec")
            .says(Tool::Bans(Banner::Bouncers), &bouncers)
            .says(
                Tool::Bans(Banner::Decisions { ip }),
                &format!("{head}{decisions}"),
            )
    }

    const OURS: &str = "refuse-flow,rule:tool:own,addresses:[203.0.113.9],ports:[80,443],minutes:60";
    const JAIL: &str = "refuse-flow,rule:tool:fail2ban,jail:logins,address:203.0.113.9";
    const NOBODY: &str = "No IP address/network is ignored\n";

    #[test]
    fn a_table_of_our_own_where_nobody_else_bans() {
        let machine = Machine::new().says(Tool::NftRuleset, EMPTY);
        let plan = machine.plan(ban()).expect("a plan");
        assert!(plan.notes[0].contains("60 minutes later"), "{:?}", plan.notes);
        assert_eq!(Machine::new().says(Tool::NftRuleset, EMPTY).steps(ban()), [OURS]);
        // what its undo would lift was there before
        let there = r#"{"nftables": [{"table": {"family": "inet", "name": "why502"}}, {"set": {"family": "inet", "name": "port_80_v4", "table": "why502", "elem": [{"elem": {"val": "203.0.113.9"}}]}}]}"#;
        let steps = Machine::new().says(Tool::NftRuleset, there).steps(ban());
        assert!(steps[0].starts_with("cannot: nothing is left to do"), "{steps:?}");
        let without = Machine::new().steps(ban());
        assert!(without[0].starts_with("cannot: "), "{without:?}");
    }

    #[test]
    fn a_jail_of_fail2ban_for_these_ports() {
        assert_eq!(
            jail("logins", "http,https\n", "600\n", NOBODY, "\n").steps(ban()),
            [JAIL]
        );
        assert_eq!(
            jail("logins", "0:65535\n", "600\n", NOBODY, "203.0.113.7\n").steps(ban()),
            [JAIL]
        );
        for other in [
            jail("sshd", "ssh\n", "600\n", NOBODY, "\n"),
            jail("logins", "http\n", "600\n", NOBODY, "\n"),
            // for ever
            jail("logins", "http,https\n", "-1\n", NOBODY, "\n"),
        ] {
            assert_eq!(other.steps(ban()), [OURS]);
        }
        let banned = jail("logins", "http,https\n", "600\n", NOBODY, "203.0.113.9\n").steps(ban());
        assert!(
            banned[0].starts_with("cannot: nothing is left to do"),
            "{banned:?}"
        );
    }

    #[test]
    fn whom_fail2ban_is_told_to_spare_is_spared() {
        let ignores = "These IP addresses/networks are ignored:\n|- 127.0.0.0/8\n`- 203.0.113.0/24\n";
        let steps = jail("sshd", "ssh\n", "600\n", ignores, "\n").steps(ban());
        assert!(
            steps[0].starts_with("cannot: the jail sshd of fail2ban is told to let 203.0.113.9 alone"),
            "{steps:?}"
        );
    }

    #[test]
    fn crowdsec_where_a_bouncer_hears_of_it() {
        const NOW: &str = "2023-11-14T22:13:00Z";
        let theirs = "refuse-flow,rule:tool:crowdsec,address:203.0.113.9,minutes:60";
        assert_eq!(crowdsec(NOW, "").steps(ban()), [theirs]);
        assert_eq!(crowdsec("2023-11-14T20:13:00Z", "").steps(ban()), [OURS]);
        let decided = crowdsec(NOW, "3,cscli,Ip:203.0.113.9,x,ban,,,1,59m59.4s,false,3\n").steps(ban());
        assert!(
            decided[0].starts_with("cannot: nothing is left to do"),
            "{decided:?}"
        );
    }
}
