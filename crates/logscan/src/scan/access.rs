//! Access logs, whole.

mod each;

use super::{
    Cells, Everyone, Key, Load, Request, Seen, Trusted, Window, clock::Clock, flow::Waits, lines, micros,
    number, route,
};
use crate::access::{Column, Format, Laid, tries};
use memchr::{memchr, memrchr};

/// Tries of one request whose times are told.
const TRIES: usize = 32;

/// Reads one access log (with what was rotated away of it) for one thread.
#[derive(Clone, Debug)]
pub struct AccessScan {
    format: Format,
    clock: Option<Clock>,
    site: Vec<u8>,
    only: Option<Vec<u8>>,
    window: Window,
    trusted: Trusted,
    laid: Laid,
    scratch: Vec<u8>,
    /// How much was read.
    pub seen: Seen,
}

impl AccessScan {
    /// A log of that format. `site` stands in where the format names none; with `only`, other sites do not count.
    pub fn new(format: Format, site: &str, only: Option<&str>, window: Window) -> Self {
        Self {
            clock: format.stamp().map(Clock::new),
            format,
            site: site.as_bytes().to_vec(),
            only: only.map(|it| it.as_bytes().to_vec()),
            window,
            trusted: Trusted::default(),
            laid: Laid::default(),
            scratch: Vec::new(),
            seen: Seen::default(),
        }
    }

    /// Requests are told by whom these asked for; without it by the peer, as logged.
    pub fn believing(self, trusted: Trusted) -> Self {
        Self { trusted, ..self }
    }

    /// Counts what failed with 5xx or 499 in a block of whole lines. Lines that can't have failed are only counted.
    pub fn failures(&mut self, block: &[u8], failures: &mut Cells) {
        let Some(mark) = self.format.mark().cloned() else {
            return self.every_failure(block, failures);
        };
        let mut from = 0;
        let line_ends = mark.sweep(block, |at| {
            // a line may hold several; one is enough
            if at >= from {
                let start = memrchr(b'\n', &block[from..at]).map_or(from, |end| from + end + 1);
                let end = memchr(b'\n', &block[at..]).map_or(block.len(), |length| at + length);
                from = end + 1;
                self.failure(super::without_hole(&block[start..end]), failures);
            }
        });
        let is_unfinished = block.last().is_some_and(|byte| *byte != b'\n');
        self.seen.lines += line_ends + u64::from(is_unfinished);
    }

    /// The same where nothing shows a failure before a line is read.
    fn every_failure(&mut self, block: &[u8], failures: &mut Cells) {
        for line in lines(block).filter(|line| !line.is_empty()) {
            self.seen.lines += 1;
            self.failure(line, failures);
        }
    }

    fn failure(&mut self, line: &[u8], failures: &mut Cells) {
        if !self.format.lay(line, &mut self.laid) {
            return self.seen.unfit(line);
        }
        let status = self.status(line);
        if !is_failure(status) {
            return;
        }
        match self.at(line) {
            Some(at) if self.is_meant(at) => self.failed(at, status, line, failures),
            Some(_) => {}
            None => self.seen.unfit(line),
        }
    }

    /// Counts every request of a block of whole lines: who, what, how dear; and what failed.
    pub fn everything(&mut self, block: &[u8], failures: &mut Cells, who: &mut Everyone) {
        for line in lines(block).filter(|line| !line.is_empty()) {
            self.seen.lines += 1;
            if !self.format.lay(line, &mut self.laid) {
                self.seen.unfit(line);
                continue;
            }
            let Some(at) = self.at(line) else {
                self.seen.unfit(line);
                continue;
            };
            if !self.is_meant(at) {
                continue;
            }
            let status = self.status(line);
            if is_failure(status) {
                self.failed(at, status, line, failures);
            }
            self.served(at, status, line, who);
        }
    }

    fn failed(&self, at: i64, status: u16, line: &[u8], failures: &mut Cells) {
        let site = self.site(line);
        if self.only.as_deref().is_some_and(|only| only != site) {
            return;
        }
        let key = Key {
            site,
            upstream: self.upstream(line),
            status,
            says: self.says(status, line),
        };
        failures.add(at, key, 1);
    }

