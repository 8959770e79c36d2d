//! Units of systemd: asked for, waited for, and believed only when they have settled.

use super::{
    complaint,
    place::moved,
    run::{self, failed},
    unit_state::{Now, PROPERTIES, unit_file_verbs},
    wait,
};
use crate::{StepFailed, UnitState};
use std::time::Duration;

/// For what systemd answers by itself.
const ASK: Duration = Duration::from_secs(5);
/// It reads every unit file, and runs every generator.
const RELOAD_ALL: Duration = Duration::from_secs(30);
/// Over what a unit allows itself.
const MARGIN: Duration = Duration::from_secs(5);
/// A server that can't bind its port says so, and ends, within this time of its start.
const HOLD: Duration = Duration::from_millis(500);

/// `systemctl daemon-reload`
pub(super) fn daemon_reload() -> Result<(), StepFailed> {
    systemctl(&["daemon-reload"], None, RELOAD_ALL)
}

pub(super) fn start(unit: &str) -> Result<(), StepFailed> {
    let now = settle(unit, ASK)?;
    if now.is_up() {
        return Ok(());
    }
    forget_failures(unit, &now)?;
    begin("start", unit, now.start_limit)
}

pub(super) fn stop(unit: &str, from: &UnitState) -> Result<(), StepFailed> {
    let now = settle(unit, ASK)?;
    if matches!(now.active.as_str(), "inactive" | "failed") {
        return Ok(());
    }
    if let Some(found) = now.not_to_stop(from) {
        return Err(moved(format!("{unit}: {found}")));
    }
    job("stop", unit, now.stop_limit + MARGIN)?;
    let after = settle(unit, MARGIN)?;
    match after.active.as_str() {
        "inactive" | "failed" => Ok(()),
        "deactivating" if wait::is_short() => Ok(()),
        _ => Err(failed(format!("{unit} did not stop: {}", after.says()))),
    }
}

/// As it is once it has settled.
pub(super) fn now(unit: &str) -> Result<Now, StepFailed> {
    settle(unit, ASK)
}

/// Refused where its main process is not the one that was to be replaced.
pub(super) fn check_restart(unit: &str, from: &UnitState) -> Result<Now, StepFailed> {
    let now = settle(unit, ASK)?;
    match now.not_to_restart(from) {
        Some(found) => Err(moved(format!("{unit}: {found}"))),
        None => Ok(now),
    }
}

pub(super) fn restart(unit: &str, now: &Now) -> Result<(), StepFailed> {
    forget_failures(unit, now)?;
    begin("restart", unit, now.start_limit + now.stop_limit)
}

/// Does not say whether the server took the new config: see `reload.rs`.
pub(super) fn reload(unit: &str) -> Result<(), StepFailed> {
    let now = settle(unit, ASK)?;
    systemctl(&["reload"], Some(unit), now.start_limit + MARGIN)
        .map_err(|error| with_last_words(unit, &error.to_string()))?;
    let after = settle(unit, now.start_limit)?;
    if after.active == "active" {
        Ok(())
    } else {
        Err(failed(format!(
            "{unit} did not survive its reload: {}",
            after.says()
        )))
    }
}

pub(super) fn set_unit_file(unit: &str, from: &str, to: &str) -> Result<(), StepFailed> {
    let now = show(unit)?;
    let verbs = unit_file_verbs(&now.file, from, to)
        .map_err(|found| moved(format!("{unit} is {found} and was {from}")))?;
    for verb in verbs {
        systemctl(&verb, Some(unit), RELOAD_ALL)?;
    }
    Ok(())
}

/// A user's systemd, up or down with its services: systemd-logind lets it go some seconds after the last session
/// (`UserStopDelaySec=` of logind.conf(5), 10 s).
const USER: Duration = Duration::from_secs(40);

/// `loginctl enable-linger` or `disable-linger`, and the user's systemd as it is then: without linger it goes on as
/// long as somebody is logged in.
pub(super) fn set_linger(user: &str, uid: u32, on: bool) -> Result<(), StepFailed> {
    let good = |letter: char| letter.is_ascii_alphanumeric() || "_-.".contains(letter);
    if user.is_empty() || user.starts_with('-') || !user.chars().all(good) {
        return Err(failed(format!("{user:?} is no name of a user")));
    }
    let verb = if on { "enable-linger" } else { "disable-linger" };
    let said = run::tool("loginctl", &["--no-ask-password", verb, user], ASK)?;
    if !said.is_good() {
        return Err(failed(format!("loginctl {verb}: {}", said.reason())));
    }
    let manager = format!("user@{uid}.service");
    let settled = wait::until(USER, || {
        let is_up = show(&manager).is_ok_and(|now| now.active == "active");
        (is_up == on || !on && has_sessions(user)).then_some(())
    });
    match (settled, on) {
        (None, true) => Err(failed(format!("{manager} did not start"))),
        _ => Ok(()),
    }
}

