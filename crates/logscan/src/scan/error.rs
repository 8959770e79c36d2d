//! nginx's error logs, whole.

use super::{Cells, Key, Seen, Window, backend};
use crate::{
    Complaint, Trouble,
    complaint::Said,
    error_log::{self, Entry},
};
use foldhash::fast::RandomState;
use jiff::tz::TimeZone;
use std::{borrow::Cow, collections::HashMap, hash::BuildHasher, sync::Arc};

/// Messages remembered with what they mean.
const MEMO: usize = 4096;
/// Bytes of an entry that are read: nginx writes 2048 at most, its relatives 4096.
const LONGEST: usize = 1 << 14;

/// Reads one error log for one thread.
#[derive(Clone, Debug)]
pub struct ErrorScan {
    zone: TimeZone,
    only: Option<String>,
    window: Window,
    minute: ([u8; 16], i64),
    hash: RandomState,
    /// `None`: nothing that makes a request fail.
    memo: HashMap<u64, Option<Arc<str>>, RandomState>,
    /// How much was read.
    pub seen: Seen,
}

impl ErrorScan {
    /// Of a host in that time zone; with `only`, other sites do not count.
    pub fn new(zone: TimeZone, only: Option<&str>, window: Window) -> Self {
        Self {
            zone,
            only: only.map(str::to_owned),
            window,
            minute: ([0; 16], 0),
            hash: RandomState::default(),
            memo: HashMap::default(),
            seen: Seen::default(),
        }
    }

    /// Counts the complaints of a block of whole entries.
    pub fn complaints(&mut self, block: &[u8], complaints: &mut Cells) {
        let hole = block.len() - super::without_hole(block).len();
        let block = &block[hole..];
        for range in error_log::entries(block) {
            self.seen.lines += 1;
            let entry = &block[range];
            let read = entry.get(..LONGEST).unwrap_or(entry);
            let text = str::from_utf8(read).map_or_else(|_| String::from_utf8_lossy(read), Cow::Borrowed);
            if self.entry(&text, complaints).is_none() && !entry.is_empty() {
                self.seen.unfit(entry);
            }
        }
    }

    /// `None` for what is no entry of nginx.
    fn entry(&mut self, text: &str, complaints: &mut Cells) -> Option<()> {
        let entry = Entry::split(text)?;
        let at = self.at(entry.stamp)?;
        let site = entry.site();
        if !self.window.holds(at) || self.only.as_deref().is_some_and(|only| only != site) {
            return Some(());
        }
        if let Some(says) = self.says(&entry) {
            let key = Key {
                site: site.as_bytes(),
                upstream: entry.upstream.map_or("", peer).as_bytes(),
                status: 0,
                says: &says,
            };
            complaints.add(at, key, 1);
        }
        Some(())
    }

    fn at(&mut self, stamp: &str) -> Option<i64> {
        let (minute, rest) = stamp.as_bytes().split_at_checked(16)?;
        let second = rest.get(1..3).and_then(crate::digits).filter(|it| *it < 60)?;
        if self.minute.0 != minute {
            let at = error_log::host_time(error_log::moment(stamp)?, &self.zone).div_euclid(1000);
            self.minute = (minute.try_into().ok()?, at - i64::from(second));
        }
        Some(self.minute.1 + i64::from(second))
    }

    /// What a message means; the same messages come again and again.
    fn says(&mut self, entry: &Entry<'_>) -> Option<Arc<str>> {
        let hash = self
            .hash
            .hash_one((entry.message, entry.resolver, entry.level as u8));
        if let Some(known) = self.memo.get(&hash) {
            return known.clone();
        }
        let complaint = Complaint::of(&Said {
            message: entry.message,
            upstream: None,
            resolver: entry.resolver,
            level: entry.level,
        });
        let says = (complaint.trouble != Trouble::Unrelated).then(|| words(&complaint).into());
        if self.memo.len() >= MEMO {
            self.memo.clear();
        }
        self.memo.insert(hash, says.clone());
        says
    }
}

/// A complaint in words that are the same for the same trouble.
fn words(complaint: &Complaint) -> String {
    match &complaint.trouble {
        Trouble::BackendStderr(text) => format!("the backend said: {}", backend::fold(text)),
        Trouble::InvalidResponse(text) => format!("invalid answer: {}", backend::fold(text)),
        _ => backend::clip(&complaint.to_string()),
    }
}

