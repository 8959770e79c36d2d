//! The fields after a message, in nginx's own order: `ngx_http_log_error_handler`, `ngx_stream_log_error`,
//! `ngx_resolver_log_error`.
//!
//! nginx escapes nothing here, so strangers can forge fields inside the request, the host and above all the referrer.
//! Two facts defend: the fields come in one order with what only strangers write at the end, and a request line that
//! reached an upstream ends with its HTTP version and (since 1.21.1) holds no further space.

use crate::complaint::phase;

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

/// The fields in their order.
#[derive(Clone, Copy, PartialEq, PartialOrd)]
enum Key {
    Client,
    Server,
    Request,
    Subrequest,
    Upstream,
    Host,
    Referrer,
    /// The stream module's counters.
    Bytes,
}

const NAMES: [(&str, Key); 9] = [
    ("client: ", Key::Client),
    ("udp client: ", Key::Client),
    ("server: ", Key::Server),
    ("request: \"", Key::Request),
    ("subrequest: \"", Key::Subrequest),
    ("upstream: \"", Key::Upstream),
    ("host: \"", Key::Host),
    ("referrer: \"", Key::Referrer),
    ("bytes from/to client:", Key::Bytes),
];
const RESOLVER: &str = ", resolver: ";

/// The field that begins here, and what follows its name.
fn field(text: &str) -> Option<(Key, &str)> {
    let text = text.strip_prefix(", ")?;
    let first = text.as_bytes().first();
    let mut names = NAMES.iter().filter(|(name, _)| name.as_bytes().first() == first);
    names.find_map(|(name, key)| Some((*key, text.strip_prefix(name)?)))
}

/// What follows the name of `key`, if that is the field that begins here.
fn value_of(text: &str, key: Key) -> Option<&str> {
    field(text)
        .filter(|(found, _)| *found == key)
        .map(|(_, value)| value)
}

