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
    let path = uri.get(..LONGEST).unwrap_or(uri);
    let (mut segment, mut start, mut folded, mut end) = (Segment::default(), 0, 0, 0);
    scratch.clear();
    for at in 0..=path.len() {
        let kind = path.get(at).map_or(END, |byte| KINDS[usize::from(*byte)]);
        if kind & (SLASH | END) == 0 {
            segment.add(kind);
            continue;
        }
        if segment.is_id(at - start) {
            scratch.extend_from_slice(&path[folded..start]);
            scratch.push(b'*');
            folded = at;
        }
        if kind == END {
            end = at;
            break;
        }
        (segment, start) = (Segment::default(), at + 1);
    }
    if folded == 0 {
        return &path[..end];
    }
    scratch.extend_from_slice(&path[folded..end]);
    scratch
}

const DIGIT: u8 = 1;
/// Hex digits and dashes.
const HEX: u8 = 2;
const DOT: u8 = 4;
const SLASH: u8 = 8;
/// What ends a path.
const END: u8 = 16;

const KINDS: [u8; 256] = {
    let mut kinds = [0; 256];
    let mut byte = 0u8;
    loop {
        kinds[byte as usize] = match byte {
            b'0'..=b'9' => DIGIT | HEX,
            b'a'..=b'f' | b'A'..=b'F' | b'-' => HEX,
            b'.' => DOT,
            b'/' => SLASH,
            b'?' | b';' | b'#' => END,
            _ => 0,
        };
        if byte == u8::MAX {
            break kinds;
        }
        byte += 1;
    }
};

/// What a segment of a path is made of.
struct Segment {
    digits: usize,
    every: u8,
    any: u8,
}

impl Default for Segment {
    fn default() -> Self {
        Self {
            digits: 0,
            every: u8::MAX,
            any: 0,
        }
    }
}

impl Segment {
    fn add(&mut self, kind: u8) {
        self.digits += usize::from(kind & DIGIT);
        self.every &= kind;
        self.any |= kind;
    }

    /// Numbers; eight and more of hex digits and dashes with a digit among them; long random words.
    fn is_id(&self, length: usize) -> bool {
        self.digits > 0
            && (self.digits == length
                || (length >= 8 && self.every & HEX != 0)
                || (length >= 20 && self.digits >= 4 && self.any & DOT == 0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

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

    /// As one would say it.
    fn plainly(uri: &[u8]) -> Vec<u8> {
        let end = uri
            .iter()
            .position(|byte| b"?;#".contains(byte))
            .unwrap_or(uri.len());
        let segments = uri[..end.min(LONGEST)]
            .split(|byte| *byte == b'/')
            .map(|segment| {
                let digits = segment.iter().filter(|byte| byte.is_ascii_digit()).count();
                let is_hex = segment
                    .iter()
                    .all(|byte| byte.is_ascii_hexdigit() || *byte == b'-');
                let is_long = segment.len() >= 20 && digits >= 4 && !segment.contains(&b'.');
                let is_id =
                    digits > 0 && (digits == segment.len() || (segment.len() >= 8 && is_hex) || is_long);
                if is_id { b"*" } else { segment }
            });
        segments.collect::<Vec<_>>().join(&b'/')
    }

    proptest! {
        #[test]
        fn one_glance_folds_as_many_do(uri in "[/a-g0-3.?;-]{0,140}") {
            let mut scratch = Vec::new();
            prop_assert_eq!(fold(uri.as_bytes(), &mut scratch), plainly(uri.as_bytes()));
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
