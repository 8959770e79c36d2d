//! What was installed, upgraded and removed, and when: dpkg's log, apt's history, rpm's database.

use crate::{Host, Look, Looks, Timestamp, Tool};
use jiff::{civil::DateTime, tz::TimeZone};
use std::path::Path;

/// One change of one package.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PackageChange {
    /// When.
    pub at: Timestamp,
    /// Name, without the architecture.
    pub package: String,
    /// Version before; `None` if it was not there, or rpm does not say.
    pub from: Option<String>,
    /// Version after; `None` if it was removed.
    pub to: Option<String>,
    /// What happened.
    pub what: PackageAct,
    /// The command that asked for it (`apt-get upgrade`), where apt's history tells.
    pub by: Option<String>,
}

/// Kinds of change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PackageAct {
    /// Came, or (rpm) came anew.
    Installed,
    /// Another version took its place.
    Upgraded,
    /// Went; its config files may have stayed.
    Removed,
}

/// Bytes of a log that are read: thousands of changes.
const TAIL: u64 = 4 << 20;

/// The last changes, oldest first; empty on a host that keeps none of these records.
pub(super) fn look<H: Host + ?Sized>(host: &H) -> Look<Vec<PackageChange>> {
    let zone = host.time_zone().unwrap_or(TimeZone::UTC);
    let log = |path: &str| Ok(host.tail(Path::new(path), TAIL)?.map(|blob| blob.bytes.0));
    let Some(dpkg) = log("/var/log/dpkg.log")? else {
        let output = host.run(Tool::RpmHistory);
        return Ok(output.map(|output| rpm(&output.stdout.0)).unwrap_or_default());
    };
    let rotated = log("/var/log/dpkg.log.1")?.unwrap_or_default();
    let mut changes = parse_dpkg(&[rotated, dpkg].concat(), &zone);
    // only says who asked: does without
    let history = log("/var/log/apt/history.log").ok().flatten().unwrap_or_default();
    name_commands(&mut changes, &parse_apt(&history, &zone));
    Ok(changes)
}

/// `2026-11-22 14:51:30 upgrade libc6:amd64 2.36-9 2.36-10`, in the host's time.
pub(super) fn parse_dpkg(log: &[u8], zone: &TimeZone) -> Vec<PackageChange> {
    String::from_utf8_lossy(log)
        .lines()
        .filter_map(|line| dpkg_line(line, zone))
        .collect()
}

fn dpkg_line(line: &str, zone: &TimeZone) -> Option<PackageChange> {
    let mut words = line.split(' ');
    let at = local(&format!("{} {}", words.next()?, words.next()?), zone)?;
    let what = match words.next()? {
        "install" => PackageAct::Installed,
        "upgrade" => PackageAct::Upgraded,
        "remove" => PackageAct::Removed,
        _ => return None,
    };
    let package = words.next()?.split(':').next()?.to_owned();
    let mut version = || {
        words
            .next()
            .filter(|version| *version != "<none>")
            .map(str::to_owned)
    };
    let (from, to) = (version(), version());
    Some(PackageChange {
        at,
        package,
        from,
        to,
        what,
        by: None,
    })
}

/// A time as the host's logs write it.
fn local(text: &str, zone: &TimeZone) -> Option<Timestamp> {
    let at: DateTime = text.parse().ok()?;
    let at = zone.to_ambiguous_timestamp(at).compatible().ok()?;
    Some(Timestamp(at.as_millisecond()))
}

/// One run of apt: from, to, command line.
type Run = (Timestamp, Timestamp, String);

/// Paragraphs of `Start-Date`, `Commandline`, `End-Date`; runs without a command (unattended ones) are passed over.
pub(super) fn parse_apt(history: &[u8], zone: &TimeZone) -> Vec<Run> {
    let history = String::from_utf8_lossy(history);
    history
        .split("\n\n")
        .filter_map(|paragraph| {
            let field = |name: &str| {
                paragraph
                    .lines()
                    .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            };
            let at = |name: &str| local(&field(name)?.replace("  ", " "), zone);
            Some((
                at("Start-Date")?,
                at("End-Date")?,
                field("Commandline")?.to_owned(),
            ))
        })
        .collect()
}

fn name_commands(changes: &mut [PackageChange], runs: &[Run]) {
    for change in changes {
        let run = runs
            .iter()
            .find(|(from, to, _)| (*from..=*to).contains(&change.at));
        change.by = run.map(|(_, _, command)| command.clone());
    }
}

/// `nginx-1.20.1-14.el9.x86_64    Wed Nov 12 10:00:00 2025`, in UTC as we run it, newest first.
pub(super) fn rpm(output: &[u8]) -> Vec<PackageChange> {
    let output = String::from_utf8_lossy(output);
    let mut changes: Vec<_> = output.lines().filter_map(rpm_line).collect();
    changes.reverse();
    changes
}

