//! Access logs of any `log_format`.

mod compile;
mod fit;
mod lay;
mod literal;
mod prefilter;
mod reach;
mod sweep;
mod values;

pub(crate) use lay::Stamp;
pub use lay::{Column, Laid};
pub use prefilter::may_be_failure;
pub(crate) use prefilter::status_in;
pub(crate) use values::tries;

use jiff::civil::DateTime;
use literal::Literal;
use reach::Reach;

/// One request as logged. What the format does not hold is `None`.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct AccessLine {
    /// Moment in UTC (formats with `$time_local`, `$time_iso8601` or `$msec` carry the offset).
    pub at: Option<DateTime>,
    /// `$status`
    pub status: Option<u16>,
    /// `$request`, or `$request_method $request_uri`
    pub request: Option<String>,
    /// `$host`, `$http_host` or `$server_name`
    pub host: Option<String>,
    /// `$remote_addr`
    pub client: Option<String>,
    /// `$upstream_addr`, one a try
    pub upstream_addr: Vec<String>,
    /// `$upstream_status`, one a try; mirrors nginx's own status where no upstream answered
    pub upstream_status: Vec<Option<u16>>,
    /// `$upstream_connect_time`, seconds, one a try; `None` where never connected
    pub upstream_connect: Vec<Option<f64>>,
    /// `$upstream_header_time`, seconds, one a try; a number where the upstream itself answered
    pub upstream_header: Vec<Option<f64>>,
    /// `$upstream_response_time`, seconds, one a try
    pub upstream_response: Vec<Option<f64>>,
    /// `$request_time`, seconds
    pub request_time: Option<f64>,
}

impl AccessLine {
    /// Whether nginx itself made this 5xx (`Some(true)`) or passed on an upstream's (`Some(false)`). `None` for other
    /// statuses and where the format has no `$upstream_header_time`.
    ///
    /// `$upstream_status` alone never tells: where an upstream gave no answer nginx writes its own status there. A number
    /// in `$upstream_header_time` is an answer that was received (`ngx_http_upstream_process_header`).
    pub fn made_by_nginx(&self) -> Option<bool> {
        let status = self.status.filter(|status| (500..600).contains(status))?;
        let failed_try = self
            .upstream_status
            .iter()
            .rposition(|of_try| *of_try == Some(status));
        let header = failed_try
            .and_then(|at| self.upstream_header.get(at))
            .or(self.upstream_header.last())?;
        Some(header.is_none())
    }
}

/// How a `log_format` writes variables: its `escape` parameter.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// `\xHH` for quotes, backslashes, controls and bytes over 126; `-` for what is missing.
    #[default]
    Default,
    /// As inside a JSON string; nothing for what is missing.
    Json,
    /// Nothing is escaped: values can forge fields.
    None,
}

/// A `log_format`, ready to read lines.
#[derive(Clone, Debug)]
pub struct Format {
    escape: Escape,
    parts: Vec<Part>,
    mark: Option<sweep::Mark>,
    columns: lay::Columns,
}

/// A variable and the literal text behind it; the first part may have no variable.
#[derive(Clone, Debug)]
struct Part {
    variable: Variable,
    literal: Literal,
    reach: Reach,
}

/// What a variable holds, as far as it is of use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Variable {
    /// No variable: the literal at the start of a format.
    Nothing,
    TimeLocal,
    TimeIso,
    Msec,
    Status,
    Request,
    Method,
    Uri,
    Host,
    ServerName,
    Client,
    RequestTime,
    UpstreamAddr,
    UpstreamStatus,
    UpstreamConnect,
    UpstreamHeader,
    UpstreamResponse,
    /// `$body_bytes_sent` or `$bytes_sent`
    Bytes,
    Referrer,
    Agent,
    /// `$http_x_forwarded_for` or `$proxy_add_x_forwarded_for`
    Forwarded,
    /// Any other number.
    Number,
    /// Any other text.
    Text,
}

/// `log_format combined`, built into nginx (`ngx_http_log_module.c`).
const COMBINED: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                        \"$http_referer\" \"$http_user_agent\"";

impl Format {
    /// The format `combined`, which `access_log` uses when it names none.
    pub fn combined() -> Format {
        Format::compile(COMBINED)
    }

    /// Compiles the text of a `log_format`, its strings joined; a leading `escape=…` as in the directive is understood.
    /// Every text is some format: unknown variables are read over.
    pub fn compile(log_format: &str) -> Format {
        compile::format(log_format)
    }

    /// Compiles the arguments of a `log_format` directive behind its name: perhaps `escape=…`, then strings.
    pub fn from_arguments<S: AsRef<str>>(arguments: &[S]) -> Format {
        compile::arguments(arguments)
    }

    /// Whether a line can be a request that failed with 5xx or 499, at memory speed. A no is certain for lines of this
    /// format; a yes needs [`Format::parse`].
    pub fn may_be_failure(&self, line: &[u8]) -> bool {
        self.mark.as_ref().is_none_or(|mark| mark.is_in(line))
    }

    /// Reads one line, with or without its line end. `None` if it does not fit the format, or is longer than nginx's
    /// header buffers could make it.
    pub fn parse(&self, line: &[u8]) -> Option<AccessLine> {
        let line = line.strip_suffix(b"\n").unwrap_or(line);
        let mut laid = Laid::default();
        self.lay(line, &mut laid)
            .then(|| values::read(self, line, laid.spans()))
    }
}

#[cfg(test)]
mod tests;
