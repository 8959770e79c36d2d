//! Columns of a line, borrowed: what scans of whole logs work on.

use super::{Format, Part, Variable, fit, sweep::Mark, values};
use jiff::{civil::DateTime, tz::TimeZone};

/// What a scan asks of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Column {
    /// `$msec`, `$time_iso8601` or `$time_local`
    Time,
    /// `$status`
    Status,
    /// `$request`
    Request,
    /// `$request_method`
    Method,
    /// `$request_uri` or `$uri`
    Uri,
    /// `$host` or `$http_host`
    Host,
    /// `$server_name`
    ServerName,
    /// `$remote_addr`
    Client,
    /// `$body_bytes_sent` or `$bytes_sent`
    Bytes,
    /// `$http_referer`
    Referrer,
    /// `$http_user_agent`
    Agent,
    /// `$request_time`
    RequestTime,
    /// `$upstream_addr`, all tries
    UpstreamAddr,
    /// `$upstream_status`, all tries
    UpstreamStatus,
    /// `$upstream_connect_time`, all tries
    UpstreamConnect,
    /// `$upstream_header_time`, all tries
    UpstreamHeader,
    /// `$upstream_response_time`, all tries
    UpstreamResponse,
    /// `$http_x_forwarded_for` or `$proxy_add_x_forwarded_for`
    Forwarded,
}

const COLUMNS: usize = 18;

/// Which part of a format holds a column.
#[derive(Clone, Debug)]
pub(super) struct Columns([Option<usize>; COLUMNS]);

impl Columns {
    pub(super) fn new(parts: &[Part]) -> Self {
        let mut found = [None; COLUMNS];
        for (index, part) in parts.iter().enumerate() {
            if let Some(column) = column(part.variable) {
                // the moment with the finest unit counts, else the first that says the same
                let slot = &mut found[column as usize];
                if slot.is_none() || part.variable == Variable::Msec {
                    *slot = Some(index);
                }
            }
        }
        Self(found)
    }
}

fn column(variable: Variable) -> Option<Column> {
    use Variable as V;
    Some(match variable {
        V::TimeLocal | V::TimeIso | V::Msec => Column::Time,
        V::Status => Column::Status,
        V::Request => Column::Request,
        V::Method => Column::Method,
        V::Uri => Column::Uri,
        V::Host => Column::Host,
        V::ServerName => Column::ServerName,
        V::Client => Column::Client,
        V::Bytes => Column::Bytes,
        V::Referrer => Column::Referrer,
        V::Agent => Column::Agent,
        V::RequestTime => Column::RequestTime,
        V::UpstreamAddr => Column::UpstreamAddr,
        V::UpstreamStatus => Column::UpstreamStatus,
        V::UpstreamConnect => Column::UpstreamConnect,
        V::UpstreamHeader => Column::UpstreamHeader,
        V::UpstreamResponse => Column::UpstreamResponse,
        V::Forwarded => Column::Forwarded,
        V::Nothing | V::Number | V::Text => return None,
    })
}

/// Where the values of a line are; made once, used for line after line.
#[derive(Clone, Debug, Default)]
pub struct Laid(fit::Spans);

impl Laid {
    pub(super) fn spans(&self) -> &fit::Spans {
        &self.0
    }

    /// Where the last value begins.
    pub(crate) fn last_start(&self) -> Option<usize> {
        Some(self.0.last()?.start)
    }
}

/// How a format writes the moment of a request.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Stamp {
    /// `22/Nov/2026:12:17:46 +0000`
    Local,
    /// `2026-11-22T12:17:46+00:00`
    Iso,
    /// `1763813866.123`
    Msec,
}

impl Stamp {
    /// A whole stamp -> UTC.
    pub(crate) fn read(self, value: &[u8]) -> Option<DateTime> {
        match self {
            Self::Local => values::time_local(value),
            Self::Iso => values::time_iso(value),
            Self::Msec => values::msec(value),
        }
    }

    /// A whole stamp -> seconds since 1970.
    pub(crate) fn seconds(self, value: &[u8]) -> Option<i64> {
        let at = self.read(value)?.to_zoned(TimeZone::UTC).ok()?;
        Some(at.timestamp().as_second())
    }
}

impl Format {
    /// Finds the values of a line without its line end; false where it does not fit.
    pub fn lay(&self, line: &[u8], laid: &mut Laid) -> bool {
        fit::lay(self, line, &mut laid.0)
    }

    /// Whether lines of this format hold that column.
    pub fn has(&self, column: Column) -> bool {
        self.columns.0[column as usize].is_some()
    }

    /// The value of a column as it stands in a line that was laid; `None` where the format has none.
    pub fn value<'l>(&self, column: Column, line: &'l [u8], laid: &Laid) -> Option<&'l [u8]> {
        let span = laid.0.get(self.columns.0[column as usize]?)?;
        line.get(span.clone())
    }

    pub(crate) fn stamp(&self) -> Option<Stamp> {
        Some(
            match self.parts[self.columns.0[Column::Time as usize]?].variable {
                Variable::TimeIso => Stamp::Iso,
                Variable::Msec => Stamp::Msec,
                _ => Stamp::Local,
            },
        )
    }

    /// What stands in every line that can be a failure; `None` where every line may be one.
    pub(crate) fn mark(&self) -> Option<&Mark> {
        self.mark.as_ref()
    }
}
