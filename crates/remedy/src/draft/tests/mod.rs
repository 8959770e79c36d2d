mod firewall;
mod listen;

use super::testing::Machine;
use diagnose::{Measure, topology::Place};
use std::path::Path;

const SITE: &str = "/etc/nginx/sites-available/shop";
const ENABLED: &str = "/etc/nginx/sites-enabled/shop";
const TEXT: &str =
    "server {\n    location / {\n        proxy_pass http://127.0.0.1:7080/x; # app\n    }\n}\n";
const TEST: &str = "test,test:of:nginx,exe:/usr/sbin/nginx,args:[-g,daemon on; master_process on;]";
const RELOAD: &str = "reload,unit:nginx.service,master:pid:700,started:70000";

fn shop() -> Machine {
    Machine::nginx()
        .file(SITE, TEXT)
        .link(ENABLED, "../sites-available/shop")
        .site("shop", ENABLED, 3, "127.0.0.1:7080", true)
}

fn replace(old: &str, new: &str) -> Measure {
    Measure::NginxReplace {
        at: Place::line(Path::new(ENABLED), 3),
        old: old.into(),
        new: new.into(),
    }
}

#[test]
fn an_edit_is_of_the_real_file_then_tested_then_reloaded_once() {
    let set = Measure::NginxSet {
        beside: Place::line(Path::new(ENABLED), 3),
        name: "proxy_read_timeout".into(),
        value: "90s".into(),
    };
    let measures = vec![
        replace("127.0.0.1:7080", "127.0.0.1:8080"),
        set,
        Measure::ReloadNginx { nginx: 0 },
    ];
    let write = format!(
        "write {SITE}:         proxy_pass http://127.0.0.1:8080/x; # app |         proxy_read_timeout 90s;"
    );
    assert_eq!(shop().steps(measures), [&write, TEST, RELOAD]);
}

#[test]
fn a_line_put_in_moves_the_places_below_it() {
    let text = "server {\n  location / {\n    proxy_pass http://127.0.0.1:1;\n    proxy_pass http://127.0.0.1:2;\n  }\n}\n";
    let at = |line| Place::line(Path::new(SITE), line);
    let set = |name: &str| Measure::NginxSet {
        beside: at(3),
        name: name.into(),
        value: "1s".into(),
    };
    let replace = Measure::NginxReplace {
        at: at(4),
        old: "127.0.0.1:2".into(),
        new: "127.0.0.1:3".into(),
    };
    let steps = shop().file(SITE, text).steps(vec![set("a"), set("b"), replace]);
    let added = "    b 1s; |     a 1s; |     proxy_pass http://127.0.0.1:3;";
    assert_eq!(steps.first(), Some(&format!("write {SITE}: {added}")));
}

#[test]
fn a_stopped_nginx_is_tested_and_started() {
    let mut machine = shop().unit(
        "nginx.service",
        "failed",
        "enabled",
        0,
        "/usr/sbin/nginx -g daemon on;",
    );
    machine.world().nginx[0].master = None;
    let start = Measure::Start {
        unit: "nginx.service".into(),
    };
    let test = "test,test:of:nginx,exe:/usr/sbin/nginx,args:[-g,daemon on;]";
    let begin = "start,unit:nginx.service,from:active:failed,main_pid:null";
    let steps = machine.steps(vec![replace("7080", "8080"), start]);
    assert_eq!(steps.get(1..), Some(&[test.to_owned(), begin.to_owned()][..]));
}

#[test]
fn the_proof_is_the_failing_request_and_one_to_each_other_site() {
    let plan = shop()
        .site(
            "blog",
            "/etc/nginx/sites-enabled/blog",
            3,
            "127.0.0.1:9090",
            false,
        )
        .plan(vec![replace("7080", "8080")])
        .expect("a plan");
    assert_eq!(plan.proof.must_answer, [super::testing::question("shop")]);
    assert_eq!(plan.proof.must_not_break, [super::testing::question("blog")]);
    assert!(plan.notes.is_empty(), "{:?}", plan.notes);
}

