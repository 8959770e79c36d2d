//! What a step is to a person: the command it equals, whom it disturbs, whether it can be taken back.

use crate::{Access, FlowRule, Step, Test, Undo};
use diagnose::evidence::quote;
use std::path::Path;

impl Step {
    /// The commands that do the same by hand. Of a file's new content they only say where it goes; see [`put_back`].
    pub fn commands(&self) -> Vec<String> {
        let systemctl = |verb: &str, unit: &str| vec![format!("systemctl {verb} {}", quote(unit))];
        match self {
            Self::Test { test } => vec![test.command()],
            Self::Write { path, to: None, .. } => vec![format!("rm -- {}", name(path))],
            Self::Write {
                path, to: Some(to), ..
            } => vec![install(Path::new("/dev/stdin"), to.access, path)],
            Self::SetAccess { path, to, .. } => access(path, *to),
            Self::DaemonReload => vec!["systemctl daemon-reload".to_owned()],
            Self::Start { unit, .. } => systemctl("start", unit),
            Self::Stop { unit, .. } => systemctl("stop", unit),
            Self::Restart { unit, .. } => systemctl("restart", unit),
            Self::Reload { unit: Some(unit), .. } => systemctl("reload", unit),
            Self::Reload { unit: None, master } => vec![format!("kill -HUP {}", master.pid)],
            Self::SetUnitFile { unit, from, to } => unit_file(unit, from, to),
            Self::EndProcesses { processes } => {
                let pids: Vec<String> = processes.iter().map(|it| it.pid.to_string()).collect();
                vec![format!("kill {}", pids.join(" "))]
            }
            Self::AcceptFlow { rule } => rule.accept(),
            Self::RefuseFlow { rule } => rule.refuse(),
            Self::Sysctl { key, to, .. } => vec![format!("sysctl -w {}", quote(&format!("{key}={to}")))],
            Self::FlushNeighbour { address, device } => {
                vec![format!("ip neigh flush to {address} dev {}", quote(device))]
            }
            Self::FlushConntrack { to } => vec![flush_conntrack(to)],
            Self::SetInterface { name, up } => {
                let word = if *up { "up" } else { "down" };
                vec![format!("ip link set {} {word}", quote(name))]
            }
            Self::Reboot => vec!["systemctl reboot".to_owned()],
        }
    }

    /// What live traffic feels of it; `None` is nothing.
    pub fn disturbs(&self) -> Option<String> {
        match self {
            Self::Stop { unit, .. } => Some(format!("{unit} serves nothing any more")),
            Self::Restart { unit, .. } => Some(format!(
                "requests that {unit} serves are cut off, and it is away while it starts"
            )),
            Self::EndProcesses { .. } => Some("requests that these processes serve are cut off".to_owned()),
            Self::RefuseFlow { .. } => Some("new connections of this flow are stopped".to_owned()),
            Self::FlushConntrack { to } => Some(format!("open connections to {to} may break")),
            Self::SetInterface { name, up: false } => {
                Some(format!("everything that goes through {name} is cut off"))
            }
            Self::Reboot => Some("every site of this host is away until it has started again".to_owned()),
            Self::Test { .. }
            | Self::Write { .. }
            | Self::SetAccess { .. }
            | Self::DaemonReload
            | Self::Start { .. }
            | Self::Reload { .. }
            | Self::SetUnitFile { .. }
            | Self::AcceptFlow { .. }
            | Self::Sysctl { .. }
            | Self::FlushNeighbour { .. }
            | Self::SetInterface { up: true, .. } => None,
        }
    }

    /// Nothing of it remains once it was taken back. What a restart or an end of processes cut off is gone for good; what
    /// a flush forgot is learnt again by itself.
    pub fn is_reversible(&self) -> bool {
        match self {
            Self::EndProcesses { .. } | Self::Restart { .. } | Self::Reboot => false,
            Self::Test { .. } | Self::FlushNeighbour { .. } | Self::FlushConntrack { .. } => true,
            _ => self.undo() != Undo::Nothing,
        }
    }

    /// The unit whose service it starts, stops or restarts.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::Start { unit, .. } | Self::Stop { unit, .. } | Self::Restart { unit, .. } => Some(unit),
            Self::Reload { unit, .. } => unit.as_deref(),
            _ => None,
        }
    }

    /// The file or directory it changes.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Write { path, .. } | Self::SetAccess { path, .. } => Some(path),
            _ => None,
        }
    }
}

impl Test {
    /// The command.
    pub fn command(&self) -> String {
        match self {
            Self::Nginx { exe, args } => {
                let args: Vec<String> = args.iter().map(|arg| format!(" {}", quote(arg))).collect();
                format!("{} -t{}", name(exe), args.concat())
            }
            Self::PhpFpm { exe } => format!("{} -t", name(exe)),
            Self::Apache => "apachectl configtest".to_owned(),
            Self::Unit { unit } => format!("systemd-analyze verify {}", quote(unit)),
            Self::Nft { path } => format!("nft -c -f {}", name(path)),
        }
    }
}

