//! The backend is itself a proxy, and the 502 is its own: nginx only passes it on.

use crate::{Expect, Scenario, Stack, Step};

const BASE: Scenario = Scenario {
    expect: Expect::Found(&["inner-hop"]),
    ..Scenario::BASE
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "inner-hop-apache",
        about: "Apache behind nginx is a proxy too; the program behind Apache closes without an answer, and Apache says 502.",
        stack: Stack::Apache,
        prepare: "
mkdir -p /srv/app
cat >/srv/app/daemon.py <<'PY'
import os, socketserver
class Handler(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(65536)
        if not os.path.exists('/srv/app/drain'):
            self.request.sendall(b'HTTP/1.0 200 OK\\r\\nContent-Length: 5\\r\\n\\r\\nshop\\n')
socketserver.ThreadingTCPServer.allow_reuse_address = True
socketserver.ThreadingTCPServer(('127.0.0.1', 8500), Handler).serve_forever()
PY
unit app '/usr/bin/python3 /srv/app/daemon.py' User=www-data
a2enmod -q proxy proxy_http
sed -i 's|DocumentRoot.*|ProxyPass / http://127.0.0.1:8500/|; /DirectoryIndex/d' /etc/apache2/sites-available/shop.conf
",
        inject: &[Step::Sh("touch /srv/app/drain")],
        restore: "rm /srv/app/drain",
        ..BASE
    },
    Scenario {
        name: "inner-hop-node",
        about: "A node gateway forwards to another machine; its target is refused there and it answers 502 itself.",
        stack: Stack::Node,
        prepare: "
cat >/srv/app/server.js <<'JS'
const http = require('http');
const fs = require('fs');
http.createServer((req, res) => {
  const target = { host: '192.0.2.1', port: Number(fs.readFileSync('/srv/app/port')), path: req.url };
  http.get(target, (answer) => { res.writeHead(answer.statusCode); answer.pipe(res); })
    .on('error', () => { res.writeHead(502); res.end('Bad Gateway'); });
}).listen(3000, '127.0.0.1');
JS
echo 8080 >/srv/app/port
",
        inject: &[Step::Sh("echo 8099 >/srv/app/port")],
        restore: "echo 8080 >/srv/app/port",
        ..BASE
    },
];
