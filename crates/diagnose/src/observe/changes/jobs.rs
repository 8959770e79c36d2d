//! Jobs of cron, of systemd's timers and of logrotate, joined to the units that went down while one of them ran.
//!
//! systemd does not log who asked it to stop a unit. That a job ran at that very moment is what any host shows.

use super::{super::clock, actor, stem};
use crate::{
    jobs::JobRun,
    world::{Change, ChangeKind},
};
use host::{Host, Looks, Timestamp, looks::JournalLine};
use jiff::{civil::DateTime, tz::TimeZone};
use std::{path::Path, time::Duration};

/// A longer run is no moment: what happens during it need not be its doing.
pub(super) const LONGEST: Duration = Duration::from_secs(120);
/// A unit is stopped a moment after the job that asked for it has ended.
const LINGERS: Duration = Duration::from_secs(1);
/// Services asked whether a timer starts them.
const MOST: usize = 32;
/// Where logrotate remembers: Debian's, and Red Hat's and SUSE's.
const STATES: &[&str] = &["/var/lib/logrotate/status", "/var/lib/logrotate/logrotate.status"];

/// One run of a job.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Run {
    kind: ChangeKind,
    from: Timestamp,
    to: Timestamp,
    /// `logrotate.service ran, started by logrotate.timer`
    says: String,
}

/// The jobs during which one of these units stopped or ended.
pub(super) fn look(host: &dyn Host, lines: &[JournalLine], ours: &[&Change]) -> Vec<Change> {
    let downs: Vec<&Change> = ours
        .iter()
        .copied()
        .filter(|change| matches!(change.kind, ChangeKind::UnitStop | ChangeKind::UnitEnd))
        .filter(|change| actor(change, lines).is_none_or(|line| line.by.to_lowercase().starts_with("cron")))
        .collect();
    if downs.is_empty() {
        return Vec::new();
    }
    let mut runs: Vec<Run> = of_cron(lines).collect();
    let is_down = |name: &str| downs.iter().any(|down| down.about == name);
    let meanwhile = |name: &str, run: &Run| !is_down(name) && downs.iter().any(|down| run.covers(down.at));
    let timed = of_timers(host, lines, LONGEST, meanwhile);
    runs.extend(timed.into_iter().map(|(_, run)| run));
    runs.extend(of_logrotate(host));
    let mut jobs: Vec<Change> = downs
        .iter()
        .flat_map(|down| {
            let meanwhile = runs.iter().filter(|run| run.covers(down.at));
            meanwhile.map(|run| run.made(&down.about))
        })
        .collect();
    jobs.dedup();
    jobs
}

impl Run {
    fn covers(&self, at: Timestamp) -> bool {
        self.from <= at && at <= self.to.after(LINGERS)
    }

    fn made(&self, unit: &str) -> Change {
        Change {
            at: self.from,
            kind: self.kind,
            says: format!("{}, and {unit} went down meanwhile", self.says),
            about: unit.to_owned(),
        }
    }
}

/// cron logs the command when it starts it, and the end of the session that it opened for it.
fn of_cron(lines: &[JournalLine]) -> impl Iterator<Item = Run> {
    let is_cron = |line: &JournalLine| matches!(line.by.as_str(), "CRON" | "crond" | "cron");
    lines.iter().enumerate().filter_map(move |(index, line)| {
        let command = line.text.split_once("CMD (").filter(|_| is_cron(line))?.1;
        let mut later = lines[index + 1..].iter();
        let end = later.find(|line| is_cron(line) && line.text.contains("session closed"));
        Some(Run {
            kind: kind(command),
            from: line.at,
            to: end.map_or(line.at, |line| line.at).min(line.at.after(LONGEST)),
            says: format!("cron ran {}", line.text.chars().take(200).collect::<String>()),
        })
    })
}

/// All that ran since then, oldest first.
pub(in crate::observe) fn runs(host: &dyn Host, since: Timestamp, now: Timestamp) -> Vec<JobRun> {
    let lines = host.journal(&[], since, super::LINES).unwrap_or_default();
    let timed = of_timers(host, &lines, now.since(since), |_, _| true);
    let cron = of_cron(&lines).map(|run| (None, run));
    let all = timed.into_iter().map(|(unit, run)| (Some(unit), run)).chain(cron);
    let mut all: Vec<JobRun> = all
        .map(|(unit, run)| JobRun {
            says: run.says,
            unit,
            from: run.from,
            to: run.to.min(now),
        })
        .collect();
    all.sort_by_key(|run| run.from);
    all
}

