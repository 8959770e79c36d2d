//! Small sentences that several causes say alike.

use crate::world::Said;
use std::time::Duration;

/// The longest quotation of a log line in a sentence, characters.
const QUOTE: usize = 220;

/// A time span as a person says it: `3 s`, `5 min`, `2 h`, `4 days`.
pub fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    match seconds {
        0 => format!("{:.1} s", time.as_secs_f64()),
        1..=119 => format!("{seconds} s"),
        120..=7199 => format!("{} min", seconds / 60),
        7200..=172_799 => format!("{} h", seconds / 3600),
        _ => format!("{} days", seconds / 86_400),
    }
}

/// `1 worker`, `3 workers`.
pub fn count(number: usize, thing: &str) -> String {
    let plural = if number == 1 { "" } else { "s" };
    format!("{number} {thing}{plural}")
}

/// A log line, cut where it is long.
pub fn clip(text: &str) -> String {
    let text = text.trim();
    match text.char_indices().nth(QUOTE) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

/// A line a backend wrote, with its time.
pub fn said(line: &Said<'_>) -> String {
    match line.at {
        Some(at) => format!("it said at {at}: {}", clip(line.text)),
        None => format!("it said: {}", clip(line.text)),
    }
}

/// The PHP version that a path or unit names, as people write it: `8.2` of `php8.2-fpm.sock`, `php82-php-fpm.service`
/// and `ea-php82`, `5` of `php5-fpm.sock`.
pub fn php_version(text: &str) -> Option<String> {
    text.match_indices("php").find_map(|(at, php)| {
        let rest = text.get(at + php.len()..)?;
        let end = rest
            .find(|c: char| !c.is_ascii_digit() && c != '.')
            .unwrap_or(rest.len());
        let number = rest.get(..end)?.trim_matches('.');
        match number.as_bytes() {
            [] => None,
            [major, minor] => Some(format!("{}.{}", char::from(*major), char::from(*minor))),
            _ => Some(number.to_owned()),
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_cuts() {
        for (seconds, says) in [(1, "1 s"), (300, "5 min"), (10_000, "2 h"), (400_000, "4 days")] {
            assert_eq!(span(Duration::from_secs(seconds)), says);
        }
        assert_eq!(clip(&"ü".repeat(500)).chars().count(), QUOTE + 1);
        assert_eq!(
            (count(1, "worker"), count(2, "worker")),
            ("1 worker".into(), "2 workers".into())
        );
    }

    #[test]
    fn versions_are_found_however_they_are_written() {
        for (text, version) in [
            ("/run/php/php8.2-fpm.sock", Some("8.2")),
            ("/var/run/php5-fpm.sock", Some("5")),
            ("/run/php70-fpm.sock", Some("7.0")),
            ("/var/opt/remi/php81/run/php-fpm/www.sock", Some("8.1")),
            ("php82-php-fpm.service", Some("8.2")),
            ("/run/php/php-fpm.sock", None),
            ("/run/app.sock", None),
        ] {
            assert_eq!(php_version(text).as_deref(), version, "{text}");
        }
    }
}
