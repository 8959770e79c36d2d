//! Which route a request went: by the server that took it, the peer it asked, and its URI, in this order of weight.
//!
//! The peer goes before the URI because of internal redirects: `GET /` may end in `location ~ \.php$`.

use super::location::{Fit, Location, path_of};
use crate::{
    World,
    topology::{Protocol, Route, Settings, Target, same_path},
};
use host::Endpoint;
use logscan::{Peer, complaint::PeerAddress};

/// What a log line tells of where its request went.
pub(super) struct Clue<'a> {
    /// The nginx instance.
    pub nginx: usize,
    /// server_name of the block.
    pub server: Option<&'a str>,
    /// The host asked for.
    pub host: Option<&'a str>,
    /// The request line.
    pub request: Option<&'a str>,
    /// Whom nginx asked.
    pub peer: Option<&'a Endpoint>,
    /// The name of an upstream in place of a peer.
    pub group: Option<&'a str>,
    /// The sites that write to the log; it tells little where they are many.
    pub among: &'a [String],
}

/// The routes of a world, ready to be searched.
pub(super) struct Routes<'a> {
    routes: &'a [Route],
    locations: Vec<Location>,
}

impl<'a> Routes<'a> {
    pub(super) fn new(world: &'a World) -> Self {
        let locations = world
            .routes
            .iter()
            .map(|route| Location::read(&route.location))
            .collect();
        Self {
            routes: &world.routes,
            locations,
        }
    }

    /// A path that goes to this route.
    pub(super) fn example(&self, route: usize) -> Option<&str> {
        self.locations.get(route)?.example()
    }

    /// The route of a request. `None` where neither its server nor its peer is configured.
    pub(super) fn find(&self, clue: &Clue<'_>) -> Option<usize> {
        let scored = self
            .scored(clue)
            .map(|(score, index)| (score, std::cmp::Reverse(index)));
        let best = scored.max().map(|(_, std::cmp::Reverse(index))| index);
        best.or_else(|| self.of_site(clue))
    }

    /// The route of a request for which a name was to be looked up: it has no peer yet, and an internal redirect may have
    /// led it away from its URI.
    pub(super) fn resolving(&self, clue: &Clue<'_>) -> Option<usize> {
        self.routes.iter().position(|route| {
            let of_site = route.nginx == clue.nginx && site(route, clue) == Site::This;
            of_site && matches!(route.target, Target::Variable { .. })
        })
    }

    /// A route of the site that refused a request, where an internal redirect may have led it away from its URI.
    pub(super) fn refusing(&self, clue: &Clue<'_>) -> Option<usize> {
        let of_site = |route: &Route| route.nginx == clue.nginx && site(route, clue) == Site::This;
        self.routes.iter().position(of_site)
    }

    /// Routes of other sites that the request may have gone as well, the best of each: the log they share does not tell.
    pub(super) fn rivals(&self, clue: &Clue<'_>, found: usize) -> Vec<usize> {
        let site_of = |index: usize| self.routes.get(index).map(|route| route.site.as_str());
        let mut scored: Vec<_> = self.scored(clue).collect();
        let best = scored.iter().map(|((site, asks, _), _)| (*site, *asks)).max();
        scored.retain(|((site, asks, _), _)| Some((*site, *asks)) == best);
        // how well a location fits tells locations of one site apart, not sites
        scored.sort_by_key(|((_, _, fit), index)| (std::cmp::Reverse(*fit), *index));
        let mut rivals: Vec<usize> = Vec::new();
        for (_, index) in scored {
            let known = rivals
                .iter()
                .chain([&found])
                .any(|it| site_of(*it) == site_of(index));
            if !known {
                rivals.push(index);
            }
        }
        rivals
    }

    fn scored(&self, clue: &Clue<'_>) -> impl Iterator<Item = ((Site, Asks, Fit), usize)> {
        let routes = self.routes.iter().enumerate();
        routes.filter_map(move |(index, route)| Some((self.score(index, route, clue)?, index)))
    }

    /// The configuration asks another peer by now, in a location that an internal redirect led to: any route of the site
    /// that asks a peer of the same kind.
    fn of_site(&self, clue: &Clue<'_>) -> Option<usize> {
        let peer = clue.peer?;
        let same_kind = |route: &Route| match &route.target {
            Target::Endpoint(Endpoint::Unix(_)) => matches!(peer, Endpoint::Unix(_)),
            Target::Endpoint(Endpoint::Tcp(_)) | Target::Name { .. } => matches!(peer, Endpoint::Tcp(_)),
            Target::Group { .. } | Target::Variable { .. } => true,
        };
        let of_site = |route: &&Route| route.nginx == clue.nginx && site(route, clue) == Site::This;
        let index = self
            .routes
            .iter()
            .position(|route| of_site(&route) && same_kind(route));
        index.or_else(|| self.routes.iter().position(|route| of_site(&route)))
    }

