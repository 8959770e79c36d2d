//! nginx's config and what nginx itself says of it.

use super::{masters::Command, scout::Scout};
use crate::{topology::Place, world::ConfigTest};
use host::{Look, Looks, Tool, Unseen, answer::Output};
use nginx_conf::{Fault, Mistake, Supplied, Tree, Wanted};
use std::path::{Path, PathBuf};

/// What is built into a binary, from `nginx -V`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Build {
    /// `1.22.1`
    pub(super) version: Option<String>,
    /// `--prefix=`
    pub(super) prefix: Option<PathBuf>,
    /// `--conf-path=`
    pub(super) conf: Option<PathBuf>,
    /// `--error-log-path=`
    pub(super) error_log: Option<PathBuf>,
    /// `--http-log-path=`
    pub(super) access_log: Option<PathBuf>,
    /// `--user=`
    pub(super) user: Option<String>,
}

impl Build {
    pub(super) fn parse(text: &str) -> Self {
        let version = text.lines().find_map(|line| line.strip_prefix("nginx version: "));
        let version = version.and_then(|line| line.split_whitespace().next()?.rsplit('/').next());
        let option = |name: &str| {
            text.split_whitespace()
                .find_map(|word| word.strip_prefix(name)?.strip_prefix('='))
        };
        let path = |name: &str| option(name).map(PathBuf::from);
        let prefix = path("--prefix");
        let under = |name: &str| path(name).map(|path| prefix.clone().unwrap_or_default().join(path));
        Self {
            version: version.map(str::to_owned),
            conf: under("--conf-path"),
            error_log: under("--error-log-path"),
            access_log: under("--http-log-path"),
            user: option("--user").map(str::to_owned),
            prefix,
        }
    }
}

/// A config as it stands on disk.
pub(super) struct Config {
    pub(super) tree: Tree,
    pub(super) test: Look<ConfigTest>,
    pub(super) build: Build,
}

/// Asks nginx; where it does not tell, reads the files. `root` is where a container's files are seen from here.
pub(super) fn read(scout: &Scout, command: &Command, root: Option<&Path>) -> Config {
    match root {
        Some(root) => in_container(scout, command, root),
        None => here(scout, command),
    }
}

/// The files alone: no nginx is asked.
pub(super) fn only_files(scout: &Scout, command: &Command) -> Config {
    let build = Build::default();
    Config {
        tree: from_files(scout, command, &build, Path::new("/")),
        test: Err(Unseen::Unusable {
            what: "nginx -t".to_owned(),
            why: "only a configuration was given".to_owned(),
        }),
        build,
    }
}

fn in_container(scout: &Scout, command: &Command, root: &Path) -> Config {
    let test = Err(Unseen::Unusable {
        what: format!("nginx -t of {}", command.exe.display()),
        why: "it runs in a container; ask there".to_owned(),
    });
    let build = Build::default();
    Config {
        tree: from_files(scout, command, &build, root),
        test: scout.noted(test),
        build,
    }
}

fn here(scout: &Scout, command: &Command) -> Config {
    let exe = &command.exe;
    let (dump, build) = std::thread::scope(|scope| {
        let build = scope.spawn(|| scout.host.run(Tool::NginxVersion { exe: exe.clone() }));
        let dump = scout.host.run(Tool::NginxDump {
            exe: exe.clone(),
            args: command.args(),
        });
        (dump, build.join())
    });
    let build = build.ok().and_then(|look| scout.seen(look));
    let build = build
        .map(|output| Build::parse(&texts(&output)))
        .unwrap_or_default();
    let dump = scout.noted(dump);
    let test = dump
        .as_ref()
        .map(|output| verdict(output, command))
        .map_err(Clone::clone);
    let prefix = command
        .prefix
        .clone()
        .or(build.prefix.clone())
        .unwrap_or_else(|| "/etc/nginx".into());
    let tree = match &dump {
        Ok(output) if output.status == Some(0) => nginx_conf::from_dump(&output.stdout.0, &prefix).0,
        _ => from_files(scout, command, &build, Path::new("/")),
    };
    Config { tree, test, build }
}

