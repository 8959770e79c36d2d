//! Looks that note what they could not see.

use host::{Host, Look, Looks, Unseen, query::Part};
use regex::Regex;
use std::{
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// Config files are read up to here, bytes; no hand has written a larger one.
const CONFIG_FILE: u64 = 512 << 10;
/// A pattern stands for at most this many files.
const MOST_FILES: usize = 2000;

/// A host, and all that it would not show.
pub(super) struct Scout<'h> {
    pub(super) host: &'h dyn Host,
    unseen: Mutex<Vec<Unseen>>,
}

impl<'h> Scout<'h> {
    pub(super) fn new(host: &'h dyn Host) -> Self {
        let unseen = Mutex::default();
        Self { host, unseen }
    }

    /// Notes a blind spot.
    pub(super) fn note(&self, unseen: Unseen) {
        let mut noted = self.unseen.lock().unwrap_or_else(PoisonError::into_inner);
        if !noted.contains(&unseen) {
            noted.push(unseen);
        }
    }

    /// What was seen; why it was not is noted.
    pub(super) fn seen<T>(&self, look: Look<T>) -> Option<T> {
        look.map_err(|unseen| self.note(unseen)).ok()
    }

    /// A look whose failure is noted and handed on.
    pub(super) fn noted<T>(&self, look: Look<T>) -> Look<T> {
        look.inspect_err(|unseen| self.note(unseen.clone()))
    }

    /// The text of a config file, lossy; `None` where there is none, or where it was not seen, which is noted.
    pub(super) fn text(&self, path: &Path) -> Option<String> {
        let blob = self.seen(self.host.blob(path, Part::Head(CONFIG_FILE)))??;
        Some(String::from_utf8_lossy(&blob.bytes.0).into_owned())
    }

    /// The files a pattern stands for, sorted, as glob(3) gives them (`*` and `?`; no hidden files).
    pub(super) fn glob(&self, pattern: &Path) -> Vec<PathBuf> {
        let mut found = vec![PathBuf::new()];
        let mut wild_before = false;
        for part in pattern.iter() {
            let text = part.to_string_lossy();
            if text.contains(['*', '?']) {
                wild_before = true;
                found = found.iter().flat_map(|dir| self.matching(dir, &text)).collect();
            } else {
                found.iter_mut().for_each(|path| path.push(part));
            }
            found.truncate(MOST_FILES);
        }
        let last_is_wild = pattern
            .file_name()
            .is_some_and(|name| name.to_string_lossy().contains(['*', '?']));
        if wild_before && !last_is_wild {
            found.retain(|path| self.seen(self.host.stat(path)).flatten().is_some());
        }
        found
    }

    fn matching(&self, dir: &Path, pattern: &str) -> Vec<PathBuf> {
        let names = self.seen(self.host.dir(dir)).flatten().unwrap_or_default();
        let Ok(regex) = Regex::new(&as_regex(pattern)) else {
            return Vec::new();
        };
        let fits =
            |name: &String| regex.is_match(name) && (pattern.starts_with('.') || !name.starts_with('.'));
        names
            .iter()
            .filter(|name| fits(name))
            .map(|name| dir.join(name))
            .collect()
    }

    /// All blind spots, in an order that does not depend on which thread was faster.
    pub(super) fn into_unseen(self) -> Vec<Unseen> {
        let mut unseen = self.unseen.into_inner().unwrap_or_else(PoisonError::into_inner);
        unseen.sort_by(|a, b| a.what().cmp(b.what()));
        unseen
    }
}

fn as_regex(pattern: &str) -> String {
    let escaped = regex::escape(pattern)
        .replace(r"\*", "[^/]*")
        .replace(r"\?", "[^/]");
    format!("^{escaped}$")
}
