use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::PeerSight,
    cause::{Group, Told, cause},
    handshake,
    topology::Route,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// proxy_ssl_protocols or proxy_ssl_ciphers of nginx and what the upstream offers do not meet.
    /// # How to tell
    /// Alert 70 (protocol version), `no shared cipher`, `unsupported protocol`, `no protocols available`.
    /// # Fix
    /// A version both have.
    /// # Not this if
    /// The name is what it does not like (tls-name).
    pub static TLS_VERSION = {
        id: "tls-version",
        title: "nginx and the upstream share no TLS version or cipher",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("alert number 70", 95), ("alert protocol version", 90), ("no shared cipher", 95), ("unsupported protocol", 90), ("no protocols available", 95), ("no ciphers available", 90)],
        effect_of: &[],
        settled_by: ("see what it offers", "openssl s_client -connect ADDRESS -tls1_2 </dev/null"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["tls-version"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Tls { alert: Some(70), .. } => 96,
        Trouble::Tls { alert: Some(40), .. } => 20,
        Trouble::Tls { reason, .. }
            if reason.contains("unsupported protocol") || reason.contains("cipher") =>
        {
            85
        }
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, peer)) = no_common(case) else {
        return Opinion::none();
    };
    let at = handshake::at(symptom);
    let mut evidence = vec![Evidence::supports(
        Rank::Strong,
        format!(
            "nginx and {at} found no version or cipher in common, {} times: {}",
            symptom.count,
            symptom.signature()
        ),
        Source::log(&symptom.log, "SSL_do_handshake() failed"),
    )];
    evidence.extend(missing(case, peer).map(|(route, version)| {
        Evidence::supports(
            Rank::Decisive,
            format!(
                "it shakes hands in {version}, and nginx is set to {} ({})",
                protocols(case, route),
                route.written
            ),
            Source::command(handshake::command(&at, handshake::sent_name(route))),
        )
    }));
    Opinion {
        says: format!("nginx and {at} share no version of TLS"),
        subject: at,
        evidence,
    }
}

fn no_common(case: &Case) -> Option<(&Symptom, Option<&PeerSight>)> {
    handshake::refused(case, |trouble| match trouble {
        Trouble::Tls { alert: Some(70), .. } => true,
        Trouble::Tls { reason, .. } => [
            "unsupported protocol",
            "no protocols available",
            "no shared cipher",
            "no ciphers available",
            "wrong ssl version",
        ]
        .iter()
        .any(|words| reason.contains(words)),
        _ => false,
    })
}

/// A version the port was heard to speak, which nginx does not.
fn missing<'a>(case: &'a Case, peer: Option<&PeerSight>) -> Option<(&'a Route, &'static str)> {
    let route = case.route.as_ref()?;
    let (_, spoken) = handshake::completed(peer?).next()?;
    let version = match spoken.answer.tls.as_ref()?.version.as_deref()? {
        "TLSv1_2" => "TLSv1.2",
        "TLSv1_3" => "TLSv1.3",
        _ => return None,
    };
    let set = protocols(case, route);
    (!set.split(' ').any(|word| word == version)).then_some((route, version))
}

/// What nginx offers: TLS 1.3 without being told so only from 1.23.4 on (ngx_http_proxy_module).
fn protocols(case: &Case, route: &Route) -> String {
    let number = |text: &str| {
        text.split('.')
            .map(|it| it.parse().unwrap_or(0))
            .collect::<Vec<u32>>()
    };
    let version = case
        .nginx()
        .and_then(|nginx| nginx.version.as_deref())
        .map(number);
    let default = if version.is_some_and(|version| version < vec![1, 23, 4]) {
        "TLSv1 TLSv1.1 TLSv1.2"
    } else {
        "TLSv1 TLSv1.1 TLSv1.2 TLSv1.3"
    };
    route
        .settings
        .tls
        .protocols
        .clone()
        .unwrap_or_else(|| default.to_owned())
}

fn advise(case: &Case) -> String {
    let Some(route) = &case.route else {
        return String::new();
    };
    format!(
        "beside {} write `{} TLSv1.2 TLSv1.3;`, then nginx -t && systemctl reload nginx; or let the backend offer a version \
         that nginx has",
        route.written,
        handshake::directive(route, "protocols")
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let found = no_common(case).and_then(|(_, peer)| missing(case, peer));
    let remedy = found.map(|(route, version)| {
        let set = Measure::NginxSet {
            beside: route.written.clone(),
            name: handshake::directive(route, "protocols"),
            value: "TLSv1.2 TLSv1.3".to_owned(),
        };
        let title = format!("let nginx speak {version} to the backend at {}", route.written);
        Remedy::ask(title, vec![set, Measure::ReloadNginx { nginx: route.nginx }])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        testing::{Fixture, shaken},
        topology::Protocol,
    };
    use logscan::{Phase, Trouble};

    fn refused(fixture: Fixture, alert: u8) -> Fixture {
        let trouble = Trouble::Tls {
            reason: "an alert".into(),
            alert: Some(alert),
        };
        fixture
            .speaks(Protocol::Https)
            .complains(trouble, Phase::Handshaking)
    }

    #[test]
    fn fires_where_the_versions_do_not_meet() {
        refused(Fixture::gunicorn(), 70).check("found tls-version");
        let only_new = |it: &mut Fixture| {
            let route = it.route.as_mut().expect("a route");
            route.settings.tls.protocols = Some("TLSv1.3".into());
        };
        let fixture = refused(Fixture::node(), 70)
            .with(only_new)
            .heard(shaken(None, "TLSv1_2"));
        fixture.clone().check("found tls-version");
        fixture.offers(&[
            "ask: /etc/nginx/sites-enabled/shop:12 proxy_ssl_protocols TLSv1.2 TLSv1.3; reload nginx",
        ]);
    }

    #[test]
    fn another_alert_is_another_matter() {
        refused(Fixture::gunicorn(), 116).check("unexplained");
    }
}
