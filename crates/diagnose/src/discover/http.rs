//! What nginx's config says of `http` as a whole.

use super::routes;
use crate::refusal::LimitZone;
use nginx_conf::{Body, Directive, Source, Tree};
use std::path::{Path, PathBuf};

/// Networks of proxies, and zones of limits, taken from one config at most.
const MOST: usize = 1000;

/// A directory of which `http` includes every `*.conf`.
pub(super) fn dir(tree: &Tree) -> Option<PathBuf> {
    let http = tree.top().find(|it| it.is("http"))?;
    let includes = http
        .block()
        .iter()
        .filter(|it| it.is("include") && matches!(it.body, Body::Include(_)));
    includes
        .filter_map(|it| {
            let pattern = it.arg(0)?.to_string();
            let dir = Path::new(pattern.strip_suffix("/*.conf")?);
            (!pattern.contains('\u{fffd}')).then(|| tree.conf_dir().join(dir))
        })
        .next()
}

/// Some limit of requests or connections stands somewhere.
pub(super) fn has_limits(tree: &Tree) -> bool {
    any(tree, &mut |it| {
        it.name.value.as_bytes().starts_with(b"limit_req")
            || it.name.value.as_bytes().starts_with(b"limit_conn")
    })
}

/// No answer is kept, and none differs by who asks but for what the request itself says.
pub(super) fn may_cache(tree: &Tree) -> bool {
    const TELL_APART: [&str; 4] = ["auth_basic", "auth_request", "auth_jwt", "ssl_verify_client"];
    let off = |it: &Directive| it.arg(0).is_some_and(|arg| *arg == "off");
    !any(tree, &mut |it| {
        let name = it.name.value.to_string();
        let caches =
            name.contains("_cache") && !name.starts_with("open_file_cache") && !name.starts_with("ssl_");
        let tells = name.ends_with("_ignore_headers") || TELL_APART.contains(&name.as_str());
        (caches || tells) && !off(it)
    })
}

/// Refusals of some limit are logged below the level `error`, which is all that most error logs hold.
pub(super) fn has_quiet_limits(tree: &Tree) -> bool {
    any(tree, &mut |it| {
        let level = it.arg(0).map(ToString::to_string).unwrap_or_default();
        (it.is("limit_req_log_level") || it.is("limit_conn_log_level")) && level != "error"
    })
}

/// `limit_req_zone KEY zone=NAME:SIZE …;` and `limit_conn_zone`, which have the same head.
pub(super) fn limit_zones(tree: &Tree) -> Vec<LimitZone> {
    let mut all = Vec::new();
    any(tree, &mut |it| {
        if it.is("limit_req_zone") || it.is("limit_conn_zone") {
            all.extend(limit_zone(tree, it));
        }
        all.len() >= MOST
    });
    all
}

fn limit_zone(tree: &Tree, it: &Directive) -> Option<LimitZone> {
    let zone = it.arg(1)?.to_string();
    Some(LimitZone {
        name: zone.strip_prefix("zone=")?.split(':').next()?.to_owned(),
        key: it.arg(0)?.to_string(),
        written: routes::place(&tree.place(it.name.span)),
    })
}

/// Every `set_real_ip_from`, each once.
pub(super) fn proxies(tree: &Tree) -> Vec<String> {
    let mut all = Vec::new();
    any(tree, &mut |it| {
        all.extend(
            it.arg(0)
                .filter(|_| it.is("set_real_ip_from"))
                .map(ToString::to_string),
        );
        all.len() >= MOST
    });
    all.sort_unstable();
    all.dedup();
    all
}

fn any(tree: &Tree, test: &mut dyn FnMut(&Directive) -> bool) -> bool {
    tree.files()
        .iter()
        .any(|file| among(Source::directives(file), test))
}

fn among(directives: &[Directive], test: &mut dyn FnMut(&Directive) -> bool) -> bool {
    directives.iter().any(|it| test(it) || among(it.block(), test))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::{config, masters::Command, scout::Scout, testing};

    fn tree(http: &str) -> Tree {
        let files = [
            ("/etc/nginx/nginx.conf", http),
            ("/etc/nginx/conf.d/one.conf", "gzip on;\n"),
            ("/etc/nginx/sites-enabled/shop", "server { listen 80; }\n"),
        ];
        let files = testing::Tree::of(&files);
        config::only_files(&Scout::new(&files.host), &Command::default()).tree
    }

    #[test]
    fn what_http_includes_limits_and_believes() {
        let tree = tree(
            "http { limit_req_zone $server_name zone=a:10m rate=5r/s; set_real_ip_from 192.0.2.0/24; include sites-enabled/*; include conf.d/*.conf; server { \
             set_real_ip_from 2001:db8::/32; location / { limit_req zone=a; limit_req_log_level \
             notice; } } }\n",
        );
        assert_eq!(dir(&tree), Some("/etc/nginx/conf.d".into()));
        assert!(has_limits(&tree) && has_quiet_limits(&tree));
        assert!(may_cache(&tree));
        let zones = limit_zones(&tree);
        let [zone] = zones.as_slice() else {
            panic!("{zones:?}")
        };
        assert_eq!((zone.name.as_str(), zone.key.as_str()), ("a", "$server_name"));
        assert_eq!(zone.written.to_string(), "/etc/nginx/nginx.conf:1");
        assert_eq!(proxies(&tree), ["192.0.2.0/24", "2001:db8::/32"]);
    }

    #[test]
    fn a_cache_or_a_login_of_nginx_is_seen() {
        for (line, expected) in [
            ("open_file_cache max=1000; ssl_session_cache shared:a:1m;", true),
            ("auth_basic off; proxy_cache off;", true),
            ("proxy_cache_path /var/cache/nginx keys_zone=a:1m;", false),
            ("fastcgi_ignore_headers Set-Cookie;", false),
            ("auth_basic staff;", false),
            ("ssl_verify_client optional;", false),
        ] {
            assert_eq!(
                may_cache(&tree(&format!("http {{ {line} }}\n"))),
                expected,
                "{line}"
            );
        }
    }

    #[test]
    fn nothing_of_it_is_found_where_nothing_is() {
        let tree = tree("http { include sites-enabled/*; }\n");
        assert_eq!(
            (dir(&tree), has_limits(&tree), proxies(&tree).len()),
            (None, false, 0)
        );
    }
}
