//! The least of HTTP/1.1 that a question needs. The answer is judged elsewhere.

/// The connection is not needed any more.
pub(super) const CLOSE: &str = "Connection: close\r\n";
/// Nothing is said about the connection: in HTTP/1.1 the server may keep it.
pub(super) const KEEP: &str = "";
/// A WebSocket is wanted, with the key of RFC 6455 section 1.3: any 16 bytes will do.
pub(super) const UPGRADE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                                  Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";

/// A request that only asks; the target and host come from a config, so anything that could smuggle is refused.
pub(super) fn request(method: &str, target: &str, host: &str, connection: &str) -> Result<Vec<u8>, String> {
    if !matches!(method, "GET" | "HEAD") {
        return Err(format!("{method} could change something"));
    }
    if [target, host]
        .iter()
        .any(|part| part.bytes().any(|byte| byte <= b' ' || byte == 0x7f))
    {
        return Err("a space or control character in the target or host".into());
    }
    let head = format!("Host: {host}\r\nUser-Agent: why502\r\nAccept: */*\r\n{connection}");
    Ok(format!("{method} {target} HTTP/1.1\r\n{head}\r\n").into_bytes())
}

/// The head with the empty line behind it, and the rest.
pub(in crate::live) fn split(heard: &[u8]) -> (&[u8], &[u8]) {
    let end = heard.windows(4).position(|it| it == b"\r\n\r\n");
    heard.split_at(end.map_or(heard.len(), |end| end + 4))
}

/// The head is complete.
pub(super) fn has_head(heard: &[u8]) -> bool {
    head(heard).is_some()
}

/// Head and body are complete. Where only closing ends the body this stays false.
pub(super) fn is_whole(heard: &[u8]) -> bool {
    let Some((body_at, status, length)) = head(heard) else {
        return false;
    };
    match length {
        _ if matches!(status, 101 | 204 | 304) => true,
        Length::Bytes(length) => (heard.len() - body_at) as u64 >= length,
        Length::Chunked => heard.ends_with(b"\r\n0\r\n\r\n"),
        Length::UntilClosed => false,
    }
}

enum Length {
    Bytes(u64),
    Chunked,
    UntilClosed,
}

/// Where the body begins, the status, and how long the body is.
fn head(heard: &[u8]) -> Option<(usize, u16, Length)> {
    let mut headers = [httparse::EMPTY_HEADER; 100];
    let mut response = httparse::Response::new(&mut headers);
    let httparse::Status::Complete(body_at) = response.parse(heard).ok()? else {
        return None;
    };
    let value = |name: &str| {
        let header = response
            .headers
            .iter()
            .find(|header| header.name.eq_ignore_ascii_case(name))?;
        Some(String::from_utf8_lossy(header.value).trim().to_ascii_lowercase())
    };
    let length = match (value("transfer-encoding"), value("content-length")) {
        (Some(encoding), _) if encoding.ends_with("chunked") => Length::Chunked,
        (None, Some(length)) => length.parse().map_or(Length::UntilClosed, Length::Bytes),
        _ => Length::UntilClosed,
    };
    Some((body_at, response.code?, length))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_an_answer_is_whole() {
        for (heard, whole) in [
            ("", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\na", false),
            ("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", true),
            ("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\nab", false),
            ("HTTP/1.1 204 No\r\n\r\n", true),
            ("HTTP/1.1 200 OK\r\n\r\nab", false),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na",
                false,
            ),
            (
                "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\n",
                true,
            ),
            ("SSH-2.0-OpenSSH\r\n", false),
        ] {
            assert_eq!(is_whole(heard.as_bytes()), whole, "{heard:?}");
        }
    }

    #[test]
    fn nothing_but_a_question_is_asked() {
        assert!(request("GET", "/a?b=c", "shop.example:8080", CLOSE).is_ok());
        for (method, target, host) in [
            ("POST", "/", "a"),
            ("GET", "/ HTTP/1.1\r\nX: y", "a"),
            ("GET", "/", "a\r\nX: y"),
            ("GET", "/a b", "a"),
        ] {
            assert!(
                request(method, target, host, CLOSE).is_err(),
                "{method} {target:?} {host:?}"
            );
        }
    }
}
