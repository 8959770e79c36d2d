//! A page hands out WebSockets, and nginx does not pass the wish for one on.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

/// Ordinary pages, and a socket that knows nothing but WebSockets: it hangs up on everybody else.
const CHAT: &str = r#"
cat >/srv/app/server.js <<'JS'
const crypto = require('crypto');
const http = require('http');

const server = http.createServer((req, res) => {
  if (req.url.startsWith('/chat')) return req.socket.destroy();
  res.end('<h1>Shop</h1>\n');
});
server.on('upgrade', (req, socket) => {
  const key = req.headers['sec-websocket-key'] + '258EAFA5-E914-47DA-95CA-C5AB0DC85B11';
  const accept = crypto.createHash('sha1').update(key).digest('base64');
  socket.on('error', () => {});
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
    `Sec-WebSocket-Accept: ${accept}\r\n\r\n`);
});
server.listen(3000, '127.0.0.1');
JS
sed -i 's|proxy_pass .*|&\n        proxy_http_version 1.1;\n        proxy_set_header Upgrade $http_upgrade;\n        proxy_set_header Connection $http_connection;|' /etc/nginx/sites-available/shop
"#;

const BASE: Scenario = Scenario {
    stack: Stack::Node,
    prepare: CHAT,
    traffic: Traffic {
        path: "/chat",
        upgrade: true,
        ..Traffic::SHOP
    },
    fix: Fix::Mends { ways: 1 },
    expect: Expect::Found(&["websocket-headers"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "websocket-headers",
        about: "The lines that pass upgrades on are gone from the location; the backend hangs up on what looks like a page.",
        inject: &[Step::Sh(
            "cp -p /etc/nginx/sites-available/shop /root/shop
             sed -i '/proxy_http_version/d; /Upgrade/d; /Connection/d' /etc/nginx/sites-available/shop; nginx -s reload; sleep 1",
        )],
        restore: "cp -p /root/shop /etc/nginx/sites-available/shop; nginx -s reload; sleep 1",
        ..BASE
    },
    Scenario {
        name: "websocket-headers-inherited",
        about: "The location got a header of its own, which ended the two that it had inherited from the server.",
        inject: &[Step::Sh(
            r"cp -p /etc/nginx/sites-available/shop /root/shop
              sed -i '/Upgrade/d; /Connection/d' /etc/nginx/sites-available/shop
              sed -i 's|^    server_name.*|&\n    proxy_set_header Upgrade $http_upgrade;\n    proxy_set_header Connection $http_connection;|' \
                  /etc/nginx/sites-available/shop
              nginx -s reload; sleep 1",
        )],
        restore: "cp -p /root/shop /etc/nginx/sites-available/shop; nginx -s reload; sleep 1",
        ..BASE
    },
];
