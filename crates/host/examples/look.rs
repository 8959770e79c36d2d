//! Tries looks by hand: `cargo run -p host --example look -- '{"Dir":{"path":"/etc"}}'` prints the answer and how
//! long it took. The query is written as in a recording.

#![expect(
    clippy::disallowed_methods,
    clippy::print_stdout,
    reason = "a tool of developers"
)]

use host::{Host, Live, Query, live};
use std::{error::Error, time::Instant};

fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1).peekable();
    if args.peek().is_some_and(|word| word == live::LOOKER_WORD) {
        return Ok(live::looker_main()?);
    }
    let live = Live::new();
    for query in args {
        let query: Query = serde_json::from_str(&query)?;
        let start = Instant::now();
        let answer = live.ask(&query);
        println!("{}\n{:?}", serde_json::to_string(&answer)?, start.elapsed());
    }
    Ok(())
}
