//! uWSGI's ini files (<https://uwsgi-docs.readthedocs.io/en/latest/Configuration.html>).

use crate::{
    discover::{
        address,
        ini::{self, Entry},
        scout::Scout,
    },
    topology::{BackendKind, Claim, ListenAddress, Place},
};
use std::path::{Path, PathBuf};

/// Debian's init script starts one instance for each of these, all in one unit.
const DEBIAN_APPS: &str = "/etc/uwsgi/apps-enabled/*.ini";
/// The emperor's vassals by packages' defaults (RHEL, Debian).
const VASSALS: &[(&str, &str)] = &[
    ("/etc/uwsgi.d/*.ini", "uwsgi.service"),
    ("/etc/uwsgi-emperor/vassals/*.ini", "uwsgi-emperor.service"),
];

const SOCKETS: &[&str] = &[
    "socket",
    "uwsgi-socket",
    "http-socket",
    "http",
    "https",
    "http11-socket",
    "fastcgi-socket",
    "scgi-socket",
];

/// Every socket of the apps that packages' own units start.
pub(in crate::discover) fn claims(scout: &Scout) -> Vec<Claim> {
    let apps = scout.glob(Path::new(DEBIAN_APPS));
    let debian = apps.iter().flat_map(|app| {
        let mut claims = file_claims(scout, app, Some("uwsgi.service"));
        claims.push(debian_default(app));
        claims
    });
    let vassals = VASSALS.iter().flat_map(|(pattern, unit)| {
        let files = scout.glob(Path::new(pattern));
        files
            .into_iter()
            .flat_map(|file| file_claims(scout, &file, Some(unit)))
    });
    debian.chain(vassals).collect()
}

/// Every socket of one ini file.
pub(in crate::discover) fn file_claims(scout: &Scout, file: &Path, unit: Option<&str>) -> Vec<Claim> {
    let text = scout.text(file).unwrap_or_default();
    let entries: Vec<Entry> = ini::entries(&text)
        .into_iter()
        .filter(|entry| matches!(entry.section.as_str(), "" | "uwsgi"))
        .collect();
    let sockets = entries
        .iter()
        .filter(|entry| SOCKETS.contains(&entry.key.as_str()));
    sockets
        .filter_map(|entry| {
            let address = listen(&expand(&entry.value, &entries, file))?;
            Some(claim(address, file, entry.line, unit))
        })
        .collect()
}

/// `/usr/share/uwsgi/conf/default.ini` gives every app this socket, whatever else the app has.
fn debian_default(app: &Path) -> Claim {
    let path = PathBuf::from("/run/uwsgi/app").join(stem(app)).join("socket");
    claim(ListenAddress::Unix(path), app, 1, Some("uwsgi.service"))
}

fn claim(address: ListenAddress, file: &Path, line: u32, unit: Option<&str>) -> Claim {
    Claim {
        address,
        kind: BackendKind::Uwsgi,
        unit: unit.map(str::to_owned),
        pool: Some(stem(file)),
        written: Place::line(file, line),
    }
}

fn stem(file: &Path) -> String {
    file.file_stem()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// Longer than any socket's path; values that name one another must not grow without end.
const LONGEST: usize = 4096;

/// `%n` is the file's name without its end; `%(key)` is another key's value.
fn expand(value: &str, entries: &[Entry], file: &Path) -> String {
    let mut value = value.replace("%n", &stem(file));
    for entry in entries {
        if !value.contains("%(") || value.len() > LONGEST {
            break;
        }
        value = value.replace(&format!("%({})", entry.key), &entry.value);
    }
    value
}

/// `:3031` is every address, as is a port alone; a path may be followed by `,` options.
fn listen(value: &str) -> Option<ListenAddress> {
    let value = value.split(',').next().unwrap_or(value);
    address::parse(value).or_else(|| {
        Some(ListenAddress::Tcp {
            ip: None,
            port: address::port(value)?,
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;

    #[test]
    fn sockets_of_an_app() {
        let rows: &[(&str, &[&str])] = &[
            ("[uwsgi]\nsocket = 127.0.0.1:3031\n", &["127.0.0.1:3031 2"]),
            (
                "[uwsgi]\nbase = /run/shop\nsocket = %(base)/%n.sock\n",
                &["unix:/run/shop/shop.sock 3"],
            ),
            (
                "[uwsgi]\nhttp-socket = :8080\n#socket = x\n[other]\nsocket = :1\n",
                &["*:8080 2"],
            ),
            ("[uwsgi]\nchmod-socket = 660\n", &[]),
        ];
        for (text, expected) in rows {
            let tree = Tree::of(&[("/srv/shop.ini", text)]);
            let scout = Scout::new(&tree.host);
            let claims = file_claims(&scout, Path::new("/srv/shop.ini"), None);
            let shown: Vec<String> = claims
                .iter()
                .map(|claim| format!("{} {}", claim.address, claim.written.line))
                .collect();
            assert_eq!(shown, *expected, "{text}");
        }
    }
}
