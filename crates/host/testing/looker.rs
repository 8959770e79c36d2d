//! The smallest program that can serve as a looker: tests of `host::live` start it.
//!
//! With a query (as JSON) and a path it is a program that looks, and that ends while its look hangs: as soon as the
//! program at that path runs.

#![expect(clippy::disallowed_methods, reason = "what tests start")]

use host::{Host, Live, Query, live};
use std::{error::Error, fs, thread, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [word] if *word == live::LOOKER_WORD => live::looker_main()?,
        [query, path] => leave(serde_json::from_str(query)?, path),
        _ => return Err("usage: host-looker QUERY PATH".into()),
    }
    Ok(())
}

fn leave(query: Query, program: &str) {
    thread::spawn(move || Live::new().ask(&query));
    while !others().any(|args| args.split(|byte| *byte == 0).any(|arg| arg == program.as_bytes())) {
        thread::sleep(Duration::from_millis(2));
    }
}

/// The arguments of every other process.
fn others() -> impl Iterator<Item = Vec<u8>> {
    let me = std::process::id().to_string();
    let all = fs::read_dir("/proc").into_iter().flatten().flatten();
    let others = all.filter(move |it| *it.file_name() != *me);
    others.filter_map(|it| fs::read(it.path().join("cmdline")).ok())
}
