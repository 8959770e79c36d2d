use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, backend_log,
    case::errno,
    cause::{Group, Told, cause},
    evidence::quote,
    exception,
    service::{self, CRASH_SIGNALS},
    words::{clip, count, span},
    world::Said,
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend ends within seconds of each start: a missing module, an error in the application's own code, a
    /// program that is not there any more. With `Restart=` it starts and ends in a loop until systemd gives up
    /// (`Start request repeated too quickly`); in `ps` it seems to run, always seconds old. nginx gets 111 or 2, in turn
    /// with short moments in which a connection is taken.
    /// # How to tell
    /// The unit is failed or `activating (auto-restart)`, its runs last seconds, its restart counter grows. The last
    /// lines it wrote hold a traceback or name what is missing. Starting it again by hand gives the same lines.
    /// # Fix
    /// Read those lines: they name the fix (a package to install, a deploy to roll back). Never restart it in the hope
    /// that it heals: each try repeats the crash and pushes the first error out of the log.
    /// # Not this if
    /// The daemon's config test fails (backend-bad-config), the address is taken (backend-orphan-workers,
    /// backend-port-taken), or it had run and served before it ended (backend-died).
    pub static BACKEND_CRASH_ON_START = {
        id: "backend-crash-on-start",
        title: "the backend ends as soon as it starts",
        group: Group::Process,
        class: Class::Never,
        share_of: share_of,
        phrases: &[
            ("Worker failed to boot", 90),
            ("ModuleNotFoundError", 80),
            ("ImportError: ", 75),
            ("ImproperlyConfigured", 80),
            ("command not found", 50),
            ("Cannot find module", 80),
            ("no python application found", 85),
            ("unable to load app", 85),
            ("Start request repeated too quickly", 85),
            ("Scheduled restart job", 60),
            ("status=203/EXEC", 90),
            ("error while loading shared libraries", 80),
            ("Main process exited, code=exited", 40),
        ],
        effect_of: &["app-memory-limit", "backend-orphan-workers", "backend-port-taken", "broker-down", "cache-down", "cache-full", "db-connection-limit", "db-down", "db-password-wrong", "disk-error", "disk-full", "fd-limit", "inodes-full", "oom-kill", "process-limit", "reboot-needed", "runtime-dir-missing", "search-down"],
        settled_by: ("read what the service said before it ended", "systemctl --failed; journalctl -p err -n 50 --no-pager"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["backend-crash-on-start"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) => 15,
        Trouble::Connect(errno::ENOENT) => 8,
        Trouble::ClosedEarly | Trouble::Receive(errno::ECONNRESET) => 1,
        _ if complaint.is_bare() => 10,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((_, unit)) = service::failing_start(case) else {
        return Opinion::none();
    };
    let words = service::last_words(case, unit);
    let mut evidence = vec![ends(unit)];
    evidence.extend(loops(unit));
    evidence.extend(backend_log::telling(&words).map(|line| reason(line, &words)));
    evidence.extend(sound_config(case, unit));
    evidence.extend(bad_config(case, unit, &words));
    let why = backend_log::telling(&words).map(|line| format!(": {}", clip(line.text)));
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} ends as soon as it starts{}",
            unit.name,
            why.unwrap_or_default()
        ),
        evidence,
    }
}

fn ends(unit: &Unit) -> Evidence {
    let state = format!("{} ({})", unit.active_state, unit.sub_state);
    let lived = match service::last_run(unit) {
        Some((began, time)) if time <= service::SHORT => {
            format!("; its last run began at {began} and lasted {}", span(time))
        }
        _ => String::new(),
    };
    Evidence::supports(
        Rank::Decisive,
        format!(
            "{} is {state}, ended with {}{lived}",
            unit.name,
            service::ending(unit)
        ),
        Source::unit(&unit.name),
    )
}

fn loops(unit: &Unit) -> Option<Evidence> {
    (unit.restarts > 0).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "systemd has started it again {}",
                count(unit.restarts as usize, "time")
            ),
            Source::command(format!(
                "systemctl show -p NRestarts,SubState,Result {}",
                quote(&unit.name)
            )),
        )
    })
}

