//! A complaint in a few words.

use crate::complaint::{Complaint, Phase, Trouble};
use std::fmt;

impl fmt::Display for Complaint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.trouble)?;
        match self.phase {
            Some(phase) if phase != Phase::Other => write!(f, " while {phase}"),
            _ => Ok(()),
        }
    }
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Connecting => "connecting",
            Self::Handshaking => "shaking hands (TLS)",
            Self::Sending => "sending the request",
            Self::ReadingHeader => "waiting for the answer",
            Self::ReadingBody => "reading the answer",
            Self::ReadingClient => "reading from the client",
            Self::SendingToClient => "sending to the client",
            Self::Resolving => "resolving",
            Self::Other => "doing something else",
        })
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Connect(errno) | Self::Receive(errno) | Self::Send(errno) => {
                write!(f, "{}", errno_words(*errno))
            }
            Self::TimedOut => f.write_str("timed out"),
            Self::ClosedEarly => f.write_str("the upstream closed the connection"),
            Self::HeaderTooBig => f.write_str("too big a header"),
            Self::NotHttp => f.write_str("an answer that is not HTTP"),
            Self::InvalidResponse(what) => write!(f, "invalid answer: {what}"),
            Self::NotFastCgi(what) => write!(f, "not FastCGI: {what}"),
            Self::NotHttp2(what) => write!(f, "not HTTP/2: {what}"),
            Self::NoLiveUpstreams => f.write_str("no live upstreams"),
            Self::PeerDisabled => f.write_str("upstream server temporarily disabled"),
            Self::Unresolved { name, code } => write!(f, "{name} could not be resolved ({code})"),
            Self::ResolverUnreachable { errno, .. } => write!(f, "resolver: {}", errno_words(*errno)),
            Self::ResolverOdd(what) => write!(f, "resolver: {what}"),
            Self::NoResolver(name) => write!(f, "no resolver defined to resolve {name}"),
            Self::HostNotFound { name, .. } => write!(f, "host not found: {name}"),
            Self::Tls { reason, .. } => write!(f, "TLS: {reason}"),
            Self::TlsVerify { text, .. } => write!(f, "certificate: {text}"),
            Self::TlsName(name) => write!(f, "certificate does not match {name}"),
            Self::TlsClosed => f.write_str("closed during the TLS handshake"),
            Self::BackendStderr(text) => write!(f, "the backend said: {}", without_trace(text)),
            Self::WorkerConnections(count) => write!(f, "{count} worker_connections are not enough"),
            Self::TooManyFiles => f.write_str("too many open files (24)"),
            Self::TempFile { errno, path } => write!(f, "{}: {}", path.display(), errno_words(*errno)),
            Self::ListenFailed { errno, address } => {
                write!(f, "listen on {address}: {}", errno_words(*errno))
            }
            Self::BindFailed(errno) => write!(f, "proxy_bind: {}", errno_words(*errno)),
            Self::Limited(what) => write!(f, "limited: {what}"),
            Self::BodyTooLarge => f.write_str("too large a request body"),
            Self::BadConfig { text, .. } => write!(f, "config: {text}"),
            Self::WorkerDied { signal } => write!(f, "an nginx worker died of signal {signal}"),
            Self::LogWrite { errno, path } => write!(f, "{}: {}", path.display(), errno_words(*errno)),
            Self::RequestTooBig(text) => write!(f, "request too big for the backend: {text}"),
            Self::BackendLog(text) => write!(f, "a backend's log says: {text}"),
            Self::Status(status) => write!(f, "status {status}"),
            Self::Unrelated => f.write_str("unrelated"),
        }
    }
}

/// What PHP said of an error, without its mark and without the trace after it: the place in the code stands in both. A
/// newline is written as `\\n` by php-fpm.
pub fn without_trace(text: &str) -> &str {
    let end = ["\\nStack trace:", "\nStack trace:"]
        .iter()
        .filter_map(|mark| text.find(mark))
        .min();
    let said = text.get(..end.unwrap_or(text.len())).unwrap_or(text);
    said.strip_prefix("PHP message: ").unwrap_or(said)
}

/// Errno values as Linux words them; the number stays, for people search for it.
fn errno_words(errno: i32) -> String {
    let words = match errno {
        2 => "no such file",
        11 => "accept queue full",
        13 => "permission denied",
        24 => "too many open files",
        28 => "no space left",
        32 => "broken pipe",
        98 => "address in use",
        99 => "no free local port or address",
        101 => "network unreachable",
        104 => "connection reset",
        110 => "timed out",
        111 => "connection refused",
        113 => "no route to host",
        _ => "error",
    };
    format!("{words} ({errno})")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_trace_is_left_out_and_the_place_stays() {
        let said = "PHP message: PHP Fatal error:  Uncaught Error: x in /w/a.php:3\\nStack trace:\\n#0 {main}\\n  thrown";
        assert_eq!(
            without_trace(said),
            "PHP Fatal error:  Uncaught Error: x in /w/a.php:3"
        );
        assert_eq!(without_trace("Stack trace: none"), "Stack trace: none");
    }
}
