//! What backends and Apache wrote of themselves.

use super::{Cells, Key, Seen, Window, lines};
use crate::error_log::host_time;
use jiff::{Timestamp, civil::DateTime, tz::TimeZone};

/// Characters of a message that tell it from others.
const LONGEST: usize = 160;

/// Whose log it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BackendKind {
    /// php-fpm's `error_log`, and PHP's own.
    PhpFpm,
    /// php-fpm's `slowlog`.
    PhpSlow,
    /// Apache's `ErrorLog`.
    Apache,
    /// gunicorn's `--error-logfile`.
    Gunicorn,
    /// uWSGI's `logto`, with or without requests in it.
    Uwsgi,
}

impl BackendKind {
    /// As people call it.
    pub fn name(self) -> &'static str {
        match self {
            Self::PhpFpm => "php-fpm",
            Self::PhpSlow => "php-fpm's slow log",
            Self::Apache => "Apache",
            Self::Gunicorn => "gunicorn",
            Self::Uwsgi => "uWSGI",
        }
    }
}

/// Reads one log of a backend for one thread.
#[derive(Clone, Debug)]
pub struct BackendScan {
    kind: BackendKind,
    zone: TimeZone,
    window: Window,
    /// The moment of the last line that had one.
    at: i64,
    /// What a slow request ran: its script, until the first frame of its trace is read.
    script: Option<String>,
    /// How much was read.
    pub seen: Seen,
}

/// A line that says something.
struct Line<'a> {
    at: Option<i64>,
    /// It tells of trouble, not of daily business.
    warns: bool,
    says: &'a str,
}

impl BackendScan {
    /// Of a host in that time zone.
    pub fn new(kind: BackendKind, zone: TimeZone, window: Window) -> Self {
        Self {
            kind,
            zone,
            window,
            at: 0,
            script: None,
            seen: Seen::default(),
        }
    }

    /// Counts the warnings and errors of a block, in which entries are whole.
    pub fn warnings(&mut self, block: &[u8], warnings: &mut Cells) {
        for line in lines(block).filter(|line| !line.is_empty()) {
            self.seen.lines += 1;
            let text = String::from_utf8_lossy(line.get(..4096).unwrap_or(line));
            match self.kind {
                BackendKind::PhpSlow => self.slow(&text, warnings),
                kind => {
                    // lines that begin otherwise continue the one before: traces
                    if let Some(line) = read(kind, &text, &self.zone) {
                        self.at = line.at.unwrap_or(self.at);
                        if line.warns {
                            self.count(&fold(line.says), warnings);
                        }
                    }
                }
            }
        }
    }

    /// `[22-Nov-2026 12:17:46]  [pool www] pid 7`, `script_filename = …`, then frames, innermost first.
    fn slow(&mut self, text: &str, warnings: &mut Cells) {
        if let Some(script) = text.strip_prefix("script_filename = ") {
            self.script = Some(script.to_owned());
        } else if let Some((_, frame)) = text.strip_prefix("[0x").and_then(|it| it.split_once("] ")) {
            if let Some(script) = self.script.take() {
                self.count(&clip(&format!("slow: {script}, in {frame}")), warnings);
            }
        } else if let Some((stamp, _)) = bracketed(text) {
            self.at = local(stamp, "%d-%b-%Y %H:%M:%S", &self.zone).unwrap_or(self.at);
        }
    }

    fn count(&self, says: &str, warnings: &mut Cells) {
        if !self.window.holds(self.at) {
            return;
        }
        let key = Key {
            site: self.kind.name().as_bytes(),
            upstream: b"",
            status: 0,
            says,
        };
        warnings.add(self.at, key, 1);
    }
}

/// A line of a log of that kind; `None` where it begins otherwise.
fn read<'a>(kind: BackendKind, text: &'a str, zone: &TimeZone) -> Option<Line<'a>> {
    match kind {
        BackendKind::PhpFpm => php_fpm(text, zone),
        BackendKind::Apache => apache(text, zone),
        BackendKind::Gunicorn => gunicorn(text),
        BackendKind::Uwsgi => uwsgi(text, zone),
        BackendKind::PhpSlow => None,
    }
}

/// Whether a line begins as those of that kind do.
pub(super) fn begins(kind: BackendKind, text: &str) -> bool {
    let line = match kind {
        BackendKind::PhpSlow => {
            php_fpm(text, &TimeZone::UTC).filter(|it| it.says.contains(" pid ") && !it.warns)
        }
        _ => read(kind, text, &TimeZone::UTC),
    };
    line.is_some_and(|it| it.at.is_some())
}

