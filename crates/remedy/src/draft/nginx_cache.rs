//! A cache of some seconds for visitors of whom nothing is known: its zone and its rules in a file of their own, itself in
//! the location.

use super::{CannotDraft, desk::Desk, files::ROOT_READABLE, nginx, nginx_limit::segment};
use crate::Step;
use diagnose::topology::{Place, Protocol};
use host::{Looks, answer::FileKind};
use nginx_conf::parse;
use std::path::{Path, PathBuf};

/// Name of the zone, and what the names of the variables begin with.
const ZONE: &str = "micro_cache";
/// Directives of the file.
const DIRECTIVES: usize = 4;
/// Where nginx keeps such things as its packages set it up: nginx.org's, then Debian's.
const HOMES: [&str; 2] = ["/var/cache/nginx", "/var/lib/nginx"];
/// Cookies of visitor counters, which tell the backend nothing: any other may be a session.
const COUNTERS: &str =
    "(_ga[0-9A-Za-z_-]*|_gid|_gat[0-9A-Za-z_-]*|_fbp|_pk_[0-9A-Za-z_.-]*|__utm[a-z])=[^;]*";

/// What is kept, where and how long.
pub(super) struct Cache<'a> {
    pub file: &'a Path,
    pub beside: &'a Place,
    pub protocol: Protocol,
    pub paths: &'a [String],
    pub seconds: u32,
}

impl Cache<'_> {
    /// `fastcgi`: the module whose directives these are.
    fn module(&self) -> Option<&'static str> {
        match self.protocol {
            Protocol::Http | Protocol::Https => Some("proxy"),
            Protocol::FastCgi => Some("fastcgi"),
            Protocol::Uwsgi => Some("uwsgi"),
            Protocol::Scgi => Some("scgi"),
            _ => None,
        }
    }

    /// A request is answered from the cache, and its answer kept, where all three variables are 0. Each is a map of its
    /// own: joined, the text of one could be taken for that of another.
    fn text(&self, module: &str, dir: &Path) -> String {
        let rule = |path: &String| {
            let segments: Vec<String> = path.split('/').map(segment).collect();
            format!("    \"~^(GET|HEAD) {}(\\?|$)\" 0;\n", segments.join("/"))
        };
        let rules: String = self.paths.iter().map(rule).collect();
        format!(
            "map \"$request_method $request_uri\" ${ZONE}_other {{\n    default 1;\n{rules}}}\n\
             map $http_cookie ${ZONE}_cookie {{\n    default 1;\n    \"\" 0;\n    \"~^{COUNTERS}(; *{COUNTERS})*$\" 0;\n}}\n\
             map \"$http_authorization$http_x_api_key$http_x_auth_token$http_x_csrf_token\" ${ZONE}_key {{\n    default 1;\n    \"\" 0;\n}}\n\
             {module}_cache_path {} levels=1:2 keys_zone={ZONE}:10m max_size=64m inactive=10m use_temp_path=off;\n",
            dir.display()
        )
    }

    /// The directives in the location. What nginx answers in place of a backend that fails, each module names itself.
    fn directives(&self, module: &str) -> Vec<(String, String)> {
        let skip = format!("${ZONE}_other ${ZONE}_cookie ${ZONE}_key");
        let gateway = if module == "proxy" {
            " http_502 http_504"
        } else {
            ""
        };
        [
            ("cache", ZONE.to_owned()),
            (
                "cache_key",
                "\"$scheme$request_method$host$request_uri\"".to_owned(),
            ),
            ("cache_valid", format!("200 {}s", self.seconds)),
            ("cache_lock", "on".to_owned()),
            // one of those who ask the same goes to the backend at a time; nginx's 5 s would let all others through while
            // the backend still works off what waits there
            ("cache_lock_timeout", "30s".to_owned()),
            (
                "cache_use_stale",
                format!("error timeout invalid_header updating http_500 http_503{gateway}"),
            ),
            ("cache_bypass", skip.clone()),
            ("no_cache", skip),
        ]
        .map(|(name, value)| (format!("{module}_{name}"), value))
        .into()
    }
}

