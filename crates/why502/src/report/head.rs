//! What the documents about a look at a host begin with.

use host::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;
use std::time::Instant;

/// A look at a host.
#[derive(Clone, Debug)]
pub struct Looked {
    /// Name of the host, or the configuration that was given.
    pub host: String,
    /// When it was looked at.
    pub at: Timestamp,
    /// How long that took, milliseconds.
    pub took_ms: u64,
}

impl Looked {
    /// At that host, since `started` by this machine's clock and until now.
    pub fn since(started: Instant, host: String, at: Timestamp) -> Self {
        let took = started.elapsed();
        Self {
            host,
            at,
            took_ms: u64::try_from(took.as_millis()).unwrap_or(u64::MAX),
        }
    }

    pub(super) fn head(&self, schema: &'static str) -> Head {
        Head {
            schema,
            version: env!("CARGO_PKG_VERSION"),
            host: self.host.clone(),
            at: self.at.to_string(),
            took_ms: self.took_ms,
        }
    }
}

/// First fields of a document.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Head {
    /// Name and version of this schema.
    pub schema: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// Name of the host, or the configuration that was given.
    pub host: String,
    /// When it was looked at, RFC 3339 in UTC.
    pub at: String,
    /// How long that took, milliseconds.
    pub took_ms: u64,
}
