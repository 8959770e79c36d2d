//! Where a systemd unit's program is told to listen: its command line, its environment, the files both name.

use super::{
    app_files, command_line,
    environment::{self, Variable},
    script,
    unit_file::{self, Setting, words},
    uwsgi,
};
use crate::{
    discover::{
        address::{self, port},
        kinds, masters,
        scout::Scout,
    },
    topology::{BackendKind, Claim, ListenAddress, Place},
};
use host::looks::Unit;
use std::path::{Path, PathBuf};

/// Every address the unit is configured to listen on.
pub(in crate::discover) fn claims(scout: &Scout, unit: &Unit) -> Vec<Claim> {
    let settings = unit_file::settings(scout, unit);
    if unit.name.ends_with(".socket") {
        return socket_claims(&settings, unit);
    }
    let service = Service::new(scout, &settings);
    let kind = service.kind();
    // php-fpm and Apache have files of their own, read elsewhere; nginx itself is no backend of its own
    if matches!(kind, BackendKind::PhpFpm | BackendKind::Apache) || service.is_nginx() {
        return Vec::new();
    }
    let addresses = service.addresses(kind);
    addresses
        .into_iter()
        .map(|(address, written)| Claim {
            address,
            kind,
            unit: Some(unit.name.clone()),
            pool: None,
            written,
        })
        .collect()
}

/// `ListenStream` of a socket unit, on behalf of its service.
fn socket_claims(settings: &[Setting], unit: &Unit) -> Vec<Claim> {
    let named = settings
        .iter()
        .rev()
        .find(|setting| setting.key == "Service")
        .map(|setting| setting.value.clone());
    let service = named.unwrap_or_else(|| unit.name.replace(".socket", ".service"));
    let streams = settings.iter().filter(|setting| setting.key == "ListenStream");
    streams
        .filter_map(|setting| {
            Some(Claim {
                address: listen(&setting.value)?,
                kind: kinds::of_words(std::iter::once(service.trim_end_matches(".service")))
                    .unwrap_or(BackendKind::Other),
                unit: Some(service.clone()),
                pool: None,
                written: setting.place_of(&setting.value),
            })
        })
        .collect()
}

/// A port alone is that port on every address.
fn listen(value: &str) -> Option<ListenAddress> {
    address::parse(value).or_else(|| {
        Some(ListenAddress::Tcp {
            ip: None,
            port: port(value)?,
        })
    })
}

/// A service unit's files, read.
struct Service<'a> {
    scout: &'a Scout<'a>,
    /// Each `ExecStart` with its words, variables resolved.
    commands: Vec<(&'a Setting, Vec<String>)>,
    environment: Vec<Variable>,
    directory: Option<PathBuf>,
    runtime: Option<&'a Setting>,
}

type Found = Vec<(ListenAddress, Place)>;

impl<'a> Service<'a> {
    fn new(scout: &'a Scout<'a>, settings: &'a [Setting]) -> Self {
        let last = |key| settings.iter().rev().find(|setting| setting.key == key);
        let directory =
            last("WorkingDirectory").map(|setting| PathBuf::from(setting.value.trim_start_matches('-')));
        let environment = environment::read(scout, settings);
        let starts = settings.iter().filter(|setting| setting.key == "ExecStart");
        let commands = starts
            .map(|setting| (setting, command(&setting.value, &environment)))
            .collect();
        Self {
            scout,
            commands,
            environment,
            directory,
            runtime: last("RuntimeDirectory"),
        }
    }

    fn kind(&self) -> BackendKind {
        let words = self
            .commands
            .iter()
            .map(|(_, words)| words.iter().flat_map(|word| word.split_whitespace()));
        words
            .filter_map(kinds::of_words)
            .next()
            .unwrap_or(BackendKind::Other)
    }

    fn is_nginx(&self) -> bool {
        let programs = self
            .commands
            .iter()
            .filter_map(|(_, words)| words.first()?.rsplit('/').next());
        programs.into_iter().any(masters::is_nginx)
    }

    /// By the first way that tells any.
    fn addresses(&self, kind: BackendKind) -> Found {
        let ways: [&dyn Fn() -> Found; 6] = [
            &|| self.of_commands(),
            &|| self.of_configs(kind),
            &|| environment::addresses(&self.environment),
            &|| self.of_dotenv(),
            &|| self.of_scripts(),
            &|| self.by_default(kind),
        ];
        ways.iter()
            .map(|way| way())
            .find(|found| !found.is_empty())
            .unwrap_or_default()
    }