impl<'a> Fields<'a> {
    pub(super) fn split(text: &'a str) -> Fields<'a> {
        let (message, mut rest) = text.split_at(start(text));
        let (message, resolver) = resolver(message);
        let client = bare(&mut rest, Key::Client);
        let server = bare(&mut rest, Key::Server);
        let request = quoted(&mut rest, Key::Request);
        quoted(&mut rest, Key::Subrequest);
        let upstream = quoted(&mut rest, Key::Upstream);
        let host = quoted(&mut rest, Key::Host);
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

/// A resolver's messages belong to no request: this is their only field.
fn resolver(message: &str) -> (&str, Option<&str>) {
    let at = separators(message).find(|at| message[*at..].starts_with(RESOLVER));
    at.map_or((message, None), |at| {
        (&message[..at], Some(&message[at + RESOLVER.len()..]))
    })
}

/// Where the fields begin: at the first client with an address. Paths and the backend's stderr are quoted in messages
/// and may hold forged fields, so there it must follow the closing quote.
fn start(text: &str) -> usize {
    let mut clients = separators(text).filter(|at| is_client(&text[*at..]));
    let found = if text.starts_with("FastCGI sent in stderr: \"") {
        clients.find(|at| ends_quoted(&text[..*at]))
    } else if quotes_a_path(text) {
        clients.last()
    } else {
        clients.next()
    };
    let any = || separators(text).find(|at| field(&text[*at..]).is_some());
    found.or_else(any).unwrap_or(text.len())
}

/// Positions of `, `.
fn separators(text: &str) -> impl Iterator<Item = usize> {
    let bytes = text.as_bytes();
    memchr::memchr_iter(b',', bytes).filter(|at| bytes.get(at + 1) == Some(&b' '))
}

/// A client with an address, not just the word.
fn is_client(field: &str) -> bool {
    let value = value_of(field, Key::Client).and_then(|value| value.split([',', ' ']).next());
    value.is_some_and(|value| value.starts_with("unix:") || value.parse::<std::net::IpAddr>().is_ok())
}

fn ends_quoted(message: &str) -> bool {
    message.ends_with('"') || phase::split(message).0.ends_with('"')
}

fn quotes_a_path(text: &str) -> bool {
    text.as_bytes()
        .get(..16)
        .is_some_and(|head| head.windows(4).any(|part| part == b"() \""))
}

/// An unquoted field: to the next field.
fn bare<'a>(rest: &mut &'a str, key: Key) -> Option<&'a str> {
    let value = value_of(rest, key)?;
    let end = separators(value).find(|at| ends_here(&value[*at..], key));
    let (value, after) = value.split_at(end.unwrap_or(value.len()));
    *rest = after;
    Some(value)
}

/// A quoted field: to the first quote with a later field or nothing behind it; of a request, to the first such with an
/// HTTP version before it, if there is one. Cut off by nginx's limit of 2048 bytes a message, it is not a value.
fn quoted<'a>(rest: &mut &'a str, key: Key) -> Option<&'a str> {
    let value = value_of(rest, key)?;
    let quotes = memchr::memchr_iter(b'"', value.as_bytes());
    let mut ends = quotes.filter(|at| ends_here(&value[*at + 1..], key)).peekable();
    let first = *ends.peek()?;
    let end = ends
        .find(|at| key != Key::Request || ends_with_version(&value[..*at]))
        .unwrap_or(first);
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
fn ends_here(after: &str, key: Key) -> bool {
    after.is_empty() || field(after).is_some_and(|(next, _)| next > key)
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

#[cfg(test)]
#[expect(clippy::too_many_lines, reason = "tables")]
mod tests {
    use super::*;

    /// Message, client, server, request, upstream, host.
    type Row<'a> = (&'a str, [Option<&'a str>; 6]);

    fn check(rows: &[Row<'_>]) {
        for (text, expected) in rows {
            let f = Fields::split(text);
            assert_eq!(
                [Some(f.message), f.client, f.server, f.request, f.upstream, f.host],
                *expected,
                "{text}"
            );
        }
    }

    #[test]
    fn fields_are_read_in_their_order() {
        check(&[
            (
                "m while connecting to upstream, client: 1.2.3.4, server: a.b, request: \"GET / HTTP/1.1\", \
              upstream: \"http://127.0.0.1:80/\", host: \"h\", referrer: \"r\"",
                [
                    Some("m while connecting to upstream"),
                    Some("1.2.3.4"),
                    Some("a.b"),
                    Some("GET / HTTP/1.1"),
                    Some("http://127.0.0.1:80/"),
                    Some("h"),
                ],
            ),
            (
                "m, client: ::1, server: , request: \"GET / HTTP/2.0\", host: \"h\"",
                [
                    Some("m"),
                    Some("::1"),
                    Some(""),
                    Some("GET / HTTP/2.0"),
                    None,
                    Some("h"),
                ],
            ),
            (
                "m, with commas, and: colons, client: unix:, server: a",
                [
                    Some("m, with commas, and: colons"),
                    Some("unix:"),
                    Some("a"),
                    None,
                    None,
                    None,
                ],
            ),
            (
                "m, client: 1.2.3.4, server: a, request: \"GET / HTTP/1.1\", subrequest: \"/auth\", upstream: \"http://x/\"",
                [
                    Some("m"),
                    Some("1.2.3.4"),
                    Some("a"),
                    Some("GET / HTTP/1.1"),
                    Some("http://x/"),
                    None,
                ],
            ),
            (
                "m, udp client: 1.2.3.4, server: 0.0.0.0:53, upstream: \"10.0.0.1:53\", bytes from/to client:0/0, bytes from/to upstream:0/0",
                [
                    Some("m"),
                    Some("1.2.3.4"),
                    Some("0.0.0.0:53"),
                    None,
                    Some("10.0.0.1:53"),
                    None,
                ],
            ),
            ("m", [Some("m"), None, None, None, None, None]),
            (
                "m, request: \"GET /status?full&json\"",
                [Some("m"), None, None, Some("GET /status?full&json"), None, None],
            ),
            ("", [Some(""), None, None, None, None, None]),
        ]);
    }

    #[test]
    fn cut_off_fields_are_no_values() {
        check(&[
            (
                "m, client: 1.2.3.4, server: a, request: \"GET / HTTP/1.1\", upstream: \"fastcgi://unix:/run/ph",
                [
                    Some("m"),
                    Some("1.2.3.4"),
                    Some("a"),
                    Some("GET / HTTP/1.1"),
                    None,
                    None,
                ],
            ),
            (
                "m, client: 1.2.3.4, server: a, request: \"GET /lo",
                [Some("m"), Some("1.2.3.4"), Some("a"), None, None, None],
            ),
        ]);
    }

    #[test]
    fn forged_fields_never_win() {
        let real = [
            Some("m"),
            Some("1.2.3.4"),
            Some("a"),
            None,
            Some("http://10.0.0.1:80/"),
            Some("h"),
        ];
        let with = |request| {
            let mut row = real;
            row[3] = Some(request);
            row
        };
        check(&[
            // a URI may hold quotes; versions before 1.21.1 let spaces through as well
            (
                "m, client: 1.2.3.4, server: a, request: \"GET /\",server:evil HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"h\"",
                with("GET /\",server:evil HTTP/1.1"),
            ),
            (
                "m, client: 1.2.3.4, server: a, request: \"GET /\", upstream: \"http://evil/\", host: \"x HTTP/1.1\", \
              upstream: \"http://10.0.0.1:80/\", host: \"h\"",
                with("GET /\", upstream: \"http://evil/\", host: \"x HTTP/1.1"),
            ),
            (
                "m, client: 1.2.3.4, server: a, request: \"GET /, client: 6.6.6.6, server: evil HTTP/1.1\", \
              upstream: \"http://10.0.0.1:80/\", host: \"h\"",
                with("GET /, client: 6.6.6.6, server: evil HTTP/1.1"),
            ),
            (
                "m, client: 1.2.3.4, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\", host: \"h\", \
              referrer: \"x\", client: 6.6.6.6, server: evil, request: \"GET /e HTTP/1.1\", upstream: \"http://evil/\", host: \"e\"",
                with("GET / HTTP/1.1"),
            ),
            // the URI of the upstream field
            (
                "m, client: 1.2.3.4, server: a, request: \"GET / HTTP/1.1\", upstream: \"http://10.0.0.1:80/\",host:\"e\", host: \"h\"",
                {
                    let mut row = with("GET / HTTP/1.1");
                    row[4] = Some("http://10.0.0.1:80/\",host:\"e");
                    row
                },
            ),
        ]);
    }

    #[test]
    fn forged_fields_inside_a_message_never_win() {
        let path = "open() \"/var/www/x\" failed (13: Permission denied) while reading upstream, client: 6.6.6.6, server: e\" failed (2: No such file or directory)";
        let said = "FastCGI sent in stderr: \"bad login, client: 6.6.6.6, server: e, upstream: \"http://e/\" - x\" while reading upstream";
        for message in [path, said] {
            let text =
                format!("{message}, client: 1.2.3.4, server: a, request: \"GET / HTTP/1.1\", host: \"h\"");
            check(&[(
                &text,
                [
                    Some(message),
                    Some("1.2.3.4"),
                    Some("a"),
                    Some("GET / HTTP/1.1"),
                    None,
                    Some("h"),
                ],
            )]);
        }
    }
}
