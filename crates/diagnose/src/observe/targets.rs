//! Which addresses a route asks, from its target, what its names say now, and what the log says nginx asked.

use super::attribute::is_same;
use crate::{
    case::{NameAnswer, NameSight, NameSource},
    topology::{Route, Target},
};
use host::Endpoint;
use std::net::IpAddr;

/// Addresses of one route at most.
const MOST: usize = 32;

/// An address of a route.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    /// Where.
    pub endpoint: Endpoint,
    /// The name it is from.
    pub name: Option<String>,
    /// nginx asks it; false for an address that only the name has now.
    pub in_use: bool,
}

/// Names that a target depends on, with their ports, and whether nginx resolves them at run time.
pub(crate) fn names(target: &Target) -> Vec<(String, u16, bool)> {
    match target {
        Target::Endpoint(_) => Vec::new(),
        Target::Name { host, port } => vec![(host.clone(), *port, false)],
        Target::Variable {
            host: Some(host),
            port,
            ..
        } if host.parse::<IpAddr>().is_err() => {
            vec![(host.clone(), port.unwrap_or(80), true)]
        }
        Target::Variable { .. } => Vec::new(),
        Target::Group { servers, .. } => {
            let up = servers.iter().filter(|server| !server.down);
            up.flat_map(|server| {
                names(&server.address)
                    .into_iter()
                    .map(|(name, port, _)| (name, port, server.resolve))
            })
            .collect()
        }
    }
}

/// The addresses of a route. `logged` are those that nginx asked of late.
pub(super) fn of_route(route: &Route, sights: &[NameSight], logged: &[Endpoint]) -> Vec<Asked> {
    let mut all = literal(&route.target);
    for (name, port, at_run_time) in names(&route.target) {
        let now: Vec<Endpoint> = addresses(sights, &name, at_run_time)
            .into_iter()
            .map(|ip| Endpoint::from((ip, port)))
            .collect();
        // of a name resolved at start nginx keeps the addresses it had then
        let stale = !at_run_time && !logged.is_empty() && !logged.iter().any(|asked| now.contains(asked));
        let same_port = logged
            .iter()
            .filter(|asked| asked.tcp().is_some_and(|addr| addr.port() == port));
        let kept = same_port.filter(|_| !at_run_time || now.is_empty());
        all.extend(kept.map(|endpoint| Asked {
            endpoint: endpoint.clone(),
            name: Some(name.clone()),
            in_use: true,
        }));
        all.extend(now.into_iter().map(|endpoint| Asked {
            endpoint,
            name: Some(name.clone()),
            in_use: !stale,
        }));
    }
    // the running config may differ from the file
    let nameless = names(&route.target).is_empty();
    let others = logged.iter().filter(|_| nameless);
    all.extend(others.map(|endpoint| Asked {
        endpoint: endpoint.clone(),
        name: None,
        in_use: true,
    }));
    each_once(all)
}

fn literal(target: &Target) -> Vec<Asked> {
    let asked = |endpoint: &Endpoint| Asked {
        endpoint: endpoint.clone(),
        name: None,
        in_use: true,
    };
    match target {
        Target::Endpoint(endpoint) => vec![asked(endpoint)],
        Target::Variable {
            host: Some(host),
            port,
            ..
        } => {
            let ip = host.parse::<IpAddr>().ok();
            ip.map(|ip| asked(&Endpoint::from((ip, port.unwrap_or(80)))))
                .into_iter()
                .collect()
        }
        Target::Name { .. } | Target::Variable { .. } => Vec::new(),
        Target::Group { servers, .. } => {
            let up = servers.iter().filter(|server| !server.down);
            up.flat_map(|server| literal(&server.address)).collect()
        }
    }
}

/// What a name resolves to: for nginx's own resolver as that says, else as the system says.
fn addresses(sights: &[NameSight], name: &str, at_run_time: bool) -> Vec<IpAddr> {
    let by_nginx = |sight: &&NameSight| matches!(sight.by, NameSource::NginxResolver(_));
    let of_name = sights.iter().filter(|sight| sight.name == name);
    let wanted = of_name.filter(|sight| by_nginx(sight) == at_run_time);
    let wanted = wanted.filter(|sight| at_run_time || sight.by == NameSource::System);
    let answers = wanted.filter_map(|sight| match &sight.answer {
        Ok(NameAnswer::Addresses(addresses)) => Some(addresses),
        _ => None,
    });
    let mut all: Vec<IpAddr> = answers.flatten().copied().collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn each_once(all: Vec<Asked>) -> Vec<Asked> {
    let mut kept: Vec<Asked> = Vec::new();
    for asked in all {
        let known = kept.iter().any(|it| is_same(&it.endpoint, &asked.endpoint));
        if !known && kept.len() < MOST {
            kept.push(asked);
        }
    }
    kept
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;
    use host::Look;

    /// `NAME=ADDRESS,ADDRESS` as the system says and `NAME:53=…` as nginx's resolver does.
    fn sight(text: &str) -> NameSight {
        let (name, addresses) = text.split_once('=').expect("a name");
        let addresses: Vec<IpAddr> = addresses.split(',').filter_map(|ip| ip.parse().ok()).collect();
        let answer: Look<NameAnswer> = Ok(NameAnswer::Addresses(addresses));
        let by = match name.strip_suffix(":53") {
            Some(_) => NameSource::NginxResolver(([127, 0, 0, 1], 53).into()),
            None => NameSource::System,
        };
        NameSight {
            name: name.trim_end_matches(":53").into(),
            by,
            answer,
        }
    }

    #[test]
    fn a_target_becomes_addresses() {
        let name = Target::Name {
            host: "app".into(),
            port: 80,
        };
        let variable = Target::Variable {
            text: "http://$b".into(),
            host: Some("app".into()),
            port: Some(80),
        };
        let fixed = Target::Endpoint(Endpoint::Unix("/run/a.sock".into()));
        let says = sight("app=10.0.0.2,10.0.0.3");
        let rows = [
            (&name, &says, vec![], "10.0.0.2:80+ 10.0.0.3:80+"),
            (
                &name,
                &says,
                vec!["10.0.0.1:80"],
                "10.0.0.1:80+ 10.0.0.2:80- 10.0.0.3:80-",
            ),
            (&name, &says, vec!["10.0.0.3:80"], "10.0.0.3:80+ 10.0.0.2:80+"),
            (&variable, &says, vec!["10.0.0.1:80"], "10.0.0.1:80+"),
            (
                &variable,
                &sight("app:53=10.0.0.2"),
                vec!["10.0.0.1:80"],
                "10.0.0.2:80+",
            ),
            (
                &fixed,
                &says,
                vec!["127.0.0.1:9000"],
                "unix:/run/a.sock+ 127.0.0.1:9000+",
            ),
        ];
        for (target, says, logged, expect) in rows {
            let mut route = Fixture::gunicorn().route.expect("has one");
            route.target = target.clone();
            let logged: Vec<Endpoint> = logged
                .iter()
                .map(|it| Endpoint::Tcp(it.parse().expect("an address")))
                .collect();
            let got: Vec<String> = of_route(&route, std::slice::from_ref(says), &logged)
                .iter()
                .map(|it| format!("{}{}", it.endpoint, if it.in_use { '+' } else { '-' }))
                .collect();
            assert_eq!(got.join(" "), expect);
        }
    }
}
