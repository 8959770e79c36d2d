//! nginx speaks another protocol than the port it asks.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["protocol-mismatch"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "protocol-mismatch-fpm",
        about: "nginx speaks HTTP to php-fpm's port, which resets every connection (104).",
        stack: Stack::FpmTcp,
        inject: &[Step::Sh(
            "cp /etc/nginx/sites-available/shop /root/shop
             sed -i 's|fastcgi_pass .*|proxy_pass http://127.0.0.1:9000;|; /snippets/d' /etc/nginx/sites-available/shop
             systemctl reload nginx",
        )],
        restore: "cp /root/shop /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
    Scenario {
        name: "protocol-mismatch-apache",
        fix: Fix::Mends { ways: 1 },
        about: "nginx speaks FastCGI to Apache's HTTP port, which waits for the rest of a request (504).",
        stack: Stack::Apache,
        inject: &[Step::Sh(
            "sed -i 's|proxy_pass http://|fastcgi_pass |; s|proxy_read_timeout.*|fastcgi_read_timeout 2s;|' /etc/nginx/sites-available/shop
             systemctl reload nginx",
        )],
        traffic: Traffic::SHOP_504,
        restore: "sed -i 's|fastcgi_pass |proxy_pass http://|; s|fastcgi_read_timeout.*|proxy_read_timeout 4s;|' /etc/nginx/sites-available/shop
                  systemctl reload nginx",
        ..BASE
    },
    Scenario {
        name: "protocol-mismatch-uwsgi",
        about: "nginx speaks HTTP to a uwsgi port; uWSGI takes the letters GET for a size and closes.",
        stack: Stack::Uwsgi,
        inject: &[Step::Sh(
            "sed -i 's|uwsgi_pass |proxy_pass http://|; s|include uwsgi_params;||' /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i 's|proxy_pass http://|include uwsgi_params; uwsgi_pass |' /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
    Scenario {
        name: "protocol-mismatch-grpc",
        fix: Fix::Mends { ways: 1 },
        about: "nginx speaks gRPC (HTTP/2) to a node program that speaks HTTP/1.",
        stack: Stack::Node,
        inject: &[Step::Sh(
            "sed -i 's|proxy_pass http:|grpc_pass grpc:|' /etc/nginx/sites-available/shop; systemctl reload nginx",
        )],
        restore: "sed -i 's|grpc_pass grpc:|proxy_pass http:|' /etc/nginx/sites-available/shop; systemctl reload nginx",
        ..BASE
    },
    Scenario {
        name: "protocol-mismatch-proxy-header",
        about: "Apache was told to expect a PROXY protocol header before each request; nginx sends none.",
        stack: Stack::Apache,
        prepare: "a2enmod -q remoteip",
        inject: &[Step::Sh(
            "sed -i '2i RemoteIPProxyProtocol On' /etc/apache2/sites-available/shop.conf; systemctl restart apache2",
        )],
        restore: "sed -i 2d /etc/apache2/sites-available/shop.conf; systemctl restart apache2",
        ..BASE
    },
];
