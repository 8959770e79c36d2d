//! FastCGI records (fastcgi-archives.github.io/FastCGI_Specification.html), as far as one request needs.

const BEGIN_REQUEST: u8 = 1;
const END_REQUEST: u8 = 3;
const PARAMS: u8 = 4;
const STDIN: u8 = 5;
const GET_VALUES: u8 = 9;
const GET_VALUES_RESULT: u8 = 10;
/// Version, type, request id, content length, padding length, reserved.
const HEAD: usize = 8;
/// Longest content of a record that keeps eight-byte alignment.
const MAX_CONTENT: usize = 0xfff8;

/// Asks the protocol layer for its limits; no script runs.
pub(super) fn get_values() -> Vec<u8> {
    let names = ["FCGI_MAX_CONNS", "FCGI_MAX_REQS", "FCGI_MPXS_CONNS"];
    record(
        GET_VALUES,
        0,
        &names.iter().flat_map(|name| pair(name, "")).collect::<Vec<_>>(),
    )
}

/// A request in the role of responder, without a body, whose connection closes afterwards.
pub(super) fn request(params: &[(String, String)]) -> Vec<u8> {
    let params: Vec<u8> = params
        .iter()
        .flat_map(|(name, value)| pair(name, value))
        .collect();
    let mut says = record(BEGIN_REQUEST, 1, &[0, 1, 0, 0, 0, 0, 0, 0]);
    for part in params.chunks(MAX_CONTENT) {
        says.extend(record(PARAMS, 1, part));
    }
    says.extend(record(PARAMS, 1, &[]));
    says.extend(record(STDIN, 1, &[]));
    says
}

fn record(kind: u8, request: u8, content: &[u8]) -> Vec<u8> {
    // the callers' contents are shorter than a record can be
    let [high, low] = u16::try_from(content.len()).unwrap_or_default().to_be_bytes();
    [&[1, kind, 0, request, high, low, 0, 0], content].concat()
}

fn pair(name: &str, value: &str) -> Vec<u8> {
    [length(name), length(value), name.into(), value.into()].concat()
}

/// One byte up to 127, else four with the highest bit set.
fn length(text: &str) -> Vec<u8> {
    match u8::try_from(text.len()) {
        Ok(short) if short < 0x80 => vec![short],
        _ => (u32::try_from(text.len()).unwrap_or_default() | 1 << 31)
            .to_be_bytes()
            .to_vec(),
    }
}

/// The last record of an answer was heard.
pub(super) fn is_whole(mut heard: &[u8]) -> bool {
    while let Some([_, kind, _, _, high, low, padding, _]) = heard.first_chunk::<HEAD>() {
        let length = HEAD + usize::from(u16::from_be_bytes([*high, *low])) + usize::from(*padding);
        let Some(rest) = heard.get(length..) else {
            return false;
        };
        if matches!(*kind, END_REQUEST | GET_VALUES_RESULT) {
            return true;
        }
        heard = rest;
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn records_as_php_fpm_reads_them() {
        let values = get_values();
        assert_eq!(values[..8], [1, 9, 0, 0, 0, 48, 0, 0]);
        assert_eq!(values.len(), 8 + 48);
        let long = "x".repeat(200);
        let says = request(&[("A".into(), "b".into()), ("LONG".into(), long)]);
        assert_eq!(says[..16], [1, 1, 0, 1, 0, 8, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0]);
        assert_eq!(says[24..28], [1, 1, b'A', b'b']);
        assert_eq!(says[28..33], [4, 0x80, 0, 0, 200]);
        assert!(says.ends_with(&[1, 4, 0, 1, 0, 0, 0, 0, 1, 5, 0, 1, 0, 0, 0, 0]));
    }

    #[test]
    fn an_answer_is_whole_with_its_last_record() {
        let stdout = record(6, 1, b"Status: 200\r\n\r\nhi");
        let end = record(END_REQUEST, 1, &[0; 8]);
        assert!(is_whole(&[stdout.clone(), end.clone()].concat()));
        assert!(!is_whole(&stdout));
        assert!(!is_whole(&[&stdout[..], &end[..9]].concat()));
        assert!(!is_whole(b"HTTP/1.1 400 Bad Request\r\n\r\n"));
    }
}
