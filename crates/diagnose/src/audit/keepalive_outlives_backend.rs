use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Measure, Source,
    case::PeerSight,
    elsewhere::reload_nginx,
    service,
    survey::{
        Survey,
        limits::{self, Limit},
    },
    topology::{Route, Target},
    words::span,
};
use std::time::Duration;

rule! {
    /// # What it sees
    /// An `upstream {}` with `keepalive`, and a backend that closes idle connections earlier than nginx's own
    /// `keepalive_timeout` there (60 s unless set): Node 5 s, gunicorn with threads 2 s, Apache 5 s by default.
    /// # How it becomes a 502
    /// nginx sends a request on a connection that the backend is just closing and gets a reset. It asks again on another
    /// one for GET; a POST it must not repeat, so that is a 502. It is rare, and nothing in the backend's log tells of it.
    /// # The change
    /// nginx gives idle connections up first: `keepalive_timeout` of the upstream block below the backend's, or the
    /// backend's above nginx's.
    /// # Quiet where
    /// nginx keeps no connections (no `keepalive`, HTTP/1.0, `Connection: close`), or the backend keeps them longer.
    pub static KEEPALIVE_OUTLIVES_BACKEND = {
        id: "keepalive-outlives-backend",
        title: "nginx keeps connections longer than the backend does",
        level: Level::Note,
        needs: Needs::Host,
        foresees: &["keepalive-race"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let (mut hits, mut unseen) = (Vec::new(), Vec::new());
    for (case, route, peer) in survey.peers() {
        let Some(kept) = kept(route) else { continue };
        match limits::of_idle(survey, case, peer) {
            Ok(Some(limit)) if limit.time <= kept => hits.push(hit(case, route, peer, kept, &limit)),
            Ok(_) => {}
            Err(blind) => unseen.push(blind),
        }
    }
    Checked::from(once(hits)).blind(unseen)
}

/// How long nginx keeps an idle connection of this route: only HTTP/1.1 without `Connection: close`, which is nginx's own
/// header unless another is set (before 1.29.7).
fn kept(route: &Route) -> Option<Duration> {
    let settings = &route.settings;
    let kept = settings.keepalive?;
    let old = settings.http_version.as_deref() == Some("1.0");
    let header = settings
        .set_headers
        .iter()
        .find(|(field, _)| field.eq_ignore_ascii_case("connection"));
    let closes = header.is_some_and(|(_, value)| value.eq_ignore_ascii_case("close"));
    (!old && !closes).then_some(kept)
}

fn hit(case: &Case, route: &Route, peer: &PeerSight, kept: Duration, limit: &Limit) -> Hit {
    let (subject, place) = (service::subject(peer), route.settings.places.keepalive.clone());
    let wanted = limit.time.as_secs().saturating_sub(1);
    let by = if limit.is_default { ", its default" } else { "" };
    let says = format!(
        "nginx keeps idle connections for {}, {} is {}{by}",
        span(kept),
        limit.name,
        span(limit.time)
    );
    let place = place.unwrap_or_else(|| route.written.clone());
    let source = Source::file(&place.file, Some(place.line));
    Hit::new(&subject, Some(place), says, source)
        .why("a POST sent on a connection that the backend is just closing is lost: 502, rarely and without a trace")
        .change(format!(
            "set `keepalive_timeout {}s;` in the upstream block, or {} above {}",
            wanted.max(1),
            limit.name,
            span(kept)
        ))
        .remedy(
            format!("let nginx give idle connections to {subject} up after {wanted} s"),
            measures(case, route, wanted).filter(|_| wanted > 0),
        )
}

fn measures(case: &Case, route: &Route, seconds: u64) -> Option<Vec<Measure>> {
    let Target::Group { servers, .. } = &route.target else {
        return None;
    };
    let set = Measure::NginxSet {
        beside: servers.first()?.written.clone(),
        name: "keepalive_timeout".into(),
        value: format!("{seconds}s"),
    };
    Some(vec![set, reload_nginx(case)?])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing::Fixture, topology::Place};

    fn kept(fixture: Fixture, version: &str, connection: &str) -> Fixture {
        fixture.with(|it| {
            let settings = &mut it.route.as_mut().expect("a route").settings;
            settings.keepalive = Some(Duration::from_secs(60));
            settings.http_version = Some(version.into());
            settings.set_headers = vec![("Connection".into(), connection.into())];
            settings.places.keepalive = Some(Place::line("/etc/nginx/conf.d/up.conf".as_ref(), 3));
        })
    }

    #[test]
    fn fires_where_the_backend_closes_first() {
        let survey = Survey::of(kept(Fixture::node(), "1.1", ""));
        assert_eq!(
            survey.told(&KEEPALIVE_OUTLIVES_BACKEND),
            ["web.service at /etc/nginx/conf.d/up.conf:3"]
        );
        let survey = Survey::of(kept(Fixture::apache(), "1.1", ""));
        assert_eq!(survey.told(&KEEPALIVE_OUTLIVES_BACKEND).len(), 1);
    }

    #[test]
    fn stays_quiet_where_nothing_is_kept_or_the_backend_keeps_longer() {
        for (version, connection) in [("1.0", ""), ("1.1", "close")] {
            let survey = Survey::of(kept(Fixture::node(), version, connection));
            assert!(
                survey.told(&KEEPALIVE_OUTLIVES_BACKEND).is_empty(),
                "{version} {connection}"
            );
        }
        let longer = Survey::of(kept(Fixture::node(), "1.1", ""));
        let longer = longer.with_file("web.service", "/srv/s.js", "server.keepAliveTimeout = 65000;\n");
        assert!(longer.told(&KEEPALIVE_OUTLIVES_BACKEND).is_empty());
        assert!(
            Survey::of(Fixture::node())
                .told(&KEEPALIVE_OUTLIVES_BACKEND)
                .is_empty()
        );
    }
}
