use super::*;

const NFT: &[u8] = include_bytes!("../../../testing/firewall/nft.json");
const IPTABLES: &[u8] = include_bytes!("../../../testing/firewall/iptables-save.txt");
const XT: &[u8] = include_bytes!("../../../testing/firewall/xt.json");

/// From a stranger on eth0.
fn incoming(source: &str, port: u16) -> Flow {
    Flow {
        way: Way::In,
        source: source.parse().expect("an address"),
        source_port: None,
        destination: "192.0.2.1".parse().expect("an address"),
        destination_port: Some(port),
        interface: Some("eth0".into()),
        abroad: false,
        user: None,
        is_new: true,
    }
}

fn local(port: u16) -> Flow {
    Flow::out_to("127.0.0.1".parse().expect("an address"), port)
}

fn check(firewall: &Firewall, cases: &[(Flow, &[&str])]) {
    for (flow, expected) in cases {
        let found = firewall.obstacles(flow);
        let told: Vec<String> = found.iter().map(tell).collect();
        assert_eq!(told, *expected, "{flow:?}");
    }
}

fn tell(obstacle: &Obstacle) -> String {
    let sure = if obstacle.certain { "does" } else { "may" };
    let how = match &obstacle.refusal {
        Refusal::Drop => "drop".to_owned(),
        Refusal::Reject(with) => format!("reject {with}"),
    };
    format!("{} {}: {sure} {how}", obstacle.chain, obstacle.place)
}

#[test]
fn rules_of_nft() {
    let firewall = Firewall::from_nft(NFT).expect("is nft's");
    let established = Flow {
        is_new: false,
        ..incoming("203.0.113.9", 7050)
    };
    let by_php = Flow {
        user: Some(33),
        ..local(3306)
    };
    let by_root = Flow {
        user: Some(0),
        ..local(3306)
    };
    let perhaps_counted = "output handle 23: may drop";
    check(
        &firewall,
        &[
            (
                local(7080),
                &["output handle 19: does reject icmp port-unreachable"],
            ),
            (local(7080).arriving(), &[]),
            (by_php, &["output handle 20: does drop"]),
            (by_root, &[perhaps_counted]),
            (local(3306), &["output handle 20: may drop", perhaps_counted]),
            (local(6379), &["output handle 22: does drop"]),
            (local(5432), &[perhaps_counted]),
            (local(11211), &[perhaps_counted]),
            (incoming("10.1.2.3", 80), &["input handle 9: does drop"]),
            (incoming("192.168.1.5", 80), &["input handle 9: does drop"]),
            (incoming("203.0.113.9", 80), &[]),
            (
                incoming("203.0.113.9", 7050),
                &["input handle 12: does reject tcp reset"],
            ),
            (
                incoming("203.0.113.9", 9000),
                &["input handle 12: does reject tcp reset"],
            ),
            (established, &[]),
            (incoming("203.0.113.9", 5432), &["extra handle 17: does drop"]),
            (
                incoming("203.0.113.9", 5433),
                &["input handle 16: does reject icmpx admin-prohibited"],
            ),
            (incoming("203.0.113.9", 9100), &["input handle 15: does drop"]),
            (
                Flow::out_to("::1".parse().expect("an address"), 7080),
                &[perhaps_counted, "o handle 2: does drop"],
            ),
        ],
    );
}

#[test]
fn a_rule_is_told_as_a_person_writes_it() {
    let firewall = Firewall::from_nft(NFT).expect("is nft's");
    let seen = firewall.obstacles(&local(7080)).remove(0);
    assert_eq!(seen.counted, Some((3, 180)));
    assert_eq!(
        seen.rule,
        "meta nfproto ipv4 oifname lo tcp dport 7080 counter reject with icmp port-unreachable"
    );
    assert_eq!(
        (seen.table.as_str(), seen.family, seen.hook.as_str()),
        ("filter", Family::Inet, "output")
    );
    let seen = firewall.obstacles(&incoming("10.1.2.3", 80)).remove(0);
    assert_eq!(
        (seen.comment.as_deref(), seen.rule.as_str()),
        (Some("bad people"), "ip saddr @blocked counter drop")
    );
}

