//! What a person reads of a step, as facts that text and JSON share: the command it equals or its diff, what live traffic
//! notices, how it is taken back. Texts may quote files: escape before printing.

use crate::{Access, Content, FlowRule, Step, Test, Undo, own_table::OwnTable};
use diagnose::evidence::quote;
use host::Endpoint;
use similar::TextDiff;
use std::path::Path;

/// The exact shell command a step equals; of an edit there is a [`diff`] instead.
pub fn command(step: &Step) -> Option<String> {
    Some(match step {
        Step::Test { test } => test_command(test),
        Step::Write { path, to: None, .. } => format!("rm {}", quoted(path)),
        Step::Write { .. } => return None,
        Step::SetAccess { path, from, to } => access_command(path, *from, *to),
        Step::DaemonReload => "systemctl daemon-reload".to_owned(),
        Step::Start { unit, from } => start_command(unit, &from.active),
        Step::Stop { unit, .. } => systemctl("stop", unit),
        Step::Restart { unit, .. } => systemctl("restart", unit),
        Step::Reload { unit: Some(unit), .. } => systemctl("reload", unit),
        Step::Reload { unit: None, master } => format!("kill -HUP {}", master.pid),
        Step::SetUnitFile { unit, from, to } => unit_file_command(unit, from, to),
        Step::EndProcesses { processes } => {
            let pids: Vec<String> = processes.iter().map(|process| process.pid.to_string()).collect();
            let pids = pids.join(" ");
            format!("kill -TERM {pids}; sleep 10; kill -KILL {pids}")
        }
        Step::QuitNginx { master } => format!("kill -QUIT {}", master.pid),
        Step::SetLinger { user, on, .. } => {
            let verb = if *on { "enable" } else { "disable" };
            format!("loginctl {verb}-linger {}", quote(user))
        }
        Step::AcceptFlow { rule } => flow_command(rule, true),
        Step::RefuseFlow { rule } => flow_command(rule, false),
        Step::Sysctl { key, to, .. } => format!("sysctl -w {}", quote(&format!("{key}={to}"))),
        Step::SelinuxBoolean { name, on } => format!("setsebool -P {} {}", quote(name), word(*on)),
        Step::SelinuxPort {
            port, to: Some(to), ..
        } => {
            format!("semanage port -a -t {} -p tcp {port}", quote(to))
        }
        Step::SelinuxPort { port, to: None, .. } => format!("semanage port -d -p tcp {port}"),
        Step::TakeOut { .. } | Step::PutBack { .. } => return None,
        Step::DropCache { dir, .. } => format!("rm -r -f {}", quoted(dir)),
        Step::Reclaim { of, .. } => {
            let (program, args) = of.command();
            line(program, args)
        }
        Step::Reboot => "systemctl reboot".to_owned(),
        Step::FlushNames { .. }
        | Step::RebuildResolvConf
        | Step::ResetInterface { .. }
        | Step::RestoreInterface { .. }
        | Step::SetRoute { .. }
        | Step::FlushRoutes
        | Step::FlushNeighbour { .. }
        | Step::FlushConntrack { .. }
        | Step::SetInterface { .. } => return network_command(step),
    })
}

/// Of names and ways; `None` for every other step.
fn network_command(step: &Step) -> Option<String> {
    Some(match step {
        Step::FlushNames { cache } => {
            let (program, args) = cache.command();
            line(program, args)
        }
        Step::RebuildResolvConf => "resolvconf -u".to_owned(),
        Step::ResetInterface { name, by, .. } => {
            let commands = by.commands(name);
            let commands: Vec<String> = commands
                .iter()
                .map(|(program, args)| line(program, args))
                .collect();
            commands.join("; ")
        }
        Step::RestoreInterface { name, found, .. } => {
            let commands: Vec<String> = found.commands(name).iter().map(|args| line("ip", args)).collect();
            commands.join("; ")
        }
        Step::SetRoute { device, from, to } => {
            let set = to.as_ref().map(|it| it.set(device));
            let args = set.or_else(|| from.as_ref().map(|it| it.remove(device)));
            line("ip", &args.unwrap_or_default())
        }
        Step::FlushRoutes => "ip route flush cache; ip -6 route flush cache".to_owned(),
        Step::FlushNeighbour { address, device } => {
            format!("ip neigh flush to {address} dev {}", quote(device))
        }
        Step::FlushConntrack { to, udp } => conntrack_command(to, *udp),
        Step::SetInterface { name, up } => {
            format!("ip link set {} {}", quote(name), if *up { "up" } else { "down" })
        }
        _ => return None,
    })
}