#[test]
fn what_makes_an_edit_impossible_is_said() {
    let measure = vec![replace("127.0.0.1:9999", "x")];
    let shared = || shop().site("blog", ENABLED, 3, "127.0.0.1:1", false);
    let rows = [
        (shop(), "does not say \"127.0.0.1:9999\" any more"),
        (Machine::nginx(), "is not there any more"),
        (shop().file(SITE, "# gone\n"), "holds no directive any more"),
        (shared(), "is included by shop and by blog"),
    ];
    for (machine, expected) in rows {
        let steps = machine.steps(measure.clone());
        assert!(
            steps[0].starts_with("cannot: ") && steps[0].contains(expected),
            "{steps:?}"
        );
    }
}

#[test]
fn a_person_is_told_of_shared_and_managed_files() {
    let text = format!("# {{{{ ansible_managed }}}} Managed by Ansible\n{TEXT}");
    let machine = shop()
        .file(SITE, &text)
        .site("blog", ENABLED, 4, "127.0.0.1:7080", false)
        .site("shop", ENABLED, 4, "127.0.0.1:7080", true);
    let measure = Measure::NginxReplace {
        at: Place::line(Path::new(ENABLED), 4),
        old: "7080".into(),
        new: "8080".into(),
    };
    let notes = machine.plan(vec![measure]).expect("a plan").notes;
    assert!(notes[0].contains("serves these sites too: blog"), "{notes:?}");
    assert!(notes[1].contains("Managed by Ansible"), "{notes:?}");
}

const FPM: &str = "php8.2-fpm.service";

fn fpm(active: &str, file_state: &str) -> Machine {
    let packaged = "[Service]\n[Install]\nWantedBy=multi-user.target\n";
    let exec = "/usr/sbin/php-fpm8.2 --nodaemonize";
    Machine::new()
        .unit(FPM, active, file_state, 0, exec)
        .file("/lib/systemd/system/php8.2-fpm.service", packaged)
}

fn start() -> Measure {
    Measure::Start { unit: FPM.into() }
}

#[test]
fn a_unit_is_tested_and_started_behind_what_forbade_it() {
    let begin = "start,unit:php8.2-fpm.service,from:active:inactive,main_pid:null";
    let test = "test,test:of:php-fpm,exe:/usr/sbin/php-fpm8.2";
    let state = |from: &str, to: &str| format!("set-unit-file,unit:{FPM},from:{from},to:{to}");
    let enabled = "/etc/systemd/system/multi-user.target.wants/php8.2-fpm.service";
    let unmask = || Measure::Unmask { unit: FPM.into() };
    let enable = || Measure::Enable { unit: FPM.into() };
    let rows = [
        (fpm("inactive", "enabled"), vec![start()], vec![test, begin]),
        (
            fpm("inactive", "masked"),
            vec![unmask(), start()],
            vec![&*state("masked", "disabled"), test, begin],
        ),
        (
            fpm("inactive", "masked").link(enabled, "/x"),
            vec![unmask()],
            vec![&*state("masked", "enabled")],
        ),
        (
            fpm("inactive", "enabled-runtime"),
            vec![enable()],
            vec![&*state("enabled-runtime", "enabled")],
        ),
    ]
    .map(|(machine, measures, steps)| (machine, measures, steps.join("\n")));
    for (machine, measures, expected) in rows {
        assert_eq!(machine.steps(measures).join("\n"), expected);
    }
}

#[test]
fn a_unit_that_can_not_be_started_is_told_why() {
    let rows = [
        (
            fpm("inactive", "masked"),
            "is masked: somebody forbade to start it; find out why, then: systemctl unmask",
        ),
        (fpm("active", "enabled"), "nothing is left to do"),
        (
            Machine::new(),
            "systemd does not know php8.2-fpm.service; install the package",
        ),
    ];
    for (machine, expected) in rows {
        let steps = machine.steps(vec![start()]);
        assert!(
            steps[0].starts_with("cannot: ") && steps[0].contains(expected),
            "{steps:?}"
        );
    }
}

