use crate::draft::testing::Machine;
use diagnose::{
    Measure,
    world::{FirewallAction, FirewallRule, FlowMatch},
};
use host::{Endpoint, Tool};

fn accept(place: &str, to: [u8; 4], port: u16) -> Vec<Measure> {
    vec![Measure::Accept {
        rule: FirewallRule {
            text: place.into(),
            place: place.into(),
            action: FirewallAction::Drop,
            matches: FlowMatch::Yes,
            packets: None,
            owner: "nftables".into(),
            command: "nft list ruleset".into(),
        },
        to: Endpoint::Tcp((to, port).into()),
    }]
}

/// One chain `input` with a rule that drops port 8000, as nft lists it.
fn nft(table: &str, chain: &str, field: &str) -> String {
    format!(
        r#"{{"nftables":[{{"table":{{"family":"inet","name":"{table}","handle":1}}}},
        {{"chain":{{"family":"inet","table":"{table}","name":"{chain}","handle":1,"type":"filter","hook":"input","prio":0,"policy":"accept"}}}},
        {{"rule":{{"family":"inet","table":"{table}","chain":"{chain}","handle":7,"expr":[
          {{"match":{{"op":"==","left":{{"payload":{{"protocol":"tcp","field":"{field}"}}}},"right":8000}}}},
          {{"counter":{{"packets":5,"bytes":300}}}},{{"drop":null}}]}}}}]}}"#
    )
}

fn host(table: &str, chain: &str, field: &str) -> Machine {
    Machine::new().says(Tool::NftRuleset, &nft(table, chain, field))
}

const PLACE: &str = "table inet filter chain input handle 7";

#[test]
fn nftables() {
    let local = || accept(PLACE, [127, 0, 0, 1], 8000);
    let now = |way: &str| {
        format!(
            "accept-flow,rule:tool:nft,family:inet,table:filter,chain:input,before:7,rule:ip {way}addr 127.0.0.1 tcp {way}port 8000 accept comment \\why502\\"
        )
    };
    let at_run_time = host("filter", "input", "dport").plan(local()).expect("a plan");
    assert!(
        at_run_time.notes[0].starts_with("no file that is read at boot holds"),
        "{:?}",
        at_run_time.notes
    );
    assert_eq!(host("filter", "input", "dport").steps(local()), [now("d")]);
    assert_eq!(host("filter", "input", "sport").steps(local()), [now("s")]);
    let conf = "table inet filter {\n  chain input {\n    tcp dport 8000 counter drop\n  }\n}\n";
    let kept = host("filter", "input", "dport").file("/etc/nftables.conf", conf);
    assert_eq!(
        kept.steps(local()),
        [
            "write /etc/nftables.conf:     ip daddr 127.0.0.1 tcp dport 8000 accept comment \"why502\""
                .to_owned(),
            "test,test:of:nft,path:/etc/nftables.conf".to_owned(),
            now("d")
        ]
    );
    let gone = host("filter", "input", "dport").steps(accept(PLACE, [127, 0, 0, 1], 9000));
    assert!(gone[0].contains("the rule is gone"), "{gone:?}");
}

#[test]
fn iptables() {
    let saved = "*filter\n:INPUT ACCEPT [0:0]\n[5:300] -A INPUT -p tcp -m tcp --dport 7080 -j DROP\nCOMMIT\n";
    let machine = |legacy: bool| Machine::new().says(Tool::IptablesSave { v6: false, legacy }, saved);
    let measure = || accept("iptables filter INPUT rule 1", [127, 0, 0, 1], 7080);
    let now = |program: &str| {
        format!(
            "accept-flow,rule:tool:iptables,program:{program},chain:INPUT,before:1,rule:[-d,127.0.0.1,-p,tcp,--dport,7080,-m,comment,--comment,why502,-j,ACCEPT]"
        )
    };
    assert_eq!(machine(false).steps(measure()), [now("iptables")]);
    assert_eq!(machine(true).steps(measure()), [now("iptables-legacy")]);
    let kept = machine(false).file("/etc/iptables/rules.v4", saved);
    let write = "write /etc/iptables/rules.v4: -A INPUT -d 127.0.0.1 -p tcp --dport 7080 -m comment --comment why502 -j ACCEPT";
    assert_eq!(kept.steps(measure()), [write, &now("iptables")]);
}