fn line(program: &str, args: &[impl AsRef<str>]) -> String {
    let words = args.iter().map(|arg| quote(arg.as_ref()));
    std::iter::once(program.to_owned())
        .chain(words)
        .collect::<Vec<_>>()
        .join(" ")
}

fn word(on: bool) -> &'static str {
    if on { "on" } else { "off" }
}

/// The unified diff of an edit, three lines around each change; `None` for every other step. Bytes that are not UTF-8
/// are shown as `U+FFFD`; a line end `\r` stays in the text.
pub fn diff(step: &Step) -> Option<String> {
    let Step::Write { path, from, to } = step else {
        return None;
    };
    let text = |content: &Option<Content>| {
        let bytes = content.as_ref().map_or(&[][..], |content| &content.bytes);
        String::from_utf8_lossy(bytes).into_owned()
    };
    let name = |content: &Option<Content>| match content {
        Some(_) => path.display().to_string(),
        None => "/dev/null".to_owned(),
    };
    let (old, new) = (text(from), text(to));
    let diff = TextDiff::from_lines(&old, &new);
    Some(
        diff.unified_diff()
            .context_radius(3)
            .header(&name(from), &name(to))
            .to_string(),
    )
}

/// What live traffic notices; `None` where it notices nothing.
pub fn disturbs(step: &Step) -> Option<String> {
    Some(match step {
        Step::Stop { unit, .. } => format!("{unit} stops: it serves nobody until it is started again"),
        Step::Restart { unit, .. } => format!(
            "{unit} restarts: requests it serves now are cut off, new ones fail until it listens again"
        ),
        // process_control_timeout is 0 unless somebody set it, and then SIGUSR2 ends busy children at once
        Step::Reload { unit: Some(unit), .. } if unit.contains("php") && unit.contains("fpm") => {
            format!(
                "{unit} reads its config again: requests it serves now are cut off, where php-fpm's process_control_timeout is not set"
            )
        }
        Step::EndProcesses { processes } => {
            let count = processes.len();
            format!(
                "{count} {} end: what they serve now is cut off",
                plural(count, "process", "processes")
            )
        }
        Step::RefuseFlow { rule } => match rule.banned() {
            Some(addresses) => format!("whoever comes from {addresses} is refused from now on"),
            None => "connections of this flow are refused from now on".to_owned(),
        },
        Step::FlushConntrack { to, .. } => format!("connections to {to} that are open now may break"),
        Step::SetLinger { user, on: false, .. } => {
            format!("all services of {user} end once nobody is logged in as {user}")
        }
        Step::ResetInterface { name, .. } => {
            format!("connections by way of {name} pause or break while it is set up")
        }
        Step::SetInterface { name, up: false } => format!("all connections by way of {name} break"),
        Step::Reboot => "the whole host is away until it has booted".to_owned(),
        _ => return None,
    })
}

/// How a step is taken back, in one line.
pub fn undone_by(step: &Step) -> String {
    match (step, step.undo()) {
        (Step::DropCache { dir, .. }, _) => format!("{} and what nginx keeps in it go", dir.display()),
        (Step::TakeOut { .. }, _) => "it is put back from where it is kept".to_owned(),
        (Step::ResetInterface { .. }, _) => "it gets back the addresses and routes that it had".to_owned(),
        (Step::Write { from: Some(_), .. }, _) => "the file gets back the bytes it had".to_owned(),
        (_, Undo::By(back)) => command(&back).unwrap_or_else(|| "the file is put back".to_owned()),
        (_, Undo::Again) => "done again once all before it is as it was".to_owned(),
        (Step::Test { .. }, Undo::Nothing) => "changes nothing".to_owned(),
        (Step::FlushRoutes | Step::FlushNeighbour { .. } | Step::FlushConntrack { .. }, Undo::Nothing) => {
            "needs none: the kernel learns it anew".to_owned()
        }
        (_, Undo::Nothing) => "can't be taken back".to_owned(),
    }
}

fn plural<'w>(count: usize, one: &'w str, many: &'w str) -> &'w str {
    if count == 1 { one } else { many }
}

