//! The smallest program that can serve as a looker: tests of `host::live` start it.
//!
//! With a query (as JSON) and a path it is a program that looks, and that ends while its look hangs: as soon as
//! something stands at the path.

#![expect(clippy::disallowed_methods, reason = "what tests start")]

use host::{Host, Live, Query, live};
use std::{error::Error, path::Path, thread, time::Duration};

fn main() -> Result<(), Box<dyn Error>> {
    let args: Vec<String> = std::env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>().as_slice() {
        [word] if *word == live::LOOKER_WORD => live::looker_main()?,
        [query, path] => leave(serde_json::from_str(query)?, Path::new(path)),
        _ => return Err("usage: host-looker QUERY PATH".into()),
    }
    Ok(())
}

fn leave(query: Query, path: &Path) {
    thread::spawn(move || Live::new().ask(&query));
    while !path.exists() {
        thread::sleep(Duration::from_millis(2));
    }
}
