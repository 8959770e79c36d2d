//! nginx's error log, line by line.

use crate::Complaint;
use jiff::civil::DateTime;

/// One message of the error log with its fields. Source of the format: nginx `src/core/ngx_log.c` and
/// `ngx_http_log_error_handler` in `src/http/ngx_http_request.c`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorLine {
    /// Local time of the host, to the second; `None` for a pasted line without one.
    pub at: Option<DateTime>,
    /// The level.
    pub level: Level,
    /// The process that wrote it.
    pub pid: Option<u32>,
    /// The connection (`*123`).
    pub connection: Option<u64>,
    /// The message up to the first field.
    pub message: String,
    /// `client: …`
    pub client: Option<String>,
    /// `server: …`: the server_name of the block that served it
    pub server: Option<String>,
    /// `request: "…"`, whole
    pub request: Option<String>,
    /// `upstream: "…"`
    pub upstream: Option<String>,
    /// `host: "…"`: what the client asked for
    pub host: Option<String>,
    /// What it says went wrong.
    pub complaint: Complaint,
}

/// Levels, least severe first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Level {
    /// debug
    Debug,
    /// info
    Info,
    /// notice
    Notice,
    /// warn
    Warn,
    /// error
    Error,
    /// crit
    Crit,
    /// alert
    Alert,
    /// emerg
    Emerg,
}
