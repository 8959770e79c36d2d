//! The last resort for an address that nobody serves and no file claims: a unit that once said it listens there.

use super::{super::asked, unit_file};
use crate::{
    World,
    discover::{backend_of, kinds, scout::Scout},
    topology::{BackendKind, Claim, ListenAddress, Place},
};
use host::{
    Endpoint, Looks,
    looks::{JournalLine, Unit},
};

/// Journal lines looked through at most.
const LINES: u32 = 2000;
/// Units asked about at most.
const UNITS: usize = 30;
/// What servers write as they begin to listen: gunicorn `Listening at: http://127.0.0.1:8000`, node `listening on port
/// 3000`, Flask `Running on http://…`, Spring `Tomcat started on port(s): 8080`.
const WORDS: &[&str] = &[
    "listen",
    "running on",
    "serving",
    "started",
    "bound to",
    "binding",
];

/// Adds a claim for every asked address that has neither listener nor claim and that a unit which is down spoke of,
/// or whose socket lies in the unit's own directory under /run.
pub(in crate::discover) fn add(scout: &Scout, world: &mut World) {
    let Ok(units) = &world.units else { return };
    let orphans: Vec<Endpoint> = asked(world)
        .into_iter()
        .filter(|endpoint| backend_of(world, endpoint).is_none())
        .collect();
    let down: Vec<&Unit> = units
        .iter()
        .filter(|unit| unit.active_state != "active" && unit.is_known())
        .take(UNITS)
        .collect();
    if orphans.is_empty() || down.is_empty() || world.sockets.is_err() {
        return;
    }
    let names: Vec<String> = down.iter().map(|unit| unit.name.clone()).collect();
    let lines = scout
        .seen(scout.host.journal(&names, world.since, LINES))
        .unwrap_or_default();
    let found = orphans
        .iter()
        .filter_map(|endpoint| claim(scout, endpoint, &down, &lines));
    let found: Vec<Claim> = found.collect();
    world.claims.extend(found);
}

fn claim(scout: &Scout, endpoint: &Endpoint, units: &[&Unit], lines: &[JournalLine]) -> Option<Claim> {
    let spoke = lines
        .iter()
        .rev()
        .find(|line| line.by != "systemd" && speaks_of(&line.text, endpoint));
    let unit = units.iter().find(|unit| match spoke {
        Some(line) => line.unit == unit.name,
        None => owns_directory(unit, endpoint),
    })?;
    let settings = unit_file::settings(scout, unit);
    let start = settings.iter().find(|setting| setting.key == "ExecStart");
    let written = start.map(|setting| setting.place_of("ExecStart"));
    Some(Claim {
        address: match endpoint {
            Endpoint::Tcp(addr) => ListenAddress::Tcp {
                ip: Some(addr.ip()),
                port: addr.port(),
            },
            Endpoint::Unix(path) => ListenAddress::Unix(path.clone()),
        },
        kind: kinds::of_words(unit.exec_start.split_whitespace()).unwrap_or(BackendKind::Other),
        unit: Some(unit.name.clone()),
        pool: None,
        written: written.unwrap_or_else(|| Place {
            file: unit.property("FragmentPath").into(),
            line: 1,
            column: 0,
        }),
    })
}

/// The line tells that its writer listens at the address: by its number as a whole, or its path.
fn speaks_of(text: &str, endpoint: &Endpoint) -> bool {
    let lower = text.to_ascii_lowercase();
    let begins = WORDS.iter().any(|word| lower.contains(word));
    let names_it = match endpoint {
        Endpoint::Unix(path) => text.contains(&*path.to_string_lossy()),
        Endpoint::Tcp(addr) => {
            let port = addr.port().to_string();
            lower
                .split(|c: char| !c.is_ascii_digit())
                .any(|number| number == port)
        }
    };
    begins && names_it
}

/// `/run/app/x.sock` and `RuntimeDirectory=app`.
fn owns_directory(unit: &Unit, endpoint: &Endpoint) -> bool {
    let Some(path) = endpoint.unix() else { return false };
    let dirs = unit.property("RuntimeDirectory").split_whitespace();
    let path = path
        .strip_prefix("/var")
        .map_or_else(|_| path.to_owned(), |rest| std::path::Path::new("/").join(rest));
    dirs.into_iter().any(|dir| {
        path.strip_prefix("/run")
            .is_ok_and(|rest| rest.starts_with(dir) && rest != std::path::Path::new(dir))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_lines_speak_of() {
        let tcp = Endpoint::from(([127, 0, 0, 1].into(), 8000));
        let unix = Endpoint::Unix("/run/app/x.sock".into());
        let rows = [
            ("[INFO] Listening at: http://127.0.0.1:8000 (42)", &tcp, true),
            ("server listening on port 8000", &tcp, true),
            ("Tomcat started on port(s): 8000 (http)", &tcp, true),
            ("listening on 18000", &tcp, false),
            ("cannot connect to 127.0.0.1:8000", &tcp, false),
            ("Listening at: unix:/run/app/x.sock (1)", &unix, true),
            ("Listening at: unix:/run/app/y.sock (1)", &unix, false),
        ];
        for (text, endpoint, expected) in rows {
            assert_eq!(speaks_of(text, endpoint), expected, "{text}");
        }
    }
}
