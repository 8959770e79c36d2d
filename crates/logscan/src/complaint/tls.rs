//! TLS to an upstream: texts of `ngx_event_openssl.c` and `ngx_http_upstream_ssl_handshake`.

use super::{Parts, Trouble, syscall::on_upstream};

pub(super) fn trouble(parts: &Parts<'_>) -> Option<Trouble> {
    if let Some(rest) = parts.body.strip_prefix("upstream SSL certificate ") {
        return of_certificate(rest);
    }
    if !on_upstream(parts) {
        return None;
    }
    if parts.body.starts_with("peer closed connection in SSL handshake") {
        return Some(Trouble::TlsClosed);
    }
    let failed = ["SSL_do_handshake()", "SSL_read()", "SSL_write()"]
        .iter()
        .any(|call| parts.body.starts_with(call));
    failed.then(|| of_reason(parts.body))
}

fn of_certificate(rest: &str) -> Option<Trouble> {
    if let Some(name) = rest.strip_prefix("does not match \"") {
        return Some(Trouble::TlsName(name.trim_end_matches('"').to_owned()));
    }
    let (code, text) = rest.strip_prefix("verify error: (")?.split_once(':')?;
    let text = text.strip_suffix(')').unwrap_or(text).to_owned();
    Some(Trouble::TlsVerify {
        code: code.parse().ok()?,
        text,
    })
}

/// `… failed (SSL: error:CODE:LIBRARY:FUNCTION:REASON[:SSL alert number N])`; the first error of several is the cause,
/// the later ones are its echoes. OpenSSL 3 leaves FUNCTION empty.
fn of_reason(body: &str) -> Trouble {
    let (_, inside) = body.split_once("failed").unwrap_or_default();
    let inside = inside.trim_matches([' ', '(', ')']).trim_start_matches("SSL: ");
    let first = inside.split(" error:").next().unwrap_or_default();
    let (error, alert) = match first.split_once(":SSL alert number ") {
        Some((error, number)) => (error, leading_u8(number)),
        None => (first, None),
    };
    Trouble::Tls {
        reason: reason(error),
        alert,
    }
}

fn reason(error: &str) -> String {
    let named = error
        .strip_prefix("error:")
        .and_then(|error| error.splitn(4, ':').nth(3));
    let last = || error.rsplit(':').next().unwrap_or_default();
    named.unwrap_or_else(last).trim_matches(['.', ' ']).to_owned()
}

fn leading_u8(text: &str) -> Option<u8> {
    text.split(|c: char| !c.is_ascii_digit()).next()?.parse().ok()
}
