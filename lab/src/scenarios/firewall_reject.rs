//! A rule rejects the way from nginx to a backend that lives.

use super::{FIREWALLD, IPTABLES_PERSISTENT, UFW};
use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["firewall-reject"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "firewall-reject-nft-input",
        about: "An nftables input chain rejects port 8000, loopback included: errno 111 though gunicorn listens.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport { 8000, 8443 } counter reject; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-iptables-output",
        about: "An iptables OUTPUT rule answers connections to port 3000 with a reset.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "iptables -A OUTPUT -p tcp --dport 3000 -j REJECT --reject-with tcp-reset",
        )],
        restore: "iptables -F OUTPUT",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-there",
        about: "A packet filter on the other machine answers errno 113 at once, and the machine is there.",
        stack: Stack::Remote,
        prepare: "sed -i s/192.0.2.1:8080/198.51.100.66:8080/ /etc/nginx/sites-available/shop",
        inject: &[Step::Around(
            "ip netns exec $far nft 'table inet f { chain i { type filter hook input priority 0; tcp dport 8080 reject with icmpx type admin-prohibited; }; }'",
        )],
        fix: Fix::Nothing,
        restore_around: "ip netns exec $far nft delete table inet f",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-remote",
        about: "An nftables output rule rejects the way to another machine as administratively prohibited: errno 113 at once.",
        stack: Stack::Remote,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain output { type filter hook output priority filter; policy accept; ip daddr 192.0.2.1 tcp dport 8080 counter reject with icmpx type admin-prohibited; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-ufw",
        about: "ufw rejects what goes out to port 8080, where the other machine's server listens.",
        stack: Stack::Remote,
        prepare: UFW,
        inject: &[Step::Sh("ufw reject out 8080/tcp")],
        restore: "ufw --force delete reject out 8080/tcp",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-firewalld",
        about: "A policy of firewalld rejects what goes out to port 8080, now and for good.",
        stack: Stack::Remote,
        prepare: FIREWALLD,
        inject: &[Step::Sh(
            "firewall-cmd -q --permanent --policy=egress --add-rich-rule='rule port port=8080 protocol=tcp reject'
             firewall-cmd -q --reload",
        )],
        restore: "firewall-cmd -q --permanent --policy=egress --remove-rich-rule='rule port port=8080 protocol=tcp reject'
                  firewall-cmd -q --reload",
        ..BASE
    },
    Scenario {
        name: "firewall-reject-iptables-persistent",
        about: "An iptables rule that is kept in rules.v4 answers connections to port 3000 with a reset.",
        stack: Stack::Node,
        prepare: IPTABLES_PERSISTENT,
        inject: &[Step::Sh(
            "iptables -A OUTPUT -p tcp --dport 3000 -j REJECT --reject-with tcp-reset
             netfilter-persistent save",
        )],
        restore: "iptables -F OUTPUT; netfilter-persistent save",
        ..BASE
    },
];
