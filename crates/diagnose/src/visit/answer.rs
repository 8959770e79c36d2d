//! An answer over HTTP, taken apart.

use host::{
    answer::{Connect, Conversation, End},
    visit::TO_ANSWER,
};

/// Status, headers, body.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Page {
    /// The status.
    pub status: u16,
    /// Names in lower case, in the order they came. Hostile.
    pub headers: Vec<(String, String)>,
    /// What was heard of the body. Hostile.
    pub body: String,
}

impl Page {
    /// From what was heard; `None` where no HTTP was.
    pub fn read(heard: &[u8]) -> Option<Self> {
        let mut headers = [httparse::EMPTY_HEADER; 120];
        let mut response = httparse::Response::new(&mut headers);
        let httparse::Status::Complete(body) = response.parse(heard).ok()? else {
            return None;
        };
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        Some(Self {
            status: response.code?,
            headers: response
                .headers
                .iter()
                .map(|it| (it.name.to_ascii_lowercase(), text(it.value)))
                .collect(),
            body: text(heard.get(body..)?),
        })
    }

    /// The first header of that name (lower case).
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(header, _)| header == name);
        found.map(|(_, value)| value.as_str())
    }

    /// The failure of a server, not of the request.
    pub fn fails(&self) -> bool {
        self.status >= 500
    }

    /// Where it sends a browser.
    pub fn redirect(&self) -> Option<&str> {
        matches!(self.status, 301 | 302 | 303 | 307 | 308)
            .then(|| self.header("location"))
            .flatten()
    }

    /// When the server says it is, seconds since the epoch.
    pub fn date(&self) -> Option<i64> {
        let format = "%a, %d %b %Y %H:%M:%S GMT";
        let at = jiff::civil::DateTime::strptime(format, self.header("date")?).ok()?;
        Some(at.to_zoned(jiff::tz::TimeZone::UTC).ok()?.timestamp().as_second())
    }
}

/// How a conversation went that brought no page, in words.
pub fn without_page(talk: &Conversation) -> String {
    if let Some(says) = refusal(talk.connect) {
        return says;
    }
    if let Some(tls) = talk.tls.as_ref().filter(|tls| !tls.completed) {
        let why = tls.error.as_deref().unwrap_or("it did not complete");
        return format!("TLS failed: {why}");
    }
    match (talk.end, talk.heard.0.is_empty()) {
        (End::TimedOut, true) => format!("connected, no answer within {} s", TO_ANSWER.as_secs()),
        (End::TimedOut, false) => "an answer that did not come to the end of its headers in time".to_owned(),
        (End::Reset, _) => "the connection was reset before an answer".to_owned(),
        (_, true) => "the connection was closed without an answer".to_owned(),
        (_, false) => "what came is not HTTP".to_owned(),
    }
}

/// Why it did not connect; `None` where it did.
pub fn refusal(connect: Connect) -> Option<String> {
    Some(match connect {
        Connect::Accepted => return None,
        Connect::TimedOut => "no answer to the connection".to_owned(),
        Connect::Failed(errno) => errno_says(errno),
    })
}

/// `Connection refused`, as strerror(3) says it.
fn errno_says(errno: i32) -> String {
    let text = std::io::Error::from_raw_os_error(errno).to_string();
    text.split(" (os error").next().unwrap_or_default().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_taken_apart() {
        let heard = b"HTTP/1.1 302 Found\r\nServer: nginx\r\nLocation: /a\r\nDate: Fri, 27 Nov 2026 13:00:00 GMT\r\n\r\nbody";
        let page = Page::read(heard).expect("is one");
        assert_eq!(
            (page.status, page.redirect(), page.body.as_str()),
            (302, Some("/a"), "body")
        );
        assert_eq!(page.date(), Some(1_795_784_400));
        assert_eq!(Page::read(b"SSH-2.0-OpenSSH"), None);
        assert_eq!(Page::read(b"HTTP/1.1 200 OK\r\n"), None);
    }

    proptest! {
        #[test]
        fn any_bytes_are_harmless(bytes: Vec<u8>) {
            let _ = Page::read(&[b"HTTP/1.1 502 \r\ndate: ".as_slice(), &bytes].concat()).and_then(|page| page.date());
        }
    }
}
