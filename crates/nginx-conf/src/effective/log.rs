//! `error_log`, `access_log` and `log_format`.

use super::{Scope, Statement};
use crate::{Place, Text};
use std::path::{Path, PathBuf};

/// Where log lines go.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum LogTo {
    /// A file; a relative one is under nginx's prefix.
    File(PathBuf),
    /// `stderr`: the journal, under systemd.
    Stderr,
    /// `syslog:…`; what follows the colon.
    Syslog(Text),
    /// `memory:…`
    Memory,
    /// A file whose name has variables.
    Varies(Text),
    /// None is set: the path compiled in (`--error-log-path=`, `--http-log-path=` of `nginx -V`).
    CompiledIn,
}

impl LogTo {
    fn new(text: &Text, prefix: &Path) -> Self {
        let bytes = text.as_bytes();
        if let Some(rest) = bytes.strip_prefix(b"syslog:") {
            return Self::Syslog(rest.into());
        }
        match bytes {
            b"stderr" => Self::Stderr,
            _ if bytes.starts_with(b"memory:") => Self::Memory,
            _ if text.has_variables() => Self::Varies(text.clone()),
            _ => Self::File(prefix.join(text.as_path())),
        }
    }
}

/// One `error_log` in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ErrorLog {
    /// Where to.
    pub to: LogTo,
    /// `debug`, `info`, `notice`, `warn`, `error` (the default), `crit`, `alert`, `emerg`.
    pub level: Text,
    /// Of the directive; `None` for the compiled-in one.
    pub place: Option<Place>,
}

/// One `access_log` in effect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AccessLog {
    /// Where to.
    pub to: LogTo,
    /// Name of its `log_format`; `combined` without one.
    pub format: Text,
    /// Only requests for which this is not empty or 0 (`if=`).
    pub condition: Option<Text>,
    /// Of the directive; `None` for the compiled-in one.
    pub place: Option<Place>,
}

/// A `log_format`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogFormat {
    /// Its name.
    pub name: Text,
    /// How values are escaped.
    pub escape: Escape,
    /// All its pieces, joined.
    pub text: Text,
    /// Of the directive; `None` for `combined`.
    pub place: Option<Place>,
}

/// `escape=` of a `log_format`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Escape {
    /// `"`, `\`, and bytes below 32 or above 126 as `\xXX`.
    #[default]
    Default,
    /// As JSON strings need it.
    Json,
    /// Not at all.
    None,
}

impl LogFormat {
    /// The format that is always there
    /// (<https://nginx.org/en/docs/http/ngx_http_log_module.html#log_format>).
    pub fn combined() -> Self {
        const TEXT: &str = "$remote_addr - $remote_user [$time_local] \"$request\" $status $body_bytes_sent \
                            \"$http_referer\" \"$http_user_agent\"";
        Self {
            name: "combined".into(),
            escape: Escape::Default,
            text: TEXT.into(),
            place: None,
        }
    }

    pub(super) fn new(statement: &Statement) -> Option<Self> {
        let mut pieces = statement
            .args
            .get(1..)?
            .iter()
            .map(|arg| arg.text.as_bytes())
            .peekable();
        let escape = match pieces.peek().and_then(|piece| piece.strip_prefix(b"escape=")) {
            Some(b"json") => Some(Escape::Json),
            Some(b"none") => Some(Escape::None),
            Some(_) => Some(Escape::Default),
            None => None,
        };
        let text = pieces
            .skip(usize::from(escape.is_some()))
            .collect::<Vec<_>>()
            .concat();
        Some(Self {
            name: statement.arg(0)?.clone(),
            escape: escape.unwrap_or_default(),
            text: text.into(),
            place: Some(statement.place.clone()),
        })
    }
}

impl Scope {
    /// The error logs in effect: one or more. `prefix` is nginx's ([`Config::prefix`](super::Config::prefix)).
    pub fn error_logs(&self, prefix: &Path) -> Vec<ErrorLog> {
        let logs: Vec<ErrorLog> = self
            .all("error_log")
            .iter()
            .filter_map(|statement| error_log(statement, prefix))
            .collect();
        match logs.is_empty() {
            true => vec![ErrorLog {
                to: LogTo::CompiledIn,
                level: "error".into(),
                place: None,
            }],
            false => logs,
        }
    }

    /// The access logs in effect; none where it is `off`.
    pub fn access_logs(&self, prefix: &Path) -> Vec<AccessLog> {
        let statements = self.all("access_log");
        if statements.is_empty() {
            let to = LogTo::CompiledIn;
            return vec![AccessLog {
                to,
                format: "combined".into(),
                condition: None,
                place: None,
            }];
        }
        let off = statements
            .iter()
            .any(|statement| statement.arg(0).is_some_and(|to| *to == "off"));
        statements
            .iter()
            .filter(|_| !off)
            .filter_map(|statement| access_log(statement, prefix))
            .collect()
    }
}

fn error_log(statement: &Statement, prefix: &Path) -> Option<ErrorLog> {
    let to = LogTo::new(statement.arg(0)?, prefix);
    let level = statement.arg(1).cloned().unwrap_or("error".into());
    Some(ErrorLog {
        to,
        level,
        place: Some(statement.place.clone()),
    })
}

fn access_log(statement: &Statement, prefix: &Path) -> Option<AccessLog> {
    let format = statement.arg(1).filter(|arg| !is_option(arg)).cloned();
    Some(AccessLog {
        to: LogTo::new(statement.arg(0)?, prefix),
        format: format.unwrap_or("combined".into()),
        condition: statement.parameter("if=").map(Text::from),
        place: Some(statement.place.clone()),
    })
}

fn is_option(arg: &Text) -> bool {
    let options = ["buffer=", "flush=", "gzip=", "if="];
    *arg == "gzip"
        || options
            .iter()
            .any(|option| arg.as_bytes().starts_with(option.as_bytes()))
}
