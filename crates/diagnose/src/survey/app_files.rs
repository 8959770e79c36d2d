//! The files in which application servers have their time limits and buffer sizes.

use super::text;
use crate::{
    Case,
    case::PeerSight,
    observe::parallel,
    topology::{BackendKind, Place},
};
use host::{Host, Look, looks::Unit};
use regex::Regex;
use std::path::{Path, PathBuf};

/// Files read at most.
const MOST: usize = 64;
/// Where Apache's own limits stand.
const APACHE: &[&str] = &["/etc/apache2/apache2.conf", "/etc/httpd/conf/httpd.conf"];

/// A file of an application server.
#[derive(Clone, Debug)]
pub struct AppFile {
    /// The unit that reads it.
    pub unit: String,
    /// Where.
    pub path: PathBuf,
    /// What stands in it; `None` where there is none.
    pub text: Look<Option<String>>,
}

impl AppFile {
    /// The last number that `key` is set to, with its place: `timeout = 30`, `harakiri: 20`, `KeepAliveTimeout 5`,
    /// `server.keepAliveTimeout = 65_000`.
    pub fn number(&self, key: &str) -> Option<(f64, Place)> {
        let text = self.text.as_ref().ok()?.as_ref()?;
        let set = Regex::new(&format!(
            r#"^\s*(?:[\w.]+\.)?{}\s*(?:[=:]\s*|\s)["']?(\d[\d_]*)"#,
            regex::escape(key)
        ))
        .ok()?;
        let found = (1..).zip(text.lines()).filter_map(|(line, text)| {
            let number = set.captures(text)?.get(1)?.as_str().replace('_', "");
            Some((number.parse().ok()?, Place::line(&self.path, line)))
        });
        found.last()
    }
}

/// Of every unit behind a route.
pub(super) fn look(host: &dyn Host, routes: &[Case]) -> Vec<AppFile> {
    let mut wanted: Vec<(String, PathBuf)> = Vec::new();
    for case in routes {
        for peer in &case.peers {
            let Some(unit) = case.unit_of(peer) else { continue };
            for path in files(peer, unit) {
                let one = (unit.name.clone(), path);
                if wanted.len() < MOST && !wanted.contains(&one) {
                    wanted.push(one);
                }
            }
        }
    }
    parallel::map(&wanted, |(unit, path)| AppFile {
        unit: unit.clone(),
        path: path.clone(),
        text: text(host, path),
    })
}

fn files(peer: &PeerSight, unit: &Unit) -> Vec<PathBuf> {
    let backend = peer.backend.as_ref();
    let words: Vec<&str> = unit.exec_start.split([' ', '=']).collect();
    let below = |path: &str| Path::new(unit.property("WorkingDirectory").trim_start_matches('-')).join(path);
    let after = |names: &[&str]| {
        let at = words.iter().position(|word| names.contains(word))?;
        Some(below(words.get(at + 1)?.trim_start_matches("file:")))
    };
    match backend.and_then(|backend| backend.kind) {
        Some(BackendKind::Gunicorn) => {
            vec![after(&["-c", "--config"]).unwrap_or_else(|| below("gunicorn.conf.py"))]
        }
        Some(BackendKind::Uwsgi) => {
            let claimed = backend.and_then(|backend| backend.claim.as_ref());
            let claimed = claimed.map(|claim| claim.written.file.clone());
            let ini = |path: &PathBuf| path.extension().is_some_and(|end| end == "ini");
            let named = words
                .iter()
                .find(|word| word.ends_with(".ini"))
                .map(|word| below(word));
            claimed.filter(ini).or(named).into_iter().collect()
        }
        Some(BackendKind::Node) => {
            let script = |word: &&&str| {
                [".js", ".mjs", ".cjs", ".ts"]
                    .iter()
                    .any(|end| word.ends_with(end))
            };
            words
                .iter()
                .skip(1)
                .find(script)
                .map(|word| below(word))
                .into_iter()
                .collect()
        }
        Some(BackendKind::Apache) => APACHE.iter().map(PathBuf::from).collect(),
        _ => Vec::new(),
    }
    .into_iter()
    .filter(|path| path.is_absolute())
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_as_each_server_writes_them() {
        let rows = [
            ("timeout = 120\n", "timeout", Some((120.0, 1))),
            ("# timeout = 1\ntimeout=90 # s\n", "timeout", Some((90.0, 2))),
            (
                "[uwsgi]\nharakiri = 20\nharakiri = 30\n",
                "harakiri",
                Some((30.0, 3)),
            ),
            ("KeepAliveTimeout 5\n", "KeepAliveTimeout", Some((5.0, 1))),
            (
                "server.keepAliveTimeout = 65_000;\n",
                "keepAliveTimeout",
                Some((65000.0, 1)),
            ),
            ("graceful_timeout = 9\n", "timeout", None),
            ("timeout = int(os.environ['T'])\n", "timeout", None),
        ];
        for (text, key, expected) in rows {
            let file = AppFile {
                unit: "app.service".into(),
                path: "/srv/app".into(),
                text: Ok(Some(text.into())),
            };
            let found = file.number(key).map(|(number, place)| (number, place.line));
            assert_eq!(found, expected, "{text}");
        }
    }
}
