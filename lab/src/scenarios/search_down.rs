//! The search server that the shop is configured with does not answer.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic};

/// The shop's report asks Elasticsearch. A small program stands in for the server.
pub(super) const SEARCH: &str = r#"
cat >/srv/app/server.js <<'JS'
const http = require('http');

const pages = {
  '/': async (req, res) => res.end('<h1>Shop</h1>\n'),
  '/report': async (req, res) => {
    const found = await fetch(process.env.ELASTICSEARCH_URL + '/orders/_search');
    res.end(`<h1>Report</h1>\n${(await found.json()).hits.total.value}\n`);
  },
};

http.createServer((req, res) => {
  const page = pages[req.url];
  if (page) return page(req, res);
  res.statusCode = 404;
  res.end('not found\n');
}).listen(3000, '127.0.0.1');
JS
cat >/srv/search.py <<'PY'
import http.server


class Search(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        health = b'{"cluster_name":"shop","status":"green"}'
        body = health if self.path.startswith("/_cluster") else b'{"hits":{"total":{"value":3}}}'
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.end_headers()
        self.wfile.write(body)


http.server.ThreadingHTTPServer(("127.0.0.1", 9200), Search).serve_forever()
PY
unit elasticsearch '/usr/bin/python3 /srv/search.py' User=www-data
listens="$listens :9200"
sed -i 's|^User=.*|&\nEnvironment=ELASTICSEARCH_URL=http://127.0.0.1:9200\nRestart=always\nRestartSec=100ms|; s|^After=.*|&\nStartLimitIntervalSec=0|' /etc/systemd/system/app.service
"#;

pub(super) static SCENARIOS: &[Scenario] = &[Scenario {
    name: "search-down",
    fix: Fix::Mends { ways: 1 },
    about: "The search server was stopped; the report's unhandled rejection ends the shop's process at each request.",
    stack: Stack::Node,
    prepare: SEARCH,
    inject: &[Step::Sh("systemctl stop elasticsearch")],
    traffic: Traffic {
        path: "/report",
        at_once: 1,
        ..Traffic::SHOP
    },
    restore: "systemctl start elasticsearch; await_listener :9200; await_listener :3000",
    expect: Expect::Found(&["search-down"]),
    ..Scenario::BASE
}];
