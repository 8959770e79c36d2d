//! Which of the lines that a program said tells the reason.

/// Words of a line that gives a reason.
const SIGNS: &[&str] = &[
    "[emerg]",
    "[crit]",
    "[alert]",
    "error",
    "fatal",
    "fail",
    "cannot",
    "can't",
    "could not",
    "unable",
    "denied",
    "refused",
    "no such",
    "invalid",
    "unknown",
    "not permitted",
    "not found",
    "in use",
    "unexpected",
    "missing",
];
/// Lines that only say that there is a reason elsewhere.
const EMPTY: &[&str] = &[
    "test failed",
    "test is failed",
    "fpm initialization failed",
    "see \"systemctl",
    "action 'configtest' failed",
    "the apache error log may have more information",
];
/// A reason is shown in one line, bytes.
const LONGEST: usize = 400;

/// The first line that names a reason; the first of all where none does.
pub(super) fn first<'a>(lines: impl Iterator<Item = &'a str> + Clone) -> Option<&'a str> {
    let mut filled = lines.map(str::trim).filter(|line| !line.is_empty());
    let reason = filled.clone().find(|line| names_a_reason(line));
    reason.or_else(|| filled.next()).map(short)
}

/// The last one.
pub(super) fn last<'a>(lines: impl DoubleEndedIterator<Item = &'a str> + Clone) -> Option<&'a str> {
    first(lines.rev())
}

fn names_a_reason(line: &str) -> bool {
    let line = line.to_ascii_lowercase();
    SIGNS.iter().any(|sign| line.contains(sign)) && !EMPTY.iter().any(|empty| line.contains(empty))
}

fn short(line: &str) -> &str {
    let end = (0..=LONGEST.min(line.len()))
        .rev()
        .find(|end| line.is_char_boundary(*end));
    &line[..end.unwrap_or_default()]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_line_that_names_the_reason() {
        for (said, reason) in [
            (
                "nginx: [warn] the \"user\" directive makes no sense\nnginx: [emerg] unknown directive \"prox\" in /etc/nginx/x:3\nnginx: configuration file /etc/nginx/nginx.conf test failed",
                "nginx: [emerg] unknown directive \"prox\" in /etc/nginx/x:3",
            ),
            (
                "[22-Nov-2026 12:00:00] ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:5] unknown entry 'pmm'\n[22-Nov-2026 12:00:00] ERROR: FPM initialization failed",
                "[22-Nov-2026 12:00:00] ERROR: [/etc/php/8.2/fpm/pool.d/www.conf:5] unknown entry 'pmm'",
            ),
            ("\n  hello \nworld", "hello"),
            (
                "nginx: configuration file x test failed",
                "nginx: configuration file x test failed",
            ),
        ] {
            assert_eq!(first(said.lines()), Some(reason));
        }
        assert_eq!(first("".lines()), None);
        assert_eq!(last("error: a\nerror: b\nbye".lines()), Some("error: b"));
    }

    #[test]
    fn a_long_line_is_cut_between_letters() {
        let long = "é".repeat(1000);
        assert_eq!(first([long.as_str()].into_iter()).map(str::len), Some(LONGEST));
    }
}
