use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Measure, Source,
    case::PeerSight,
    elsewhere::reload_nginx,
    survey::Survey,
    topology::{Protocol, Route},
};
use host::Endpoint;

rule! {
    /// # What it sees
    /// A location with less room for an answer's header (`*_buffer_size`, 4 KiB unless set) than another place of the same
    /// configuration grants to the same backend, or than an inner nginx of this host, which is what it asks, takes from its
    /// own backend.
    /// # How it becomes a 502
    /// Somebody has met `upstream sent too big header` and raised the buffer in one place. The same header, coming through
    /// the other one, is still too big: 502 for those who have the cookies that make it so.
    /// # The change
    /// The same size in both places, or once in `http`.
    /// # Quiet where
    /// The same backend is asked with the same size everywhere.
    pub static HEADER_BUFFER_SMALL = {
        id: "header-buffer-small",
        title: "an answer's header has less room here than elsewhere",
        level: Level::Warning,
        needs: Needs::Config,
        foresees: &["header-too-big"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let found = survey
        .peers()
        .filter_map(|(case, route, peer)| hit(survey, case, route, peer));
    once(found).into()
}

fn hit(survey: &Survey, case: &Case, route: &Route, peer: &PeerSight) -> Option<Hit> {
    let (prefix, size) = (prefix(route.protocol)?, route.settings.header_buffer?);
    let roomier = |other: &&Route| other.settings.header_buffer.is_some_and(|more| more > size);
    let same = survey
        .peers()
        .filter(|(_, other, at)| at.endpoint == peer.endpoint && other.protocol == route.protocol)
        .map(|(_, other, _)| other)
        .filter(roomier);
    let inner = survey
        .peers()
        .map(|(_, other, _)| other)
        .filter(|other| serves(other, &peer.endpoint))
        .filter(roomier);
    let inner = inner.filter(|other| other.written != route.written);
    let same = same
        .max_by_key(|other| other.settings.header_buffer)
        .map(|other| (other, "asks the same backend with"));
    let (other, how) = same.or_else(|| {
        inner
            .max_by_key(|other| other.settings.header_buffer)
            .map(|other| (other, "behind it, takes headers of up to"))
    })?;
    let (more, place) = (
        other.settings.header_buffer?,
        other.settings.places.header_buffer.as_ref(),
    );
    let place = super::spot(place.unwrap_or(&other.written));
    let says = format!(
        "{prefix}_buffer_size is {} here for {}, and {place} {how} {}",
        bytes(size),
        peer.endpoint,
        bytes(more)
    );
    let source = Source::file(&route.written.file, Some(route.written.line));
    Some(
        Hit::new(
            format!("{}{}", route.site, location(route)),
            Some(route.written.clone()),
            says,
            source,
        )
        .why("a header that fits there is too big here: 502, for visitors with large cookies first")
        .change(format!(
            "set `{prefix}_buffer_size {};` here too, and {prefix}_buffers along with it",
            bytes(more)
        ))
        .remedy(
            format!("give the answer's header {} at {}", bytes(more), route.written),
            measures(case, route, prefix, more),
        ),
    )
}

/// That route is of a site which listens where this one asks: an inner nginx.
fn serves(other: &Route, asked: &Endpoint) -> bool {
    other.listen.iter().any(|listen| match (&listen.endpoint, asked) {
        (Endpoint::Tcp(bound), Endpoint::Tcp(asked)) => {
            let local = asked.ip().is_loopback() && bound.ip().is_unspecified();
            bound.port() == asked.port() && (bound.ip() == asked.ip() || local)
        }
        (bound, asked) => bound == asked,
    })
}

fn location(route: &Route) -> String {
    if route.location.starts_with('/') {
        route.location.clone()
    } else {
        format!(" {}", route.location)
    }
}

fn prefix(protocol: Protocol) -> Option<&'static str> {
    Some(match protocol {
        Protocol::Http | Protocol::Https => "proxy",
        Protocol::FastCgi => "fastcgi",
        Protocol::Uwsgi => "uwsgi",
        Protocol::Scgi => "scgi",
        _ => return None,
    })
}

fn bytes(size: u64) -> String {
    if size.is_multiple_of(1024) {
        format!("{}k", size / 1024)
    } else {
        size.to_string()
    }
}

/// nginx wants the busy buffers below all of them but one, so they grow together.
fn measures(case: &Case, route: &Route, prefix: &str, size: u64) -> Option<Vec<Measure>> {
    let set = |name: &str, value: String| Measure::NginxSet {
        beside: route.written.clone(),
        name: format!("{prefix}_{name}"),
        value,
    };
    Some(vec![
        set("buffer_size", bytes(size)),
        set("buffers", format!("8 {}", bytes(size))),
        set("busy_buffers_size", bytes(size * 2)),
        reload_nginx(case)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{Fixture, endpoint},
        topology::Listen,
    };

    /// Two routes; the second with this much room, at this location, listening there.
    fn two(asks: &str, room: u64, listens: &str) -> Survey {
        Survey::of(Fixture::apache()).with(|it| {
            let mut other = it.routes[0].clone();
            let route = other.route.as_mut().expect("a route");
            route.settings.header_buffer = Some(room);
            route.location = "/account".into();
            route.written.line = 40;
            route.listen = vec![Listen {
                endpoint: endpoint(listens),
                tls: false,
            }];
            other.peers[0].endpoint = endpoint(asks);
            it.routes.push(other);
        })
    }

    #[test]
    fn fires_where_the_same_backend_is_granted_more_elsewhere() {
        let told = two("127.0.0.1:7080", 16 << 10, "0.0.0.0:80").told(&HEADER_BUFFER_SMALL);
        assert_eq!(told, ["shop.example/ at /etc/nginx/sites-enabled/shop:12:22"]);
        let inner = two("127.0.0.1:9", 16 << 10, "127.0.0.1:7080").told(&HEADER_BUFFER_SMALL);
        assert_eq!(inner, ["shop.example/ at /etc/nginx/sites-enabled/shop:12:22"]);
    }

    #[test]
    fn stays_quiet_where_it_is_the_same_or_another_backend() {
        for survey in [
            two("127.0.0.1:7080", 4096, "0.0.0.0:80"),
            two("127.0.0.1:9", 16 << 10, "0.0.0.0:80"),
        ] {
            assert!(survey.told(&HEADER_BUFFER_SMALL).is_empty());
        }
    }
}