fn rpm_line(line: &str) -> Option<PackageChange> {
    let (full, at) = line.split_once(char::is_whitespace)?;
    // in the C locale, and as other locales have it
    let formats = [
        "%a %b %d %H:%M:%S %Y",
        "%a %d %b %Y %I:%M:%S %p UTC",
        "%a %d %b %Y %H:%M:%S UTC",
    ];
    let at = at.split_whitespace().collect::<Vec<_>>().join(" ");
    let at = formats
        .iter()
        .find_map(|format| DateTime::strptime(format, &at).ok())?;
    let (name_version, release) = full.rsplit_once('-')?;
    let (name, version) = name_version.rsplit_once('-')?;
    let release = release.rsplit_once('.').map_or(release, |(release, _)| release);
    Some(PackageChange {
        at: Timestamp(at.to_zoned(TimeZone::UTC).ok()?.timestamp().as_millisecond()),
        package: name.to_owned(),
        from: None,
        to: Some(format!("{version}-{release}")),
        what: PackageAct::Installed,
        by: None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Answer, Query,
        answer::{Blob, Bytes},
        memory::Memory,
        query::Part,
    };

    fn tell(change: &PackageChange) -> String {
        let version = |version: &Option<String>| version.clone().unwrap_or_else(|| "-".into());
        let by = change.by.as_deref().unwrap_or("?");
        let (from, to) = (version(&change.from), version(&change.to));
        format!(
            "{} {} {from} {to} {:?} by {by}",
            change.at, change.package, change.what
        )
    }

    #[test]
    fn dpkg_and_the_command_behind_it() {
        let mut host = Memory::default();
        let mut file = |path: &str, text: Option<&str>| {
            let blob = text.map(|text| Blob {
                bytes: Bytes(text.into()),
                size: 1,
                modified: Timestamp(0),
            });
            let (path, part) = (path.into(), Part::Tail(TAIL));
            host.set(Query::File { path, part }, Ok(Answer::File(blob)));
        };
        file(
            "/var/log/dpkg.log.1",
            Some("2026-11-01 10:00:00 install a:amd64 <none> 1.0\n"),
        );
        file(
            "/var/log/dpkg.log",
            Some(
                "2026-11-22 14:51:30 startup archives unpack\n\
                 2026-11-22 14:51:31 upgrade php8.2-fpm:amd64 8.2.1-1 8.2.2-1\n\
                 2026-11-22 14:51:32 status installed php8.2-fpm:amd64 8.2.2-1\n\
                 2026-11-22 15:00:00 remove b:all 2.0 <none>\nbroken\n",
            ),
        );
        file(
            "/var/log/apt/history.log",
            Some(
                "\nStart-Date: 2026-11-22  14:51:20\nCommandline: apt-get upgrade\nUpgrade: x\n\
                 End-Date: 2026-11-22  14:51:43\n\nStart-Date: 2026-11-23  01:00:00\n",
            ),
        );
        let changes = host.package_changes().expect("was recorded");
        assert_eq!(
            changes.iter().map(tell).collect::<Vec<_>>(),
            [
                "2026-11-01T10:00:00Z a - 1.0 Installed by ?",
                "2026-11-22T14:51:31Z php8.2-fpm 8.2.1-1 8.2.2-1 Upgraded by apt-get upgrade",
                "2026-11-22T15:00:00Z b 2.0 - Removed by ?",
            ]
        );
    }

    #[test]
    fn dpkg_writes_local_time() {
        let zone = TimeZone::fixed(jiff::tz::offset(5));
        let changes = parse_dpkg(b"2026-11-22 14:51:31 upgrade a 1 2\n", &zone);
        assert_eq!(changes[0].at.to_string(), "2026-11-22T09:51:31Z");
    }

    #[test]
    fn rpm_in_either_manner() {
        let changes = rpm(
            b"nginx-core-1.20.1-14.el9_2.1.x86_64          Wed 12 Nov 2025 10:00:00 PM UTC\n\
            php-fpm-8.0.30-1.el9.x86_64                   Sun Nov  9 08:00:00 2025\n\
            gpg-pubkey-8483c65d-5ccc5b19                  (none)\n",
        );
        assert_eq!(
            changes.iter().map(tell).collect::<Vec<_>>(),
            [
                "2025-11-09T08:00:00Z php-fpm - 8.0.30-1.el9 Installed by ?",
                "2025-11-12T22:00:00Z nginx-core - 1.20.1-14.el9_2.1 Installed by ?",
            ]
        );
    }
}
