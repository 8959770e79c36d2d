//! The line for the site's operator: short enough for a chat, and enough to find these very requests in the site's
//! logs.

use super::{
    Check, Place,
    case::{Asked, By},
    hop, steps,
};
use host::{Timestamp, looks::RouteTo};
use std::net::IpAddr;

/// First word of the line.
const MARK: &str = "why502-check";
/// Of the failing page, characters.
const SAMPLE: usize = 120;

/// What the line tells.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line {
    /// The page.
    pub url: String,
    /// When the check began.
    pub at: Timestamp,
    /// It stands in the User-Agent of each request.
    pub id: String,
    /// What came: `502 Bad Gateway`.
    pub got: String,
    /// This machine's own address; behind a router the site sees the router's.
    pub client: Option<IpAddr>,
    /// Which of the site's addresses was asked.
    pub edge: Option<String>,
    /// What this machine's resolver gave.
    pub resolved: Vec<IpAddr>,
    /// Requests that failed, and all.
    pub failed: (usize, usize),
    /// A header that names the request, and its value. Hostile.
    pub request_id: Option<(String, String)>,
    /// The beginning of what came, as text. Hostile.
    pub sample: String,
}

impl Line {
    /// From a check.
    pub fn of(check: &Check) -> Self {
        let asked = check
            .telling()
            .or_else(|| check.asked.iter().find(|it| it.connected()))
            .or(check.asked.first());
        let page = asked.and_then(|it| it.page.as_ref());
        let request_id = page.and_then(|page| hop::read(page).request_id);
        Self {
            url: check.place.to_string(),
            at: check.at,
            id: check.id.clone(),
            got: asked.map_or_else(|| "no request was made".to_owned(), Asked::outcome),
            client: asked.and_then(|it| own_address(check, it.visit.to.ip())),
            edge: asked.map(|it| it.visit.to.to_string()),
            resolved: check
                .names
                .iter()
                .find(|it| it.by == By::System)
                .map(|it| it.addresses().to_vec())
                .unwrap_or_default(),
            failed: steps::failed(check),
            request_id: request_id.map(|(name, value)| (name.to_owned(), value)),
            sample: page.map(|page| sample(&page.body)).unwrap_or_default(),
        }
    }

    /// `why502-check url=… at=… id=…`, quoted where it has to be.
    pub fn text(&self) -> String {
        let mut words = vec![
            MARK.to_owned(),
            word("url", &self.url),
            word("at", &self.at.to_string()),
            word("id", &self.id),
            word("got", &self.got),
            format!("failed={}/{}", self.failed.0, self.failed.1),
        ];
        words.extend(self.client.map(|it| word("client", &it.to_string())));
        words.extend(self.edge.as_ref().map(|it| word("edge", it)));
        if !self.resolved.is_empty() {
            words.push(word(
                "resolved",
                &steps::listed(&self.resolved).replace(", ", ","),
            ));
        }
        words.extend(self.request_id.as_ref().map(|(name, value)| word(name, value)));
        if !self.sample.is_empty() {
            words.push(word("sample", &self.sample));
        }
        words.join(" ")
    }

    /// Reads the line back, from wherever in a text it stands; `None` where it is not there whole.
    pub fn find(text: &str) -> Option<Self> {
        // a mail or a chat may have broken the line
        let text: String = text[text.find(MARK)? + MARK.len()..].chars().take(8000).collect();
        let fields = fields(&text);
        let get = |name: &str| {
            fields
                .iter()
                .find(|(key, _)| key == name)
                .map(|(_, value)| value.as_str())
        };
        let at: jiff::Timestamp = get("at")?.parse().ok()?;
        let (failed, all) = get("failed")
            .and_then(|it| it.split_once('/'))
            .unwrap_or(("0", "0"));
        Some(Self {
            url: get("url")?.to_owned(),
            at: Timestamp::from_secs(at.as_second()),
            id: get("id").filter(|id| is_id(id))?.to_owned(),
            got: get("got").unwrap_or_default().to_owned(),
            client: get("client").and_then(|it| it.parse().ok()),
            edge: get("edge").map(str::to_owned),
            resolved: get("resolved")
                .unwrap_or_default()
                .split(',')
                .filter_map(|it| it.parse().ok())
                .collect(),
            failed: (
                failed.parse().unwrap_or_default(),
                all.parse().unwrap_or_default(),
            ),
            request_id: None,
            sample: get("sample").unwrap_or_default().to_owned(),
        })
    }

