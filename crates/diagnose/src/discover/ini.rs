//! `key = value` files with sections: php-fpm's and uWSGI's.

/// One line of such a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Entry {
    /// The section it stands in; empty before the first.
    pub(super) section: String,
    pub(super) key: String,
    /// Without quotes and trailing comment.
    pub(super) value: String,
    /// From 1.
    pub(super) line: u32,
}

/// Its entries in order. Lines that are neither section nor entry are passed over.
pub(super) fn entries(text: &str) -> Vec<Entry> {
    let mut section = String::new();
    let mut entries = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let text = text.trim();
        if let Some(name) = text.strip_prefix('[').and_then(|rest| rest.split(']').next()) {
            name.trim().clone_into(&mut section);
        } else if let Some((key, value)) = entry(text) {
            let (section, key) = (section.clone(), key.to_owned());
            entries.push(Entry {
                section,
                key,
                value,
                line,
            });
        }
    }
    entries
}

fn entry(text: &str) -> Option<(&str, String)> {
    if text.starts_with([';', '#']) {
        return None;
    }
    let (key, value) = text.split_once('=')?;
    Some((key.trim(), plain(value.trim())))
}

/// Quotes off; a comment starts at a `;` outside of them.
fn plain(value: &str) -> String {
    for quote in ['"', '\''] {
        let inside = value.strip_prefix(quote).and_then(|rest| rest.split_once(quote));
        if let Some((inside, _)) = inside {
            return inside.to_owned();
        }
    }
    value.split(';').next().unwrap_or(value).trim().to_owned()
}

#[cfg(test)]
mod tests {
    #[test]
    fn entries_with_their_lines() {
        let text = "[global]\n; listen = no\npid = /run/x.pid\n\n[www]\nlisten = \"/run/a;b.sock\" ; here\nuser=www ;x\nbroken\n";
        let shown: Vec<String> = super::entries(text)
            .into_iter()
            .map(|entry| format!("{} {}={}:{}", entry.section, entry.key, entry.value, entry.line))
            .collect();
        assert_eq!(
            shown,
            [
                "global pid=/run/x.pid:3",
                "www listen=/run/a;b.sock:6",
                "www user=www:7"
            ]
        );
    }
}
