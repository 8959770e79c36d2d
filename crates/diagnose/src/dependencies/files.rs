//! Where applications keep their settings: bounded in number, found from what runs and from what nginx serves.

use crate::{World, case::Backend, topology::Route};
use host::{Host, Looks, looks::Process};
use std::path::{Path, PathBuf};

/// How a file is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    /// A program, or data in its syntax.
    Code,
    /// `KEY=value`.
    Environment,
    /// `key: value`.
    Yaml,
}

/// Files read for one application at most, and directories looked into.
const MOST: usize = 40;
const DIRS: usize = 10;

/// Names of files that hold settings, in any directory of an application.
const NAMES: &[&str] = &[
    ".env",
    ".env.local",
    ".env.production",
    ".env.prod.local",
    "wp-config.php",
    "configuration.php",
    "config.php",
    "config.inc.php",
    "database.php",
    "db.php",
    "settings.php",
    "settings.local.php",
    "LocalSettings.php",
    "parameters.php",
    "env.php",
    "settings.py",
    "local_settings.py",
    "production.py",
    "config.py",
    "database.yml",
    "parameters.yml",
    "config.json",
    "production.json",
    "default.json",
    "config.js",
    "db.js",
];

/// Where below the directory of an application such files are.
const BELOW: &[&str] = &["config", "app/etc", "app/config", "sites/default", "includes"];

/// Every file that may hold the settings of the application behind a route, likeliest first.
pub(super) fn of(
    host: &dyn Host,
    world: &World,
    route: &Route,
    backends: &[&Backend],
) -> Vec<(PathBuf, Form)> {
    let processes: Vec<&Process> = backends
        .iter()
        .flat_map(|backend| backend.pids.iter().rev().take(2))
        .filter_map(|pid| world.process(*pid))
        .collect();
    let mut files: Vec<(PathBuf, Form)> = Vec::new();
    for process in &processes {
        let path = PathBuf::from(format!("/proc/{}/environ", process.pid));
        files.push((path, Form::Environment));
    }
    files.extend(programs(world, &processes, backends));
    let mut dirs = directories(world, route, &processes, backends);
    dirs.extend(
        files
            .iter()
            .filter_map(|(path, _)| Some(path.parent()?.to_owned())),
    );
    for dir in distinct(dirs) {
        files.extend(inside(host, &dir));
    }
    let mut known: Vec<(PathBuf, Form)> = Vec::new();
    for file in files {
        if !known.contains(&file) && known.len() < MOST {
            known.push(file);
        }
    }
    known
}

/// Directories of the application: what nginx serves, where its processes work, where its unit starts.
fn directories(world: &World, route: &Route, processes: &[&Process], backends: &[&Backend]) -> Vec<PathBuf> {
    let root = route.settings.root.clone();
    let script = route.settings.fastcgi_params.iter().find_map(|(name, value)| {
        let literal = name == "SCRIPT_FILENAME" && value.starts_with('/');
        let path = Path::new(value.split('$').next().unwrap_or_default());
        literal.then(|| path.parent().map(Path::to_owned)).flatten()
    });
    let mut dirs: Vec<PathBuf> = root.into_iter().chain(script).collect();
    dirs.extend(processes.iter().filter_map(|process| process.cwd.clone()));
    dirs.extend(
        backends
            .iter()
            .filter_map(|backend| working_directory(world, backend)),
    );
    // the public directory of a site is often below its settings
    let above: Vec<PathBuf> = dirs
        .iter()
        .filter_map(|dir| Some(dir.parent()?.to_owned()))
        .collect();
    dirs.extend(above);
    dirs
}

fn working_directory(world: &World, backend: &Backend) -> Option<PathBuf> {
    let unit = world.unit(backend.unit.as_deref()?)?;
    let dir = unit.property("WorkingDirectory").trim_start_matches(['-', '!']);
    Some(PathBuf::from(dir)).filter(|dir| dir.is_absolute())
}

