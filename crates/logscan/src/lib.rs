//! Access and error logs -> typed lines. No I/O: bytes come in, at any size, and nothing is lost in silence.

pub mod access;
pub mod complaint;
mod complaint_text;
pub mod error_log;
mod glance;
pub mod gzip;
pub mod scan;
pub mod text;

pub use complaint::{Complaint, Peer, PeerAddress, Phase, Trouble};
pub use complaint_text::without_trace;
pub use error_log::{ErrorLine, Level};

/// A number of nothing but digits.
fn digits(bytes: &[u8]) -> Option<u32> {
    bytes.iter().try_fold(0u32, |number, byte| {
        let digit = byte.is_ascii_digit().then(|| u32::from(byte - b'0'))?;
        number.checked_mul(10)?.checked_add(digit)
    })
}
