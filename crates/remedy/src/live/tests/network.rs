use super::Bench;
use crate::{FlowRule, Route, Step, Undo};
use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{fs::File, os::fd::AsFd, process::Command, thread};

/// Runs a test in a network of its own: in a thread, for the namespace is the thread's and what it starts inherits it.
fn apart(test: impl FnOnce() + Send) {
    assert!(
        rustix::process::geteuid().is_root(),
        "this test needs root: run it with sudo"
    );
    let mut holder = Command::new("unshare")
        .args(["--net", "sleep", "1000"])
        .spawn()
        .expect("unshare runs");
    let net = |pid: u32| std::fs::read_link(format!("/proc/{pid}/ns/net")).ok();
    let own = || (net(holder.id()) != net(std::process::id())).then_some(());
    super::super::wait::until(std::time::Duration::from_secs(5), own).expect("a network of its own");
    let namespace = File::open(format!("/proc/{}/ns/net", holder.id())).expect("opens");
    let outcome = thread::scope(|scope| {
        let body = move || {
            move_into_link_name_space(namespace.as_fd(), Some(LinkNameSpaceType::Network)).expect("enters");
            sh("ip link set lo up");
            test();
        };
        scope.spawn(body).join()
    });
    holder.kill().and_then(|()| holder.wait()).expect("ends");
    outcome.unwrap_or_else(|panic| std::panic::resume_unwind(panic));
}

fn sh(script: &str) -> String {
    let output = Command::new("sh").args(["-ec", script]).output().expect("runs");
    let (out, err) = (
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr),
    );
    assert!(output.status.success(), "{script}: {out}{err}");
    out.into_owned()
}

fn undo(step: &Step) -> Step {
    match step.undo() {
        Undo::By(undo) => undo,
        other => panic!("{other:?}"),
    }
}

/// Twice there and twice back; `shows` is what to look at.
fn there_and_back(step: &Step, shows: &str, there: &str) {
    let mut bench = Bench::new();
    let before = sh(shows);
    assert!(!before.contains(there), "{before}");
    for _ in 0..2 {
        bench.apply(step).expect("applies");
        let now = sh(shows);
        assert_eq!(now.matches(there).count(), 1, "{now}");
    }
    for _ in 0..2 {
        bench.apply(&undo(step)).expect("takes back");
        assert_eq!(sh(shows), before);
    }
}

const RULE: &str = "ip daddr 127.0.0.1 tcp dport 9000 accept comment \"why502\"";

fn nft(before: Option<u64>) -> Step {
    let (family, table, chain) = ("inet".into(), "f".into(), "in".into());
    let rule = RULE.into();
    Step::AcceptFlow {
        rule: FlowRule::Nft {
            family,
            table,
            chain,
            before,
            rule,
        },
    }
}

const CHAIN: &str =
    "nft add table inet f; nft add chain inet f in '{ type filter hook input priority 0; policy accept; }'";

#[test]
fn a_flow_through_nftables() {
    apart(|| {
        sh(CHAIN);
        sh("nft add rule inet f in tcp dport 22 accept; nft add rule inet f in tcp dport 9000 drop");
        let listing = "nft list ruleset";
        there_and_back(&nft(Some(3)), listing, RULE);
        there_and_back(&nft(None), listing, RULE);
        let mut bench = Bench::new();
        bench.apply(&nft(Some(3))).expect("applies");
        let lines = sh("nft list chain inet f in");
        let at = |text: &str| lines.find(text).unwrap_or_else(|| panic!("{text} in {lines}"));
        assert!(
            at("dport 22") < at("why502") && at("why502") < at("drop"),
            "{lines}"
        );
    });
}

#[test]
fn nftables_that_moved_on() {
    apart(|| {
        sh(CHAIN);
        let mut bench = Bench::new();
        bench.refuses(&nft(Some(77)), "handle 77");
        sh("nft delete table inet f");
        bench.refuses(&nft(None), "no chain inet f in");
        bench.apply(&undo(&nft(None))).expect("gone with its chain");
    });
}

#[test]
fn a_flow_through_iptables() {
    apart(|| {
        for program in ["iptables", "ip6tables"] {
            sh(&format!(
                "{program} -A INPUT -p tcp --dport 22 -j ACCEPT; {program} -A INPUT -p tcp --dport 9000 -j DROP"
            ));
            let words = [
                "-p",
                "tcp",
                "-m",
                "tcp",
                "--dport",
                "9000",
                "-m",
                "comment",
                "--comment",
                "why502",
                "-j",
                "ACCEPT",
            ];
            let rule = FlowRule::Iptables {
                program: program.into(),
                chain: "INPUT".into(),
                before: 2,
                rule: words.map(str::to_owned).to_vec(),
            };
            there_and_back(&Step::AcceptFlow { rule }, &format!("{program} -S"), "why502");
        }
    });
}

#[test]
fn a_filter_that_is_not_ours() {
    let mut bench = Bench::new();
    let (chain, rule) = ("INPUT".to_owned(), Vec::new());
    for program in ["sh", "/tmp/iptables", "ip"] {
        let rule = FlowRule::Iptables {
            program: program.into(),
            chain: chain.clone(),
            before: 1,
            rule: rule.clone(),
        };
        bench.fails(&Step::AcceptFlow { rule }, "no filter");
    }
}