#[test]
fn a_ban_is_lifted_by_the_program_that_imposed_it() {
    let saved = "*filter\n:INPUT ACCEPT [0:0]\n:f2b-scan - [0:0]\n[9:540] -A INPUT -p tcp -j f2b-scan\n\
                 [3:180] -A f2b-scan -s 192.0.2.7/32 -j REJECT --reject-with icmp-port-unreachable\nCOMMIT\n";
    let host = Machine::new().says(
        Tool::IptablesSave {
            v6: false,
            legacy: false,
        },
        saved,
    );
    let mut measures = accept("iptables filter f2b-scan rule 1", [192, 0, 2, 7], 8080);
    if let Some(Measure::Accept { rule, .. }) = measures.first_mut() {
        rule.owner = "fail2ban".into();
    }
    assert_eq!(
        host.steps(measures),
        ["accept-flow,rule:tool:fail2ban,jail:scan,address:192.0.2.7"]
    );
}

#[test]
fn those_that_own_a_firewall_are_asked_in_their_words() {
    let ask = |table: &str, chain: &str| {
        let place = format!("table inet {table} chain {chain} handle 7");
        host(table, chain, "dport")
            .steps(accept(&place, [127, 0, 0, 1], 8000))
            .remove(0)
    };
    let rows = [
        (
            "filter",
            "ufw-user-input",
            "accept-flow,rule:tool:ufw,rule:[allow,in,to,127.0.0.1,port,8000,proto,tcp]",
        ),
        (
            "firewalld",
            "filter_IN_work_deny",
            "accept-flow,rule:tool:firewalld,zone:work,port:8000/tcp",
        ),
        (
            "firewalld",
            "filter_INPUT",
            "accept-flow,rule:tool:firewalld,zone:public,port:8000/tcp",
        ),
        (
            "filter",
            "DOCKER-FORWARD",
            "cannot: Docker writes these rules anew whenever a container starts; iptables -I DOCKER-USER -d 127.0.0.1 -p tcp --dport 8000 -j ACCEPT",
        ),
        (
            "f2b-table",
            "f2b-chain",
            "cannot: that rule does not say which jail of fail2ban it is of; fail2ban-client unban 127.0.0.1",
        ),
    ];
    for (table, chain, expected) in rows {
        assert_eq!(ask(table, chain), expected, "{table} {chain}");
    }
}

const PUBLIC: &str = "<zone>\n  <service name=\"ssh\"/>\n</zone>\n";

#[test]
fn firewalld_keeps_it_in_its_files() {
    let ask = |machine: Machine, chain: &str, to: [u8; 4]| {
        let place = format!("table inet firewalld chain {chain} handle 7");
        machine.steps(accept(&place, to, 8000))
    };
    let now = "accept-flow,rule:tool:firewalld,zone:public,port:8000/tcp";
    let line = "  <port port=\"8000\" protocol=\"tcp\"/>";
    for (file, content) in [
        ("/etc/firewalld/zones/public.xml", line.to_owned()),
        (
            "/usr/lib/firewalld/zones/public.xml",
            format!("<zone> |   <service name=\"ssh\"/> | {line} | </zone>"),
        ),
    ] {
        let machine = host("firewalld", "filter_IN_public_deny", "dport").file(file, PUBLIC);
        let write = format!("write /etc/firewalld/zones/public.xml: {content}");
        assert_eq!(
            ask(machine, "filter_IN_public_deny", [127, 0, 0, 1]),
            [write, now.to_owned()]
        );
    }
    let chain = "filter_OUT_policy_egress_deny";
    let steps = ask(host("firewalld", chain, "dport"), chain, [127, 0, 0, 1]);
    assert!(
        steps[0].starts_with("accept-flow,rule:tool:firewalld-policy,policy:egress,rule:rule priority="),
        "{steps:?}"
    );
}

#[test]
fn ufw_is_not_asked_for_a_rule_that_it_has_otherwise() {
    let steps = |rule: &str| {
        let saved = format!(
            "*filter\n:OUTPUT ACCEPT [0:0]\n:ufw-user-output - [0:0]\n-A OUTPUT -j ufw-user-output\n-A ufw-user-output {rule} -j DROP\nCOMMIT\n"
        );
        let to = std::net::IpAddr::from([10, 0, 0, 2]);
        Machine::new()
            .says(
                Tool::IptablesSave {
                    v6: false,
                    legacy: false,
                },
                &saved,
            )
            .says(Tool::RouteGet { to }, r#"[{"dst":"10.0.0.2","dev":"eth1"}]"#)
            .steps(accept(
                "iptables filter ufw-user-output rule 1",
                [10, 0, 0, 2],
                8080,
            ))
    };
    let allow = |on: &str| {
        [format!(
            "accept-flow,rule:tool:ufw,rule:[allow,out,{on}to,10.0.0.2,port,8080,proto,tcp]"
        )]
    };
    assert_eq!(steps("-p tcp -m tcp --dport 8080"), allow(""));
    assert_eq!(
        steps("-d 10.0.0.2/32 -p tcp -m tcp --dport 8080"),
        allow("on,eth1,")
    );
}
