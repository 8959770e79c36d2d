//! Paths of requests -> routes: what differs from one thing to the next is folded.

/// Bytes of a route at most.
const LONGEST: usize = 120;

/// `GET /shop/item/4711?x=1 HTTP/1.1` -> `GET`, and the path with its query.
pub(super) fn split(request: &[u8]) -> (&[u8], &[u8]) {
    let Some(space) = memchr::memchr(b' ', request) else {
        return (b"", request);
    };
    let (method, rest) = (&request[..space], &request[space + 1..]);
    let end = memchr::memchr(b' ', rest).unwrap_or(rest.len());
    (method, &rest[..end])
}

/// The route of a path: without its query, with `*` for segments that are numbers, hashes or UUIDs. `scratch` is used where
/// something has to be folded.
pub(super) fn fold<'a>(uri: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let end = uri
        .iter()
        .position(|byte| matches!(byte, b'?' | b';' | b'#'))
        .unwrap_or(uri.len());
    let path = &uri[..end.min(LONGEST)];
    if !path.iter().any(u8::is_ascii_digit) {
        return path;
    }
    scratch.clear();
    for (index, segment) in path.split(|byte| *byte == b'/').enumerate() {
        if index > 0 {
            scratch.push(b'/');
        }
        scratch.extend_from_slice(if is_id(segment) { b"*" } else { segment });
    }
    scratch
}

/// Numbers; eight and more of hex digits and dashes with a digit among them; long random words.
fn is_id(segment: &[u8]) -> bool {
    let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
    let hex = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    digits > 0
        && (digits == segment.len()
            || (segment.len() >= 8 && segment.iter().all(hex))
            || (segment.len() >= 20 && digits >= 4 && !segment.contains(&b'.')))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_the_same_route_folds_to_one() {
        for (uri, route) in [
            ("/", "/"),
            ("", ""),
            ("/shop/item/4711?x=1", "/shop/item/*"),
            ("/a/550e8400-e29b-41d4-a716-446655440000/b", "/a/*/b"),
            ("/blob/deadbeef01", "/blob/*"),
            ("/v2/users", "/v2/users"),
            ("/page2", "/page2"),
            ("/wp-login.php", "/wp-login.php"),
            ("/s/a8f5f167f44f4964e6c998dee827110cxyz", "/s/*"),
            ("/app.3f2a1b.js", "/app.3f2a1b.js"),
            ("//1//", "//*//"),
        ] {
            let mut scratch = Vec::new();
            assert_eq!(fold(uri.as_bytes(), &mut scratch), route.as_bytes(), "{uri}");
        }
    }

    #[test]
    fn requests_are_taken_apart() {
        for (request, method, uri) in [
            ("GET / HTTP/1.1", "GET", "/"),
            ("GET /x", "GET", "/x"),
            ("\\x16\\x03\\x01", "", "\\x16\\x03\\x01"),
            ("", "", ""),
        ] {
            assert_eq!(
                split(request.as_bytes()),
                (method.as_bytes(), uri.as_bytes()),
                "{request}"
            );
        }
    }
}
