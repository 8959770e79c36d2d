//! What systemd says of a unit, and what follows from it. Nothing is done here.

use crate::UnitState;
use std::time::Duration;

/// What is asked for.
pub(super) const PROPERTIES: &str = "--property=LoadState,ActiveState,SubState,Result,UnitFileState,MainPID,Type,TimeoutStartUSec,TimeoutStopUSec";
/// We wait for no unit longer than this, whatever it allows itself.
const LONGEST: Duration = Duration::from_secs(90);

/// A unit now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Now {
    pub load: String,
    pub active: String,
    pub sub: String,
    pub result: String,
    pub file: String,
    pub kind: String,
    pub main_pid: Option<u32>,
    pub start_limit: Duration,
    pub stop_limit: Duration,
}

impl Now {
    /// From `systemctl show`.
    pub(super) fn parse(text: &str) -> Self {
        let property = |key: &str| {
            let value = text
                .lines()
                .find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            value.unwrap_or_default()
        };
        Self {
            load: property("LoadState").into(),
            active: property("ActiveState").into(),
            sub: property("SubState").into(),
            result: property("Result").into(),
            file: property("UnitFileState").into(),
            kind: property("Type").into(),
            main_pid: property("MainPID").parse().ok().filter(|pid| *pid != 0),
            start_limit: limit(property("TimeoutStartUSec")),
            stop_limit: limit(property("TimeoutStopUSec")),
        }
    }

    pub(super) fn is_up(&self) -> bool {
        is_up(&self.active)
    }

    /// systemd is not about to change it. One that waits for its next automatic start has failed.
    pub(super) fn is_settled(&self) -> bool {
        let moving = ["activating", "deactivating", "reloading", "refreshing"];
        !moving.contains(&self.active.as_str()) || self.sub == "auto-restart"
    }

    /// A start came to its end as it should. A `oneshot` unit has done its work when it is gone again.
    pub(super) fn has_started(&self) -> bool {
        self.active == "active"
            || (self.kind == "oneshot" && self.active == "inactive" && self.result == "success")
    }

    /// Why a restart is not the one that was planned.
    pub(super) fn not_to_restart(&self, from: &UnitState) -> Option<String> {
        let pid = |pid: Option<u32>| pid.map_or("none".into(), |pid| pid.to_string());
        if from.main_pid.is_some() && from.main_pid != self.main_pid {
            let (now, then) = (pid(self.main_pid), pid(from.main_pid));
            return Some(format!("its main process is {now} and was {then}"));
        }
        (!is_up(&from.active) && self.is_up())
            .then(|| format!("it is {} and was {}", self.active, from.active))
    }

    /// Why a stop is not the one that was planned.
    pub(super) fn not_to_stop(&self, from: &UnitState) -> Option<String> {
        from.main_pid.and_then(|_| self.not_to_restart(from))
    }

    /// In words.
    pub(super) fn says(&self) -> String {
        format!("it is {} ({}), result {}", self.active, self.sub, self.result)
    }
}

fn is_up(active: &str) -> bool {
    matches!(active, "active" | "reloading" | "refreshing")
}

/// `1min 30s`, `500ms`, `infinity`; bounded.
fn limit(span: &str) -> Duration {
    let parts = span.split_whitespace().map(part);
    let whole: Option<Duration> = parts.sum();
    whole.filter(|_| !span.is_empty()).unwrap_or(LONGEST).min(LONGEST)
}

fn part(text: &str) -> Option<Duration> {
    let digits = text.find(|letter: char| !letter.is_ascii_digit() && letter != '.')?;
    let (number, unit) = text.split_at(digits);
    let seconds = match unit {
        "us" => 1e-6,
        "ms" => 1e-3,
        "s" => 1.0,
        "min" => 60.0,
        "h" => 3600.0,
        // days and more: far beyond our bound
        _ => return None,
    };
    Duration::try_from_secs_f64(number.parse::<f64>().ok()? * seconds).ok()
}