#[test]
fn a_restart_names_the_stuck_and_a_reload_the_master() {
    let host = || {
        Machine::new()
            .unit("app.service", "active", "enabled", 50, "/usr/bin/gunicorn app")
            .process(50, 1, "gunicorn: master", "/usr/bin/python3")
            .process(51, 50, "gunicorn: worker", "/usr/bin/python3")
    };
    let unit = || "app.service".to_owned();
    assert_eq!(
        host().steps(vec![Measure::Restart {
            unit: unit(),
            forensics: vec![51, 99]
        }]),
        ["restart,unit:app.service,from:active:active,main_pid:50,forensics:[pid:51,started:5100]"]
    );
    assert_eq!(
        host().steps(vec![Measure::Reload { unit: unit() }]),
        ["reload,unit:app.service,master:pid:50,started:5000"]
    );
}

#[test]
fn processes_end_with_their_children_and_never_those_of_a_unit_or_the_system() {
    let host = || {
        Machine::new()
            .process(1, 0, "init", "/sbin/init")
            .process(60, 1, "old", "/bin/old")
            .process(62, 61, "c", "/c")
            .process(61, 60, "b", "/b")
    };
    let rows = [
        (
            vec![60],
            "end-processes,processes:[pid:60,started:6000,pid:61,started:6100,pid:62,started:6200]",
        ),
        (
            vec![1],
            "cannot: process 1 (x) belongs to the system; find out what holds the address with ss -ltnp",
        ),
    ];
    for (pids, expected) in rows {
        assert_eq!(host().steps(vec![Measure::EndProcesses { pids }]), [expected]);
    }
}

const POOL: &str = "/etc/php/8.2/fpm/pool.d/www.conf";

fn pool() -> Machine {
    let mut machine = Machine::new()
        .unit(
            "php8.2-fpm.service",
            "active",
            "enabled",
            80,
            "/usr/sbin/php-fpm8.2 --nodaemonize",
        )
        .process(80, 1, "php-fpm: master process", "/usr/sbin/php-fpm8.2")
        .file(
            POOL,
            "[www]\n;listen.owner = www-data\npm.max_children = 5 ; few\n",
        );
    machine.world().pools.push(diagnose::topology::FpmPool {
        name: "www".into(),
        unit: "php8.2-fpm.service".into(),
        written: Place::line(Path::new(POOL), 1),
        ..Default::default()
    });
    machine
}

#[test]
fn a_pool_is_edited_then_tested_then_read_again() {
    let ini = |key: &str, value: &str| Measure::IniSet {
        file: POOL.into(),
        section: "www".into(),
        key: key.into(),
        value: value.into(),
    };
    let test = "test,test:of:php-fpm,exe:/usr/sbin/php-fpm8.2";
    let more = format!("write {POOL}: pm.max_children = 50 ; few");
    assert_eq!(
        pool().steps(vec![ini("pm.max_children", "50")]),
        [
            &more,
            test,
            "reload,unit:php8.2-fpm.service,master:pid:80,started:8000"
        ]
    );
    let owner = format!("write {POOL}: listen.owner = www");
    let restart = "restart,unit:php8.2-fpm.service,from:active:active,main_pid:80,forensics:[]";
    assert_eq!(
        pool().steps(vec![ini("listen.owner", "www")]),
        [&owner, test, restart]
    );
    let asked = Measure::Restart {
        unit: "php8.2-fpm.service".into(),
        forensics: vec![],
    };
    assert_eq!(
        pool().steps(vec![ini("listen.owner", "www"), asked]),
        [&owner, test, restart]
    );
}

