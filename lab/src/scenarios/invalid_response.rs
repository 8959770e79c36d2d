//! The backend's answer breaks the protocol, and nginx refuses it.

use crate::{Expect, Scenario, Stack, Step, Traffic};

/// A node program that writes its answers by hand; a file beside it makes one header line of the report a broken one.
const BY_HAND: &str = "
cat >/srv/app/server.js <<'JS'
const fs = require('fs');
const net = require('net');
net.createServer((socket) => {
  socket.on('error', () => {});
  socket.on('data', (data) => {
    const broken = fs.existsSync('/srv/app/mode') && String(data).split(' ')[1] === '/report';
    const extra = broken ? fs.readFileSync('/srv/app/mode') : '';
    socket.end('HTTP/1.1 200 OK\\r\\n' + extra + 'Content-Length: 5\\r\\nConnection: close\\r\\n\\r\\nshop\\n');
  });
}).listen(3000, '127.0.0.1');
JS
";

const BASE: Scenario = Scenario {
    stack: Stack::Node,
    prepare: BY_HAND,
    traffic: Traffic {
        path: "/report",
        ..Traffic::SHOP
    },
    restore: "rm /srv/app/mode",
    expect: Expect::Found(&["invalid-response"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "invalid-response-header",
        about: "One page of a node program sends a header line with a space in its name.",
        inject: &[Step::Sh("printf 'Bad Header: 1\\r\\n' >/srv/app/mode")],
        ..BASE
    },
    Scenario {
        name: "invalid-response-php",
        about: "A FastCGI program answers with a status line that is none.",
        stack: Stack::FpmUnix,
        prepare: "",
        inject: &[Step::Sh(
            "sed -i \"1a header('Status: two hundred');\" /var/www/shop/report.php",
        )],
        traffic: Traffic {
            path: "/report.php",
            ..Traffic::SHOP
        },
        restore: "sed -i 2d /var/www/shop/report.php",
        ..BASE
    },
];
