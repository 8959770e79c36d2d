//! Addresses in an application server's own config file: gunicorn's Python, Puma's and Unicorn's Ruby.

use crate::{
    discover::{
        address::{self, port},
        scout::Scout,
    },
    topology::{ListenAddress, Place},
};
use regex::Regex;
use std::{path::Path, sync::LazyLock};

/// `bind = "127.0.0.1:8000"`, `bind "unix:///run/x.sock"`, `listen '/run/x.sock', :backlog => 64`, `port 3000`,
/// `port ENV.fetch("PORT") { 3000 }`: statements at the start of a line; what a program computes is not followed.
static STATEMENT: LazyLock<Option<Regex>> = LazyLock::new(|| {
    Regex::new(r#"^\s*(bind|listen|port)\s*[=(\s\[]\s*\[?\s*(?:['"]([^'"]+)['"]|(?:ENV.*[\s,{('"])?(\d+))"#)
        .ok()
});

/// Every address the file names, with its line.
pub(super) fn addresses(scout: &Scout, file: &Path) -> Vec<(ListenAddress, Place)> {
    let text = scout.text(file).unwrap_or_default();
    let lines = (1..).zip(text.lines());
    lines
        .filter_map(|(line, text)| Some((statement(text)?, Place::line(file, line))))
        .collect()
}

fn statement(line: &str) -> Option<ListenAddress> {
    let found = STATEMENT.as_ref()?.captures(line)?;
    if let Some(text) = found.get(2) {
        return address::parse(text.as_str()).or_else(|| any(text.as_str()));
    }
    any(found.get(3)?.as_str())
}

fn any(number: &str) -> Option<ListenAddress> {
    Some(ListenAddress::Tcp {
        ip: None,
        port: port(number)?,
    })
}

#[cfg(test)]
mod tests {
    #[test]
    fn statements() {
        let rows = [
            (r#"bind = "127.0.0.1:8000""#, Some("127.0.0.1:8000")),
            (r#"bind = ["unix:/run/g.sock", "x"]"#, Some("unix:/run/g.sock")),
            (r#"bind "unix:///run/p.sock""#, Some("unix:/run/p.sock")),
            (
                r#"listen '/run/u.sock', :backlog => 64"#,
                Some("unix:/run/u.sock"),
            ),
            ("listen 8080, :tcp_nopush => true", Some("*:8080")),
            ("port 3000", Some("*:3000")),
            (r#"port ENV.fetch("PORT") { 3000 }"#, Some("*:3000")),
            (r#"# bind = "127.0.0.1:8000""#, None),
            (r#"bind = f"0.0.0.0:{port}""#, None),
            ("workers = 2", None),
        ];
        for (line, shown) in rows {
            let address = super::statement(line).map(|address| address.to_string());
            assert_eq!(address.as_deref(), shown, "{line}");
        }
    }
}