    fn served(&mut self, at: i64, status: u16, line: &[u8], who: &mut Everyone) {
        let mut scratch = std::mem::take(&mut self.scratch);
        if self.is_wanted(line) {
            who.add(
                &self
                    .trusted
                    .believe(&self.request(at, status, line, &mut scratch)),
            );
            if let Some(flow) = who.flow_mut() {
                flow.request(at, self.upstream(line));
                self.tries(line, |upstream, waits| flow.a_try(at, upstream, waits));
            }
        }
        self.scratch = scratch;
    }

    fn is_wanted(&self, line: &[u8]) -> bool {
        self.only.as_deref().is_none_or(|only| only == self.site(line))
    }

    fn request<'l>(&'l self, at: i64, status: u16, line: &'l [u8], scratch: &'l mut Vec<u8>) -> Request<'l> {
        let (method, uri) = match self.value(Column::Request, line) {
            Some(request) => route::split(request),
            None => (self.text(Column::Method, line), self.text(Column::Uri, line)),
        };
        Request {
            at,
            site: self.site(line),
            upstream: self.upstream(line),
            client: self.text(Column::Client, line),
            forwarded: self.text(Column::Forwarded, line),
            agent: self.text(Column::Agent, line),
            referrer: self.text(Column::Referrer, line),
            method,
            route: route::fold(uri, scratch),
            status,
            load: self.load(status, line),
        }
    }

    fn load(&self, status: u16, line: &[u8]) -> Load {
        let busy = self
            .value(Column::UpstreamResponse, line)
            .map(|value| match value.contains(&b' ') {
                true => tries(value).map(micros).sum(),
                false => micros(value),
            });
        let took = || self.value(Column::RequestTime, line).map_or(0, micros);
        Load {
            requests: 1,
            failures: u64::from(is_failure(status)),
            bytes: self.value(Column::Bytes, line).map_or(0, number),
            micros: busy.unwrap_or_else(took),
        }
    }

    /// Where the time of each try went. nginx measures all of it from the beginning of the try.
    fn tries(&self, line: &[u8], mut each: impl FnMut(&[u8], &Waits)) {
        let column = |column| self.value(column, line);
        let [connect, header, whole] = [
            Column::UpstreamConnect,
            Column::UpstreamHeader,
            Column::UpstreamResponse,
        ]
        .map(column);
        let upstream = self.text(Column::UpstreamAddr, line);
        let Some(whole) = whole else {
            if let Some(took) = column(Column::RequestTime).and_then(time) {
                each(upstream, &[None, None, None, Some(took)]);
            }
            return;
        };
        let nth = |values: Option<&[u8]>, at| values.and_then(|it| tries(it).nth(at)).and_then(time);
        for (at, value) in tries(whole).take(TRIES).enumerate() {
            let Some(whole) = time(value) else { continue };
            let (connected, answered) = (nth(connect, at), nth(header, at));
            let connecting = connect.map(|_| connected.unwrap_or(whole));
            let waited = match (connect, connected) {
                (Some(_), None) => None,
                _ => header.map(|_| answered.unwrap_or(whole).saturating_sub(connected.unwrap_or(0))),
            };
            let rest = answered.map(|it| whole.saturating_sub(it));
            let upstream = tries(upstream).nth(at).unwrap_or(upstream);
            each(upstream, &[connecting, waited, rest, Some(whole)]);
        }
    }

    fn value<'l>(&self, column: Column, line: &'l [u8]) -> Option<&'l [u8]> {
        self.format.value(column, line, &self.laid)
    }

    /// Empty for what is not there.
    fn text<'l>(&self, column: Column, line: &'l [u8]) -> &'l [u8] {
        self.value(column, line)
            .filter(|value| *value != b"-")
            .unwrap_or_default()
    }

    fn status(&self, line: &[u8]) -> u16 {
        self.value(Column::Status, line)
            .and_then(crate::digits)
            .and_then(|it| it.try_into().ok())
            .unwrap_or(0)
    }

    /// `None` where the line's time can't be read. A log without times is all of one moment.
    fn at(&mut self, line: &[u8]) -> Option<i64> {
        match &mut self.clock {
            Some(clock) => clock.seconds(self.format.value(Column::Time, line, &self.laid)?),
            None => Some(0),
        }
    }

    fn is_meant(&self, at: i64) -> bool {
        self.clock.is_none() || self.window.holds(at)
    }

    fn site<'l>(&'l self, line: &'l [u8]) -> &'l [u8] {
        let named = [Column::Host, Column::ServerName].into_iter();
        let mut named = named.map(|column| self.text(column, line));
        named.find(|it| !it.is_empty()).unwrap_or(&self.site)
    }

    /// The last one that was tried.
    fn upstream<'l>(&self, line: &'l [u8]) -> &'l [u8] {
        let all = self.text(Column::UpstreamAddr, line);
        if !all.contains(&b' ') {
            return all;
        }
        tries(all).filter(|it| *it != b"-").last().unwrap_or_default()
    }

    /// What the line says of a failure beside its status.
    fn says(&self, status: u16, line: &[u8]) -> &'static str {
        let asked = self
            .value(Column::UpstreamAddr, line)
            .or_else(|| self.value(Column::UpstreamStatus, line));
        let header = self
            .value(Column::UpstreamHeader, line)
            .and_then(|value| tries(value).last());
        match (status, asked, header) {
            (499, ..) => "the client gave up",
            (_, Some(b"" | b"-"), _) => "no upstream was asked",
            (_, _, Some(b"" | b"-")) => "the upstream gave no answer",
            (_, _, Some(_)) => "the upstream answered so",
            _ => "",
        }
    }
}

