//! The text of a `log_format` -> parts.

use super::{Escape, Format, Part, Reach, Variable, lay::Columns, literal::Literal, prefilter};

pub(super) fn arguments<S: AsRef<str>>(arguments: &[S]) -> Format {
    let mut strings = arguments.iter().map(AsRef::as_ref).peekable();
    let escape = strings.peek().and_then(|first| escape(first));
    if escape.is_some() {
        strings.next();
    }
    build(escape.unwrap_or_default(), &strings.collect::<String>())
}

pub(super) fn format(text: &str) -> Format {
    let (first, rest) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
    match escape(first) {
        Some(escape) => build(escape, rest.trim_start()),
        None => build(Escape::Default, text),
    }
}

fn build(escape: Escape, text: &str) -> Format {
    let parts = parts(text);
    Format {
        escape,
        mark: prefilter::mark(&parts),
        columns: Columns::new(&parts),
        parts,
    }
}

fn escape(parameter: &str) -> Option<Escape> {
    match parameter.strip_prefix("escape=")? {
        "default" => Some(Escape::Default),
        "json" => Some(Escape::Json),
        "none" => Some(Escape::None),
        _ => None,
    }
}

/// Splits at `$name` and `${name}`; a `$` without a name is text.
fn parts(text: &str) -> Vec<Part> {
    let mut parts = Vec::new();
    let (mut variable, mut literal) = (Variable::Nothing, String::new());
    let mut rest = text;
    while let Some((before, after)) = rest.split_once('$') {
        literal.push_str(before);
        match name(after) {
            Some((name, behind)) => {
                parts.push(part(variable, &literal));
                (variable, rest) = (Variable::of(name), behind);
                literal.clear();
            }
            None => {
                literal.push('$');
                rest = after;
            }
        }
    }
    literal.push_str(rest);
    parts.push(part(variable, &literal));
    parts
}

fn part(variable: Variable, literal: &str) -> Part {
    let literal = Literal::new(literal);
    Part {
        variable,
        reach: Reach::of(variable, &literal),
        literal,
    }
}

/// The name after a `$`, and what follows it.
fn name(after: &str) -> Option<(&str, &str)> {
    if let Some(braced) = after.strip_prefix('{') {
        return braced.split_once('}');
    }
    let end = after
        .find(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .unwrap_or(after.len());
    (end > 0).then(|| after.split_at(end))
}

impl Variable {
    fn of(name: &str) -> Variable {
        match name {
            "time_local" => Variable::TimeLocal,
            "time_iso8601" => Variable::TimeIso,
            "msec" => Variable::Msec,
            "status" => Variable::Status,
            "request" => Variable::Request,
            "request_method" => Variable::Method,
            "request_uri" | "uri" => Variable::Uri,
            "host" | "http_host" => Variable::Host,
            "server_name" => Variable::ServerName,
            "remote_addr" => Variable::Client,
            "request_time" => Variable::RequestTime,
            "upstream_addr" => Variable::UpstreamAddr,
            "upstream_status" => Variable::UpstreamStatus,
            "upstream_connect_time" => Variable::UpstreamConnect,
            "upstream_header_time" => Variable::UpstreamHeader,
            "upstream_response_time" => Variable::UpstreamResponse,
            "body_bytes_sent" | "bytes_sent" => Variable::Bytes,
            "http_referer" => Variable::Referrer,
            "http_user_agent" => Variable::Agent,
            "http_x_forwarded_for" | "proxy_add_x_forwarded_for" => Variable::Forwarded,
            "request_length"
            | "connection"
            | "connection_requests"
            | "server_port"
            | "remote_port"
            | "pid" => Variable::Number,
            _ => Variable::Text,
        }
    }
}
