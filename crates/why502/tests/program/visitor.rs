//! What is wrong with a visitor's own machine and network, made wrong for real: a signed zone, a hotel's portal, a clock,
//! a tunnel, what a browser keeps.

use serde_json::Value;

use crate::{
    check::{
        SHOP, at_home, cached_failure, certificate, check, dnsmasq, firefox, hosts, resolver, tls_site,
        visitor,
    },
    stage::{Stage, site, with_servers},
};

const HI: &str = "return 200 hi;";

/// A signed zone by NSD at 127.0.0.54, and Unbound at 127.0.0.1, which checks its signatures.
fn signed_zone(stage: &Stage, spoil: &str) {
    stage.write(
        "/opt/zone",
        "$ORIGIN example.\n$TTL 60\n@ SOA ns hostmaster 1 3600 600 86400 60\n@ NS ns\nns A 127.0.0.54\n\
         shop A 127.0.0.2\ngood A 127.0.0.2\n",
    );
    stage.write(
        "/opt/nsd.conf",
        "server:\n ip-address: 127.0.0.54\n username: \"\"\n chroot: \"\"\n zonesdir: /opt\n database: \"\"\n \
         zonelistfile: /opt/zones\n xfrdfile: /opt/xfrd\n pidfile: /opt/nsd.pid\n logfile: /opt/nsd.log\n\
         remote-control:\n control-enable: no\nzone:\n name: example\n zonefile: /opt/signed\n",
    );
    stage.write(
        "/opt/unbound.conf",
        "server:\n directory: /opt\n chroot: \"\"\n username: \"\"\n pidfile: \"\"\n use-syslog: no\n logfile: /opt/unbound.log\n \
         interface: 127.0.0.1\n do-not-query-localhost: no\n trust-anchor-file: /opt/anchor\n\
         remote-control:\n control-enable: no\nstub-zone:\n name: example\n stub-addr: 127.0.0.54\n",
    );
    stage.sh(&format!(
        "cd /opt; key=$(ldns-keygen -a ECDSAP256SHA256 -k example); ldns-signzone -f signed zone $key; cp $key.ds anchor
         {spoil}
         nsd -c nsd.conf; unbound -c unbound.conf
         for _ in $(seq 50); do dig +short +tries=1 +time=1 @127.0.0.1 good.example | grep -q . && break; sleep 0.1; done"
    ));
}

#[test]
fn signatures_that_do_not_hold_are_the_zones_failure() {
    let stage = visitor(
        &format!("server {{ listen 127.0.0.2:80; server_name shop.example good.example; {HI} }}"),
        "",
    );
    // an address that was changed after the zone was signed
    signed_zone(
        &stage,
        "sed -i 's/^\\(shop.example.*A.*127.0.0.\\)2$/\\13/' signed; grep -q 127.0.0.3 signed",
    );
    check(&stage, &["http://good.example/"])
        .ends(
            0,
            &["works from here", "the zone's own server 127.0.0.54: 127.0.0.2"],
        )
        .is_harmless();
    for more in [&[][..], &["--resolver", "127.0.0.54"]] {
        check(&stage, &[more, &["http://shop.example/"]].concat())
            .ends(
                1,
                &[
                    "he DNSSEC signatures of shop.example do not hold",
                    "resolver 127.0.0.1: refuses it: the signatures do not hold (DNSSEC); without them 127.0.0.3",
                    "dig +cd shop.example",
                ],
            )
            .is_harmless();
    }
    let json = check(&stage, &["--json", "http://shop.example/"]).json();
    assert_eq!(json["whose"], "zone", "{json}");
}

#[test]
fn a_key_that_was_changed_without_its_parent_is_the_zones_failure() {
    let stage = visitor("", "");
    signed_zone(
        &stage,
        "ldns-keygen -a ECDSAP256SHA256 -k example >other; cp $(cat other).ds anchor",
    );
    check(&stage, &["http://shop.example/"]).ends(1, &["he DNSSEC signatures of shop.example do not hold"]);
}

