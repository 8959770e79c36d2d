//! What leaves this host in a bundle holds no secret and no visitor. Works on recordings, on every string of every look
//! and answer, whatever its kind: a new look is redacted the day it is written.
//!
//! The same text becomes the same text everywhere, in questions and in answers, and redacting twice changes nothing
//! more: a redacted recording is judged as the raw one.

mod addresses;
mod patterns;

use crate::{
    Answer, Query, Unseen,
    answer::{Blob, Bytes, hex, unhex},
    memory::Memory,
};
use addresses::Addresses;
use flate2::{Compression, read::MultiGzDecoder, write::GzEncoder};
pub use patterns::Kind;
use patterns::Pattern;
use regex::bytes::Regex;
use serde_json::Value;
use std::{
    borrow::Cow,
    collections::BTreeMap,
    io::{Read, Write},
    path::Path,
};

/// A compressed log that holds more is left out, bytes.
const INFLATED: u64 = 256 << 20;

/// The text without the secrets in it. Addresses stay, also those of mail: on the host itself it is those of visitors that
/// tell whose load it was.
pub fn without_secrets(text: &str) -> Cow<'_, str> {
    without(text, |kind| kind != Kind::Mail)
}

/// The same without addresses of mail.
pub fn without_secrets_and_mail(text: &str) -> Cow<'_, str> {
    without(text, |_| true)
}

fn without(text: &str, gone: impl Fn(Kind) -> bool) -> Cow<'_, str> {
    let mut clean = Cow::Borrowed(text);
    if text.is_empty() {
        return clean;
    }
    for pattern in patterns::KNOWN.iter().filter(|it| gone(it.kind)) {
        if let Some((replaced, _)) = pattern.replace(clean.as_bytes()) {
            clean = Cow::Owned(String::from_utf8_lossy(&replaced).into_owned());
        }
    }
    clean
}

/// Takes secrets and visitors out of text.
pub struct Redactor {
    patterns: Vec<Pattern>,
    addresses: Addresses,
    counts: BTreeMap<Kind, u64>,
    left_out: Vec<String>,
}

/// What was taken out.
#[derive(Clone, Debug, Default, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Report {
    /// How many of each kind, by its name; each occurrence counts.
    pub replaced: BTreeMap<String, u64>,
    /// How many addresses have got another in their place, the same everywhere.
    pub addresses: usize,
    /// What could not be read, and so is not there at all.
    pub left_out: Vec<String>,
}

impl Redactor {
    /// Takes out what we know, and what matches these expressions of the user's own.
    pub fn new(own: Vec<Regex>) -> Self {
        let own = own.into_iter().map(Pattern::own);
        Self {
            patterns: patterns::KNOWN.iter().cloned().chain(own).collect(),
            addresses: Addresses::default(),
            counts: BTreeMap::new(),
            left_out: Vec::new(),
        }
    }

    /// The recording as it may leave the host.
    pub fn memory(&mut self, memory: &Memory) -> Memory {
        self.keep_addresses_of(memory);
        let mut clean = Memory::default();
        for (query, answer) in memory.iter() {
            let inflated = self.compressed(query, answer);
            let answer = match inflated.as_ref().unwrap_or(answer) {
                Ok(raw) => match self.shape(raw, is_versions(query)) {
                    Some(clean) => Ok(same_part(raw, clean)),
                    None => Err(self.unreadable(query, "it can't be written again without what was in it")),
                },
                Err(unseen) => Err(self.shape(unseen, false).unwrap_or_else(|| unseen.clone())),
            };
            // a question that can't be asked again in its redacted form answers nobody
            if let Some(query) = self.shape(query, false) {
                clean.set(query, answer);
            }
        }
        clean
    }

    /// Addresses that this host has or asks are no visitors': they stay.
    pub fn keep_addresses_of(&mut self, memory: &Memory) {
        self.addresses.keep_of(memory);
    }

    /// One text.
    pub fn text(&mut self, text: &str) -> String {
        String::from_utf8_lossy(&self.bytes(text.as_bytes(), false)).into_owned()
    }

    /// Every string of a value, keys of objects included.
    pub fn value(&mut self, value: Value) -> Value {
        self.walk(value, false)
    }

    /// What was taken out so far.
    pub fn report(&self) -> Report {
        let name = |(kind, count): (&Kind, &u64)| (kind.name().to_owned(), *count);
        Report {
            replaced: self.counts.iter().map(name).collect(),
            addresses: self.addresses.len(),
            left_out: self.left_out.clone(),
        }
    }

    /// The same shape with its strings redacted; `None` where those no longer make that shape.
    fn shape<T>(&mut self, shape: &T, versions: bool) -> Option<T>
    where
        T: serde::Serialize + serde::de::DeserializeOwned,
    {
        let value = serde_json::to_value(shape).ok()?;
        serde_json::from_value(self.walk(value, versions)).ok()
    }

