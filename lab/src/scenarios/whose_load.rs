//! Whose requests keep the pool busy: the shop with a login, a search and comments in PHP, its goods in MariaDB, two
//! php-fpm children, and a log of what was usual at this hour yesterday.

use crate::{Crowd, Expect, Fix, Held, Scenario, Stack, Step, Traffic};

/// What a forum, a blog or a shop has; every page takes the time of a small application.
macro_rules! shop {
    ($pages_a_second:literal) => {
        concat!(
            "sed -i 's/^pm.max_children = .*/pm.max_children = 2/; s/^pm.max_spare_servers = .*/pm.max_spare_servers = 2/' \
             /etc/php/8.2/fpm/pool.d/www.conf
             sed -i 's#access_log .*#access_log /var/log/nginx/shop.access.log timed;#' /etc/nginx/sites-available/shop
             cd /var/www/shop
             sed -i '1a usleep(100000);' index.php
             cat >wp-login.php <<'PHP'
<?php
usleep(600000);
if (isset($_POST['pwd'])) password_verify($_POST['pwd'], '$2y$10$abcdefghijklmnopqrstuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuuu');
echo \"<form>login</form>\\n\";
PHP
             for page in search.php wp-comments-post.php item.php; do echo '<?php usleep(600000); echo \"page\\n\";' >$page; done
             echo '<?php usleep(3500000); echo \"export\\n\";' >export.php
             echo 'h1 { }' >style.css; echo '//' >app.js; echo x >logo.png
             install -o www-data -g adm -m 640 /dev/null /var/log/nginx/shop.access.log.1
             python3 - <<'PY' >>/var/log/nginx/shop.access.log.1
import time
def line(at, path, upstream, took, referrer='https://shop.example/'):
    stamp = time.strftime('%d/%b/%Y:%H:%M:%S +0000', time.gmtime(at))
    asked = f'us=200 ua=\"unix:/run/php/php8.2-fpm.sock\" uct=0.000 uht={took} urt={took}' if upstream else 'us=- ua=\"-\" uct=- uht=- urt=-'
    print(f'198.51.100.{int(at * 7) % 250} - - [{stamp}] \"GET {path} HTTP/1.1\" 200 512 \"{referrer}\" \"Mozilla/5.0 Firefox/128.0\" host=shop.example rt={took} {asked}')
now, rate = time.time() - 86400, ",
            $pages_a_second,
            "
for page in range(int(-2700 * rate), int(2700 * rate)):
    at = now + page / rate
    path, took = [('/', 0.110), ('/', 0.112), ('/item.php?id=7', 0.640), ('/about.php', 0.002)][page % 4]
    if page % 20 == 0: path, took = '/export.php', 3.502
    line(at, path, True, took)
    for asset in ('/style.css', '/app.js', '/logo.png'): line(at, asset, False, '0.000')
PY"
        )
    };
}

/// A jail for the ports of the web that has banned somebody before.
macro_rules! fail2ban {
    () => {
        "
cat >/etc/fail2ban/jail.local <<'JAIL'
[sshd]
enabled = false
[refused]
enabled = true
filter = nginx-http-auth
port = http,https
backend = polling
logpath = /var/log/nginx/error.log
bantime = 30m
JAIL
touch /var/log/nginx/error.log
systemctl start fail2ban
until fail2ban-client status refused; do sleep 0.1; done
fail2ban-client set refused banip 198.51.100.201
"
    };
}

const FIREFOX: &str = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";

const ATTACK: Crowd = Crowd {
    asks: &[],
    agent: FIREFOX,
    referrer: "",
    addresses: 2,
    at_once: 16,
    pause_ms: 50,
};

/// People who look at the shop as ever, with all that its pages bring along.
const REGULARS: Crowd = Crowd {
    asks: &[
        ("GET", "/"),
        ("GET", "/style.css"),
        ("GET", "/about.php"),
        ("GET", "/logo.png"),
    ],
    agent: "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.5) Version/17.5 Safari/605.1.15",
    referrer: "https://shop.example/",
    addresses: 8,
    at_once: 3,
    pause_ms: 500,
};