    fn of_commands(&self) -> Found {
        self.commands
            .iter()
            .flat_map(|(setting, words)| self.of_command(setting, words))
            .collect()
    }

    fn of_command(&self, setting: &Setting, words: &[String]) -> Found {
        let found = command_line::addresses(words);
        let place = |at: usize| {
            let word = words.get(at).map_or("", String::as_str);
            let value = word.rsplit('=').next().unwrap_or(word);
            self.place_of(setting, value)
        };
        found
            .into_iter()
            .map(|(address, at)| (address, place(at)))
            .collect()
    }

    /// Where a word stands: in the command, or, if a variable brought it there, where that is set.
    fn place_of(&self, setting: &Setting, value: &str) -> Place {
        let variable = self.environment.iter().find(|variable| {
            !setting.value.contains(value) && !variable.value.is_empty() && value.contains(&variable.value)
        });
        variable.map_or_else(|| setting.place_of(value), |variable| variable.place.clone())
    }

    /// Config files: `gunicorn -c`, `uwsgi --ini`, `puma -C`, and those looked for by default.
    fn of_configs(&self, kind: BackendKind) -> Found {
        let default = match (kind, &self.directory) {
            (BackendKind::Gunicorn, Some(dir)) => Some(dir.join("gunicorn.conf.py")),
            (BackendKind::Ruby, Some(dir)) => Some(dir.join("config/puma.rb")),
            _ => None,
        };
        let files = self.named_files().chain(default);
        files.flat_map(|file| self.of_config(kind, &file)).collect()
    }

    fn of_config(&self, kind: BackendKind, file: &Path) -> Found {
        match (extension(file), kind) {
            ("ini", _) => {
                let claims = uwsgi::file_claims(self.scout, file, None).into_iter();
                claims.map(|claim| (claim.address, claim.written)).collect()
            }
            ("py", BackendKind::Gunicorn) | ("rb", BackendKind::Ruby) => {
                app_files::addresses(self.scout, file)
            }
            _ => Vec::new(),
        }
    }

    /// The program itself, where it is a script: `node server.js`, `python3 app.py`.
    fn of_scripts(&self) -> Found {
        let is_script = |file: &PathBuf| matches!(extension(file), "js" | "mjs" | "cjs" | "py");
        let scripts = self.named_files().filter(is_script);
        scripts
            .flat_map(|file| script::addresses(self.scout, &file))
            .collect()
    }

    /// Files with an extension that the commands name; relative ones are under the working directory.
    fn named_files(&self) -> impl Iterator<Item = PathBuf> {
        let words = self.commands.iter().flat_map(|(_, words)| words);
        let directory = self.directory.as_deref().unwrap_or(Path::new("/"));
        words.filter_map(move |word| {
            let name = word.rsplit('=').next().unwrap_or(word);
            let file = directory.join(name.strip_prefix("file:").unwrap_or(name));
            (!extension(&file).is_empty()).then_some(file)
        })
    }

    /// `.env` in the working directory, which many frameworks read by themselves.
    fn of_dotenv(&self) -> Found {
        let file = self
            .directory
            .as_ref()
            .filter(|_| !self.commands.is_empty())
            .map(|dir| dir.join(".env"));
        environment::addresses(
            &file
                .map(|file| environment::read_file(self.scout, &file))
                .unwrap_or_default(),
        )
    }

    /// gunicorn without `--bind` (<https://docs.gunicorn.org/en/stable/settings.html#bind>).
    fn by_default(&self, kind: BackendKind) -> Found {
        let command = self
            .commands
            .first()
            .filter(|_| kind == BackendKind::Gunicorn && self.runtime.is_none());
        let found = command
            .and_then(|(setting, _)| Some((address::parse("127.0.0.1:8000")?, setting.place_of("gunicorn"))));
        found.into_iter().collect()
    }
}

fn extension(file: &Path) -> &str {
    file.extension().and_then(|end| end.to_str()).unwrap_or_default()
}

