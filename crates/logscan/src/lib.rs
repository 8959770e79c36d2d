//! Access and error logs -> typed lines. No I/O: bytes come in, at any size, and nothing is lost in silence.

pub mod access;
pub mod complaint;
pub mod error_log;
pub mod text;

pub use complaint::{Complaint, Peer, Phase, Trouble};
pub use error_log::{ErrorLine, Level};
