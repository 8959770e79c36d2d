//! Faults that no row of the catalogue covers: the right answer is to say so.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    stack: Stack::GunicornTcp,
    expect: Expect::NotFound,
    ..Scenario::BASE
};

/// A daemon that logs nothing. What it does to a connection is decided by files beside it, without a restart.
const DAEMON: &str = "
cat >/srv/app/daemon.py <<'PY'
import os, socket, socketserver, struct
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        if os.path.exists('/srv/app/mode-b'):
            self.request.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
            return self.request.close()
        self.request.recv(65536)
        if os.path.exists('/srv/app/peers') and self.client_address[0] not in open('/srv/app/peers').read().split():
            return
        self.request.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nshop\\n')
class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = True
    def shutdown_request(self, request):
        self.close_request(request)
Server(('127.0.0.1', 8000), Handler).serve_forever()
PY
sed -i 's|^ExecStart=.*|ExecStart=/usr/bin/python3 /srv/app/daemon.py|' /etc/systemd/system/app.service
";

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "unlisted-silent-reset",
        about: "The program accepts and resets every connection and logs nothing (104).",
        prepare: DAEMON,
        inject: &[Step::Sh("touch /srv/app/mode-b")],
        restore: "rm /srv/app/mode-b",
        ..BASE
    },
    Scenario {
        name: "unlisted-refused-by-peer",
        about: "The program reads the request and closes without an answer for every peer not on a list of its own.",
        prepare: DAEMON,
        inject: &[Step::Sh("echo 192.0.2.44 >/srv/app/peers")],
        restore: "rm /srv/app/peers",
        ..BASE
    },
    Scenario {
        name: "unlisted-redirected",
        about: "A NAT rule sends connections for port 8000 to a port nobody listens on: errno 111 with a live listener \
                and no rule that rejects.",
        inject: &[Step::Sh(
            "nft 'table ip nat { chain output { type nat hook output priority -100; policy accept; tcp dport 8000 redirect to :8009; }; }'",
        )],
        restore: "nft delete table ip nat",
        ..BASE
    },
    Scenario {
        name: "unlisted-silent-500",
        about: "The program answers 500 to every request and logs nothing; nginx's only access log does not name sites, and \
                there the busier neighbour's front page goes well ten times as often.",
        prepare: "busy_neighbour",
        inject: &[Step::Sh(
            "sed -i 's/if page else/if not page else/; s/404 Not Found/500 Oops/' /srv/app/shop.py; systemctl restart app; await_listener :8000",
        )],
        traffic: Traffic {
            status: 500,
            at_once: 1,
            ..Traffic::SHOP
        },
        restore: "sed -i 's/if not page else/if page else/; s/500 Oops/404 Not Found/' /srv/app/shop.py; systemctl restart app; await_listener :8000",
        ..BASE
    },
];
