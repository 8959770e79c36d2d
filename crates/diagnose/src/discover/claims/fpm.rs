//! php-fpm's pools (<https://www.php.net/manual/en/install.fpm.configuration.php>).

use crate::{
    discover::{
        address,
        ini::{self, Entry},
        scout::Scout,
    },
    topology::{BackendKind, Claim, FpmPool, ListenAddress, Place},
};
use host::looks::Process;
use std::path::{Path, PathBuf};

/// Main files of Debian, RHEL, source and container builds, Alpine, Remi, Plesk, cPanel.
const MAIN_FILES: &[&str] = &[
    "/etc/php/*/fpm/php-fpm.conf",
    "/etc/php-fpm.conf",
    "/usr/local/etc/php-fpm.conf",
    "/etc/php*/php-fpm.conf",
    "/etc/opt/remi/php*/php-fpm.conf",
    "/opt/plesk/php/*/etc/php-fpm.conf",
    "/opt/cpanel/ea-php*/root/etc/php-fpm.conf",
];

/// `include` within included files is rare; deeper is a circle.
const DEEPEST: usize = 3;

/// Every pool of every php-fpm that is installed or runs.
pub(in crate::discover) fn pools(scout: &Scout, processes: &[Process]) -> Vec<FpmPool> {
    let installed = MAIN_FILES
        .iter()
        .flat_map(|pattern| scout.glob(Path::new(pattern)));
    let mut files: Vec<PathBuf> = masters(processes)
        .map(|(file, _)| file)
        .chain(installed)
        .collect();
    files.sort();
    files.dedup();
    files
        .iter()
        .flat_map(|file| {
            let unit = unit_of(file, processes);
            pools_of(scout, file, &unit)
        })
        .collect()
}

/// What a pool says of itself, as a claim.
pub(in crate::discover) fn claim(pool: &FpmPool) -> Option<Claim> {
    Some(Claim {
        address: pool.listen.clone()?,
        kind: BackendKind::PhpFpm,
        unit: Some(pool.unit.clone()).filter(|unit| !unit.is_empty()),
        pool: Some(pool.name.clone()),
        written: pool.written.clone(),
    })
}

/// Running masters and their main files: `php-fpm: master process (/etc/php/8.2/fpm/php-fpm.conf)`.
fn masters(processes: &[Process]) -> impl Iterator<Item = (PathBuf, &Process)> {
    processes.iter().filter_map(|process| {
        let title = process.argv.first()?.strip_prefix("php-fpm: master process (")?;
        let file = PathBuf::from(title.trim_end().strip_suffix(')')?);
        file.is_absolute().then_some((file, process))
    })
}

/// The unit that runs the php-fpm of this main file: the running one's, else what packages call it; empty if unknown.
fn unit_of(file: &Path, processes: &[Process]) -> String {
    let running = masters(processes).find(|(main, _)| main == file);
    let running = running.and_then(|(_, process)| process.unit.clone());
    running
        .filter(|unit| unit.ends_with(".service"))
        .unwrap_or_else(|| packaged_unit(file))
}

fn packaged_unit(file: &Path) -> String {
    let parts: Vec<&str> = file.iter().filter_map(|part| part.to_str()).collect();
    match parts.as_slice() {
        ["/", "etc", "php", version, "fpm", _] => format!("php{version}-fpm.service"),
        ["/", "etc", "opt", "remi", scl, _] => format!("{scl}-php-fpm.service"),
        ["/", "opt", "cpanel", scl, ..] => format!("{scl}-php-fpm.service"),
        ["/", "opt", "plesk", "php", version, ..] => {
            format!("plesk-php{}-fpm.service", version.replace('.', ""))
        }
        ["/", "etc", _] => "php-fpm.service".to_owned(),
        _ => String::new(),
    }
}

/// `8.2` of `/etc/php/8.2/fpm/php-fpm.conf`; `8.1` of `/etc/opt/remi/php81/php-fpm.conf`.
fn version_of(file: &Path) -> Option<String> {
    file.iter().filter_map(|part| part.to_str()).find_map(|part| {
        let digits = part.rsplit("php").next().unwrap_or(part);
        match digits.split_once('.') {
            Some((major, minor)) => (number(major) && number(minor)).then(|| digits.to_owned()),
            None if digits.len() == 2 && number(digits) => {
                let (major, minor) = digits.split_at(1);
                Some(format!("{major}.{minor}"))
            }
            None => None,
        }
    })
}

fn number(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())
}

fn pools_of(scout: &Scout, main: &Path, unit: &str) -> Vec<FpmPool> {
    let mut written = Vec::new();
    read(scout, main, main, 0, &mut written);
    let mut pools: Vec<FpmPool> = Vec::new();
    for (file, entry) in &written {
        if entry.section.is_empty() || entry.section == "global" {
            continue;
        }
        let at = pools
            .iter()
            .position(|pool| pool.name == entry.section)
            .unwrap_or_else(|| {
                pools.push(FpmPool {
                    name: entry.section.clone(),
                    unit: unit.to_owned(),
                    version: version_of(main),
                    ..FpmPool::default()
                });
                pools.len() - 1
            });
        if let Some(pool) = pools.get_mut(at) {
            take(pool, file, entry);
        }
    }
    pools
}

