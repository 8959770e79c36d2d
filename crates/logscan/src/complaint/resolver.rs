//! Names at run time: texts of `ngx_resolver.c` and of its callers.

use super::{Parts, Phase, Trouble, syscall::on_upstream};

pub(crate) const UNRESOLVED: &str = "could not be resolved";

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

/// The name is all that stands before: a path in quotes can't pose as one.
fn unresolved(body: &str) -> Option<Trouble> {
    let (name, rest) = body.split_once(' ')?;
    let code = rest.strip_prefix(UNRESOLVED)?.trim_start_matches([' ', '(']);
    let code = code
        .split(|c: char| !c.is_ascii_digit())
        .next()?
        .parse()
        .unwrap_or(0);
    (!name.contains('"')).then(|| Trouble::Unresolved {
        name: name.to_owned(),
        code,
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
