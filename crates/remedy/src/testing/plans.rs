//! Made-up plans that hold every kind of step between them.

use super::memory::process;
use crate::{
    Access, Belongings, Content, FlowRule, NameCache, Network, Owner, Plan, Proof, Route, Shelf, Step, Test,
    UnitState,
};
use diagnose::{Class, limits::Reclaimable};
use host::browser::{Family, Profile};

pub(crate) const FPM: &str = "php8.2-fpm.service";

pub(crate) fn plan(steps: Vec<Step>) -> Plan {
    Plan {
        schema: Plan::SCHEMA.into(),
        cause: "socket-permission".into(),
        subject: "/run/php/php8.2-fpm.sock".into(),
        why: "nginx may not connect to it".into(),
        title: "mend it".into(),
        class: Class::Ask,
        relief: false,
        steps,
        proof: Proof {
            settle_ms: 1000,
            ..Proof::default()
        },
        notes: Vec::new(),
    }
}

pub(crate) fn content(text: &str) -> Content {
    Content {
        bytes: text.into(),
        access: access(0o644),
        attributes: Default::default(),
    }
}

pub(crate) fn access(mode: u32) -> Access {
    Access {
        mode,
        uid: 0,
        gid: 33,
    }
}

pub(crate) fn write(path: &str, from: Option<&str>, to: Option<&str>) -> Step {
    Step::Write {
        path: path.into(),
        from: from.map(content),
        to: to.map(content),
    }
}

fn unit(active: &str) -> UnitState {
    UnitState {
        active: active.into(),
        main_pid: (active == "active").then_some(100),
    }
}

pub(crate) fn start(active: &str) -> Step {
    Step::Start {
        unit: FPM.into(),
        from: unit(active),
    }
}

pub(crate) fn restart(active: &str) -> Step {
    Step::Restart {
        unit: FPM.into(),
        from: unit(active),
        forensics: vec![process(101)],
        pools: Vec::new(),
    }
}

fn stop() -> Step {
    Step::Stop {
        unit: FPM.into(),
        from: unit("active"),
    }
}

fn reload(unit: Option<&str>) -> Step {
    Step::Reload {
        unit: unit.map(Into::into),
        master: process(7),
    }
}

fn set_access(path: &str) -> Step {
    Step::SetAccess {
        path: path.into(),
        from: access(0o600),
        to: access(0o660),
    }
}

fn unit_file(from: &str, to: &str) -> Step {
    Step::SetUnitFile {
        unit: FPM.into(),
        from: from.into(),
        to: to.into(),
    }
}

fn sysctl() -> Step {
    Step::Sysctl {
        key: "net.core.somaxconn".into(),
        from: "128".into(),
        to: "4096".into(),
    }
}

fn test(test: Test) -> Step {
    Step::Test { test }
}

fn nginx_test() -> Step {
    test(Test::Nginx {
        exe: "/usr/sbin/nginx".into(),
        args: Vec::new(),
    })
}

fn rules() -> [FlowRule; 8] {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    [
        FlowRule::Nft {
            family: "inet".into(),
            table: "filter".into(),
            chain: "output".into(),
            before: Some(7),
            rule: "tcp dport 9000 accept".into(),
        },
        FlowRule::Iptables {
            program: "iptables".into(),
            chain: "OUTPUT".into(),
            before: 2,
            rule: words("-p tcp --dport 9000 -j ACCEPT"),
        },
        FlowRule::Ufw {
            rule: words("allow out to 10.0.0.2 port 8080 proto tcp"),
        },
        FlowRule::Fail2ban {
            jail: "scan".into(),
            address: "10.0.0.2".parse().expect("an address"),
        },
        FlowRule::Crowdsec {
            address: "10.0.0.2".parse().expect("an address"),
            minutes: None,
        },
        FlowRule::Own {
            addresses: vec!["203.0.113.9".parse().expect("an address")],
            ports: vec![80, 443],
            minutes: 60,
        },
        FlowRule::Firewalld {
            zone: "public".into(),
            port: "8080/tcp".into(),
        },
        FlowRule::FirewalldPolicy {
            policy: "out".into(),
            rule: "rule family=\"ipv4\" port port=\"8080\" protocol=\"tcp\" accept".into(),
        },
    ]
}

/// Plans as causes would want them; every variant of [`Step`] is in one.
pub(crate) fn every_step() -> Vec<Plan> {
    let flow = |rule: FlowRule| plan(vec![Step::AcceptFlow { rule }]);
    let all = of_units_and_their_files().into_iter().chain(of_the_host());
    let all = all.chain(of_a_visitor());
    let bans = rules().into_iter().filter(|rule| rule.ban().is_some());
    let bans: Vec<Plan> = bans.map(|rule| plan(vec![Step::RefuseFlow { rule }])).collect();
    all.chain(rules().map(flow)).chain(bans).collect()
}