/// `fastcgi://127.0.0.1:9000/path` -> `127.0.0.1:9000`, as access logs have it.
fn peer(upstream: &str) -> &str {
    let mut colons = memchr::memchr_iter(b':', upstream.as_bytes());
    let scheme = colons.find(|at| upstream[*at..].starts_with("://"));
    let address = scheme.map_or(upstream, |at| &upstream[at + 3..]);
    let (from, end) = if address.starts_with("unix:") {
        (5, b':')
    } else {
        (0, b'/')
    };
    let length = memchr::memchr(end, &address.as_bytes()[from..]);
    length.map_or(address, |length| &address[..from + length])
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const REFUSED: &str = "2026/11/22 12:17:46 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting \
        to upstream, client: 192.0.2.1, server: shop.example, request: \"GET /a HTTP/1.1\", upstream: \
        \"http://127.0.0.1:8000/a\", host: \"shop.example\"\n";

    #[test]
    fn complaints_are_counted_by_what_they_mean() {
        let noise = "2026/11/22 12:17:47 [error] 7#7: *2 open() \"/var/www/x\" failed (2: No such file or directory), \
            client: 192.0.2.1, server: _, request: \"GET /x HTTP/1.1\", host: \"x\"\n";
        let forged = "2026/11/22 12:17:47 [error] 7#7: *3 FastCGI sent in stderr: \"PHP message: a\n2026/11/22 12:17:47 \
            [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream\" while reading \
            response header from upstream, client: 192.0.2.1, server: _, request: \"GET / HTTP/1.1\", upstream: \
            \"fastcgi://unix:/run/php.sock:\", host: \"php.example\"\n";
        let log = format!("\0\0\0\u{1b}[31m\n{REFUSED}{REFUSED}no entry\n{noise}{forged}");
        let mut scan = ErrorScan::new(TimeZone::UTC, None, Window::ALL);
        let mut cells = Cells::default();
        scan.complaints(log.as_bytes(), &mut cells);
        let rows: Vec<(i64, String, String, u64)> = cells
            .cells()
            .into_iter()
            .map(|(at, it, count)| (at, text(&it.site), text(&it.upstream), count))
            .collect();
        let row = |at, site: &str, upstream: &str, count| (at, site.to_owned(), upstream.to_owned(), count);
        assert_eq!(
            rows,
            [
                row(1_795_349_866, "shop.example", "127.0.0.1:8000", 2),
                row(1_795_349_867, "php.example", "unix:/run/php.sock", 1)
            ]
        );
        assert_eq!((scan.seen.lines, scan.seen.unfit), (5, 1));
        let says: Vec<&str> = cells.totals().iter().map(|it| it.0.says.as_str()).collect();
        assert_eq!(says[0], "connection refused (111) while connecting");
    }

    fn text(bytes: &[u8]) -> String {
        String::from_utf8_lossy(bytes).into_owned()
    }

    const PIECES: &[&[u8]] = &[
        REFUSED.as_bytes(),
        b"2026/11/22 12:17:46 [error] 7#7: *1 ",
        b"2026/11/22 12:17:99 [crit] 7#7: *2 ",
        b"2026/02/30 12:17:46 [alert] 7#7: ",
        b"connect() failed (111: Connection refused) while connecting to upstream",
        b"open() \"/var/www/, client: 1.2.3.4\" failed (2: No such file or directory)",
        b"FastCGI sent in stderr: \"PHP message: x",
        b"\" while reading response header from upstream",
        b", client: 192.0.2.1, server: a, request: \"GET / HTTP/1.1\"",
        b", upstream: \"fastcgi://unix:/run/php.sock:\", host: \"b\"",
        b"\n",
        b"\r\n",
        b"\0\0",
        b"\xff\xfe\x1b[31m",
        b" [error] ",
    ];

    proptest! {
        #[test]
        fn a_scan_counts_what_reading_entry_by_entry_finds(pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40)) {
            let log = [b"2026/11/22 00:00:00 [info] 1#1: x\n".to_vec(), pieces.concat()].concat();
            let mut scan = ErrorScan::new(TimeZone::UTC, None, Window::ALL);
            let mut cells = Cells::default();
            scan.complaints(&log, &mut cells);
            let mut expected = Cells::default();
            let mut unfit = 0;
            for entry in error_log::entries(&log).map(|range| &log[range]) {
                let Some(line) = error_log::parse(entry) else {
                    unfit += u64::from(!entry.is_empty());
                    continue;
                };
                let Some(at) = line.at.filter(|_| line.complaint.trouble != Trouble::Unrelated) else { continue };
                let named = line.server.as_deref().filter(|name| !matches!(*name, "" | "_"));
                let key = Key {
                    site: line.host.as_deref().or(named).unwrap_or_default().as_bytes(),
                    upstream: line.upstream.as_deref().map_or("", peer).as_bytes(),
                    status: 0,
                    says: "",
                };
                expected.add(error_log::host_time(at, &TimeZone::UTC) / 1000, key, 1);
            }
            let told = |cells: &Cells| {
                let mut all: Vec<(i64, String, String, u64)> = Vec::new();
                for (at, series, count) in cells.cells() {
                    let (site, upstream) = (text(&series.site), text(&series.upstream));
                    match all.iter_mut().find(|it| (it.0, &it.1, &it.2) == (at, &site, &upstream)) {
                        Some(known) => known.3 += count,
                        None => all.push((at, site, upstream, count)),
                    }
                }
                all.sort();
                all
            };
            prop_assert_eq!(told(&cells), told(&expected));
            prop_assert_eq!(scan.seen.unfit, unfit);
        }
    }
}