#[test]
fn a_kernel_setting_there_and_back() {
    apart(|| {
        let setting = |key: &str, from: &str, to: &str| {
            let (key, from, to) = (key.into(), from.into(), to.into());
            Step::Sysctl { key, from, to }
        };
        let now = sh("cat /proc/sys/net/core/somaxconn");
        there_and_back(
            &setting("net.core.somaxconn", now.trim(), "77"),
            "cat /proc/sys/net/core/somaxconn",
            "77",
        );
        let range = "cat /proc/sys/net/ipv4/ip_local_port_range";
        let from = sh(range);
        there_and_back(
            &setting("net.ipv4.ip_local_port_range", from.trim(), "11111 22222"),
            range,
            "11111\t22222",
        );
        let mut bench = Bench::new();
        bench.refuses(
            &setting("net.core.somaxconn", "76", "77"),
            "net.core.somaxconn is",
        );
        bench.fails(&setting("net.no.such", "1", "2"), "net.no.such: ");
        let ttl = sh("cat /proc/sys/net/ipv4/ip_default_ttl");
        bench.fails(
            &setting("net.ipv4.ip_default_ttl", ttl.trim(), "70000"),
            "net.ipv4.ip_default_ttl=70000",
        );
    });
}

#[test]
fn an_interface_up_and_down() {
    apart(|| {
        sh("ip link add d0 type veth peer name d1");
        let up = Step::SetInterface {
            name: "d0".into(),
            up: true,
        };
        there_and_back(&up, "ip -o link show d0 | grep -o '<.*>'", ",UP");
        let none = Step::SetInterface {
            name: "d9".into(),
            up: true,
        };
        Bench::new().refuses(&none, "no interface d9");
    });
}

#[test]
fn a_route_there_and_back() {
    apart(|| {
        sh(
            "ip link add d0 type veth peer name d1; ip link set d1 up; ip link set d0 up
            ip addr add 10.9.8.1/24 dev d0; ip -6 addr add fd09::1/64 dev d0 nodad",
        );
        let route = |to: &str, gateway: &str, mtu| Route {
            to: to.into(),
            gateway: Some(gateway.parse().expect("an address")),
            source: None,
            protocol: "static".into(),
            metric: None,
            onlink: false,
            mtu,
        };
        let step = |from: Option<&Route>, to: Option<&Route>| Step::SetRoute {
            device: "d0".into(),
            from: from.cloned().map(Box::new),
            to: to.cloned().map(Box::new),
        };
        let default = route("default", "10.9.8.2", None);
        there_and_back(
            &step(None, Some(&default)),
            "ip route",
            "default via 10.9.8.2 dev d0 proto static",
        );
        let v6 = route("fd0a::7", "fd09::2", Some(1280));
        there_and_back(
            &step(None, Some(&v6)),
            "ip -6 route",
            "fd0a::7 via fd09::2 dev d0 proto static metric 1024 mtu 1280",
        );
        let narrow = route("10.7.0.7", "10.9.8.2", Some(1280));
        let wide = route("10.7.0.7", "10.9.8.2", None);
        sh("ip route add 10.7.0.7 via 10.9.8.2 proto static");
        there_and_back(
            &step(Some(&wide), Some(&narrow)),
            "ip route",
            "10.7.0.7 via 10.9.8.2 dev d0 proto static mtu 1280",
        );
        sh("ip route replace 10.7.0.7 via 10.9.8.3 proto static");
        Bench::new().refuses(&step(Some(&wide), Some(&narrow)), "via 10.9.8.3");
        Bench::new().refuses(&step(None, Some(&narrow)), "via 10.9.8.3");
        sh("ip route del 10.7.0.7");
        Bench::new().refuses(&step(Some(&wide), Some(&narrow)), "no route to 10.7.0.7");
    });
}

#[test]
fn a_neighbour_is_forgotten_and_only_that_one() {
    apart(|| {
        sh(
            "ip link add d0 type veth peer name d1; ip link set d1 up; ip link set d0 up; ip addr add 10.9.8.1/24 dev d0
            for n in 2 3; do ip neigh add 10.9.8.$n lladdr 02:00:00:00:00:0$n dev d0 nud stale; done",
        );
        let step = Step::FlushNeighbour {
            address: [10, 9, 8, 2].into(),
            device: "d0".into(),
        };
        for _ in 0..2 {
            Bench::new().apply(&step).expect("flushes");
            let left = sh("ip neigh show dev d0");
            assert!(left.contains("10.9.8.3") && !left.contains("10.9.8.2"), "{left}");
        }
    });
}

#[test]
fn tracked_connections_are_forgotten() {
    apart(|| {
        let add = |port: u16| {
            sh(&format!(
                "conntrack -I -p tcp -s 127.0.0.1 -d 127.0.0.1 --sport 4444 --dport {port} --state ESTABLISHED -t 600 -u SEEN_REPLY"
            ))
        };
        add(9000);
        add(9001);
        let to = host::Endpoint::Tcp(([127, 0, 0, 1], 9000).into());
        for _ in 0..2 {
            Bench::new()
                .apply(&Step::FlushConntrack {
                    to: to.clone(),
                    udp: false,
                })
                .expect("forgets, or has nothing to forget");
            let left = sh("conntrack -L 2>/dev/null");
            assert!(
                left.contains("dport=9001") && !left.contains("dport=9000"),
                "{left}"
            );
        }
    });
}
