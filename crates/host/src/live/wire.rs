//! Frames between the program and its lookers: four bytes of length, then JSON.

use serde::{Serialize, de::DeserializeOwned};
use std::io::{self, Read, Write};

/// Longest frame, bytes: a tool's 40 MiB of output, escaped.
const MAX_FRAME: usize = 256 << 20;

/// Length of the length.
pub(super) const HEAD: usize = 4;

/// One value as a frame.
pub(super) fn frame(value: &impl Serialize) -> io::Result<Vec<u8>> {
    let mut frame = vec![0; HEAD];
    serde_json::to_writer(&mut frame, value)?;
    let length = u32::try_from(frame.len() - HEAD).map_err(io::Error::other)?;
    frame[..HEAD].copy_from_slice(&length.to_le_bytes());
    Ok(frame)
}

/// The length that a frame's head announces.
pub(super) fn announced(head: [u8; HEAD]) -> io::Result<usize> {
    match u32::from_le_bytes(head) as usize {
        length if length <= MAX_FRAME => Ok(length),
        length => Err(io::Error::other(format!("an answer of {length} bytes"))),
    }
}

/// Reads one frame; `None` at the end of the stream.
pub(super) fn read<T: DeserializeOwned>(from: &mut impl Read) -> io::Result<Option<T>> {
    let mut head = [0; HEAD];
    match from.read_exact(&mut head) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let mut body = vec![0; announced(head)?];
    from.read_exact(&mut body)?;
    Ok(Some(serde_json::from_slice(&body)?))
}

/// Writes one frame.
pub(super) fn write(to: &mut impl Write, value: &impl Serialize) -> io::Result<()> {
    to.write_all(&frame(value)?)?;
    to.flush()
}