fn reason(line: &Said<'_>, words: &[Said<'_>]) -> Evidence {
    let place = words.iter().rev().find_map(|line| backend_log::place(line.text));
    exception::told(line, place.as_deref())
}

fn sound_config(case: &Case, unit: &Unit) -> Option<Evidence> {
    let test = case.config_test(&unit.name).filter(|test| test.passed)?;
    Some(Evidence::supports(
        Rank::Hint,
        "its own config test passes",
        Source::command(test.command.clone()),
    ))
}

fn bad_config(case: &Case, unit: &Unit, words: &[Said<'_>]) -> Option<Evidence> {
    let test = case.config_test(&unit.name).filter(|test| !test.passed);
    let tested = test.map(|test| (test.says.as_str(), Source::command(test.command.clone())));
    let line = words.iter().find(|line| backend_log::is_bad_config(line.text));
    let (refusal, source) = tested.or(line.map(|line| (line.text, line.source.clone())))?;
    let says = format!("it refuses its own configuration: {}", clip(refusal));
    Some(Evidence::refutes(Rank::Decisive, says, source))
}

fn advise(case: &Case) -> String {
    let Some((_, unit)) = service::failing_start(case) else {
        return String::new();
    };
    let name = quote(&unit.name);
    let looping = unit.sub_state == "auto-restart" || unit.restarts > 0;
    let stop = format!("stop the loop, so that its first error stays readable: systemctl stop {name}; ")
        .repeat(looping.into());
    let native = service::died_of(unit).is_some_and(|signal| CRASH_SIGNALS.contains(&signal));
    let look = format!("; coredumpctl info {name}").repeat(native.into());
    format!(
        "{stop}read what it says: journalctl -u {name} -n 60 --no-pager{look}; mend what it names or roll back the last \
         deploy, and only then start it. Starting it again without that repeats the crash"
    )
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    fn missing_module(fixture: Fixture) -> Fixture {
        fixture
            .unit_is("failed", "exit-code")
            .ran(63, 62, "exited", 3)
            .life(&[
                (63, "Started"),
                (62, "Main process exited, code=exited, status=3/NOTIMPLEMENTED"),
            ])
            .says(62, "  File \"/opt/app.py\", line 1, in <module>")
            .says(62, "ModuleNotFoundError: No module named 'flask'")
            .says(62, "[INFO] Shutting down: Master")
    }

    #[test]
    fn fires_on_a_missing_module() {
        missing_module(Fixture::gunicorn().refused()).check("found backend-crash-on-start");
        missing_module(Fixture::node().refused())
            .config_test(true, "")
            .check("found backend-crash-on-start");
    }

    #[test]
    fn fires_in_a_loop_even_while_a_try_listens() {
        Fixture::gunicorn()
            .connect_fails(111)
            .peer(|peer| peer.connect = Ok(crate::testing::conversation(host::answer::Connect::Accepted)))
            .unit(|unit| {
                unit.active_state = "activating".into();
                unit.sub_state = "auto-restart".into();
                unit.result = "exit-code".into();
                unit.restarts = 7;
            })
            .check("found backend-crash-on-start");
    }

    #[test]
    fn fires_where_systemd_gave_up_after_kills_in_a_row() {
        Fixture::php_fpm()
            .refused()
            .unit_is("failed", "signal")
            .ran(62, 62, "killed", 9)
            .life(&[
                (66, "Started"),
                (65, "Main process exited, code=killed, status=9/KILL"),
                (64, "Started"),
                (63, "Main process exited, code=killed, status=9/KILL"),
                (62, "Start request repeated too quickly."),
                (62, "Failed to start"),
            ])
            .check("found backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_the_config_is_refused() {
        missing_module(Fixture::php_fpm().nobody_listens().connect_fails(2))
            .config_test(
                false,
                "ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'pm.max'",
            )
            .check("found backend-bad-config");
    }

    #[test]
    fn stays_quiet_where_it_died_after_an_hour() {
        Fixture::gunicorn()
            .refused()
            .unit_is("failed", "exit-code")
            .ran(3600, 61, "exited", 1)
            .check("found backend-died");
    }
}
