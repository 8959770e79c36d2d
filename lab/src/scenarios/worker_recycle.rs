//! Workers end after their number of requests, and take with them what was just being handed over.

use crate::{Crowd, Expect, Fix, Scenario, Stack, Step, Traffic};

/// Orders that take their time, over connections that nginx keeps, and gunicorn for longer.
const ORDERS: &str = r#"
sed -i 's|return "<h1>Shop|time.sleep(0.1); &|' /srv/app/shop.py
sed -i 's|--workers 2|--workers 1 --threads 6 --keep-alive 75|' /etc/systemd/system/app.service
kept_connections
"#;

/// People order until the ends of four workers have cost some of them their order.
const FOUR_LOST: &str = r#"
sed -i 's|--threads 6|& --max-requests 200|' /etc/systemd/system/app.service
systemctl daemon-reload; systemctl restart app; await_listener :8000
python3 - <<'PY'
import http.client
import threading
import time

lost = set()


def order():
    while len(lost) < 4:
        conn = http.client.HTTPConnection("127.0.0.1", 80)
        conn.request("POST", "/", b"lamp", {"Host": "shop.example"})
        if conn.getresponse().status == 502:
            lost.add(int(time.time()) // 3)
        time.sleep(0.12)


people = [threading.Thread(target=order) for _ in range(6)]
for one in people:
    one.start()
for one in people:
    one.join()
PY
"#;

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "worker-recycle",
    about: "gunicorn's threads serve orders on connections that nginx keeps, and its worker ends after 200 of them: an order that \
            comes just then is lost, on a connection that nobody looks at any more.",
    stack: Stack::GunicornTcp,
    prepare: ORDERS,
    inject: &[Step::Sh(FOUR_LOST)],
    crowd: Some(Crowd {
        asks: &[("POST", "/")],
        agent: "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0",
        referrer: "",
        addresses: 6,
        at_once: 5,
        pause_ms: 120,
    }),
    traffic: Traffic {
        body: Some(200),
        ..Traffic::SHOP
    },
    fix: Fix::Mends { ways: 1 },
    restore: "sed -i 's| --max-requests 200||' /etc/systemd/system/app.service; systemctl daemon-reload; systemctl restart app; await_listener :8000",
    expect: Expect::Found(&["worker-recycle"]),
    ..Scenario::BASE
}];
