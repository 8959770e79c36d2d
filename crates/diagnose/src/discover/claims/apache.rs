//! Where Apache httpd listens (<https://httpd.apache.org/docs/2.4/mod/mpm_common.html#listen>).

use crate::{
    discover::{address, scout::Scout},
    observe::is_host,
    scoreboard::ApacheWorkers,
    topology::{BackendKind, Claim, ListenAddress, Place},
};
use host::looks::Process;
use std::path::{Path, PathBuf};

/// Main file, server root, and unit: Debian, RHEL, source and container builds, Alpine.
const ROOTS: &[(&str, &str, &str)] = &[
    ("/etc/apache2/apache2.conf", "/etc/apache2", "apache2.service"),
    ("/etc/httpd/conf/httpd.conf", "/etc/httpd", "httpd.service"),
    ("/usr/local/apache2/conf/httpd.conf", "/usr/local/apache2", ""),
    ("/etc/apache2/httpd.conf", "/etc/apache2", "apache2.service"),
];

const DEEPEST: usize = 8;
const MOST_FILES: usize = 2000;

/// Every `Listen` of the Apache that is installed here, and what is said of its workers.
pub(in crate::discover) fn claims(scout: &Scout, processes: &[Process]) -> (Vec<Claim>, ApacheWorkers) {
    let mut workers = ApacheWorkers::default();
    let claims = ROOTS
        .iter()
        .flat_map(|(main, root, unit)| {
            let (claims, said) = claims_of(scout, Path::new(main), root, unit, processes);
            workers.most = workers.most.or(said.most);
            workers.status = workers.status.take().or(said.status);
            claims
        })
        .collect();
    (claims, workers)
}

fn claims_of(
    scout: &Scout,
    main: &Path,
    root: &str,
    unit: &str,
    processes: &[Process],
) -> (Vec<Claim>, ApacheWorkers) {
    let mut reader = Reader {
        scout,
        root: root.into(),
        modules: Vec::new(),
        files: 0,
        found: Vec::new(),
        section: Section::default(),
        workers: ApacheWorkers::default(),
    };
    reader.file(main, 0);
    let running = processes
        .iter()
        .filter(|process| matches!(process.comm.as_str(), "apache2" | "httpd"))
        .find_map(|process| process.unit.clone().filter(|unit| unit.ends_with(".service")));
    let unit = running.or_else(|| Some(unit.to_owned()).filter(|unit| !unit.is_empty()));
    let claim = |(address, written)| Claim {
        address,
        kind: BackendKind::Apache,
        unit: unit.clone(),
        pool: None,
        written,
    };
    (reader.found.into_iter().map(claim).collect(), reader.workers)
}

/// Reads in the order Apache does: which modules are loaded decides which blocks count.
struct Reader<'s, 'h> {
    scout: &'s Scout<'h>,
    root: PathBuf,
    modules: Vec<String>,
    files: usize,
    found: Vec<(ListenAddress, Place)>,
    section: Section,
    workers: ApacheWorkers,
}

/// Which site and path the directives at hand are about.
#[derive(Debug, Default)]
struct Section {
    site: Option<String>,
    path: Option<String>,
}

impl Reader<'_, '_> {
    fn file(&mut self, path: &Path, depth: usize) {
        self.files += 1;
        if depth > DEEPEST || self.files > MOST_FILES {
            return;
        }
        let Some(text) = self.scout.text(path) else { return };
        // for each open <IfModule>: does it count
        let mut blocks: Vec<bool> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let mut words = text.split_whitespace();
            let name = words.next().unwrap_or_default().to_ascii_lowercase();
            let arg = words.next().unwrap_or_default().trim_matches('"');
            match name.as_str() {
                "<ifmodule" => blocks.push(self.has_module(arg.trim_end_matches('>'))),
                "</ifmodule>" => drop(blocks.pop()),
                _ if blocks.contains(&false) => {}
                _ => self.directive(&name, arg, path, line, depth),
            }
        }
    }

    fn directive(&mut self, name: &str, arg: &str, path: &Path, line: u32, depth: usize) {
        match name {
            "</virtualhost>" => self.section = Section::default(),
            "servername" => self.section.site = Some(arg.to_owned()),
            "<location" => self.section.path = Some(arg.trim_end_matches(['>', '"']).to_owned()),
            "</location>" => self.section.path = None,
            "sethandler" if arg == "server-status" => self.workers.status = self.status(),
            "maxrequestworkers" | "maxclients" => self.workers.most = arg.parse().ok(),
            "loadmodule" => self.modules.push(arg.to_owned()),
            "serverroot" => self.root = arg.into(),
            "listen" => {
                let written = Place::line(path, line);
                self.found.extend(listen(arg).map(|address| (address, written)));
            }
            "include" | "includeoptional" => {
                let files = self.scout.glob(&self.root.join(arg));
                files.iter().for_each(|file| self.file(file, depth + 1));
            }
            _ => {}
        }
    }

    /// Where the section at hand is served. A name of the whole server is no site's.
    fn status(&self) -> Option<(String, String)> {
        let path = self.section.path.clone().filter(|path| path.starts_with('/'))?;
        let site = self.section.site.as_deref().filter(|site| is_host(site));
        Some((site.unwrap_or("localhost").to_owned(), path))
    }

    /// `ssl_module`, `mod_ssl.c`, `!mod_ssl.c`.
    fn has_module(&self, test: &str) -> bool {
        let name = test.trim_start_matches('!');
        let plain = name.strip_prefix("mod_").and_then(|name| name.strip_suffix(".c"));
        let module = plain.map_or_else(|| name.to_owned(), |name| format!("{name}_module"));
        self.modules.contains(&module) != test.starts_with('!')
    }
}

