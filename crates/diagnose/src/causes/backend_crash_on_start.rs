use crate::{
    Case, Class, Opinion,
    case::errno,
    cause::{Group, Told, cause},
    evidence::quote,
    service::{self, CRASH_SIGNALS, starting},
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend ends within seconds of each start: a missing module, an error in the application's own code, a
    /// program that is not there any more. With `Restart=` it is tried again until systemd gives up (`Start request
    /// repeated too quickly`: five starts within ten seconds, unless the unit says otherwise). nginx gets 111 or 2.
    /// # How to tell
    /// The unit is failed, its runs lasted seconds. The last lines it wrote hold a traceback or name what is missing.
    /// Starting it again by hand gives the same lines.
    /// # Fix
    /// Read those lines: they name the fix (a package to install, a deploy to roll back). Never restart it in the hope
    /// that it heals: each try repeats the crash and pushes the first error out of the log.
    /// # Not this if
    /// systemd goes on starting it (backend-crash-loop), the daemon's config test fails (backend-bad-config), the
    /// address is taken (backend-orphan-workers, backend-port-taken), or it had run and served before it ended
    /// (backend-died).
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
            ("status=203/EXEC", 90),
            ("error while loading shared libraries", 80),
            ("Main process exited, code=exited", 40),
        ],
        effect_of: &["app-memory-limit", "backend-orphan-workers", "backend-port-taken", "broker-down", "cache-down", "cache-full", "db-connection-limit", "db-down", "db-password-wrong", "db-schema", "disk-error", "disk-full", "fd-limit", "inodes-full", "oom-kill", "process-limit", "reboot-needed", "runtime-dir-missing", "search-down"],
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

/// A unit that systemd has given up on; one that it goes on starting is backend-crash-loop's.
fn ended(case: &Case) -> Option<&Unit> {
    let (_, unit) = service::failing_start(case)?;
    (!unit.is_up()).then_some(unit)
}

fn weigh(case: &Case) -> Opinion {
    let Some(unit) = ended(case) else {
        return Opinion::none();
    };
    let mut evidence = vec![starting::state(unit)];
    evidence.extend(starting::restarts(unit));
    evidence.extend(starting::reasons(case, unit));
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} ends as soon as it starts{}",
            unit.name,
            starting::because(case, unit)
        ),
        evidence,
    }
}

fn advise(case: &Case) -> String {
    let Some(unit) = ended(case) else {
        return String::new();
    };
    let name = quote(&unit.name);
    let native = service::died_of(unit).is_some_and(|signal| CRASH_SIGNALS.contains(&signal));
    let look = format!("; coredumpctl info {name}").repeat(native.into());
    format!(
        "read what it says: journalctl -u {name} -n 60 --no-pager{look}; mend what it names or roll back the last \
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
