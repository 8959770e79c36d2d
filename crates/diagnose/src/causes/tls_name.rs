use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::PeerSight,
    cause::{Group, Told, cause},
    handshake,
    topology::Route,
};
use host::looks::certificate;
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The upstream chooses its certificate by name (SNI) and nginx sends none, or the wrong one: a handshake alert, or
    /// the certificate of another site.
    /// # How to tell
    /// Alert 40 or 112, or `does not match`; with SNI the handshake succeeds, without it fails.
    /// # Fix
    /// `proxy_ssl_server_name on;` and `proxy_ssl_name`.
    /// # Not this if
    /// It fails with the right name too (tls-version, tls-untrusted).
    pub static TLS_NAME = {
        id: "tls-name",
        title: "the TLS upstream wants another name",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("unrecognized name", 95), ("alert number 112", 95), ("alert number 40", 75), ("handshake failure", 65), ("certificate does not match", 80)],
        effect_of: &[],
        settled_by: ("shake hands with and without the name", "openssl s_client -connect ADDRESS -servername NAME </dev/null"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["tls-name"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Tls { alert: Some(112), .. } | Trouble::TlsName(_) => 95,
        Trouble::Tls { alert: Some(40), .. } => 75,
        Trouble::Tls { reason, .. } if reason.contains("handshake failure") => 70,
        Trouble::TlsClosed => 35,
        Trouble::Tls { alert: Some(_), .. } => 20,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let (Some((symptom, peer)), Some(route)) = (refused(case), &case.route) else {
        return Opinion::none();
    };
    let at = handshake::at(symptom);
    let mut evidence = vec![said(symptom, &at)];
    evidence.extend(peer.and_then(|peer| wants_a_name(route, peer, &at)));
    evidence.extend(peer.and_then(|peer| holds(symptom, peer, &at)));
    evidence.extend(peer.and_then(|peer| needs_none(symptom, route, peer, &at)));
    let wanted = peer.and_then(|peer| wanted(route, peer));
    let wanted = wanted.map_or("another name than nginx gives".to_owned(), |name| {
        format!("the name {name}")
    });
    Opinion {
        says: format!("{at} wants {wanted}"),
        subject: at,
        evidence,
    }
}

fn refused(case: &Case) -> Option<(&Symptom, Option<&PeerSight>)> {
    handshake::refused(case, |trouble| match trouble {
        Trouble::TlsName(_) | Trouble::TlsClosed => true,
        Trouble::Tls { alert, reason } => {
            matches!(alert, Some(40 | 80 | 112)) || reason.contains("handshake failure")
        }
        _ => false,
    })
}

/// What nginx said. Alert 112 is unrecognized_name (RFC 6066); 40 has many reasons.
fn said(symptom: &Symptom, at: &str) -> Evidence {
    let rank = match symptom.trouble() {
        Some(Trouble::TlsName(_)) => Rank::Decisive,
        Some(Trouble::Tls { alert: Some(112), .. }) => Rank::Strong,
        _ => Rank::Hint,
    };
    Evidence::supports(
        rank,
        format!(
            "nginx said of {at}, {} times: {}",
            symptom.count,
            symptom.signature()
        ),
        Source::file(&symptom.log, None),
    )
}

/// The name with which a handshake completed that fails as nginx makes it.
fn wanted<'a>(route: &Route, peer: &'a PeerSight) -> Option<&'a str> {
    if handshake::as_nginx(route, peer) != Some(false) {
        return None;
    }
    handshake::completed(peer).find_map(|(name, _)| name)
}

fn wants_a_name(route: &Route, peer: &PeerSight, at: &str) -> Option<Evidence> {
    let name = wanted(route, peer)?;
    let sends = handshake::sent_name(route).map_or("no name".to_owned(), |sent| format!("{sent:?}"));
    Some(Evidence::supports(
        Rank::Decisive,
        format!(
            "the handshake completes with the name {name} and fails with {sends}, which is what nginx sends"
        ),
        Source::command(handshake::command(at, Some(name))),
    ))
}