/// `[22-Nov-2026 12:17:46] WARNING: [pool www] …`, with microseconds where `log_level` is debug; PHP's own:
/// `[22-Nov-2026 12:17:46 UTC] PHP Fatal error:  …`.
fn php_fpm<'a>(text: &'a str, zone: &TimeZone) -> Option<Line<'a>> {
    let (stamp, says) = bracketed(text)?;
    let at = local(stamp.get(..20)?, "%d-%b-%Y %H:%M:%S", zone)?;
    let at = if stamp.ends_with(" UTC") {
        local(stamp.get(..20)?, "%d-%b-%Y %H:%M:%S", &TimeZone::UTC)?
    } else {
        at
    };
    let warns = ["WARNING", "ERROR", "ALERT", "PHP "]
        .iter()
        .any(|level| says.starts_with(level));
    Some(Line {
        at: Some(at),
        warns,
        says,
    })
}

/// `[Sun Nov 22 12:17:46.123456 2026] [proxy_fcgi:error] [pid 7:tid 8] (111)Connection refused: [client …] AH01079: …`
fn apache<'a>(text: &'a str, zone: &TimeZone) -> Option<Line<'a>> {
    let (stamp, rest) = bracketed(text)?;
    let (level, mut says) = bracketed(rest)?;
    let (day, year) = (stamp.get(..19)?, stamp.rsplit_once(' ')?.1);
    let at = local(&format!("{day} {year}"), "%a %b %d %H:%M:%S %Y", zone)?;
    // process and client differ from line to line
    while let Some((_, after)) =
        bracketed(says).filter(|(head, _)| head.starts_with("pid ") || head.starts_with("client "))
    {
        says = after;
    }
    let level = level.rsplit_once(':').map_or(level, |it| it.1);
    Some(Line {
        at: Some(at),
        warns: matches!(level, "warn" | "error" | "crit" | "alert" | "emerg"),
        says,
    })
}

/// `[2026-11-22 12:17:46 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:8)`
fn gunicorn(text: &str) -> Option<Line<'_>> {
    let (stamp, rest) = bracketed(text)?;
    let (_pid, rest) = bracketed(rest)?;
    let (level, says) = bracketed(rest)?;
    let at = Timestamp::strptime("%Y-%m-%d %H:%M:%S %z", stamp).ok()?;
    Some(Line {
        at: Some(at.as_second()),
        warns: matches!(level, "WARNING" | "ERROR" | "CRITICAL"),
        says,
    })
}

/// A request: `[pid: 7|app: 0|req: 1/1] 192.0.2.1 () {34 vars in 400 bytes} [Sun Nov 22 12:17:46 2026] GET /x => generated 5
/// bytes in 12 msecs (HTTP/1.1 500) …`; else `Sun Nov 22 12:17:46 2026 - *** HARAKIRI …`, and lines without a time.
fn uwsgi<'a>(text: &'a str, zone: &TimeZone) -> Option<Line<'a>> {
    const STAMP: &str = "%a %b %d %H:%M:%S %Y";
    if text.starts_with("[pid: ") {
        let (_, rest) = text.split_once("} [")?;
        let (stamp, says) = rest.split_once("] ")?;
        let failed = says.rsplit_once("(HTTP/").and_then(|(_, it)| it.split_once(' '));
        return Some(Line {
            at: local(stamp, STAMP, zone),
            warns: failed.is_some_and(|(_, status)| status.starts_with('5')),
            says: says
                .split_once('?')
                .or_else(|| says.split_once(" =>"))
                .map_or(says, |it| it.0),
        });
    }
    let dated = text
        .split_once(" - ")
        .and_then(|(stamp, says)| Some((local(stamp, STAMP, zone)?, says)));
    let (at, says) = dated.map_or((None, text), |(at, says)| (Some(at), says));
    let marks = [
        "HARAKIRI",
        "DAMN",
        "listen queue",
        "no python application",
        "OOM",
        "Broken pipe",
        "write error",
    ];
    Some(Line {
        at,
        warns: marks.iter().any(|mark| says.contains(mark)),
        says,
    })
}

/// `[this] and the rest`
fn bracketed(text: &str) -> Option<(&str, &str)> {
    let (inside, rest) = text.strip_prefix('[')?.split_once(']')?;
    Some((inside, rest.trim_start()))
}

/// A local time -> seconds since 1970.
fn local(stamp: &str, format: &str, zone: &TimeZone) -> Option<i64> {
    let at = DateTime::strptime(format, stamp.trim()).ok()?;
    Some(host_time(at, zone).div_euclid(1000))
}

