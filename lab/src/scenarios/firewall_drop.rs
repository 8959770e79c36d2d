//! A rule drops the way from nginx to a backend that lives: nginx times out while connecting (504).

use super::{FIREWALLD, IPTABLES_PERSISTENT, UFW};
use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["firewall-drop"]),
    traffic: Traffic::SHOP_504,
    ..Scenario::BASE
};

/// fail2ban with one jail of its own; the action that carries out its bans is told by the scenario.
const FAIL2BAN: &str = "
sed -i s/192.0.2.1:8080/192.0.2.7:8080/ /etc/nginx/sites-available/shop
cat >/etc/fail2ban/jail.local <<'JAIL'
[sshd]
enabled = false
[scan]
enabled = true
filter = nginx-http-auth
backend = polling
logpath = /var/log/nginx/error.log
banaction = %(banaction_allports)s
JAIL
touch /var/log/nginx/error.log
";

/// The jail bans the machine that nginx proxies to.
const BAN: &str = "
systemctl start fail2ban
until fail2ban-client status scan; do sleep 0.1; done
fail2ban-client set scan banip 192.0.2.7
";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "firewall-drop-nft-input",
        about: "An nftables input chain drops port 8000, loopback included.",
        stack: Stack::GunicornTcp,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain input { type filter hook input priority filter; policy accept; tcp dport 8000 counter drop; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-iptables",
        about: "An iptables INPUT rule drops port 7080.",
        stack: Stack::Apache,
        inject: &[Step::Sh("iptables -A INPUT -p tcp --dport 7080 -j DROP")],
        restore: "iptables -F INPUT",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-remote",
        about: "An nftables output rule drops the way to port 8080 of another machine that answers everything else.",
        stack: Stack::Remote,
        inject: &[Step::Sh(
            "nft 'table inet filter { chain output { type filter hook output priority filter; policy accept; tcp dport 8080 counter drop; }; }'",
        )],
        restore: "nft delete table inet filter",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-ufw",
        about: "ufw denies what goes out to the other machine.",
        stack: Stack::Remote,
        prepare: UFW,
        inject: &[Step::Sh("ufw deny out to 192.0.2.1 port 8080 proto tcp")],
        restore: "ufw --force delete deny out to 192.0.2.1 port 8080 proto tcp",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-firewalld",
        about: "A policy of firewalld drops what goes out to port 8080, now and for good.",
        stack: Stack::Remote,
        prepare: FIREWALLD,
        inject: &[Step::Sh(
            "firewall-cmd -q --permanent --policy=egress --add-rich-rule='rule family=ipv4 port port=8080 protocol=tcp drop'
             firewall-cmd -q --reload",
        )],
        restore: "firewall-cmd -q --permanent --policy=egress --remove-rich-rule='rule family=ipv4 port port=8080 protocol=tcp drop'
                  firewall-cmd -q --reload",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-iptables-persistent",
        about: "An iptables rule that is kept in rules.v4 drops port 7080.",
        stack: Stack::Apache,
        prepare: IPTABLES_PERSISTENT,
        inject: &[Step::Sh(
            "iptables -A INPUT -p tcp --dport 7080 -j DROP; netfilter-persistent save",
        )],
        restore: "iptables -F INPUT; netfilter-persistent save",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-fail2ban-iptables",
        about: "fail2ban banned the machine that nginx proxies to: its answers are refused by a chain of iptables.",
        stack: Stack::Remote,
        prepare: FAIL2BAN,
        inject: &[
            Step::Sh(
                "printf '[DEFAULT]\\nbanaction_allports = iptables-allports\\n' >/etc/fail2ban/jail.d/action.local",
            ),
            Step::Sh(BAN),
        ],
        restore: "fail2ban-client set scan unbanip 192.0.2.7",
        ..BASE
    },
    Scenario {
        name: "firewall-drop-fail2ban-nft",
        about: "The same with fail2ban's sets of nftables.",
        stack: Stack::Remote,
        prepare: FAIL2BAN,
        inject: &[
            Step::Sh(
                "printf '[DEFAULT]\\nbanaction_allports = nftables-allports\\n' >/etc/fail2ban/jail.d/action.local",
            ),
            Step::Sh(BAN),
        ],
        restore: "fail2ban-client set scan unbanip 192.0.2.7",
        ..BASE
    },
];
