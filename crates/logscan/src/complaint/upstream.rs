//! `upstream …`: answers that nginx refused, and peers out of use. Texts of `ngx_http_upstream.c`,
//! `ngx_http_upstream_round_robin.c` and the proxy, fastcgi, uwsgi, scgi and grpc modules.

use super::{Parts, Trouble};
use crate::Level;

const STDERR: &str = "FastCGI sent in stderr: \"";

pub(super) fn trouble(parts: &Parts<'_>) -> Option<Trouble> {
    let body = parts.body;
    if let Some(text) = body.strip_prefix(STDERR) {
        return Some(Trouble::BackendStderr(
            text.strip_suffix('"').unwrap_or(text).to_owned(),
        ));
    }
    match body.strip_prefix("upstream ") {
        Some(what) => of_upstream(what, parts),
        None if body.starts_with("no live upstreams") => Some(Trouble::NoLiveUpstreams),
        None if body.starts_with("uwsgi request is too big") => Some(Trouble::RequestTooBig(body.to_owned())),
        None => None,
    }
}

fn of_upstream(what: &str, parts: &Parts<'_>) -> Option<Trouble> {
    if let Some(answer) = what.strip_prefix("sent ") {
        return Some(of_answer(answer, parts));
    }
    let is = |beginning: &str| what.starts_with(beginning);
    if is("timed out") {
        Some(Trouble::TimedOut)
    } else if is("prematurely closed") {
        Some(Trouble::ClosedEarly)
    } else if is("server temporarily disabled") {
        Some(Trouble::PeerDisabled)
    } else if is("rejected request") || is("violated") {
        Some(Trouble::NotHttp2(parts.body.to_owned()))
    } else if is("prematurely sent response") {
        Some(Trouble::InvalidResponse(parts.body.to_owned()))
    } else {
        None
    }
}

/// What nginx only warns about is passed on or ignored: no failure.
fn of_answer(answer: &str, parts: &Parts<'_>) -> Trouble {
    let said = || parts.body.to_owned();
    if parts.said.level <= Level::Warn || answer.ends_with(", ignored") {
        Trouble::Unrelated
    } else if answer.starts_with("too big header") {
        Trouble::HeaderTooBig
    } else if answer.starts_with("no valid HTTP/") {
        Trouble::NotHttp
    } else if before_quote(answer).contains("FastCGI") {
        Trouble::NotFastCgi(said())
    } else if is_about_http2(before_quote(answer)) {
        Trouble::NotHttp2(said())
    } else {
        Trouble::InvalidResponse(said())
    }
}

/// nginx's own words; what it quotes is the stranger's.
fn before_quote(answer: &str) -> &str {
    answer.split('"').next().unwrap_or_default()
}

/// Words of the frame and header checks of `ngx_http_grpc_module.c` and `ngx_http_proxy_v2_module.c`.
fn is_about_http2(words: &str) -> bool {
    const WORDS: [&str; 7] = [
        "http2",
        "frame",
        "stream",
        ":status",
        "goaway",
        "window update",
        "push promise",
    ];
    WORDS.iter().any(|word| words.contains(word))
}
