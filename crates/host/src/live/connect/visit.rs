//! A request as a browser makes it. Cookies are read where they stand, sent to their own site, and kept out of the
//! answer: what a site says to somebody it knows is nobody else's.

use super::{
    Talked, conversation,
    greeting::Greeting,
    h2, hear, http,
    line::{Ear, Line},
    tls::{self, TlsLine},
};
use crate::{
    Endpoint, Look, Unseen,
    answer::{Conversation, TlsSight},
    browser::Jar,
    live::{browser, clock, files},
    looks::certificate::{self, Chain, ROOTS},
    query::Part,
    visit::{TO_ANSWER, TO_CONNECT, TO_SHAKE, Visit},
};
use std::time::Instant;

/// A Cookie header that is longer is no browser's.
const LONGEST_COOKIES: usize = 256 << 10;

/// Connects, and asks.
pub(in crate::live) fn call(visit: &Visit) -> Look<Conversation> {
    check(visit)?;
    let start = Instant::now();
    let to = Endpoint::Tcp(visit.proxy.unwrap_or(visit.to));
    let (connect, line) = Line::open(&to, start + TO_CONNECT);
    let connected = Instant::now();
    let talked = line
        .map(|line| talk(line, visit))
        .transpose()?
        .unwrap_or_default();
    Ok(conversation(connect, start, connected, talked))
}

/// What would end a line of the request, or a tunnel to elsewhere.
fn check(visit: &Visit) -> Look<()> {
    let parts = [&visit.target, &visit.authority, &visit.host, &visit.id];
    let odd = |part: &&String| part.bytes().any(|byte| byte <= b' ' || byte == 0x7f);
    match parts.into_iter().find(odd) {
        None => Ok(()),
        Some(part) => Err(refused(part, "a space or control character in it")),
    }
}

fn refused(what: &str, why: &str) -> Unseen {
    Unseen::Unusable {
        what: what.to_owned(),
        why: why.to_owned(),
    }
}

fn talk(mut line: Line, visit: &Visit) -> Look<Talked> {
    if !visit.tls {
        let cookies = cookies(visit)?;
        return Ok(ask(&mut line, visit, &cookies));
    }
    let until = Instant::now() + TO_SHAKE;
    if visit.proxy.is_some() {
        let tunnel = Greeting::saying(tunnel(visit), http::has_head);
        let talked = hear(&mut line, &tunnel, until);
        if !opened(&talked.heard) {
            return Ok(talked);
        }
    }
    let alpn: &[&[u8]] = if visit.http2 { &[b"h2"] } else { &[b"http/1.1"] };
    match tls::handshake_for(line, Some(&visit.host), alpn, until) {
        (seen, Some(mut line)) => {
            if visit.cookies.is_some() {
                is_the_site(visit, seen.tls.as_ref())?;
            }
            let cookies = cookies(visit)?;
            let talked = if visit.http2 {
                over_h2(&mut line, visit, &cookies, seen.tls.as_ref())
            } else {
                ask(&mut line, visit, &cookies)
            };
            Ok(Talked {
                tls: seen.tls,
                ..talked
            })
        }
        (seen, None) => Ok(seen),
    }
}

fn tunnel(visit: &Visit) -> Vec<u8> {
    let port = visit.to.port();
    let host = &visit.host;
    format!("CONNECT {host}:{port} HTTP/1.1\r\nHost: {host}:{port}\r\n\r\n").into_bytes()
}

fn opened(heard: &[u8]) -> bool {
    heard.starts_with(b"HTTP/1.") && heard.get(9..10) == Some(b"2")
}

fn over_h2(line: &mut TlsLine, visit: &Visit, cookies: &Cookies, seen: Option<&TlsSight>) -> Talked {
    // a server that has no HTTP/2 goes on without a word, in HTTP/1.1
    match seen.and_then(|tls| tls.alpn.as_deref()) {
        Some("h2") => {
            let talked = h2::ask(line, visit, &cookies.header, Instant::now() + TO_ANSWER);
            without_secrets(talked, visit, cookies)
        }
        _ => Talked::default(),
    }
}

fn ask(ear: &mut impl Ear, visit: &Visit, cookies: &Cookies) -> Talked {
    let greeting = Greeting::saying(request(visit, cookies), http::is_whole);
    let talked = hear(ear, &greeting, Instant::now() + TO_ANSWER);
    without_secrets(talked, visit, cookies)
}