    fn score(&self, index: usize, route: &Route, clue: &Clue<'_>) -> Option<(Site, Asks, Fit)> {
        if route.nginx != clue.nginx {
            return None;
        }
        let (site, asks) = (site(route, clue), asks(route, clue));
        let uri = clue.request.and_then(path_of);
        let fit = uri.map_or(Some((0, 0)), |path| self.locations.get(index)?.fit(path));
        let known = site != Site::Other || asks == Asks::This;
        let fits = fit.is_some() || asks == Asks::This;
        (known && fits).then_some((site, asks, fit.unwrap_or_default()))
    }
}

/// How surely the request went to this site.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Site {
    Other,
    Wildcard,
    This,
}

fn site(route: &Route, clue: &Clue<'_>) -> Site {
    let names = || {
        route
            .names
            .iter()
            .map(String::as_str)
            .chain([route.site.as_str()])
    };
    // the error log says the first name of the block, so a mismatch there is decisive
    if let Some(server) = clue.server {
        let ours = names().any(|name| name.eq_ignore_ascii_case(server));
        return if ours { Site::This } else { Site::Other };
    }
    let Some(host) = clue.host.map(without_port) else {
        return if clue.among.contains(&route.site) {
            Site::Wildcard
        } else {
            Site::Other
        };
    };
    if names().any(|name| name.eq_ignore_ascii_case(host)) {
        return Site::This;
    }
    let wild = names().any(|name| name == "_" || name.is_empty() || is_under(host, name));
    if wild { Site::Wildcard } else { Site::Other }
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    }
}

/// `*.example.org` and `.example.org` take subdomains.
fn is_under(host: &str, name: &str) -> bool {
    let suffix = name.strip_prefix('*').unwrap_or(name);
    suffix.starts_with('.') && host.to_ascii_lowercase().ends_with(&suffix.to_ascii_lowercase())
}

/// Whether the route asks the peer of the clue.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Asks {
    Another,
    Perhaps,
    This,
}

fn asks(route: &Route, clue: &Clue<'_>) -> Asks {
    if let (Some(asked), Target::Group { name, .. }) = (clue.group, &route.target) {
        return if asked == name { Asks::This } else { Asks::Another };
    }
    clue.peer
        .map_or(Asks::Perhaps, |peer| target_asks(&route.target, peer))
}

fn target_asks(target: &Target, peer: &Endpoint) -> Asks {
    let port_may_be = |port: Option<u16>| match (port, peer) {
        (_, Endpoint::Unix(_)) => Asks::Another,
        (Some(port), Endpoint::Tcp(addr)) if addr.port() != port => Asks::Another,
        _ => Asks::Perhaps,
    };
    match target {
        Target::Endpoint(endpoint) if is_same(endpoint, peer) => Asks::This,
        Target::Endpoint(_) => Asks::Another,
        Target::Name { port, .. } => port_may_be(Some(*port)),
        Target::Variable { port, .. } => port_may_be(*port),
        Target::Group { servers, .. } => servers
            .iter()
            .map(|server| target_asks(&server.address, peer))
            .max()
            .unwrap_or(Asks::Perhaps),
    }
}

/// The same address; `/var/run` is `/run`.
pub(super) fn is_same(a: &Endpoint, b: &Endpoint) -> bool {
    match (a, b) {
        (Endpoint::Unix(a), Endpoint::Unix(b)) => same_path(a, b),
        _ => a == b,
    }
}

/// The address of a peer, if it is one.
pub(super) fn endpoint_of(peer: &Peer) -> Option<Endpoint> {
    match &peer.address {
        PeerAddress::Tcp(addr) => Some(Endpoint::Tcp(*addr)),
        PeerAddress::Unix(path) => Some(Endpoint::Unix(path.clone())),
        PeerAddress::Name(_) => None,
    }
}

