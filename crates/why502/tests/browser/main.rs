//! The report in a real browser: Debian's Chromium, driven by its chromedriver. Without them it fails.
#![allow(
    clippy::disallowed_methods,
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "tests drive real software, and panic where it does not do as told"
)]

mod driver;
mod hostile;
mod page;
mod story;