#[test]
fn a_resolver_whose_clock_is_wrong_is_not_the_zones_failure() {
    let stage = visitor(
        &format!("server {{ listen 127.0.0.2:80; server_name shop.example; {HI} }}"),
        "",
    );
    // the root zone, signed too, and a resolver that lives in 2037
    stage.write(
        "/opt/root",
        "$ORIGIN .\n$TTL 60\n@ SOA ns.example. hostmaster.example. 1 3600 600 86400 60\n@ NS ns.example.\n\
         example. NS ns.example.\nns.example. A 127.0.0.54\n",
    );
    signed_zone(
        &stage,
        "key=$(ldns-keygen -a ECDSAP256SHA256 -k .); ldns-signzone -o . -f root-signed root $key; cat $key.ds >>anchor
         printf 'zone:\n name: .\n zonefile: /opt/root-signed\n' >>nsd.conf
         printf 'stub-zone:\n name: .\n stub-addr: 127.0.0.54\n' >>unbound.conf
         cp unbound.conf right.conf; sed -i 's/^server:/&\\n val-override-date: 20370101000000/' unbound.conf",
    );
    let says = [
        "client-dns",
        "efuses every name that is signed (DNSSEC), not only shop.example",
        "by this machine's clock they hold now",
        "timedatectl",
    ];
    check(&stage, &["http://shop.example/"])
        .ends(1, &says)
        .is_harmless();
    // with the right time it is the same zone, and well
    stage.sh("kill $(pidof unbound); sleep 0.3; unbound -c /opt/right.conf; sleep 0.3");
    check(&stage, &["http://shop.example/"]).ends(0, &["works from here"]);
}

/// A machine at 10.0.0.2 whose only way out is a network that answers in place of everybody.
fn hotel(portal: &str) -> Stage {
    let stage = visitor(
        &format!(
            "server {{ listen 8090; {portal} }} server {{ listen 10.0.0.1:80; server_name login.hotel.example; return 200 room?; }}"
        )
        .replace("listen 10.0.0.1:80", "listen 0.0.0.0:80"),
        "192.0.2.7 shop.example\n10.0.0.1 login.hotel.example\n",
    );
    stage.sh(
        "ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up; ip address add 10.0.0.2/24 dev eth0; ip address add 10.0.0.1/32 dev lo
         ip route add default via 10.0.0.9 dev eth0
         nft add table ip hotel
         nft 'add chain ip hotel out { type nat hook output priority -100; }'
         nft add rule ip hotel out ip daddr 192.0.2.0/24 tcp dport 80 redirect to :8090",
    );
    stage
}

#[test]
fn a_portal_that_answers_in_place_of_the_site_is_told() {
    let stage = hotel("return 302 http://login.hotel.example/?from=$host;");
    let says = [
        "client-network",
        "his network wants a login first: login.hotel.example",
        "http://login.hotel.example/",
    ];
    check(&stage, &["http://shop.example/"])
        .ends(1, &says)
        .is_harmless();
    // it lets no TLS through, and nobody can answer in the site's place there
    stage.sh("nft add rule ip hotel out ip daddr 192.0.2.0/24 tcp dport 443 redirect to :9");
    check(&stage, &["https://shop.example/"])
        .ends(1, &says)
        .is_harmless();
    // once logged in, nothing answers in its place
    stage.sh("nft flush chain ip hotel out; ip address add 192.0.2.7/32 dev lo");
    check(&stage, &["http://shop.example/"]).ends(0, &["works from here"]);

    let stage = hotel("return 511;");
    check(&stage, &["http://shop.example/"]).ends(
        1,
        &["client-network", "his network wants a login first", "RFC 6585"],
    );
}

#[test]
fn a_portal_that_gives_its_own_address_for_every_name_is_told() {
    let stage = visitor(
        "server { listen 80 default_server; return 302 http://login.hotel.example/; } \
         server { listen 80; server_name login.hotel.example; return 200 room?; } \
         server { listen 80; server_name inside.example; return 200 hi; }",
        "",
    );
    stage.sh("ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up; ip address add 10.0.0.1/24 dev eth0");
    dnsmasq(&stage, "127.0.0.1", "--address=/#/10.0.0.1");
    check(&stage, &["http://shop.example/"]).ends(
        1,
        &[
            "client-network",
            "login.hotel.example answers in place of the site",
            "for every name",
        ],
    );
    // a site that really is inside is no portal
    stage.sh("kill $(pidof dnsmasq); sleep 0.3");
    dnsmasq(
        &stage,
        "127.0.0.1",
        "--host-record=inside.example,10.0.0.1 --host-record=login.hotel.example,10.0.0.1",
    );
    check(&stage, &["http://inside.example/"]).ends(0, &["works from here"]);
}

