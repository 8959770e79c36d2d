//! What configurations come to, row by row.
#![allow(clippy::too_many_lines, reason = "tables")]

use super::{Config, Kind, Location, Protocol, Target};
use crate::parse;
use std::path::Path;
use std::time::Duration;

fn config(text: &str) -> Config {
    Config::from(&parse(Path::new("/etc/nginx/nginx.conf"), text.as_bytes()).0)
}

/// A site around `inside`, an upstream `app` beside it.
fn site(inside: &str) -> Config {
    config(&format!(
        "http {{ upstream app {{ server 10.0.0.1; }} server {{ {inside} }} }}"
    ))
}

fn shown(target: &Target) -> String {
    match target {
        Target::Address(address) => address.to_string(),
        Target::Group(name) => format!("group {name}"),
        Target::Variable { constant: None } => "?".into(),
        Target::Variable {
            constant: Some(constant),
        } => format!("={}", shown(constant)),
    }
}

#[test]
fn where_a_location_passes_to() {
    let rows = [
        ("proxy_pass http://127.0.0.1:8080;", "127.0.0.1:8080"),
        ("proxy_pass http://127.0.0.1;", "127.0.0.1:80"),
        ("proxy_pass https://app.example/x;", "app.example:443 tls /x"),
        ("proxy_pass HTTPS://[::1];", "[::1]:443 tls"),
        ("proxy_pass http://app;", "group app"),
        ("proxy_pass http://APP/;", "group APP /"),
        ("proxy_pass http://app:81;", "app:81"),
        ("proxy_pass http://unix:/run/a.sock:/x/;", "unix:/run/a.sock /x/"),
        ("proxy_pass http://unix:/run/a.sock;", "unix:/run/a.sock"),
        ("proxy_pass http://$host;", "?"),
        ("set $b backend; proxy_pass http://$b;", "=backend:80"),
        ("set $b app; proxy_pass http://$b$request_uri;", "=group app"),
        (
            "set $h a; set $b ${h}.lab:81; proxy_pass http://${b}/x?y;",
            "=a.lab:81 /x?y",
        ),
        ("set $b $http_x; proxy_pass http://$b;", "?"),
        ("set $b a; if ($x) { set $b b; } proxy_pass http://$b;", "?"),
        ("set $b a; if ($x) { set $b a; } proxy_pass http://$b;", "=a:80"),
        ("set $s https; proxy_pass $s://x;", "=x:443 tls"),
        (
            "fastcgi_pass unix:/run/php/php8.2-fpm.sock;",
            "unix:/run/php/php8.2-fpm.sock",
        ),
        ("fastcgi_pass 127.0.0.1:9000;", "127.0.0.1:9000"),
        ("fastcgi_pass app;", "group app"),
        ("fastcgi_pass php;", "php"),
        ("uwsgi_pass suwsgi://10.0.0.1:3031;", "10.0.0.1:3031 tls"),
        ("scgi_pass localhost:4000;", "localhost:4000"),
        ("grpc_pass grpcs://10.0.0.1:50051;", "10.0.0.1:50051 tls"),
        ("grpc_pass localhost:50051;", "localhost:50051"),
        ("memcached_pass 127.0.0.1:11211;", "127.0.0.1:11211"),
    ];
    for (inside, expected) in rows {
        let config = site(&format!("location / {{ {inside} }}"));
        let route = config.routes().next().expect(inside);
        let uri = route
            .pass
            .uri
            .as_ref()
            .map_or(String::new(), |uri| format!(" {uri}"));
        let tls = if route.pass.tls { " tls" } else { "" };
        assert_eq!(
            format!("{}{tls}{}", shown(&route.pass.target), uri),
            expected,
            "{inside}"
        );
    }
}

#[test]
fn places_point_at_the_address() {
    let config =
        config("http {\n  server {\n    location / {\n      proxy_pass  http://a:1;\n    }\n  }\n}\n");
    let route = config.routes().next().unwrap();
    assert_eq!(route.pass.place.to_string(), "/etc/nginx/nginx.conf:4:7");
    assert_eq!(route.pass.address_place.to_string(), "/etc/nginx/nginx.conf:4:19");
    assert_eq!(route.location.place.to_string(), "/etc/nginx/nginx.conf:3:5");
    assert_eq!(
        route.pass.address_place.end - route.pass.address_place.start,
        "http://a:1".len()
    );
}

fn name(location: Option<&Location>) -> String {
    location.map_or("-".into(), |location| location.written.to_string())
}