fn quoted(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

fn words(words: &[String]) -> String {
    words.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn systemctl(verb: &str, unit: &str) -> String {
    format!("systemctl {verb} {}", quote(unit))
}

/// A unit that failed too often is not started again before its failures are forgotten.
fn start_command(unit: &str, active: &str) -> String {
    let start = systemctl("start", unit);
    match active {
        "failed" => format!("{}; {start}", systemctl("reset-failed", unit)),
        _ => start,
    }
}

fn test_command(test: &Test) -> String {
    match test {
        Test::Nginx { exe, args } if args.is_empty() => format!("{} -t", quoted(exe)),
        Test::Nginx { exe, args } => format!("{} -t {}", quoted(exe), words(args)),
        Test::PhpFpm { exe } => format!("{} -t", quoted(exe)),
        Test::Apache => "apachectl configtest".to_owned(),
        Test::Unit { unit } => format!("systemd-analyze verify {}", quote(unit)),
        Test::Nft { path } => format!("nft -c -f {}", quoted(path)),
    }
}

fn access_command(path: &Path, from: Access, to: Access) -> String {
    let path = quoted(path);
    let mut commands = Vec::new();
    if (from.uid, from.gid) != (to.uid, to.gid) {
        commands.push(format!("chown {}:{} {path}", to.uid, to.gid));
    }
    if from.mode != to.mode {
        commands.push(format!("chmod {:04o} {path}", to.mode));
    }
    commands.join(" && ")
}

fn unit_file_command(unit: &str, from: &str, to: &str) -> String {
    let runtime = if to.ends_with("-runtime") {
        " --runtime"
    } else {
        ""
    };
    let verb = match to.trim_end_matches("-runtime") {
        "masked" => "mask",
        _ if from.starts_with("masked") => "unmask",
        "enabled" => "enable",
        _ => "disable",
    };
    systemctl(&format!("{verb}{runtime}"), unit)
}

fn flow_command(rule: &FlowRule, accept: bool) -> String {
    match rule {
        FlowRule::Nft {
            family,
            table,
            chain,
            before,
            rule,
        } => {
            let chain = format!("{family} {} {}", quote(table), quote(chain));
            match (accept, before) {
                (true, Some(handle)) => format!("nft insert rule {chain} position {handle} {}", quote(rule)),
                (true, None) => format!("nft insert rule {chain} {}", quote(rule)),
                (false, _) => format!("nft delete rule {chain} handle HANDLE  # of {}", quote(rule)),
            }
        }
        FlowRule::Iptables {
            program,
            chain,
            before,
            rule,
        } => {
            let (program, chain, rule) = (quote(program), quote(chain), words(rule));
            match accept {
                true => format!("{program} -I {chain} {before} {rule}"),
                false => format!("{program} -D {chain} {rule}"),
            }
        }
        FlowRule::Ufw { rule } if accept => format!("ufw prepend {}", words(rule)),
        FlowRule::Ufw { rule } => format!("ufw --force delete {}", words(rule)),
        FlowRule::Fail2ban { .. } | FlowRule::Crowdsec { .. } | FlowRule::Own { .. } => {
            ban_command(rule, accept)
        }
        FlowRule::Firewalld { zone, port } => {
            let verb = if accept { "add" } else { "remove" };
            format!(
                "firewall-cmd --zone={} --{verb}-port={}",
                quote(zone),
                quote(port)
            )
        }
        FlowRule::FirewalldPolicy { policy, rule } => {
            let verb = if accept { "add" } else { "remove" };
            let rule = quote(rule);
            format!(
                "firewall-cmd --policy={} --{verb}-rich-rule={rule}",
                quote(policy)
            )
        }
    }
}

/// Of our own table as it is without any ban; with others only the elements come and go.
fn ban_command(rule: &FlowRule, accept: bool) -> String {
    match rule {
        FlowRule::Fail2ban { jail, address } => {
            let verb = if accept { "unbanip" } else { "banip" };
            format!("fail2ban-client set {} {verb} {address}", quote(jail))
        }
        FlowRule::Crowdsec { address, .. } if accept => format!("cscli decisions delete --ip {address}"),
        FlowRule::Crowdsec { address, minutes } => {
            let (duration, reason) = FlowRule::decision(*minutes);
            let reason = quote(reason);
            format!("cscli decisions add --ip {address} --duration {duration} --reason {reason}")
        }
        FlowRule::Own {
            addresses,
            ports,
            minutes,
        } => {
            let script = match accept {
                true => OwnTable::taken_out(addresses, ports),
                false => OwnTable::refuse(None, addresses, ports, *minutes),
            };
            format!("nft {}", quote(&script))
        }
        _ => "true".to_owned(),
    }
}

fn conntrack_command(to: &Endpoint, udp: bool) -> String {
    let protocol = if udp { "udp" } else { "tcp" };
    match to {
        Endpoint::Tcp(addr) => format!(
            "conntrack -D -d {} -p {protocol} --dport {}",
            addr.ip(),
            addr.port()
        ),
        Endpoint::Unix(_) => "true".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProcessId, UnitState};

    fn unit_state(active: &str) -> UnitState {
        UnitState {
            active: active.into(),
            main_pid: None,
        }
    }

    fn write(from: Option<&str>, to: Option<&str>) -> Step {
        let content = |text: &str| Content {
            bytes: text.into(),
            access: access(0o644, 0),
            attributes: Default::default(),
        };
        Step::Write {
            path: "/etc/a b".into(),
            from: from.map(content),
            to: to.map(content),
        }
    }

    fn access(mode: u32, gid: u32) -> Access {
        Access { mode, uid: 0, gid }
    }

    fn unit_file(from: &str, to: &str) -> Step {
        let (unit, from, to) = ("a.service".into(), from.into(), to.into());
        Step::SetUnitFile { unit, from, to }
    }

    fn start(active: &str) -> Step {
        let (unit, from) = ("a.service".into(), unit_state(active));
        Step::Start { unit, from }
    }

    #[test]
    fn each_step_equals_a_command() {
        let (exe, args) = ("/usr/sbin/nginx".into(), vec!["-g".into(), "daemon on;".into()]);
        let test = Step::Test {
            test: Test::Nginx { exe, args },
        };
        let hang_up = Step::Reload {
            unit: None,
            master: ProcessId { pid: 7, started: 1 },
        };
        let (path, from, to) = ("/run/a".into(), access(0o600, 0), access(0o660, 33));
        let rows = [
            (start("inactive"), "systemctl start a.service"),
            (
                start("failed"),
                "systemctl reset-failed a.service; systemctl start a.service",
            ),
            (hang_up, "kill -HUP 7"),
            (
                unit_file("masked-runtime", "disabled"),
                "systemctl unmask a.service",
            ),
            (
                unit_file("enabled", "enabled-runtime"),
                "systemctl enable --runtime a.service",
            ),
            (
                Step::SetAccess { path, from, to },
                "chown 0:33 /run/a && chmod 0660 /run/a",
            ),
            (test, "/usr/sbin/nginx -t -g 'daemon on;'"),
            (write(Some("x"), None), "rm '/etc/a b'"),
        ];
        for (step, expected) in rows {
            assert_eq!(command(&step).as_deref(), Some(expected));
        }
    }

    #[test]
    fn a_rule_is_put_before_the_one_that_stops_the_flow() {
        let rule = FlowRule::Nft {
            family: "inet".into(),
            table: "filter".into(),
            chain: "output".into(),
            before: Some(7),
            rule: "tcp dport 80 accept".into(),
        };
        let expected = "nft insert rule inet filter output position 7 'tcp dport 80 accept'";
        assert_eq!(command(&Step::AcceptFlow { rule }).as_deref(), Some(expected));
    }

    #[test]
    fn an_edit_is_a_diff() {
        let step = write(Some("a\nb\nc\nd\ne\nf\ng\nh\n"), Some("a\nb\nc\nd\nE\nf\ng\nh\n"));
        let expected = "--- /etc/a b\n+++ /etc/a b\n@@ -2,7 +2,7 @@\n b\n c\n d\n-e\n+E\n f\n g\n h\n";
        assert_eq!(diff(&step).as_deref(), Some(expected));
        assert_eq!(command(&step), None);
        let new = write(None, Some("x\n"));
        assert_eq!(
            diff(&new).as_deref(),
            Some("--- /dev/null\n+++ /etc/a b\n@@ -0,0 +1 @@\n+x\n")
        );
        assert_eq!(
            (undone_by(&new).as_str(), disturbs(&new)),
            ("rm '/etc/a b'", None)
        );
    }

    #[test]
    fn what_is_noticed_and_what_can_not_be_taken_back() {
        let restart = Step::Restart {
            unit: "php8.2-fpm.service".into(),
            from: unit_state("active"),
            forensics: Vec::new(),
            pools: Vec::new(),
        };
        assert!(disturbs(&restart).is_some_and(|it| it.starts_with("php8.2-fpm.service restarts")));
        assert_eq!(undone_by(&Step::Reboot), "can't be taken back");
        assert_eq!(
            undone_by(&Step::SetInterface {
                name: "eth0".into(),
                up: true
            }),
            "ip link set eth0 down"
        );
    }
}
