//! One nginx: its processes, its config on disk, and whether the two agree.

use super::{
    config::{self, Build},
    http,
    masters::{Command, Master},
    routes,
    scout::Scout,
};
use crate::{
    topology::{Place, Route},
    world::{AccessLog, Nginx},
};
use host::{
    Looks, Timestamp,
    looks::{Account, Accounts, Process},
    query::Identity,
};
use nginx_conf::{
    Tree,
    effective::{Config, LogTo, Scope},
};
use std::{
    path::{Path, PathBuf},
    time::Duration,
};

/// What start times and file times may differ by without a meaning: /proc counts in 10 ms, and the clock and the
/// uptime are two looks.
const TOLERANCE: Duration = Duration::from_millis(50);

/// What is known of the host when its nginx is looked at.
pub(super) struct Known<'a> {
    pub(super) boot: Option<Timestamp>,
    pub(super) accounts: Option<&'a Accounts>,
}

/// A running nginx, as instance number `index`.
pub(super) fn running(scout: &Scout, master: &Master, known: &Known, index: usize) -> (Nginx, Vec<Route>) {
    let root = container_root(scout, master);
    let seen = config::read(scout, &master.command, root.as_deref());
    let loaded_at = loaded_at(master, known.boot);
    let (mut nginx, routes) = from_config(&seen, index);
    nginx.master = Some(master.process.pid);
    nginx.unit = master
        .process
        .unit
        .clone()
        .filter(|unit| unit.ends_with(".service"));
    nginx.workers = master.workers.iter().map(|worker| worker.pid).collect();
    nginx.account = master
        .workers
        .first()
        .map(|worker| account_of(worker, known.accounts));
    nginx.loaded_at = loaded_at;
    nginx.newer_files = newer_files(
        scout,
        &seen.tree,
        root.as_deref().unwrap_or(Path::new("/")),
        loaded_at,
    );
    (nginx, routes)
}

/// The nginx that should run and does not.
pub(super) fn stopped(
    scout: &Scout,
    command: &Command,
    unit: Option<String>,
    accounts: Option<&Accounts>,
) -> (Nginx, Vec<Route>) {
    let seen = config::read(scout, command, None);
    let (mut nginx, routes) = from_config(&seen, 0);
    nginx.unit = unit;
    let user = Config::from(&seen.tree)
        .user()
        .map(|user| user.name.to_string())
        .or(seen.build.user);
    nginx.account = accounts.and_then(|accounts| accounts.by_name(&user.unwrap_or_else(|| "nobody".into())));
    (nginx, routes)
}

/// A configuration without an nginx: its main file.
pub(super) fn of_config(scout: &Scout, main: &Path) -> (Nginx, Vec<Route>) {
    let command = Command {
        file: Some(main.to_owned()),
        prefix: main.parent().map(Path::to_owned),
        ..Command::default()
    };
    from_config(&config::only_files(scout, &command), 0)
}

fn from_config(seen: &config::Config, index: usize) -> (Nginx, Vec<Route>) {
    let config = Config::from(&seen.tree);
    let nginx = Nginx {
        master: None,
        unit: None,
        workers: Vec::new(),
        account: None,
        loaded_at: None,
        test: seen.test.clone(),
        newer_files: Vec::new(),
        version: seen.build.version.clone(),
        error_logs: error_logs(&config, &seen.build),
        access_logs: access_logs(&config, &seen.build),
        names: config.sites.iter().flat_map(routes::site_names).collect(),
        worker_connections: worker_connections(&config),
        http_dir: http::dir(&seen.tree),
        has_limits: http::has_limits(&seen.tree),
        may_cache: http::may_cache(&seen.tree),
        has_quiet_limits: http::has_quiet_limits(&seen.tree),
        limit_zones: http::limit_zones(&seen.tree),
        proxies: http::proxies(&seen.tree),
        main: main_directive(&config),
    };
    (nginx, routes::routes(&config, index))
}

fn worker_connections(config: &Config) -> Option<(u64, Place)> {
    let setting = config.worker_connections();
    Some((setting.value, routes::place(setting.place.as_ref()?)))
}

fn main_directive(config: &Config) -> Option<Place> {
    let usual = [
        "worker_rlimit_nofile",
        "worker_processes",
        "user",
        "pid",
        "error_log",
    ];
    let found = usual.iter().find_map(|name| config.main.one(name))?;
    Some(routes::place(&found.place))
}

