use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    speech::{self, Mismatch, Speech, mismatch},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// `proxy_pass https://` to a port that answers plain HTTP.
    /// # How to tell
    /// `wrong version number` while SSL handshaking to upstream.
    /// # Fix
    /// http:// in the pass directive, or TLS at the backend.
    /// # Not this if
    /// The port completes a handshake with another name (tls-name).
    pub static TLS_TO_PLAIN_BACKEND = {
        id: "tls-to-plain-backend",
        title: "nginx speaks TLS to a port that speaks plain HTTP",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("wrong version number", 95), ("unknown protocol", 85), ("packet length too long", 60)],
        effect_of: &["backend-port-taken"],
        settled_by: ("ask the port in plain HTTP", "curl -sv http://ADDRESS/ -o /dev/null"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["tls-to-plain-backend"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Tls { reason, .. } if is_plain(reason) => 96,
        Trouble::TlsClosed => 10,
        _ => 0,
    }
}

/// How OpenSSL 1.0, 1.1 and 3 say that the other side did not speak TLS.
fn is_plain(reason: &str) -> bool {
    [
        "wrong version number",
        "unknown protocol",
        "packet length too long",
        "http request",
    ]
    .iter()
    .any(|words| reason.contains(words))
}

fn weigh(case: &Case) -> Opinion {
    let said = case
        .having(|trouble| matches!(trouble, Trouble::Tls { reason, .. } if is_plain(reason)))
        .max_by_key(|symptom| symptom.last);
    let asked = mismatch(case).filter(is_plain_behind_tls);
    let evidence: Vec<Evidence> = said
        .map(|symptom| {
            Evidence::supports(
                Rank::Strong,
                format!(
                    "nginx could not shake hands {} times, last at {}: what it heard was not TLS",
                    symptom.count, symptom.last
                ),
                Source::log(&symptom.log, "SSL_do_handshake() failed"),
            )
        })
        .into_iter()
        .chain(asked.as_ref().map(Mismatch::evidence))
        .chain(speaks_tls(case))
        .collect();
    let at = said.and_then(|symptom| symptom.peer.as_ref());
    let at = asked
        .map(|it| &it.peer.endpoint)
        .or(at)
        .map(ToString::to_string)
        .unwrap_or_default();
    Opinion {
        says: format!("nginx speaks TLS to {at}, which speaks plain HTTP"),
        subject: at,
        evidence,
    }
}

fn is_plain_behind_tls(mismatch: &Mismatch<'_>) -> bool {
    (mismatch.wanted, mismatch.heard) == (Speech::Tls, Speech::Http)
}

/// The port may have been repaired since.
fn speaks_tls(case: &Case) -> Option<Evidence> {
    let peer = case
        .peers
        .iter()
        .find(|peer| speech::of(peer) == Some(Speech::Tls))?;
    Some(Evidence::refutes(
        Rank::Decisive,
        format!("{} completes a TLS handshake", peer.endpoint),
        Source::command(format!("openssl s_client -connect {} </dev/null", peer.endpoint)),
    ))
}

fn advise(case: &Case) -> String {
    let Some(route) = &case.route else {
        return String::new();
    };
    format!(
        "at {} write http:// in place of https:// (`{}`), then nginx -t && systemctl reload nginx; or give the backend a \
         certificate, if the way to it is not on this host",
        route.written, route.pass
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let asked = mismatch(case).filter(is_plain_behind_tls);
    asked
        .map(|it| it.scheme("https://", "http://"))
        .into_iter()
        .collect()
}

#[cfg(test)]
mod tests {
    use super::remedies;
    use crate::{
        Measure,
        testing::{Fixture, heard, http_talk},
        topology::Protocol,
    };
    use host::Talk;
    use logscan::{Phase, Trouble};

    fn refused(fixture: Fixture) -> Fixture {
        let trouble = Trouble::Tls {
            reason: "wrong version number".into(),
            alert: None,
        };
        fixture
            .speaks(Protocol::Https)
            .complains(trouble, Phase::Handshaking)
    }

    #[test]
    fn fires_where_the_port_answers_plain_http() {
        for fixture in [Fixture::apache(), Fixture::gunicorn()] {
            let fixture = refused(fixture).heard(heard(http_talk(), b"HTTP/1.1 200 OK\r\n\r\n"));
            let measures = remedies(&fixture.clone().case()).remove(0).measures;
            assert!(
                matches!(&measures[0], Measure::NginxReplace { old, new, .. } if old == "https://" && new == "http://")
            );
            fixture.check("found tls-to-plain-backend");
        }
    }

    #[test]
    fn fires_by_nginxs_own_word() {
        refused(Fixture::node()).check("found tls-to-plain-backend");
    }

    #[test]
    fn a_port_that_shakes_hands_is_not_plain() {
        refused(Fixture::apache())
            .heard(heard(Talk::Tls { sni: None }, b"\x15\x03\x03\0\x02\x02\x28"))
            .check("unexplained");
    }
}
