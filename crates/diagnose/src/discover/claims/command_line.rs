//! Where a command line says that its program listens.

use crate::{
    discover::address::{host_ip, parse, port},
    topology::ListenAddress,
};
use std::net::IpAddr;

/// Options whose value is an address with port, or a socket's path.
const ADDRESS: &[&str] = &[
    "-b",
    "-l",
    "-L",
    "-s",
    "-S",
    "-u",
    "-a",
    "--bind",
    "--listen",
    "--listen-address",
    "--socket",
    "--http-socket",
    "--http",
    "--https",
    "--http11-socket",
    "--uwsgi-socket",
    "--fastcgi-socket",
    "--scgi-socket",
    "--uds",
    "--unix-socket",
    "--address",
    "--addr",
    "-addr",
    "-listen",
    "--http-address",
    "--web.listen-address",
    "--urls",
];
/// Options whose value is a port.
const PORT: &[&str] = &[
    "-p",
    "-P",
    "-port",
    "--port",
    "--http-port",
    "--listen-port",
    "--server.port",
    "-Dserver.port",
    "-Dhttp.port",
    "-Dquarkus.http.port",
    "-Djetty.http.port",
];
/// Options whose value is the address that goes with a port given elsewhere.
const HOST: &[&str] = &[
    "-b",
    "-a",
    "-H",
    "-o",
    "--bind",
    "--host",
    "--hostname",
    "--ip",
    "--interface",
    "--address",
    "--server.address",
    "-Dserver.address",
];
/// Words after which a bare number is a port: `python3 -m http.server 8080`, `manage.py runserver 8000`.
const BEFORE_PORT: &[&str] = &["http.server", "SimpleHTTPServer", "runserver", "serve"];
/// Programs whose addresses are those they call.
const CALLERS: &[&str] = &[
    "systemd-socket-proxyd",
    "curl",
    "wget",
    "celery",
    "ssh",
    "autossh",
    "redis-cli",
    "socat",
];

/// An address, and the word that holds it.
pub(super) type Found = (ListenAddress, usize);

/// Every address the words name. The first word is the program.
pub(super) fn addresses(words: &[String]) -> Vec<Found> {
    let program = words
        .first()
        .and_then(|word| word.rsplit('/').next())
        .unwrap_or_default();
    if CALLERS.contains(&program) {
        return Vec::new();
    }
    let mut reader = Reader {
        words,
        host: None,
        ports: Vec::new(),
        found: Vec::new(),
    };
    let mut index = 1;
    while index < words.len() {
        index += reader.word(index);
    }
    let host = reader.host.flatten();
    let ports = reader
        .ports
        .into_iter()
        .map(|(port, at)| (ListenAddress::Tcp { ip: host, port }, at));
    reader.found.into_iter().chain(ports).collect()
}

struct Reader<'w> {
    words: &'w [String],
    host: Option<Option<IpAddr>>,
    ports: Vec<(u16, usize)>,
    found: Vec<Found>,
}

