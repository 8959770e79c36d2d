//! The backend closes before it has read the body of a request.

use crate::{Expect, Scenario, Stack, Step, Traffic};

const BASE: Scenario = Scenario {
    traffic: Traffic {
        path: "/upload",
        body: Some(900_000),
        ..Traffic::SHOP
    },
    expect: Expect::Found(&["early-close-unread-body"]),
    ..Scenario::BASE
};

/// A page that takes what it is sent, up to a limit of its own.
const UPLOADS: &str = r#"
echo 8000000 >/srv/app/limit
cat >/srv/app/server.js <<'JS'
const http = require('http');

const fs = require('fs');

http.createServer((req, res) => {
  const limit = Number(fs.readFileSync('/srv/app/limit'));
  if (Number(req.headers['content-length'] || 0) > limit) return req.destroy();
  req.resume();
  req.on('end', () => res.end('<h1>Shop</h1>\n'));
}).listen(3000, '127.0.0.1');
JS
"#;

/// The same in WSGI, with an answer that says why.
const UPLOADS_IN_PYTHON: &str = r#"
echo 8000000 >/srv/app/limit
cat >/srv/app/shop.py <<'PY'
def application(environ, start_response):
    if int(environ.get("CONTENT_LENGTH") or 0) > int(open("/srv/app/limit").read()):
        start_response("413 Content Too Large", [("Content-Type", "text/plain")])
        return [b"too large\n"]
    environ["wsgi.input"].read()
    start_response("200 OK", [("Content-Type", "text/html")])
    return [b"<h1>Shop</h1>\n"]
PY
"#;

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "early-close-unread-body-node",
        about: "A node program destroys the connection of every upload above its own limit without reading it.",
        stack: Stack::Node,
        prepare: UPLOADS,
        inject: &[Step::Sh("sleep 3; echo 200000 >/srv/app/limit")],
        restore: "echo 8000000 >/srv/app/limit; systemctl restart app; await_listener :3000",
        ..BASE
    },
    Scenario {
        name: "early-close-unread-body-python",
        about: "A WSGI program answers 413 without reading the upload; gunicorn closes with bytes unread, and nginx loses \
                the answer now and then.",
        stack: Stack::GunicornTcp,
        prepare: UPLOADS_IN_PYTHON,
        inject: &[Step::Sh("sleep 3; echo 200000 >/srv/app/limit")],
        restore: "echo 8000000 >/srv/app/limit; systemctl restart app; await_listener :8000",
        ..BASE
    },
];
