//! The fields after a message, in nginx's own order: `ngx_http_log_error_handler`, `ngx_stream_log_error`,
//! `ngx_resolver_log_error`.
//!
//! nginx escapes nothing here, so strangers can forge fields inside the request, the host and above all the referrer.
//! Two facts defend: the fields come in one order with what only strangers write at the end, and a request line that
//! reached an upstream ends with its HTTP version and (since 1.21.1) holds no further space.

/// A message and its fields.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Fields<'a> {
    pub(super) message: &'a str,
    pub(super) resolver: Option<&'a str>,
    pub(super) client: Option<&'a str>,
    pub(super) server: Option<&'a str>,
    pub(super) request: Option<&'a str>,
    pub(super) upstream: Option<&'a str>,
    pub(super) host: Option<&'a str>,
}

const CLIENT: &str = ", client: ";
const UDP_CLIENT: &str = ", udp client: ";
const SERVER: &str = ", server: ";
const REQUEST: &str = ", request: \"";
const SUBREQUEST: &str = ", subrequest: \"";
const UPSTREAM: &str = ", upstream: \"";
const HOST: &str = ", host: \"";
const REFERRER: &str = ", referrer: \"";
const BYTES: &str = ", bytes from/to client:";
const RESOLVER: &str = ", resolver: ";
const ORDER: [&str; 9] = [
    CLIENT, UDP_CLIENT, SERVER, REQUEST, SUBREQUEST, UPSTREAM, HOST, REFERRER, BYTES,
];

impl<'a> Fields<'a> {
    pub(super) fn split(text: &'a str) -> Fields<'a> {
        let (message, mut rest) = text.split_at(start(text));
        let (message, resolver) = match message.split_once(RESOLVER) {
            Some((message, resolver)) => (message, Some(resolver)),
            None => (message, None),
        };
        let client = bare(&mut rest, CLIENT).or_else(|| bare(&mut rest, UDP_CLIENT));
        let server = bare(&mut rest, SERVER);
        let request = quoted(&mut rest, REQUEST, true);
        quoted(&mut rest, SUBREQUEST, false);
        let upstream = quoted(&mut rest, UPSTREAM, false);
        let host = quoted(&mut rest, HOST, false);
        Fields {
            message,
            resolver,
            client,
            server,
            request,
            upstream,
            host,
        }
    }
}

/// Where the fields begin: at the first client with an address. Paths and the backend's stderr are quoted in messages
/// and may hold forged fields, so there it must follow the closing quote.
fn start(text: &str) -> usize {
    let mut clients = text
        .match_indices("client: ")
        .filter_map(|(at, _)| client_at(text, at));
    let found = if text.starts_with("FastCGI sent in stderr: \"") {
        clients.find(|at| ends_quoted(&text[..*at]))
    } else if quotes_a_path(text) {
        clients.last()
    } else {
        clients.next()
    };
    found
        .or_else(|| ORDER.iter().filter_map(|key| text.find(key)).min())
        .unwrap_or(text.len())
}

/// The position of the separator before `client: ` at `at`, if an address follows.
fn client_at(text: &str, at: usize) -> Option<usize> {
    let before = &text[..at];
    let before = before.strip_suffix("udp ").unwrap_or(before).strip_suffix(", ")?;
    let value = text[at + "client: ".len()..].split([',', ' ']).next()?;
    let is_address = value.starts_with("unix:") || value.parse::<std::net::IpAddr>().is_ok();
    is_address.then_some(before.len())
}

fn ends_quoted(message: &str) -> bool {
    message.ends_with('"')
        || message
            .rsplit_once(" while ")
            .is_some_and(|(head, _)| head.ends_with('"'))
}

fn quotes_a_path(text: &str) -> bool {
    text.find("() \"").is_some_and(|at| at < 12)
}

/// An unquoted field: to the next field.
fn bare<'a>(rest: &mut &'a str, key: &str) -> Option<&'a str> {
    let value = rest.strip_prefix(key)?;
    let end = value
        .match_indices(", ")
        .map(|(at, _)| at)
        .find(|at| ends_here(&value[*at..], key));
    let (value, after) = value.split_at(end.unwrap_or(value.len()));
    *rest = after;
    Some(value)
}

/// A quoted field: to the first quote with a later field or nothing behind it. Cut off by nginx's limit of 2048 bytes a
/// message, it is not a value.
fn quoted<'a>(rest: &mut &'a str, key: &str, is_request: bool) -> Option<&'a str> {
    let value = rest.strip_prefix(key)?;
    let mut ends = value
        .match_indices('"')
        .map(|(at, _)| at)
        .filter(|at| ends_here(&value[*at + 1..], key));
    let end = if is_request {
        let first = ends.next()?;
        std::iter::once(first)
            .chain(ends)
            .find(|at| ends_with_version(&value[..*at]))
            .unwrap_or(first)
    } else {
        ends.next()?
    };
    *rest = &value[end + 1..];
    Some(&value[..end])
}

/// A field quoted in some other way: `NAME "value"` or `NAME: "value"` anywhere. For pasted text only.
pub(super) fn loose(text: &str, name: &str) -> Option<String> {
    text.match_indices(name).find_map(|(at, _)| {
        let value = text[at + name.len()..]
            .trim_start_matches(':')
            .strip_prefix(' ')?
            .strip_prefix('"')?;
        Some(value.split('"').next()?.to_owned())
    })
}

/// The end, or a field that comes after `key`.
fn ends_here(after: &str, key: &str) -> bool {
    let later = ORDER.iter().skip_while(|known| **known != key).skip(1);
    after.is_empty() || later.into_iter().any(|known| after.starts_with(known))
}

/// Looks at the last bytes only: hostile lines hold many quotes.
fn ends_with_version(request: &str) -> bool {
    const LONGEST: usize = " HTTP/1.1".len();
    let bytes = request.as_bytes();
    let tail = &bytes[bytes.len().saturating_sub(LONGEST)..];
    let version = tail
        .windows(6)
        .position(|window| window == b" HTTP/")
        .map(|at| &tail[at + 6..]);
    version.is_some_and(|v| !v.is_empty() && v.iter().all(|b| b.is_ascii_digit() || *b == b'.'))
}