#[test]
fn which_location_takes_a_path() {
    let config = site(
        "location / { } location = /x { } location /img/ { } location ^~ /static/ { location ~ \\.png$ { } }
         location ~ \\.php$ { } location ~* \\.(JPG|png)$ { } location /api { location /api/v1 { location ~ v1/q { } } }
         location @app { } location ~ ^/a/(?!b) { } location =/s { } location ~*\\.stuck$ { }",
    );
    let rows = [
        ("/", "/", true),
        ("/nothing", "/", false),
        ("/x", "= /x", true),
        ("/x?q=/img/", "= /x", true),
        ("/x/", "/", false),
        ("/img/a.gif", "/img/", false),
        ("/img/a.png", "~* \\.(JPG|png)$", true),
        ("/static/a.php", "^~ /static/", true),
        ("/static/a.png", "~ \\.png$", true),
        ("/a.php", "~ \\.php$", true),
        ("/a.PHP", "/", false),
        ("/api", "/api", false),
        ("/api/v1/z", "/api/v1", false),
        ("/api/v1/q", "~ v1/q", true),
        ("/api/v1/q.php", "~ v1/q", true),
        ("/api/v1/z.php", "~ \\.php$", true),
        ("/%78", "= /x", true),
        ("//x", "= /x", true),
        ("/img/../x", "= /x", true),
        ("/s", "=/s", true),
        ("/b.STUCK", "~*\\.stuck$", false),
        ("@app", "/", false),
    ];
    for (uri, expected, _) in rows {
        assert_eq!(
            name(config.sites[0].location_for(uri.as_bytes()).location),
            expected,
            "{uri}"
        );
    }
    assert!(config.sites[0].location_for(b"/static/a.php").sure);
    assert!(
        !config.sites[0].location_for(b"/nothing").sure,
        "an expression that only PCRE knows was passed by"
    );
    assert!(config.sites[0].location_for(b"/a.php").sure);
    assert_eq!(name(config.sites[0].named(b"@app")), "@app");
}

#[test]
fn where_a_path_may_end_up() {
    let config = site(
        "index index.php; location / { try_files $uri $uri/ /index.php?$args; } location ~ \\.php$ { fastcgi_pass x:1; }
         location /app { try_files $uri @app; } location @app { error_page 502 = @down; } location @down { }
         location /plain/ { }",
    );
    let rows: [(&str, &[&str]); 3] = [
        ("/post/1", &["/", "~ \\.php$"]),
        ("/app/x", &["/app", "@app", "@down"]),
        ("/plain/", &["/plain/", "~ \\.php$"]),
    ];
    for (uri, expected) in rows {
        let found: Vec<_> = config.sites[0]
            .candidates(uri.as_bytes())
            .iter()
            .map(|at| at.written.to_string())
            .collect();
        assert_eq!(found, expected, "{uri}");
    }
}

#[test]
fn which_site_takes_a_host() {
    let config = config(
        "http {
           server { server_name a.example www.a.example; }
           server { listen 80 default_server; server_name _; }
           server { server_name *.example; }
           server { server_name *.b.example; }
           server { server_name mail.*; }
           server { server_name ~^(?<u>.+)\\.dev$; }
           server { listen 127.0.0.1:81; server_name a.example; }
           server { listen [::]:82; }
           server { server_name .dot.net; }
         }",
    );
    let rows: [(&str, u16, Option<&str>, usize); 15] = [
        ("a.example", 80, None, 0),
        ("WWW.A.example.", 80, None, 0),
        ("nobody.org", 80, None, 1),
        ("c.example", 80, None, 2),
        ("x.b.example", 80, None, 3),
        ("example", 80, None, 1),
        ("mail.org", 80, None, 4),
        ("mail.b.example", 80, None, 3),
        ("joe.dev", 80, None, 5),
        ("a.example", 81, None, 6),
        ("other", 81, Some("127.0.0.1"), 6),
        ("any", 82, None, 7),
        ("dot.net", 80, None, 8),
        ("x.dot.net", 80, None, 8),
        ("a.example", 80, Some("192.0.2.1"), 0),
    ];
    for (host, port, ip, expected) in rows {
        let ip = ip.map(|ip| ip.parse().unwrap());
        let found = config.site_for(host.as_bytes(), Some(port), ip).unwrap();
        assert!(
            std::ptr::eq(found, &config.sites[expected]),
            "{host}:{port} -> {}",
            found.place
        );
    }
    assert!(config.site_for(b"a.example", Some(83), None).is_none());
    assert_eq!(config.sites_logged_as(b"a.example").count(), 2);
    assert_eq!(config.sites_logged_as(b"dot.net").count(), 1);
    assert_eq!(config.sites_logged_as(b"").count(), 1);
}