    fn walk(&mut self, value: Value, versions: bool) -> Value {
        match value {
            Value::String(text) => {
                let clean = self.bytes(text.as_bytes(), versions);
                Value::String(String::from_utf8_lossy(&clean).into_owned())
            }
            Value::Array(items) => items.into_iter().map(|it| self.walk(it, versions)).collect(),
            Value::Object(fields) => {
                let raw = fields.get("hex").and_then(Value::as_str);
                if let Some(bytes) = raw.and_then(|digits| unhex(digits.as_bytes())) {
                    let clean = hex(&self.bytes(&bytes, versions));
                    return serde_json::json!({ "hex": clean });
                }
                let walked = fields.into_iter().map(|(name, value)| {
                    let name = self.bytes(name.as_bytes(), versions);
                    let name = String::from_utf8_lossy(&name).into_owned();
                    (name, self.walk(value, versions))
                });
                walked.collect()
            }
            plain => plain,
        }
    }

    fn bytes(&mut self, text: &[u8], versions: bool) -> Vec<u8> {
        let mut clean = text.to_vec();
        for pattern in &self.patterns {
            if let Some((replaced, count)) = pattern.replace(&clean) {
                *self.counts.entry(pattern.kind).or_default() += count;
                clean = replaced;
            }
        }
        if !versions && let Some((replaced, count)) = self.addresses.replace(&clean) {
            *self.counts.entry(Kind::Address).or_default() += count;
            clean = replaced;
        }
        clean
    }

    /// A compressed file is read, redacted and compressed again; what can't be read can't be vouched for.
    fn compressed(
        &mut self,
        query: &Query,
        answer: &Result<Answer, Unseen>,
    ) -> Option<Result<Answer, Unseen>> {
        let Query::File { path, .. } = query else {
            return None;
        };
        let Ok(Answer::File(Some(blob))) = answer else {
            return None;
        };
        if !is_compressed(path, &blob.bytes.0) {
            return None;
        }
        let again = inflate(&blob.bytes.0).and_then(|text| deflate(&self.bytes(&text, false)));
        Some(
            match again.map(|bytes| Blob {
                bytes: Bytes(bytes),
                ..blob.clone()
            }) {
                Some(clean) => {
                    let raw = Answer::File(Some(blob.clone()));
                    Ok(same_part(&raw, Answer::File(Some(clean))))
                }
                None => Err(self.unreadable(query, "it is compressed and can't be read whole")),
            },
        )
    }

    fn unreadable(&mut self, query: &Query, why: &str) -> Unseen {
        let what = match query {
            Query::File { path, .. } => path.display().to_string(),
            other => format!("{other:?}"),
        };
        let what = self.text(&what);
        self.left_out.push(format!("{what}: {why}"));
        let why = format!("left out of the bundle: {why}");
        Unseen::Unusable { what, why }
    }
}

/// As much is missing of a redacted file as of the raw one: a reader tells by the size whether the first line is whole.
fn same_part(raw: &Answer, clean: Answer) -> Answer {
    match (raw, clean) {
        (Answer::File(Some(raw)), Answer::File(Some(mut clean))) => {
            let missing = raw.size.saturating_sub(raw.bytes.0.len() as u64);
            clean.size = missing + clean.bytes.0.len() as u64;
            Answer::File(Some(clean))
        }
        (_, clean) => clean,
    }
}

/// Versions of packages look like addresses.
fn is_versions(query: &Query) -> bool {
    match query {
        Query::File { path, .. } => {
            path.starts_with("/var/log/dpkg.log") || path.starts_with("/var/lib/dpkg")
        }
        Query::Run(tool) => matches!(tool, crate::Tool::RpmHistory | crate::Tool::NginxVersion { .. }),
        _ => false,
    }
}

fn is_compressed(path: &Path, bytes: &[u8]) -> bool {
    let named = path
        .extension()
        .is_some_and(|it| ["gz", "xz", "zst", "bz2"].iter().any(|kind| it == *kind));
    named || bytes.starts_with(&[0x1f, 0x8b])
}

fn inflate(bytes: &[u8]) -> Option<Vec<u8>> {
    let mut text = Vec::new();
    let mut reader = MultiGzDecoder::new(bytes).take(INFLATED + 1);
    reader.read_to_end(&mut text).ok()?;
    (text.len() as u64 <= INFLATED).then_some(text)
}

