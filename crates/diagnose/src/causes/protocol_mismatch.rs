use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::PeerSight,
    cause::{Group, Told, cause},
    service,
    speech::{Mismatch, Speech, mismatch, wanted},
    topology::Protocol,
    words::clip,
};
use host::Endpoint;
use logscan::{Complaint, Phase, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// nginx speaks HTTP to a FastCGI or uwsgi port, or the reverse, or HTTP/2 to an HTTP/1 port. Every request fails:
    /// reset, closed early, an invalid answer, or a wait until a time limit.
    /// # How to tell
    /// Ask the port what it speaks. uWSGI's log shows a block size of 21573 (GET) or 21327 (POST).
    /// # Fix
    /// The *_pass directive that fits.
    /// # Not this if
    /// Only some requests fail.
    pub static PROTOCOL_MISMATCH = {
        id: "protocol-mismatch",
        title: "the port speaks another protocol than nginx",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("block size: 21573", 95), ("block size: 21327", 95), ("block size: 16709", 95), ("proxy protocol", 75), ("invalid proxy header", 95), ("unsupported fastcgi protocol", 95), ("http2 frame", 70), ("4740180", 95)],
        effect_of: &["backend-port-taken"],
        settled_by: ("ask the port what it speaks", "curl -sv http://ADDRESS/ -o /dev/null"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["protocol-mismatch"],
        },
    }
}

/// Clocks of logs are whole seconds.
const SLACK: Duration = Duration::from_secs(2);

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::NotFastCgi(_) | Trouble::NotHttp => 80,
        Trouble::NotHttp2(_) => 60,
        Trouble::Receive(104) | Trouble::ClosedEarly if is_http_to_fastcgi_port(complaint) => 50,
        Trouble::Receive(104) => 9,
        Trouble::ClosedEarly => 7,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 1,
        _ => 0,
    }
}

/// HTTP to port 9000, where php-fpm listens unless told otherwise.
fn is_http_to_fastcgi_port(complaint: &Complaint) -> bool {
    let is_http = complaint.peer.as_ref().is_some_and(|peer| peer.scheme == "http");
    is_http && complaint.tcp().is_some_and(|address| address.port() == 9000)
}

fn weigh(case: &Case) -> Opinion {
    let found = found(case);
    let said = logged(case);
    let Some(peer) = found
        .map(|it| it.peer)
        .or_else(|| said.as_ref().map(|(peer, _)| *peer))
    else {
        return Opinion::none();
    };
    let wanted = case.route.as_ref().and_then(|route| wanted(route.protocol));
    let speaks = found.map_or("another protocol".to_owned(), |it| it.heard.to_string());
    let wanted = wanted.map_or("its protocol".to_owned(), |it| it.to_string());
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "nginx speaks {wanted} to {}, which speaks {speaks}",
            peer.endpoint
        ),
        evidence: found
            .map(|it| it.evidence())
            .into_iter()
            .chain(said.map(|(_, evidence)| evidence))
            .chain(garbled(case))
            .collect(),
    }
}

/// TLS and the lack of it have causes of their own.
fn found(case: &Case) -> Option<Mismatch<'_>> {
    mismatch(case).filter(|it| match it.wanted {
        Speech::Tls => it.heard != Speech::Http,
        Speech::Http | Speech::Http2 => it.heard != Speech::Tls,
        _ => true,
    })
}

/// The first letters of GET, POST and HEAD, read by uWSGI as the size of a packet.
const SIZES: [&str; 3] = ["block size: 21573", "block size: 21327", "block size: 16709"];

/// What the backend wrote of bytes it did not understand.
fn logged(case: &Case) -> Option<(&PeerSight, Evidence)> {
    let http = case
        .route
        .as_ref()
        .is_some_and(|route| route.protocol == Protocol::Http);
    let peer = case.peers.iter().find(|peer| peer.in_use && http)?;
    let unit = peer.backend.as_ref()?.unit.as_deref()?;
    let since = case.first().before(SLACK);
    let said = case.world.said_by(unit);
    let line = said.into_iter().rfind(|line| {
        line.at.is_some_and(|at| at >= since) && SIZES.iter().any(|size| line.text.contains(size))
    })?;
    let evidence = Evidence::supports(
        Rank::Strong,
        format!(
            "{unit} took the first letters of an HTTP request for a packet's size: {}",
            clip(line.text)
        ),
        line.source,
    );
    Some((peer, evidence))
}

/// nginx's own words for an answer in another protocol.
fn garbled(case: &Case) -> Option<Evidence> {
    let of_protocol = |trouble: &Trouble| {
        matches!(
            trouble,
            Trouble::NotFastCgi(_) | Trouble::NotHttp2(_) | Trouble::NotHttp
        )
    };
    let symptom = case.having(of_protocol).max_by_key(|symptom| symptom.last)?;
    Some(Evidence::supports(
        Rank::Hint,
        format!("nginx said of {} answers: {}", symptom.count, symptom.signature()),
        Source::file(&symptom.log, None),
    ))
}

