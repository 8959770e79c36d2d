//! Until when a browser shows a stored answer without asking the site again (RFC 9111 section 4.2).

use crate::Timestamp;
use std::time::Duration;

/// Heads of answers are a few KiB; of a stranger's no more is read.
const LARGEST: usize = 16 << 10;
const HTTP_DATE: &str = "%a, %d %b %Y %H:%M:%S GMT";

/// What the answer says of it itself; `None` where it says nothing, as nginx's own 502: browsers guess a time for pages and
/// redirects, never for a server's failure.
pub(super) fn until(kept: &[u8], stored: Timestamp) -> Option<Timestamp> {
    let head = Head::of(kept)?;
    let directives = head.all("cache-control").to_ascii_lowercase();
    let directives = || directives.split(',').map(str::trim);
    let never = |it: &str| it.starts_with("no-cache") || it.starts_with("no-store");
    if directives().any(never) || head.all("vary").contains('*') {
        return None;
    }
    let age = head.all("age").trim().parse().unwrap_or(0);
    let seconds = |it: &str| it.strip_prefix("max-age=")?.trim_matches('"').parse::<u64>().ok();
    let lasts = match directives().find_map(seconds) {
        Some(lasts) => lasts,
        None if head.all("pragma").contains("no-cache") => return None,
        None => head.date("expires")?.checked_sub(head.date("date")?)?,
    };
    let left = lasts.checked_sub(age).filter(|left| *left > 0)?;
    Some(stored.after(Duration::from_secs(left)))
}

/// The lines of an answer's head: Chromium ends each with NUL, Firefox with CR LF, and both the head with an empty one.
struct Head<'a>(Vec<&'a str>);

impl<'a> Head<'a> {
    fn of(kept: &'a [u8]) -> Option<Self> {
        let at = memchr::memmem::find(kept, b"HTTP/")?;
        let head = &kept[at..kept.len().min(at + LARGEST)];
        let lines = head.split(|byte| matches!(byte, 0 | b'\n'));
        let lines = lines.map(<[u8]>::trim_ascii).take_while(|line| !line.is_empty());
        Some(Self(
            lines.filter_map(|line| std::str::from_utf8(line).ok()).collect(),
        ))
    }

    fn all(&self, name: &str) -> String {
        let named = self.0.iter().filter_map(|line| line.split_once(':'));
        let values = named.filter(|(it, _)| it.eq_ignore_ascii_case(name));
        values.map(|(_, value)| value).collect::<Vec<_>>().join(",")
    }

    fn date(&self, name: &str) -> Option<u64> {
        let at = jiff::civil::DateTime::strptime(HTTP_DATE, self.all(name).trim()).ok()?;
        u64::try_from(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second()).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_an_answer_allows_is_shown_unasked() {
        let dates = "date: Fri, 27 Nov 2026 13:00:00 GMT\0expires: Fri, 27 Nov 2026 13:01:00 GMT";
        for (head, lasts) in [
            ("server: nginx", None),
            ("cache-control: max-age=600", Some(600)),
            ("Cache-Control: public, max-age=600\r\nAge: 100\r\n", Some(500)),
            ("Cache-Control: max-age=600\r\nAge: 700\r\n", None),
            ("cache-control: no-cache, max-age=600", None),
            ("cache-control: public\0cache-control: max-age=600", Some(600)),
            ("cache-control: max-age=0", None),
            ("cache-control: s-maxage=600", None),
            ("cache-control: max-age=\u{fffd}", None),
            (dates, Some(60)),
            ("expires: 0\0date: x", None),
            ("vary: *\0cache-control: max-age=600", None),
            ("pragma: no-cache", None),
            ("x: y\0\0cache-control: max-age=600", None),
        ] {
            let kept = format!("\u{1}\u{2}HTTP/1.1 502 Bad Gateway\0{head}\0\0");
            let until = until(kept.as_bytes(), Timestamp::from_secs(1000));
            assert_eq!(until.map(|it| it.secs() - 1000), lasts, "{head}");
        }
        assert_eq!(until(b"nothing", Timestamp(0)), None);
        let longest = "HTTP/1.1 502 x\0cache-control: max-age=18446744073709551615\0\0";
        assert!(
            until(longest.as_bytes(), Timestamp(1)) > Some(Timestamp(1)),
            "bounded"
        );
    }
}
