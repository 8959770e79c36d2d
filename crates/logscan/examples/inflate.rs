//! Inflates a gzip file to nowhere: what `cargo xtask bench logs` measures packed logs against.
#![expect(
    clippy::disallowed_methods,
    reason = "a development tool: it reads the file it is told"
)]

use std::{fs::File, io};

fn main() -> io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or(io::ErrorKind::InvalidInput)?;
    let file = io::BufReader::with_capacity(128 << 10, File::open(path)?);
    io::copy(&mut flate2::bufread::MultiGzDecoder::new(file), &mut io::sink()).map(|_| ())
}