/// A server's error, nothing readable (nginx logs an HTTP/0.9 answer as `009`), or a client that gave up.
fn is_failure(status: u16) -> bool {
    status >= 500 || status == 499 || (1..100).contains(&status)
}

/// Microseconds; `None` for `-`: what did not come.
fn time(value: &[u8]) -> Option<u64> {
    value
        .first()
        .filter(|it| it.is_ascii_digit())
        .map(|_| micros(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMATS: &[&str] = &[
        "$remote_addr [$time_local] \"$request\" $status $host \"$upstream_addr\" $upstream_response_time",
        "escape=json {\"t\":$msec,\"s\":$status,\"r\":\"$request\",\"h\":\"$host\"}",
        "$status $request",
    ];
    const PIECES: &[&[u8]] = &[
        b"192.0.2.1 [22/Nov/2026:12:17:46 +0000] \"GET /a/7?x HTTP/1.1\" 502 a \"127.0.0.1:1, unix:/b\" 0.001, 0.020\n",
        b"192.0.2.2 [22/Nov/2026:12:17:46 +0000] \"GET /\\x22 502 HTTP/1.1\" 200 a \"-\" -\n",
        b"::1 [22/Nov/2026:12:17:47 +0000] \"GET /\" 499 b \"-\" -\r\n",
        b"192.0.2.1 [31/Feb/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 502 a \"-\" -\n",
        b"::1 [22/Nov/2026:12:17:47 +0000] \"GET /\" 009 b \"\" -\n",
        b"{\"t\":1795349866.1,\"s\":504,\"r\":\"GET /\\\" 502\",\"h\":\"a\"}\n",
        b"{\"t\":1795349866.1,\"s\":200,\"r\":\"\",\"h\":\"a\"}\n",
        b"503 GET / HTTP/1.1\n",
        b"\" 5",
        b"\" 499 ",
        b"\n",
        b"\r",
        b"\0\0",
        b"\xff\xfe\x1b[31m",
    ];

    proptest! {
        #[test]
        fn both_passes_count_the_same_failures(
            format in prop::sample::select(FORMATS),
            pieces in prop::collection::vec(prop::sample::select(PIECES), 0..40),
        ) {
            let log = pieces.concat();
            let new = || AccessScan::new(Format::compile(format), "here", None, Window::ALL);
            let (mut quick, mut whole, mut by_line) = (new(), new(), new());
            let mut counts = [Cells::default(), Cells::default(), Cells::default()];
            let mut who = Everyone::default();
            quick.failures(&log, &mut counts[0]);
            whole.everything(&log, &mut counts[1], &mut who);
            by_line.every_failure(&log, &mut counts[2]);
            let [quick_cells, whole_cells, line_cells] = counts.each_ref().map(Cells::cells);
            prop_assert_eq!(&quick_cells, &line_cells);
            prop_assert_eq!(&whole_cells, &line_cells);
            prop_assert_eq!(who.total.failures, counts[0].total());
            for by in super::super::By::ALL {
                let all = who.by(by).ranked(super::super::Weight::Requests, usize::MAX);
                let requests: u64 = all.iter().map(|it| it.load.requests).sum();
                prop_assert_eq!(requests, who.total.requests, "{:?}", by);
            }
            prop_assert_eq!(&whole.seen, &by_line.seen);
            prop_assert!(quick.seen.unfit <= whole.seen.unfit);
        }
    }
}
