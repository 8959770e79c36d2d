//! Edits of `key = value` files with sections, by byte span: php-fpm pools, uWSGI, sysctl, systemd.

use std::ops::Range;

/// What a line is.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Line<'t> {
    Section(&'t str),
    /// With where its value stands in the file, comment and spaces around it left out.
    Entry(&'t str, Range<usize>),
    /// An entry that is commented out: most often the default.
    Commented(&'t str),
    Other,
}

/// The file with that key set in that section (`None`: a file without sections): its value where it stands, the last
/// one if several; else a new line after its commented-out default; else at the end of the section, which is made
/// where it is missing. All other bytes stay.
pub(super) fn set(text: &str, section: Option<&str>, key: &str, value: &str) -> String {
    let lines = lines(text);
    let inside = |at: &usize| section_of(&lines, *at) == section;
    let standing = lines
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, (_, line))| match line {
            Line::Entry(name, span) if *name == key && inside(&at) => Some(span.clone()),
            _ => None,
        });
    if let Some(span) = standing {
        let old = text.get(span.clone()).unwrap_or_default();
        return spliced(text, span, &like(old, value));
    }
    let eol = if text.contains("\r\n") { "\r\n" } else { "\n" };
    let sign = if text.contains(" = ") { " = " } else { "=" };
    let line = format!("{key}{sign}{value}{eol}");
    let commented = lines.iter().enumerate().rev();
    let default = commented
        .clone()
        .find(|(at, (_, line))| *line == Line::Commented(key) && inside(at));
    let last = || {
        commented
            .clone()
            .find(|(at, (_, line))| !is_filler(line) && inside(at))
    };
    match (default.or_else(last), section) {
        (Some((_, (span, _))), _) => after(text, span.end, &line, eol),
        (None, None) => after(text, text.len(), &line, eol),
        (None, Some(name)) => after(text, text.len(), &format!("[{name}]{eol}{line}"), eol),
    }
}

/// What the key is set to there, quotes off.
pub(super) fn value<'t>(text: &'t str, section: Option<&str>, key: &str) -> Option<&'t str> {
    let lines = lines(text);
    let found = lines
        .iter()
        .enumerate()
        .rev()
        .find_map(|(at, (_, line))| match line {
            Line::Entry(name, span) if *name == key && section_of(&lines, at) == section => {
                text.get(span.clone())
            }
            _ => None,
        });
    found.map(|value| quote_of(value).map_or(value, |quote| value.trim_matches(quote)))
}

/// The file with every line of that key in that section replaced by these values, at the section's end: a unit's
/// drop-in, where keys may add up.
pub(super) fn set_all(text: &str, section: &str, key: &str, values: &[String]) -> String {
    let known = lines(text);
    let ours = |at: usize, line: &Line| {
        matches!(line, Line::Entry(name, _) if *name == key) && section_of(&known, at) == Some(section)
    };
    let kept = known
        .iter()
        .enumerate()
        .filter(|(at, (_, line))| !ours(*at, line));
    let rest: String = kept.filter_map(|(_, (span, _))| text.get(span.clone())).collect();
    let added: String = values.iter().map(|value| format!("{key}={value}\n")).collect();
    let lines = lines(&rest);
    let members = lines.iter().enumerate().rev();
    let last = members
        .clone()
        .find(|(at, (_, line))| !is_filler(line) && section_of(&lines, *at) == Some(section));
    match last {
        Some((_, (span, _))) => after(&rest, span.end, &added, "\n"),
        None => after(&rest, rest.len(), &format!("[{section}]\n{added}"), "\n"),
    }
}

/// Every line with where it stands, its end included.
fn lines(text: &str) -> Vec<(Range<usize>, Line<'_>)> {
    let mut start = 0;
    let mut found = Vec::new();
    for line in text.split_inclusive('\n') {
        found.push((start..start + line.len(), kind(line, start)));
        start += line.len();
    }
    found
}

fn kind(line: &str, start: usize) -> Line<'_> {
    let text = line.trim();
    if let Some(comment) = text.strip_prefix([';', '#']) {
        let key = comment.trim_start_matches([';', '#', ' ', '\t']).split_once('=');
        return key.map_or(Line::Other, |(key, _)| Line::Commented(key.trim()));
    }
    if let Some(rest) = text.strip_prefix('[') {
        return rest
            .split_once(']')
            .map_or(Line::Other, |(name, _)| Line::Section(name.trim()));
    }
    let Some((key, rest)) = line.split_once('=') else {
        return Line::Other;
    };
    let value = without_comment(rest.trim());
    let at = start + key.len() + 1 + (rest.len() - rest.trim_start().len());
    Line::Entry(key.trim(), at..at + value.len())
}

