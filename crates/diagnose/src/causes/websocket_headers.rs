use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, Spoken},
    cause::{Group, Told, cause},
    evidence::quote,
    hop,
    topology::Route,
};
use host::Talk;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// A page hands out WebSockets, and the location that leads to it does not pass `Upgrade` and `Connection` on, or
    /// speaks HTTP/1.0 to the backend. The backend sees an ordinary request: many libraries answer 400 or 426, others
    /// close without an answer, which is 502.
    /// # How to tell
    /// Asked past nginx for a WebSocket the backend grants it (101); asked as nginx does it closes. The same request
    /// through nginx fails. nginx's logs don't tell an upgrade from any other GET.
    /// # Fix
    /// `proxy_http_version 1.1`, `proxy_set_header Upgrade $http_upgrade` and a `Connection` that says upgrade where the
    /// client does (a map of `$http_upgrade`). One `proxy_set_header` in a location ends those inherited from outside.
    /// # Not this if
    /// The location passes both, or the backend grants no WebSocket there.
    pub static WEBSOCKET_HEADERS = {
        id: "websocket-headers",
        title: "WebSocket upgrades do not get through",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("websocket", 75), ("socket.io", 70), ("upgrade required", 85), ("/ws/", 25)],
        effect_of: &[],
        settled_by: ("try an upgrade through nginx and past it", "curl -sv -H \"Connection: Upgrade\" -H \"Upgrade: websocket\" http://SITE/ws"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["websocket-headers"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly => 3,
        Trouble::Status(426) => 80,
        _ => 0,
    }
}

/// A route that keeps upgrades back from a peer that grants them, and the peer's word.
struct Kept<'a> {
    route: &'a Route,
    peer: &'a PeerSight,
    granted: &'a Spoken,
}

fn kept(case: &Case) -> Option<Kept<'_>> {
    let route = case.route.as_ref().filter(|route| !hop::passes_upgrades(route))?;
    case.peers.iter().filter(|peer| peer.in_use).find_map(|peer| {
        let granted = peer.speaks.iter().find(|it| it.is_upgraded())?;
        Some(Kept { route, peer, granted })
    })
}

fn weigh(case: &Case) -> Opinion {
    let Some(kept) = kept(case) else {
        return Opinion::none();
    };
    let at = &kept.peer.endpoint;
    let place = &kept.route.written;
    let mut evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!("{at}, asked for a WebSocket past nginx, grants it: 101 Switching Protocols"),
            Source::command(by_hand(&kept)),
        ),
        Evidence::supports(
            Rank::Strong,
            format!(
                "the location does not hand upgrades on: {}",
                missing(kept.route).join(", ")
            ),
            Source::file(&place.file, Some(place.line)),
        ),
    ];
    evidence.extend(through_nginx(case));
    Opinion {
        subject: at.to_string(),
        says: format!(
            "{at} hands out WebSockets, and nginx does not pass the upgrade of {} on",
            kept.route.location
        ),
        evidence,
    }
}

/// What the location lacks.
fn missing(route: &Route) -> Vec<&'static str> {
    let has = |name: &str| {
        let mut headers = route.settings.set_headers.iter();
        headers.any(|(field, value)| field.eq_ignore_ascii_case(name) && !value.is_empty())
    };
    let old = route.settings.http_version.as_deref() == Some("1.0");
    let all = [
        (old, "proxy_http_version is 1.0"),
        (!has("upgrade"), "no proxy_set_header Upgrade"),
        (!has("connection"), "no proxy_set_header Connection"),
    ];
    let missing = all.into_iter().filter(|(lacks, _)| *lacks);
    let missing: Vec<&str> = missing.map(|(_, says)| says).collect();
    if missing.is_empty() {
        return vec!["Connection does not say upgrade"];
    }
    missing
}

/// The upgrade asked of nginx itself.
fn through_nginx(case: &Case) -> Option<Evidence> {
    let asked = case.asked.as_ref().ok().filter(|it| it.question.upgrade)?;
    let source = Source::command(asked.command.clone());
    Some(match asked.status {
        Some(101) => Evidence::refutes(Rank::Decisive, "through nginx it is granted as well", source),
        Some(status) => Evidence::supports(
            Rank::Decisive,
            format!("through nginx the same request is answered {status}"),
            source,
        ),
        None => Evidence::supports(Rank::Hint, "through nginx it is not answered", source),
    })
}

fn by_hand(kept: &Kept<'_>) -> String {
    let target = match &kept.granted.talk {
        Talk::Upgrade { target, .. } => target.as_str(),
        _ => "/",
    };
    format!(
        "curl -sv -m 2 -H 'Connection: Upgrade' -H 'Upgrade: websocket' -H 'Sec-WebSocket-Version: 13' \
         -H 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==' {}",
        quote(&format!("http://{}{target}", kept.peer.endpoint))
    )
}

