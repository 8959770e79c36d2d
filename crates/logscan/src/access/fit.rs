//! Laying a format over a line.

use super::{Escape, Format, Part, Variable, reach, values};

/// What a variable took of the line, in the order of the format's parts.
pub(super) type Spans = Vec<std::ops::Range<usize>>;

/// Ends tried for a line before it counts as unfit: bounds hostile lines, ordinary ones need one a part.
const MOST_TRIES: usize = 1024;

/// Longer than all headers nginx takes by default (4 times 8 KiB), each byte escaped to four.
const LONGEST: usize = 1 << 18;

/// Lays the format over the line; false, and no spans of use, where it does not fit.
pub(super) fn lay(format: &Format, line: &[u8], spans: &mut Spans) -> bool {
    if line.len() > LONGEST {
        return false;
    }
    let mut fit = Fit {
        format,
        line,
        spans,
        tries: MOST_TRIES,
    };
    fit.straight() || fit.tried()
}

struct Fit<'a> {
    format: &'a Format,
    line: &'a [u8],
    spans: &'a mut Spans,
    tries: usize,
}

impl Fit<'_> {
    /// The way [`Fit::tried`] goes first, and nearly always to the end: every variable takes its shortest plausible value.
    fn straight(&mut self) -> bool {
        let Some((last, parts)) = self.format.parts.split_last() else {
            return false;
        };
        let mut spans = std::mem::take(self.spans);
        spans.resize(parts.len(), 0..0);
        let mut start = 0;
        for (part, span) in parts.iter().zip(&mut spans) {
            let Some(end) = self.end_of(part, start) else {
                return false;
            };
            *span = start..end;
            start = end + part.literal.len();
        }
        let end = self.first_end(last, start, true);
        spans.extend(end.map(|end| start..end));
        *self.spans = spans;
        end.is_some()
    }

    /// Every way that the format can lie, the shortest plausible value of each variable first.
    fn tried(&mut self) -> bool {
        self.spans.clear();
        self.tries = MOST_TRIES;
        self.from(0, 0)
    }

    /// Of a part that is not the last.
    #[inline]
    fn end_of(&mut self, part: &Part, start: usize) -> Option<usize> {
        let told = reach::length(part, self.line, start);
        told.map(|length| start + length)
            .or_else(|| self.first_end(part, start, false))
    }

    fn first_end(&mut self, part: &Part, start: usize, is_last: bool) -> Option<usize> {
        let mut from = start;
        while self.tries > 0 {
            self.tries -= 1;
            let end = self.end(part, from, is_last)?;
            if self.accepts(part, start, end) {
                return Some(end);
            }
            if part.variable == Variable::Nothing {
                return None;
            }
            from = end + 1;
        }
        None
    }

    /// Fits the parts from `index` on to the line from `start` on.
    fn from(&mut self, index: usize, start: usize) -> bool {
        let format = self.format;
        let Some(part) = format.parts.get(index) else {
            return start == self.line.len();
        };
        let is_last = index + 1 == format.parts.len();
        let mut from = start;
        while self.tries > 0 {
            self.tries -= 1;
            let Some(end) = self.end(part, from, is_last) else {
                return false;
            };
            if self.accepts(part, start, end) {
                self.spans.push(start..end);
                if self.from(index + 1, end + part.literal.len()) {
                    return true;
                }
                self.spans.pop();
            }
            if part.variable == Variable::Nothing {
                return false;
            }
            from = end + 1;
        }
        false
    }

    /// The next place at or behind `from` where a value may end: before its literal, or at the end of the line.
    fn end(&self, part: &Part, from: usize, is_last: bool) -> Option<usize> {
        let rest = self.line.get(from..)?;
        if is_last {
            let end = self.line.len().checked_sub(part.literal.len())?;
            return (end >= from && self.line.ends_with(part.literal.bytes())).then_some(end);
        }
        Some(from + part.literal.find(rest)?)
    }

    fn accepts(&self, part: &Part, start: usize, end: usize) -> bool {
        let (value, behind) = (&self.line[start..end], &self.line[end..]);
        let is_escaped =
            self.format.escape == Escape::Json && behind.starts_with(b"\"") && odd_backslashes(value);
        let goes_on = part.variable.has_tries() && values::another_try(behind, part.literal.bytes());
        !is_escaped && !goes_on && values::is_plausible(part.variable, value)
    }
}