/// A message that is the same whatever numbers stand in it: `child N exited on signal N`. A code such as `AH01079` or `HY000`
/// stays.
pub(super) fn fold(text: &str) -> String {
    let mut out = String::new();
    let (mut capitals, mut number) = (0, false);
    for c in text.chars().take(LONGEST) {
        match (c.is_ascii_digit(), number) {
            (true, _) if capitals >= 2 => out.push(c),
            (true, false) => out.push('N'),
            (true, true) => {}
            (false, _) => out.push(c),
        }
        number = c.is_ascii_digit();
        if !number {
            capitals = if c.is_ascii_uppercase() { capitals + 1 } else { 0 };
        }
    }
    out
}

pub(super) fn clip(text: &str) -> String {
    text.chars().take(LONGEST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AT: i64 = 1_795_349_866;

    type Row<'a> = (BackendKind, &'a str, &'a [(i64, &'a str, u64)]);

    const ROWS: &[Row<'_>] = &[
        (
            BackendKind::PhpFpm,
            "[22-Nov-2026 12:17:46] NOTICE: fpm is running, pid 7\n\
                 [22-Nov-2026 12:17:46] WARNING: [pool www] server reached pm.max_children setting (5), consider raising it\n\
                 [22-Nov-2026 12:17:46.123456] WARNING: pid 7, [pool www] child 12 exited on signal 11 (SIGSEGV) after 3.2 seconds\n\
                 [22-Nov-2026 12:17:47 UTC] PHP Fatal error:  Allowed memory size of 1 bytes exhausted in /a.php on line 3\nStack trace:\n",
            &[
                (
                    AT,
                    "WARNING: [pool www] server reached pm.max_children setting (N), consider raising it",
                    1,
                ),
                (
                    AT,
                    "WARNING: pid N, [pool www] child N exited on signal N (SIGSEGV) after N.N seconds",
                    1,
                ),
                (
                    AT + 1,
                    "PHP Fatal error:  Allowed memory size of N bytes exhausted in /a.php on line N",
                    1,
                ),
            ],
        ),
        (
            BackendKind::PhpSlow,
            "\n[22-Nov-2026 12:17:46]  [pool www] pid 7\nscript_filename = /var/www/index.php\n[0x00007f] sleep() /var/www/slow.php:3\n[0x00007e] main() /x:1\n",
            &[(AT, "slow: /var/www/index.php, in sleep() /var/www/slow.php:3", 1)],
        ),
        (
            BackendKind::Apache,
            "[Sun Nov 22 12:17:46.123456 2026] [proxy_fcgi:error] [pid 7:tid 8] (111)Connection refused: [client 192.0.2.1:5] AH01079: failed\n\
                 [Sun Nov 22 12:17:46.123456 2026] [mpm_event:notice] [pid 7:tid 8] AH00489: resuming\n",
            &[(AT, "(N)Connection refused: [client N.N.N.N:N] AH01079: failed", 1)],
        ),
        (
            BackendKind::Gunicorn,
            "[2026-11-22 12:17:46 +0000] [7] [CRITICAL] WORKER TIMEOUT (pid:8)\n[2026-11-22 13:17:46 +0100] [7] [CRITICAL] WORKER TIMEOUT (pid:9)\n\
                 [2026-11-22 12:17:46 +0000] [7] [INFO] Booting worker with pid: 9\nTraceback (most recent call last):\n",
            &[(AT, "WORKER TIMEOUT (pid:N)", 2)],
        ),
        (
            BackendKind::Uwsgi,
            "[pid: 7|app: 0|req: 1/1] 192.0.2.1 () {34 vars in 400 bytes} [Sun Nov 22 12:17:46 2026] GET /x?a=1 => generated 5 bytes in 12 msecs (HTTP/1.1 500) 2 headers\n\
                 [pid: 7|app: 0|req: 1/1] 192.0.2.1 () {34 vars in 400 bytes} [Sun Nov 22 12:17:46 2026] GET /x => generated 5 bytes in 12 msecs (HTTP/1.1 200) 2 headers\n\
                 Sun Nov 22 12:17:47 2026 - *** HARAKIRI ON WORKER 1 (pid: 7, try: 1) ***\nDAMN ! worker 1 (pid: 7) died :(\n",
            &[
                (AT, "GET /x", 1),
                (AT + 1, "*** HARAKIRI ON WORKER N (pid: N, try: N) ***", 1),
                (AT + 1, "DAMN ! worker N (pid: N) died :(", 1),
            ],
        ),
    ];

    #[test]
    fn every_backend_is_heard() {
        for (kind, log, expected) in ROWS {
            let mut scan = BackendScan::new(*kind, TimeZone::UTC, Window::ALL);
            let mut cells = Cells::default();
            scan.warnings(log.as_bytes(), &mut cells);
            let found: Vec<(i64, &str, u64)> = cells
                .cells()
                .iter()
                .map(|it| (it.0, it.1.says.as_str(), it.2))
                .collect();
            assert_eq!(found, *expected, "{kind:?}");
        }
    }
}
