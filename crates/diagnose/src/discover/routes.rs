//! From nginx's effective config to routes.

use crate::topology::{
    BackendTls, GroupServer, Listen, Place, Protocol, Route, SettingPlaces, Settings, Target,
};
use host::Endpoint;
use nginx_conf::effective::{self, Address, Config, ListenOn, Location, Pass, Peer, Scope, Site, Upstream};
use std::{
    net::{IpAddr, SocketAddr},
    time::Duration,
};

/// A site that listens on a range of ports is shown with at most so many.
const MOST_PORTS: usize = 16;

/// Every pass directive of `http` and `stream`. `nginx` is the instance's index.
pub(super) fn routes(config: &Config, nginx: usize) -> Vec<Route> {
    let reader = Reader { config, nginx };
    let http = config.routes().map(|route| reader.http(route));
    let streams = config.streams.iter().filter_map(|server| reader.stream(server));
    http.chain(streams).collect()
}

/// A place as evidence shows it.
pub(super) fn place(place: &nginx_conf::Place) -> Place {
    Place {
        file: place.file.to_path_buf(),
        line: place.line,
        column: place.column,
    }
}

/// What a site is called in reports.
pub(super) fn site_name(site: &Site) -> String {
    let names = site
        .names
        .iter()
        .map(|name| name.text.to_str())
        .find(|name| !matches!(&**name, "" | "_"));
    names.map_or_else(|| first_listen(&site.listens), |name| name.into_owned())
}

/// All that a site answers to.
pub(super) fn site_names(site: &Site) -> Vec<String> {
    let names = site.names.iter().map(|name| name.text.to_string());
    names.filter(|name| !name.is_empty()).collect()
}

fn first_listen(listens: &[effective::Listen]) -> String {
    let first = listens.first().map(|listen| match &listen.on {
        ListenOn::Unix(path) => format!("unix:{}", path.display()),
        ListenOn::Ip(IpAddr::V6(ip), ports) => format!("[{ip}]:{}", ports.start()),
        ListenOn::Ip(ip, ports) => format!("{ip}:{}", ports.start()),
        ListenOn::Name(name, ports) => format!("{name}:{}", ports.start()),
    });
    first.unwrap_or_default()
}

struct Reader<'c> {
    config: &'c Config,
    nginx: usize,
}

impl Reader<'_> {
    fn http(&self, route: effective::Route<'_>) -> Route {
        let effective::Route { site, location, pass } = route;
        Route {
            nginx: self.nginx,
            site: site_name(site),
            names: site_names(site),
            listen: listens(&site.listens),
            location: location_text(location),
            settings: self.settings(&location.scope, pass, &self.config.upstreams),
            ..self.common(pass, &self.config.upstreams)
        }
    }

    fn stream(&self, server: &effective::StreamServer) -> Option<Route> {
        let pass = server.pass.as_ref()?;
        Some(Route {
            nginx: self.nginx,
            site: format!("stream {}", first_listen(&server.listens)),
            listen: listens(&server.listens),
            settings: self.settings(&server.scope, pass, &self.config.stream_upstreams),
            ..self.common(pass, &self.config.stream_upstreams)
        })
    }

    fn common(&self, pass: &Pass, upstreams: &[Upstream]) -> Route {
        Route {
            nginx: self.nginx,
            site: String::new(),
            names: Vec::new(),
            listen: Vec::new(),
            location: String::new(),
            protocol: protocol(pass),
            target: target(pass, upstreams),
            pass: format!("{} {}", pass.protocol.directive(), pass.written),
            written: place(&pass.address_place),
            settings: Settings::default(),
        }
    }

    fn settings(&self, scope: &Scope, pass: &Pass, upstreams: &[Upstream]) -> Settings {
        let protocol = pass.protocol;
        // a group with servers that are looked up again may have a resolver of its own
        let group = match pass.target.known() {
            Some(effective::Target::Group(name)) => upstreams.iter().find(|group| group.is(name.as_bytes())),
            _ => None,
        };
        let resolver = group
            .and_then(|group| group.scope.resolver())
            .or_else(|| scope.resolver());
        let next = scope.next_upstream(protocol);
        let params = scope.params(protocol);
        Settings {
            connect_timeout: Some(scope.connect_timeout(protocol).value),
            read_timeout: Some(scope.read_timeout(protocol).value),
            header_buffer: Some(scope.buffer_size(protocol).value),
            resolvers: resolver
                .iter()
                .flat_map(|it| &it.servers)
                .filter_map(socket_addr)
                .collect(),
            resolver_written: resolver.as_ref().map(|it| place(&it.place)),
            resolver_timeout: resolver.as_ref().map(|it| it.timeout),
            no_retry: next.tries == 1 || next.on.iter().any(|when| *when == "off"),
            root: scope.root(&self.config.prefix).path,
            fastcgi_params: params
                .into_iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            tls: backend_tls(scope, protocol),
            http_version: Some(scope.proxy_http_version().value.to_string()),
            set_headers: scope
                .set_headers(protocol)
                .into_iter()
                .map(|(name, value)| (name.to_string(), value.to_string()))
                .collect(),
            keepalive: group
                .filter(|group| group.keepalive.is_some_and(|count| count > 0))
                .map(idle_time),
            request_header: {
                let (count, size) = scope.request_header_buffers().value;
                Some(count.saturating_mul(size))
            },
            places: SettingPlaces {
                read_timeout: scope.read_timeout(protocol).place.as_ref().map(place),
                header_buffer: scope.buffer_size(protocol).place.as_ref().map(place),
                next_upstream: next.place.as_ref().map(place),
                keepalive: group.and_then(|group| Some(place(&group.scope.own("keepalive").last()?.place))),
            },
        }
    }
}

