//! Sessions that a site just gave us do not leave a looker.

use super::connect;
use crate::answer::{Bytes, Conversation};

/// Values of `Set-Cookie` are sessions that the site just gave us.
pub(super) fn without_sessions(mut talk: Conversation) -> Conversation {
    let (head, body) = connect::split_head(&talk.heard.0);
    let mut clean = Vec::with_capacity(talk.heard.0.len());
    for line in head.split_inclusive(|byte| *byte == b'\n') {
        let is_cookie = line.len() > 11 && line[..11].eq_ignore_ascii_case(b"set-cookie:");
        match line.iter().position(|byte| *byte == b'=').filter(|_| is_cookie) {
            Some(at) => {
                clean.extend_from_slice(&line[..=at]);
                clean.extend_from_slice(b"...\r\n");
            }
            None => clean.extend_from_slice(line),
        }
    }
    clean.extend_from_slice(body);
    talk.heard = Bytes(clean);
    talk
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::answer::{Connect, End};

    #[test]
    fn a_session_is_told_by_its_name() {
        let talk = Conversation {
            connect: Connect::Accepted,
            connect_us: 0,
            heard: Bytes(
                b"HTTP/1.1 502 x\r\nset-cookie: sid=CANARY; Path=/\r\nServer: a=b\r\n\r\nSet-Cookie: x=y"
                    .to_vec(),
            ),
            end: End::Closed,
            first_byte_ms: None,
            tls: None,
        };
        let heard = without_sessions(talk).heard.0;
        let told = b"HTTP/1.1 502 x\r\nset-cookie: sid=...\r\nServer: a=b\r\n\r\nSet-Cookie: x=y";
        assert_eq!(heard, told);
    }
}