fn texts(output: &Output) -> String {
    let both = [&output.stderr.0, &output.stdout.0].map(|bytes| String::from_utf8_lossy(bytes).into_owned());
    both.join("\n")
}

fn verdict(output: &Output, command: &Command) -> ConfigTest {
    let text = String::from_utf8_lossy(&output.stderr.0).into_owned();
    let passed = output.status == Some(0);
    let lines = || text.lines().filter(|line| !line.is_empty());
    let reason = ["[emerg]", "[crit]", "[alert]"]
        .iter()
        .find_map(|level| lines().find(|line| line.contains(level)));
    let says = if passed { None } else { reason.or(lines().next()) }.unwrap_or_default();
    let args: Vec<String> = command
        .args()
        .iter()
        .map(|arg| crate::evidence::quote(arg))
        .collect();
    let says = bare(says);
    ConfigTest {
        passed,
        place: place_in(&says),
        says,
        command: [
            &[
                crate::evidence::quote(&command.exe.to_string_lossy()),
                "-t".to_owned(),
            ],
            args.as_slice(),
        ]
        .concat()
        .join(" "),
    }
}

/// The complaint from its level on, without what stands before it: `nginx: `, or, once nginx has opened its own log,
/// a time, and a process id after the level.
fn bare(complaint: &str) -> String {
    let from = complaint.find('[').unwrap_or(0);
    let complaint = complaint.get(from..).unwrap_or(complaint);
    let digits = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'#');
    match complaint.split_once("] ") {
        Some((level, text)) => match text
            .split_once(": ")
            .filter(|(pid, _)| pid.contains('#') && digits(pid))
        {
            Some((_, text)) => format!("{level}] {text}"),
            None => complaint.to_owned(),
        },
        None => complaint.to_owned(),
    }
}

/// The place nginx ends its complaint with: `… in /etc/nginx/conf.d/x.conf:2`.
fn place_in(complaint: &str) -> Option<Place> {
    let (_, place) = complaint.rsplit_once(" in /")?;
    let (file, line) = place.trim_end().rsplit_once(':')?;
    Some(Place {
        file: Path::new("/").join(file),
        line: line.parse().ok()?,
        column: 0,
    })
}

/// The main file and all it includes, read by us. `root` stands before every path.
fn from_files(scout: &Scout, command: &Command, build: &Build, root: &Path) -> Tree {
    let prefix = command
        .prefix
        .clone()
        .or(build.prefix.clone())
        .unwrap_or_else(|| "/etc/nginx".into());
    let main = command.file.clone().or(build.conf.clone());
    let main = main.unwrap_or_else(|| default_main(scout, root));
    let here = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let mut supply = |wanted: Wanted<'_>| match wanted {
        Wanted::File(path) => supplied(scout.host.file(&real(scout, root, path))),
        Wanted::Glob(pattern) => {
            let found = scout.glob(&here(pattern)).into_iter();
            let strip = |path: PathBuf| {
                path.strip_prefix(root)
                    .map(|path| Path::new("/").join(path))
                    .unwrap_or(path.clone())
            };
            Supplied::Paths(found.map(strip).collect())
        }
    };
    let (tree, mistakes) = nginx_conf::load(&main, &prefix, &mut supply);
    mistakes
        .iter()
        .filter_map(blind_spot)
        .for_each(|unseen| scout.note(unseen));
    tree
}

/// Where to read a file of a container from here: its absolute links would lead into our own files.
pub(super) fn real(scout: &Scout, root: &Path, path: &Path) -> PathBuf {
    const MOST_LINKS: usize = 4;
    let here = |path: &Path| root.join(path.strip_prefix("/").unwrap_or(path));
    let mut path = path.to_owned();
    if root == Path::new("/") {
        return path;
    }
    for _ in 0..MOST_LINKS {
        let link = scout
            .host
            .stat(&here(&path))
            .ok()
            .flatten()
            .and_then(|stat| stat.link_to);
        match link {
            Some(to) => path = path.parent().unwrap_or(Path::new("/")).join(to),
            None => break,
        }
    }
    here(&path)
}

