use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Measure, Source,
    elsewhere::reload_nginx,
    survey::Survey,
    topology::{GroupServer, Protocol, Route, Target},
    words::count,
};

rule! {
    /// # What it sees
    /// An `upstream {}` with several servers of which a failed request is never given to a second one: `*_next_upstream
    /// off`, `*_next_upstream_tries 1`, or all but one server marked `down`.
    /// # How it becomes a 502
    /// One server ends, restarts or refuses: each request that nginx sends to it is answered 502 while the others idle.
    /// nginx leaves a failing server out for ten seconds only after `max_fails` requests were lost.
    /// # The change
    /// `proxy_next_upstream error timeout` (nginx's default, which repeats no POST), or the other servers back in.
    /// # Quiet where
    /// The upstream has a single server from the start, or failed requests may go to another one.
    pub static NO_SECOND_TRY = {
        id: "no-second-try",
        title: "a request that one server fails is given to no other",
        level: Level::Warning,
        needs: Needs::Config,
        foresees: &["backend-died", "backend-restart-window"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let found = survey
        .routes
        .iter()
        .filter_map(|case| hit(case, case.route.as_ref()?));
    once(found).into()
}

fn hit(case: &Case, route: &Route) -> Option<Hit> {
    let Target::Group { name, servers } = &route.target else {
        return None;
    };
    let used: Vec<&GroupServer> = servers.iter().filter(|server| !server.down).collect();
    let subject = format!("upstream {name}");
    let why = "while that server ends or restarts, each request sent to it is answered 502";
    if servers.len() > 1 && used.len() == 1 {
        let down = servers.iter().find(|server| server.down)?.written.clone();
        let says = format!(
            "of the {} of {name} only one is in use, the others are marked down",
            count(servers.len(), "server")
        );
        let source = Source::file(&down.file, Some(down.line));
        let hit = Hit::new(subject, Some(down), says, source).why(why);
        return Some(hit.change(
            "take `down` away from a server that works, or the servers that don't out of the block",
        ));
    }
    if used.len() < 2 || !route.settings.no_retry {
        return None;
    }
    let place = route
        .settings
        .places
        .next_upstream
        .clone()
        .unwrap_or_else(|| route.written.clone());
    let says = format!(
        "{name} has {}, and a request that one fails is given to no other",
        count(used.len(), "server")
    );
    let source = Source::file(&place.file, Some(place.line));
    let directive = directive(route.protocol)?;
    let hit = Hit::new(subject, Some(place), says, source).why(why);
    let hit = hit.change(format!(
        "`{directive} error timeout;` there, and no `{directive}_tries 1`"
    ));
    Some(hit.remedy(
        format!("let nginx give a failed request to another server of {name}"),
        measures(case, route, directive),
    ))
}

fn directive(protocol: Protocol) -> Option<&'static str> {
    Some(match protocol {
        Protocol::Http | Protocol::Https => "proxy_next_upstream",
        Protocol::FastCgi => "fastcgi_next_upstream",
        Protocol::Uwsgi => "uwsgi_next_upstream",
        Protocol::Scgi => "scgi_next_upstream",
        Protocol::Grpc | Protocol::Grpcs => "grpc_next_upstream",
        // memcached has other conditions; a stream is on or off
        Protocol::Memcached | Protocol::Stream => return None,
    })
}

fn measures(case: &Case, route: &Route, directive: &str) -> Option<Vec<Measure>> {
    let set = |name: String, value: &str| Measure::NginxSet {
        beside: route.written.clone(),
        name,
        value: value.into(),
    };
    Some(vec![
        set(directive.to_owned(), "error timeout"),
        set(format!("{directive}_tries"), "0"),
        reload_nginx(case)?,
    ])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{Fixture, endpoint},
        topology::Place,
    };

    fn group(servers: &[(&str, bool)], no_retry: bool) -> Survey {
        let server = |(address, down): &(&str, bool)| GroupServer {
            address: Target::Endpoint(endpoint(address)),
            down: *down,
            backup: false,
            resolve: false,
            written: Place::line("/etc/nginx/conf.d/up.conf".as_ref(), 4),
        };
        Survey::of(Fixture::node().with(|it| {
            let route = it.route.as_mut().expect("a route");
            route.settings.no_retry = no_retry;
            route.target = Target::Group {
                name: "pool".into(),
                servers: servers.iter().map(server).collect(),
            };
        }))
    }

    #[test]
    fn fires_where_others_idle() {
        let two = [("127.0.0.1:1", false), ("127.0.0.1:2", false)];
        assert_eq!(
            group(&two, true).told(&NO_SECOND_TRY),
            ["upstream pool at /etc/nginx/sites-enabled/shop:12:22"]
        );
        let down = [("127.0.0.1:1", true), ("127.0.0.1:2", false)];
        assert_eq!(
            group(&down, false).told(&NO_SECOND_TRY),
            ["upstream pool at /etc/nginx/conf.d/up.conf:4"]
        );
    }

    #[test]
    fn stays_quiet_where_there_is_no_other_or_it_is_asked() {
        let two = [("127.0.0.1:1", false), ("127.0.0.1:2", false)];
        assert!(group(&two, false).told(&NO_SECOND_TRY).is_empty());
        assert!(group(&two[..1], true).told(&NO_SECOND_TRY).is_empty());
        assert!(Survey::of(Fixture::node()).told(&NO_SECOND_TRY).is_empty());
    }
}
