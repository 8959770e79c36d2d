//! What people paste: fragments, prefixes of container runtimes, lines of other logs, or just `502 Bad Gateway`.

use super::{ErrorLine, Level, fields, level, message, origin, parse};
use crate::{
    Peer, Trouble, access,
    complaint::{config, errno, limits, resolver},
};

/// Where a message begins when something stands before it.
const BEGINNINGS: [&str; 26] = [
    "connect() ",
    "recv() failed",
    "readv() failed",
    "send() failed",
    "writev() failed",
    "sendfile() failed",
    "socket() ",
    "bind() ",
    "bind(",
    "accept4() ",
    "SSL_do_handshake() failed",
    "SSL_read() failed",
    "peer closed connection in SSL handshake",
    "upstream SSL certificate",
    "upstream timed out",
    "upstream prematurely closed",
    "upstream sent ",
    "upstream rejected",
    "upstream server temporarily disabled",
    "no live upstreams",
    "no resolver defined",
    "host not found in ",
    "FastCGI sent in stderr: \"",
    "uwsgi request is too big",
    "open() \"",
    "pwrite() \"",
];

/// Marks of a backend's own log. Its errnos are about its own connections, not about nginx's.
const BACKEND_MARKS: [&str; 24] = [
    "WORKER TIMEOUT",
    "Worker exiting",
    "Worker (pid",
    "Booting worker",
    "Traceback",
    "[Errno",
    "gunicorn",
    "max_children",
    "request_terminate_timeout",
    "execution timed out",
    "[pool ",
    "child ",
    "PHP Fatal",
    "PHP Warning",
    "PHP Parse",
    "harakiri",
    "HARAKIRI",
    "uwsgi",
    "uWSGI",
    "segfault",
    "Out of memory",
    "oom-kill",
    "AH0",
    "MaxRequestWorkers",
];

/// Reads a paste of any number of lines: entries of nginx's log with the lines that continue them, and every other line
/// that is not blank on its own.
pub fn pasted(text: &str) -> impl Iterator<Item = ErrorLine> {
    super::entries(text.as_bytes())
        .filter_map(|range| text.get(range))
        .flat_map(|entry| {
            let whole = parse(entry.as_bytes());
            let lines = if whole.is_none() { entry } else { "" };
            whole.into_iter().chain(
                lines
                    .lines()
                    .filter(|line| !line.trim().is_empty())
                    .map(parse_pasted),
            )
        })
}

/// Reads whatever a person pasted as one message; without a level it is taken as an error.
pub fn parse_pasted(text: &str) -> ErrorLine {
    let text = text
        .get(..text.floor_char_boundary(super::LONGEST))
        .unwrap_or(text)
        .trim();
    if let Some(entry) = stamped(text) {
        return entry;
    }
    let mut entry = fragment(text);
    if entry.complaint.trouble == Trouble::Unrelated {
        entry.complaint.trouble = guess(text).unwrap_or(Trouble::Unrelated);
    }
    complete(&mut entry, text);
    entry
}

/// A whole entry, perhaps behind a prefix of a container runtime or syslog.
fn stamped(text: &str) -> Option<ErrorLine> {
    let marks = text
        .match_indices('/')
        .filter_map(|(at, _)| at.checked_sub(4))
        .take(16);
    marks
        .filter_map(|at| text.get(at..))
        .find_map(|rest| parse(rest.as_bytes()))
}

/// `nginx: [emerg] …`, `[crit] 174#174: *7 …`, or a message alone.
fn fragment(text: &str) -> ErrorLine {
    let text = text.strip_prefix("nginx: ").unwrap_or(text);
    let (level, rest) = level(text).unwrap_or_else(|| (usual_level(text), text));
    let (pid, connection, rest) = origin(rest);
    let mut entry = message(rest, level);
    let is_vague = matches!(
        entry.complaint.trouble,
        Trouble::Unrelated | Trouble::ResolverOdd(_)
    );
    let later = beginning(rest).filter(|_| is_vague);
    if let Some(said) = later {
        entry = message(said, level);
    }
    (entry.pid, entry.connection) = (pid, connection);
    entry
}

/// The level at which nginx says such a thing: places at start, files of its own as crit.
fn usual_level(text: &str) -> Level {
    if config::names_a_place(text) {
        Level::Emerg
    } else if text.contains("() \"") {
        Level::Crit
    } else {
        Level::Error
    }
}