fn backend_tls(scope: &Scope, protocol: effective::Protocol) -> BackendTls {
    let text = |what: &str| {
        let statement = scope.backend_tls(protocol, what)?;
        let words: Vec<String> = statement.args.iter().map(|arg| arg.text.to_string()).collect();
        Some(words.join(" "))
    };
    let is_on = |what: &str| text(what).as_deref() == Some("on");
    BackendTls {
        server_name: is_on("server_name"),
        name: text("name"),
        verify: is_on("verify"),
        trusted: text("trusted_certificate").map(Into::into),
        protocols: text("protocols"),
        ciphers: text("ciphers"),
    }
}

/// `keepalive_timeout` of an upstream block: a minute unless set (ngx_http_upstream_module).
fn idle_time(group: &Upstream) -> Duration {
    group
        .scope
        .time("keepalive_timeout", Duration::from_secs(60))
        .value
}

fn listens(listens: &[effective::Listen]) -> Vec<Listen> {
    let endpoints = listens.iter().flat_map(|listen| {
        let ports = |ip: IpAddr, ports: &std::ops::RangeInclusive<u16>| -> Vec<Endpoint> {
            ports
                .clone()
                .take(MOST_PORTS)
                .map(|port| Endpoint::from((ip, port)))
                .collect()
        };
        let endpoints = match &listen.on {
            ListenOn::Unix(path) => vec![Endpoint::Unix(path.clone())],
            ListenOn::Ip(ip, range) => ports(*ip, range),
            // a name here is almost always localhost
            ListenOn::Name(_, range) => ports(IpAddr::from([127, 0, 0, 1]), range),
        };
        let tls = listen.ssl || listen.quic;
        endpoints
            .into_iter()
            .map(move |endpoint| Listen { endpoint, tls })
    });
    endpoints.collect()
}

fn location_text(location: &Location) -> String {
    match &location.kind {
        effective::Kind::If => format!("if {}", location.written),
        effective::Kind::LimitExcept => format!("limit_except {}", location.written),
        _ => location.written.to_string(),
    }
}

fn protocol(pass: &Pass) -> Protocol {
    match (pass.protocol, pass.tls) {
        (effective::Protocol::Http, false) => Protocol::Http,
        (effective::Protocol::Http, true) => Protocol::Https,
        (effective::Protocol::Fastcgi, _) => Protocol::FastCgi,
        (effective::Protocol::Uwsgi, _) => Protocol::Uwsgi,
        (effective::Protocol::Scgi, _) => Protocol::Scgi,
        (effective::Protocol::Grpc, false) => Protocol::Grpc,
        (effective::Protocol::Grpc, true) => Protocol::Grpcs,
        (effective::Protocol::Memcached, _) => Protocol::Memcached,
        (effective::Protocol::Stream, _) => Protocol::Stream,
    }
}

fn target(pass: &Pass, upstreams: &[Upstream]) -> Target {
    match &pass.target {
        effective::Target::Address(at) => address(at),
        effective::Target::Group(name) => group(name, upstreams),
        effective::Target::Variable { constant } => variable(pass, constant.as_deref(), upstreams),
    }
}

/// A variable whose value is constant and names no host is no variable: nginx asks no resolver for it.
fn variable(pass: &Pass, constant: Option<&effective::Target>, upstreams: &[Upstream]) -> Target {
    let text = pass.written.to_string();
    match constant {
        Some(effective::Target::Group(name)) => group(name, upstreams),
        Some(effective::Target::Address(Address::Name(host, port))) => Target::Variable {
            text,
            host: Some(host.to_string()),
            port: *port,
        },
        Some(effective::Target::Address(at)) => address(at),
        _ => Target::Variable {
            text,
            host: None,
            port: None,
        },
    }
}

