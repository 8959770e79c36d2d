//! Which server block and location answers: ours against a running nginx. Every block answers with a name of its own.
//! Needs the Debian package nginx-light; fails without it.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "test helpers"
)]
#![allow(clippy::disallowed_methods, reason = "tests run the tools they compare with")]

mod common;

use common::OnDisk;
use nginx_conf::effective::{Config, Location, Site};
use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::Child;
use std::time::{Duration, Instant};

const BLOCKS: &str = r#"
    server { listen unix:SOCKET; server_name a.example www.a.example; return 200 "first"; }
    server { listen unix:SOCKET default_server; server_name _; return 200 "default"; }
    server { listen unix:SOCKET; server_name *.example; return 200 "head"; }
    server { listen unix:SOCKET; server_name *.b.example; return 200 "longer head"; }
    server { listen unix:SOCKET; server_name mail.*; return 200 "tail"; }
    server { listen unix:SOCKET; server_name mail.b.*; return 200 "longer tail"; }
    server { listen unix:SOCKET; server_name .dot.net; return 200 "dot"; }
    server { listen unix:SOCKET; server_name "~^w{3}\.(?<rest>.+)$"; return 200 "regex"; }
    server { listen unix:SOCKET; server_name ~^www; return 200 "second regex"; }
    server { listen unix:SOCKET; server_name paths;
      location / { return 200 "/"; }
      location = / { return 200 "= /"; }
      location = /x { return 200 "= /x"; }
      location /img/ { return 200 "/img/"; }
      location ^~ /static/ { return 200 "^~ /static/"; location ~ \.png$ { return 200 "inner png"; } }
      location ~ \.php$ { return 200 "php"; }
      location ~* \.(JPG|png)$ { return 200 "picture"; }
      location /api { return 200 "/api"; location /api/v1 { return 200 "/api/v1"; location ~ v1/q { return 200 "v1/q"; } } }
      location ~ ^/deep { return 200 "deep"; location ~ ^/deep/er { return 200 "deeper"; } }
      location =/stuck { return 200 "=/stuck"; }
      location ~*\.stuck$ { return 200 "~* stuck"; }
      location "/with space" { return 200 "space"; }
      location /caf%C3%A9 { return 200 "encoded"; }
      location /café { return 200 "decoded"; }
    }
"#;

const HOSTS: &[&str] = &[
    "a.example",
    "WWW.A.example",
    "www.a.example.",
    "nobody.org",
    "c.example",
    "x.b.example",
    "b.example",
    "example",
    "mail.org",
    "mail.b.example",
    "mail.b.org",
    "mail.x.b.example",
    "dot.net",
    "x.dot.net",
    "y.x.dot.net",
    "www.org",
    "wwww.org",
    "www.other",
    "_",
    "mail",
];

const PATHS: &[&str] = &[
    "/",
    "/?a",
    "/x",
    "/x?y",
    "/x/",
    "/xy",
    "/img",
    "/img/",
    "/img/a.gif",
    "/img/a.png",
    "/img/a.jpg",
    "/a.php",
    "/a.PHP",
    "/static/a.php",
    "/static/a.png",
    "/static",
    "/api",
    "/api/",
    "/api/v1",
    "/api/v1/z",
    "/api/v1/q",
    "/api/v1/q.php",
    "/api/v1/z.php",
    "/apis",
    "/deep",
    "/deep/er",
    "/deeper.php",
    "/deep/er.png",
    "/%78",
    "//x",
    "/./x",
    "/img/../x",
    "/img/..",
    "/img/.",
    "/a/..//x",
    "/stuck",
    "/b.STUCK",
    "/with%20space/a",
    "/caf%C3%A9",
    "/café",
    "/x%3Fy",
    "/x%2F",
    "/a%2Fb.php",
    "/img//../x",
    "/x;y",
    "/x/..",
    "/static/../a.php",
    "/img/%2e%2e/x",
    "/x.",
    "/a..b/x",
];

/// A running nginx, ended with the test.
struct Nginx {
    process: Child,
    socket: PathBuf,
}

impl Nginx {
    fn start(disk: &OnDisk, socket: PathBuf) -> Self {
        let process = disk.command().args(["-g", "daemon off; pid nginx.pid;"]).spawn();
        let nginx = Self {
            process: process.expect("nginx"),
            socket,
        };
        let start = Instant::now();
        while UnixStream::connect(&nginx.socket).is_err() {
            assert!(
                start.elapsed() < Duration::from_secs(10),
                "nginx does not come up"
            );
            std::thread::yield_now();
        }
        nginx
    }

    fn ask(&self, host: &str, path: &str) -> String {
        let mut stream = UnixStream::connect(&self.socket).unwrap();
        write!(
            stream,
            "GET {path} HTTP/1.1\r\nHost: {host}\r\nConnection: close\r\n\r\n"
        )
        .unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        let answer = String::from_utf8(answer).unwrap();
        answer
            .split_once("\r\n\r\n")
            .map(|(_, body)| body.to_owned())
            .unwrap()
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        let stopped = std::process::Command::new("kill")
            .arg(self.process.id().to_string())
            .status();
        stopped.and_then(|_| self.process.wait()).unwrap();
    }
}

fn answer(site: &Site, location: Option<&Location>) -> String {
    let scope = location.map_or(&site.scope, |location| &location.scope);
    scope.own("return")[0].arg(1).unwrap().to_string()
}

#[test]
fn the_same_block_answers_as_in_nginx() {
    let disk = OnDisk::new();
    let socket = disk.prefix().join("s");
    let blocks = BLOCKS.replace("SOCKET", &socket.display().to_string());
    let text =
        format!("worker_processes 1; error_log stderr crit; events {{}} http {{ access_log off; {blocks} }}");
    disk.write("nginx.conf", text.as_bytes());
    let (tree, mistakes) = disk.load();
    assert!(mistakes.is_empty(), "{mistakes:?}");
    let config = Config::from(&tree);
    let nginx = Nginx::start(&disk, socket);
    for host in HOSTS {
        let site = config.site_for(host.as_bytes(), None, None).unwrap();
        let ours = site
            .scope
            .own("return")
            .first()
            .map_or("paths".into(), |_| answer(site, None));
        assert_eq!(ours, nginx.ask(host, "/"), "Host: {host}");
    }
    let site = config.site_for(b"paths", None, None).unwrap();
    for path in PATHS {
        let choice = site.location_for(path.as_bytes());
        assert_eq!(answer(site, choice.location), nginx.ask("paths", path), "{path}");
        assert!(choice.sure, "{path}");
    }
}