fn deflate(text: &[u8]) -> Option<Vec<u8>> {
    let mut writer = GzEncoder::new(Vec::new(), Compression::fast());
    writer.write_all(text).ok()?;
    writer.finish().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Timestamp, query::Part};
    use proptest::prelude::*;

    fn file(path: &str, bytes: Vec<u8>) -> (Query, Result<Answer, Unseen>) {
        let query = Query::File {
            path: path.into(),
            part: Part::Tail(1 << 20),
        };
        let blob = Blob {
            size: bytes.len() as u64,
            bytes: Bytes(bytes),
            modified: Timestamp(0),
        };
        (query, Ok(Answer::File(Some(blob))))
    }

    fn redacted(path: &str, bytes: Vec<u8>) -> (String, Report) {
        let mut memory = Memory::default();
        let (query, answer) = file(path, bytes);
        memory.set(query, answer);
        let mut redactor = Redactor::new(Vec::new());
        let clean = redactor.memory(&memory);
        let mut text = String::new();
        for (query, answer) in clean.iter() {
            text += &serde_json::to_string(&(query, answer)).expect("writes");
            if let Ok(Answer::File(Some(blob))) = answer
                && let Some(inflated) = inflate(&blob.bytes.0)
            {
                text += &String::from_utf8_lossy(&inflated);
            }
        }
        (text, redactor.report())
    }

    #[test]
    fn compressed_logs_are_redacted_inside_or_left_out() {
        let line = b"a password=canary-1 b\n";
        let (text, report) = redacted("/var/log/x.log.2.gz", deflate(line).expect("deflates"));
        assert!(
            !text.contains("canary-1") && text.contains("a password="),
            "{text}"
        );
        assert_eq!(report.replaced.get("password"), Some(&1));
        let (text, report) = redacted("/var/log/x.log.3.xz", b"\xfd7zXZcanary-1".to_vec());
        assert!(!text.contains("canary-1") && text.contains("left out"), "{text}");
        assert_eq!(report.left_out.len(), 1);
    }

    #[test]
    fn addresses_of_this_hosts_interfaces_stay() {
        let links =
            br#"[{"ifname":"eth1","flags":[],"addr_info":[{"local":"203.0.113.70","prefixlen":26}]}]"#;
        let output = crate::answer::Output {
            status: Some(0),
            stdout: Bytes(links.to_vec()),
            stderr: Bytes::default(),
        };
        let mut memory = Memory::default();
        memory.set(Query::Run(crate::Tool::Links), Ok(Answer::Output(output)));
        let mut redactor = Redactor::new(Vec::new());
        redactor.memory(&memory);
        assert_eq!(
            redactor.text("203.0.113.70 203.0.113.71"),
            "203.0.113.70 198.18.0.1"
        );
    }

    #[test]
    fn bytes_that_are_no_text_are_redacted_too() {
        let mut bytes = vec![0xff, 0xfe];
        bytes.extend(b" mysql://shop:canary-1@db/ ");
        let (text, _) = redacted("/var/log/x.log", bytes);
        let canary: String = hex(b"canary-1");
        assert!(
            !text.contains(&canary) && text.contains(&hex(b"mysql://shop:")),
            "{text}"
        );
    }

    #[test]
    fn what_is_asked_and_what_is_answered_stay_one() {
        let mut memory = Memory::default();
        let (log, answer) = file(
            "/var/log/a@example.org/e.log",
            b"GET /?token=abcdef HTTP/1.1".to_vec(),
        );
        memory.set(log, answer);
        let ask = |target: &str| Query::Connect {
            to: crate::Endpoint::Tcp(([127, 0, 0, 1], 80).into()),
            stance: crate::Stance::default(),
            talk: crate::Talk::Http {
                method: "GET".to_owned(),
                target: target.to_owned(),
                host: "shop.example".to_owned(),
                tls: None,
                patience_ms: 1,
            },
        };
        let what = "x".to_owned();
        memory.set(ask("/?token=abcdef"), Err(Unseen::NotRecorded { what }));
        let clean = Redactor::new(Vec::new()).memory(&memory);
        assert!(clean.get(&ask("/?token=[redacted]")).is_some());
        assert_eq!(clean.iter().count(), 2);
    }

    #[test]
    fn own_patterns_join() {
        let own = Regex::new("ACME-[0-9]+").expect("an expression");
        let mut redactor = Redactor::new(vec![own]);
        assert_eq!(redactor.text("order ACME-77 of 9"), "order [redacted] of 9");
    }

    proptest! {
        #[test]
        fn twice_is_once(text in "[ -~\n]{0,40}(password=|Cookie: |Bearer |client: 8.8.4.4|a@b.de|://u:p@|token )[ -~\n]{0,40}") {
            let mut redactor = Redactor::new(Vec::new());
            let once = redactor.text(&text);
            prop_assert_eq!(redactor.text(&once), once);
        }

        #[test]
        fn no_text_panics(text in proptest::collection::vec(any::<u8>(), 0..200)) {
            Redactor::new(Vec::new()).bytes(&text, false);
        }
    }
}
