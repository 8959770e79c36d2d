//! A rule of Apache's request filter, or of who may come in, can't be parsed; Apache does not come back from a restart.

use crate::{Expect, Fix, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    stack: Stack::Apache,
    expect: Expect::Found(&["apache-firewall-syntax"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "apache-firewall-syntax-rule",
        fix: Fix::Mends { ways: 1 },
        about: "An edit left a parenthesis open in the pattern of a ModSecurity rule of two lines.",
        prepare: "
a2enmod -q security2
cat >/etc/modsecurity/shop.conf <<'CONF'
SecRuleEngine On
SecRule ARGS \"@rx (union|select).+from\" \\
    \"id:1001,phase:2,deny,status:403\"
SecRule REQUEST_HEADERS:User-Agent \"@contains sqlmap\" \"id:1002,phase:1,deny\"
CONF
",
        inject: &[Step::Sh(
            "sed -i.bak 's/(union|select)/(union|select/' /etc/modsecurity/shop.conf; systemctl restart apache2 || true",
        )],
        restore: "mv /etc/modsecurity/shop.conf.bak /etc/modsecurity/shop.conf; systemctl restart apache2",
        ..BASE
    },
    Scenario {
        name: "apache-firewall-syntax-access",
        about: "An access rule names a network with a mask that is none; no earlier version of the file is kept.",
        prepare: "printf '<Location /admin>\\n    Require ip 10.1.0.0/16\\n</Location>\\n' >/etc/apache2/conf-enabled/admin.conf",
        inject: &[Step::Sh(
            "sed -i s,/16,/33, /etc/apache2/conf-enabled/admin.conf; systemctl restart apache2 || true",
        )],
        restore: "sed -i s,/33,/16, /etc/apache2/conf-enabled/admin.conf; systemctl restart apache2",
        trigger: Some("config-edit"),
        ..BASE
    },
];
