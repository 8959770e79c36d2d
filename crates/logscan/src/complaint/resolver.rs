//! Names at run time: texts of `ngx_resolver.c` and of its callers.

use super::{Parts, Phase, Trouble, syscall::on_upstream};

pub(super) fn trouble(parts: &Parts<'_>) -> Option<Trouble> {
    let body = parts.body;
    if !matches!(parts.phase, None | Some(Phase::Resolving)) && !on_upstream(parts) {
        return None;
    }
    if let Some(name) = body.strip_prefix("no resolver defined to resolve ") {
        return Some(Trouble::NoResolver(name.to_owned()));
    }
    unresolved(body).or_else(|| odd(parts))
}

fn unresolved(body: &str) -> Option<Trouble> {
    const MARK: &str = " could not be resolved";
    let (name, rest) = body.contains(MARK).then(|| body.split_once(MARK)).flatten()?;
    let name = name.rsplit(' ').next().unwrap_or_default().to_owned();
    let code = rest
        .trim_start_matches([' ', '('])
        .split(|c: char| !c.is_ascii_digit())
        .next()?;
    Some(Trouble::Unresolved {
        name,
        code: code.parse().unwrap_or(0),
    })
}

/// Versions before 1.11 say `unexpected response for`, later ones `… DNS response …`.
fn odd(parts: &Parts<'_>) -> Option<Trouble> {
    let body = parts.body;
    let named = [
        "unexpected response for ",
        "DNS error (",
        "wrong ident ",
        "unexpected A record",
        "unexpected AAAA",
    ];
    let is_odd = parts.phase == Some(Phase::Resolving)
        || named.iter().any(|beginning| body.starts_with(beginning))
        || (body.contains("DNS response") && !body.contains('"'));
    is_odd.then(|| Trouble::ResolverOdd(body.to_owned()))
}
