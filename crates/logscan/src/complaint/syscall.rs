//! `CALL(ARGUMENTS) TARGET failed (ERRNO: TEXT)`: what `ngx_connection.c`, `ngx_event_connect.c`, the `os/unix` senders and
//! receivers and the file functions say.

use super::{Parts, Phase, Said, Trouble, errno};
use crate::Level;
use std::path::{Path, PathBuf};

const TOO_MANY_FILES: i32 = 24;

/// A failed call, taken apart.
struct Call<'a> {
    name: &'a str,
    arguments: &'a str,
    /// Between the call and `failed`: `to ADDRESS`, `"PATH"`.
    target: &'a str,
    reason: &'a str,
}

impl<'a> Call<'a> {
    /// The last `failed (` counts: a path may hold another, a reason of OpenSSL a bare `failed`.
    fn parse(body: &'a str) -> Option<Call<'a>> {
        let (name, rest) = body.split_once('(')?;
        if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
            return None;
        }
        let (arguments, rest) = rest.split_once(')')?;
        let (target, reason) = rest
            .rsplit_once("failed (")
            .or_else(|| rest.split_once("failed"))?;
        Some(Call {
            name,
            arguments,
            target: target.trim(),
            reason,
        })
    }

    /// A path without its quotes.
    fn path(&self) -> PathBuf {
        let quoted = self.target.split("\" to \"").next().unwrap_or_default();
        quoted.trim_start_matches("to ").trim_matches('"').into()
    }

    fn errno(&self) -> i32 {
        errno::parse(self.reason).unwrap_or(0)
    }
}

pub(super) fn trouble(parts: &Parts<'_>) -> Option<Trouble> {
    let body = parts
        .body
        .strip_prefix("kevent() reported that ")
        .unwrap_or(parts.body);
    let body = body
        .strip_prefix("could not open error log file: ")
        .unwrap_or(body);
    let call = Call::parse(body)?;
    match call.name {
        _ if parts.phase == Some(Phase::Resolving) => Some(resolver(&call, parts)),
        "open" | "mkdir" | "pwrite" | "pwritev" | "pread" | "rename" | "write" => file(&call, parts),
        _ if call.errno() == TOO_MANY_FILES => Some(Trouble::TooManyFiles),
        "connect" => on_upstream(parts).then(|| Trouble::Connect(call.errno())),
        "socket" | "bind" | "listen" => on_upstream(parts).then(|| socket(&call, parts)),
        "recv" | "readv" | "SSL_read" => receive(&call, parts),
        "send" | "writev" | "sendfile" | "sendmsg" | "SSL_write" => send(&call, parts),
        _ => None,
    }
}

fn resolver(call: &Call<'_>, parts: &Parts<'_>) -> Trouble {
    let resolver = parts.said.resolver.map(str::to_owned);
    Trouble::ResolverUnreachable {
        errno: call.errno(),
        resolver,
    }
}

/// `socket()` and `bind()` belong to a listen at start, and to the upstream's connection afterwards.
fn socket(call: &Call<'_>, parts: &Parts<'_>) -> Trouble {
    let errno = call.errno();
    match call.name {
        "bind" if !call.arguments.is_empty() => Trouble::BindFailed(errno),
        "socket" if parts.said.level != Level::Emerg => Trouble::Connect(errno),
        _ => Trouble::ListenFailed {
            errno,
            address: listen_address(call.target),
        },
    }
}

/// `to 0.0.0.0:80`, `to 0.0.0.0:80, backlog 511`, `[::]:80`.
fn listen_address(target: &str) -> String {
    let target = target.strip_prefix("to ").unwrap_or(target);
    target.split(',').next().unwrap_or_default().to_owned()
}

/// Of TLS, a refusal inside the protocol is no errno: `tls` has it.
fn receive(call: &Call<'_>, parts: &Parts<'_>) -> Option<Trouble> {
    (!call.reason.contains("SSL:") && on_upstream(parts)).then(|| Trouble::Receive(call.errno()))
}

fn send(call: &Call<'_>, parts: &Parts<'_>) -> Option<Trouble> {
    let to_client = parts.phase == Some(Phase::SendingToClient);
    (!call.reason.contains("SSL:") && !to_client && on_upstream(parts)).then(|| Trouble::Send(call.errno()))
}

/// The upstream's connection and not the client's, nor that of a syslog server or an OCSP responder. An upstream read goes
/// on under the action `sending to client` where the write event of the client drives the pipe; a pasted fragment without a
/// phase is about the upstream.
pub(super) fn on_upstream(parts: &Parts<'_>) -> bool {
    match parts.phase {
        Some(phase) if phase.is_upstream() => true,
        Some(Phase::SendingToClient | Phase::Other) => parts.said.upstream.is_some(),
        Some(_) => false,
        None => true,
    }
}

fn file(call: &Call<'_>, parts: &Parts<'_>) -> Option<Trouble> {
    let (errno, path) = (call.errno(), call.path());
    if call.name == "write" || parts.body.contains("log file") || is_log(call, &path, parts.said) {
        return Some(Trouble::LogWrite { errno, path });
    }
    // nginx's own files are crit, what a client asked for is error: ngx_create_temp_file, ngx_http_static_handler
    let is_own = parts.said.level >= Level::Crit;
    match call.name {
        "open" if errno == TOO_MANY_FILES => Some(Trouble::TooManyFiles),
        "mkdir" if parts.said.level == Level::Emerg => Some(Trouble::TempFile { errno, path }),
        "pwrite" | "pwritev" | "pread" => Some(Trouble::TempFile { errno, path }),
        _ if is_own && is_temp_name(&path) => Some(Trouble::TempFile { errno, path }),
        _ => None,
    }
}

/// Logs are opened at start and after rotation, or with variables in their name while logging. What a request asks for is
/// complained about less loudly.
fn is_log(call: &Call<'_>, path: &Path, said: &Said<'_>) -> bool {
    let by_nginx = said.level >= Level::Alert || said.message.ends_with(" while logging request");
    call.name == "open" && by_nginx && path.extension().is_some_and(|kind| kind == "log")
}

/// Names that nginx gives: ten digits in `levels` directories of temp paths (`ngx_create_temp_file`), MD5 keys in caches,
/// and the directories of both.
fn is_temp_name(path: &Path) -> bool {
    let name = path
        .file_name()
        .and_then(|name| name.to_str())
        .unwrap_or_default();
    let stem = name.split('.').next().unwrap_or_default();
    let digits = |part: &str, n: usize| part.len() >= n && part.bytes().all(|b| b.is_ascii_digit());
    let is_key = stem.len() == 32 && stem.bytes().all(|b| b.is_ascii_hexdigit());
    let in_temp = || {
        path.components()
            .any(|part| is_temp_directory(part.as_os_str().to_str().unwrap_or_default()))
    };
    is_key || digits(name, 10) || (digits(name, 1) && name.len() <= 3 && in_temp())
}

/// As distributions and nginx's own defaults name them.
fn is_temp_directory(name: &str) -> bool {
    let kind = name.strip_suffix("_temp").unwrap_or(name);
    matches!(
        kind,
        "body" | "client_body" | "client" | "proxy" | "fastcgi" | "uwsgi" | "scgi" | "cache"
    )
}