/// A route that only the log knows: its site was deleted, or the config can't be read.
pub(super) fn of_log(clue: &Clue<'_>, scheme: &str) -> Option<Route> {
    let peer = clue.peer?;
    let (protocol, directive) = match scheme {
        "fastcgi" => (Protocol::FastCgi, "fastcgi_pass"),
        "uwsgi" | "suwsgi" => (Protocol::Uwsgi, "uwsgi_pass"),
        "scgi" => (Protocol::Scgi, "scgi_pass"),
        "grpc" => (Protocol::Grpc, "grpc_pass"),
        "grpcs" => (Protocol::Grpcs, "grpc_pass"),
        "memcached" => (Protocol::Memcached, "memcached_pass"),
        "https" => (Protocol::Https, "proxy_pass"),
        _ => (Protocol::Http, "proxy_pass"),
    };
    let site = clue.server.or(clue.host).unwrap_or("a site no longer configured");
    Some(Route {
        nginx: clue.nginx,
        site: site.chars().take(255).collect(),
        names: Vec::new(),
        listen: Vec::new(),
        location: String::new(),
        protocol,
        target: Target::Endpoint(peer.clone()),
        pass: format!("{directive} {peer}"),
        written: crate::topology::Place::default(),
        settings: Settings::default(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn a_log_that_sites_share_does_not_tell_them_apart() {
        let world = world();
        let routes = Routes::new(&world);
        let among = ["shop.example".to_owned(), "blog.example".to_owned()];
        let clue = Clue {
            nginx: 0,
            server: None,
            host: None,
            request: Some("GET /x HTTP/1.1"),
            peer: None,
            group: None,
            among: &among,
        };
        assert_eq!(routes.find(&clue), Some(0));
        assert_eq!(routes.rivals(&clue, 0), [2]);
        let told = Clue {
            host: Some("blog.example"),
            ..clue
        };
        assert_eq!(routes.find(&told), Some(2));
        assert!(routes.rivals(&told, 2).is_empty());
    }

    fn world() -> World {
        let mut world = Fixture::php_fpm().world;
        let base = world.routes[0].clone();
        let route = |site: &str, location: &str, target: &str| {
            let target = match (target.strip_prefix("unix:"), target.parse()) {
                (Some(path), _) => Target::Endpoint(Endpoint::Unix(path.into())),
                (None, Ok(addr)) => Target::Endpoint(Endpoint::Tcp(addr)),
                (None, Err(_)) => Target::Name {
                    host: target.into(),
                    port: 80,
                },
            };
            let (site, location) = (site.to_owned(), location.to_owned());
            Route {
                names: vec![site.clone()],
                site,
                location,
                target,
                ..base.clone()
            }
        };
        world.routes = vec![
            route("shop.example", "/", "127.0.0.1:8000"),
            route("shop.example", r"~ \.php$", "unix:/run/php.sock"),
            route("blog.example", "/", "127.0.0.1:8000"),
            route("blog.example", "/api/", "inner.example"),
            route("*.wild.example", "/", "127.0.0.1:9000"),
            route("php.example", r"~ \.php$", "unix:/run/php8.2.sock"),
        ];
        world
    }

    #[test]
    fn a_request_finds_its_route() {
        let world = world();
        let routes = Routes::new(&world);
        for (server, host, request, peer, expect) in [
            ("shop.example", "", "GET /x HTTP/1.1", "127.0.0.1:8000", Some(0)),
            (
                "shop.example",
                "",
                "GET / HTTP/1.1",
                "unix:/run/php.sock:",
                Some(1),
            ),
            (
                "shop.example",
                "",
                "GET / HTTP/1.1",
                "unix:/var/run/php.sock:",
                Some(1),
            ),
            ("blog.example", "", "GET /api/x HTTP/1.1", "10.0.0.1:80", Some(3)),
            ("blog.example", "", "GET /x HTTP/1.1", "", Some(2)),
            // the running config asks what the file no longer says
            ("shop.example", "", "GET /x HTTP/1.1", "127.0.0.1:1", Some(0)),
            ("", "a.wild.example:443", "GET /x HTTP/1.1", "", Some(4)),
            ("gone.example", "", "GET /x HTTP/1.1", "127.0.0.1:9000", Some(4)),
            ("gone.example", "", "GET /x HTTP/1.1", "127.0.0.1:1", None),
            // an internal redirect led to the location of PHP, which asks another socket by now
            (
                "php.example",
                "",
                "GET / HTTP/1.1",
                "unix:/run/php8.1.sock:",
                Some(5),
            ),
        ] {
            let peer = Peer::parse(peer).as_ref().and_then(endpoint_of);
            let some = |text: &'static str| Some(text).filter(|text| !text.is_empty());
            let (server, host, request) = (some(server), some(host), Some(request));
            let clue = Clue {
                nginx: 0,
                server,
                host,
                request,
                peer: peer.as_ref(),
                group: None,
                among: &[],
            };
            assert_eq!(routes.find(&clue), expect, "{server:?}{host:?} {request:?}");
        }
    }
}