/// Services that a timer starts, with each run of interest.
fn of_timers(
    host: &dyn Host,
    lines: &[JournalLine],
    longest: Duration,
    wanted: impl Fn(&str, &Run) -> bool,
) -> Vec<(String, Run)> {
    let run = |(index, line): (usize, &JournalLine)| {
        let run = service_run(line, &lines[index + 1..], longest)?;
        Some((line.unit.clone(), run))
    };
    let mut runs: Vec<(String, Run)> = lines.iter().enumerate().filter_map(run).collect();
    runs.retain(|(name, run)| wanted(name, run));
    let mut names: Vec<String> = runs.iter().map(|(name, _)| name.clone()).collect();
    names.sort_unstable();
    names.dedup();
    names.truncate(MOST);
    let units = match names.as_slice() {
        [] => Vec::new(),
        names => host.units(names).unwrap_or_default(),
    };
    runs.retain_mut(|(name, run)| {
        let unit = units.iter().find(|unit| unit.name == *name);
        let mut triggers = unit.map_or("", |unit| unit.property("TriggeredBy")).split(' ');
        let timer = triggers.find(|it| it.ends_with(".timer"));
        run.says = format!("{name} ran, started by {}", timer.unwrap_or_default());
        timer.is_some()
    });
    runs
}

/// The run of a service that systemd starts with this line.
fn service_run(line: &JournalLine, later: &[JournalLine], longest: Duration) -> Option<Run> {
    let starts = |line: &JournalLine| line.text.starts_with("Starting ") || line.text.starts_with("Started ");
    let is_start = line.by == "systemd" && line.unit.ends_with(".service") && starts(line);
    let ends = |it: &&JournalLine| {
        it.by == "systemd" && it.unit == line.unit && !starts(it) && !it.text.contains("Consumed ")
    };
    let end = later.iter().find(ends).map(|it| it.at);
    let longest = line.at.after(longest);
    is_start.then(|| Run {
        kind: kind(stem(&line.unit)),
        from: line.at,
        to: end.unwrap_or(longest).min(longest),
        says: String::new(),
    })
}

/// The last run of logrotate: each log it looked at has the time of the run's start, and its state file was written at
/// the run's end.
fn of_logrotate(host: &dyn Host) -> Option<Run> {
    let zone = clock::zone(host);
    STATES.iter().find_map(|path| {
        let path = Path::new(path);
        let state = host.tail(path, 256 << 10).ok().flatten()?;
        let from = rotated(&state.bytes.0, &zone)?;
        let run = Run {
            kind: ChangeKind::LogRotation,
            from,
            to: state.modified,
            says: format!("logs were rotated ({})", path.display()),
        };
        (run.to.since(from) <= LONGEST).then_some(run)
    })
}

/// The last time in logrotate's state: `"/var/log/app.log" 2026-11-22-14:51:31`, in local time.
fn rotated(state: &[u8], zone: &TimeZone) -> Option<Timestamp> {
    let text = String::from_utf8_lossy(state);
    let time = |line: &str| {
        let at = line.rsplit_once(' ')?.1;
        Some(clock::moment(
            DateTime::strptime("%Y-%m-%d-%H:%M:%S", at).ok()?,
            zone,
        ))
    };
    text.lines().filter_map(time).max()
}