/// `upgrade` where the location is for that alone; else what the client said, for a fixed one would break the others.
fn connection(route: &Route) -> &'static str {
    if matches!(route.location.as_str(), "" | "/") {
        "$http_connection"
    } else {
        "\"upgrade\""
    }
}

fn advise(case: &Case) -> String {
    let Some(kept) = kept(case) else {
        return String::new();
    };
    let place = &kept.route.written;
    format!(
        "beside {place} write: proxy_http_version 1.1; proxy_set_header Upgrade $http_upgrade; proxy_set_header Connection \
         {}; and proxy_read_timeout for how long a socket may be silent; then nginx -t && systemctl reload nginx",
        connection(kept.route)
    )
}

/// With every header that is in effect, for a first `proxy_set_header` in a block ends those it inherits.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some(kept) = kept(case) else {
        return Vec::new();
    };
    let route = kept.route;
    let set = |name: &str, value: String| Measure::NginxSet {
        beside: route.written.clone(),
        name: name.to_owned(),
        value,
    };
    let mut measures = vec![set("proxy_http_version", "1.1".to_owned())];
    let ours = |field: &str| ["upgrade", "connection"].contains(&field.to_ascii_lowercase().as_str());
    let others = route
        .settings
        .set_headers
        .iter()
        .filter(|(field, _)| !ours(field));
    let others = others.map(|(field, value)| set("proxy_set_header", format!("{field} {}", word(value))));
    measures.extend(others);
    measures.push(set("proxy_set_header", "Upgrade $http_upgrade".to_owned()));
    measures.push(set(
        "proxy_set_header",
        format!("Connection {}", connection(route)),
    ));
    measures.push(Measure::ReloadNginx { nginx: route.nginx });
    vec![Remedy::ask(
        format!("hand upgrades of {} on to {}", route.location, kept.peer.endpoint),
        measures,
    )]
}

/// A value as nginx reads it back.
fn word(value: &str) -> String {
    let special = |c: char| c.is_whitespace() || ";{}\"'\\#".contains(c);
    if !value.is_empty() && !value.contains(special) {
        return value.to_owned();
    }
    format!("\"{}\"", value.replace('\\', "\\\\").replace('"', "\\\""))
}

#[cfg(test)]
mod tests {
    use crate::testing::{Fixture, heard, http_talk};
    use host::Talk;
    use logscan::{Phase, Trouble};

    /// It closes on a plain request and answers this to an upgrade.
    fn asked(fixture: Fixture, answer: &[u8]) -> Fixture {
        let talk = Talk::Upgrade {
            target: "/ws".into(),
            host: "shop.example".into(),
            tls: None,
            patience_ms: 700,
        };
        fixture
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .heard(heard(http_talk(), b""))
            .heard(heard(talk, answer))
            .with(|it| {
                if let Ok(asked) = &mut it.asked {
                    asked.question.upgrade = true;
                }
            })
    }

    fn passes(fixture: Fixture) -> Fixture {
        fixture.with(|it| {
            let settings = &mut it.route.as_mut().expect("a route").settings;
            settings.http_version = Some("1.1".into());
            let headers = [("Upgrade", "$http_upgrade"), ("Connection", "upgrade")];
            settings.set_headers = headers
                .map(|(field, value)| (field.into(), value.into()))
                .to_vec();
        })
    }

    const GRANTED: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n";

    #[test]
    fn fires_where_the_backend_grants_what_nginx_keeps_back() {
        for fixture in [Fixture::node(), Fixture::gunicorn()] {
            asked(fixture, GRANTED).check("found websocket-headers");
        }
    }

    #[test]
    fn stays_quiet_where_upgrades_get_through_or_are_not_granted() {
        passes(asked(Fixture::node(), GRANTED)).check("unexplained");
        asked(Fixture::node(), b"HTTP/1.1 404 Not Found\r\n\r\n").check("unexplained");
        asked(Fixture::node(), GRANTED)
            .with(|it| {
                if let Ok(asked) = &mut it.asked {
                    asked.status = Some(101);
                }
            })
            .check_not("websocket-headers");
    }

    #[test]
    fn hands_on_what_is_inherited_too() {
        let host = |it: &mut Fixture| {
            let settings = &mut it.route.as_mut().expect("a route").settings;
            settings.set_headers = vec![("Host".into(), "$host".into()), ("X-A".into(), String::new())];
        };
        let place = "/etc/nginx/sites-enabled/shop:12";
        let expect = format!(
            "ask: {place} proxy_http_version 1.1; {place} proxy_set_header Host $host; {place} proxy_set_header X-A \"\"; \
             {place} proxy_set_header Upgrade $http_upgrade; {place} proxy_set_header Connection $http_connection; \
             reload nginx"
        );
        asked(Fixture::node(), GRANTED).with(host).offers(&[&expect]);
    }
}