/// The file, what goes into the location, and the end of the directory that nginx makes for it.
pub(super) fn set(desk: &mut Desk, cache: &Cache<'_>) -> Result<(), CannotDraft> {
    let module = cache.module().ok_or_else(|| {
        let why = "nginx keeps no answers of such a backend";
        CannotDraft::new(why, "let the application keep them")
    })?;
    let found = desk.find(cache.file)?;
    if found.content.is_some() {
        let why = format!("{} is there already", cache.file.display());
        return Err(CannotDraft::new(why, "look at the cache it sets"));
    }
    let dir = dir(desk)?;
    let text = cache.text(module, &dir);
    let (tree, mistakes) = parse(cache.file, text.as_bytes());
    if !mistakes.is_empty() || tree.top().count() != DIRECTIVES {
        let why = "what is to be kept can't be written in nginx's language";
        return Err(CannotDraft::new(why, format!("write it by hand: {module}_cache")));
    }
    desk.push(Step::DropCache {
        dir,
        declared: found.path.clone(),
    });
    desk.write(found, text.into_bytes(), ROOT_READABLE)?;
    // the last goes first, so that they stand in this order
    for (name, value) in cache.directives(module).iter().rev() {
        nginx::set(desk, cache.beside, name, value)?;
    }
    desk.note(format!(
        "visitors without a cookie see these pages up to {} seconds old, and older ones while the backend fails; whoever \
         sends a cookie (but those of visitor counters), a password or a key is answered by the backend as before, and \
         so is every other page. Not for pages that differ by something else and do not say so (Vary), such as the visitor's address",
        cache.seconds
    ));
    Ok(())
}

/// A place of its own beside nginx's other directories: what stands there later is nginx's and nobody else's.
fn dir(desk: &Desk) -> Result<PathBuf, CannotDraft> {
    for home in HOMES.map(Path::new) {
        if !desk.host.stat(home)?.is_some_and(|it| it.kind == FileKind::Dir) {
            continue;
        }
        let dir = home.join("micro-cache");
        if desk.host.stat(&dir)?.is_some() {
            let why = format!("{} is there already", dir.display());
            return Err(CannotDraft::new(why, "look whose it is"));
        }
        return Ok(dir);
    }
    let why = "nginx has no directory for a cache: neither /var/cache/nginx nor /var/lib/nginx is there";
    Err(CannotDraft::new(why, "make one, and write the cache by hand"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::testing::Machine;
    use diagnose::Measure;

    const SITE: &str = "/etc/nginx/sites-available/shop";
    const FILE: &str = "/etc/nginx/conf.d/micro-cache.conf";

    fn shop(pass: &str) -> Machine {
        let text = format!("server {{\n    location / {{\n        {pass}\n    }}\n}}\n");
        Machine::nginx()
            .file(SITE, text)
            .site("shop", SITE, 3, "127.0.0.1:7080", true)
    }

    fn keep(protocol: Protocol) -> Vec<Measure> {
        vec![Measure::NginxCache {
            file: FILE.into(),
            beside: Place::line(Path::new(SITE), 3),
            protocol,
            paths: vec!["/".into(), "/item/*/a.php".into()],
            seconds: 5,
        }]
    }

    #[test]
    fn a_zone_with_its_rules_and_a_cache_in_the_location() {
        let steps = shop("fastcgi_pass 127.0.0.1:7080;")
            .dir("/var/lib/nginx", 0o755)
            .steps(keep(Protocol::FastCgi));
        assert_eq!(
            steps[0],
            format!("drop-cache,dir:/var/lib/nginx/micro-cache,declared:{FILE}")
        );
        for part in [
            "\"~^(GET|HEAD) /(\\?|$)\" 0;",
            "\"~^(GET|HEAD) /item/[^/?]+/a\\.php(\\?|$)\" 0;",
            "fastcgi_cache_path /var/lib/nginx/micro-cache levels=1:2 keys_zone=micro_cache:10m max_size=64m inactive=10m use_temp_path=off;",
        ] {
            assert!(steps[1].contains(part), "{part}: {}", steps[1]);
        }
        assert_eq!(
            steps[2],
            format!(
                "write {SITE}:         fastcgi_cache micro_cache; |         fastcgi_cache_key \"$scheme$request_method$host$request_uri\"; |         \
                 fastcgi_cache_valid 200 5s; |         fastcgi_cache_lock on; |         fastcgi_cache_lock_timeout 30s; |         \
                 fastcgi_cache_use_stale error timeout invalid_header updating http_500 http_503; |         \
                 fastcgi_cache_bypass $micro_cache_other $micro_cache_cookie $micro_cache_key; |         \
                 fastcgi_no_cache $micro_cache_other $micro_cache_cookie $micro_cache_key;"
            )
        );
    }

    #[test]
    fn each_module_by_its_own_words_and_none_without_a_place() {
        let proxied = shop("proxy_pass http://127.0.0.1:7080;")
            .dir("/var/cache/nginx", 0o755)
            .steps(keep(Protocol::Http));
        assert!(proxied[2].contains("proxy_cache_use_stale error timeout invalid_header updating http_500 http_503 http_502 http_504;"), "{proxied:?}");
        let homeless = shop("proxy_pass http://127.0.0.1:7080;").steps(keep(Protocol::Http));
        assert!(
            homeless[0].starts_with("cannot: nginx has no directory for a cache"),
            "{homeless:?}"
        );
        let used = shop("proxy_pass http://127.0.0.1:7080;")
            .dir("/var/cache/nginx", 0o755)
            .dir("/var/cache/nginx/micro-cache", 0o700);
        assert!(used.steps(keep(Protocol::Http))[0].contains("is there already"));
    }
}
