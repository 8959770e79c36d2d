//! The pages that came, in words.

use super::{
    super::{
        Check,
        case::{Asked, Why, status_says},
        hop,
    },
    Line, State, Step, line,
};

/// The pages that came.
pub fn http(check: &Check) -> Step {
    let told = |it: &&Asked| {
        matches!(
            it.why,
            Why::Address | Why::Http2 | Why::Redirect | Why::Portal | Why::Proxy
        ) && it.connected()
    };
    let mut lines: Vec<Line> = Vec::new();
    for it in check.asked.iter().filter(told) {
        let says = page(it);
        if !lines.contains(&says) {
            lines.push(says);
        }
    }
    if lines.is_empty() {
        lines.push(line(State::Bad, "nobody to ask"));
    }
    Step { name: "HTTP", lines }
}

fn page(asked: &Asked) -> Line {
    let version = if asked.visit.http2 { "HTTP/2" } else { "HTTP/1.1" };
    let how = match asked.why {
        Why::Redirect => format!("then {}: ", asked.place),
        Why::Portal => format!("in the clear {}: ", asked.place),
        Why::Proxy => "through the proxy: ".to_owned(),
        _ => format!("{version} from {}: ", asked.visit.to.ip()),
    };
    let not_offered = asked.visit.http2
        && asked
            .tls()
            .is_some_and(|tls| tls.completed && tls.alpn.as_deref() != Some("h2"));
    if not_offered {
        return line(State::Note, "HTTP/2 is not offered");
    }
    let state = if asked.works() { State::Good } else { State::Bad };
    let Some(page) = &asked.page else {
        return line(state, format!("{how}{}", asked.outcome()));
    };
    let hops = hop::read(page);
    let mut says = format!("{how}{}", status_says(page.status));
    if let Some(ms) = asked.talk.as_ref().ok().and_then(|talk| talk.first_byte_ms) {
        says.push_str(&format!(" after {ms} ms"));
    }
    let server = hops.server.map(|it| format!("Server: {it}"));
    let parts = [
        server,
        hops.cdn.map(|it| format!("through {it}")),
        hops.page_of.map(|it| format!("the page is {}'s", it.name())),
        hops.cached,
    ];
    for part in parts.into_iter().flatten() {
        says.push_str(&format!(", {part}"));
    }
    line(state, says)
}