/// A comment begins at a `;` or `#` after a space, outside of quotes.
fn without_comment(value: &str) -> &str {
    if let Some(quote) = value.chars().next().filter(|c| "\"'".contains(*c)) {
        let closing = value.get(1..).and_then(|rest| rest.find(quote));
        return closing.and_then(|at| value.get(..at + 2)).unwrap_or(value);
    }
    let comment = [" ;", "\t;", " #", "\t#"]
        .iter()
        .filter_map(|mark| value.find(mark))
        .min();
    comment.and_then(|at| value.get(..at)).unwrap_or(value).trim_end()
}

fn section_of<'t>(lines: &[(Range<usize>, Line<'t>)], at: usize) -> Option<&'t str> {
    lines.iter().take(at + 1).rev().find_map(|(_, line)| match line {
        Line::Section(name) => Some(*name),
        _ => None,
    })
}

fn is_filler(line: &Line) -> bool {
    matches!(line, Line::Commented(_) | Line::Other)
}

fn quote_of(value: &str) -> Option<char> {
    let quote = value.chars().next().filter(|c| "\"'".contains(*c))?;
    (value.len() > 1 && value.ends_with(quote)).then_some(quote)
}

/// In the quotes the old value had.
fn like(old: &str, value: &str) -> String {
    match quote_of(old).filter(|quote| !value.contains(*quote)) {
        Some(quote) => format!("{quote}{value}{quote}"),
        None => value.to_owned(),
    }
}

fn spliced(text: &str, span: Range<usize>, with: &str) -> String {
    let (before, after) = (
        text.get(..span.start).unwrap_or_default(),
        text.get(span.end..).unwrap_or_default(),
    );
    format!("{before}{with}{after}")
}

/// A line put at an offset where another ended, perhaps without its line end.
fn after(text: &str, at: usize, line: &str, eol: &str) -> String {
    let before = text.get(..at).unwrap_or_default();
    let broken = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        eol
    };
    spliced(text, at..at, &format!("{broken}{line}"))
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_key_is_set_where_a_person_would() {
        let pool = Some("www");
        let rows = [
            (
                "[www]\nlisten = /a.sock ; why\nuser=x\n",
                pool,
                "[www]\nlisten = /b.sock ; why\nuser=x\n",
            ),
            (
                "[www]\r\nlisten =   '/a.sock'\r\n",
                pool,
                "[www]\r\nlisten =   '/b.sock'\r\n",
            ),
            (
                "[o]\nlisten = /a\n[www]\nlisten = /a\nlisten = /c\n",
                pool,
                "[o]\nlisten = /a\n[www]\nlisten = /a\nlisten = /b.sock\n",
            ),
            (
                "[www]\n; text\n;listen = /a\n\nuser = x\n",
                pool,
                "[www]\n; text\n;listen = /a\nlisten = /b.sock\n\nuser = x\n",
            ),
            (
                "[www]\nuser = x\n\n; next\n[o]\nlisten = 1\n",
                pool,
                "[www]\nuser = x\nlisten = /b.sock\n\n; next\n[o]\nlisten = 1\n",
            ),
            ("[www]\nuser = x", pool, "[www]\nuser = x\nlisten = /b.sock\n"),
            ("[o]\nx=1\n", pool, "[o]\nx=1\n[www]\nlisten=/b.sock\n"),
            ("a=1\n", None, "a=1\nlisten=/b.sock\n"),
            ("", None, "listen=/b.sock\n"),
            ("listen=1", None, "listen=/b.sock"),
        ];
        for (text, section, expected) in rows {
            assert_eq!(super::set(text, section, "listen", "/b.sock"), expected);
            assert_eq!(
                super::value(expected, section, "listen"),
                Some("/b.sock"),
                "{expected}"
            );
        }
    }

    #[test]
    fn a_drop_in_is_merged() {
        let values = ["".to_owned(), "/bin/b".to_owned()];
        let rows = [
            ("", "[Service]\nExecStart=\nExecStart=/bin/b\n"),
            (
                "# ours\n[Service]\nExecStart=\nExecStart=/bin/a\nRestart=always\n",
                "# ours\n[Service]\nRestart=always\nExecStart=\nExecStart=/bin/b\n",
            ),
            (
                "[Unit]\nExecStart=x\n",
                "[Unit]\nExecStart=x\n[Service]\nExecStart=\nExecStart=/bin/b\n",
            ),
        ];
        for (text, expected) in rows {
            assert_eq!(super::set_all(text, "Service", "ExecStart", &values), expected);
        }
    }
}
