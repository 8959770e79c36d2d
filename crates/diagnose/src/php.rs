//! PHP versions as paths and units name them, and the sockets that php-fpm has instead of the asked one.

use crate::{
    Case,
    case::PeerSight,
    elsewhere::{Server, servers},
    topology::{BackendKind, same_path},
};
use host::answer::FileKind;
use std::path::Path;

/// The PHP version that a path or unit names, as people write it: `8.2` of `php8.2-fpm.sock`, `php82-php-fpm.service`
/// and `ea-php82`, `5` of `php5-fpm.sock`.
pub fn version(text: &str) -> Option<String> {
    text.match_indices("php").find_map(|(at, php)| {
        let rest = text.get(at + php.len()..)?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number = rest.get(..end)?.trim_matches('.');
        match number.as_bytes() {
            [] => None,
            [major, minor] => Some(format!("{}.{}", char::from(*major), char::from(*minor))),
            _ => Some(number.to_owned()),
        }
    })
}

/// What the asked path says of the version.
pub enum Asked {
    /// It names one.
    Version(String),
    /// It is a link (Debian's /run/php/php-fpm.sock) that leads nowhere.
    DeadLink,
}

impl Asked {
    /// The version it names.
    pub fn version(&self) -> Option<&str> {
        match self {
            Self::Version(version) => Some(version),
            Self::DeadLink => None,
        }
    }

    /// What this path of a peer says; `None` if nothing.
    pub fn of(peer: &PeerSight, path: &Path) -> Option<Self> {
        let last = peer
            .path
            .last()
            .and_then(|step| step.stat.as_ref().ok()?.as_ref());
        let dead = last.is_some_and(|stat| stat.kind == FileKind::DanglingLink);
        version(&path.to_string_lossy())
            .map(Self::Version)
            .or(dead.then_some(Self::DeadLink))
    }
}

/// The live sockets of other versions: most alike first, then the newest.
pub fn sockets<'a>(case: &'a Case, path: &Path, asked: &Asked) -> Vec<Server<'a>> {
    let mut live: Vec<(bool, String, Server<'_>)> = servers(case)
        .into_iter()
        .filter(|server| server.kind == BackendKind::PhpFpm && server.at.unix().is_some())
        .filter_map(|server| Some((version_of(&server)?, server)))
        .filter(|(version, _)| Some(version.as_str()) != asked.version())
        .map(|(version, server)| (is_alike(path, asked, &version, &server), version, server))
        .collect();
    live.sort_by(|a, b| (b.0, &b.1).cmp(&(a.0, &a.1)));
    live.into_iter().map(|(.., server)| server).collect()
}

/// By the path, which is what the versions are compared by; else by the unit.
fn version_of(server: &Server<'_>) -> Option<String> {
    let path = server.at.unix()?.to_string_lossy();
    version(&path).or_else(|| version(server.unit?))
}

fn is_alike(path: &Path, asked: &Asked, version: &str, server: &Server<'_>) -> bool {
    let Some(old) = asked.version() else { return false };
    let renamed = path.to_string_lossy().replace(old, version);
    server
        .at
        .unix()
        .is_some_and(|at| same_path(at, Path::new(&renamed)))
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_found_however_they_are_written() {
        for (text, expected) in [
            ("/run/php/php8.2-fpm.sock", Some("8.2")),
            ("/var/run/php5-fpm.sock", Some("5")),
            ("/run/php70-fpm.sock", Some("7.0")),
            ("/var/opt/remi/php81/run/php-fpm/www.sock", Some("8.1")),
            ("php82-php-fpm.service", Some("8.2")),
            ("/run/php/php-fpm.sock", None),
            ("/run/app.sock", None),
        ] {
            assert_eq!(version(text).as_deref(), expected, "{text}");
        }
    }
}
