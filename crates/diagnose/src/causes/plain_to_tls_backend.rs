use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, Spoken},
    cause::{Group, Told, cause},
    speech::{Mismatch, Speech, mismatch},
};
use host::Talk;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// `proxy_pass http://` to a port that expects TLS: it closes, or answers 400 `plain HTTP request was sent to HTTPS
    /// port`.
    /// # How to tell
    /// Every request fails so; the port completes a TLS handshake.
    /// # Fix
    /// https:// with the right name.
    /// # Not this if
    /// The port does not speak TLS.
    pub static PLAIN_TO_TLS_BACKEND = {
        id: "plain-to-tls-backend",
        title: "nginx speaks plain HTTP to a TLS port",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("first record does not look like a tls handshake", 95), ("plain http request was sent to https port", 98), ("client sent an http request to an https server", 98), ("http request to an https server", 98)],
        effect_of: &["backend-port-taken"],
        settled_by: ("try a TLS handshake", "openssl s_client -connect ADDRESS </dev/null"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["plain-to-tls-backend"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly
            if complaint
                .tcp()
                .is_some_and(|it| [443, 8443, 9443].contains(&it.port())) =>
        {
            70
        }
        Trouble::ClosedEarly => 7,
        Trouble::NotHttp => 30,
        Trouble::Receive(104) => 2,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(found) = found(case) else {
        return Opinion::none();
    };
    let endpoint = &found.peer.endpoint;
    let mut evidence = vec![found.evidence()];
    evidence.extend(told_off(found.peer));
    Opinion {
        subject: endpoint.to_string(),
        says: format!(
            "nginx speaks plain {} to {endpoint}, which expects TLS",
            found.wanted
        ),
        evidence,
    }
}

fn found(case: &Case) -> Option<Mismatch<'_>> {
    mismatch(case).filter(|it| it.heard == Speech::Tls && matches!(it.wanted, Speech::Http | Speech::Http2))
}

/// Some servers say in plain HTTP what they miss.
fn told_off(peer: &PeerSight) -> Option<Evidence> {
    let says_so = |spoken: &Spoken| {
        let text = String::from_utf8_lossy(&spoken.answer.heard.0).to_lowercase();
        spoken.http_status() == Some(400) && (text.contains("https") || text.contains("ssl"))
    };
    peer.speaks.iter().find(|spoken| says_so(spoken)).map(|_| {
        Evidence::supports(
            Rank::Strong,
            format!(
                "asked in plain HTTP, {} answers 400 and names HTTPS",
                peer.endpoint
            ),
            Source::command(format!("curl -s http://{}/", peer.endpoint)),
        )
    })
}

fn advise(case: &Case) -> String {
    let Some(found) = found(case) else {
        return String::new();
    };
    let route = found.route;
    let name = match found.wanted {
        Speech::Http2 => "grpcs:// in place of grpc://",
        _ => "https:// in place of http://",
    };
    format!(
        "at {} write {name} (`{}`), and beside it proxy_ssl_server_name on; with the name of the certificate as \
         proxy_ssl_name, then nginx -t && systemctl reload nginx",
        route.written, route.pass
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let scheme = |found: Mismatch<'_>| match found.wanted {
        Speech::Http2 => found.scheme("grpc://", "grpcs://"),
        _ => found.scheme("http://", "https://"),
    };
    // the scheme stands before the address only where no upstream block is between
    found(case)
        .filter(|it| it.route.pass.contains("://"))
        .map(|it| with_name(it, scheme(it)))
        .into_iter()
        .collect()
}

/// A server that was only heard to shake hands by name is asked by that name.
fn with_name(found: Mismatch<'_>, mut remedy: Remedy) -> Remedy {
    let completed = |name: Option<&str>| found.peer.speaks.iter().any(|it| it.shook_hands_as(name));
    let Some(name) = found.peer.speaks.iter().find_map(|it| match &it.talk {
        Talk::Tls { sni: Some(name) } if completed(Some(name)) && !completed(None) => Some(name),
        _ => None,
    }) else {
        return remedy;
    };
    let prefix = if found.wanted == Speech::Http2 {
        "grpc"
    } else {
        "proxy"
    };
    for (what, value) in [("ssl_server_name", "on"), ("ssl_name", name)] {
        remedy.measures.insert(
            1,
            Measure::NginxSet {
                beside: found.route.written.clone(),
                name: format!("{prefix}_{what}"),
                value: value.to_owned(),
            },
        );
    }
    remedy
}

#[cfg(test)]
mod tests {
    use super::remedies;
    use crate::testing::{Fixture, heard, http_talk};
    use host::Talk;
    use logscan::{Phase, Trouble};

    const ALERT: &[u8] = b"\x15\x03\x03\0\x02\x02\x28";

    #[test]
    fn fires_where_the_port_speaks_tls() {
        for fixture in [Fixture::node(), Fixture::gunicorn()] {
            let fixture = fixture
                .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
                .heard(heard(http_talk(), b""))
                .heard(heard(Talk::Tls { sni: None }, ALERT));
            let title = remedies(&fixture.clone().case()).remove(0).title;
            assert!(title.starts_with("write https:// in place of http://"), "{title}");
            fixture.check("found plain-to-tls-backend");
        }
    }

    #[test]
    fn a_400_in_plain_words_does_not_make_it_plain() {
        Fixture::apache()
            .complains(Trouble::NotHttp, Phase::ReadingHeader)
            .heard(heard(
                http_talk(),
                b"HTTP/1.1 400 Bad Request\r\n\r\nYou're speaking plain HTTP to an SSL-enabled server port.",
            ))
            .heard(heard(Talk::Tls { sni: None }, ALERT))
            .check("found plain-to-tls-backend");
    }

    #[test]
    fn a_worker_that_dies_is_none() {
        Fixture::gunicorn()
            .complains(Trouble::ClosedEarly, Phase::ReadingHeader)
            .heard(heard(http_talk(), b""))
            .heard(heard(Talk::Tls { sni: None }, b""))
            .check("unexplained");
    }
}
