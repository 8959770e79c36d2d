//! Addresses written as literals where a small program opens its server: `.listen(3000, '127.0.0.1')`.

use crate::{
    discover::{
        address::{host_ip, port},
        scout::Scout,
    },
    topology::{ListenAddress, Place},
};
use regex::Regex;
use std::{path::Path, sync::LazyLock};

/// What opens a server, in Node and Python: `server.listen(…)`, `HTTPServer((…))`, `app.run(…)`, `web.run_app(…)`.
static OPENS: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r"(?:\blisten|\bbind|Server|_server|\bserve|\brun|run_simple|run_app)\s*\(").ok()
});
/// A variable or field that is called a port and has a number.
static NAMED: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"(?i)\bport\b\s*[:=]").ok());
/// A quoted text, or a number by itself.
static LITERAL: LazyLock<Option<Regex>> =
    LazyLock::new(|| Regex::new(r#"['"]([^'"]*)['"]|\b(\d{2,5})\b"#).ok());

/// Where the script opens its server; if its port is only named there, where that name gets its number.
pub(super) fn addresses(scout: &Scout, file: &Path) -> Vec<(ListenAddress, Place)> {
    let text = scout.text(file).unwrap_or_default();
    let lines = || {
        (1..)
            .zip(text.lines())
            .filter(|(_, line)| !line.trim_start().starts_with(['#', '/', '*']))
    };
    let by = |pattern: &LazyLock<Option<Regex>>| -> Vec<(ListenAddress, Place)> {
        let Some(pattern) = pattern.as_ref() else {
            return Vec::new();
        };
        let found = lines().filter_map(|(line, text)| {
            let after = text.get(pattern.find(text)?.end()..)?;
            let place = Place::line(file, line);
            Some((literal(after)?, place))
        });
        found.collect()
    };
    let opened = by(&OPENS);
    let opens = OPENS
        .as_ref()
        .is_some_and(|pattern| lines().any(|(_, line)| pattern.is_match(line)));
    if opened.is_empty() && opens {
        by(&NAMED)
    } else {
        opened
    }
}

/// The first port with the first host, or the first path of a socket, among the literals.
fn literal(text: &str) -> Option<ListenAddress> {
    let mut number = None;
    let mut ip = None;
    for found in LITERAL.as_ref()?.captures_iter(text) {
        let value = found.get(1).or(found.get(2))?.as_str();
        if value.starts_with('/')
            && (value.ends_with(".sock") || value.ends_with(".socket"))
            && number.is_none()
        {
            return Some(ListenAddress::Unix(value.into()));
        }
        if let Some(port) = port(value) {
            number = number.or(Some(port));
        } else if !value.is_empty() {
            ip = ip.or(host_ip(value));
        }
    }
    Some(ListenAddress::Tcp {
        ip: ip.flatten(),
        port: number?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;

    #[test]
    fn literals() {
        let rows: &[(&str, &[&str])] = &[
            (
                "http.createServer((q, r) => {\n}).listen(3000, '127.0.0.1');\n",
                &["127.0.0.1:3000 2"],
            ),
            (
                "// app.listen(1)\napp.listen(process.env.PORT || 3000)\n",
                &["*:3000 2"],
            ),
            (
                "const port = process.env.PORT ?? '3000';\nserver.listen(port);\n",
                &["*:3000 1"],
            ),
            ("server.listen('/run/n.sock')\n", &["unix:/run/n.sock 1"]),
            ("server.listen({ port: 3000, host: '::1' })\n", &["[::1]:3000 1"]),
            (
                "HTTPServer(('127.0.0.1', 8000), H).serve_forever()\n",
                &["127.0.0.1:8000 1"],
            ),
            ("app.run(host='0.0.0.0', port=5000)\n", &["0.0.0.0:5000 1"]),
            ("port = 6379\nredis.connect(port)\n", &[]),
            ("server.listen(config.port)\n", &[]),
        ];
        for (text, expected) in rows {
            let tree = Tree::of(&[("/srv/app", text)]);
            let found = addresses(&Scout::new(&tree.host), Path::new("/srv/app"));
            let shown: Vec<String> = found
                .iter()
                .map(|(address, place)| format!("{address} {}", place.line))
                .collect();
            assert_eq!(shown, *expected, "{text}");
        }
    }
}
