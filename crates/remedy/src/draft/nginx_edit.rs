//! Edits of one nginx file by byte span. All other bytes stay; an edit that would change anything else in the parsed
//! tree is refused.

use nginx_conf::{Body, Directive, Mistake, Source, Tree, Word, parse};
use std::path::Path;

/// Directives that add up: one of the same name is the same setting only with the same first argument.
const KEYED: &[&str] = &[
    "add_header",
    "add_trailer",
    "fastcgi_param",
    "grpc_set_header",
    "proxy_set_header",
    "scgi_param",
    "set",
    "uwsgi_param",
];

/// Line and column, from 1; column 0 where only the line is known.
pub(super) type At = (u32, u32);

/// Puts `new` where `old` stands in the directive at that place: a whole word or a part of one.
pub(super) fn replace(file: &Path, bytes: &[u8], at: At, old: &str, new: &str) -> Result<Vec<u8>, String> {
    let place = format!("{}:{}", file.display(), at.0);
    let before = parse(file, bytes);
    let word = find_word(&before.0, at, old).map_err(|why| format!("{place} {why}"))?;
    let (start, end) = (word.span.start as usize, word.span.end as usize);
    let written = rewritten(bytes.get(start..end).unwrap_or_default(), word, old, new).ok_or_else(|| {
        format!("{place}: {new:?} can't be written in place of {old:?} without other changes")
    })?;
    let edited = splice(bytes, start, end, &written);
    let after = parse(file, &edited);
    let mut wanted = words_of(&before.0, None);
    for (_, value) in wanted.iter_mut().filter(|(at, _)| *at == start) {
        *value = expected(word, old, new);
    }
    let same = values(words_of(&after.0, None)).eq(values(wanted));
    (same && after.1.len() <= before.1.len())
        .then_some(edited)
        .ok_or_else(|| format!("{place}: an edit would change more than {old:?}"))
}

/// Puts `name value;` beside the directive at that place, or that value in place of what the block sets already.
pub(super) fn set(file: &Path, bytes: &[u8], at: At, name: &str, value: &str) -> Result<Vec<u8>, String> {
    let place = format!("{}:{}", file.display(), at.0);
    let line = format!("{name} {value};");
    let alone = parse(file, line.as_bytes());
    let wanted = one_directive(&alone).ok_or_else(|| format!("{line:?} is not one directive"))?;
    let before = parse(file, bytes);
    let found = directives_at(&before.0, at).into_iter().next();
    let (siblings, beside) = found.ok_or_else(|| format!("{place} holds no directive any more"))?;
    let standing = siblings.iter().rev().find(|it| is_same_setting(it, wanted));
    let (start, edited) = match standing {
        Some(standing) => (standing.name.span.start, with_value(bytes, standing, value)),
        None => inserted(bytes, beside, &line),
    };
    let after = parse(file, &edited);
    let others_before = words_of(&before.0, standing.map(|it| it.name.span.start));
    let same = values(words_of(&after.0, Some(start))).eq(values(others_before));
    let done = find_at(top(&after.0), start).is_some_and(|it| same_words(it, wanted));
    (same && done && after.1.len() <= before.1.len())
        .then_some(edited)
        .ok_or_else(|| format!("{place}: adding {line:?} would change more than that"))
}

fn one_directive((tree, mistakes): &(Tree, Vec<Mistake>)) -> Option<&Directive> {
    match top(tree) {
        [only] if mistakes.is_empty() && only.body == Body::None => Some(only),
        _ => None,
    }
}

fn top(tree: &Tree) -> &[Directive] {
    tree.files().first().map_or(&[], Source::directives)
}

/// The word that holds `old`, of the directives at that place.
fn find_word<'t>(tree: &'t Tree, at: At, old: &str) -> Result<&'t Word, String> {
    let found = directives_at(tree, at);
    if found.is_empty() {
        return Err("holds no directive any more".to_owned());
    }
    let of = |directive: &'t Directive| {
        let words = || directive.args.iter().chain([&directive.name]);
        let whole = words().find(|word| word.value == *old);
        whole.or_else(|| words().find(|word| part(word.value.as_bytes(), old.as_bytes()).is_some()))
    };
    let mut holders = found.into_iter().filter_map(|(_, directive)| of(directive));
    match (holders.next(), holders.next()) {
        (Some(word), None) => Ok(word),
        (Some(_), Some(_)) => Err(format!("holds {old:?} in several directives")),
        (None, _) => Err(format!("does not say {old:?} any more")),
    }
}

