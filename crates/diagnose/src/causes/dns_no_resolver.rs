use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    case::{NameAnswer, NameSource},
    cause::{Group, Told, cause},
    topology::Route,
};
use logscan::{Complaint, Trouble};
use std::net::{IpAddr, SocketAddr};

cause! {
    /// # What happens
    /// A pass directive holds a variable, so its name is resolved at request time, and no `resolver` is configured:
    /// every request is 502.
    /// # How to tell
    /// `no resolver defined to resolve NAME`.
    /// # Fix
    /// Add `resolver` with the system's name server (127.0.0.53 where systemd-resolved runs), reload.
    /// # Not this if
    /// A resolver is configured and does not answer (dns-resolver-down).
    pub static DNS_NO_RESOLVER = {
        id: "dns-no-resolver",
        title: "nginx has no resolver for a name in a variable",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("no resolver defined", 98)],
        effect_of: &[],
        settled_by: ("see whether a resolver is set", "nginx -T 2>/dev/null | grep -n resolver; cat /etc/resolv.conf"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["dns-no-resolver"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::NoResolver(_) => 98,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((symptom, name, route)) = unresolved(case) else {
        return Opinion::none();
    };
    let evidence = vec![
        Evidence::supports(
            Rank::Decisive,
            format!(
                "nginx said {} times, last at {}: no resolver defined to resolve {name}",
                symptom.count, symptom.last
            ),
            Source::log(&symptom.log, "no resolver defined"),
        ),
        Evidence::supports(
            Rank::Hint,
            format!(
                "`{}` at {} resolves a name for each request, and no `resolver` is in effect there",
                route.pass, route.written
            ),
            Source::file(&route.written.file, Some(route.written.line)),
        ),
    ];
    Opinion {
        subject: route.written.to_string(),
        says: format!("nginx has no resolver to look up {name} with"),
        evidence,
    }
}

/// Where the files name a resolver by now, the running nginx is what is old (nginx-config-stale).
fn unresolved(case: &Case) -> Option<(&Symptom, &str, &Route)> {
    let route = case
        .route
        .as_ref()
        .filter(|route| route.settings.resolvers.is_empty())?;
    let last = case
        .having(|trouble| matches!(trouble, Trouble::NoResolver(_)))
        .max_by_key(|symptom| symptom.last)?;
    match last.trouble()? {
        Trouble::NoResolver(name) => Some((last, name, route)),
        _ => None,
    }
}

/// A name server of the system that knows the name; nginx reads /etc/hosts for nobody.
fn system_server(case: &Case) -> Option<SocketAddr> {
    case.names
        .iter()
        .find_map(|sight| match (&sight.by, &sight.answer) {
            (NameSource::SystemResolver(at), Ok(NameAnswer::Addresses(found))) if !found.is_empty() => {
                Some(*at)
            }
            _ => None,
        })
}

fn written(at: SocketAddr) -> String {
    match (at.ip(), at.port()) {
        (IpAddr::V4(ip), 53) => ip.to_string(),
        (IpAddr::V6(ip), 53) => format!("[{ip}]"),
        _ => at.to_string(),
    }
}

fn advise(case: &Case) -> String {
    let Some((_, name, route)) = unresolved(case) else {
        return String::new();
    };
    match system_server(case).map(written) {
        Some(server) => format!(
            "beside {} write `resolver {server};`, which knows {name}, then nginx -t && systemctl reload nginx",
            route.written
        ),
        None => format!(
            "beside {} write `resolver` with a name server that knows {name} (cat /etc/resolv.conf), then nginx -t && \
             systemctl reload nginx",
            route.written
        ),
    }
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let found = unresolved(case).zip(system_server(case).map(written));
    let remedy = found.map(|((_, name, route), server)| {
        let set = Measure::NginxSet {
            beside: route.written.clone(),
            name: "resolver".to_owned(),
            value: server.clone(),
        };
        let title = format!("let nginx ask {server}, the system's name server, for {name}");
        Remedy::ask(title, vec![set, Measure::ReloadNginx { nginx: route.nginx }])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{
        case::{NameAnswer, NameSource},
        testing::Fixture,
    };
    use logscan::{Phase, Trouble};

    fn without_resolver(fixture: Fixture) -> Fixture {
        fixture
            .resolved_each_time("api.shop.internal")
            .complains(Trouble::NoResolver("api.shop.internal".into()), Phase::Other)
    }

    #[test]
    fn fires_by_nginxs_own_word_and_names_the_systems_server() {
        without_resolver(Fixture::apache()).check("found dns-no-resolver");
        let fixture = without_resolver(Fixture::gunicorn()).name_says(
            NameSource::SystemResolver("127.0.0.53:53".parse().expect("an address")),
            NameAnswer::Addresses(vec![[127, 0, 0, 5].into()]),
        );
        fixture.clone().check("found dns-no-resolver");
        fixture.offers(&["ask: /etc/nginx/sites-enabled/shop:12 resolver 127.0.0.53; reload nginx"]);
    }

    #[test]
    fn a_resolver_in_the_files_makes_it_another_matter() {
        let named = |it: &mut Fixture| {
            let at = "127.0.0.53:53".parse().expect("an address");
            it.route.as_mut().expect("a route").settings.resolvers.push(at);
        };
        without_resolver(Fixture::apache())
            .with(named)
            .newer("/etc/nginx/sites-enabled/shop", 30)
            .check("found nginx-config-stale");
    }
}