#[test]
fn a_drop_in_is_checked_and_told_before_the_unit_is_touched() {
    let host = || Machine::new().unit("app.service", "failed", "enabled", 0, "/usr/bin/app");
    let set = Measure::UnitSet {
        unit: "app.service".into(),
        section: "Service".into(),
        key: "Restart".into(),
        values: vec!["on-failure".into()],
    };
    let start = Measure::Start {
        unit: "app.service".into(),
    };
    let write = "write /etc/systemd/system/app.service.d/why502.conf: # Written by why502 fix; why502 undo takes it back. | [Service] | Restart=on-failure";
    let (test, tell) = ("test,test:of:unit,unit:app.service", "daemon-reload");
    let begin = "start,unit:app.service,from:active:failed,main_pid:null";
    assert_eq!(host().steps(vec![set.clone()]), [write, test, tell]);
    assert_eq!(host().steps(vec![set, start]), [write, test, tell, begin]);
}

#[test]
fn a_kernel_setting_is_set_now_and_where_the_boot_reads_it_last() {
    let measure = || {
        vec![Measure::Sysctl {
            key: "net.core.somaxconn".into(),
            value: "4096".into(),
        }]
    };
    let host = || Machine::new().file("/proc/sys/net/core/somaxconn", "128\n");
    let now = "sysctl,key:net.core.somaxconn,from:128,to:4096";
    let ours = "write /etc/sysctl.d/60-why502.conf: # Written by why502 fix; why502 undo takes it back. | net.core.somaxconn=4096";
    assert_eq!(host().steps(measure()), [now, ours]);
    let later = host().file("/etc/sysctl.d/90-tuned.conf", "net.core.somaxconn = 128\n");
    assert_eq!(
        later.steps(measure()),
        [
            now,
            "write /etc/sysctl.d/90-tuned.conf: net.core.somaxconn = 4096"
        ]
    );
    let earlier = host().file("/etc/sysctl.d/10-x.conf", "net.core.somaxconn = 128\n");
    assert_eq!(earlier.steps(measure()), [now, ours]);
    let evil = Measure::Sysctl {
        key: "../x".into(),
        value: "1".into(),
    };
    assert!(host().steps(vec![evil])[0].contains("is no kernel setting"));
}

#[test]
fn rights_are_what_was_asked_and_never_for_everybody_to_write() {
    let access = |mode: u32| {
        vec![Measure::Access {
            path: "/srv/run".into(),
            mode: Some(mode),
            uid: None,
            gid: Some(33),
        }]
    };
    let host = || Machine::new().dir("/srv/run", 0o700);
    assert_eq!(
        host().steps(access(0o750)),
        ["set-access,path:/srv/run,from:mode:448,uid:0,gid:0,to:mode:488,uid:0,gid:33"]
    );
    assert!(host().steps(access(0o777))[0].contains("writable by everybody"));
}

#[test]
fn the_newest_version_from_before_the_edit_comes_back() {
    let restore = || {
        vec![Measure::RestoreBackup {
            file: POOL.into(),
            unit: "php8.2-fpm.service".into(),
        }]
    };
    let broken = || Machine::new().file_of(POOL, "[www\nnew\n", 0o644, 0);
    let beside = |machine: Machine, suffix: &str, text: &str, age: i64| {
        machine.file_of(&format!("{POOL}{suffix}"), text, 0o644, age)
    };
    let host = beside(broken(), ".bak", "[www]\nold\n", 5000);
    let host = beside(host, "~", "[www]\nless old\n", 100);
    let host = beside(host, ".dpkg-dist", "[www]\npackaged\n", 1);
    let host = beside(host, ".orig", "[www]\nafter the edit\n", -50);
    assert_eq!(host.steps(restore()), [format!("write {POOL}: [www] | less old")]);
    assert!(beside(broken(), ".bak", "", 10).steps(restore())[0].contains("no earlier version"));
}

