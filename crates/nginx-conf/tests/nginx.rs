//! Our reading against the real nginx. Needs the Debian packages nginx-light (1.22 or later), libnginx-mod-stream and
//! libnginx-mod-http-lua; fails without them.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test helpers")]

mod common;

use common::{OnDisk, corpus};
use nginx_conf::effective::Config;
use nginx_conf::{Mistake, Tree, from_dump};

fn refused(mistakes: &[Mistake]) -> bool {
    mistakes.iter().any(|mistake| mistake.fault.is_refused())
}

/// Path and bytes of every file, in order.
fn contents(tree: &Tree) -> Vec<(String, String)> {
    let files = tree.files().iter();
    files
        .map(|file| {
            (
                file.path().display().to_string(),
                file.bytes().escape_ascii().to_string(),
            )
        })
        .collect()
}

/// Every directive with includes written out, as name and arguments.
fn flat(tree: &Tree) -> Vec<String> {
    let mut found = Vec::new();
    let mut todo: Vec<_> = tree.top().collect();
    todo.reverse();
    while let Some(directive) = todo.pop() {
        let args: Vec<_> = directive
            .args
            .iter()
            .map(|word| format!("{:?}", word.value))
            .collect();
        found.push(format!("{} {}", directive.name.value, args.join(" ")));
        let mut inside: Vec<_> = tree.inside(directive).collect();
        inside.reverse();
        todo.extend(inside);
    }
    found
}

fn assert_same_as_dump(disk: &OnDisk, name: &str) {
    let (tree, mistakes) = disk.load();
    assert!(
        !refused(&mistakes),
        "{name}: we refuse what nginx takes: {mistakes:?}"
    );
    let output = disk.nginx("-T");
    let (dumped, mistakes) = from_dump(&output.stdout, disk.prefix());
    assert!(!refused(&mistakes), "{name}: {mistakes:?}");
    assert_eq!(
        contents(&tree),
        contents(&dumped),
        "{name}: other files than nginx -T"
    );
    assert_eq!(
        flat(&tree),
        flat(&dumped),
        "{name}: includes elsewhere than in the dump"
    );
}

#[test]
fn we_accept_what_nginx_accepts_and_follow_the_same_includes() {
    for path in corpus("accepted") {
        let (disk, name) = (OnDisk::of(&path), path.display().to_string());
        let output = disk.nginx("-t");
        assert!(
            output.status.success(),
            "{name}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        assert_same_as_dump(&disk, &name);
    }
}

#[test]
fn we_refuse_what_nginx_refuses() {
    for path in corpus("refused") {
        let (disk, name) = (OnDisk::of(&path), path.display().to_string());
        assert!(!disk.nginx("-t").status.success(), "{name}: nginx takes it");
        let (_, mistakes) = disk.load();
        assert!(
            refused(&mistakes),
            "{name}: we take what nginx refuses: {mistakes:?}"
        );
    }
}

#[test]
fn ten_thousand_includes() {
    let disk = OnDisk::new();
    let servers =
        "events {}\nhttp { access_log off; server_names_hash_max_size 100000; include sites/*.conf; }\n";
    disk.write("nginx.conf", servers.as_bytes());
    disk.write("common.conf", b"add_header X-A b;\nclient_max_body_size 1m;\n");
    for site in 0..10_000 {
        let text = format!(
            "server {{ listen 127.0.0.1:18096; server_name s{site}.example;\n include common.conf;\n location / {{ return 200; }} }}\n"
        );
        disk.write(&format!("sites/{site:05}.conf"), text.as_bytes());
    }
    assert_same_as_dump(&disk, "10,000 includes");
    let (tree, _) = disk.load();
    let config = Config::from(&tree);
    assert_eq!((tree.files().len(), config.sites.len()), (10_002, 10_000));
    assert!(
        config
            .sites
            .iter()
            .all(|site| site.scope.own("add_header").len() == 1)
    );
}
