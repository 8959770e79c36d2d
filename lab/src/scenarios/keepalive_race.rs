//! nginx keeps connections for longer than the backend does, and a request meets the backend's close.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

/// One thread takes orders and works on them 1.6 s later, all at once. Back from work it first closes connections whose
/// time is over, whatever came in on them meanwhile.
const ORDERS: &str = r#"
echo 30 >/srv/app/idle
cat >/srv/app/server.py <<'PY'
import selectors
import socket
import time

poll = selectors.DefaultSelector()
door = socket.create_server(("127.0.0.1", 8000))
poll.register(door, selectors.EVENT_READ)
last = {}
work_at = None


def leave(conn):
    poll.unregister(conn)
    del last[conn]
    conn.close()


def answer(conn):
    global work_at
    request = conn.recv(65536)
    if not request:
        return leave(conn)
    idle = open("/srv/app/idle").read().strip()
    page = b"" if request.startswith(b"HEAD") else b"<h1>Shop</h1>\n"
    head = f"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: keep-alive\r\nKeep-Alive: timeout={idle}\r\n\r\n"
    conn.sendall(head.encode() + page)
    last[conn] = time.monotonic()
    if request.startswith(b"POST") and work_at is None:
        work_at = time.monotonic() + 1.6


while True:
    now = time.monotonic()
    if work_at and now > work_at:
        while time.monotonic() < now + 1.0:
            pass
        work_at = None
    limit = time.monotonic() - float(open("/srv/app/idle").read())
    for conn in [conn for conn, at in last.items() if at < limit]:
        leave(conn)
    for key, _ in poll.select(0.05):
        if key.fileobj is door:
            conn, _ = door.accept()
            last[conn] = time.monotonic()
            poll.register(conn, selectors.EVENT_READ)
        else:
            answer(key.fileobj)
PY
sed -i 's|^ExecStart=.*|ExecStart=/usr/bin/python3 /srv/app/server.py|' /etc/systemd/system/app.service
sed -i 's/^worker_processes .*/worker_processes 1;/' /etc/nginx/nginx.conf
kept_connections
"#;

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "keepalive-race",
    about: "The shop closes idle connections after 2 s, nginx keeps them for 60 s; orders that come just then are lost, and \
            go well on a new connection.",
    stack: Stack::GunicornTcp,
    prepare: ORDERS,
    inject: &[Step::Sh("sleep 4; echo 2 >/srv/app/idle")],
    traffic: Traffic {
        path: "/order",
        body: Some(200),
        at_once: 1,
        pause_ms: 2000,
        ..Traffic::SHOP
    },
    fix: Fix::Mends { ways: 1 },
    restore: "echo 75 >/srv/app/idle; systemctl restart app; await_listener :8000",
    expect: Expect::Found(&["keepalive-race"]),
    ..Scenario::BASE
}];
