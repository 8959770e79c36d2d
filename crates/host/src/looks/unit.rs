//! systemd units as `systemctl show` has them.

use crate::Timestamp;
use std::collections::BTreeMap;

/// The properties asked for.
pub const PROPERTIES: &[&str] = &[
    "Id",
    "Names",
    "LoadState",
    "ActiveState",
    "SubState",
    "Result",
    "UnitFileState",
    "FragmentPath",
    "DropInPaths",
    "MainPID",
    "NRestarts",
    "Restart",
    "KillMode",
    "Type",
    "ExecMainCode",
    "ExecMainStatus",
    "ExecStart",
    "Environment",
    "EnvironmentFiles",
    "WorkingDirectory",
    "User",
    "Group",
    "PrivateTmp",
    "PrivateNetwork",
    "NetworkNamespacePath",
    "RuntimeDirectory",
    "ControlGroup",
    "ActiveEnterTimestamp",
    "ActiveExitTimestamp",
    "InactiveEnterTimestamp",
    "InactiveExitTimestamp",
    "StateChangeTimestamp",
    "ExecMainStartTimestamp",
    "ExecMainExitTimestamp",
    "TriggeredBy",
    "Listen",
    "NeedDaemonReload",
    "StandardOutput",
    "StandardError",
    "MemoryCurrent",
    "MemoryMax",
    "TasksCurrent",
    "TasksMax",
    "LimitNOFILE",
    "OOMPolicy",
    "StartLimitBurst",
    "Requires",
    "After",
    "WantedBy",
    "RequiredBy",
];

/// One unit.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Unit {
    /// `php8.2-fpm.service`.
    pub name: String,
    /// `loaded`, `not-found`, `masked`, `bad-setting`.
    pub load_state: String,
    /// `active`, `inactive`, `failed`, `activating`, `deactivating`.
    pub active_state: String,
    /// `running`, `dead`, `auto-restart`, `start-limit-hit`…
    pub sub_state: String,
    /// `success`, `exit-code`, `signal`, `oom-kill`, `start-limit-hit`, `timeout`…
    pub result: String,
    /// `enabled`, `disabled`, `static`, `masked`…
    pub file_state: String,
    /// Main process, if one runs.
    pub main_pid: Option<u32>,
    /// Automatic restarts since it was last started by hand.
    pub restarts: u32,
    /// `no`, `on-failure`, `always`.
    pub restart: String,
    /// When it last became active.
    pub active_since: Option<Timestamp>,
    /// When it last stopped being active.
    pub active_until: Option<Timestamp>,
    /// When it last left `inactive`: the start of its last try; `None` if never since boot.
    pub last_started: Option<Timestamp>,
    /// When it last became `inactive` or `failed`.
    pub last_ended: Option<Timestamp>,
    /// The `argv[]` of ExecStart, as one line.
    pub exec_start: String,
    /// All properties as systemd wrote them.
    pub properties: BTreeMap<String, String>,
}

impl Unit {
    /// Any property that was asked for; empty where systemd has none.
    pub fn property(&self, name: &str) -> &str {
        self.properties.get(name).map_or("", String::as_str)
    }

    /// It runs, or is on its way to.
    pub fn is_up(&self) -> bool {
        matches!(self.active_state.as_str(), "active" | "activating" | "reloading")
    }

    /// systemd knows this unit.
    pub fn is_known(&self) -> bool {
        !matches!(self.load_state.as_str(), "" | "not-found")
    }
}

/// From `systemctl show --timestamp=unix`: blocks of `Key=value`, an empty line between units.
pub(super) fn parse(output: &[u8]) -> Vec<Unit> {
    String::from_utf8_lossy(output)
        .split("\n\n")
        .map(|block| {
            let lines = block.lines().filter_map(|line| line.split_once('='));
            lines
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect::<BTreeMap<_, _>>()
        })
        .filter(|properties| !properties.is_empty())
        .map(unit)
        .collect()
}

fn unit(properties: BTreeMap<String, String>) -> Unit {
    let text = |key: &str| properties.get(key).cloned().unwrap_or_default();
    let number = |key: &str| text(key).parse::<u32>().unwrap_or_default();
    let time = |key: &str| moment(&text(key));
    Unit {
        name: text("Id"),
        load_state: text("LoadState"),
        active_state: text("ActiveState"),
        sub_state: text("SubState"),
        result: text("Result"),
        file_state: text("UnitFileState"),
        main_pid: Some(number("MainPID")).filter(|pid| *pid != 0),
        restarts: number("NRestarts"),
        restart: text("Restart"),
        active_since: time("ActiveEnterTimestamp"),
        active_until: time("ActiveExitTimestamp"),
        last_started: time("InactiveExitTimestamp"),
        last_ended: time("InactiveEnterTimestamp"),
        exec_start: argv(&text("ExecStart")),
        properties,
    }
}

/// `@1763800000`, or before systemd 251 `Sat 2025-11-22 08:26:40 UTC`; never is empty, `n/a` or 0.
fn moment(text: &str) -> Option<Timestamp> {
    let seconds = match text.strip_prefix('@') {
        Some(seconds) => seconds.parse().ok()?,
        None => {
            let (_, time) = text.strip_suffix(" UTC")?.split_once(' ')?;
            let time = jiff::civil::DateTime::strptime("%Y-%m-%d %H:%M:%S", time).ok()?;
            time.to_zoned(jiff::tz::TimeZone::UTC)
                .ok()?
                .timestamp()
                .as_second()
        }
    };
    (seconds != 0).then(|| Timestamp::from_secs(seconds))
}

/// `{ path=/bin/x ; argv[]=/bin/x -a b ; ignore_errors=no ; … }` -> `/bin/x -a b`.
fn argv(exec: &str) -> String {
    let after = exec.split_once("argv[]=").map_or("", |(_, after)| after);
    after.split(" ; ").next().unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn times_of_new_and_old_systemd() {
        for (text, seconds) in [
            ("@1763800000", Some(1_763_800_000)),
            ("Sat 2025-11-22 08:26:40 UTC", Some(1_763_800_000)),
            ("Sat 2025-11-22 08:26:40 CET", None),
            ("n/a", None),
            ("@0", None),
            ("", None),
        ] {
            assert_eq!(super::moment(text).map(crate::Timestamp::secs), seconds, "{text}");
        }
    }

    #[test]
    fn two_units_and_a_time_that_never_was() {
        let units = super::parse(
            b"Id=a.service\nActiveState=failed\nResult=signal\nMainPID=0\nInactiveExitTimestamp=@1763800000\nExecStart={ path=/bin/a ; argv[]=/bin/a --bind 127.0.0.1:9000 ; ignore_errors=no ; start_time=[n/a] }\n\nId=b.service\nLoadState=not-found\nActiveEnterTimestamp=\n",
        );
        assert_eq!(units.len(), 2);
        assert_eq!(units[0].exec_start, "/bin/a --bind 127.0.0.1:9000");
        assert_eq!(units[0].last_started.map(|at| at.secs()), Some(1_763_800_000));
        assert!(!units[1].is_known() && units[1].active_since.is_none());
    }
}