/// Every entry of a file, with those of included files in the place of their `include`.
fn read(scout: &Scout, main: &Path, file: &Path, depth: usize, into: &mut Vec<(PathBuf, Entry)>) {
    let Some(text) = scout.text(file).filter(|_| depth < DEEPEST) else {
        return;
    };
    for entry in ini::entries(&text) {
        if entry.key == "include" {
            let pattern = prefix_of(main).join(&entry.value);
            let files = scout.glob(&pattern);
            files
                .iter()
                .for_each(|file| read(scout, main, file, depth + 1, into));
        } else {
            into.push((file.to_owned(), entry));
        }
    }
}

/// Relative includes are relative to the prefix PHP was built with; official container images have
/// `include=etc/php-fpm.d/*.conf` in `/usr/local/etc/php-fpm.conf`.
fn prefix_of(main: &Path) -> &Path {
    main.parent().and_then(Path::parent).unwrap_or(Path::new("/"))
}

fn take(pool: &mut FpmPool, file: &Path, entry: &Entry) {
    let value = entry.value.replace("$pool", &pool.name);
    match entry.key.as_str() {
        "listen" => {
            pool.listen = listen(&value);
            pool.written = Place::line(file, entry.line);
        }
        "pm" => pool.pm.clone_from(&value),
        "pm.max_children" => pool.max_children = value.parse().ok(),
        "listen.backlog" => pool.backlog = value.parse().ok(),
        "request_terminate_timeout" => pool.terminate_timeout = seconds(&value).filter(|limit| *limit > 0.0),
        "pm.max_requests" => pool.max_requests = value.parse().ok().filter(|most| *most > 0),
        "pm.status_path" => pool.status_path = Some(value.clone()).filter(|it| it.starts_with('/')),
        "pm.status_listen" => pool.status_listen = listen(&value),
        "slowlog" => pool.slow_log = Some(PathBuf::from(&value)).filter(|it| it.is_absolute()),
        _ => {}
    }
    pool.settings.push((entry.key.clone(), value, entry.line));
}

/// A port alone is that port on every address.
fn listen(value: &str) -> Option<ListenAddress> {
    match address::port(value) {
        Some(port) => Some(ListenAddress::Tcp { ip: None, port }),
        None => address::parse(value),
    }
}

/// `30`, `30s`, `5m`, `1h`, `1d`.
fn seconds(value: &str) -> Option<f64> {
    let unit = value.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let factor = match unit {
        "" | "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        "d" => 86400.0,
        _ => return None,
    };
    let amount: f64 = value.strip_suffix(unit)?.parse().ok()?;
    Some(amount * factor)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;

    const MAIN: &str = "/etc/php/8.2/fpm/php-fpm.conf";

    fn shown(tree: &Tree, processes: &[Process]) -> Vec<String> {
        let scout = Scout::new(&tree.host);
        let show = |pool: &FpmPool| {
            let claim = claim(pool);
            let address = claim.map(|claim| claim.address.to_string()).unwrap_or_default();
            format!("{} {} {address} {}", pool.unit, pool.name, pool.written)
        };
        pools(&scout, processes).iter().map(show).collect()
    }

    #[test]
    fn pools_with_where_they_listen() {
        let rows = [
            (
                "listen = /run/php/$pool.sock",
                "php8.2-fpm.service www unix:/run/php/www.sock /etc/php/8.2/fpm/pool.d/www.conf:2",
            ),
            (
                "listen = 9000",
                "php8.2-fpm.service www *:9000 /etc/php/8.2/fpm/pool.d/www.conf:2",
            ),
            (
                ";x\nlisten = [::1]:9000",
                "php8.2-fpm.service www [::1]:9000 /etc/php/8.2/fpm/pool.d/www.conf:3",
            ),
            (
                "listen = '127.0.0.1:9000' ; x",
                "php8.2-fpm.service www 127.0.0.1:9000 /etc/php/8.2/fpm/pool.d/www.conf:2",
            ),
        ];
        for (line, expected) in rows {
            let tree = Tree::of(&[
                (MAIN, "[global]\ninclude=/etc/php/8.2/fpm/pool.d/*.conf\n"),
                ("/etc/php/8.2/fpm/pool.d/www.conf", &format!("[www]\n{line}\n")),
            ]);
            assert_eq!(shown(&tree, &[]), [expected]);
        }
    }

    #[test]
    fn a_running_master_tells_its_file_and_unit() {
        let main = "/srv/php/fpm.conf";
        let tree = Tree::of(&[(
            main,
            "[a]\nlisten=/run/a.sock\npm.max_children = 7\nrequest_terminate_timeout=2m\n[b]\nlisten=/run/b.sock\n",
        )]);
        let master = Process {
            argv: vec![format!("php-fpm: master process ({main})")],
            unit: Some("shop-php.service".into()),
            ..Process::default()
        };
        let masters = [master];
        assert_eq!(
            shown(&tree, &masters),
            [
                "shop-php.service a unix:/run/a.sock /srv/php/fpm.conf:2",
                "shop-php.service b unix:/run/b.sock /srv/php/fpm.conf:6"
            ]
        );
        let pools = pools(&Scout::new(&tree.host), &masters);
        assert_eq!(
            (pools[0].max_children, pools[0].terminate_timeout),
            (Some(7), Some(120.0))
        );
    }

    #[test]
    fn versions() {
        let rows = [
            (MAIN, Some("8.2")),
            ("/etc/opt/remi/php81/php-fpm.conf", Some("8.1")),
            ("/opt/plesk/php/8.3/etc/php-fpm.conf", Some("8.3")),
            ("/etc/php-fpm.conf", None),
        ];
        for (file, version) in rows {
            assert_eq!(version_of(Path::new(file)).as_deref(), version, "{file}");
        }
    }
}