#[test]
fn what_client_prints_for_machines_is_what_its_schema_says() {
    let stage = visitor(&site("shop.example", 8000), SHOP);
    firefox(&stage, "('lang', 'de', 'shop.example', '/', 1900000000, 0)");
    stage.get("shop.example", "/");
    let schema = stage.why502(&["schema", "fix"]).json();
    let says = |field: &str| {
        schema["properties"][field]["description"]
            .as_str()
            .unwrap_or_default()
            .to_owned()
    };
    let keys = |of: &Value| of.as_object().map(|it| it.keys().cloned().collect::<Vec<_>>());
    for args in [
        &["client", "clear", "http://shop.example/", "--json"][..],
        &["client", "clear", "http://shop.example/", "--json", "--yes"],
        &["client", "dns", "shop.example", "--json"],
        &["client", "reset", "http://shop.example/", "--json"],
        &["fix", "--json"],
    ] {
        let json = at_home(&stage, args).json();
        assert_eq!(keys(&json), keys(&schema["properties"]), "{args:?}");
        for field in ["verdict", "schema"] {
            let word = format!("`{}`", json[field].as_str().unwrap_or_default());
            assert!(
                says(field).contains(&word),
                "{args:?}: {word} is not in: {}",
                says(field)
            );
        }
        for fix in json["fixes"].as_array().into_iter().flatten() {
            assert_eq!(keys(fix), keys(&schema["$defs"]["Fix"]["properties"]), "{args:?}");
        }
        assert_eq!(json["verdict"] == "asked", args[0] == "client", "{args:?}");
    }
}

/// Not valid before 2037, or not after 2020, as its own authority.
fn dated(stage: &Stage, file: &str, from: &str, to: &str) {
    stage.sh(&format!(
        "cd /opt; : >index-{file}; printf '[ca]\ndefault_ca=a\n[a]\ndatabase=index-{file}\nnew_certs_dir=/opt\nrand_serial=yes\ndefault_md=sha256\npolicy=p\nx509_extensions=x\n[p]\ncommonName=supplied\n[x]\nsubjectAltName=DNS:shop.example\n' >{file}.conf
         openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -keyout {file}.key -out {file}.csr -subj /CN=shop.example 2>/dev/null
         openssl ca -batch -config {file}.conf -selfsign -keyfile {file}.key -in {file}.csr -out {file}.pem -startdate {from} -enddate {to} -notext 2>/dev/null"
    ));
}

#[test]
fn a_clock_that_is_wrong_is_told_by_the_certificate_and_the_sites_own_time() {
    let stage = Stage::new();
    dated(&stage, "later", "20370101000000Z", "20380101000000Z");
    dated(&stage, "earlier", "20190101000000Z", "20200101000000Z");
    let servers = [
        tls_site(
            443,
            "later",
            "proxy_pass_header Date; proxy_pass http://127.0.0.1:8001;",
        ),
        tls_site(
            444,
            "earlier",
            "proxy_pass_header Date; proxy_pass http://127.0.0.1:8002;",
        ),
        // the same certificates of sites whose time is ours
        tls_site(445, "later", HI),
        tls_site(446, "earlier", HI),
    ];
    stage.write("/etc/nginx/nginx.conf", with_servers(&servers.concat()));
    hosts(&stage, SHOP);
    resolver(&stage, "127.0.0.1");
    stage.start_nginx();
    stage.backend(
        8001,
        "HTTP/1.0 200 OK\r\nDate: Mon, 01 Jun 2037 10:00:00 GMT\r\nContent-Length: 2\r\n\r\nhi",
    );
    stage.backend(
        8002,
        "HTTP/1.0 200 OK\r\nDate: Sat, 01 Jun 2019 10:00:00 GMT\r\nContent-Length: 2\r\n\r\nhi",
    );
    for (port, says) in [
        (
            443,
            &[
                "client-network",
                "his machine's clock is wrong",
                "the site says 2037-06-01",
            ][..],
        ),
        (
            444,
            &[
                "client-network",
                "his machine's clock is wrong",
                "the site says 2019-06-01",
            ],
        ),
        (445, &["its certificate is not valid yet"]),
        (446, &["its certificate ended at 2020-01-01"]),
    ] {
        let run = check(
            &stage,
            &["--requests", "3", &format!("https://shop.example:{port}/")],
        );
        run.ends(1, says).is_harmless();
        assert_eq!(run.out.contains("clock is wrong"), port < 445, "{}", run.out);
    }
}

