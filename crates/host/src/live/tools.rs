//! The commands of the closed list, spelled out.

use super::{
    refusal::{forbidden, is_root},
    run, trust,
};
use crate::{
    Look, Timestamp, Tool, Unseen,
    answer::Output,
    looks::{journal, unit},
};
use std::{
    net::IpAddr,
    path::{Path, PathBuf},
};

/// The command as a message names it.
pub(super) fn name(tool: &Tool) -> String {
    match tool {
        Tool::NginxDump { exe, .. } => format!("{} -T", exe.display()),
        Tool::NginxVersion { exe } => format!("{} -V", exe.display()),
        Tool::UnitsShow { .. } => "systemctl show".into(),
        Tool::UnitFiles => "systemctl list-unit-files".into(),
        Tool::UnitsLoaded => "systemctl list-units".into(),
        Tool::Journal { .. } => "journalctl".into(),
        Tool::NftRuleset => "nft list ruleset".into(),
        Tool::IptablesSave { v6, legacy } => iptables_save(*v6, *legacy).into(),
        Tool::FpmTest { exe } => format!("{} -t", exe.display()),
        Tool::ApacheTest => "apachectl configtest".into(),
        Tool::RpmHistory => "rpm -qa --last".into(),
        Tool::Getsebool { .. } => "getsebool".into(),
        Tool::SemanagePorts => "semanage port -l".into(),
        Tool::RouteGet { to } => format!("ip route get {to}"),
        Tool::Links => "ip address show".into(),
        Tool::Routes { v6: false } => "ip route show".into(),
        Tool::Routes { v6: true } => "ip -6 route show".into(),
        Tool::Neighbour { of } => format!("ip neigh show to {of}"),
        Tool::Ping { to, bytes } => format!("ping -s {} {to}", payload(*to, *bytes)),
        Tool::Conntrack { to } => format!("conntrack -L -d {to}"),
        Tool::Bans(banner) => {
            let (program, args) = banner.command();
            format!("{program} {}", args.join(" "))
        }
    }
}

/// Runs one of them.
pub(super) fn run(tool: &Tool) -> Look<Output> {
    let what = name(tool);
    match tool {
        Tool::NginxDump { exe, args } => nginx_dump(&what, exe, args),
        Tool::NginxVersion { exe } => test(&what, exe, &["-V"]),
        Tool::UnitsShow { units } => units_show(&what, units),
        Tool::UnitFiles => unit_list(&what, &["list-unit-files"]),
        Tool::UnitsLoaded => unit_list(&what, &["list-units", "--all"]),
        Tool::Journal { units, since, lines } => journal(&what, units, *since, *lines),
        Tool::NftRuleset => data(&what, &["nft"], &["-j", "list", "ruleset"]),
        Tool::IptablesSave { v6, legacy } => iptables(&what, *v6, *legacy),
        Tool::FpmTest { exe } => test(&what, exe, &["-t"]),
        Tool::ApacheTest => apache_test(&what),
        Tool::RpmHistory => data(&what, &["rpm"], &["-qa", "--last"]),
        Tool::Getsebool { names } => {
            let names: Vec<&str> = names.iter().map(String::as_str).collect();
            data(&what, &["getsebool"], &names)
        }
        Tool::SemanagePorts => data(&what, &["semanage"], &["port", "-l"]),
        // that there is no route is an answer
        Tool::RouteGet { to } => run::first_of(&what, &["ip"], &["-j", "route", "get", &to.to_string()]),
        Tool::Links => data(&what, &["ip"], &["-j", "address", "show"]),
        Tool::Routes { v6 } => {
            let family = if *v6 { "-6" } else { "-4" };
            data(&what, &["ip"], &["-j", family, "route", "show", "table", "main"])
        }
        Tool::Neighbour { of } => data(&what, &["ip"], &["-j", "neigh", "show", "to", &of.to_string()]),
        Tool::Ping { to, bytes } => ping(&what, *to, *bytes),
        Tool::Conntrack { to } => conntrack(&what, *to),
        Tool::Bans(banner) => {
            let (program, args) = banner.command();
            // a jail's name is a word, not an option
            if args
                .iter()
                .any(|arg| arg.starts_with('-') && arg != "-o" && arg != "--ip")
            {
                return Err(unusable(&what, "no such jail".to_owned()));
            }
            let args: Vec<&str> = args.iter().map(String::as_str).collect();
            data(&what, &[program], &args)
        }
    }
}