fn odd_backslashes(value: &[u8]) -> bool {
    value.iter().rev().take_while(|byte| **byte == b'\\').count() % 2 == 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const FORMATS: &[&str] = &[
        "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\"",
        "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \"$http_referer\" \"$http_user_agent\" \
         $host $request_time \"$upstream_addr\" \"$upstream_status\" \"$upstream_response_time\"",
        "escape=json {\"at\":\"$time_iso8601\",\"ip\":\"$remote_addr\",\"host\":\"$host\",\"status\":$status,\"ua\":\"$http_user_agent\",\
         \"to\":\"$upstream_addr\",\"urt\":\"$upstream_response_time\",\"m\":\"$request_method\",\"uri\":\"$request_uri\"}",
        "escape=none $msec $host/$server_name $status:$bytes_sent $upstream_addr $upstream_status $upstream_connect_time $x",
        "$request_time$status-$bytes_sent,$upstream_header_time, $http_x $pid",
    ];
    const VALUES: &[&str] = &[
        "192.0.2.1",
        "2001:db8::1",
        "-",
        "",
        "shop.example",
        "shop.example:80",
        "502",
        "200",
        "49",
        "0.123",
        "157",
        "1763813866.123",
        "22/Nov/2026:12:17:46 +0000",
        "2026-11-22T12:17:46+00:00",
        "22/Nov/2026:12:17:46 +000\\",
        "GET / HTTP/1.1",
        "GET /a b HTTP/1.1",
        "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101",
        "\\x22 502 \\x5C",
        "\\\"",
        "\\",
        "\" 502 1 \"",
        "a\0b",
        "\u{1b}[31m",
        "é\r",
        "127.0.0.1:8000, 127.0.0.1:8001",
        "unix:/run/a.sock : 127.0.0.1:8000",
        "502, 200",
        "0.1, -",
        "- : 0.1",
        "/a?b=1",
        "*",
        "GET",
    ];

    /// The format with its variables' places taken by values.
    fn line(format: &Format, values: &[&str]) -> Vec<u8> {
        let mut values = values.iter().cycle();
        let part = |part: &Part| {
            let value = if part.variable == Variable::Nothing {
                Some(&"")
            } else {
                values.next()
            };
            [value.map_or(&b""[..], |it| it.as_bytes()), part.literal.bytes()].concat()
        };
        format.parts.iter().flat_map(part).collect()
    }

    fn laid(format: &Format, line: &[u8], quickly: bool) -> Option<Spans> {
        let mut spans = Spans::new();
        let mut fit = Fit {
            format,
            line,
            spans: &mut spans,
            tries: MOST_TRIES,
        };
        let fits = if quickly { fit.straight() } else { fit.tried() };
        fits.then_some(spans)
    }

    proptest! {
        #[test]
        fn the_quick_way_is_the_first_of_all_ways(
            format in prop::sample::select(FORMATS),
            values in prop::collection::vec(prop::sample::select(VALUES), 1..16),
            cut in 0usize..400,
        ) {
            let format = Format::compile(format);
            let line = line(&format, &values);
            for line in [&line[..], &line[..cut.min(line.len())]] {
                if let Some(quick) = laid(&format, line, true) {
                    prop_assert_eq!(laid(&format, line, false), Some(quick));
                }
            }
        }

        #[test]
        fn usual_lines_go_the_quick_way(ip in "[0-9]{1,3}(\\.[0-9]{1,3}){3}", uri in "/[a-z0-9/.?=]{0,60}", agent in "[A-Za-z0-9 ();/.]{0,120}", status in 100u16..600) {
            let line = format!("{ip} - - [22/Nov/2026:12:17:46 +0000] \"GET {uri} HTTP/1.1\" {status} 157 \"-\" \"{agent}\"");
            prop_assert!(laid(&Format::combined(), line.as_bytes(), true).is_some());
        }
    }
}
