//! Rotated logs as logrotate compresses them.

use flate2::read::MultiGzDecoder;
use std::io::Read;

/// The end of what a gzip file holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tail {
    /// The last bytes.
    pub bytes: Vec<u8>,
    /// They are all there is.
    pub whole: bool,
}

/// Inflates and keeps the last `keep` bytes. `None` for what is no gzip, is damaged, or holds more than `most` bytes: a
/// megabyte of zeros is a kilobyte compressed.
pub fn tail(compressed: &[u8], keep: usize, most: u64) -> Option<Tail> {
    let mut inflated = MultiGzDecoder::new(compressed).take(most.saturating_add(1));
    let mut bytes = Vec::new();
    let mut total = 0;
    let mut part = vec![0; 64 << 10];
    loop {
        let count = inflated.read(&mut part).ok()?;
        total += count as u64;
        if count == 0 || total > most {
            break;
        }
        bytes.extend_from_slice(&part[..count]);
        if bytes.len() > keep.saturating_mul(2) {
            bytes.drain(..bytes.len() - keep);
        }
    }
    bytes.drain(..bytes.len().saturating_sub(keep));
    let whole = total == bytes.len() as u64;
    (total <= most).then_some(Tail { bytes, whole })
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(text: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
        encoder.write_all(text).expect("into memory");
        encoder.finish().expect("into memory")
    }

    #[test]
    fn the_end_is_kept_and_a_bomb_is_refused() {
        let text: Vec<u8> = (0..200_000u32)
            .flat_map(|i| format!("{i}\n").into_bytes())
            .collect();
        let tail_of = |keep| tail(&gzip(&text), keep, 2 << 20).expect("gzip");
        assert_eq!(
            tail_of(2 << 20),
            Tail {
                bytes: text.clone(),
                whole: true
            }
        );
        assert_eq!(
            tail_of(14),
            Tail {
                bytes: b"199998\n199999\n".to_vec(),
                whole: false
            }
        );
        assert_eq!(tail(&gzip(&vec![0; 4 << 20]), 100, 2 << 20), None);
        let twice = [gzip(b"a\n"), gzip(b"b\n")].concat();
        assert_eq!(tail(&twice, 10, 10).expect("two members").bytes, b"a\nb\n");
    }

    #[test]
    fn what_is_no_gzip_is_none() {
        let damaged = |at: usize| {
            let mut bytes = gzip(b"a line\n");
            bytes.truncate(at);
            bytes
        };
        for bytes in [
            &b""[..],
            b"plain text\n",
            &[0x1f, 0x8b],
            &damaged(12),
            &damaged(20),
        ] {
            assert_eq!(tail(bytes, 100, 100), None, "{bytes:?}");
        }
    }
}