fn has_sessions(user: &str) -> bool {
    let args = ["show-user", "--property=Sessions", "--value", user];
    run::tool("loginctl", &args, ASK).is_ok_and(|said| said.is_good() && !said.out.trim().is_empty())
}

/// `systemctl reboot`, which comes back at once; the host goes down behind it.
pub(super) fn reboot() -> Result<(), StepFailed> {
    systemctl(&["reboot"], None, ASK)
}

/// The last thing the unit's own processes complained of.
pub(super) fn last_words(unit: &str) -> Option<String> {
    let only = format!("_SYSTEMD_UNIT={unit}");
    let args = ["--quiet", "--no-pager", "--output=cat", "--lines=10", &only];
    let said = run::tool("journalctl", &args, ASK).ok()?;
    complaint::last(said.out.lines()).map(str::to_owned)
}

/// A unit that failed too often in a row is refused a start until that is forgotten.
fn forget_failures(unit: &str, now: &Now) -> Result<(), StepFailed> {
    match now.active.as_str() {
        "failed" => systemctl(&["reset-failed"], Some(unit), ASK),
        _ => Ok(()),
    }
}

/// Starts or restarts, and sees that it stays: for `Type=simple` systemd calls it started before it has done anything.
fn begin(verb: &str, unit: &str, limit: Duration) -> Result<(), StepFailed> {
    let asked = job(verb, unit, limit + MARGIN);
    let first = settle(unit, MARGIN)?;
    if asked.is_ok() && wait::is_short() && !first.is_settled() {
        return Ok(());
    }
    if asked.is_err() || !first.has_started() {
        let said = asked
            .err()
            .map_or_else(|| first.says(), |error| error.to_string());
        return Err(with_last_words(unit, &said));
    }
    wait::pause(HOLD);
    let second = show(unit)?;
    if second.has_started() && second.main_pid == first.main_pid {
        Ok(())
    } else {
        Err(with_last_words(unit, &second.says()))
    }
}

fn with_last_words(unit: &str, said: &str) -> StepFailed {
    let words = last_words(unit).map_or(String::new(), |words| format!("; its last words: {words}"));
    failed(format!("{unit}: {said}{words}"))
}

/// The unit once systemd is done with it, or as it is when we have waited long enough.
fn settle(unit: &str, limit: Duration) -> Result<Now, StepFailed> {
    let settled = wait::until(limit, || match show(unit) {
        Ok(now) if !now.is_settled() => None,
        other => Some(other),
    });
    settled.unwrap_or_else(|| show(unit))
}

fn show(unit: &str) -> Result<Now, StepFailed> {
    check_name(unit)?;
    let said = run::succeed("systemctl", &["show", "--no-pager", PROPERTIES, "--", unit], ASK)?;
    let now = Now::parse(&said.out);
    if now.load == "not-found" {
        return Err(moved(format!("there is no unit {unit} any more")));
    }
    Ok(now)
}

/// What takes a unit its time: who is in a hurry leaves it to systemd.
fn job(verb: &str, unit: &str, limit: Duration) -> Result<(), StepFailed> {
    match wait::is_short() {
        true => systemctl(&["--no-block", verb], Some(unit), ASK),
        false => systemctl(&[verb], Some(unit), limit),
    }
}

fn systemctl(verb: &[&str], unit: Option<&str>, limit: Duration) -> Result<(), StepFailed> {
    let mut args = vec!["--no-ask-password", "--no-pager"];
    args.extend(verb);
    if let Some(unit) = unit {
        check_name(unit)?;
        args.extend(["--", unit]);
    }
    let said = run::tool("systemctl", &args, limit)?;
    match said.is_good() {
        true => Ok(()),
        false => Err(failed(format!("systemctl {}: {}", verb.join(" "), said.reason()))),
    }
}

/// As systemd allows them: no name is a pattern, an option or a path.
fn check_name(unit: &str) -> Result<(), StepFailed> {
    let allowed = |letter: char| letter.is_ascii_alphanumeric() || ":-_.\\@".contains(letter);
    if unit.starts_with('-') || !unit.contains('.') || !unit.chars().all(allowed) {
        return Err(failed(format!("{unit:?} is no name of a unit")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #[test]
    fn names_of_units() {
        for (name, good) in [
            ("php8.2-fpm.service", true),
            ("system-getty.slice", true),
            ("getty@tty1.service", true),
            ("dev-disk-by\\x2duuid.device", true),
            ("--now", false),
            ("a*.service", false),
            ("/etc/x.service", false),
            ("x", false),
            ("a b.service", false),
        ] {
            assert_eq!(super::check_name(name).is_ok(), good, "{name}");
        }
    }
}
