//! A limit for requests of one kind: its zone in a file of its own, itself in the location.

use super::{CannotDraft, desk::Desk, files::ROOT_READABLE, nginx};
use diagnose::{Allowance, Limited, topology::Place};
use nginx_conf::parse;
use std::path::Path;

/// Name of the zone and of the variable that is its key.
const ZONE: &str = "limited_requests";
/// Directives of the file.
const DIRECTIVES: usize = 4;

/// What is limited, and how far.
struct Limit<'a> {
    of: &'a Limited,
    allowed: Allowance,
}

impl Limit<'_> {
    /// Requests that the map does not know have an empty key, and are not limited (ngx_http_limit_req_module,
    /// ngx_http_limit_conn_module). Those that are limited together have one key.
    fn text(&self) -> String {
        let (asked, pattern) = match self.of {
            Limited::Route { method, path } => {
                let segments: Vec<String> = path.split('/').map(segment).collect();
                let path = segments.join("/");
                ("$request_method $request_uri", format!("^{method} {path}(\\?|$)"))
            }
            Limited::Agent(agent) => ("$http_user_agent", format!("^{}$", literal(agent))),
        };
        let (key, name, rate) = match self.allowed {
            Allowance::Each { per_minute, .. } => (
                "$binary_remote_addr",
                "limit_req",
                format!(" rate={per_minute}r/m"),
            ),
            Allowance::Together(_) => ("all", "limit_conn", String::new()),
        };
        format!(
            "map \"{asked}\" ${ZONE} {{\n    default \"\";\n    \"~{pattern}\" {key};\n}}\n\
             {name}_zone ${ZONE} zone={ZONE}:10m{rate};\n{name}_status 429;\n{name}_log_level warn;\n"
        )
    }

    /// The directive in the location.
    fn directive(&self) -> (&'static str, String) {
        match self.allowed {
            Allowance::Each { burst, .. } => ("limit_req", format!("zone={ZONE} burst={burst} nodelay")),
            Allowance::Together(most) => ("limit_conn", format!("{ZONE} {most}")),
        }
    }
}

/// `*` is any one segment.
pub(super) fn segment(segment: &str) -> String {
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
    allowed: Allowance,
    of: &Limited,
) -> Result<(), CannotDraft> {
    let limit = Limit { of, allowed };
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
            "limit it by hand: limit_req_zone and limit_req, or limit_conn_zone and limit_conn",
        ));
    }
    desk.write(found, text.into_bytes(), ROOT_READABLE)?;
    let (name, value) = limit.directive();
    nginx::set(desk, beside, name, &value)?;
    desk.note(match limit.allowed {
        Allowance::Each { .. } => "those who ask for more are answered 429; all others are not limited",
        Allowance::Together(_) => {
            "what is more is answered 429, also to a person who asks for the same; nothing else is limited"
        }
    });
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

    fn limit(allowed: Allowance) -> Measure {
        Measure::NginxLimit {
            file: FILE.into(),
            beside: Place::line(Path::new(SITE), 3),
            of: Limited::Route {
                method: "POST".into(),
                path: "/item/*/buy.php".into(),
            },
            allowed,
        }
    }

    #[test]
    fn a_zone_of_its_own_and_a_limit_in_the_location() {
        let steps = shop().steps(vec![limit(Allowance::Each {
            per_minute: 6,
            burst: 5,
        })]);
        let file = format!(
            "write {FILE}: map \"$request_method $request_uri\" $limited_requests {{ |     default \"\"; |     \
             \"~^POST /item/[^/?]+/buy\\.php(\\?|$)\" $binary_remote_addr; | }} | limit_req_zone $limited_requests \
             zone=limited_requests:10m rate=6r/m; | limit_req_status 429; | limit_req_log_level warn;"
        );
        let site = format!("write {SITE}:         limit_req zone=limited_requests burst=5 nodelay;");
        assert_eq!(steps.get(..2), Some(&[file, site][..]), "{steps:#?}");
    }

    #[test]
    fn those_who_are_limited_together_have_one_key() {
        let steps = shop().steps(vec![limit(Allowance::Together(2))]);
        let file = format!(
            "write {FILE}: map \"$request_method $request_uri\" $limited_requests {{ |     default \"\"; |     \
             \"~^POST /item/[^/?]+/buy\\.php(\\?|$)\" all; | }} | limit_conn_zone $limited_requests \
             zone=limited_requests:10m; | limit_conn_status 429; | limit_conn_log_level warn;"
        );
        let site = format!("write {SITE}:         limit_conn limited_requests 2;");
        assert_eq!(steps.get(..2), Some(&[file, site][..]), "{steps:#?}");
    }

    #[test]
    fn an_agent_is_meant_to_the_letter() {
        let agent = Limited::Agent("Mozilla/5.0 (compatible; WideBot/3.1; +http://x.example/a)".into());
        let text = Limit {
            of: &agent,
            allowed: Allowance::Together(1),
        }
        .text();
        assert!(
            text.contains("\"~^Mozilla/5\\.0 \\(compatible; WideBot/3\\.1; \\+http://x\\.example/a\\)$\""),
            "{text}"
        );
    }
}