#[test]
fn rules_of_iptables() {
    let firewall = Firewall::from_iptables(IPTABLES, Family::Ip);
    check(
        &firewall,
        &[
            (local(7080), &["OUTPUT rule 1: does reject tcp reset"]),
            (local(7080).arriving(), &[]),
            (Flow::out_to("::1".parse().expect("an address"), 7080), &[]),
            (
                incoming("10.1.2.3", 443),
                &["f2b-nginx rule 1: does reject icmp port-unreachable"],
            ),
            (incoming("10.1.2.4", 443), &[]),
            (incoming("203.0.113.9", 7081), &["INPUT rule 4: does drop"]),
            (incoming("10.9.9.9", 7081), &[]),
            (incoming("203.0.113.9", 7082), &["INPUT rule 5: may drop"]),
        ],
    );
    let banned = firewall.obstacles(&incoming("10.1.2.3", 443)).remove(0);
    assert_eq!((banned.owner, banned.counted), (Owner::Fail2ban, Some((0, 0))));
    let seen = firewall.obstacles(&incoming("203.0.113.9", 7081)).remove(0);
    assert_eq!(seen.comment.as_deref(), Some("dapp_site \"x\""));
}

#[test]
fn what_nft_only_half_understands_iptables_tells() {
    let mut firewall = Firewall::from_nft(XT).expect("is nft's");
    check(&firewall, &[(local(7080), &["OUTPUT handle 2: does reject "])]);
    firewall.merge(Firewall::from_iptables(IPTABLES, Family::Ip));
    check(
        &firewall,
        &[(local(7080), &["OUTPUT rule 1: does reject tcp reset"])],
    );
}

#[test]
fn replies_policies_and_loops() {
    let saved = b"*filter\n:INPUT DROP [5:300]\n:OUTPUT ACCEPT [0:0]\n:a - [0:0]\n:b - [0:0]\n\
        -A INPUT -i eth+ -j a\n-A a -j b\n-A b -j a\n-A OUTPUT -p tcp -m tcp --sport 7080 -j DROP\n\
        -A OUTPUT -d 198.51.100.0/255.255.255.0 -p udp -j DROP\nCOMMIT\n";
    let firewall = Firewall::from_iptables(saved, Family::Ip);
    check(
        &firewall,
        &[
            (local(7080), &["OUTPUT rule 1: may drop"]),
            (local(7080).reply(), &["OUTPUT rule 1: does drop"]),
            (local(80).arriving(), &["INPUT policy: does drop"]),
            (incoming("203.0.113.9", 80), &["INPUT policy: may drop"]),
        ],
    );
    assert_eq!(
        firewall.obstacles(&local(80).arriving())[0].counted,
        Some((5, 300))
    );
}

#[test]
fn nonsense_is_no_firewall() {
    assert_eq!(Firewall::from_nft(b"{}"), None);
    assert_eq!(Firewall::from_nft(b"not json"), None);
    assert!(Firewall::from_nft(br#"{"nftables":[{"rule":{}},{"chain":7}]}"#).is_some_and(|it| it.is_empty()));
    assert!(Firewall::from_iptables(b"*\n:\n[\n-A\n[1:x] -A INPUT -j\n\xff", Family::Ip).is_empty());
}

proptest::proptest! {
    #![proptest_config(proptest::test_runner::Config::with_cases(48))]

    /// Whatever a tool prints, and however it is cut or mixed up.
    #[test]
    fn no_output_makes_it_panic(
        words in proptest::collection::vec("[-a-zA-Z0-9:*!@/.,\\[\\]\"\\\\+ \n]{0,12}|-A|-j|INPUT|DROP|--dport|-s|:INPUT|\\*filter\n", 0..60),
        cut in 0..NFT.len(),
        byte: u8,
        port: u16,
    ) {
        let saved = Firewall::from_iptables(words.join(" ").as_bytes(), Family::Ip);
        saved.obstacles(&local(port).arriving());
        let mut json = NFT.to_vec();
        json[cut] = byte;
        if let Some(firewall) = Firewall::from_nft(&json) {
            firewall.obstacles(&incoming("10.1.2.3", port));
            firewall.obstacles(&local(port));
        }
    }
}

#[test]
fn what_goes_to_another_host_does_not_go_by_lo() {
    // as ufw writes it
    let saved = "*filter\n:OUTPUT ACCEPT [0:0]\n:own - [0:0]\n-A OUTPUT -o lo -j ACCEPT\n-A OUTPUT -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT\n-A OUTPUT -j own\n-A own -p tcp -m tcp --dport 8080 -j REJECT --reject-with tcp-reset\nCOMMIT\n";
    let firewall = Firewall::from_iptables(saved.as_bytes(), Family::Ip);
    let to = |address: [u8; 4], ours: bool| {
        let flows = Flow::of_connection((address, 8080).into(), ours);
        let found = flows.iter().flat_map(|flow| firewall.obstacles(flow));
        found.map(|it| it.certain).collect::<Vec<_>>()
    };
    assert_eq!(to([192, 0, 2, 1], false), [true]);
    assert!(to([127, 0, 0, 1], true).is_empty());
}