/// The words of an `ExecStart`, without systemd's prefixes, variables resolved; of a shell's `-c`, the words inside.
fn command(value: &str, environment: &[Variable]) -> Vec<String> {
    let value = environment::expand(value.trim_start_matches(['-', '@', ':', '+', '!']), environment);
    let outer = words(&value);
    match outer.as_slice() {
        [shell, flag, script, ..]
            if shell.ends_with("sh") && flag.starts_with('-') && flag.ends_with('c') =>
        {
            let inner = words(script);
            inner.into_iter().skip_while(|word| word == "exec").collect()
        }
        _ => outer,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;

    const UNIT: &str = "/etc/systemd/system/app.service";

    fn shown(name: &str, files: &[(&str, &str)]) -> Vec<String> {
        let tree = Tree::of(files);
        let properties = [("FragmentPath".to_owned(), files[0].0.to_owned())];
        let unit = Unit {
            name: name.into(),
            properties: properties.into(),
            ..Unit::default()
        };
        let scout = Scout::new(&tree.host);
        let claims = claims(&scout, &unit);
        let show = |claim: &Claim| {
            let unit = claim.unit.as_deref().unwrap_or("-");
            let Place { file, line, .. } = &claim.written;
            let file = file.file_name().unwrap_or_default().display();
            format!("{unit} {} {} {file}:{line}", claim.kind, claim.address)
        };
        claims.iter().map(show).collect()
    }

    /// The body of a `[Service]`, another file, and the claim.
    type Row = (
        &'static str,
        Option<(&'static str, &'static str)>,
        Option<&'static str>,
    );

    const ROWS: &[Row] = &[
        (
            "ExecStart=/usr/bin/gunicorn -b 127.0.0.1:8000 a:a",
            None,
            Some("gunicorn 127.0.0.1:8000 app.service:2"),
        ),
        (
            "ExecStart=/usr/bin/gunicorn a:a",
            None,
            Some("gunicorn 127.0.0.1:8000 app.service:2"),
        ),
        (
            "Environment=PORT=3000 HOST=127.0.0.1\nExecStart=/usr/bin/node s.js",
            None,
            Some("Node.js 127.0.0.1:3000 app.service:2"),
        ),
        (
            "ExecStart=/usr/bin/node s.js --port ${PORT}\nEnvironmentFile=-/etc/default/app",
            Some(("/etc/default/app", "# x\nPORT=\"3001\"\n")),
            Some("Node.js *:3001 app:2"),
        ),
        (
            "WorkingDirectory=/srv/app\nExecStart=/usr/bin/node s.js",
            Some(("/srv/app/.env", "PORT=3002\n")),
            Some("Node.js *:3002 .env:1"),
        ),
        (
            "ExecStart=/usr/bin/gunicorn -c /srv/g.py a:a",
            Some(("/srv/g.py", "import os\nbind = 'unix:/run/g.sock'\n")),
            Some("gunicorn unix:/run/g.sock g.py:2"),
        ),
        (
            "ExecStart=/usr/bin/uwsgi --ini /srv/u.ini",
            Some(("/srv/u.ini", "[uwsgi]\nsocket=:3031\n")),
            Some("uWSGI *:3031 u.ini:2"),
        ),
        (
            "WorkingDirectory=/srv/app\nExecStart=/usr/bin/puma",
            Some(("/srv/app/config/puma.rb", "port 3000\n")),
            Some("Ruby *:3000 puma.rb:1"),
        ),
        (
            "ExecStart=/usr/bin/node /srv/s.js\nEnvironment=X=1",
            Some(("/srv/s.js", "s.listen(3000, '127.0.0.1')\n")),
            Some("Node.js 127.0.0.1:3000 s.js:1"),
        ),
        (
            "ExecStart=/bin/sh -c 'exec python3 -m http.server 8080'",
            None,
            Some("application *:8080 app.service:2"),
        ),
        ("ExecStart=/usr/sbin/nginx -g 'daemon on;'", None, None),
        ("ExecStart=/usr/sbin/php-fpm8.2 --nodaemonize", None, None),
        ("ExecStart=/usr/bin/thing", None, None),
    ];

    #[test]
    fn by_command_environment_and_named_files() {
        for (body, file, expected) in ROWS {
            let unit = format!("[Service]\n{body}\n");
            let files: Vec<(&str, &str)> = std::iter::once((UNIT, unit.as_str())).chain(*file).collect();
            let found = shown("app.service", &files);
            let claimed = expected.map(|claim| format!("app.service {claim}"));
            assert_eq!(found, Vec::from_iter(claimed), "{body}");
        }
    }

    #[test]
    fn a_socket_unit_claims_for_its_service() {
        let rows = [
            (
                "ListenStream=/run/gunicorn.sock",
                "gunicorn.service gunicorn unix:/run/gunicorn.sock",
            ),
            (
                "ListenStream=8000\nService=shop.service",
                "shop.service application *:8000",
            ),
        ];
        for (body, expected) in rows {
            let unit = format!("[Socket]\n{body}\n");
            let path = "/etc/systemd/system/gunicorn.socket";
            assert_eq!(
                shown("gunicorn.socket", &[(path, &unit)]),
                [format!("{expected} gunicorn.socket:2")]
            );
        }
    }
}