#[test]
fn inheritance_and_defaults() {
    let config = config(
        "user www-data; worker_rlimit_nofile 4096; error_log logs/e.log warn; events { worker_connections 768; }
         http {
           proxy_read_timeout 5s; proxy_buffers 4 16k; proxy_set_header Host $host; proxy_set_header X a;
           resolver 127.0.0.53 [::1]:54 valid=10s ipv6=off; root /srv/www; log_format j escape=json '{' \"a\" '}';
           access_log /var/log/a.log j buffer=32k; fastcgi_param A 1;
           server {
             location / { proxy_pass http://a; proxy_set_header Y b; proxy_next_upstream off; proxy_next_upstream_tries 2;
               location /in { access_log off; alias /srv/in; fastcgi_param B 2 if_not_empty; error_log stderr; } }
             location /b { proxy_pass http://b; proxy_buffer_size 8k; access_log syslog:server=x combined; }
           }
           server { location / { proxy_pass http://b; } access_log $host.log; }
         }",
    );
    let outer = &config.sites[0].locations[0];
    let (scope, inner) = (&outer.scope, &outer.inside[0].scope);
    let prefix = Path::new("/p");
    assert_eq!(inner.read_timeout(Protocol::Http).value, Duration::from_secs(5));
    assert_eq!(
        scope.connect_timeout(Protocol::Http).value,
        Duration::from_secs(60)
    );
    assert!(scope.connect_timeout(Protocol::Http).place.is_none());
    assert_eq!(inner.buffers(Protocol::Http).value, (4, 16384));
    assert_eq!(
        config.sites[0].locations[1]
            .scope
            .buffer_size(Protocol::Http)
            .value,
        8192
    );
    assert_eq!(inner.buffer_size(Protocol::Fastcgi).value, super::PAGE);
    assert_eq!(inner.set_headers(Protocol::Http).len(), 1);
    assert_eq!(config.sites[0].scope.set_headers(Protocol::Http).len(), 2);
    assert_eq!(scope.params(Protocol::Fastcgi), [(&"A".into(), &"1".into())]);
    assert_eq!(inner.params(Protocol::Fastcgi), [(&"B".into(), &"2".into())]);
    assert_eq!(scope.root(prefix).path.as_deref(), Some(Path::new("/srv/www")));
    assert!(inner.root(prefix).is_alias && inner.access_logs(prefix).is_empty());
    assert_eq!(
        (
            scope.next_upstream(Protocol::Http).on,
            scope.next_upstream(Protocol::Http).tries
        ),
        (vec!["off".into()], 2)
    );
    let resolver = scope.resolver().unwrap();
    let servers: Vec<_> = resolver.servers.iter().map(ToString::to_string).collect();
    assert_eq!(servers, ["127.0.0.53:53", "[::1]:54"]);
    assert!(!resolver.ipv6 && resolver.ipv4 && resolver.valid == Some(Duration::from_secs(10)));
    assert_eq!(config.format(b"j").unwrap().text, "{a}");
    assert_eq!(
        (config.user().unwrap().group, config.worker_connections().value),
        ("www-data".into(), 768)
    );
    assert_eq!(
        (
            config.error_logs().len(),
            config.access_logs().len(),
            config.resolvers().len()
        ),
        (2, 3, 1)
    );
}

#[test]
fn upstreams_streams_and_blocks_without_a_pass() {
    let config = config(
        "stream { upstream db { server 10.0.0.1:5432; server 10.0.0.2:5432 backup; }
                  server { listen 5432; proxy_pass db; proxy_ssl on; } server { listen 53 udp; proxy_pass $x; } }
         http { upstream u { zone z 64k; keepalive 16; server a.lab:81 resolve max_fails=0 fail_timeout=5; server unix:/s down; }
                server { location / { proxy_pass http://u; if ($a) { set $b 1; } limit_except GET { deny all; } } } }",
    );
    let upstream = config.upstream(b"U").unwrap();
    assert_eq!((upstream.keepalive, upstream.peers.len()), (Some(16), 2));
    assert!(upstream.peers[0].resolve && upstream.peers[0].max_fails == 0 && upstream.peers[1].down);
    let location = &config.sites[0].locations[0];
    assert!(
        matches!(location.inside[0].kind, Kind::If) && matches!(location.inside[1].kind, Kind::LimitExcept)
    );
    assert!(
        location
            .inside
            .iter()
            .all(|part| part.pass.as_ref().is_some_and(|pass| pass.inherited))
    );
    assert_eq!(config.routes().count(), 1);
    let pass = config.streams[0].pass.as_ref().unwrap();
    assert!(pass.tls && config.addresses(pass).len() == 2);
    assert_eq!(config.addresses(config.routes().next().unwrap().pass).len(), 2);
}

#[test]
fn values_stay_bounded() {
    let doubling = "set $a $a$a;".repeat(80);
    let config = site(&format!(
        "set $a 0123456789; {doubling} location / {{ proxy_pass http://$a; }}"
    ));
    assert_eq!(shown(&config.routes().next().unwrap().pass.target), "?");
}
