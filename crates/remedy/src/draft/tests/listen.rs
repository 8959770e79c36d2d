use crate::draft::testing::Machine;
use diagnose::{
    Measure,
    topology::{BackendKind, Claim, ListenAddress, Place},
};
use std::path::Path;

const UNIT: &str = "/etc/systemd/system/app.service";

fn tcp(port: u16) -> ListenAddress {
    ListenAddress::Tcp {
        ip: Some([127, 0, 0, 1].into()),
        port,
    }
}

fn claim(kind: BackendKind, unit: &str, file: &str, line: u32, address: ListenAddress) -> Claim {
    Claim {
        address,
        kind,
        unit: Some(unit.into()),
        pool: None,
        written: Place::line(Path::new(file), line),
    }
}

fn host(unit: &str, exec: &str) -> Machine {
    Machine::new()
        .unit(unit, "active", "enabled", 50, exec)
        .process(50, 1, "x", "/x")
}

fn steps(machine: Machine, claim: Claim, to: ListenAddress) -> Vec<String> {
    machine.steps(vec![Measure::Listen { claim, to }])
}

const RESTART: &str = "restart,unit:app.service,from:active:active,main_pid:50,forensics:[]";
const HEAD: &str = "write /etc/systemd/system/app.service.d/why502.conf: # Written by why502 fix; why502 undo takes it back. | [Service] | ";

#[test]
fn a_command_line_is_said_again_in_a_drop_in() {
    let rows = [
        (
            "ExecStart=/usr/bin/gunicorn --bind 127.0.0.1:8000 \\\n  a:a",
            "ExecStart= | ExecStart=/usr/bin/gunicorn --bind 127.0.0.1:8100 a:a",
        ),
        (
            "ExecStart=/usr/bin/gunicorn a:a",
            "ExecStart= | ExecStart=/usr/bin/gunicorn a:a --bind 127.0.0.1:8100",
        ),
        ("Environment=PORT=8000 HOST=127.0.0.1", "Environment=PORT=8100"),
    ];
    for (line, expected) in rows {
        let machine = host("app.service", "/usr/bin/gunicorn").file(UNIT, format!("[Service]\n{line}\n"));
        let claim = claim(BackendKind::Gunicorn, "app.service", UNIT, 2, tcp(8000));
        let expected = format!("{HEAD}{expected}");
        assert_eq!(
            steps(machine, claim, tcp(8100)),
            [
                &*expected,
                "test,test:of:unit,unit:app.service",
                "daemon-reload",
                RESTART
            ],
            "{line}"
        );
    }
}

#[test]
fn a_config_file_is_edited_where_it_stands_and_a_program_is_not() {
    let row = |file: &str, text: &str, kind: BackendKind| {
        let machine = host("app.service", "/usr/bin/x").file(file, text);
        steps(machine, claim(kind, "app.service", file, 2, tcp(8000)), tcp(8100))
    };
    let conf = row(
        "/srv/gunicorn.conf.py",
        "import os\nbind = \"127.0.0.1:8000\"  # here\n",
        BackendKind::Gunicorn,
    );
    assert_eq!(
        conf,
        [
            "write /srv/gunicorn.conf.py: bind = \"127.0.0.1:8100\"  # here",
            RESTART
        ]
    );
    let env = row("/etc/default/app", "A=1\nPORT=8000\n", BackendKind::Node);
    assert_eq!(env, ["write /etc/default/app: PORT=8100", RESTART]);
    let program = row(
        "/srv/server.js",
        "x\ns.listen(8000, '127.0.0.1')\n",
        BackendKind::Node,
    );
    assert!(
        program[0].contains("the program itself says where it listens"),
        "{program:?}"
    );
    let moved = row("/etc/default/app", "A=1\nPORT=9000\n", BackendKind::Node);
    assert!(moved[0].contains("does not stand there as such"), "{moved:?}");
}

#[test]
fn a_pool() {
    let file = "/etc/php/8.2/fpm/pool.d/www.conf";
    let machine = host("php8.2-fpm.service", "/usr/sbin/php-fpm8.2 --nodaemonize")
        .file(file, "[www]\nlisten = 127.0.0.1:9000\n");
    let steps = steps(
        machine,
        claim(BackendKind::PhpFpm, "php8.2-fpm.service", file, 2, tcp(9000)),
        ListenAddress::Unix("/run/php/php8.2-fpm.sock".into()),
    );
    assert_eq!(
        steps,
        [
            "write /etc/php/8.2/fpm/pool.d/www.conf: listen = /run/php/php8.2-fpm.sock",
            "test,test:of:php-fpm,exe:/usr/sbin/php-fpm8.2",
            "restart,unit:php8.2-fpm.service,from:active:active,main_pid:50,forensics:[]"
        ]
    );
}

#[test]
fn apache_moves_with_its_virtual_hosts() {
    let any = |port| ListenAddress::Tcp { ip: None, port };
    let machine = host("apache2.service", "/usr/sbin/apachectl start")
        .file("/etc/apache2/ports.conf", "# x\nListen 8081\n")
        .file(
            "/etc/apache2/sites-available/shop.conf",
            "<VirtualHost *:8081>\n</VirtualHost>\n<VirtualHost *:443>\n",
        )
        .link(
            "/etc/apache2/sites-enabled/shop.conf",
            "../sites-available/shop.conf",
        );
    let claim = claim(
        BackendKind::Apache,
        "apache2.service",
        "/etc/apache2/ports.conf",
        2,
        any(8081),
    );
    assert_eq!(
        steps(machine, claim, any(7080)),
        [
            "write /etc/apache2/ports.conf: Listen 7080",
            "write /etc/apache2/sites-available/shop.conf: <VirtualHost *:7080>",
            "test,test:of:apache",
            "restart,unit:apache2.service,from:active:active,main_pid:50,forensics:[]"
        ]
    );
}

#[test]
fn a_socket_unit_is_left_to_a_person() {
    let file = "/etc/systemd/system/app.socket";
    let machine =
        host("app.service", "/usr/bin/gunicorn a").file(file, "[Socket]\nListenStream=127.0.0.1:8000\n");
    let claim = claim(BackendKind::Gunicorn, "app.service", file, 2, tcp(8000));
    let steps = steps(machine, claim, tcp(8100));
    assert!(
        steps[0].contains("app.socket can be bound anew only while app.service is down"),
        "{steps:?}"
    );
}

#[test]
fn the_plan_survives_all_that_can_go_wrong() {
    let machine = host("app.service", "/usr/bin/gunicorn").file(
        UNIT,
        "[Service]\nExecStart=/usr/bin/gunicorn --bind 127.0.0.1:8000 a:a\n",
    );
    let claim = claim(BackendKind::Gunicorn, "app.service", UNIT, 2, tcp(8000));
    let plan = machine.plan(vec![Measure::Listen { claim, to: tcp(8100) }]);
    assert_eq!(plan.expect("a plan").steps.len(), 4);
}