/// From where the first known message begins.
fn beginning(text: &str) -> Option<&str> {
    let known = BEGINNINGS
        .iter()
        .filter_map(|beginning| text.find(beginning))
        .min();
    let one_word_before = |mark: &str| {
        let before = text.get(..text.find(mark)?)?.trim_end();
        Some(before.rfind(' ').map_or(0, |space| space + 1))
    };
    let marked = [resolver::UNRESOLVED, limits::NOT_ENOUGH]
        .into_iter()
        .find_map(one_word_before);
    text.get(marked.or(known)?..)
}

/// Fields that people quote in their own way: `upstream "http://…"`, `while connecting to upstream: "http://…"`.
fn complete(entry: &mut ErrorLine, text: &str) {
    let about_config = matches!(
        entry.complaint.trouble,
        Trouble::HostNotFound { .. } | Trouble::BadConfig { .. }
    );
    if entry.upstream.is_none() && !about_config {
        entry.upstream = fields::loose(text, "upstream");
    }
    if entry.request.is_none() {
        entry.request = fields::loose(text, "request");
    }
    if entry.complaint.peer.is_none() {
        entry.complaint.peer = entry.upstream.as_deref().and_then(Peer::parse);
    }
}

fn guess(text: &str) -> Option<Trouble> {
    if text.contains("invalid request block size") {
        Some(Trouble::RequestTooBig(text.to_owned()))
    } else if text.contains("parsing") && text.contains("response header") {
        Some(Trouble::InvalidResponse(text.to_owned()))
    } else if text.contains("configuration file") && text.contains("test failed") {
        Some(Trouble::BadConfig {
            text: text.to_owned(),
            place: None,
        })
    } else if BACKEND_MARKS.iter().any(|mark| text.contains(mark)) {
        Some(Trouble::BackendLog(text.to_owned()))
    } else {
        bare_errno(text).or_else(|| access::status_in(text).map(Trouble::Status))
    }
}

/// `113 No route to host`: the errno alone says which call it was.
fn bare_errno(text: &str) -> Option<Trouble> {
    const SHORT: usize = 80;
    let number = if text.len() <= SHORT {
        errno::named(text)?
    } else {
        return None;
    };
    match number {
        24 => Some(Trouble::TooManyFiles),
        32 => Some(Trouble::Send(number)),
        104 => Some(Trouble::Receive(number)),
        110 => Some(Trouble::TimedOut),
        11 | 99 | 101 | 111 | 113 => Some(Trouble::Connect(number)),
        _ => None,
    }
}

#[cfg(test)]
#[expect(clippy::too_many_lines, reason = "tables")]
mod tests {
    use super::*;
    use crate::{PeerAddress, Phase, complaint::Place};

    fn check(rows: &[(&str, Trouble, Option<Phase>)]) {
        for (text, trouble, phase) in rows {
            let complaint = parse_pasted(text).complaint;
            assert_eq!((&complaint.trouble, &complaint.phase), (trouble, phase), "{text}");
        }
    }