/// A port alone is that port on every address.
fn listen(arg: &str) -> Option<ListenAddress> {
    match address::port(arg) {
        Some(port) => Some(ListenAddress::Tcp { ip: None, port }),
        None => address::parse(arg),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;

    #[test]
    fn its_workers_and_where_they_are_counted() {
        let debian = "<IfModule mod_status.c>\n\t<Location /server-status>\n\t\tSetHandler server-status\n\t\tRequire local\n\
                      \t</Location>\n</IfModule>\n<IfModule mpm_prefork_module>\nMaxRequestWorkers 150\n</IfModule>\n\
                      <IfModule mpm_event_module>\nMaxRequestWorkers 400\n</IfModule>\n";
        let of_site = "<VirtualHost *:80>\nServerName shop.example\n<Location \"/s\">\nSetHandler server-status\n</Location>\n\
                       </VirtualHost>\n";
        let local = |site: &str, path: &str| Some((site.to_owned(), path.to_owned()));
        let rows = [
            (debian, true, Some(150), local("localhost", "/server-status")),
            (debian, false, Some(150), None),
            (of_site, true, None, local("shop.example", "/s")),
            (
                "<Location /s>\nSetHandler server-info\n</Location>\nSetHandler server-status\n",
                true,
                None,
                None,
            ),
        ];
        for (text, has_status, most, status) in rows {
            let module = if has_status {
                "LoadModule status_module x.so\n"
            } else {
                ""
            };
            let text = format!("LoadModule mpm_prefork_module x.so\n{module}{text}");
            let tree = Tree::of(&[("/etc/apache2/apache2.conf", &text)]);
            let workers = claims(&Scout::new(&tree.host), &[]).1;
            assert_eq!(workers, ApacheWorkers { most, status }, "{text}");
        }
    }

    #[test]
    fn listens_of_debian() {
        let rows: &[(&str, &[&str])] = &[
            ("Listen 7080\n", &["*:7080 /etc/apache2/ports.conf:1"]),
            (
                "# Listen 80\nListen 127.0.0.1:7080 http\n",
                &["127.0.0.1:7080 /etc/apache2/ports.conf:2"],
            ),
            (
                "<IfModule ssl_module>\n\tListen 443\n</IfModule>\nListen [::1]:81\n",
                &["[::1]:81 /etc/apache2/ports.conf:4"],
            ),
            (
                "<IfModule mod_alias.c>\nListen 82\n</IfModule>",
                &["*:82 /etc/apache2/ports.conf:2"],
            ),
            ("<IfModule !mod_alias.c>\nListen 82\n</IfModule>", &[]),
            ("Listen ${PORT}\n", &[]),
            ("Include ports.conf\n", &[]),
        ];
        for (ports, expected) in rows {
            let tree = Tree::of(&[
                (
                    "/etc/apache2/apache2.conf",
                    "IncludeOptional mods-enabled/*.load\nInclude ports.conf\n",
                ),
                (
                    "/etc/apache2/mods-enabled/alias.load",
                    "LoadModule alias_module /usr/lib/x.so\n",
                ),
                ("/etc/apache2/ports.conf", ports),
            ]);
            let scout = Scout::new(&tree.host);
            let (claims, _) = claims(&scout, &[]);
            let shown: Vec<String> = claims
                .iter()
                .map(|claim| format!("{} {}", claim.address, claim.written))
                .collect();
            assert_eq!(shown, *expected, "{ports}");
        }
    }
}