impl FlowRule {
    /// Puts it in.
    fn accept(&self) -> Vec<String> {
        match self {
            Self::Nft {
                family,
                table,
                chain,
                before,
                rule,
            } => {
                let place = before.map_or(String::new(), |handle| format!(" position {handle}"));
                vec![format!(
                    "nft insert rule {family} {table} {chain}{place} {}",
                    quote(rule)
                )]
            }
            Self::Iptables {
                program,
                chain,
                before,
                rule,
            } => {
                vec![format!("{program} -I {chain} {before} {}", words(rule))]
            }
            Self::Ufw { rule } => vec![format!("ufw insert 1 {}", words(rule))],
            Self::Firewalld { zone, port } => firewalld(zone, "--add-port", port),
        }
    }

    /// Takes it out.
    fn refuse(&self) -> Vec<String> {
        match self {
            Self::Nft {
                family,
                table,
                chain,
                rule,
                ..
            } => vec![
                format!("nft -a list chain {family} {table} {chain}   # the handle of: {rule}"),
                format!("nft delete rule {family} {table} {chain} handle HANDLE"),
            ],
            Self::Iptables {
                program, chain, rule, ..
            } => vec![format!("{program} -D {chain} {}", words(rule))],
            Self::Ufw { rule } => vec![format!("ufw delete {}", words(rule))],
            Self::Firewalld { zone, port } => firewalld(zone, "--remove-port", port),
        }
    }
}

/// Puts the kept copy of a file back with its mode and owner.
pub(crate) fn install(copy: &Path, access: Access, path: &Path) -> String {
    let Access { mode, uid, gid } = access;
    format!(
        "install -m {mode:04o} -o {uid} -g {gid} {} {}",
        name(copy),
        name(path)
    )
}

fn access(path: &Path, to: Access) -> Vec<String> {
    vec![
        format!("chown {}:{} {}", to.uid, to.gid, name(path)),
        format!("chmod {:04o} {}", to.mode, name(path)),
    ]
}

fn unit_file(unit: &str, from: &str, to: &str) -> Vec<String> {
    let unit = quote(unit);
    let unmask = (from == "masked").then(|| format!("systemctl unmask {unit}"));
    let then = match to {
        "masked" => Some(format!("systemctl mask {unit}")),
        "enabled" => Some(format!("systemctl enable {unit}")),
        _ if from == "enabled" => Some(format!("systemctl disable {unit}")),
        _ => None,
    };
    unmask.into_iter().chain(then).collect()
}

fn firewalld(zone: &str, verb: &str, port: &str) -> Vec<String> {
    let command = format!("--zone={} {verb}={}", quote(zone), quote(port));
    vec![
        format!("firewall-cmd {command}"),
        format!("firewall-cmd --permanent {command}"),
    ]
}

fn flush_conntrack(to: &host::Endpoint) -> String {
    match to.tcp() {
        Some(to) => format!("conntrack -D -d {} -p tcp --dport {}", to.ip(), to.port()),
        None => "true".to_owned(),
    }
}

fn words(rule: &[String]) -> String {
    rule.iter().map(|word| quote(word)).collect::<Vec<_>>().join(" ")
}

fn name(path: &Path) -> String {
    quote(&path.to_string_lossy())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::UnitState;

    fn check(step: &Step, commands: &[&str]) {
        assert_eq!(step.commands(), commands);
    }

    #[test]
    fn each_step_equals_commands() {
        let access = Access {
            mode: 0o640,
            uid: 0,
            gid: 33,
        };
        let path = Path::new("/etc/php/www .conf").to_owned();
        let down = UnitState {
            active: "failed".into(),
            main_pid: None,
        };
        let set = |from: &str, to: &str| Step::SetUnitFile {
            unit: "php8.2-fpm.service".into(),
            from: from.into(),
            to: to.into(),
        };
        let iptables = FlowRule::Iptables {
            program: "iptables".into(),
            chain: "INPUT".into(),
            before: 3,
            rule: ["-p", "tcp", "-j", "ACCEPT"].map(str::to_owned).to_vec(),
        };
        check(
            &Step::SetAccess {
                path,
                from: access,
                to: access,
            },
            &[
                "chown 0:33 '/etc/php/www .conf'",
                "chmod 0640 '/etc/php/www .conf'",
            ],
        );
        check(
            &Step::Start {
                unit: "a.service".into(),
                from: down,
            },
            &["systemctl start a.service"],
        );
        check(
            &set("masked", "enabled"),
            &[
                "systemctl unmask php8.2-fpm.service",
                "systemctl enable php8.2-fpm.service",
            ],
        );
        check(
            &set("enabled", "disabled"),
            &["systemctl disable php8.2-fpm.service"],
        );
        check(
            &Step::AcceptFlow {
                rule: iptables.clone(),
            },
            &["iptables -I INPUT 3 -p tcp -j ACCEPT"],
        );
        check(
            &Step::RefuseFlow { rule: iptables },
            &["iptables -D INPUT -p tcp -j ACCEPT"],
        );
    }
}