/// What stands in nginx's config for a backend that speaks so.
fn directive(heard: Speech, at: &Endpoint) -> Option<String> {
    Some(match heard {
        Speech::Http => format!("proxy_pass http://{at};"),
        Speech::Tls => format!("proxy_pass https://{at};"),
        Speech::FastCgi => format!("include fastcgi_params; fastcgi_pass {at};"),
        Speech::Uwsgi => format!("include uwsgi_params; uwsgi_pass {at};"),
        Speech::Http2 => format!("grpc_pass grpc://{at};"),
        Speech::Proxied | Speech::Alien(_) => return None,
    })
}

fn advise(case: &Case) -> String {
    let Some(found) = found(case) else {
        return "ask the port what it speaks, and write the *_pass directive that fits".into();
    };
    let (endpoint, written) = (&found.peer.endpoint, &found.route.written);
    match (directive(found.heard, endpoint), found.heard) {
        (Some(directive), _) => format!(
            "at {written} write `{directive}` in place of `{}`, then nginx -t && systemctl reload nginx",
            found.route.pass
        ),
        (None, Speech::Proxied) => format!(
            "let {} take connections without a PROXY protocol header: nginx sends none from a location",
            service::subject(found.peer)
        ),
        (None, heard) => format!(
            "{endpoint} is a server of {heard}, not of web pages: at {written} write the address of the application"
        ),
    }
}

/// Only towards HTTP, which needs no parameters beside it.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some(found) = found(case).filter(|it| it.heard == Speech::Http) else {
        return Vec::new();
    };
    let route = found.route;
    let Some((name, address)) = route.pass.split_once(' ') else {
        return Vec::new();
    };
    let replace = |old: &str, new: String| Measure::NginxReplace {
        at: route.written.clone(),
        old: old.to_owned(),
        new,
    };
    let bare = address.trim_start_matches("grpc://");
    vec![Remedy::ask(
        format!(
            "ask {} in HTTP: proxy_pass in place of {name}",
            found.peer.endpoint
        ),
        vec![
            // the address first: where it begins is how the directive is found
            replace(address, format!("http://{bare}")),
            replace(name, "proxy_pass".to_owned()),
            Measure::ReloadNginx { nginx: route.nginx },
        ],
    )]
}

#[cfg(test)]
mod tests {
    use super::remedies;
    use crate::{
        testing::{Fixture, heard, http_talk},
        topology::Protocol,
    };
    use host::Talk;
    use logscan::{Phase, Trouble};

    const OK: &[u8] = b"HTTP/1.1 200 OK\r\n\r\n";

    #[test]
    fn fires_where_http_is_spoken_to_php_fpm() {
        Fixture::php_fpm()
            .speaks(Protocol::Http)
            .complains(Trouble::Receive(104), Phase::ReadingHeader)
            .heard(heard(http_talk(), b""))
            .heard(heard(Talk::FastCgi, &[1, 10, 0, 0, 0, 0, 0, 0]))
            .check("found protocol-mismatch");
    }

    #[test]
    fn fires_where_fastcgi_is_spoken_to_apache_and_mends_it() {
        let fixture = Fixture::apache()
            .fastcgi()
            .complains(Trouble::TimedOut, Phase::ReadingHeader)
            .second_look((2, 2), 0)
            .heard(heard(Talk::FastCgi, b""))
            .heard(heard(http_talk(), OK));
        assert_eq!(remedies(&fixture.clone().case())[0].measures.len(), 3);
        fixture.check("found protocol-mismatch");
    }

    #[test]
    fn fires_by_what_uwsgi_took_for_a_size() {
        Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(5, "invalid request block size: 21573 (max 4096)...skip")
            .check("found protocol-mismatch");
    }

    #[test]
    fn a_port_that_understands_nginx_is_none() {
        Fixture::apache()
            .complains(Trouble::NotHttp, Phase::ReadingHeader)
            .heard(heard(http_talk(), OK))
            .check("unexplained");
        Fixture::php_fpm()
            .complains(Trouble::Receive(104), Phase::ReadingHeader)
            .heard(heard(Talk::FastCgi, &[1, 10, 0, 0, 0, 0, 0, 0]))
            .check("unexplained");
    }

    #[test]
    fn a_large_request_is_another_matter() {
        Fixture::gunicorn()
            .speaks(Protocol::Uwsgi)
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .says(5, "invalid request block size: 5351 (max 4096)...skip")
            .check("found request-too-big-for-backend");
    }
}
