//! How long a backend works on a request, and how long it keeps an idle connection: where that is written, and what it is
//! where nobody wrote it.

use super::Survey;
use crate::{
    Case,
    case::PeerSight,
    topology::{BackendKind, Place},
};
use host::{Look, looks::Unit};
use std::time::Duration;

/// A time limit of a backend.
#[derive(Clone, Debug, PartialEq)]
pub struct Limit {
    /// How long.
    pub time: Duration,
    /// What it is called there: `gunicorn's timeout`.
    pub name: &'static str,
    /// Nobody wrote it: the server's own default.
    pub is_default: bool,
    /// Where it is written, as far as that is known.
    pub written: Option<Place>,
}

/// How a limit is found: its names on a command line and in a file, its unit there, and what holds without it.
struct Sought {
    name: &'static str,
    options: &'static [&'static str],
    key: &'static str,
    /// Seconds in one of the file's units.
    scale: f64,
    default: Option<f64>,
}

/// How long a backend works on one request before it ends the worker; `None`: as long as it takes.
pub fn of_request(survey: &Survey, case: &Case, peer: &PeerSight) -> Look<Option<Limit>> {
    let Some(backend) = &peer.backend else {
        return Ok(None);
    };
    if let Some(pool) = &backend.pool {
        let key = "request_terminate_timeout";
        let line = pool
            .settings
            .iter()
            .rfind(|(name, ..)| name == key)
            .map(|(.., line)| *line);
        return Ok(pool.terminate_timeout.and_then(seconds).map(|time| Limit {
            time,
            name: "php-fpm's request_terminate_timeout",
            is_default: false,
            written: line.map(|line| Place::line(&pool.written.file, line)),
        }));
    }
    let sought = match backend.kind {
        Some(BackendKind::Gunicorn) => Sought {
            name: "gunicorn's timeout",
            options: &["--timeout", "-t"],
            key: "timeout",
            scale: 1.0,
            default: Some(30.0),
        },
        Some(BackendKind::Uwsgi) => Sought {
            name: "uWSGI's harakiri",
            options: &["--harakiri", "-t"],
            key: "harakiri",
            scale: 1.0,
            default: None,
        },
        _ => return Ok(None),
    };
    find(survey, case, peer, &sought)
}

/// How long a backend keeps a connection that nothing comes on; `None` where it keeps none, or we don't know its kind.
pub fn of_idle(survey: &Survey, case: &Case, peer: &PeerSight) -> Look<Option<Limit>> {
    let kind = peer.backend.as_ref().and_then(|backend| backend.kind);
    let sought = match kind {
        // http.Server.keepAliveTimeout, nodejs.org/api/http.html
        Some(BackendKind::Node) => Sought {
            name: "Node's keepAliveTimeout",
            options: &[],
            key: "keepAliveTimeout",
            scale: 0.001,
            default: Some(5.0),
        },
        Some(BackendKind::Apache) => Sought {
            name: "Apache's KeepAliveTimeout",
            options: &[],
            key: "KeepAliveTimeout",
            scale: 1.0,
            default: Some(5.0),
        },
        // a sync worker keeps no connection at all: docs.gunicorn.org, settings, keepalive
        Some(BackendKind::Gunicorn) if keeps_connections(case, peer) => Sought {
            name: "gunicorn's keepalive",
            options: &["--keep-alive"],
            key: "keepalive",
            scale: 1.0,
            default: Some(2.0),
        },
        _ => return Ok(None),
    };
    find(survey, case, peer, &sought)
}

fn keeps_connections(case: &Case, peer: &PeerSight) -> bool {
    let line = case.unit_of(peer).map_or("", |unit| unit.exec_start.as_str());
    let threads = option(line, &["--threads"]).is_some_and(|threads| threads > 1.0);
    threads
        || ["gthread", "gevent", "eventlet", "uvicorn"]
            .iter()
            .any(|class| line.contains(class))
}