fn address(address: &Address) -> Target {
    match address {
        Address::Unix(path) => Target::Endpoint(Endpoint::Unix(path.clone())),
        Address::Ip(ip, port) => Target::Endpoint(Endpoint::from((*ip, port.unwrap_or(0)))),
        Address::Name(host, port) => Target::Name {
            host: host.to_string(),
            port: port.unwrap_or(0),
        },
    }
}

fn group(name: &nginx_conf::Text, upstreams: &[Upstream]) -> Target {
    let found = upstreams.iter().find(|upstream| upstream.is(name.as_bytes()));
    let peers = found.map_or(&[][..], |upstream| upstream.peers.as_slice());
    Target::Group {
        name: name.to_string(),
        servers: peers.iter().map(server).collect(),
    }
}

fn server(peer: &Peer) -> GroupServer {
    GroupServer {
        address: address(&peer.address),
        down: peer.down,
        backup: peer.backup,
        resolve: peer.resolve,
        written: place(&peer.address_place),
    }
}

fn socket_addr(address: &Address) -> Option<SocketAddr> {
    match address {
        Address::Ip(ip, port) => Some(SocketAddr::new(*ip, port.unwrap_or(53))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(http: &str) -> Vec<Route> {
        let dump = format!("# configuration file /etc/nginx/nginx.conf:\nhttp {{\n{http}\n}}\n\n");
        let (tree, mistakes) = nginx_conf::from_dump(dump.as_bytes(), std::path::Path::new("/etc/nginx"));
        assert_eq!(mistakes, []);
        routes(&Config::from(&tree), 0)
    }

    #[test]
    fn targets_of_routes() {
        let rows = [
            (
                "proxy_pass http://127.0.0.1:8000;",
                "Http Endpoint(Tcp(127.0.0.1:8000))",
            ),
            ("proxy_pass http://127.0.0.1;", "Http Endpoint(Tcp(127.0.0.1:80))"),
            (
                "proxy_pass https://app.example/x;",
                "Https Name { host: \"app.example\", port: 443 }",
            ),
            (
                "fastcgi_pass unix:/run/php/php8.2-fpm.sock;",
                "FastCgi Endpoint(Unix(\"/run/php/php8.2-fpm.sock\"))",
            ),
            (
                "fastcgi_pass localhost:9000;",
                "FastCgi Name { host: \"localhost\", port: 9000 }",
            ),
            (
                "uwsgi_pass 127.0.0.1:3031;",
                "Uwsgi Endpoint(Tcp(127.0.0.1:3031))",
            ),
            (
                "grpc_pass grpcs://127.0.0.1:50051;",
                "Grpcs Endpoint(Tcp(127.0.0.1:50051))",
            ),
            (
                "set $b app.example; proxy_pass http://$b:81;",
                "Http Variable { text: \"http://$b:81\", host: Some(\"app.example\"), port: Some(81) }",
            ),
            (
                "set $b 127.0.0.1:82; proxy_pass http://$b;",
                "Http Endpoint(Tcp(127.0.0.1:82))",
            ),
            (
                "proxy_pass http://$arg_b;",
                "Http Variable { text: \"http://$arg_b\", host: None, port: None }",
            ),
        ];
        for (pass, expected) in rows {
            let routes = read(&format!(
                "server {{ server_name shop.example; location / {{ {pass} }} }}"
            ));
            assert_eq!(
                format!("{:?} {:?}", routes[0].protocol, routes[0].target),
                expected
            );
            assert_eq!(
                (routes[0].site.as_str(), routes[0].location.as_str()),
                ("shop.example", "/")
            );
            assert_eq!(routes[0].written.line, 2);
        }
    }

    #[test]
    fn groups_settings_and_nameless_sites() {
        let routes = read(
            "resolver 127.0.0.53 valid=5s; proxy_read_timeout 5s;\n\
             upstream pool {\n server 127.0.0.1:1 backup;\n server a.example:2 down;\n}\n\
             server { listen 8080; server_name _; location ~ \\.x$ { proxy_next_upstream off; if ($arg_a) { proxy_pass http://pool; } } }",
        );
        assert_eq!(routes.len(), 1);
        let route = &routes[0];
        assert_eq!(
            (route.site.as_str(), route.location.as_str()),
            ("0.0.0.0:8080", "if ($arg_a)")
        );
        let Target::Group { name, servers } = &route.target else {
            panic!("{route:?}")
        };
        assert_eq!(
            (
                name.as_str(),
                servers[0].backup,
                servers[1].down,
                servers[1].written.line
            ),
            ("pool", true, true, 5)
        );
        let settings = &route.settings;
        assert_eq!(settings.resolvers, ["127.0.0.53:53".parse().unwrap()]);
        assert!(settings.no_retry);
        assert_eq!(settings.read_timeout, Some(std::time::Duration::from_secs(5)));
    }
}