fn of_units_and_their_files() -> Vec<Plan> {
    let pool = "/etc/php/8.2/fpm/pool.d/www.conf";
    let site = "/etc/nginx/sites-enabled/shop";
    let dropin = "/etc/systemd/system/php8.2-fpm.service.d/why502.conf";
    vec![
        plan(vec![start("inactive")]),
        plan(vec![
            unit_file("masked", "enabled"),
            Step::DaemonReload,
            start("failed"),
        ]),
        plan(vec![restart("active")]),
        plan(vec![
            write(pool, Some("a\n"), Some("b\n")),
            write(pool, Some("b\n"), Some("b\nc\n")),
            test(Test::PhpFpm {
                exe: "/usr/sbin/php-fpm8.2".into(),
            }),
            restart("failed"),
        ]),
        plan(vec![
            write(pool, Some("9000\n"), Some("9001\n")),
            restart("active"),
            write(site, Some("9000;\n"), Some("9001;\n")),
            nginx_test(),
            reload(Some("nginx.service")),
        ]),
        plan(vec![
            write(site, Some("x"), Some("y")),
            nginx_test(),
            reload(None),
        ]),
        plan(vec![
            write(dropin, None, Some("[Service]\nRestart=on-failure\n")),
            test(Test::Unit { unit: FPM.into() }),
            Step::DaemonReload,
            start("failed"),
        ]),
    ]
}

fn of_the_host() -> Vec<Plan> {
    vec![
        plan(vec![
            stop(),
            write("/etc/apache2/ports.conf", Some("80"), None),
            test(Test::Apache),
            start("active"),
        ]),
        plan(vec![
            set_access("/run/php/php8.2-fpm.sock"),
            set_access("/run/php"),
        ]),
        plan(vec![
            sysctl(),
            write("/etc/sysctl.d/90-why502.conf", None, Some("s\n")),
        ]),
        plan(vec![
            test(Test::Nft {
                path: "/etc/nftables.conf".into(),
            }),
            Step::RefuseFlow {
                rule: rules()[0].clone(),
            },
        ]),
        plan(vec![
            Step::EndProcesses {
                processes: vec![process(300), process(301)],
            },
            start("inactive"),
        ]),
        plan(vec![Step::QuitNginx { master: process(300) }]),
        plan(vec![
            Step::SelinuxPort {
                port: 8000,
                from: None,
                to: Some("http_port_t".into()),
            },
            Step::SelinuxBoolean {
                name: "httpd_can_network_connect".into(),
                on: true,
            },
        ]),
        plan(vec![
            Step::DropCache {
                dir: "/var/lib/nginx/micro-cache".into(),
                declared: "/etc/nginx/conf.d/micro-cache.conf".into(),
            },
            write("/etc/nginx/conf.d/micro-cache.conf", None, Some("x;\n")),
            nginx_test(),
            reload(Some("nginx.service")),
        ]),
        plan(vec![
            Step::Reclaim {
                of: Reclaimable::AptCache,
                bytes: 90 << 20,
            },
            start("failed"),
        ]),
        plan(vec![sysctl(), Step::Reboot]),
    ]
}

fn of_the_network() -> Plan {
    let to = host::Endpoint::Tcp("10.0.0.2:8080".parse().expect("an address"));
    plan(vec![
        Step::FlushNeighbour {
            address: "10.0.0.2".parse().expect("an address"),
            device: "eth0".into(),
        },
        Step::FlushConntrack { to, udp: false },
        Step::SetRoute {
            device: "eth0".into(),
            from: None,
            to: Some(Box::new(default_route())),
        },
        Step::SetInterface {
            name: "eth0".into(),
            up: true,
        },
    ])
}

fn of_a_visitor() -> Vec<Plan> {
    vec![
        of_the_network(),
        plan(vec![
            write("/etc/resolvconf/resolv.conf.d/head", Some(""), Some("n\n")),
            Step::RebuildResolvConf,
            Step::FlushNames {
                cache: NameCache::Nscd,
            },
        ]),
        plan(vec![reset_interface(), Step::FlushRoutes]),
        plan(vec![
            take_out("/home/a/x/cookies.sqlite", 0),
            take_out("/home/a/x/storage", 1),
        ]),
    ]
}

fn take_out(path: &str, kept: u32) -> Step {
    let profile = Profile {
        family: Family::Firefox,
        browser: "Firefox".into(),
        name: "x".into(),
        dir: "/home/a/x".into(),
        cache: "/home/a/.cache/x".into(),
        lock: "/home/a/x/lock".into(),
    };
    let (what, paths) = ("databases".into(), vec![path.into()]);
    let holds = Belongings::Files { what, paths };
    Step::TakeOut {
        shelf: Box::new(Shelf { profile, holds, kept }),
    }
}

fn reset_interface() -> Step {
    Step::ResetInterface {
        name: "eth0".into(),
        by: Owner::Ifupdown,
        found: Network {
            addresses: vec![([10, 0, 0, 2].into(), 24)],
            routes: vec![default_route()],
        },
    }
}

pub(crate) fn default_route() -> Route {
    Route {
        to: "default".into(),
        gateway: Some([10, 0, 0, 1].into()),
        source: None,
        protocol: "static".into(),
        metric: None,
        onlink: false,
        mtu: None,
    }
}