/// The commands that bring a unit file from one state to another, given what it is now; what it is, if it is neither.
/// What a mask covers can't be seen through it, so that only being masked is compared with it.
pub(super) fn unit_file_verbs(now: &str, from: &str, to: &str) -> Result<Vec<Vec<&'static str>>, String> {
    let masked = |word: &str| word.starts_with("masked");
    let with = |verb: &'static str, word: &str| match word.ends_with("-runtime") {
        true => vec![verb, "--runtime"],
        false => vec![verb],
    };
    let enable = |now: &str| {
        if to.starts_with("enabled") && now != to {
            vec![with("enable", to)]
        } else {
            vec![]
        }
    };
    match (masked(from), masked(to)) {
        _ if now == to => Ok(vec![]),
        (true, false) if masked(now) => Ok([vec![with("unmask", now)], enable(now)].concat()),
        (true, false) => Ok(enable(now)),
        (false, true) if masked(now) => Ok(vec![]),
        (false, true) => Ok(vec![with("mask", to)]),
        _ if now != from => Err(now.to_owned()),
        _ if to.starts_with("enabled") => Ok(enable(now)),
        _ => Ok(vec![with("disable", from)]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_systemctl_shows() {
        let now = Now::parse(
            "MainPID=412\nType=notify\nTimeoutStartUSec=1min 30s\nTimeoutStopUSec=5s\nLoadState=loaded\nActiveState=active\nSubState=running\nResult=success\nUnitFileState=enabled\n",
        );
        assert_eq!(
            (now.main_pid, now.active.as_str(), now.file.as_str()),
            (Some(412), "active", "enabled")
        );
        assert_eq!(
            (now.start_limit, now.stop_limit),
            (LONGEST, Duration::from_secs(5))
        );
        assert!(now.is_settled() && now.has_started());
        assert_eq!(Now::parse("MainPID=0\n").main_pid, None);
    }

    #[test]
    fn time_spans_of_systemd() {
        for (text, ms) in [
            ("1min 5s", 65_000),
            ("1min 30.5s", 90_000),
            ("500ms", 500),
            ("2s 500ms", 2500),
            ("1h", 90_000),
            ("3d", 90_000),
            ("infinity", 90_000),
            ("", 90_000),
            ("nonsense", 90_000),
        ] {
            assert_eq!(limit(text), Duration::from_millis(ms), "{text}");
        }
    }

    fn unit(active: &str, sub: &str, main_pid: Option<u32>) -> Now {
        let (active, sub) = (active.into(), sub.into());
        Now {
            active,
            sub,
            main_pid,
            ..Now::default()
        }
    }

    fn found(active: &str, main_pid: Option<u32>) -> UnitState {
        UnitState {
            active: active.into(),
            main_pid,
        }
    }

    #[test]
    fn a_restart_is_refused_where_somebody_was_faster() {
        for (from, now, refused) in [
            (found("active", Some(7)), unit("active", "running", Some(7)), None),
            (
                found("active", Some(7)),
                unit("active", "running", Some(8)),
                Some("its main process is 8 and was 7"),
            ),
            (
                found("active", Some(7)),
                unit("failed", "failed", None),
                Some("its main process is none and was 7"),
            ),
            (
                found("failed", None),
                unit("active", "running", Some(8)),
                Some("it is active and was failed"),
            ),
            (found("failed", None), unit("inactive", "dead", None), None),
            // taking it back: whatever runs now
            (found("active", None), unit("active", "running", Some(8)), None),
            (found("active", None), unit("failed", "failed", None), None),
        ] {
            assert_eq!(now.not_to_restart(&from).as_deref(), refused, "{from:?} {now:?}");
        }
    }

    #[test]
    fn a_stop_that_takes_back_a_start_asks_for_no_process() {
        let now = unit("active", "running", Some(8));
        assert_eq!(now.not_to_stop(&found("failed", None)), None);
        assert!(now.not_to_stop(&found("active", Some(7))).is_some());
    }

    #[test]
    fn when_a_unit_has_settled() {
        for (active, sub, settled) in [
            ("active", "running", true),
            ("activating", "start-pre", false),
            ("activating", "auto-restart", true),
            ("deactivating", "stop-sigterm", false),
            ("reloading", "reload", false),
            ("failed", "failed", true),
        ] {
            assert_eq!(unit(active, sub, None).is_settled(), settled, "{active} {sub}");
        }
    }

    #[test]
    fn unit_files_from_state_to_state() {
        let verbs = |now, from, to| {
            let lines = unit_file_verbs(now, from, to)?;
            Ok::<_, String>(
                lines
                    .iter()
                    .map(|words| words.join(" "))
                    .collect::<Vec<_>>()
                    .join(", "),
            )
        };
        for (now, from, to, expected) in [
            ("disabled", "disabled", "enabled", Ok("enable")),
            ("enabled", "disabled", "enabled", Ok("")),
            ("enabled", "enabled", "disabled", Ok("disable")),
            ("static", "disabled", "enabled", Err("static")),
            ("masked", "masked", "enabled", Ok("unmask, enable")),
            ("masked", "masked", "disabled", Ok("unmask")),
            (
                "masked-runtime",
                "masked-runtime",
                "static",
                Ok("unmask --runtime"),
            ),
            ("disabled", "masked", "enabled", Ok("enable")),
            ("enabled", "masked", "disabled", Ok("")),
            ("enabled", "disabled", "masked", Ok("mask")),
            ("masked", "enabled", "masked", Ok("")),
            ("enabled", "enabled", "masked-runtime", Ok("mask --runtime")),
        ] {
            let got = verbs(now, from, to);
            assert_eq!(
                got.as_deref().map_err(String::as_str),
                expected,
                "{now}: {from} -> {to}"
            );
        }
    }
}
