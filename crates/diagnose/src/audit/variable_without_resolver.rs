use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Measure, Source,
    elsewhere::reload_nginx,
    survey::Survey,
    topology::{Route, Target},
};
use std::net::{IpAddr, SocketAddr};

rule! {
    /// # What it sees
    /// A pass directive whose address holds a variable that is a host name, or that a request chooses, where no `resolver`
    /// is in effect.
    /// # How it becomes a 502
    /// nginx looks such a name up for each request and asks only its own `resolver`, never /etc/resolv.conf or /etc/hosts:
    /// `no resolver defined to resolve NAME`, 502 for every request that comes this way. `nginx -t` says nothing.
    /// # The change
    /// `resolver` with a name server of this host, in the same server or location.
    /// # Quiet where
    /// A resolver is in effect there, the value is an address or names an `upstream {}`, or it can't be told.
    pub static VARIABLE_WITHOUT_RESOLVER = {
        id: "variable-without-resolver",
        title: "a name is looked up at run time and nobody can be asked",
        level: Level::Warning,
        needs: Needs::Config,
        foresees: &["dns-no-resolver"],
        check: check,
    }
}

/// Variables whose value comes from the request, by name or by how names begin.
const BY_REQUEST: (&[&str], &[&str]) = (
    &["host", "ssl_server_name", "uri", "request_uri"],
    &["http_", "arg_", "cookie_"],
);

fn check(survey: &Survey) -> Checked {
    let found = survey
        .routes
        .iter()
        .filter_map(|case| hit(survey, case, case.route.as_ref()?));
    once(found).into()
}

fn hit(survey: &Survey, case: &Case, route: &Route) -> Option<Hit> {
    let Target::Variable { text, host, .. } = &route.target else {
        return None;
    };
    if route.settings.resolver_written.is_some() {
        return None;
    }
    let name = match host {
        Some(host) => Some(host.as_str()).filter(|host| host.parse::<IpAddr>().is_err())?,
        None => chosen_by_request(text).then_some("whatever the request names")?,
    };
    let place = route.written.clone();
    let source = Source::file(&place.file, Some(place.line));
    let server = survey
        .name_servers
        .as_ref()
        .ok()
        .and_then(|servers| servers.first())
        .map(written);
    let shown = server.clone().unwrap_or_else(|| "ADDRESS".into());
    let measures = server.and_then(|value| {
        let set = Measure::NginxSet {
            beside: place.clone(),
            name: "resolver".into(),
            value,
        };
        Some(vec![set, reload_nginx(case)?])
    });
    let says = format!(
        "`{}` looks {name} up for each request, and no `resolver` is in effect there",
        route.pass
    );
    Some(
        Hit::new(&route.pass, Some(place), says, source)
            .why("every request that comes this way is 502: no resolver defined to resolve it")
            .change(format!(
                "`resolver {shown};` beside it: a name server of this host (cat /etc/resolv.conf)"
            ))
            .remedy(format!("give nginx a resolver at {}", route.written), measures),
    )
}

/// The host part begins with a variable of the request: `http://$host/x`.
fn chosen_by_request(text: &str) -> bool {
    let host = text.split_once("://").map_or(text, |(_, rest)| rest);
    let Some(variable) = host.strip_prefix('$') else {
        return false;
    };
    let variable = variable.trim_start_matches('{');
    let end = variable.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
    let name = &variable[..end.unwrap_or(variable.len())];
    BY_REQUEST.0.contains(&name) || BY_REQUEST.1.iter().any(|begin| name.starts_with(begin))
}

fn written(at: &SocketAddr) -> String {
    match at.ip() {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{testing::Fixture, topology::Place};

    #[track_caller]
    fn check(text: &str, host: Option<&str>, resolver: bool, fires: bool) {
        let fixture = Fixture::node().with(|it| {
            let route = it.route.as_mut().expect("a route");
            route.target = Target::Variable {
                text: text.into(),
                host: host.map(str::to_owned),
                port: None,
            };
            route.settings.resolver_written = resolver.then(Place::default);
        });
        let told = Survey::of(fixture).told(&VARIABLE_WITHOUT_RESOLVER);
        assert_eq!(!told.is_empty(), fires, "{text}");
    }

    #[test]
    fn fires_where_a_name_is_looked_up() {
        check("http://$backend", Some("app.example"), false, true);
        check("http://$host/x", None, false, true);
        check("https://${http_x_backend}", None, false, true);
    }

    #[test]
    fn stays_quiet_where_nobody_is_asked_or_it_is_not_known() {
        check("http://$backend", Some("app.example"), true, false);
        check("http://$backend", Some("192.0.2.1"), false, false);
        check("http://$pool", None, false, false);
        check("http://$host_of_map", None, false, false);
    }
}