/// What the certificate is for, against what nginx expects.
fn holds(symptom: &Symptom, peer: &PeerSight, at: &str) -> Option<Evidence> {
    let Some(Trouble::TlsName(expected)) = symptom.trouble() else {
        return None;
    };
    let own = handshake::shown(peer).next()?;
    let source = Source::command(handshake::command(at, None));
    if certificate::is_for(own, expected) == Some(true) {
        return Some(Evidence::refutes(
            Rank::Decisive,
            format!("the certificate it shows now is for {expected}"),
            source,
        ));
    }
    let names = certificate::names(own).join(", ");
    Some(Evidence::supports(
        Rank::Strong,
        format!("its certificate is for {names}; nginx expects {expected:?}"),
        source,
    ))
}

/// A handshake without the right name completes all the same.
fn needs_none(symptom: &Symptom, route: &Route, peer: &PeerSight, at: &str) -> Option<Evidence> {
    let of_certificate = matches!(symptom.trouble(), Some(Trouble::TlsName(_)));
    (!of_certificate && handshake::as_nginx(route, peer) == Some(true)).then(|| {
        Evidence::refutes(
            Rank::Decisive,
            "a handshake with the very name that nginx sends completes now",
            Source::command(handshake::command(at, handshake::sent_name(route))),
        )
    })
}

fn advise(case: &Case) -> String {
    let (Some((_, peer)), Some(route)) = (refused(case), &case.route) else {
        return String::new();
    };
    let name = peer.and_then(|peer| {
        wanted(route, peer)
            .map(str::to_owned)
            .or_else(|| handshake::names(peer).into_iter().next())
    });
    format!(
        "beside {} write `{} on; {} {};`, then nginx -t && systemctl reload nginx",
        route.written,
        handshake::directive(route, "server_name"),
        handshake::directive(route, "name"),
        name.as_deref().unwrap_or("NAME")
    )
}

/// Only the name that a handshake proved.
fn remedies(case: &Case) -> Vec<Remedy> {
    let found = refused(case).zip(case.route.as_ref());
    let named = found.and_then(|((_, peer), route)| Some((route, wanted(route, peer?)?)));
    let remedy = named.map(|(route, name)| {
        let set = |what: &str, value: &str| Measure::NginxSet {
            beside: route.written.clone(),
            name: handshake::directive(route, what),
            value: value.to_owned(),
        };
        let measures = vec![
            set("name", name),
            set("server_name", "on"),
            Measure::ReloadNginx { nginx: route.nginx },
        ];
        Remedy::ask(
            format!("send the name {name} with the handshake to the backend"),
            measures,
        )
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        testing::{Fixture, heard, shaken},
        topology::Protocol,
    };
    use host::Talk;
    use logscan::{Phase, Trouble};

    const ALERT: &[u8] = b"\x15\x03\x03\0\x02\x02\x28";

    fn refused(fixture: Fixture, trouble: Trouble) -> Fixture {
        fixture
            .speaks(Protocol::Https)
            .complains(trouble, Phase::Handshaking)
    }

    fn alert(number: u8) -> Trouble {
        Trouble::Tls {
            reason: "an alert".into(),
            alert: Some(number),
        }
    }

    #[test]
    fn fires_where_the_name_makes_the_handshake() {
        for fixture in [Fixture::node(), Fixture::gunicorn()] {
            let fixture = refused(fixture, alert(40))
                .heard(heard(Talk::Tls { sni: None }, ALERT))
                .heard(shaken(Some("shop.example"), "TLSv1_3"));
            fixture.clone().check("found tls-name");
            fixture.offers(&[
                "ask: /etc/nginx/sites-enabled/shop:12 proxy_ssl_name shop.example; /etc/nginx/sites-enabled/shop:12 proxy_ssl_server_name on; reload nginx",
            ]);
        }
    }

    #[test]
    fn fires_by_nginxs_own_word() {
        refused(Fixture::apache(), alert(112)).check("found tls-name");
        refused(Fixture::apache(), Trouble::TlsName("api.example".into())).check("found tls-name");
    }

    #[test]
    fn an_alert_alone_tells_nothing() {
        refused(Fixture::node(), alert(40)).check("unexplained");
    }

    #[test]
    fn a_handshake_that_completes_without_it_needs_no_name() {
        refused(Fixture::node(), alert(112))
            .heard(shaken(None, "TLSv1_3"))
            .check("unexplained");
    }

    #[test]
    fn versions_are_another_matter() {
        refused(Fixture::node(), alert(70)).check("found tls-version");
    }
}
