//! What people paste: fragments, prefixes of container runtimes, lines of other logs, or just `502 Bad Gateway`.

use super::{ErrorLine, Level, fields, level, message, origin, parse};
use crate::{Peer, Trouble, access, complaint::errno};

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
    let (level, rest) = level(text).unwrap_or((Level::Error, text));
    let (pid, connection, rest) = origin(rest);
    let mut entry = message(rest, level);
    if entry.complaint.trouble == Trouble::Unrelated
        && let Some(at) = BEGINNINGS
            .iter()
            .filter_map(|beginning| rest.find(beginning))
            .min()
        && at > 0
    {
        entry = message(&rest[at..], level);
    }
    (entry.pid, entry.connection) = (pid, connection);
    entry
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