impl Reader<'_> {
    /// Reads one word, with its value where that is the next; how many words that was.
    fn word(&mut self, index: usize) -> usize {
        let word = self.words.get(index).map_or("", String::as_str);
        if let Some((option, value)) = word.split_once('=').filter(|_| word.starts_with('-')) {
            self.option(option, value, index);
            return 1;
        }
        if word.starts_with('-') {
            let next = self.words.get(index + 1).map_or("", String::as_str);
            let taken = self.option(word, next, index + 1) || self.glued(word, index);
            return if taken { 2 } else { 1 };
        }
        self.positional(word, index);
        1
    }

    /// `-b127.0.0.1:8000`, `-p3000`: takes no word more.
    fn glued(&mut self, word: &str, index: usize) -> bool {
        if let Some((option, value)) = word.split_at_checked(2).filter(|(_, value)| !value.is_empty()) {
            self.option(option, value, index);
        }
        false
    }

    fn option(&mut self, option: &str, value: &str, at: usize) -> bool {
        if ADDRESS.contains(&option) {
            let values = value.split([',', ';']).filter_map(parse);
            let before = self.found.len();
            self.found.extend(values.map(|address| (address, at)));
            if self.found.len() > before {
                return true;
            }
        }
        if let Some(port) = port(value).filter(|_| PORT.contains(&option)) {
            self.ports.push((port, at));
            return true;
        }
        let host = host_ip(value).filter(|_| HOST.contains(&option) && !value.is_empty());
        self.host = host.or(self.host);
        host.is_some()
    }

    /// `0.0.0.0:8000` by itself; a path by itself only if it is named like a socket.
    fn positional(&mut self, word: &str, index: usize) {
        let mut before = self.words.iter().take(index);
        let after_server = before.any(|word| BEFORE_PORT.contains(&word.as_str()));
        if let Some(port) = port(word).filter(|_| after_server) {
            return self.ports.push((port, index));
        }
        let is_path = word.starts_with('/');
        let is_socket = word.ends_with(".sock") || word.ends_with(".socket");
        if !is_path || is_socket {
            self.found.extend(parse(word).map(|address| (address, index)));
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::discover::claims::unit_file::words;

    #[test]
    fn listen_addresses_of_servers() {
        let rows: &[(&str, &[&str])] = &[
            (
                "/usr/bin/gunicorn --bind 127.0.0.1:8000 app:app",
                &["127.0.0.1:8000"],
            ),
            ("gunicorn -b unix:/run/x.sock -w 2 app:app", &["unix:/run/x.sock"]),
            ("gunicorn --bind=unix:/run/x.sock app:app", &["unix:/run/x.sock"]),
            ("uvicorn app:app --host 0.0.0.0 --port 8000", &["0.0.0.0:8000"]),
            ("uvicorn app:app --uds /run/u.sock", &["unix:/run/u.sock"]),
            ("daphne -b 127.0.0.1 -p 8001 app.asgi", &["127.0.0.1:8001"]),
            (
                "uwsgi --socket 127.0.0.1:3031 --http-socket :8080",
                &["127.0.0.1:3031", "*:8080"],
            ),
            ("uwsgi -s /run/w.sock --module w", &["unix:/run/w.sock"]),
            (
                "puma -b tcp://127.0.0.1:3000 -b unix:///run/p.sock",
                &["127.0.0.1:3000", "unix:/run/p.sock"],
            ),
            ("bundle exec rails s -p 3000", &["*:3000"]),
            ("node server.js --port=3000", &["*:3000"]),
            (
                "python3 -m http.server 8080 --bind 127.0.0.1",
                &["127.0.0.1:8080"],
            ),
            (
                "python3 -m http.server --bind 127.0.0.1 --directory /srv 8088",
                &["127.0.0.1:8088"],
            ),
            ("python3 manage.py runserver 0.0.0.0:8000", &["0.0.0.0:8000"]),
            ("php -S 127.0.0.1:8000 -t /srv", &["127.0.0.1:8000"]),
            ("java -Dserver.port=8081 -jar app.jar", &["*:8081"]),
            (
                "dotnet app.dll --urls http://localhost:5000;http://[::1]:5000",
                &["127.0.0.1:5000", "[::1]:5000"],
            ),
            (
                "spawn-fcgi -n -s /run/f.sock -- /usr/bin/x",
                &["unix:/run/f.sock"],
            ),
            ("app -p3000", &["*:3000"]),
            ("app -p /run/app.pid --redis 127.0.0.1", &[]),
            ("curl 127.0.0.1:80", &[]),
            ("/usr/lib/systemd/systemd-socket-proxyd 127.0.0.1:9000", &[]),
            ("app /etc/app.conf", &[]),
            ("app -b", &[]),
            ("", &[]),
        ];
        for (line, expected) in rows {
            let shown: Vec<String> = super::addresses(&words(line))
                .iter()
                .map(|(address, _)| address.to_string())
                .collect();
            assert_eq!(shown, *expected, "{line}");
        }
    }
}