fn request(visit: &Visit, cookies: &Cookies) -> Vec<u8> {
    let Visit {
        authority, target, ..
    } = visit;
    // a proxy is asked for the whole URL where no tunnel hides it
    let target = match visit.proxy {
        Some(_) if !visit.tls => format!("http://{authority}{target}"),
        _ => target.clone(),
    };
    let agent = visit.user_agent();
    let mut bytes = format!(
        "GET {target} HTTP/1.1\r\nHost: {authority}\r\nUser-Agent: {agent}\r\n\
         Accept: text/html,application/xhtml+xml,*/*;q=0.8\r\n"
    )
    .into_bytes();
    if !cookies.header.is_empty() {
        bytes.extend_from_slice(b"Cookie: ");
        bytes.extend_from_slice(&cookies.header);
        bytes.extend_from_slice(b"\r\n");
    }
    bytes.extend_from_slice(b"Connection: close\r\n\r\n");
    bytes
}

#[derive(Default)]
struct Cookies {
    header: Vec<u8>,
    values: Vec<Vec<u8>>,
}

/// What the browser would send now.
fn cookies(visit: &Visit) -> Look<Cookies> {
    let Some(jar) = &visit.cookies else {
        return Ok(Cookies::default());
    };
    let now = clock::now();
    let stored = browser::with_values(jar, &visit.host)?.unwrap_or_default();
    let goes = |it: &browser::Cookie| it.about.goes_to(&visit.target, visit.tls, now);
    let plain = |bytes: &[u8]| {
        !bytes
            .iter()
            .any(|byte| *byte < b' ' || *byte == 0x7f || *byte == b';')
    };
    let mut found = Cookies::default();
    for cookie in stored.into_iter().filter(goes) {
        let name = cookie.about.name.into_bytes();
        if !plain(&name) || !plain(&cookie.value) {
            continue;
        }
        if !found.header.is_empty() {
            found.header.extend_from_slice(b"; ");
        }
        found.header.extend_from_slice(&name);
        found.header.push(b'=');
        found.header.extend_from_slice(&cookie.value);
        found.values.push(cookie.value);
    }
    match found.header.len() {
        0 => Err(nothing(jar)),
        1..=LONGEST_COOKIES => Ok(found),
        _ => Err(refused(
            &jar.file.display().to_string(),
            "more cookies than any server takes",
        )),
    }
}

fn nothing(jar: &Jar) -> Unseen {
    refused(
        &jar.file.display().to_string(),
        "it holds no cookie that goes to this page",
    )
}

/// A resolver that lies, or a portal in between, must not get them.
fn is_the_site(visit: &Visit, seen: Option<&TlsSight>) -> Look<()> {
    let certificates = seen.map(|tls| tls.certificates.as_slice()).unwrap_or_default();
    let roots = ROOTS.iter().find_map(|path| {
        let part = Part::Head(certificate::LARGEST_ROOTS);
        files::file(std::path::Path::new(path), part).ok().flatten()
    });
    let roots = roots.map(|blob| blob.bytes.0).unwrap_or_default();
    match certificate::chain(certificates, &roots, &visit.host, clock::now()) {
        Some(Chain::Trusted) => Ok(()),
        _ => Err(refused(
            "the page with the browser's cookies",
            "the site's certificate is not to be trusted from here, and cookies go to nobody but their site",
        )),
    }
}

/// What a site says to somebody it knows is nobody else's.
fn without_secrets(mut talked: Talked, visit: &Visit, cookies: &Cookies) -> Talked {
    if visit.cookies.is_some() {
        talked.heard = blotted(&talked.heard, cookies);
    }
    talked
}

/// Status and headers; of the body only whether it is one of nginx's own pages. A value that the site repeats is
/// blotted out.
fn blotted(heard: &[u8], cookies: &Cookies) -> Vec<u8> {
    const KNOWN: &[&str] = &["<center>nginx", "Request Header Or Cookie Too Large"];
    let (head, body) = http::split(heard);
    let mut clean = head.to_vec();
    // the longest first: one may be part of another
    let mut values: Vec<&Vec<u8>> = cookies.values.iter().filter(|value| value.len() >= 4).collect();
    values.sort_by_key(|value| std::cmp::Reverse(value.len()));
    for value in values {
        clean = replaced(&clean, value);
    }
    let body = String::from_utf8_lossy(body);
    for known in KNOWN.iter().filter(|known| body.contains(**known)) {
        clean.extend_from_slice(known.as_bytes());
        clean.push(b'\n');
    }
    clean
}

fn replaced(text: &[u8], secret: &[u8]) -> Vec<u8> {
    let mut clean = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(secret.len()).position(|it| it == secret) {
        clean.extend_from_slice(&rest[..at]);
        clean.extend_from_slice(b"...");
        rest = &rest[at + secret.len()..];
    }
    clean.extend_from_slice(rest);
    clean
}
