//! Whole hosts, small.

use super::{testing::Tree, *};
use crate::topology::BackendKind;
use host::{
    Answer, Query, Timestamp, Tool,
    answer::{FileKind, RawProcess, Stat},
};
use std::time::Duration;

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);
const SITE: &str = "/etc/nginx/sites-enabled/shop";
const NGINX: &str = "/usr/sbin/nginx";

/// A process that started `ago` seconds before [`NOW`]; the host booted 1000 s before.
fn process(pid: u32, ppid: u32, title: &str, unit: &str, ago: u64) -> RawProcess {
    let ticks = (1000 - ago) * 100;
    RawProcess {
        pid,
        stat: format!("{pid} (x) S {ppid} 0 0 0 -1 0 0 0 0 0 0 0 0 0 20 0 1 0 {ticks} 1 1"),
        status: "Uid:\t33\t33\t33\t33\nGid:\t33\t33\t33\t33\nGroups:\t33\n".into(),
        cmdline: format!("{title}\0"),
        cgroup: format!("0::/system.slice/{unit}\n"),
        ..RawProcess::default()
    }
}

fn nginx_processes() -> Vec<RawProcess> {
    vec![
        process(
            10,
            1,
            &format!("nginx: master process {NGINX}"),
            "nginx.service",
            900,
        ),
        process(
            11,
            10,
            "nginx: worker process is shutting down",
            "nginx.service",
            900,
        ),
        process(12, 10, "nginx: worker process", "nginx.service", 100),
    ]
}

/// A host whose nginx asks php-fpm by socket and gunicorn by port; which of them run is up to `processes`.
fn host(processes: Vec<RawProcess>, test_passes: bool) -> Tree {
    let site = "server {\n server_name shop.example;\n location / { proxy_pass http://127.0.0.1:8000; }\n \
                location ~ \\.php$ { fastcgi_pass unix:/run/php/php8.2-fpm.sock; }\n \
                location /api { proxy_pass http://localhost:9999; }\n}\n";
    let main = format!("user www-data;\nhttp {{ include {SITE}; }}\n");
    let dump = format!(
        "# configuration file /etc/nginx/nginx.conf:\n{main}\n# configuration file {SITE}:\n{site}\n"
    );
    let tree = Tree::of(&[
        ("/etc/nginx/nginx.conf", &main),
        (SITE, site),
        (
            "/etc/php/8.2/fpm/php-fpm.conf",
            "include=/etc/php/8.2/fpm/pool.d/*.conf\n",
        ),
        (
            "/etc/php/8.2/fpm/pool.d/www.conf",
            "[www]\nlisten = /run/php/php8.2-fpm.sock\n",
        ),
        (
            "/etc/systemd/system/app.service",
            "[Service]\nExecStart=/usr/bin/gunicorn -b 127.0.0.1:8000 a:a\n",
        ),
        ("/lib/systemd/system/nginx.service", ""),
        ("/lib/systemd/system/php8.2-fpm.service", ""),
        ("/etc/passwd", "www-data:x:33:33::/:/bin/sh\n"),
        ("/etc/group", "www-data:x:33:\n"),
        ("/proc/stat", "btime 1699999000\n"),
        ("/proc/uptime", "1000.00 1.0\n"),
        ("/proc/sys/net/core/somaxconn", "4096\n"),
    ]);
    let args = Vec::new();
    let dump_tool = Tool::NginxDump {
        exe: NGINX.into(),
        args,
    };
    let complaint = format!("nginx: [emerg] unknown directive \"x\" in {SITE}:3\n");
    let tree = match test_passes {
        true => tree.says(dump_tool, 0, &dump, ""),
        false => tree.says(dump_tool, 1, "", &complaint),
    };
    let down = ["app.service", "php8.2-fpm.service"].map(str::to_owned).to_vec();
    let since = NOW.before(Options::default().since);
    let journal = Tool::Journal {
        units: down,
        since,
        lines: 2000,
    };
    let spoken = r#"{"__REALTIME_TIMESTAMP":"1","MESSAGE":"api listening on port 9999","_SYSTEMD_UNIT":"app.service","SYSLOG_IDENTIFIER":"run"}"#;
    let tree = tree.says(journal, 0, spoken, "");
    with_units(tree).says(Tool::NginxVersion { exe: NGINX.into() }, 0, "", "nginx version: nginx/1.22.1\nconfigure arguments: --prefix=/usr/share/nginx --conf-path=/etc/nginx/nginx.conf\n")
        .says(Tool::UnitsLoaded, 0, "", "")
        .answers(Query::Clock, Answer::Clock(NOW))
        .answers(Query::Processes, Answer::Processes(processes))
        .answers(Query::Sockets { netns_of: None }, Answer::Sockets(Vec::new()))
}

/// gunicorn failed, php-fpm is stopped, nginx is up.
fn with_units(tree: Tree) -> Tree {
    let names = ["app.service", "nginx.service", "php8.2-fpm.service"].map(str::to_owned);
    let shown = "Id=app.service\nLoadState=loaded\nActiveState=failed\nFragmentPath=/etc/systemd/system/app.service\n\n\
                 Id=nginx.service\nLoadState=loaded\nActiveState=active\nExecStart={ path=/usr/sbin/nginx ; argv[]=/usr/sbin/nginx -g daemon on; ; x }\n\n\
                 Id=php8.2-fpm.service\nLoadState=loaded\nActiveState=inactive\n";
    tree.says(
        Tool::UnitsShow {
            units: names.to_vec(),
        },
        0,
        shown,
        "",
    )
}