/// The programs themselves, where they are scripts: `node server.js`, `gunicorn shop:application`, `proj.wsgi`.
fn programs(world: &World, processes: &[&Process], backends: &[&Backend]) -> Vec<(PathBuf, Form)> {
    let mut found = Vec::new();
    let running = processes
        .iter()
        .map(|process| (process.cwd.clone(), process.argv.clone()));
    let configured = backends.iter().filter_map(|backend| {
        let unit = world.unit(backend.unit.as_deref()?)?;
        let words = unit.exec_start.split_whitespace().map(str::to_owned);
        Some((working_directory(world, backend), words.collect()))
    });
    for (dir, words) in running.chain(configured) {
        let dir = dir.unwrap_or_default();
        for word in words.iter().skip(1).filter(|word| !word.starts_with('-')) {
            found.extend(of_word(word).into_iter().map(|file| (dir.join(file), Form::Code)));
        }
    }
    found.retain(|(path, _)| path.is_absolute());
    found
}

fn of_word(word: &str) -> Vec<String> {
    let is_script = [".js", ".mjs", ".cjs", ".py", ".rb", ".php"]
        .iter()
        .any(|extension| word.ends_with(extension));
    if is_script {
        return vec![word.to_owned()];
    }
    if word.contains("//") {
        return Vec::new();
    }
    let module = word.split(':').next().unwrap_or_default();
    let is_module = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '.');
    if module.is_empty() || !word.contains([':', '.']) || !module.chars().all(is_module) {
        return Vec::new();
    }
    let package = module.split('.').next().unwrap_or_default();
    vec![
        format!("{}.py", module.replace('.', "/")),
        format!("{package}/settings.py"),
        format!("{package}/settings/production.py"),
    ]
}

/// Files with telling names in a directory of an application, and a step below.
fn inside(host: &dyn Host, dir: &Path) -> Vec<(PathBuf, Form)> {
    let Some(names) = host.dir(dir).ok().flatten() else {
        return Vec::new();
    };
    let here = names
        .iter()
        .filter(|name| is_telling(name))
        .map(|name| dir.join(name));
    let mut files: Vec<PathBuf> = here.collect();
    for below in BELOW {
        let first = below.split('/').next().unwrap_or_default();
        if names.iter().any(|name| name == first) {
            let below = dir.join(below);
            let names = host.dir(&below).ok().flatten().unwrap_or_default();
            files.extend(
                names
                    .iter()
                    .filter(|name| is_telling(name))
                    .map(|name| below.join(name)),
            );
        }
    }
    files
        .into_iter()
        .map(|file| (file.clone(), form(&file)))
        .collect()
}

fn is_telling(name: &str) -> bool {
    NAMES.contains(&name)
}

fn form(file: &Path) -> Form {
    match file
        .extension()
        .map(|extension| extension.to_string_lossy())
        .as_deref()
    {
        Some("php" | "py" | "js" | "json") => Form::Code,
        Some("yml" | "yaml") => Form::Yaml,
        _ => Form::Environment,
    }
}

/// Each once, none of the system's own.
fn distinct(dirs: Vec<PathBuf>) -> Vec<PathBuf> {
    let system = [
        "/usr/bin",
        "/usr/sbin",
        "/usr/lib",
        "/etc",
        "/proc",
        "/run",
        "/dev",
        "/sys",
        "/bin",
        "/sbin",
        "/lib",
    ];
    let mut known: Vec<PathBuf> = Vec::new();
    for dir in dirs {
        let is_own = dir.components().count() > 2 && !system.iter().any(|root| dir.starts_with(root));
        if is_own && !known.contains(&dir) && known.len() < DIRS {
            known.push(dir);
        }
    }
    known
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_that_name_programs() {
        for (word, first) in [
            ("server.js", Some("server.js")),
            ("/srv/app/app.py", Some("/srv/app/app.py")),
            ("shop:application", Some("shop.py")),
            ("proj.wsgi", Some("proj/wsgi.py")),
            ("0.0.0.0:8000", Some("0/0/0/0.py")),
            ("start", None),
            ("http://x/", None),
        ] {
            assert_eq!(of_word(word).first().map(String::as_str), first, "{word}");
        }
    }

    #[test]
    fn directories_of_the_system_are_left_alone() {
        let dirs = [
            "/",
            "/srv",
            "/srv/app",
            "/srv/app",
            "/usr/bin",
            "/var/www/shop",
            "/etc/php/8.2",
        ];
        let kept = distinct(dirs.map(PathBuf::from).to_vec());
        assert_eq!(kept, ["/srv/app", "/var/www/shop"].map(PathBuf::from));
    }
}