#[test]
fn a_promise_to_use_tls_is_the_browsers_failure_where_tls_fails() {
    let stage = visitor(
        &format!("server {{ listen 80; server_name shop.example; {HI} }}"),
        SHOP,
    );
    firefox(&stage, "('lang', 'de', 'shop.example', '/', 1900000000, 0)");
    check(&stage, &["http://shop.example/"]).ends(0, &["works from here"]);
    // as Firefox writes it since version 127
    let mut record = vec![0; 286];
    record[6..18].copy_from_slice(b"shop.example");
    record[262..280].copy_from_slice(b"4102444800000,1,0\0");
    stage.write(
        "/opt/home/.mozilla/firefox/x.default/SiteSecurityServiceState.bin",
        record,
    );
    check(&stage, &["http://shop.example/"])
        .ends(
            1,
            &[
                "client-cache",
                "Firefox, profile default remembers that shop.example wants https",
                "Connection refused",
            ],
        )
        .is_harmless();
    check(&stage, &["--no-browser", "http://shop.example/"]).ends(0, &["works from here"]);
}

#[test]
fn a_service_worker_is_named_where_the_page_works_and_cleared() {
    let stage = visitor(
        &format!("server {{ listen 80; server_name shop.example; {HI} }}"),
        SHOP,
    );
    firefox(&stage, "('lang', 'de', 'shop.example', '/', 1900000000, 0)");
    let worker = "9\n\nhttps://shop.example/\nhttps://shop.example/sw.js\n#\n";
    stage.write("/opt/home/.mozilla/firefox/x.default/serviceworker.txt", worker);
    let says = [
        "works from here",
        "a service worker of the site answers in its place",
        "why502 client clear http://shop.example/",
    ];
    check(&stage, &["http://shop.example/"])
        .ends(0, &says)
        .is_harmless();
    // and what it says to do does it
    at_home(&stage, &["client", "clear", "http://shop.example/", "--yes"]).ends(0, &["Fixed"]);
    let after = check(&stage, &["http://shop.example/"]);
    after.ends(0, &["works from here"]);
    assert!(!after.out.contains("service worker"), "{}", after.out);
}

#[test]
fn what_clear_takes_of_all_sites_is_said_first() {
    let stage = visitor(&site("shop.example", 8000), SHOP);
    firefox(&stage, "('lang', 'de', 'shop.example', '/', 1900000000, 0)");
    cached_failure(&stage, "http://other.example/");
    let entry = "/opt/home/.cache/mozilla/firefox/x.default/cache2/entries/4F";
    let clear = |more: &[&str]| {
        at_home(
            &stage,
            &[&["client", "clear", "http://shop.example/"], more].concat(),
        )
    };
    let there = || stage.path(entry).symlink_metadata().is_ok();
    clear(&["--yes"]).ends(0, &["Fixed"]);
    assert!(there(), "the other site's cached answer is gone");
    stage.why502(&["undo", "--yes"]);
    let plan = clear(&["--also", "cache", "--plan"]);
    plan.ends(1, &["all sites"]).is_harmless();
    assert!(there());
    clear(&["--also", "cache", "--yes"]).ends(0, &["Fixed"]);
    assert!(!there(), "the cache is still there");
    at_home(&stage, &["undo", "--yes"]).ends(0, &["Undone"]);
    assert!(there(), "undo did not put the cache back");
    clear(&["--also", "everything"]).ends(64, &["cache, local-storage or service-workers"]);
}

