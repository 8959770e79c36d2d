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
fn the_proof_is_the_failing_request_and_one_to_each_other_site() {
    let plan = shop().plan(vec![replace("7080", "8080")]).expect("a plan");
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

#[test]
fn units() {
    let fpm = |active: &str, file_state: &str| {
        Machine::new()
            .unit(
                "php8.2-fpm.service",
                active,
                file_state,
                0,
                "/usr/sbin/php-fpm8.2 --nodaemonize",
            )
            .file(
                "/lib/systemd/system/php8.2-fpm.service",
                "[Service]\n[Install]\nWantedBy=multi-user.target\n",
            )
    };
    let unit = || "php8.2-fpm.service".to_owned();
    let start = "start,unit:php8.2-fpm.service,from:active:inactive,main_pid:null";
    let test = "test,test:of:php-fpm,exe:/usr/sbin/php-fpm8.2";
    let rows: [(Machine, Vec<Measure>, Vec<&str>); 7] = [
        (
            fpm("inactive", "enabled"),
            vec![Measure::Start { unit: unit() }],
            vec![test, start],
        ),
        (
            fpm("inactive", "masked"),
            vec![Measure::Unmask { unit: unit() }, Measure::Start { unit: unit() }],
            vec![
                "set-unit-file,unit:php8.2-fpm.service,from:masked,to:disabled",
                test,
                start,
            ],
        ),
        (
            fpm("inactive", "masked").link(
                "/etc/systemd/system/multi-user.target.wants/php8.2-fpm.service",
                "/x",
            ),
            vec![Measure::Unmask { unit: unit() }],
            vec!["set-unit-file,unit:php8.2-fpm.service,from:masked,to:enabled"],
        ),
        (
            fpm("inactive", "enabled-runtime"),
            vec![Measure::Enable { unit: unit() }, Measure::Start { unit: unit() }],
            vec![
                "set-unit-file,unit:php8.2-fpm.service,from:enabled-runtime,to:enabled",
                test,
                start,
            ],
        ),
        (
            fpm("inactive", "masked"),
            vec![Measure::Start { unit: unit() }],
            vec![
                "cannot: php8.2-fpm.service is masked: somebody forbade to start it; find out why, then: systemctl unmask php8.2-fpm.service",
            ],
        ),
        (
            fpm("active", "enabled"),
            vec![Measure::Start { unit: unit() }],
            vec![
                "cannot: nothing is left to do: the host is already as this remedy would leave it; run why502 again to see what holds now",
            ],
        ),
        (
            Machine::new(),
            vec![Measure::Start { unit: unit() }],
            vec![
                "cannot: systemd does not know php8.2-fpm.service; install the package or write the unit that should serve this site",
            ],
        ),
    ];
    for (machine, measures, expected) in rows {
        let said = format!("{measures:?}");
        assert_eq!(machine.steps(measures), expected, "{said}");
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