/// Directives with a word on that line (at that column, where it is known), each with its block.
fn directives_at(tree: &Tree, at: At) -> Vec<(&[Directive], &Directive)> {
    let Some(source) = tree.files().first() else {
        return Vec::new();
    };
    let mut on_line = Vec::new();
    collect(source.directives(), &mut |siblings, directive| {
        let words = std::iter::once(&directive.name).chain(&directive.args);
        let places = words.map(|word| tree.place(word.span));
        let hits: Vec<_> = places.filter(|place| place.line == at.0).collect();
        if !hits.is_empty() {
            let exact = at.1 != 0 && hits.iter().any(|place| place.column == at.1);
            on_line.push((exact, siblings, directive));
        }
    });
    let any_exact = on_line.iter().any(|(exact, ..)| *exact);
    let chosen = on_line.into_iter().filter(|(exact, ..)| *exact || !any_exact);
    chosen
        .map(|(_, siblings, directive)| (siblings, directive))
        .collect()
}

fn collect<'t>(siblings: &'t [Directive], visit: &mut dyn FnMut(&'t [Directive], &'t Directive)) {
    for directive in siblings {
        visit(siblings, directive);
        collect(directive.block(), visit);
    }
}

fn find_at(directives: &[Directive], start: u32) -> Option<&Directive> {
    let mut found = None;
    collect(directives, &mut |_, directive| {
        if directive.name.span.start == start {
            found = Some(directive);
        }
    });
    found
}

/// Where `old` stands in `text`, not as a part of a longer number, name or path.
fn part(text: &[u8], old: &[u8]) -> Option<usize> {
    let goes_on = |byte: Option<&u8>, edge: Option<&u8>| {
        let wordly = |byte: &u8| byte.is_ascii_alphanumeric() || b"_-.".contains(byte);
        byte.is_some_and(wordly) && edge.is_some_and(wordly)
    };
    let starts = (0..=text.len().checked_sub(old.len())?)
        .filter(|at| text.get(*at..).is_some_and(|rest| rest.starts_with(old)));
    let mut alone = starts.filter(|at| {
        let before = at.checked_sub(1).and_then(|before| text.get(before));
        !goes_on(before, old.first()) && !goes_on(text.get(at + old.len()), old.last())
    });
    alone.next().filter(|_| !old.is_empty())
}

/// What nginx shall make of the word.
fn expected(word: &Word, old: &str, new: &str) -> Vec<u8> {
    let value = word.value.as_bytes();
    let start = part(value, old.as_bytes()).unwrap_or_default();
    splice(value, start, start + old.len(), new.as_bytes())
}

/// The word as written, with `new` in place of `old`: in the quotes it has, or in new ones where it needs them.
fn rewritten(raw: &[u8], word: &Word, old: &str, new: &str) -> Option<Vec<u8>> {
    let quote = raw.first().copied().filter(|byte| b"\"'".contains(byte));
    match (part(raw, old.as_bytes()), quote) {
        (Some(start), None) if is_bare(new) => Some(splice(raw, start, start + old.len(), new.as_bytes())),
        (Some(start), Some(quote)) => Some(splice(raw, start, start + old.len(), &escaped(new, quote))),
        _ if word.value == *old => {
            let quote = quote.unwrap_or(b'"');
            Some([&[quote], &*escaped(new, quote), &[quote]].concat())
        }
        _ => None,
    }
}

/// It needs no quotes.
fn is_bare(text: &str) -> bool {
    let special = |c: char| c.is_whitespace() || c.is_control() || ";{}\"'\\#".contains(c);
    !text.is_empty() && !text.contains(special)
}

fn escaped(text: &str, quote: u8) -> Vec<u8> {
    let escape = |byte: u8| byte == b'\\' || byte == quote;
    text.bytes()
        .flat_map(|byte| escape(byte).then_some(b'\\').into_iter().chain([byte]))
        .collect()
}

/// `bytes` with others in place of `start..end`.
fn splice(bytes: &[u8], start: usize, end: usize, with: &[u8]) -> Vec<u8> {
    let (before, after) = (
        bytes.get(..start).unwrap_or_default(),
        bytes.get(end..).unwrap_or_default(),
    );
    [before, with, after].concat()
}