const BASE: Scenario = Scenario {
    stack: Stack::FpmMariaDb,
    regulars: Some(REGULARS),
    prepare: shop!("0.25"),
    traffic: Traffic::SHOP_504,
    fix: Fix::Nothing,
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "traffic-bruteforce",
        about: "Two addresses try passwords at wp-login.php, eight at once each; the front page has no worker left. \
                fail2ban bans here, and already bans somebody else.",
        crowd: Some(Crowd {
            asks: &[("POST", "/wp-login.php")],
            ..ATTACK
        }),
        prepare: concat!(shop!("0.25"), fail2ban!()),
        // a limit is the first way, and played where there is no other
        fix: Fix::MendsBy { way: 2 },
        expect: Expect::Found(&["traffic-bruteforce"]),
        ..BASE
    },
    Scenario {
        name: "traffic-spam",
        about: "Comments come from forty addresses, each of which sends few; the front page has no worker left.",
        crowd: Some(Crowd {
            asks: &[("POST", "/wp-comments-post.php")],
            addresses: 40,
            ..ATTACK
        }),
        fix: Fix::Mends { ways: 1 },
        expect: Expect::Found(&["traffic-spam"]),
        ..BASE
    },
    Scenario {
        name: "traffic-crawler",
        about: "A crawler walks through all items from three addresses, and says who it is.",
        crowd: Some(Crowd {
            asks: &[
                ("GET", "/item.php?id=1"),
                ("GET", "/item.php?id=2"),
                ("GET", "/search.php?color=red"),
            ],
            agent: "Mozilla/5.0 (compatible; WideBot/3.1; +http://widebot.example/why)",
            addresses: 3,
            ..ATTACK
        }),
        fix: Fix::Mends { ways: 1 },
        expect: Expect::Found(&["traffic-crawler"]),
        ..BASE
    },
    Scenario {
        name: "traffic-flood",
        about: "Three addresses ask for the search again and again, with a browser's name and without its pictures.",
        crowd: Some(Crowd {
            asks: &[("GET", "/search.php?q=a")],
            addresses: 3,
            ..ATTACK
        }),
        fix: Fix::MendsBy { way: 2 },
        expect: Expect::Found(&["traffic-flood"]),
        ..BASE
    },
    Scenario {
        name: "traffic-surge",
        about: "The shop is mentioned somewhere: a hundred people ask for the usual pages with all that belongs to them.",
        crowd: Some(Crowd {
            asks: &[
                ("GET", "/"),
                ("GET", "/item.php?id=7"),
                ("GET", "/style.css"),
                ("GET", "/app.js"),
                ("GET", "/logo.png"),
            ],
            referrer: "https://news.example/",
            addresses: 100,
            at_once: 32,
            ..ATTACK
        }),
        // what nginx gave up is worked off all the same
        restore: "systemctl restart php8.2-fpm",
        // more workers are the first way, and played where there is no other
        fix: Fix::MendsBy { way: 2 },
        expect: Expect::Found(&["traffic-surge"]),
        ..BASE
    },
    Scenario {
        name: "heavy-endpoint",
        about: "No more people than ever, but some of them want the export, which takes three and a half seconds of a worker.",
        prepare: shop!("2"),
        crowd: Some(Crowd {
            asks: &[("GET", "/export.php")],
            referrer: "https://shop.example/",
            addresses: 50,
            at_once: 6,
            ..ATTACK
        }),
        restore: "systemctl restart php8.2-fpm",
        expect: Expect::Found(&["heavy-endpoint"]),
        regulars: None,
        ..BASE
    },
    Scenario {
        name: "busy-logins",
        about: "People log in, some search, and the shop answers them all: nothing is wrong.",
        crowd: Some(Crowd {
            asks: &[
                ("POST", "/wp-login.php"),
                ("GET", "/search.php?q=a"),
                ("GET", "/"),
            ],
            addresses: 50,
            at_once: 2,
            pause_ms: 200,
            ..ATTACK
        }),
        traffic: Traffic {
            status: 200,
            ..Traffic::SHOP
        },
        expect: Expect::Healthy,
        regulars: None,
        ..BASE
    },
    Scenario {
        name: "db-slow-usual-traffic",
        about: "No more people than ever, and an export holds the table that their pages read: the traffic is not to blame.",
        prepare: shop!("2"),
        inject: &[Step::Sh(super::db_slow::LOCK)],
        held: Some(Held {
            path: "/index.php",
            visitors: 8,
        }),
        restore: "systemctl stop export; sleep 0.5; systemctl restart php8.2-fpm",
        expect: Expect::Found(&["db-slow"]),
        regulars: None,
        rules_out: &[
            ("traffic-flood", "no more than usual"),
            ("traffic-surge", "no more than usual"),
        ],
        ..BASE
    },
];