    /// The page, taken apart.
    pub fn place(&self) -> Option<Place> {
        Place::parse(&self.url).ok()
    }
}

/// Twelve hex digits, as [`super::look`] makes them.
pub fn is_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The address from which packets to the site leave.
fn own_address(check: &Check, to: IpAddr) -> Option<IpAddr> {
    let way = &check.machine.ways_out[usize::from(to.is_ipv6())];
    match way {
        Ok(RouteTo::Via { source, .. }) => *source,
        _ => None,
    }
}

fn word(name: &str, value: &str) -> String {
    let plain = |c: char| c.is_ascii_graphic() && !"\"\\'".contains(c);
    let clean: String = value
        .chars()
        .map(|c| if c == '"' || c.is_control() { '\'' } else { c })
        .collect();
    if !clean.is_empty() && clean.chars().all(plain) {
        format!("{name}={clean}")
    } else {
        format!("{name}=\"{clean}\"")
    }
}

fn fields(text: &str) -> Vec<(String, String)> {
    let (mut found, mut rest) = (Vec::new(), text);
    while let Some((name, value)) = rest.split_once('=') {
        let name = name.split_whitespace().last().unwrap_or_default().to_owned();
        let (value, after) = match value.strip_prefix('"') {
            Some(quoted) => quoted.split_once('"').unwrap_or((quoted, "")),
            None => value.split_once(char::is_whitespace).unwrap_or((value, "")),
        };
        let value = value.split_whitespace().collect::<Vec<_>>().join(" ");
        found.push((name, value));
        rest = after;
        if found.len() > 40 {
            break;
        }
    }
    found
}

/// The page's title, or its first words without tags.
fn sample(body: &str) -> String {
    let lower = body.to_ascii_lowercase();
    let title = lower.find("<title>").and_then(|start| {
        let end = lower[start..].find("</title>")? + start;
        body.get(start + 7..end)
    });
    let mut text = String::new();
    let mut inside = false;
    for c in title.unwrap_or(body).chars().take(2000) {
        match c {
            '<' => inside = true,
            '>' => inside = false,
            _ if !inside => text.push(c),
            _ => {}
        }
    }
    let words: String = text.split_whitespace().collect::<Vec<_>>().join(" ");
    words.chars().take(SAMPLE).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn line() -> Line {
        Line {
            url: "https://shop.example/cart?x=1".into(),
            at: Timestamp::from_secs(1_795_784_400),
            id: "0123456789ab".into(),
            got: "502 Bad Gateway".into(),
            client: "192.0.2.7".parse().ok(),
            edge: Some("203.0.113.5:443".into()),
            resolved: vec![
                "203.0.113.5".parse().expect("is one"),
                "2001:db8::1".parse().expect("is one"),
            ],
            failed: (3, 5),
            request_id: None,
            sample: "502 Bad Gateway nginx".into(),
        }
    }

    #[test]
    fn the_line_comes_back_out_of_a_mail() {
        let text = format!(
            "Hello,\n> {}\nBye",
            line().text().replace(" client", "\n> client")
        );
        assert_eq!(Line::find(&text), Some(line()));
        assert_eq!(Line::find("nothing of the kind"), None);
        assert_eq!(Line::find("why502-check url=a at=never id=0123456789ab"), None);
        assert_eq!(
            Line::find("why502-check url=a at=2026-11-27T13:00:00Z id=../../etc"),
            None
        );
    }

    #[test]
    fn a_sample_is_what_a_person_reads() {
        assert_eq!(
            sample("<html><head><title>502 Bad\nGateway</title>"),
            "502 Bad Gateway"
        );
        assert_eq!(sample("<h1>Oops</h1> <p>later</p>"), "Oops later");
    }

    proptest! {
        #[test]
        fn any_text_is_harmless(text: String, sample: String) {
            let _ = Line::find(&format!("why502-check {text}"));
            let odd = Line { sample, ..line() };
            prop_assert!(Line::find(&odd.text()).is_some());
        }
    }
}