fn is_same_setting(standing: &Directive, wanted: &Directive) -> bool {
    let key = |it: &Directive| it.arg(0).map(|arg| arg.as_bytes().to_ascii_lowercase());
    let keyed = KEYED.iter().any(|name| wanted.is(name));
    standing.name.value == wanted.name.value
        && standing.body == Body::None
        && (!keyed || key(standing) == key(wanted))
}

fn with_value(bytes: &[u8], standing: &Directive, value: &str) -> Vec<u8> {
    match (standing.args.first(), standing.args.last()) {
        (Some(first), Some(last)) => splice(
            bytes,
            first.span.start as usize,
            last.span.end as usize,
            value.as_bytes(),
        ),
        _ => {
            let end = standing.name.span.end as usize;
            splice(bytes, end, end, format!(" {value}").as_bytes())
        }
    }
}

/// A line of its own after the directive, indented as it is; on the same line where others follow it there. With
/// where the new directive begins.
fn inserted(bytes: &[u8], beside: &Directive, line: &str) -> (u32, Vec<u8>) {
    let (start, end) = (beside.span.start as usize, beside.span.end as usize);
    let line_start = bytes
        .iter()
        .take(start)
        .rposition(|byte| *byte == b'\n')
        .map_or(0, |at| at + 1);
    let indent = bytes.get(line_start..start).unwrap_or_default();
    let line_end = bytes
        .iter()
        .skip(end)
        .position(|byte| *byte == b'\n')
        .map(|length| end + length);
    let rest = bytes
        .get(end..line_end.unwrap_or(bytes.len()))
        .unwrap_or_default();
    let own_line = indent.iter().all(u8::is_ascii_whitespace) && is_blank_or_comment(rest);
    if !own_line {
        let edited = splice(bytes, end, end, format!(" {line}").as_bytes());
        return (end as u32 + 1, edited);
    }
    let crlf = rest.ends_with(b"\r") || (line_end.is_none() && bytes.windows(2).any(|pair| pair == b"\r\n"));
    let eol: &[u8] = if crlf { b"\r\n" } else { b"\n" };
    match line_end {
        Some(line_end) => {
            let added = [indent, line.as_bytes(), eol].concat();
            let at = line_end + 1;
            ((at + indent.len()) as u32, splice(bytes, at, at, &added))
        }
        None => {
            let added = [eol, indent, line.as_bytes()].concat();
            let at = bytes.len();
            (
                (at + eol.len() + indent.len()) as u32,
                splice(bytes, at, at, &added),
            )
        }
    }
}

fn is_blank_or_comment(rest: &[u8]) -> bool {
    let rest = rest.trim_ascii();
    rest.is_empty() || rest.starts_with(b"#")
}

/// Every word of the tree with where it stands, and a mark for the shape of each body; but for one directive.
fn words_of(tree: &Tree, but_for: Option<u32>) -> Vec<(usize, Vec<u8>)> {
    let mut words = Vec::new();
    walk(tree, top(tree), but_for, &mut words);
    words
}

fn walk(tree: &Tree, directives: &[Directive], but_for: Option<u32>, into: &mut Vec<(usize, Vec<u8>)>) {
    for directive in directives.iter().filter(|it| Some(it.name.span.start) != but_for) {
        let words = std::iter::once(&directive.name).chain(&directive.args);
        into.extend(words.map(|word| (word.span.start as usize, word.value.as_bytes().to_owned())));
        // marks stand at no place of the file
        let mark = |text: &[u8]| (usize::MAX, text.to_owned());
        match &directive.body {
            Body::Block(inside) => {
                into.push(mark(b"{"));
                walk(tree, inside, but_for, into);
                into.push(mark(b"}"));
            }
            Body::Code(span) => into.push(mark(tree.bytes(*span))),
            Body::None | Body::Include(_) => into.push(mark(b";")),
        }
    }
}

fn values(words: Vec<(usize, Vec<u8>)>) -> impl Iterator<Item = Vec<u8>> {
    words.into_iter().map(|(_, value)| value)
}

fn same_words(a: &Directive, b: &Directive) -> bool {
    let values = |it: &Directive| it.args.iter().map(|word| word.value.clone()).collect::<Vec<_>>();
    a.name.value == b.name.value && values(a) == values(b) && a.body == b.body
}

#[cfg(test)]
mod tests;
