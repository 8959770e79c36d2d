//! Packing.

use crate::{Error, HEAD, Listed, MANIFEST, Manifest, Part, UNPACKED, digest};
use std::io::{self, Write};

/// Levels above cost seconds and save little on logs.
const LEVEL: i32 = 9;
/// What a tar adds to a file at most: its header, and zeros up to the next block; the archive ends with two blocks.
const FRAME: u64 = 3 * 512;

/// The archive's bytes, at most `limit` of them, packed for as long as `goes_on` says so. The same parts make the same bytes:
/// no times, no owners.
pub fn write(
    mut manifest: Manifest,
    mut parts: Vec<(Part, Vec<u8>)>,
    limit: u64,
    goes_on: &dyn Fn() -> bool,
) -> Result<Vec<u8>, Error> {
    // before their digests: what is refused costs nothing
    let unpacked: u64 = parts.iter().map(|(_, bytes)| bytes.len() as u64 + FRAME).sum();
    if unpacked + FRAME + HEAD > UNPACKED {
        return Err(Error::TooLarge { limit: UNPACKED });
    }
    parts.sort_by_key(|(part, _)| *part);
    let listed = parts.iter().map(|(part, bytes)| Listed {
        file: part.file().to_owned(),
        size: bytes.len() as u64,
        sha256: digest(bytes),
    });
    manifest.parts = listed.collect();
    let bounded = Bounded {
        bytes: Vec::new(),
        room: limit,
    };
    pack(&manifest, &parts, bounded, goes_on).map_err(|error| match error.kind() {
        io::ErrorKind::FileTooLarge => Error::TooLarge { limit },
        io::ErrorKind::TimedOut => Error::TooLong,
        _ => Error::Damaged(error),
    })
}

fn pack(
    manifest: &Manifest,
    parts: &[(Part, Vec<u8>)],
    to: Bounded,
    goes_on: &dyn Fn() -> bool,
) -> io::Result<Vec<u8>> {
    let to = zstd::Encoder::new(to, LEVEL)?;
    let mut archive = tar::Builder::new(Timed { to, goes_on });
    let head = serde_json::to_vec_pretty(manifest)?;
    append(&mut archive, MANIFEST, &head)?;
    for (part, bytes) in parts {
        append(&mut archive, part.file(), bytes)?;
    }
    Ok(archive.into_inner()?.to.finish()?.bytes)
}

fn append(archive: &mut tar::Builder<impl Write>, name: &str, bytes: &[u8]) -> io::Result<()> {
    let mut header = tar::Header::new_gnu();
    header.set_size(bytes.len() as u64);
    header.set_mode(0o600);
    archive.append_data(&mut header, name, bytes)
}

/// What is written goes on to another, as long as it may: a tar is copied in small pieces.
struct Timed<'a, W> {
    to: W,
    goes_on: &'a dyn Fn() -> bool,
}

impl<W: Write> Write for Timed<'_, W> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match (self.goes_on)() {
            true => self.to.write(bytes),
            false => Err(io::ErrorKind::TimedOut.into()),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

/// Bytes in memory, up to a limit.
struct Bounded {
    bytes: Vec<u8>,
    room: u64,
}

impl Write for Bounded {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let left = self.room.checked_sub(bytes.len() as u64);
        self.room = left.ok_or(io::ErrorKind::FileTooLarge)?;
        self.bytes.extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
