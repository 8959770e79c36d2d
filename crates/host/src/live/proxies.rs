//! Proxies of the session: from the environment. A user and a password in them stay here.

use crate::visit::ProxySetting;

/// Names of the environment that programs follow.
const NAMES: &[&str] = &["http_proxy", "https_proxy", "all_proxy", "no_proxy"];
/// A setting that is longer is none.
const LONGEST: usize = 2000;

/// All that are set.
pub(super) fn all() -> Vec<ProxySetting> {
    let set = std::env::vars_os().filter_map(|(name, value)| {
        let name = name.into_string().ok()?;
        let known = NAMES.iter().any(|it| it.eq_ignore_ascii_case(&name));
        let value = value
            .into_string()
            .ok()
            .filter(|value| known && value.len() <= LONGEST)?;
        Some(ProxySetting {
            name,
            value: without_login(&value),
        })
    });
    let mut found: Vec<ProxySetting> = set.collect();
    found.sort_by(|a, b| a.name.cmp(&b.name));
    found
}

/// `http://user:password@proxy:3128` as `http://proxy:3128`.
pub(super) fn without_login(value: &str) -> String {
    let (scheme, rest) = value
        .split_once("://")
        .map_or(("", value), |(scheme, rest)| (scheme, rest));
    let bare = rest.rsplit_once('@').map_or(rest, |(_, bare)| bare);
    if scheme.is_empty() {
        bare.to_owned()
    } else {
        format!("{scheme}://{bare}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_login_stays_here() {
        for (value, shown) in [
            ("http://me:CANARY@proxy:3128/", "http://proxy:3128/"),
            ("me:CANARY@proxy:3128", "proxy:3128"),
            ("http://proxy:3128", "http://proxy:3128"),
            (".example,localhost", ".example,localhost"),
        ] {
            assert_eq!(without_login(value), shown);
        }
    }
}