fn kind(job: &str) -> ChangeKind {
    if job.contains("logrotate") {
        ChangeKind::LogRotation
    } else {
        ChangeKind::ScheduledJob
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::NOW;
    use host::{
        Answer, Query, Tool,
        answer::{Blob, Bytes, Output},
        memory::Memory,
        query::Part,
    };

    /// A line by seconds after [`NOW`].
    fn line(at: u64, by: &str, unit: &str, text: &str) -> JournalLine {
        JournalLine {
            at: NOW.after(Duration::from_secs(at)),
            by: by.into(),
            unit: unit.into(),
            text: text.into(),
            ..JournalLine::default()
        }
    }

    fn host() -> Memory {
        let mut host = Memory::default();
        let shown = "Id=nightly.service\nLoadState=loaded\nTriggeredBy=nightly.timer\n";
        let output = Output {
            status: Some(0),
            stdout: Bytes(shown.into()),
            ..Output::default()
        };
        let units = vec!["nightly.service".to_owned()];
        host.set(Query::Run(Tool::UnitsShow { units }), Ok(Answer::Output(output)));
        host
    }

    /// The unit goes down ten seconds after [`NOW`].
    #[track_caller]
    fn check(host: &Memory, lines: &[JournalLine], expect: &[&str]) {
        let down = Change {
            at: NOW.after(Duration::from_secs(10)),
            kind: ChangeKind::UnitStop,
            says: "Stopped app.service.".into(),
            about: "app.service".into(),
        };
        let told = |change: &Change| format!("{:?} {}", change.kind, change.says);
        let got: Vec<String> = look(host, lines, &[&down]).iter().map(told).collect();
        assert_eq!(got, expect, "{lines:?}");
    }

    #[test]
    fn a_timers_service_that_ran_meanwhile() {
        let start = line(
            9,
            "systemd",
            "nightly.service",
            "Starting nightly.service - Backup...",
        );
        let end = |at| {
            line(
                at,
                "systemd",
                "nightly.service",
                "nightly.service: Deactivated successfully.",
            )
        };
        let told =
            "ScheduledJob nightly.service ran, started by nightly.timer, and app.service went down meanwhile";
        check(&host(), &[start.clone(), end(12)], &[told]);
        check(&host(), std::slice::from_ref(&start), &[told]);
        check(&host(), &[start.clone(), end(9)], &[told]);
        check(
            &host(),
            &[line(5, "systemd", "nightly.service", &start.text), end(7)],
            &[],
        );
        check(
            &host(),
            &[line(11, "systemd", "nightly.service", &start.text)],
            &[],
        );
        // nobody's timer, and a writer that is not systemd
        check(&Memory::default(), std::slice::from_ref(&start), &[]);
        check(&host(), &[line(9, "evil", "nightly.service", &start.text)], &[]);
    }

    #[test]
    fn a_job_of_cron_that_ran_meanwhile() {
        let job = |at, command| line(at, "CRON", "cron.service", &format!("(root) CMD ({command})"));
        let closed = |at| {
            line(
                at,
                "CRON",
                "cron.service",
                "pam_unix(cron:session): session closed for user root",
            )
        };
        let told = "ScheduledJob cron ran (root) CMD (/opt/backup.sh), and app.service went down meanwhile";
        check(&host(), &[job(8, "/opt/backup.sh"), closed(11)], &[told]);
        check(&host(), &[job(2, "/opt/backup.sh"), closed(3)], &[]);
        let told =
            "LogRotation cron ran (root) CMD (logrotate /etc/app.conf), and app.service went down meanwhile";
        check(
            &host(),
            &[job(10, "logrotate /etc/app.conf"), closed(10)],
            &[told],
        );
        // a person's own command beside it
        let by_hand = line(9, "sudo", "", "admin : COMMAND=/usr/bin/systemctl stop app");
        check(&host(), &[job(8, "/opt/backup.sh"), by_hand, closed(11)], &[]);
    }

    #[test]
    fn the_state_of_logrotate_holds_its_last_run() {
        for (state, written, expect) in [
            ("\"/var/log/a.log\" 2023-11-14-22:13:28\n", 12, true),
            ("\"/var/log/a.log\" 2023-11-14-22:13:28\n", 8, false),
            ("\"/var/log/a.log\" 2023-11-14-22:0:0\n", 12, false),
            ("logrotate state -- version 2\n\"x", 12, false),
        ] {
            let blob = Blob {
                bytes: Bytes(state.into()),
                size: 1,
                modified: NOW.after(Duration::from_secs(written)),
            };
            let (path, part) = (STATES[0].into(), Part::Tail(256 << 10));
            let mut host = host();
            host.set(Query::File { path, part }, Ok(Answer::File(Some(blob))));
            let expected = [
                "LogRotation logs were rotated (/var/lib/logrotate/status), and app.service went down meanwhile",
            ];
            check(&host, &[], if expect { &expected } else { &[] });
        }
    }
}