fn php() -> Endpoint {
    Endpoint::Unix("/var/run/php/php8.2-fpm.sock".into())
}

fn app() -> Endpoint {
    Endpoint::from(([127, 0, 0, 1].into(), 8000))
}

#[test]
fn a_stopped_backend_is_linked_by_its_configuration() {
    let world = discover(&host(nginx_processes(), true).host, &Options::default());
    assert_eq!(world.unseen, []);
    let backend = backend_of(&world, &app()).expect("claimed");
    assert_eq!(
        (backend.unit.as_deref(), backend.kind),
        (Some("app.service"), Some(BackendKind::Gunicorn))
    );
    assert_eq!(
        backend.claim.expect("claim").written.to_string(),
        "/etc/systemd/system/app.service:2"
    );
    let backend = backend_of(&world, &php()).expect("claimed");
    assert_eq!(
        (backend.unit.as_deref(), backend.kind),
        (Some("php8.2-fpm.service"), Some(BackendKind::PhpFpm))
    );
    assert_eq!(backend.pool.expect("pool").name, "www");
    let spoken = backend_of(&world, &Endpoint::from(([127, 0, 0, 1].into(), 9999))).expect("spoken of");
    assert_eq!(spoken.unit.as_deref(), Some("app.service"));
    assert_eq!(
        backend_of(&world, &Endpoint::from(([127, 0, 0, 1].into(), 9))),
        None
    );
}

#[test]
fn a_running_nginx() {
    let world = discover(&host(nginx_processes(), true).host, &Options::default());
    let nginx = &world.nginx[0];
    assert_eq!((nginx.master, nginx.workers.as_slice()), (Some(10), &[12][..]));
    assert_eq!(nginx.loaded_at, Some(NOW.before(Duration::from_secs(100))));
    assert_eq!(
        nginx.account.as_ref().map(|account| account.name.as_str()),
        Some("www-data")
    );
    assert_eq!(nginx.version.as_deref(), Some("1.22.1"));
    assert!(nginx.test.as_ref().is_ok_and(|test| test.passed));
    let routes: Vec<String> = world
        .routes
        .iter()
        .map(|route| format!("{} {} {}", route.site, route.location, route.written))
        .collect();
    assert_eq!(
        routes,
        [
            format!("shop.example / {SITE}:3"),
            format!("shop.example ~ \\.php$ {SITE}:4"),
            format!("shop.example /api {SITE}:5")
        ]
    );
}

#[test]
fn a_broken_config_is_read_from_its_files() {
    let world = discover(&host(nginx_processes(), false).host, &Options::default());
    let test = world.nginx[0].test.clone().expect("tested");
    assert_eq!(
        (test.passed, test.place.map(|place| place.to_string())),
        (false, Some(format!("{SITE}:3")))
    );
    assert_eq!(world.routes.len(), 3);
}

#[test]
fn an_nginx_that_does_not_run() {
    let mut tree = host(Vec::new(), true);
    let args = vec!["-g".to_owned(), "daemon on;".to_owned()];
    tree = tree.says(
        Tool::NginxDump {
            exe: NGINX.into(),
            args,
        },
        0,
        "# configuration file /etc/nginx/nginx.conf:\nuser www-data;\n\n",
        "",
    );
    let world = discover(&tree.host, &Options::default());
    let nginx = &world.nginx[0];
    assert_eq!(
        (nginx.master, nginx.unit.as_deref()),
        (None, Some("nginx.service"))
    );
    assert_eq!(
        nginx.account.as_ref().map(|account| account.identity.uid),
        Some(33)
    );
}

#[test]
fn a_file_edited_since_the_last_reload() {
    let mut tree = host(nginx_processes(), true);
    let at = NOW.before(Duration::from_secs(50));
    let stat = Stat {
        kind: FileKind::File,
        mode: 0o644,
        uid: 0,
        gid: 0,
        size: 1,
        inode: 1,
        modified: at,
        link_to: None,
        has_acl: false,
    };
    tree = tree.answers(
        Query::Stat {
            path: SITE.into(),
            seen_by: None,
        },
        Answer::Stat(Some(stat)),
    );
    let world = discover(&tree.host, &Options::default());
    assert_eq!(world.nginx[0].newer_files, [(SITE.into(), at)]);
}

#[test]
fn an_nginx_in_another_network_is_out_of_sight() {
    let mut processes = nginx_processes();
    processes.push(process(
        20,
        1,
        &format!("nginx: master process {NGINX}"),
        "docker-1.scope",
        9,
    ));
    for process in &mut processes {
        process.netns = Some(if process.pid == 20 { 2 } else { 1 });
    }
    let world = discover(&host(processes, true).host, &Options::default());
    assert_eq!(world.nginx.len(), 1);
    assert_eq!(
        world.unseen.iter().map(Unseen::what).collect::<Vec<_>>(),
        ["nginx, process 20"]
    );
}

#[test]
fn one_site_of_many() {
    let options = |site: &str| Options {
        site: Some(site.into()),
        ..Options::default()
    };
    let host = host(nginx_processes(), true).host;
    assert_eq!(discover(&host, &options("SHOP.example")).routes.len(), 3);
    assert_eq!(discover(&host, &options("other.example")).routes.len(), 0);
}

#[test]
fn a_host_that_shows_nothing() {
    let world = discover(&host::memory::Memory::default(), &Options::default());
    assert!(world.nginx.is_empty() && world.processes.is_err() && world.units.is_err());
    assert!(world.unseen.len() > 5);
}
