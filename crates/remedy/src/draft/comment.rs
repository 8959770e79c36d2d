//! A directive taken out of a file of Apache's, and left in it as a comment.

use super::{CannotDraft, desk::Desk, files::ROOT_READABLE, settings};
use diagnose::topology::Place;

/// Puts a `#` before every line of the directive that a config test names by one of them: a line that ends with `\` is
/// continued on the next (Apache names the last, or the first where it knows no better).
pub(super) fn out(desk: &mut Desk, at: &Place) -> Result<(), CannotDraft> {
    let found = desk.open(&at.file)?;
    let edited = without(settings::text(&found)?, at.line).ok_or_else(|| {
        let why = format!("{at} is no directive by itself");
        CannotDraft::new(why, format!("correct {at} by hand"))
    })?;
    desk.write(found, edited.into_bytes(), ROOT_READABLE)
}

/// `None` where the line is not there, is empty, a comment already, or opens or closes a section.
fn without(text: &str, line: u32) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let named = (line as usize).checked_sub(1).filter(|at| *at < lines.len())?;
    let continued = |at: usize| lines.get(at).is_some_and(|line| line.trim_end().ends_with('\\'));
    let first = (0..named)
        .rev()
        .take_while(|at| continued(*at))
        .last()
        .unwrap_or(named);
    let last = (named..lines.len()).find(|at| !continued(*at)).unwrap_or(named);
    let begins = lines.get(first)?.trim_start();
    if begins.is_empty() || begins.starts_with(['#', '<']) {
        return None;
    }
    let out = |(at, line): (usize, &&str)| match (first..=last).contains(&at) {
        true => format!("#{line}"),
        false => (*line).to_owned(),
    };
    Some(lines.iter().enumerate().map(out).collect())
}

#[cfg(test)]
mod tests {
    use super::without;

    #[test]
    fn a_directive_with_all_its_lines() {
        let text = "SecRuleEngine On\nSecRule A \"(\" \\\n  \"id:1,\\\n  deny\"\n<If x>\n</If>\n# old\n";
        let out = "SecRuleEngine On\n#SecRule A \"(\" \\\n#  \"id:1,\\\n#  deny\"\n<If x>\n</If>\n# old\n";
        for (line, expect) in [
            (1, Some(format!("#{text}"))),
            (2, Some(out.to_owned())),
            (3, Some(out.to_owned())),
            (4, Some(out.to_owned())),
            (5, None),
            (7, None),
            (8, None),
            (0, None),
        ] {
            assert_eq!(without(text, line), expect, "{line}");
        }
    }
}
