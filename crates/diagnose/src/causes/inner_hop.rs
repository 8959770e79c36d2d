use crate::{
    Case, Class, Evidence, Opinion, Rank, Source, Symptom,
    case::{MadeBy, PeerSight, Spoken},
    cause::{Group, Told, cause},
    topology::BackendKind,
};
use host::Endpoint;
use logscan::Complaint;

cause! {
    /// # What happens
    /// nginx reached its upstream, and the upstream itself answered 502 or 504: the fault lies one hop further in. This
    /// nginx passes the answer on and writes nothing into its error log.
    /// # How to tell
    /// `$upstream_status` in the access log is already 502, `$upstream_header_time` is a number, and asking the upstream
    /// directly gives the same. Its `Server:` header tells which program made the page.
    /// # Fix
    /// Look at the upstream's own logs; where it is a proxy, run why502 there. Nothing in this nginx mends it.
    /// # Not this if
    /// nginx's error log has a line for the request: then nginx made the 502 itself.
    pub static INNER_HOP = {
        id: "inner-hop",
        title: "the upstream itself answered with the error",
        group: Group::Application,
        class: Class::Inform,
        share_of: |_: &Complaint| 0,
        phrases: &[("50x.html\" failed", 75), ("502.html\" failed", 60)],
        effect_of: &["broker-down", "cache-down", "cache-full", "db-connection-limit", "db-down", "db-password-wrong", "db-slow", "k8s-no-endpoints", "search-down"],
        settled_by: ("ask the upstream directly, without nginx", "curl -sv http://UPSTREAM/ -o /dev/null"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["inner-hop"],
        },
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, status)) = passed_on(case) else {
        return Opinion::none();
    };
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!(
            "{} answers {status} came from the upstream; nginx only passed them on",
            symptom.count
        ),
        Source::log(&symptom.log, &status.to_string()),
    )];
    let peer = peer(case, symptom);
    evidence.extend(peer.and_then(|peer| a_proxy(case, peer)));
    evidence.extend(peer.and_then(|peer| says_so_directly(peer, status)));
    evidence.extend(nginx_made_others(case));
    let at = peer.map_or("the upstream".into(), |peer| peer.endpoint.to_string());
    Opinion {
        says: format!("{at} itself answered {status}: the fault is behind it, not between nginx and it"),
        subject: at,
        evidence,
    }
}

/// The commonest gateway error that the upstream made.
fn passed_on(case: &Case) -> Option<(&Symptom, u16)> {
    case.symptoms
        .iter()
        .filter(|symptom| symptom.made_by == MadeBy::Upstream)
        .filter_map(|symptom| Some((symptom, symptom.status?)))
        .filter(|(_, status)| matches!(status, 502 | 504))
        .max_by_key(|(symptom, _)| symptom.count)
}

fn peer<'a>(case: &'a Case, symptom: &Symptom) -> Option<&'a PeerSight> {
    let named = case
        .peers
        .iter()
        .find(|peer| Some(&peer.endpoint) == symptom.peer.as_ref());
    named.or_else(|| case.peers.iter().find(|peer| peer.in_use))
}

fn a_proxy(case: &Case, peer: &PeerSight) -> Option<Evidence> {
    let backend = peer.backend.as_ref()?;
    if backend.kind? != BackendKind::Proxy {
        return None;
    }
    let name = case
        .processes_of(peer)
        .next()
        .map_or("a proxy", |process| process.comm.as_str());
    let unit = backend.unit.as_deref().unwrap_or("no unit");
    Some(Evidence::supports(
        Rank::Decisive,
        format!("{} is served by {name} ({unit}), itself a proxy", peer.endpoint),
        Source::listeners(&peer.endpoint),
    ))
}

fn says_so_directly(peer: &PeerSight, status: u16) -> Option<Evidence> {
    let direct = peer.speaks.iter().find_map(Spoken::http_status)?;
    let source = ask(&peer.endpoint);
    match direct {
        _ if direct == status => Some(Evidence::supports(
            Rank::Decisive,
            format!("asked directly, {} answers {status} too", peer.endpoint),
            source,
        )),
        ..400 => Some(Evidence::refutes(
            Rank::Hint,
            format!("asked directly, {} answers {direct} now", peer.endpoint),
            source,
        )),
        _ => None,
    }
}

fn ask(endpoint: &Endpoint) -> Source {
    Source::command(match endpoint {
        Endpoint::Tcp(at) => format!("curl -s -o /dev/null -w '%{{http_code}}' http://{at}/"),
        Endpoint::Unix(path) => format!(
            "curl -s -o /dev/null -w '%{{http_code}}' --unix-socket {} http://x/",
            crate::evidence::quote(&path.to_string_lossy())
        ),
    })
}

/// Failures that nginx made itself need another explanation.
fn nginx_made_others(case: &Case) -> Option<Evidence> {
    let own = case
        .symptoms
        .iter()
        .filter(|symptom| symptom.made_by == MadeBy::Nginx && symptom.complaint.is_some())
        .max_by_key(|symptom| symptom.count)?;
    Some(Evidence::refutes(
        Rank::Strong,
        format!("nginx made {} errors of this route itself", own.count),
        Source::file(&own.log, None),
    ))
}

fn advise(case: &Case) -> String {
    let Some((symptom, _)) = passed_on(case) else {
        return String::new();
    };
    let Some(peer) = peer(case, symptom) else {
        return "look at the upstream's own error log, and run why502 on its host".into();
    };
    let backend = peer.backend.as_ref();
    match backend.and_then(|backend| backend.unit.as_deref()) {
        Some(unit) => format!("look at what {unit} says of its own backend: journalctl -u {unit} -n 50"),
        None => format!("run why502 on the host behind {}", peer.endpoint),
    }
}

#[cfg(test)]
mod tests {
    use crate::{
        case::MadeBy,
        testing::{Fixture, heard, http_talk},
        topology::BackendKind,
    };

    #[test]
    fn fires_behind_a_proxy() {
        Fixture::apache()
            .passed_on(502)
            .peer(|peer| peer.backend.as_mut().expect("has one").kind = Some(BackendKind::Proxy))
            .check("found inner-hop");
    }

    #[test]
    fn fires_where_the_upstream_says_so_itself() {
        Fixture::gunicorn()
            .passed_on(502)
            .peer(|peer| {
                peer.speaks
                    .push(heard(http_talk(), b"HTTP/1.1 502 Bad Gateway\r\n\r\n"))
            })
            .check("found inner-hop");
    }

    #[test]
    fn stays_quiet_where_nginx_made_it() {
        Fixture::gunicorn().connect_fails(111).check("unexplained");
    }

    #[test]
    fn stays_quiet_for_an_applications_own_500() {
        Fixture::gunicorn().passed_on(500).check("unexplained");
    }

    #[test]
    fn says_nothing_where_it_is_not_known_who_made_it() {
        Fixture::gunicorn()
            .passed_on(502)
            .with(|it| it.symptoms[0].made_by = MadeBy::Unknown)
            .check("unexplained");
    }
}
