//! Which location a URI goes to, told from how locations are written.

use regex::Regex;

/// How well a URI fits a location: nginx takes exact ones first, then `^~`, regular expressions, the longest prefix.
pub(super) type Fit = (u8, usize);

/// A location's own rule.
pub(super) enum Location {
    /// `= /x`
    Exact(String),
    /// `/x`, `^~ /x`
    Prefix {
        /// The prefix.
        path: String,
        /// `^~`: regular expressions are not asked.
        first: bool,
    },
    /// `~ \.php$`
    Regex(Regex),
    /// `@name`, or what we can't read: reached from elsewhere.
    Other,
}

impl Location {
    /// From `= /x`, `^~ /x`, `~ re`, `~* re`, `@name`, `/x`.
    pub(super) fn read(written: &str) -> Self {
        let (mark, rest) = written.split_once(' ').unwrap_or(("", written));
        let rest = rest.trim();
        match mark {
            "=" => Self::Exact(rest.to_owned()),
            "^~" => Self::Prefix {
                path: rest.to_owned(),
                first: true,
            },
            "~" => regex(rest),
            "~*" => regex(&format!("(?i){rest}")),
            "" if rest.starts_with('/') => Self::Prefix {
                path: rest.to_owned(),
                first: false,
            },
            _ => Self::Other,
        }
    }

    /// How well the path fits; `None` if it does not. A location that others lead to fits badly, but may.
    pub(super) fn fit(&self, path: &str) -> Option<Fit> {
        match self {
            Self::Exact(exact) => (exact == path).then_some((4, 0)),
            Self::Prefix { path: prefix, first } => path
                .starts_with(prefix.as_str())
                .then_some((if *first { 3 } else { 1 }, prefix.len())),
            Self::Regex(regex) => regex.is_match(path).then_some((2, 0)),
            Self::Other => Some((0, 0)),
        }
    }

    /// A path that goes here, where that is plain.
    pub(super) fn example(&self) -> Option<&str> {
        match self {
            Self::Exact(path) | Self::Prefix { path, .. } => Some(path),
            Self::Regex(regex) if regex.is_match("/index.php") => Some("/index.php"),
            Self::Regex(_) => None,
            Self::Other => Some("/"),
        }
    }
}

/// PCRE and Rust's expressions differ in look-around, which locations seldom have.
fn regex(text: &str) -> Location {
    let text = text.trim_matches('"');
    let regex = regex::RegexBuilder::new(text).size_limit(1 << 18).build();
    regex.map_or(Location::Other, Location::Regex)
}

/// The path of `GET /path?query HTTP/1.1`.
pub(super) fn path_of(request: &str) -> Option<&str> {
    let target = request.split(' ').nth(1)?;
    let target = match target.split_once("://") {
        Some((_, rest)) => rest.find('/').map_or("/", |at| &rest[at..]),
        None => target,
    };
    target.split(['?', '#']).next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_chosen_as_nginx_does() {
        let written = ["/", "/api/", "= /health", r"~ \.php$", "^~ /static/", "@app"];
        let best = |path: &str| {
            let fits = written
                .iter()
                .filter_map(|it| Some((Location::read(it).fit(path)?, *it)));
            fits.max_by_key(|(fit, _)| *fit).map(|(_, it)| it)
        };
        for (path, location) in [
            ("/", "/"),
            ("/api/v1", "/api/"),
            ("/health", "= /health"),
            ("/api/x.php", r"~ \.php$"),
            ("/static/x.php", "^~ /static/"),
        ] {
            assert_eq!(best(path), Some(location), "{path}");
        }
    }

    #[test]
    fn paths_of_request_lines() {
        for (request, path) in [
            ("GET /a?b=/c HTTP/1.1", Some("/a")),
            ("GET http://shop.example/a HTTP/1.1", Some("/a")),
            ("GET http://shop.example HTTP/1.1", Some("/")),
            ("\\x16\\x03", None),
        ] {
            assert_eq!(path_of(request), path, "{request}");
        }
    }
}
