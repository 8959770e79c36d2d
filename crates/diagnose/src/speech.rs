//! What a port speaks, from the answers it gave when it was asked in several protocols.

use crate::{
    Case, Evidence, Measure, Rank, Remedy, Source,
    case::{PeerSight, Spoken},
    evidence::quote,
    topology::{Protocol, Route},
};
use host::{Endpoint, Talk};
use std::fmt;

/// A protocol that a port was heard to speak.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Speech {
    /// HTTP/1.
    Http,
    /// TLS, whatever is inside.
    Tls,
    /// FastCGI.
    FastCgi,
    /// uwsgi.
    Uwsgi,
    /// HTTP/2 without TLS.
    Http2,
    /// HTTP/1 behind a PROXY protocol header, and nothing without it.
    Proxied,
    /// One that no web server speaks: `SSH`, `MySQL`…
    Alien(&'static str),
}

impl fmt::Display for Speech {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Http => "HTTP",
            Self::Tls => "TLS",
            Self::FastCgi => "FastCGI",
            Self::Uwsgi => "uwsgi",
            Self::Http2 => "HTTP/2",
            Self::Proxied => "HTTP behind the PROXY protocol",
            Self::Alien(name) => name,
        })
    }
}

/// What this port speaks; `None` where it was not asked or no answer tells.
pub fn of(peer: &PeerSight) -> Option<Speech> {
    let any = |test: fn(&Spoken) -> bool| peer.speaks.iter().any(test);
    if let Some(alien) = peer.speaks.iter().find_map(alien) {
        return Some(Speech::Alien(alien));
    }
    // a TLS server tells off plain HTTP in plain HTTP
    if any(Spoken::is_tls) {
        return Some(Speech::Tls);
    }
    if any(|it| matches!(it.talk, Talk::Http { tls: None, .. }) && it.is_http()) {
        return Some(Speech::Http);
    }
    if any(is_fastcgi) {
        return Some(Speech::FastCgi);
    }
    if any(is_http2) {
        return Some(Speech::Http2);
    }
    // a server of HTTP says in HTTP that it did not understand
    let misread = |status: u16| matches!(status, 400 | 408 | 414 | 431 | 501 | 505);
    let in_http = |talk: &Talk| {
        let mut said = peer.speaks.iter().filter(|it| it.talk == *talk);
        said.any(|it| it.http_status().is_some_and(|status| !misread(status)))
    };
    let uwsgi = in_http(&Talk::Uwsgi).then_some(Speech::Uwsgi);
    uwsgi.or_else(|| in_http(&Talk::Proxied).then_some(Speech::Proxied))
}

/// What nginx has to find there; `None` where any bytes will do.
pub fn wanted(protocol: Protocol) -> Option<Speech> {
    Some(match protocol {
        Protocol::Http => Speech::Http,
        Protocol::Https | Protocol::Grpcs => Speech::Tls,
        Protocol::FastCgi => Speech::FastCgi,
        Protocol::Uwsgi => Speech::Uwsgi,
        Protocol::Grpc => Speech::Http2,
        Protocol::Scgi | Protocol::Memcached | Protocol::Stream => return None,
    })
}

/// A peer that was heard to speak something else than nginx speaks to it.
#[derive(Clone, Copy, Debug)]
pub struct Mismatch<'a> {
    /// The peer.
    pub peer: &'a PeerSight,
    /// The route.
    pub route: &'a Route,
    /// What nginx has to find there.
    pub wanted: Speech,
    /// What is spoken there.
    pub heard: Speech,
}

/// The first such peer of a case.
pub fn mismatch(case: &Case) -> Option<Mismatch<'_>> {
    let route = case.route.as_ref()?;
    let wanted = wanted(route.protocol)?;
    case.peers.iter().filter(|peer| peer.in_use).find_map(|peer| {
        let heard = of(peer).filter(|heard| *heard != wanted)?;
        Some(Mismatch {
            peer,
            route,
            wanted,
            heard,
        })
    })
}

impl Mismatch<'_> {
    /// The answer that tells, as evidence.
    pub fn evidence(&self) -> Evidence {
        let Self {
            peer,
            route,
            wanted,
            heard,
        } = self;
        Evidence::supports(
            Rank::Decisive,
            format!(
                "asked in both, {} answers in {heard} and not in {wanted}, which nginx speaks to it ({})",
                peer.endpoint, route.written
            ),
            Source::command(heard.question(&peer.endpoint)),
        )
    }

    /// Another scheme in front of the address: `http://` to `https://`.
    pub fn scheme(&self, old: &str, new: &str) -> Remedy {
        let route = self.route;
        Remedy::ask(
            format!("write {new} in place of {old} at {}", route.written),
            vec![
                Measure::NginxReplace {
                    at: route.written.clone(),
                    old: old.to_owned(),
                    new: new.to_owned(),
                },
                Measure::ReloadNginx { nginx: route.nginx },
            ],
        )
    }
}