#[test]
fn a_machine_without_a_default_route_says_so_and_a_tunnel_is_named() {
    let stage = visitor("", "192.0.2.7 shop.example\n");
    stage.sh("ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up; ip address add 198.18.0.2/24 dev eth0");
    check(&stage, &["http://shop.example/"])
        .ends(1, &["client-network", "his machine has no way out", "ip route"])
        .is_harmless();
    stage.sh("ip tuntap add wg0 mode tun; ip link set wg0 up; ip address add 10.9.0.2/24 dev wg0; ip route add default dev wg0");
    // nobody reads what goes into it
    check(&stage, &["http://shop.example/"])
        .ends(
            2,
            &[
                "IPv4 leaves by wg0, a tunnel (VPN)",
                "obody answers at shop.example",
                "Packets leave by wg0, a VPN: disconnect it",
            ],
        )
        .is_harmless();
}

#[test]
fn only_addresses_of_a_family_that_this_machine_lacks() {
    let stage = visitor("", "2001:db8:7::7 shop.example\n");
    stage.sh(
        "ip link add eth0 type veth peer name far; ip link set far up; ip link set eth0 up; ip address add 198.18.0.2/24 dev eth0
         ip route add default via 198.18.0.1 dev eth0",
    );
    check(&stage, &["http://shop.example/"]).ends(
        1,
        &[
            "client-network",
            "has IPv6 addresses only, and there is no way to them from here",
        ],
    );
}

#[test]
fn cookies_go_by_the_protocol_that_a_browser_uses() {
    let stage = Stage::new();
    certificate(&stage, "good", "shop.example");
    let fails = "if ($http_cookie ~ CANARY) { return 502 $http_cookie; } return 200 hi;";
    // the largest cookie of a browser, and so many that their header takes more than one frame
    let many = "if ($cookie_last = end) { return 502; } return 200 hi;";
    let servers = [
        "log_format c '$server_protocol $http_cookie'; large_client_header_buffers 8 64k; access_log /var/log/nginx/c.log c;".to_owned(),
        tls_site(443, "good", fails),
        tls_site(444, "good", fails).replace("ssl http2", "ssl"),
        tls_site(445, "good", many),
    ];
    stage.write("/etc/nginx/nginx.conf", with_servers(&servers.concat()));
    hosts(&stage, SHOP);
    resolver(&stage, "127.0.0.1");
    stage.sh("mount --bind /opt/good.pem /etc/ssl/certs/ca-certificates.crt");
    stage.start_nginx();
    firefox(
        &stage,
        "('a', 'CANARY-1', 'shop.example', '/', 1900000000, 1), ('b', 'CANARY-2', 'shop.example', '/', 1900000000, 1)",
    );
    for (port, protocol) in [(443, "HTTP/2.0"), (444, "HTTP/1.1")] {
        let run = check(&stage, &[&format!("https://shop.example:{port}/")]);
        run.ends(
            1,
            &[
                "client-cookie",
                "502 Bad Gateway with them",
                "without: the page, each time",
            ],
        )
        .is_harmless();
        assert!(!run.out.contains("CANARY"), "{}", run.out);
        stage.sh("sleep 1");
        let log = String::from_utf8_lossy(&stage.read("/var/log/nginx/c.log")).into_owned();
        assert!(
            log.contains(&format!("{protocol} a=CANARY-1; b=CANARY-2")),
            "{log}"
        );
    }
    let crumbs: Vec<String> = (0..12)
        .map(|nth| {
            format!(
                "('c{nth}', '{}', 'shop.example', '/', 1900000000, 1)",
                "x".repeat(3900)
            )
        })
        .chain(["('last', 'end', 'shop.example', '/', 1900000000, 1)".to_owned()])
        .collect();
    firefox(&stage, &crumbs.join(", "));
    check(&stage, &["https://shop.example:445/"])
        .ends(1, &["client-cookie", "13 cookies", "502 Bad Gateway with them"]);
}
