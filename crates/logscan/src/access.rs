//! Access logs of any `log_format`.

use jiff::civil::DateTime;

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
