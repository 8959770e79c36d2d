//! The message broker that the shop is configured with does not answer.

use crate::{Expect, Fix, Scenario, Stack, Step};

/// The shop hands its orders to NATS and listens once it is connected. A small program stands in for the server.
const NATS: &str = r#"
cat >/srv/app/server.js <<'JS'
const http = require('http');
const net = require('net');

const at = new URL(process.env.NATS_URL);
const broker = net.connect(at.port, at.hostname, () => {
  broker.write('CONNECT {"verbose":false}\r\nPING\r\n');
  http.createServer((req, res) => {
    broker.write('PUB visits 1\r\n1\r\n');
    res.end('<h1>Shop</h1>\n');
  }).listen(3000, '127.0.0.1');
});
JS
cat >/srv/broker.py <<'PY'
import socketserver


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        self.wfile.write(b'INFO {"server_id":"a","version":"2.9.10","max_payload":1048576}\r\n')
        for line in self.rfile:
            if line.startswith(b"PING"):
                self.wfile.write(b"PONG\r\n")


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 4222), Client).serve_forever()
PY
unit nats-server '/usr/bin/python3 /srv/broker.py' User=www-data
sed -i 's|^User=.*|&\nEnvironment=NATS_URL=nats://127.0.0.1:4222\nRestart=always\nRestartSec=300ms|; s|^After=.*|After=nats-server.service|' /etc/systemd/system/app.service
"#;

/// The same over AMQP. A small program stands in for RabbitMQ: it answers the protocol header with Connection.Start.
const RABBITMQ: &str = r#"
cat >/srv/app/server.js <<'JS'
const http = require('http');
const net = require('net');

const at = new URL(process.env.AMQP_URL);
const broker = net.connect(at.port || 5672, at.hostname, () => broker.write('AMQP\0\0\x09\x01'));
broker.once('data', () => http.createServer((req, res) => res.end('<h1>Shop</h1>\n')).listen(3000, '127.0.0.1'));
JS
cat >/srv/broker.py <<'PY'
import socketserver
import struct

# class 10, method 10, version 0-9, no properties, mechanisms, locales (AMQP 0-9-1, 1.4.2.1)
START = struct.pack(">HHBBI", 10, 10, 0, 9, 0) + struct.pack(">I", 5) + b"PLAIN" + struct.pack(">I", 5) + b"en_US"


class Client(socketserver.StreamRequestHandler):
    def handle(self):
        if self.rfile.read(8).startswith(b"AMQP"):
            self.wfile.write(struct.pack(">BHI", 1, 0, len(START)) + START + b"\xce")
            self.rfile.read()


socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(("127.0.0.1", 5672), Client).serve_forever()
PY
unit rabbitmq-server '/usr/bin/python3 /srv/broker.py' User=www-data
listens="$listens :5672"
sed -i 's|^User=.*|&\nEnvironment=AMQP_URL=amqp://127.0.0.1:5672\nRestart=always\nRestartSec=300ms|; s|^After=.*|After=rabbitmq-server.service|' /etc/systemd/system/app.service
"#;

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "broker-down",
        fix: Fix::Mends { ways: 1 },
        about: "The broker was stopped; the shop connects to it before it listens, and ends again and again.",
        stack: Stack::Node,
        prepare: NATS,
        inject: &[Step::Sh(
            "systemctl stop nats-server; systemctl restart app; await_failure app",
        )],
        restore: "systemctl start nats-server; await_listener :4222; systemctl reset-failed app; systemctl restart app; await_listener :3000",
        expect: Expect::Found(&["broker-down"]),
        ..Scenario::BASE
    },
    Scenario {
        name: "broker-down-rabbitmq",
        fix: Fix::Mends { ways: 1 },
        about: "RabbitMQ was stopped; the shop greets it before it listens, and ends again and again.",
        stack: Stack::Node,
        prepare: RABBITMQ,
        inject: &[Step::Sh(
            "systemctl stop rabbitmq-server; systemctl restart app; await_failure app",
        )],
        restore: "systemctl start rabbitmq-server; await_listener :5672; systemctl reset-failed app; systemctl restart app; await_listener :3000",
        expect: Expect::Found(&["broker-down"]),
        ..Scenario::BASE
    },
];
