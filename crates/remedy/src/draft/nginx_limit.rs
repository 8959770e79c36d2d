//! A limit for requests of one kind: its zone in a file of its own, itself in the location.

use super::{CannotDraft, desk::Desk, files::ROOT_READABLE, nginx};
use diagnose::{Limited, topology::Place};
use nginx_conf::parse;
use std::path::Path;

/// Name of the zone and of the variable that is its key.
const ZONE: &str = "limited_requests";
/// Directives of the file.
const DIRECTIVES: usize = 4;

/// What is limited, and how far.
pub(super) struct Limit<'a> {
    of: &'a Limited,
    per_minute: u32,
    burst: u32,
}

impl<'a> Limit<'a> {
    pub(super) fn new(of: &'a Limited, per_minute: u32, burst: u32) -> Self {
        Self {
            of,
            per_minute,
            burst,
        }
    }

    /// Requests that the map does not know have an empty key, and are not limited (ngx_http_limit_req_module).
    fn text(&self) -> String {
        let (asked, pattern) = match self.of {
            Limited::Route { method, path } => {
                let segments: Vec<String> = path.split('/').map(segment).collect();
                let path = segments.join("/");
                ("$request_method $request_uri", format!("^{method} {path}(\\?|$)"))
            }
            Limited::Agent(agent) => ("$http_user_agent", format!("^{}$", literal(agent))),
        };
        format!(
            "map \"{asked}\" ${ZONE} {{\n    default \"\";\n    \"~{pattern}\" $binary_remote_addr;\n}}\n\
             limit_req_zone ${ZONE} zone={ZONE}:10m rate={}r/m;\nlimit_req_status 429;\nlimit_req_log_level warn;\n",
            self.per_minute
        )
    }
}

/// `*` is any one segment.
fn segment(segment: &str) -> String {
    if segment == "*" {
        "[^/?]+".to_owned()
    } else {
        literal(segment)
    }
}

/// As a regular expression that means just this text.
fn literal(text: &str) -> String {
    let special = |c: char| ".+*?()[]{}^|\\$#&~-".contains(c);
    text.chars().fold(String::new(), |mut out, c| {
        if special(c) {
            out.push('\\');
        }
        out.push(c);
        out
    })
}

/// The file, then the limit beside what passes the requests on.
pub(super) fn set(
    desk: &mut Desk,
    file: &Path,
    beside: &Place,
    limit: &Limit<'_>,
) -> Result<(), CannotDraft> {
    let found = desk.find(file)?;
    if found.content.is_some() {
        let why = format!("{} is there already", file.display());
        return Err(CannotDraft::new(why, "look at the limits it sets"));
    }
    let text = limit.text();
    let (tree, mistakes) = parse(file, text.as_bytes());
    if !mistakes.is_empty() || tree.top().count() != DIRECTIVES {
        let why = "what is to be limited can't be written in nginx's language";
        return Err(CannotDraft::new(
            why,
            "limit it by hand: limit_req_zone, limit_req",
        ));
    }
    desk.write(found, text.into_bytes(), ROOT_READABLE)?;
    let value = format!("zone={ZONE} burst={} nodelay", limit.burst);
    nginx::set(desk, beside, "limit_req", &value)?;
    desk.note("those who ask for more are answered 429; all others are not limited");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::draft::testing::Machine;
    use diagnose::Measure;

    const SITE: &str = "/etc/nginx/sites-available/shop";
    const FILE: &str = "/etc/nginx/conf.d/limited-requests.conf";

    fn shop() -> Machine {
        let text = "server {\n    location / {\n        proxy_pass http://127.0.0.1:7080;\n    }\n}\n";
        Machine::nginx()
            .file(SITE, text)
            .site("shop", SITE, 3, "127.0.0.1:7080", true)
    }

    fn limit() -> Measure {
        Measure::NginxLimit {
            file: FILE.into(),
            beside: Place::line(Path::new(SITE), 3),
            of: Limited::Route {
                method: "POST".into(),
                path: "/item/*/buy.php".into(),
            },
            per_minute: 6,
            burst: 5,
        }
    }

    #[test]
    fn a_zone_of_its_own_and_a_limit_in_the_location() {
        let steps = shop().steps(vec![limit()]);
        let file = format!(
            "write {FILE}: map \"$request_method $request_uri\" $limited_requests {{ |     default \"\"; |     \
             \"~^POST /item/[^/?]+/buy\\.php(\\?|$)\" $binary_remote_addr; | }} | limit_req_zone $limited_requests \
             zone=limited_requests:10m rate=6r/m; | limit_req_status 429; | limit_req_log_level warn;"
        );
        let site = format!("write {SITE}:         limit_req zone=limited_requests burst=5 nodelay;");
        assert_eq!(steps.get(..2), Some(&[file, site][..]), "{steps:#?}");
    }

    #[test]
    fn an_agent_is_meant_to_the_letter() {
        let agent = Limited::Agent("Mozilla/5.0 (compatible; WideBot/3.1; +http://x.example/a)".into());
        let text = Limit::new(&agent, 30, 10).text();
        assert!(
            text.contains("\"~^Mozilla/5\\.0 \\(compatible; WideBot/3\\.1; \\+http://x\\.example/a\\)$\""),
            "{text}"
        );
    }
}
