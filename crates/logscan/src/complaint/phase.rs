//! The `while …` of a message: nginx's `c->log->action`.

use super::Phase;

const WHILE: &str = " while ";

/// Actions by their beginning, as people cut them when they paste. Sources: `ngx_http_upstream.c`, `ngx_http_request.c`,
/// `ngx_resolver.c`, `ngx_stream_proxy_module.c`. Longer ones before their own prefixes.
const ACTIONS: [(&str, Phase); 15] = [
    ("connecting to upstream", Phase::Connecting),
    ("SSL handshaking to upstream", Phase::Handshaking),
    ("sending request to upstream", Phase::Sending),
    ("reading response header", Phase::ReadingHeader),
    ("reading upstream", Phase::ReadingBody),
    ("proxying and reading from upstream", Phase::ReadingBody),
    ("reading client", Phase::ReadingClient),
    ("waiting for request", Phase::ReadingClient),
    ("reading PROXY protocol", Phase::ReadingClient),
    ("SSL handshaking", Phase::ReadingClient),
    ("sending to client", Phase::SendingToClient),
    ("sending response to client", Phase::SendingToClient),
    ("resolving", Phase::Resolving),
    ("requesting certificate status", Phase::Other),
    ("logging to syslog", Phase::Other),
];

impl Phase {
    /// The work is on the upstream's connection, not on the client's.
    pub fn is_upstream(self) -> bool {
        use Phase::{Connecting, Handshaking, ReadingBody, ReadingHeader, Sending};
        matches!(
            self,
            Connecting | Handshaking | Sending | ReadingHeader | ReadingBody
        )
    }
}

/// The message without its last `while …`, and what that says. Quoted text and OpenSSL's reasons may hold a `while`
/// of their own, so an action is words to the end.
pub(crate) fn split(message: &str) -> (&str, Option<Phase>) {
    let mut spaces = memchr::memrchr_iter(b' ', message.as_bytes());
    let Some(at) = spaces.find(|at| message[*at..].starts_with(WHILE)) else {
        return (message, None);
    };
    let (body, action) = (&message[..at], &message[at + WHILE.len()..]);
    match ACTIONS
        .iter()
        .find(|(beginning, _)| action.starts_with(beginning))
    {
        Some((_, phase)) => (body, Some(*phase)),
        None if is_words(action) => (body, Some(Phase::Other)),
        None => (message, None),
    }
}

fn is_words(action: &str) -> bool {
    !action.is_empty() && action.bytes().all(|b| b.is_ascii_alphabetic() || b == b' ')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_while_is_the_phase() {
        let rows = [
            (
                "connect() failed while connecting to upstream",
                "connect() failed",
                Some(Phase::Connecting),
            ),
            (
                "x while SSL handshaking to upstream",
                "x",
                Some(Phase::Handshaking),
            ),
            ("x while SSL handshaking", "x", Some(Phase::ReadingClient)),
            (
                "x while reading response header from upstream",
                "x",
                Some(Phase::ReadingHeader),
            ),
            ("x while reading upstream", "x", Some(Phase::ReadingBody)),
            ("x while sending request to upstream", "x", Some(Phase::Sending)),
            (
                "x while reading client request headers",
                "x",
                Some(Phase::ReadingClient),
            ),
            ("x while proxying upgraded connection", "x", Some(Phase::Other)),
            ("x while logging request", "x", Some(Phase::Other)),
            (
                "a while b: \"c\" while reading upstream",
                "a while b: \"c\"",
                Some(Phase::ReadingBody),
            ),
            (
                "f (SSL: unexpected eof while reading)",
                "f (SSL: unexpected eof while reading)",
                None,
            ),
            ("no phase", "no phase", None),
        ];
        for (message, body, phase) in rows {
            assert_eq!(split(message), (body, phase), "{message}");
        }
    }
}