/// Where the files of a master in a container are seen from here; `None` where its files are ours. A master with a
/// mount namespace for `PrivateTmp` alone still sees the same binary.
fn container_root(scout: &Scout, master: &Master) -> Option<PathBuf> {
    let exe = &master.command.exe;
    let theirs = scout
        .host
        .stat_seen_by(exe, Some(master.process.pid))
        .ok()
        .flatten()?;
    let ours = scout.host.stat(exe).ok()?;
    let same = ours.is_some_and(|ours| {
        (ours.inode, ours.size, ours.modified) == (theirs.inode, theirs.size, theirs.modified)
    });
    (!same).then(|| PathBuf::from(format!("/proc/{}/root", master.process.pid)))
}

/// Config in force was read when the oldest worker that still takes requests was started.
fn loaded_at(master: &Master, boot: Option<Timestamp>) -> Option<Timestamp> {
    let boot = boot?;
    master.workers.iter().map(|worker| worker.started(boot)).min()
}

fn account_of(worker: &Process, accounts: Option<&Accounts>) -> Account {
    let name = accounts.map_or_else(
        || worker.uid.to_string(),
        |accounts| accounts.user_name(worker.uid),
    );
    let identity = Identity {
        uid: worker.uid,
        gid: worker.gid,
        groups: worker.groups.clone(),
    };
    Account { name, identity }
}

fn newer_files(
    scout: &Scout,
    tree: &Tree,
    root: &Path,
    loaded_at: Option<Timestamp>,
) -> Vec<(PathBuf, Timestamp)> {
    let Some(loaded_at) = loaded_at else {
        return Vec::new();
    };
    let newer = tree.files().iter().filter_map(|file| {
        let path = file.path();
        let here = config::real(scout, root, path);
        let modified = scout.seen(scout.host.stat(&here))??.modified;
        (modified > loaded_at.after(TOLERANCE)).then(|| (path.to_path_buf(), modified))
    });
    newer.collect()
}

fn error_logs(config: &Config, build: &Build) -> Vec<PathBuf> {
    let files = config
        .error_logs()
        .into_iter()
        .filter_map(|log| file_of(log.to, build.error_log.as_ref(), "error.log"));
    let mut files: Vec<PathBuf> = files.collect();
    let mut known = std::collections::HashSet::new();
    files.retain(|file| known.insert(file.clone()));
    files
}

fn file_of(to: LogTo, compiled_in: Option<&PathBuf>, usual: &str) -> Option<PathBuf> {
    match to {
        LogTo::File(path) if path != Path::new("/dev/null") => Some(path),
        LogTo::CompiledIn => Some(
            compiled_in
                .cloned()
                .unwrap_or_else(|| Path::new("/var/log/nginx").join(usual)),
        ),
        _ => None,
    }
}

/// Each file once, with the sites that write to it.
fn access_logs(config: &Config, build: &Build) -> Vec<AccessLog> {
    let mut logs: Vec<AccessLog> = Vec::new();
    for site in &config.sites {
        let mut scopes: Vec<&Scope> = vec![&site.scope];
        let mut todo: Vec<&nginx_conf::effective::Location> = site.locations.iter().collect();
        while let Some(location) = todo.pop() {
            scopes.push(&location.scope);
            todo.extend(&location.inside);
        }
        let name = routes::site_name(site);
        for log in scopes
            .into_iter()
            .flat_map(|scope| scope.access_logs(&config.prefix))
        {
            let format = config
                .format(log.format.as_bytes())
                .filter(|format| format.place.is_some());
            let format = format.map(|format| format.text.to_string());
            let file = file_of(log.to, build.access_log.as_ref(), "access.log");
            file.into_iter()
                .for_each(|path| add(&mut logs, path, format.clone(), &name));
        }
    }
    logs
}

fn add(logs: &mut Vec<AccessLog>, path: PathBuf, format: Option<String>, site: &str) {
    match logs
        .iter_mut()
        .find(|log| log.path == path && log.format == format)
    {
        Some(log) if log.sites.iter().any(|known| known == site) => {}
        Some(log) => log.sites.push(site.to_owned()),
        None => logs.push(AccessLog {
            path,
            format,
            sites: vec![site.to_owned()],
        }),
    }
}