    #[test]
    fn fragments_are_understood() {
        use Trouble as T;
        let said = |text: &str| text.to_owned();
        let place = Place {
            file: "/etc/nginx/nginx.conf".into(),
            line: 3,
        };
        let wrong_version = T::Tls {
            reason: said("wrong version number"),
            alert: None,
        };
        check(&[
            (
                "connect() failed (111: Connection refused)",
                T::Connect(111),
                None,
            ),
            (
                "[crit] connect() to unix:/a/api.sock failed (2 or 13)",
                T::Connect(2),
                None,
            ),
            ("*7 recv() failed (104)", T::Receive(104), None),
            (
                "recv() failed (104) / upstream prematurely closed connection while reading response header",
                T::Receive(104),
                Some(Phase::ReadingHeader),
            ),
            (
                "SSL_do_handshake() failed (... wrong version number)",
                wrong_version,
                None,
            ),
            (
                "nginx: [emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)",
                T::ListenFailed {
                    errno: 98,
                    address: said("0.0.0.0:80"),
                },
                None,
            ),
            (
                "web-1  | 2026/11/22 12:17:46 [error] 1#1: *1 upstream timed out (110: Connection timed out) while connecting to upstream",
                T::TimedOut,
                Some(Phase::Connecting),
            ),
            (
                "Nov 22 12:17:46 web nginx: 2026/11/22 12:17:46 [error] 1#1: *1 no live upstreams while connecting to upstream",
                T::NoLiveUpstreams,
                Some(Phase::Connecting),
            ),
            ("log says: upstream sent too big header", T::HeaderTooBig, None),
            (
                "unexpected response for a.b ; a.b could not be resolved (2: Server failure)",
                T::Unresolved {
                    name: said("a.b"),
                    code: 2,
                },
                None,
            ),
            (
                "1024 worker_connections are not enough",
                T::WorkerConnections(1024),
                None,
            ),
            ("113 No route to host", T::Connect(113), None),
            ("Connection refused", T::Connect(111), None),
            (
                "unknown directive \"foo\" in /etc/nginx/nginx.conf:3",
                T::BadConfig {
                    text: said("unknown directive \"foo\""),
                    place: Some(place),
                },
                None,
            ),
            (
                "nginx: configuration file /etc/nginx/nginx.conf test failed",
                T::BadConfig {
                    text: said("nginx: configuration file /etc/nginx/nginx.conf test failed"),
                    place: None,
                },
                None,
            ),
            ("502 Bad Gateway", T::Status(502), None),
            ("nginx 504", T::Status(504), None),
            ("access log: POST /xmlrpc.php 499", T::Status(499), None),
            (
                "1.2.3.4 - - [22/Nov/2026:12:17:46 +0000] \"GET /500 HTTP/1.1\" 502 157 \"-\" \"curl\"",
                T::Status(502),
                None,
            ),
            (
                "uwsgi log: invalid request block size: 6871 (max 4096)...skip",
                T::RequestTooBig(said(
                    "uwsgi log: invalid request block size: 6871 (max 4096)...skip",
                )),
                None,
            ),
            (
                "[CRITICAL] WORKER TIMEOUT (pid:31)",
                T::BackendLog(said("[CRITICAL] WORKER TIMEOUT (pid:31)")),
                None,
            ),
            (
                "ConnectionRefusedError: [Errno 111] Connection refused",
                T::BackendLog(said("ConnectionRefusedError: [Errno 111] Connection refused")),
                None,
            ),
            (
                "WARNING: [pool www] child 8, exited on signal 11 (SIGSEGV)",
                T::BackendLog(said("WARNING: [pool www] child 8, exited on signal 11 (SIGSEGV)")),
                None,
            ),
            (
                "open() \"/usr/share/nginx/html/50x.html\" failed (2: No such file or directory)",
                T::Unrelated,
                None,
            ),
            ("it does not work", T::Unrelated, None),
            ("", T::Unrelated, None),
        ]);
    }

    #[test]
    fn pastes_of_many_lines_are_taken_apart() {
        let text = "502 Bad Gateway\n\nweb | 2026/11/22 12:17:46 [error] 1#1: *1 upstream sent too big header\n\
            2026/11/22 12:17:46 [error] 1#1: *7 FastCGI sent in stderr: \"PHP message: a\nb\" while reading upstream, client: 1.2.3.4\n\
            2026/11/22 12:17:47 [error] 1#1: *8 no live upstreams while connecting to upstream\n";
        let stderr = Trouble::BackendStderr("PHP message: a\nb".to_owned());
        let expected = [
            Trouble::Status(502),
            Trouble::HeaderTooBig,
            stderr,
            Trouble::NoLiveUpstreams,
        ];
        let found: Vec<_> = pasted(text).map(|entry| entry.complaint.trouble).collect();
        assert_eq!(found, expected);
        assert_eq!(pasted("\n \n").count(), 0);
    }

    #[test]
    fn upstreams_are_found_however_quoted() {
        let tcp = |address: &str| Some(PeerAddress::Tcp(address.parse().unwrap()));
        let unix = |path: &str| Some(PeerAddress::Unix(path.into()));
        let rows = [
            (
                "connect() failed (111) upstream \"http://[::1]:80/...\" + upstream server temporarily disabled",
                tcp("[::1]:80"),
            ),
            (
                "connect() failed (111: Connection refused) while connecting to upstream: \"http://172.19.0.4:8000/...\"",
                tcp("172.19.0.4:8000"),
            ),
            (
                "connect() failed (111: Connection refused), upstream: \"http://127.0.0.1:8080/\"",
                tcp("127.0.0.1:8080"),
            ),
            (
                "connect() to unix:///home/deploy/puma.sock failed (111: Connection refused) while connecting to upstream",
                unix("/home/deploy/puma.sock"),
            ),
            ("[emerg] host not found in upstream \"app\"", None),
        ];
        for (text, address) in rows {
            assert_eq!(
                parse_pasted(text).complaint.peer.map(|peer| peer.address),
                address,
                "{text}"
            );
        }
    }
}
