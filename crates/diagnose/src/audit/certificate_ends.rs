use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Source,
    evidence::quote,
    survey::{CertificateSight, Survey},
    words::span,
};
use host::Timestamp;

rule! {
    /// # What it sees
    /// The certificates that a TLS backend shows, where nginx verifies them (`proxy_ssl_verify on`), and that end within
    /// three weeks; asked with the name that nginx would send.
    /// # How it becomes a 502
    /// From that second on nginx says `upstream SSL certificate verify error: (10:certificate has expired)` and answers 502.
    /// Whoever renews the visitors' certificate often forgets the inner one.
    /// # The change
    /// Renew it, have the backend read it, and have that done by a timer.
    /// # Quiet where
    /// nginx does not verify (it then takes an expired one too), or it lasts longer.
    pub static CERTIFICATE_ENDS = {
        id: "certificate-ends",
        title: "the certificate of a TLS backend ends soon",
        level: Level::Warning,
        needs: Needs::Host,
        foresees: &["tls-expired"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let (mut hits, mut unseen) = (Vec::new(), Vec::new());
    for sight in &survey.certificates {
        match &sight.ends {
            Ok(Some(at)) => hits.extend(hit(survey, sight, *at)),
            Ok(None) => {}
            Err(blind) => unseen.push(blind.clone()),
        }
    }
    Checked::from(once(hits)).blind(unseen)
}

fn hit(survey: &Survey, sight: &CertificateSight, at: Timestamp) -> Option<Hit> {
    let route = survey.routes.get(sight.route)?.route.as_ref()?;
    let now = survey.world.now;
    let when = if at > now {
        format!("in {}, at {at}", span(at.since(now)))
    } else {
        format!("since {at}: it has ended")
    };
    let who = sight
        .unit
        .as_ref()
        .map_or(String::new(), |unit| format!(" ({unit})"));
    let command = format!(
        "openssl s_client -connect {} </dev/null 2>/dev/null | openssl x509 -noout -enddate",
        quote(&sight.endpoint.to_string())
    );
    Some(
        Hit::new(
            sight.endpoint.to_string(),
            Some(route.written.clone()),
            format!(
                "the certificate that {}{who} shows ends {when}, and nginx verifies it",
                sight.endpoint
            ),
            Source::command(command),
        )
        .why("from then on every request is 502: certificate has expired")
        .change("renew it, have the backend read it again, and let a timer do that from now on"),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, NOW, endpoint, forbidden};
    use std::time::Duration;

    fn shows(ends: host::Look<Option<Timestamp>>) -> Survey {
        Survey::of(Fixture::node()).with(|it| {
            it.certificates.push(CertificateSight {
                route: 0,
                endpoint: endpoint("127.0.0.1:8443"),
                unit: Some("web.service".into()),
                ends,
            });
        })
    }

    #[test]
    fn fires_before_and_after_the_end() {
        let day = Duration::from_secs(86400);
        for at in [NOW.after(day * 9), NOW.before(day)] {
            let told = shows(Ok(Some(at))).told(&CERTIFICATE_ENDS);
            assert_eq!(told, ["127.0.0.1:8443 at /etc/nginx/sites-enabled/shop:12:22"]);
        }
    }

    #[test]
    fn stays_quiet_where_it_lasts_and_says_where_it_was_not_seen() {
        assert!(shows(Ok(None)).told(&CERTIFICATE_ENDS).is_empty());
        let blind = (CERTIFICATE_ENDS.check)(&shows(forbidden("a certificate")));
        assert!(blind.hits.is_empty() && blind.unseen.len() == 1);
    }
}
