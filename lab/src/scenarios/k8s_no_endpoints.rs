//! An ingress controller's nginx, whose service has no pod that is ready.

use crate::{Expect, Scenario, Stack, Step};

/// The upstream as the controller names it, with an endpoint; and its server for services that have none.
const INGRESS: &str = r#"
cat >/etc/nginx/conf.d/default-shop-ingress.conf <<'NGINX'
upstream default-shop-ingress-shop.example-web-svc-80 {
    zone default-shop-ingress-shop.example-web-svc-80 256k;
    random two least_conn;
    server 127.0.0.1:8000 max_fails=1 fail_timeout=10s max_conns=0;
}
server {
    listen unix:/var/lib/nginx/nginx-502-server.sock;
    access_log off;

    return 502;
}
NGINX
sed -i 's|proxy_pass .*|proxy_pass http://default-shop-ingress-shop.example-web-svc-80;|' /etc/nginx/sites-available/shop
"#;

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "k8s-no-endpoints",
    about: "The service lost its last ready pod, and the controller wrote its placeholder into the upstream.",
    stack: Stack::GunicornTcp,
    prepare: INGRESS,
    inject: &[Step::Sh(
        "sed -i 's|server 127.0.0.1:8000|server unix:/var/lib/nginx/nginx-502-server.sock|' /etc/nginx/conf.d/default-shop-ingress.conf
         nginx -s reload; sleep 1",
    )],
    restore: "sed -i 's|server unix:/var/lib/nginx/nginx-502-server.sock|server 127.0.0.1:8000|' /etc/nginx/conf.d/default-shop-ingress.conf
              nginx -s reload; sleep 1",
    expect: Expect::Found(&["k8s-no-endpoints"]),
    ..Scenario::BASE
}];