/// That nobody answers is an answer.
fn ping(what: &str, to: IpAddr, bytes: u16) -> Look<Output> {
    let (to, size) = (to.to_string(), payload(to, bytes).to_string());
    let args = [
        "-n", "-q", "-c", "2", "-i", "0.2", "-w", "1", "-M", "do", "-s", &size, &to,
    ];
    run::first_of(what, &["ping"], &args)
}

/// What is left of a packet's bytes for its load, after the headers of IP (20 or 40) and ICMP (8).
fn payload(to: IpAddr, bytes: u16) -> u16 {
    bytes.saturating_sub(if to.is_ipv4() { 28 } else { 48 })
}

/// Without its settings in /proc nothing is tracked; asking would load the module.
fn conntrack(what: &str, to: IpAddr) -> Look<Output> {
    if matches!(
        rustix::fs::stat("/proc/sys/net/netfilter/nf_conntrack_max"),
        Err(rustix::io::Errno::NOENT)
    ) {
        return Ok(Output {
            status: Some(0),
            ..Output::default()
        });
    }
    let family = if to.is_ipv4() { "ipv4" } else { "ipv6" };
    data(what, &["conntrack"], &["-L", "-f", family, "-d", &to.to_string()])
}

/// A config test: a failure is an answer, and a good one. Servers make directories and files and write into their logs
/// even then.
fn test(what: &str, exe: &Path, args: &[&str]) -> Look<Output> {
    trust::check(exe).map_err(|why| unusable(what, why))?;
    refused_or(what, run::inert(what, exe, args)?)
}

/// Without root a test fails on what only root may read, which says nothing about the config.
fn refused_or(what: &str, output: Output) -> Look<Output> {
    if !is_root() && was_refused(&output) {
        Err(forbidden(what))
    } else {
        Ok(output)
    }
}

fn nginx_dump(what: &str, exe: &Path, args: &[String]) -> Look<Output> {
    trust::check_nginx_args(args).map_err(|why| unusable(what, why))?;
    let args: Vec<&str> = args.iter().map(String::as_str).chain(["-T"]).collect();
    test(what, exe, &args)
}

fn apache_test(what: &str) -> Look<Output> {
    let programs = [
        ("apachectl", "configtest"),
        ("apache2ctl", "configtest"),
        ("httpd", "-t"),
    ];
    let found = programs
        .iter()
        .find_map(|(program, arg)| Some((run::find(program)?, arg)));
    match found {
        Some((path, arg)) => test(what, &path, &[arg]),
        None => run::first_of(what, &["apachectl"], &[]),
    }
}

/// A command whose output is the data: without output a failure is no answer.
fn data(what: &str, programs: &[&str], args: &[&str]) -> Look<Output> {
    let output = run::first_of(what, programs, args)?;
    if output.status == Some(0) || !output.stdout.0.is_empty() {
        return Ok(output);
    }
    if was_refused(&output) {
        return Err(forbidden(what));
    }
    match first_line(&output) {
        line if line.is_empty() => Ok(output),
        line => Err(unusable(what, line)),
    }
}

fn was_refused(output: &Output) -> bool {
    const SIGNS: &[&str] = &[
        "ermission denied",
        "peration not permitted",
        "must be root",
        "insufficient permissions",
        "superuser privileges",
    ];
    let stderr = String::from_utf8_lossy(&output.stderr.0);
    output.status != Some(0) && SIGNS.iter().any(|sign| stderr.contains(sign))
}

