//! Paths of requests -> routes: what differs from one thing to the next is folded.

use crate::glance;
use std::ops::Range;

/// Bytes of a route at most.
const LONGEST: usize = 120;

/// `GET /shop/item/4711?x=1 HTTP/1.1` -> `GET`, and the path with its query.
pub(super) fn split(request: &[u8]) -> (&[u8], &[u8]) {
    let Some(space) = glance::find(b' ', request) else {
        return (b"", request);
    };
    let (method, rest) = (&request[..space], &request[space + 1..]);
    let end = glance::find(b' ', rest).unwrap_or(rest.len());
    (method, &rest[..end])
}

/// The route of a path: without its query, with `*` for segments that are numbers, hashes or UUIDs. `scratch` is used where
/// something has to be folded.
pub(super) fn fold<'a>(uri: &'a [u8], scratch: &'a mut Vec<u8>) -> &'a [u8] {
    let uri = uri.get(..LONGEST).unwrap_or(uri);
    let bytes = Bytes::of(uri);
    let path = &uri[..bytes.path];
    let mut folded = 0;
    scratch.clear();
    // only a segment with a digit can be an id
    let mut digits = bytes.digits & below(path.len());
    while digits != 0 {
        let digit = digits.trailing_zeros() as usize;
        let segment = bytes.segment(digit);
        digits &= !below(segment.end);
        if is_id(&path[segment.clone()], bytes.digits_in(&segment)) {
            scratch.extend_from_slice(&path[folded..segment.start]);
            scratch.push(b'*');
            folded = segment.end;
        }
    }
    if folded == 0 {
        return path;
    }
    scratch.extend_from_slice(&path[folded..]);
    scratch
}

/// What the bytes of a path are, one bit each.
struct Bytes {
    digits: u128,
    slashes: u128,
    /// Where its query begins.
    path: usize,
}

impl Bytes {
    fn of(uri: &[u8]) -> Self {
        let [digits, slashes, ends] = glance::masks(uri, |it| {
            let ends = it.is(b'?') | it.is(b';') | it.is(b'#');
            [it.is_within(b'0', b'9'), it.is(b'/'), ends]
        });
        Self {
            digits,
            slashes,
            path: (ends.trailing_zeros() as usize).min(uri.len()),
        }
    }

    /// The segment that holds this byte.
    fn segment(&self, at: usize) -> Range<usize> {
        let before = 128 - (self.slashes & below(at)).leading_zeros() as usize;
        let behind = (self.slashes & !below(at)).trailing_zeros() as usize;
        before..behind.min(self.path)
    }

    fn digits_in(&self, segment: &Range<usize>) -> usize {
        (self.digits & below(segment.end) & !below(segment.start)).count_ones() as usize
    }
}

/// Numbers; eight and more of hex digits and dashes with a digit among them; long random words.
fn is_id(segment: &[u8], digits: usize) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_hexdigit() || *byte == b'-';
    digits == segment.len()
        || (segment.len() >= 8 && segment.iter().all(is_hex))
        || (segment.len() >= 20 && digits >= 4 && !segment.contains(&b'.'))
}

/// A bit for each byte before `at`, which is at most [`LONGEST`].
fn below(at: usize) -> u128 {
    (1 << at) - 1
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