#[test]
fn a_resolver_is_set_where_resolv_conf_comes_from() {
    let servers = || {
        vec![Measure::Resolver {
            servers: vec!["192.0.2.53".parse().expect("an address")],
        }]
    };
    let hand = Machine::new().file(
        "/etc/resolv.conf",
        "search x\nnameserver 10.0.0.1\nnameserver 10.0.0.2\noptions rotate\n",
    );
    let plan = hand.plan(servers()).expect("a plan");
    let crate::Step::Write {
        to: Some(content), ..
    } = &plan.steps[0]
    else {
        panic!("{plan:?}");
    };
    assert_eq!(
        content.bytes,
        b"search x\nnameserver 192.0.2.53\noptions rotate\n"
    );
    let openresolv = Machine::new()
        .file(
            "/etc/resolv.conf",
            "# Generated by resolvconf\nnameserver 10.0.0.1\n",
        )
        .file(
            "/etc/resolvconf.conf",
            "# ours\nname_servers=10.0.0.1\nresolv_conf=/etc/resolv.conf\n",
        );
    assert_eq!(
        openresolv.steps(servers()),
        [
            "write /etc/resolvconf.conf: name_servers=\"192.0.2.53\"",
            "rebuild-resolv-conf"
        ]
    );
    let resolved = Machine::new()
        .link("/etc/resolv.conf", "../run/systemd/resolve/stub-resolv.conf")
        .unit(
            "systemd-resolved.service",
            "active",
            "enabled",
            9,
            "/lib/systemd/systemd-resolved",
        )
        .process(9, 1, "r", "/r");
    let steps = resolved.steps(servers());
    assert!(
        steps[0].ends_with("[Resolve] | DNS= | DNS=192.0.2.53 | Domains=~."),
        "{steps:?}"
    );
    assert!(
        steps[1].starts_with("restart,unit:systemd-resolved.service"),
        "{steps:?}"
    );
}

#[test]
fn what_the_kernel_keeps() {
    let route = r#"[{"dst":"10.0.0.2","dev":"eth1","flags":[]}]"#;
    let address: std::net::IpAddr = [10, 0, 0, 2].into();
    let host = Machine::new().says(host::Tool::RouteGet { to: address }, route);
    assert_eq!(
        host.steps(vec![Measure::FlushNeighbour { address }]),
        ["flush-neighbour,address:10.0.0.2,device:eth1"]
    );
    let up = |flags: &str| {
        let host = Machine::new().file("/sys/class/net/eth1/flags", flags);
        host.steps(vec![Measure::InterfaceUp { name: "eth1".into() }])
    };
    assert_eq!(up("0x1002\n"), ["set-interface,name:eth1,up:true"]);
    assert!(up("0x1003\n")[0].contains("nothing is left to do"));
}

#[test]
fn room_is_made_where_there_is_any_and_the_plan_says_what_is_lost() {
    let with = |name: &str| {
        let dir = std::path::PathBuf::from("/var/cache/apt/archives");
        let (path, bytes) = (dir.join(name), 90 << 20);
        let files = vec![host::answer::FileSize { path, bytes }];
        let mut machine = Machine::new();
        machine.memory(host::Query::FileSizes { dir }, host::Answer::FileSizes(files));
        machine.plan(vec![Measure::Reclaim {
            of: diagnose::limits::Reclaimable::AptCache,
        }])
    };
    let plan = with("nginx_1.22.deb").expect("a plan");
    assert_eq!(
        crate::show::command(&plan.steps[0]).as_deref(),
        Some("apt-get clean")
    );
    assert_eq!(crate::show::undone_by(&plan.steps[0]), "can't be taken back");
    assert!(
        plan.notes[0].starts_with("90 MiB of downloaded packages"),
        "{:?}",
        plan.notes
    );
    let refused = with("before-upgrade.sql").expect_err("a person's file");
    assert!(
        refused.contains("holds nothing any more that may go"),
        "{refused}"
    );
}

