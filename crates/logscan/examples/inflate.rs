//! Inflates a gzip file to nowhere: what `cargo xtask bench logs` measures packed logs against.
#![expect(
    clippy::disallowed_methods,
    reason = "a development tool: it reads the file it is told"
)]

use flate2::bufread::MultiGzDecoder;
use std::{
    fs::File,
    io::{self, Read},
};

fn main() -> io::Result<()> {
    let path = std::env::args_os().nth(1).ok_or(io::ErrorKind::InvalidInput)?;
    let file = io::BufReader::with_capacity(128 << 10, File::open(path)?);
    let (mut text, mut part) = (MultiGzDecoder::new(file), vec![0; 256 << 10]);
    while text.read(&mut part)? > 0 {}
    Ok(())
}