fn first_line(output: &Output) -> String {
    let stderr = String::from_utf8_lossy(&output.stderr.0);
    stderr
        .lines()
        .find(|line| !line.is_empty())
        .unwrap_or_default()
        .to_owned()
}

fn unusable(what: &str, why: String) -> Unseen {
    let what = what.into();
    Unseen::Unusable { what, why }
}

/// `--timestamp=unix` came with systemd 251; without it times are text, in UTC as `run` sets it.
fn units_show(what: &str, units: &[String]) -> Look<Output> {
    if units.is_empty() {
        // `systemctl show` without a unit shows the manager
        return Ok(Output::default());
    }
    let properties = format!("--property={}", unit::PROPERTIES.join(","));
    let mut args = vec!["show", "--no-pager", &properties, "--timestamp=unix", "--"];
    args.extend(units.iter().map(String::as_str));
    let output = data(what, &["systemctl"], &args);
    if !matches!(&output, Err(Unseen::Unusable { why, .. }) if why.contains("timestamp") || why.contains("unix"))
    {
        return output;
    }
    args.remove(3);
    data(what, &["systemctl"], &args)
}

fn unit_list(what: &str, verb: &[&str]) -> Look<Output> {
    let shape = ["--no-pager", "--no-legend", "--plain", "--type=service,socket"];
    data(what, &["systemctl"], &[verb, &shape].concat())
}

fn journal(what: &str, units: &[String], since: Timestamp, lines: u32) -> Look<Output> {
    let mut args = vec![
        "--output=json".to_owned(),
        // only what is parsed: three times faster
        format!("--output-fields={}", journal::FIELDS.join(",")),
        "--all".into(),
        "--no-pager".into(),
        "--quiet".into(),
        format!("--since=@{}", since.secs()),
        format!("--lines={lines}"),
    ];
    args.extend(units.iter().map(|unit| format!("--unit={unit}")));
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    let output = run::first_of(what, &["journalctl"], &args)?;
    if output.stdout.0.is_empty() {
        // --quiet hides the hint that the system's lines are left out, or that there is no journal
        check_journal(what)?;
    }
    if was_refused(&output) {
        Err(forbidden(what))
    } else {
        Ok(output)
    }
}

/// Why an empty answer may not mean that nothing was written.
fn check_journal(what: &str) -> Look<()> {
    let dirs = ["/var/log/journal", "/run/log/journal"]
        .iter()
        .filter_map(|dir| std::fs::read_dir(dir).ok());
    let files: Vec<PathBuf> = dirs
        .flatten()
        .flatten()
        .map(|machine| machine.path().join("system.journal"))
        .collect();
    let may_read = |file: &PathBuf| rustix::fs::access(file, rustix::fs::Access::READ_OK).is_ok();
    if files.iter().any(may_read) {
        return Ok(());
    }
    if is_root() {
        return Err(unusable(what, "no journal is kept on this host".into()));
    }
    Err(Unseen::Forbidden {
        what: what.into(),
        need: "root, or membership of the group systemd-journal".into(),
    })
}

fn iptables_save(v6: bool, legacy: bool) -> &'static str {
    match (v6, legacy) {
        (false, false) => "iptables-save",
        (false, true) => "iptables-legacy-save",
        (true, false) => "ip6tables-save",
        (true, true) => "ip6tables-legacy-save",
    }
}

/// Without its file in /proc the legacy firewall is not in the kernel; asking would load it.
fn iptables(what: &str, v6: bool, legacy: bool) -> Look<Output> {
    let loaded = if v6 {
        "/proc/net/ip6_tables_names"
    } else {
        "/proc/net/ip_tables_names"
    };
    if legacy && matches!(rustix::fs::stat(loaded), Err(rustix::io::Errno::NOENT)) {
        return Ok(Output {
            status: Some(0),
            ..Output::default()
        });
    }
    data(what, &[iptables_save(v6, legacy)], &["-c"])
}