/// nginx with temp directories of root, its workers being www-data.
fn nginx_with_temp(parent: u32) -> Machine {
    let args = vec!["-g".to_owned(), "daemon on; master_process on;".to_owned()];
    let exe = || std::path::PathBuf::from("/usr/sbin/nginx");
    let mut machine = Machine::nginx()
        .dir("/var/lib/nginx", parent)
        .dir("/var/lib/nginx/proxy", 0o700)
        .dir("/var/lib/nginx/proxy/4", 0o700)
        .dir("/var/lib/nginx/body", 0o700)
        .says(host::Tool::NginxVersion { exe: exe() }, "")
        .says(
            host::Tool::NginxDump { exe: exe(), args },
            "# configuration file /etc/nginx/nginx.conf:\nhttp { proxy_temp_path /var/lib/nginx/proxy; client_body_temp_path /var/lib/nginx/body; uwsgi_temp_path /var/lib/nginx/none; }\n",
        );
    let identity = host::query::Identity {
        uid: 33,
        gid: 33,
        groups: vec![],
    };
    machine.world().nginx[0].account = Some(host::looks::Account {
        name: "www-data".into(),
        identity,
    });
    machine
}

const BODY: &str = "set-access,path:/var/lib/nginx/body,from:mode:448,uid:0,gid:0,to:mode:448,uid:33,gid:0";
const PROXY: &str = "set-access,path:/var/lib/nginx/proxy,from:mode:448,uid:0,gid:0,to:mode:448,uid:33,gid:0";

#[test]
fn temp_directories_are_given_to_the_workers() {
    let set = |at: &str| Measure::NginxTemp {
        nginx: 0,
        at: at.into(),
    };
    let steps = nginx_with_temp(0o755).steps(vec![set("/var/lib/nginx/proxy/4/00")]);
    let inside = "set-access,path:/var/lib/nginx/proxy/4,from:mode:448,uid:0,gid:0,to:mode:448,uid:33,gid:0";
    assert_eq!(steps, [BODY, PROXY, inside, TEST, RELOAD]);
    let steps = nginx_with_temp(0o700).steps(vec![set("/var/lib/nginx/body")]);
    let pass = "set-access,path:/var/lib/nginx,from:mode:448,uid:0,gid:0,to:mode:449,uid:0,gid:0";
    assert_eq!(steps, [pass, BODY, PROXY, TEST, RELOAD]);
}

#[test]
fn what_nginx_itself_does_on_a_reload_is_a_step() {
    let steps = nginx_with_temp(0o755).steps(vec![Measure::ReloadNginx { nginx: 0 }]);
    assert_eq!(steps, [BODY, PROXY, TEST, RELOAD]);
}

#[test]
fn a_directive_of_apache_is_edited_where_it_stands() {
    let steps = |text: &str| {
        let measure = Measure::ApacheSet {
            directive: "MaxRequestWorkers".into(),
            value: "8".into(),
        };
        Machine::new()
            .file("/etc/apache2/apache2.conf", text)
            .steps(vec![measure])
    };
    let one = "# MaxRequestWorkers: how many\n\tmaxrequestworkers\t  2\n";
    assert_eq!(
        steps(one),
        ["write /etc/apache2/apache2.conf: \tmaxrequestworkers\t  8"]
    );
    assert!(steps(&one.repeat(2))[0].contains("stands in 2 places"));
    assert!(steps("")[0].contains("stands in 0 places"));
}

#[test]
fn plans_survive_all_that_can_go_wrong() {
    let ini = Measure::IniSet {
        file: POOL.into(),
        section: "www".into(),
        key: "pm.max_children".into(),
        value: "50".into(),
    };
    let sysctl = Measure::Sysctl {
        key: "net.core.somaxconn".into(),
        value: "4096".into(),
    };
    let both = pool()
        .file("/proc/sys/net/core/somaxconn", "128\n")
        .plan(vec![sysctl, ini]);
    assert_eq!(both.expect("a plan").steps.len(), 5);
    let unmask = Measure::Unmask { unit: FPM.into() };
    let started = fpm("inactive", "masked").plan(vec![unmask, start()]);
    assert_eq!(started.expect("a plan").steps.len(), 3);
}