/// The command line goes before the file, and both before the default.
fn find(survey: &Survey, case: &Case, peer: &PeerSight, sought: &Sought) -> Look<Option<Limit>> {
    let limit = |value: f64, is_default, written| {
        let (time, name) = (seconds(value)?, sought.name);
        Some(Limit {
            time,
            name,
            is_default,
            written,
        })
    };
    let default = || sought.default.and_then(|value| limit(value, true, None));
    let Some(unit) = case.unit_of(peer) else {
        return Ok(default());
    };
    let line = format!("{} {}", unit.exec_start, unit.property("Environment"));
    if let Some(value) = option(&line, sought.options) {
        return Ok(limit(value, false, command_line(peer, unit)));
    }
    for file in survey.app_files.iter().filter(|file| file.unit == unit.name) {
        file.text.as_ref().map_err(Clone::clone)?;
        if let Some((value, place)) = file.number(sought.key) {
            return Ok(limit(value * sought.scale, false, Some(place)));
        }
    }
    Ok(default())
}

/// `--timeout 5`, `--timeout=5`: the last counts.
fn option(line: &str, names: &[&str]) -> Option<f64> {
    let words: Vec<&str> = line.split([' ', '=', '"']).collect();
    let at = words.iter().rposition(|word| names.contains(word))?;
    words.get(at + 1)?.parse().ok()
}

/// The line that also says where it listens, where that is one of the unit's own file.
fn command_line(peer: &PeerSight, unit: &Unit) -> Option<Place> {
    let claim = peer.backend.as_ref().and_then(|backend| backend.claim.as_ref());
    let written = claim.map(|claim| claim.written.clone());
    let of_unit = written.filter(|place| place.file.to_string_lossy().contains(&unit.name));
    of_unit.or_else(|| super::file_of(unit))
}

fn seconds(value: f64) -> Option<Duration> {
    Duration::try_from_secs_f64(value)
        .ok()
        .filter(|time| !time.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[track_caller]
    fn check(fixture: Fixture, text: &str, expect: (Option<u64>, Option<u64>)) {
        let survey = Survey::of(fixture).with_file("app.service", "/srv/app/conf", text);
        let (case, _, peer) = survey.peers().next().expect("a peer");
        let secs = |look: Look<Option<Limit>>| look.expect("was seen").map(|limit| limit.time.as_secs());
        let got = (
            secs(of_request(&survey, case, peer)),
            secs(of_idle(&survey, case, peer)),
        );
        assert_eq!(got, expect, "{text}");
    }

    #[test]
    fn limits_as_they_are_written_and_by_default() {
        let gunicorn = |line: &str| Fixture::gunicorn().runs(line);
        check(gunicorn("/usr/bin/gunicorn a:b"), "", (Some(30), None));
        check(
            gunicorn("/usr/bin/gunicorn --timeout=120 a:b"),
            "timeout = 9\n",
            (Some(120), None),
        );
        check(
            gunicorn("/usr/bin/gunicorn -c x a:b"),
            "timeout = 90\n",
            (Some(90), None),
        );
        check(gunicorn("/usr/bin/gunicorn -t 0 a:b"), "", (None, None));
        check(
            gunicorn("/usr/bin/gunicorn --threads 4 --keep-alive 75 a:b"),
            "",
            (Some(30), Some(75)),
        );
        check(
            gunicorn("/usr/bin/gunicorn -k gthread a:b"),
            "",
            (Some(30), Some(2)),
        );
        check(Fixture::node(), "", (None, Some(5)));
        check(Fixture::php_fpm(), "", (None, None));
    }

    #[test]
    fn a_file_that_could_not_be_read_is_no_default() {
        let mut survey = Survey::of(Fixture::gunicorn()).with_file("app.service", "/srv/app/conf", "");
        survey.app_files[0].text = crate::testing::forbidden("/srv/app/conf");
        let (case, _, peer) = survey.peers().next().expect("a peer");
        assert!(of_request(&survey, case, peer).is_err());
    }
}
