use crate::Timestamp;
use serde::Deserialize;

/// The fields that are parsed; the time comes with every record.
pub(crate) const FIELDS: &[&str] = &[
    "MESSAGE",
    "PRIORITY",
    "SYSLOG_IDENTIFIER",
    "_PID",
    "_SYSTEMD_UNIT",
    "UNIT",
];

/// One line of the journal.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct JournalLine {
    /// When it was received.
    pub at: Timestamp,
    /// The unit it is of or, for systemd's own lines, about.
    pub unit: String,
    /// The program that wrote it (`systemd`, `php-fpm8.2`, `sudo`).
    pub by: String,
    /// Process id of the writer.
    pub pid: u32,
    /// Syslog priority: 3 is error.
    pub priority: u8,
    /// The text, lossy.
    pub text: String,
}

#[derive(Deserialize)]
struct Record {
    #[serde(rename = "__REALTIME_TIMESTAMP")]
    at: String,
    #[serde(rename = "MESSAGE", default)]
    message: serde_json::Value,
    #[serde(rename = "PRIORITY", default)]
    priority: String,
    #[serde(rename = "SYSLOG_IDENTIFIER", default)]
    identifier: String,
    #[serde(rename = "_PID", default)]
    pid: String,
    #[serde(rename = "_SYSTEMD_UNIT", default)]
    unit: String,
    #[serde(rename = "UNIT", default)]
    about: String,
}

/// From `journalctl -o json`; lines that are no record are passed over.
pub(super) fn parse(output: &[u8]) -> Vec<JournalLine> {
    output
        .split(|byte| *byte == b'\n')
        .filter_map(|line| serde_json::from_slice::<Record>(line).ok())
        .map(|record| JournalLine {
            at: Timestamp(record.at.parse::<i64>().unwrap_or_default() / 1000),
            unit: if record.about.is_empty() {
                record.unit
            } else {
                record.about
            },
            by: record.identifier,
            pid: record.pid.parse().unwrap_or_default(),
            priority: record.priority.parse().unwrap_or(6),
            text: text(&record.message),
        })
        .collect()
}

/// journald writes a message that is not UTF-8 as an array of bytes.
fn text(message: &serde_json::Value) -> String {
    match message {
        serde_json::Value::String(text) => text.clone(),
        serde_json::Value::Array(bytes) => {
            let bytes: Vec<u8> = bytes
                .iter()
                .filter_map(|byte| u8::try_from(byte.as_u64()?).ok())
                .collect();
            String::from_utf8_lossy(&bytes).into_owned()
        }
        _ => String::new(),
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn systemds_own_line_belongs_to_the_unit_it_is_about() {
        let lines = super::parse(
            br#"{"__REALTIME_TIMESTAMP":"1763800000123456","MESSAGE":"Stopped php.","UNIT":"php8.2-fpm.service","_SYSTEMD_UNIT":"init.scope","SYSLOG_IDENTIFIER":"systemd","PRIORITY":"6","_PID":"1"}
{"__REALTIME_TIMESTAMP":"1763800001000000","MESSAGE":[104,105,255]}
not json
"#,
        );
        assert_eq!(lines[0].unit, "php8.2-fpm.service");
        assert_eq!(lines[0].at.0, 1_763_800_000_123);
        assert_eq!(lines[1].text, "hi\u{fffd}");
        assert_eq!(lines.len(), 2);
    }
}
