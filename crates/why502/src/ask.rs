//! A question to a person, where there is one.

use rustix::termios::{QueueSelector, tcflush};
use std::io::{self, BufRead, IsTerminal, Write};

/// Somebody reads what we print and can answer.
pub fn is_somebody_there() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// Asks, and takes nothing but yes for it. What was typed before the question stood there is no answer to it.
///
/// # Errors
/// Where the terminal is gone.
pub fn agrees(question: &str) -> io::Result<bool> {
    let _ = tcflush(io::stdin(), QueueSelector::IFlush);
    let mut screen = anstream::stdout();
    write!(screen, "{question} [y/N] ")?;
    screen.flush()?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if !answer.ends_with('\n') {
        writeln!(screen)?;
    }
    Ok(matches!(answer.trim().to_lowercase().as_str(), "y" | "yes"))
}
