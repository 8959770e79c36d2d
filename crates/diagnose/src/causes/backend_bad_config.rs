use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    service::{self, Down},
    topology::FpmPool,
    words::clip,
    world::Said,
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};
use std::path::PathBuf;

cause! {
    /// # What happens
    /// The backend does not start because it refuses its own configuration: a word it does not know, a user that does
    /// not exist, two pools on one socket, a certificate that is gone. One bad pool file keeps all pools of a php-fpm
    /// down. It often shows only at the next restart, hours after the edit.
    /// # How to tell
    /// Its own test (`php-fpm8.2 -t`, `apachectl configtest`) fails and names file and line; php-fpm exits with
    /// status 78. uWSGI and gunicorn say it in their first lines.
    /// # Fix
    /// Correct the line it names, or put the last version of the file back, run the test again, then start the unit.
    /// # Not this if
    /// The test passes: then the application crashes (backend-crash-on-start) or can't bind its address
    /// (backend-port-taken, runtime-dir-missing). An old daemon that still runs with a broken file on disk answers well
    /// until it is restarted.
    pub static BACKEND_BAD_CONFIG = {
        id: "backend-bad-config",
        title: "the backend refuses its own configuration",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[
            ("AH00526", 95),
            ("Syntax error on line", 80),
            ("cannot get uid for user", 95),
            ("cannot get gid for group", 95),
            ("already used in another pool", 95),
            ("failed to load configuration file", 90),
            ("FPM initialization failed", 60),
            ("failed to chown() the socket", 85),
            ("unknown entry '", 90),
            ("status=78/CONFIG", 70),
            ("status=217/USER", 90),
            ("unrecognized arguments:", 80),
        ],
        effect_of: &["apache-firewall-syntax"],
        settled_by: ("let the backend test its own configuration", "php-fpm8.2 -t; apachectl configtest"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["backend-bad-config"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    let fpm = complaint
        .unix()
        .is_some_and(|path| path.to_string_lossy().contains("fpm"));
    match complaint.trouble {
        Trouble::Connect(errno::ENOENT) if fpm => 14,
        Trouble::Connect(errno::ENOENT) => 6,
        Trouble::Connect(errno::ECONNREFUSED) => 5,
        _ => 0,
    }
}

/// A unit that is down although it should run.
fn failed(case: &Case) -> Option<(&PeerSight, &Unit)> {
    service::failing_start(case).or_else(|| service::unserved_by(case, Down::Ended))
}

fn weigh(case: &Case) -> Opinion {
    let Some((_, unit)) = failed(case) else {
        return Opinion::none();
    };
    let words = service::last_words(case, unit);
    let complaint = words.iter().find(|line| backend_log::is_bad_config(line.text));
    let Some(why) = reason(case, unit, complaint) else {
        return Opinion::none();
    };
    let mut evidence = vec![];
    evidence.extend(test(case, unit));
    evidence.extend(complaint.map(at_start));
    evidence.extend(exit_status(unit));
    Opinion {
        subject: unit.name.clone(),
        says: format!(
            "{} does not start, it refuses its configuration: {why}",
            unit.name
        ),
        evidence,
    }
}

/// What the test says now, or else what the last start said.
fn reason(case: &Case, unit: &Unit, complaint: Option<&Said<'_>>) -> Option<String> {
    let failed = case.config_test(&unit.name).filter(|test| !test.passed);
    failed
        .map(|test| clip(&test.says))
        .or_else(|| complaint.map(|line| clip(line.text)))
}

/// A test that passes now, after a start that complained, means the file was mended and the unit not started since.
fn test(case: &Case, unit: &Unit) -> Option<Evidence> {
    let test = case.config_test(&unit.name)?;
    let source = Source::command(test.command.clone());
    if test.passed {
        let says = "its own config test passes now: the file was mended since the last start";
        return Some(Evidence::refutes(Rank::Hint, says, source));
    }
    let place = test.place.as_ref().map(|place| format!(" at {place}"));
    let says = format!(
        "its own config test fails{}: {}",
        place.unwrap_or_default(),
        clip(&test.says)
    );
    Some(Evidence::supports(Rank::Decisive, says, source))
}

/// The start said so itself.
fn at_start(line: &Said<'_>) -> Evidence {
    let place = backend_log::place(line.text)
        .map(|place| format!(" at {place}"))
        .unwrap_or_default();
    let says = format!(
        "it refused its configuration at its last start{place}: {}",
        clip(line.text)
    );
    Evidence::supports(Rank::Strong, says, line.source.clone())
}

/// php-fpm ends with EX_CONFIG of sysexits.h; systemd with 200, 216, 217 for what the unit file names.
fn exit_status(unit: &Unit) -> Option<Evidence> {
    let status = unit.property("ExecMainStatus");
    matches!(status, "78" | "200" | "216" | "217").then(|| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "{} ended with status {status}, which stands for a bad configuration",
                unit.name
            ),
            Source::unit(&unit.name),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some((peer, unit)) = failed(case) else {
        return String::new();
    };
    let words = service::last_words(case, unit);
    let tested = case
        .config_test(&unit.name)
        .and_then(|test| test.place.as_ref().map(ToString::to_string));
    let place = tested.or_else(|| words.iter().find_map(|line| backend_log::place(line.text)));
    let mend = match place {
        Some(place) => format!("correct {place}, or put the last version of that file back"),
        None => format!(
            "correct what it names: journalctl -u {} -n 20 --no-pager",
            quote(&unit.name)
        ),
    };
    format!("{mend}; then: {}", service::start_command(case, peer, unit))
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((_, unit)) = failed(case) else {
        return Vec::new();
    };
    let name = &unit.name;
    let start = Measure::Start { unit: name.clone() };
    let mended = case.config_test(name).is_some_and(|test| test.passed);
    if mended {
        let title = format!("start {name}, whose configuration was mended");
        return vec![Remedy::ask(title, vec![start])];
    }
    let remedy = named_file(case, unit).map(|file| {
        let unit = name.clone();
        let title = format!(
            "put back the last {} that {name} accepts, and start it",
            file.display()
        );
        Remedy::ask(title, vec![Measure::RestoreBackup { file, unit }, start])
    });
    remedy.into_iter().collect()
}

/// The file that its test or its last words name, or that of the pool they name.
fn named_file(case: &Case, unit: &Unit) -> Option<PathBuf> {
    let test = case.config_test(&unit.name);
    let words = service::last_words(case, unit);
    let said = || {
        test.map(|test| test.says.as_str())
            .into_iter()
            .chain(words.iter().map(|line| line.text))
    };
    let tested = test.and_then(|test| Some(test.place.as_ref()?.file.clone()));
    let place = || {
        said()
            .filter(|text| backend_log::is_bad_config(text))
            .find_map(backend_log::place)
    };
    let file = || Some(PathBuf::from(place()?.rsplit_once(':')?.0));
    let of_pool = |pool: &&FpmPool| {
        pool.unit == unit.name && said().any(|text| text.contains(&format!("[pool {}]", pool.name)))
    };
    let pool = || {
        case.world
            .pools
            .iter()
            .find(of_pool)
            .map(|pool| pool.written.file.clone())
    };
    tested.or_else(file).or_else(pool)
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    fn fails_at_start(fixture: Fixture, status: u32) -> Fixture {
        fixture
            .unit_is("failed", "exit-code")
            .ran(61, 61, "exited", status)
            .life(&[
                (61, "Starting"),
                (61, "Main process exited, code=exited"),
                (61, "Failed with result 'exit-code'."),
                (61, "Failed to start"),
            ])
    }

    #[test]
    fn fires_where_the_test_fails() {
        fails_at_start(Fixture::php_fpm().nobody_listens().connect_fails(2), 78)
            .config_test(
                false,
                "ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'pm.max_childrn'",
            )
            .check("found backend-bad-config");
        fails_at_start(Fixture::apache().refused(), 1)
            .config_test(
                false,
                "AH00526: Syntax error on line 4 of /etc/apache2/sites-enabled/ssl.conf:",
            )
            .check("found backend-bad-config");
    }

    #[test]
    fn fires_by_its_own_words_where_no_test_was_run() {
        fails_at_start(Fixture::php_fpm().nobody_listens().connect_fails(2), 78)
            .says(61, "ERROR: [pool www] cannot get uid for user 'wp_site1'")
            .says(61, "ERROR: FPM initialization failed")
            .check("found backend-bad-config");
        fails_at_start(Fixture::gunicorn().refused(), 2)
            .says(61, "gunicorn: error: unrecognized arguments: --wrokers 3")
            .check("found backend-bad-config");
    }

    #[test]
    fn fires_where_the_file_was_mended_and_nobody_started_it() {
        fails_at_start(Fixture::php_fpm().nobody_listens().connect_fails(2), 78)
            .config_test(true, "configuration file test is successful")
            .says(61, "ERROR: [pool www] cannot get uid for user 'wp_site1'")
            .check("found backend-bad-config");
    }

    #[test]
    fn stays_quiet_where_the_test_passes() {
        fails_at_start(Fixture::apache().refused(), 1)
            .config_test(true, "Syntax OK")
            .says(61, "Error: something else")
            .check("found backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_it_runs_on_with_a_broken_file() {
        Fixture::php_fpm()
            .complains(logscan::Trouble::ClosedEarly, logscan::Phase::ReadingHeader)
            .config_test(
                false,
                "ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'x'",
            )
            .check("unexplained");
    }

    #[test]
    fn puts_the_last_good_version_back() {
        let fpm = || fails_at_start(Fixture::php_fpm().nobody_listens().connect_fails(2), 78);
        let expect = &["ask: restore /etc/php/8.2/fpm/pool.d/www.conf; start php8.2-fpm.service"];
        fpm()
            .says(
                61,
                "ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:491] unknown entry 'pm.max_childrn'",
            )
            .offers(expect);
        fpm()
            .says(61, "ERROR: [pool www] cannot get uid for user 'wp_site1'")
            .offers(expect);
        fpm()
            .config_test(true, "test is successful")
            .says(61, "ERROR: [pool www] cannot get uid for user 'wp_site1'")
            .offers(&["ask: start php8.2-fpm.service"]);
    }

    #[test]
    fn offers_nothing_where_no_file_is_named() {
        fails_at_start(Fixture::gunicorn().refused(), 2)
            .says(61, "gunicorn: error: unrecognized arguments: --wrokers 3")
            .offers(&[]);
    }
}