fn supplied(look: Look<Option<Vec<u8>>>) -> Supplied {
    match look {
        Ok(Some(bytes)) => Supplied::Bytes(bytes.into()),
        Ok(None) => Supplied::Missing,
        Err(unseen) => Supplied::Unseen(unseen.to_string()),
    }
}

fn blind_spot(mistake: &Mistake) -> Option<Unseen> {
    match &mistake.fault {
        Fault::Unseen { file, why } => Some(Unseen::Unusable {
            what: file.display().to_string(),
            why: why.clone(),
        }),
        _ => None,
    }
}

/// Where packages and source builds keep the main file; the first is said where none is there.
fn default_main(scout: &Scout, root: &Path) -> PathBuf {
    let usual = [
        "/etc/nginx/nginx.conf",
        "/usr/local/nginx/conf/nginx.conf",
        "/usr/local/openresty/nginx/conf/nginx.conf",
        "/etc/angie/angie.conf",
        "/usr/local/etc/nginx/nginx.conf",
    ];
    let is_there = |path: &&str| {
        matches!(
            scout.host.stat(&root.join(path.trim_start_matches('/'))),
            Ok(Some(_))
        )
    };
    usual
        .iter()
        .find(|path| is_there(path))
        .map_or_else(|| PathBuf::from(usual[0]), PathBuf::from)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing;

    #[test]
    fn builds() {
        let build = Build::parse(
            "nginx version: nginx/1.22.1\nbuilt with OpenSSL\nconfigure arguments: --with-cc-opt='-g -O2' --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf --error-log-path=logs/e.log --user=www\n",
        );
        assert_eq!(build.version.as_deref(), Some("1.22.1"));
        assert_eq!(
            build.error_log.as_deref(),
            Some(Path::new("/usr/share/nginx/logs/e.log"))
        );
        assert_eq!(build.user.as_deref(), Some("www"));
        assert_eq!(Build::parse("openresty/1.2"), Build::default());
    }

    #[test]
    fn a_container_is_read_through_its_own_root() {
        let site = "/proc/7/root/etc/nginx/sites-available/shop";
        let link = "/proc/7/root/etc/nginx/sites-enabled/shop";
        let tree = testing::Tree::of(&[
            (
                "/proc/7/root/etc/nginx/nginx.conf",
                "http { include sites-enabled/*; }\n",
            ),
            (
                site,
                "server { listen 81; location / { proxy_pass http://127.0.0.1:1; } }\n",
            ),
            (link, "server { listen 82; } # ours, by a link that leads out\n"),
        ])
        .link(link, "/etc/nginx/sites-available/shop");
        let scout = Scout::new(&tree.host);
        let config = read(&scout, &Command::default(), Some(Path::new("/proc/7/root")));
        let effective = nginx_conf::effective::Config::from(&config.tree);
        assert_eq!(effective.routes().count(), 1);
        assert!(config.test.is_err());
    }

    #[test]
    fn complaints() {
        let rows = [
            (
                "nginx: [alert] could not open error log file\nnginx: [emerg] unexpected end of file, expecting \"}\" in /etc/nginx/conf.d/x.conf:2\nnginx: configuration file /etc/nginx/nginx.conf test failed\n",
                Some("/etc/nginx/conf.d/x.conf:2"),
                "[emerg] unexpected end of file, expecting \"}\" in /etc/nginx/conf.d/x.conf:2",
            ),
            (
                "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)\n",
                None,
                "[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
            ),
            (
                "2026/11/22 15:10:26 [emerg] 88#88: unknown directive \"x\" in /etc/nginx/nginx.conf:7\n",
                Some("/etc/nginx/nginx.conf:7"),
                "[emerg] unknown directive \"x\" in /etc/nginx/nginx.conf:7",
            ),
            ("", None, ""),
        ];
        for (stderr, place, says) in rows {
            let output = Output {
                status: Some(1),
                stderr: host::answer::Bytes(stderr.into()),
                ..Output::default()
            };
            let test = verdict(&output, &Command::default());
            assert_eq!(test.place.map(|place| place.to_string()).as_deref(), place);
            assert_eq!((test.passed, test.says.as_str()), (false, says));
        }
    }
}
