//! Requests one by one, for who counts them in a way of his own.

use super::{super::Request, AccessScan, Column, lines};

impl AccessScan {
    /// Every request of a block of whole lines; with it whether a backend was asked, where the format tells.
    pub fn each(&mut self, block: &[u8], mut take: impl FnMut(&Request<'_>, Option<bool>)) {
        let mut scratch = std::mem::take(&mut self.scratch);
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
            if self.is_meant(at) && self.is_wanted(line) {
                let request = self.request(at, self.status(line), line, &mut scratch);
                take(&request, self.asked(line));
            }
        }
        self.scratch = scratch;
    }

    /// Lines of this format say how long a request took.
    pub fn is_timed(&self) -> bool {
        [Column::UpstreamResponse, Column::RequestTime]
            .iter()
            .any(|it| self.format.has(*it))
    }

    fn asked(&self, line: &[u8]) -> Option<bool> {
        let columns = [
            Column::UpstreamAddr,
            Column::UpstreamStatus,
            Column::UpstreamResponse,
        ];
        let value = columns.iter().find_map(|it| self.value(*it, line))?;
        Some(!matches!(value, b"" | b"-"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{access::Format, scan::Window};

    #[test]
    fn requests_come_one_by_one_and_tell_whether_a_backend_was_asked() {
        let format = "$remote_addr [$time_local] \"$request\" $status $upstream_addr $request_time";
        let block =
            b"192.0.2.7 [22/Nov/2026:12:17:46 +0000] \"POST /item/7 HTTP/1.1\" 200 127.0.0.1:80 1.5\n\
                      192.0.2.8 [22/Nov/2026:12:17:47 +0000] \"GET /a.css HTTP/1.1\" 200 - 0.0\nnonsense\n";
        let mut scan = AccessScan::new(Format::compile(format), "shop", None, Window::ALL);
        let mut seen = Vec::new();
        scan.each(block, |request, asked| {
            let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
            seen.push((
                text(request.method),
                text(request.route),
                request.load.micros,
                asked,
            ));
        });
        let expected = [
            ("POST".into(), "/item/*".into(), 1_500_000, Some(true)),
            ("GET".into(), "/a.css".into(), 0, Some(false)),
        ];
        assert_eq!(seen, expected);
        assert!(scan.is_timed());
        assert_eq!((scan.seen.lines, scan.seen.unfit), (3, 1));
        let mut plain = AccessScan::new(Format::combined(), "", None, Window::ALL);
        let line = b"192.0.2.7 - - [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 200 5 \"-\" \"x\"\n";
        plain.each(line, |_, asked| assert_eq!(asked, None));
        assert!(!plain.is_timed());
    }
}
