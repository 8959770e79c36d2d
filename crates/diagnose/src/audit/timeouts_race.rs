use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Source,
    case::PeerSight,
    service::{self, Knob},
    survey::{
        Survey,
        limits::{self, Limit},
    },
    topology::Route,
    words::span,
};
use std::time::Duration;

rule! {
    /// # What it sees
    /// How long nginx waits for an answer (`*_read_timeout`) beside how long the backend lets a request take (php-fpm's
    /// `request_terminate_timeout`, gunicorn's `timeout`, uWSGI's `harakiri`). Told: both end within two seconds of each
    /// other; nginx was told to wait longer than its minute and the backend ends the request before that; or the backend's
    /// limit is a default that nobody wrote and is shorter than nginx's patience.
    /// # How it becomes a 502
    /// A backend that is first ends its worker in the middle of the request: 502, also for the other requests of a worker
    /// with threads. Where both end together, which one is first is chance: the same request is 502 once and 504 once.
    /// # The change
    /// The backend's limit a little below nginx's, both on purpose and both above what the slowest page may take.
    /// # Quiet where
    /// The backend's limit is written, and at least two seconds below nginx's minute; or it has none.
    pub static TIMEOUTS_RACE = {
        id: "timeouts-race",
        title: "nginx's patience and the backend's time limit do not fit",
        level: Level::Warning,
        needs: Needs::Host,
        foresees: &["worker-timeout-kill", "slow-backend"],
        check: check,
    }
}

/// nginx's own `*_read_timeout`: who raised it expects slow requests.
const MINUTE: Duration = Duration::from_secs(60);
/// Supervisors look once a second, so closer than this is together.
const TOGETHER: Duration = Duration::from_secs(2);
/// The limit, as each server calls it.
const LIMIT: Knob = Knob {
    fpm: "request_terminate_timeout",
    gunicorn: &["--timeout", "-t"],
    uwsgi: "harakiri",
    restarts: false,
};

fn check(survey: &Survey) -> Checked {
    let (mut hits, mut unseen) = (Vec::new(), Vec::new());
    for (case, route, peer) in survey.peers() {
        match limits::of_request(survey, case, peer) {
            Ok(limit) => hits.extend(limit.and_then(|limit| judge(case, route, peer, &limit))),
            Err(blind) => unseen.push(blind),
        }
    }
    Checked::from(once(hits)).blind(unseen)
}

fn judge(case: &Case, route: &Route, peer: &PeerSight, limit: &Limit) -> Option<Hit> {
    let patience = route.settings.read_timeout?;
    let (backend, nginx) = (span(limit.time), span(patience));
    let name = limit.name;
    let says = if limit.time.abs_diff(patience) < TOGETHER {
        format!("{name} ({backend}) and nginx's read timeout ({nginx}) end together")
    } else if limit.time < patience && patience > MINUTE {
        format!("nginx waits {nginx} for an answer, and {name} ends the request after {backend}")
    } else if limit.time < patience && limit.is_default {
        format!("{name} ends a request after {backend}, which is its default; nginx would wait {nginx}")
    } else {
        return None;
    };
    let place = limit
        .written
        .clone()
        .or_else(|| route.settings.places.read_timeout.clone());
    let place = place.unwrap_or_else(|| route.written.clone());
    let wanted = patience.checked_sub(TOGETHER)?.as_secs();
    let subject = service::subject(peer);
    let source = Source::file(&place.file, Some(place.line).filter(|line| *line > 0));
    Some(
        Hit::new(&subject, Some(place), says, source)
            .why("a request that takes longer is cut off in the middle: 502, and 504 where nginx happens to be first")
            .change(format!(
                "set {name} to {wanted} s, just below nginx's {nginx} at {}, or both to what the slowest page may take",
                route.written
            ))
            .remedy(
                format!("let {subject} work {wanted} s on a request, just less than nginx waits"),
                service::turn(case, peer, &LIMIT, &wanted.to_string()).filter(|_| wanted > 0),
            ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[track_caller]
    fn check(fixture: Fixture, patience: u64, expect: &[&str]) {
        let fixture = fixture.with(|it| {
            it.route.as_mut().expect("a route").settings.read_timeout = Some(Duration::from_secs(patience));
        });
        assert_eq!(Survey::of(fixture).told(&TIMEOUTS_RACE), expect);
    }

    fn fpm(limit: f64) -> Fixture {
        Fixture::php_fpm().peer(move |peer| {
            let pool = peer
                .backend
                .as_mut()
                .and_then(|backend| backend.pool.as_mut())
                .expect("a pool");
            pool.terminate_timeout = Some(limit);
            pool.settings
                .push(("request_terminate_timeout".into(), format!("{limit}"), 77));
        })
    }

    #[test]
    fn fires_where_they_race_or_one_is_raised_in_vain() {
        let at = "php8.2-fpm.service at /etc/php/8.2/fpm/pool.d/www.conf:77";
        check(fpm(60.0), 60, &[at]);
        check(fpm(30.0), 300, &[at]);
        check(
            Fixture::gunicorn().runs("/opt/gunicorn --timeout 120 a:b"),
            600,
            &["app.service at /etc/systemd/system/app.service:5"],
        );
        check(
            Fixture::gunicorn(),
            60,
            &["app.service at /etc/nginx/sites-enabled/shop:12:22"],
        );
    }

    #[test]
    fn stays_quiet_where_the_limit_is_meant_or_there_is_none() {
        check(fpm(30.0), 60, &[]);
        check(fpm(120.0), 60, &[]);
        check(Fixture::php_fpm(), 300, &[]);
        check(Fixture::gunicorn().runs("/opt/gunicorn -t 50 a:b"), 60, &[]);
        check(Fixture::node(), 300, &[]);
    }

    #[test]
    fn the_limit_goes_just_below() {
        let survey = Survey::of(fpm(60.0));
        let hit = (TIMEOUTS_RACE.check)(&survey).hits.remove(0);
        assert_eq!(
            hit.remedies[0].title,
            "let php8.2-fpm.service work 58 s on a request, just less than nginx waits"
        );
    }
}