impl Speech {
    /// The command that asks a port so.
    fn question(self, endpoint: &Endpoint) -> String {
        let at = match endpoint {
            Endpoint::Tcp(at) => at.to_string(),
            Endpoint::Unix(path) => {
                return format!(
                    "curl -sv --unix-socket {} http://x/",
                    quote(&path.to_string_lossy())
                );
            }
        };
        match self {
            Self::Tls => format!("openssl s_client -connect {at} </dev/null"),
            Self::FastCgi => format!("cgi-fcgi -bind -connect {at}"),
            Self::Uwsgi => format!("uwsgi_curl {at} /"),
            Self::Http2 => format!("curl -sv --http2-prior-knowledge http://{at}/ -o /dev/null"),
            Self::Proxied => format!("curl -sv --haproxy-protocol http://{at}/ -o /dev/null"),
            Self::Http | Self::Alien(_) => format!("curl -sv http://{at}/ -o /dev/null"),
        }
    }
}

/// GET_VALUES_RESULT, or UNKNOWN_TYPE, of version 1 (FastCGI specification, section 4).
fn is_fastcgi(spoken: &Spoken) -> bool {
    spoken.talk == Talk::FastCgi && matches!(spoken.answer.heard.0.as_slice(), [1, 10 | 11, ..])
}

/// A SETTINGS frame on stream 0 comes first (RFC 9113 section 3.4).
fn is_http2(spoken: &Spoken) -> bool {
    spoken.talk == Talk::H2 && matches!(spoken.answer.heard.0.as_slice(), [_, _, _, 4, _, 0, 0, 0, 0, ..])
}

/// Servers that greet first, or that answer a stranger's words in their own.
fn alien(spoken: &Spoken) -> Option<&'static str> {
    let heard = spoken.answer.heard.0.as_slice();
    match heard {
        [b'S', b'S', b'H', b'-', ..] => Some("SSH"),
        // protocol version 10 after a packet of sequence number 0
        [_, _, 0, 0, 10, rest @ ..] if rest.first().is_some_and(u8::is_ascii_digit) => Some("MySQL"),
        [b'2', b'2', b'0', b' ' | b'-', ..] => Some("SMTP or FTP"),
        _ if heard.starts_with(b"+PONG\r\n") || heard.starts_with(b"-NOAUTH ") => Some("Redis"),
        _ if heard.starts_with(b"-ERR wrong number of arguments for 'head'") => Some("Redis"),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{Fixture, heard, http_talk};

    #[track_caller]
    fn check(said: &[(Talk, &[u8])], expect: Option<Speech>) {
        let mut fixture = Fixture::gunicorn();
        for (talk, bytes) in said {
            fixture = fixture.peer(|peer| peer.speaks.push(heard(talk.clone(), bytes)));
        }
        assert_eq!(of(&fixture.peers[0]), expect, "{said:?}");
    }

    #[test]
    fn told_by_the_answers() {
        let http = http_talk();
        let tls = || Talk::Tls { sni: None };
        check(&[(http.clone(), b"HTTP/1.1 200 OK\r\n\r\n")], Some(Speech::Http));
        check(
            &[
                (http.clone(), b"HTTP/1.1 400 Bad Request\r\n\r\n"),
                (tls(), b"\x15\x03\x03\0\x02\x02\x28"),
            ],
            Some(Speech::Tls),
        );
        check(
            &[
                (http.clone(), b""),
                (Talk::Uwsgi, b"HTTP/1.1 404 Not Found\r\n\r\n"),
            ],
            Some(Speech::Uwsgi),
        );
        check(
            &[
                (http.clone(), b"HTTP/1.1 200 OK\r\n\r\n"),
                (Talk::Uwsgi, b"HTTP/1.1 400 B\r\n\r\n"),
            ],
            Some(Speech::Http),
        );
        check(
            &[(http.clone(), b""), (Talk::FastCgi, &[1, 10, 0, 0, 0, 0, 0, 0])],
            Some(Speech::FastCgi),
        );
        check(
            &[(http.clone(), b""), (Talk::H2, &[0, 0, 6, 4, 0, 0, 0, 0, 0])],
            Some(Speech::Http2),
        );
        check(
            &[(http.clone(), b"SSH-2.0-OpenSSH_9\r\n")],
            Some(Speech::Alien("SSH")),
        );
        check(&[(http, b""), (Talk::FastCgi, b""), (tls(), b"")], None);
        // the page that was asked crashes it, so only a misread greeting was answered
        let misread = &b"HTTP/1.1 400 Bad Request\r\n\r\n"[..];
        check(
            &[
                (http_talk(), b""),
                (Talk::Proxied, misread),
                (Talk::Uwsgi, misread),
            ],
            None,
        );
        check(&[], None);
    }
}
