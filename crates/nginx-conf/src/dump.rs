//! What `nginx -T` prints: every file of the configuration, each behind a line `# configuration file PATH:`.

use crate::{Mistake, Supplied, Tree, Wanted, glob, load};
use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

const MARK: &[u8] = b"# configuration file ";

/// Reads the standard output of `nginx -T`; includes are resolved inside it. `prefix` is nginx's own
/// (`-p`, else `--prefix=` of `nginx -V`). Text before the first mark is skipped, so standard error may be mixed in
/// there. A dump without any mark gives an empty tree and says that the main file is missing.
pub fn from_dump(bytes: &[u8], prefix: &Path) -> (Tree, Vec<Mistake>) {
    let (main, files) = split(bytes);
    let mut supply = |wanted: Wanted<'_>| match wanted {
        Wanted::File(path) => files
            .get(path)
            .map_or(Supplied::Missing, |bytes| Supplied::Bytes(bytes.clone())),
        Wanted::Glob(pattern) => Supplied::Paths(expand(pattern, files.keys())),
    };
    load(&main, prefix, &mut supply)
}

fn expand<'f>(pattern: &Path, names: impl Iterator<Item = &'f PathBuf>) -> Vec<PathBuf> {
    let pattern = pattern.as_os_str().as_bytes();
    let fits = names.filter(|name| glob::matches(pattern, name.as_os_str().as_bytes()));
    let mut found: Vec<PathBuf> = fits.cloned().collect();
    found.sort_unstable_by(|a, b| a.as_os_str().cmp(b.as_os_str()));
    found
}

/// The main file's name, and every file by name. nginx ends each with a line end of its own.
fn split(bytes: &[u8]) -> (PathBuf, BTreeMap<PathBuf, Arc<[u8]>>) {
    let mut marks = marks(bytes);
    let main = marks
        .first()
        .map(|mark| mark.path.clone())
        .unwrap_or_else(|| PathBuf::from("nginx.conf"));
    let mut files = BTreeMap::new();
    let mut end = bytes.len();
    while let Some(mark) = marks.pop() {
        let content = bytes.get(mark.content..end).unwrap_or_default();
        files.insert(mark.path, content.strip_suffix(b"\n").unwrap_or(content).into());
        end = mark.line;
    }
    (main, files)
}

struct Mark {
    path: PathBuf,
    /// Offset of the mark's own line.
    line: usize,
    /// Offset of what follows it.
    content: usize,
}

fn marks(bytes: &[u8]) -> Vec<Mark> {
    let starts = memchr::memmem::find_iter(bytes, MARK);
    let starts = starts.filter(|at| *at == 0 || bytes.get(at - 1) == Some(&b'\n'));
    let marks = starts.filter_map(|line| {
        let rest = bytes.get(line + MARK.len()..)?;
        let length = memchr::memchr(b'\n', rest)?;
        let path = rest.get(..length)?.strip_suffix(b":")?;
        let path = PathBuf::from(OsStr::from_bytes(path));
        path.is_absolute().then_some(Mark {
            path,
            line,
            content: line + MARK.len() + length + 1,
        })
    });
    marks.collect()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    #[test]
    fn dumps() {
        let rows: &[(&str, &str, usize, usize)] = &[
            (
                "# configuration file /n/nginx.conf:\na; include b;\n\n# configuration file /n/b:\nc;\n\n",
                "a c",
                2,
                0,
            ),
            (
                "nginx: test is ok\n# configuration file /n/nginx.conf:\na;",
                "a",
                1,
                0,
            ),
            ("# configuration file /n/nginx.conf:\na; include b;\n", "a", 1, 1),
            (
                "# configuration file /n/nginx.conf:\n x # configuration file /n/b:\n;",
                "x",
                1,
                0,
            ),
            ("# configuration file nginx.conf:\n", "", 1, 1),
            ("", "", 1, 1),
        ];
        for (dump, expected, files, wrong) in rows {
            let (tree, mistakes) = super::from_dump(dump.as_bytes(), Path::new("/n"));
            let names: Vec<_> = tree
                .top()
                .map(|directive| directive.name.value.to_string())
                .collect();
            assert_eq!(
                (names.join(" ").as_str(), tree.files().len(), mistakes.len()),
                (*expected, *files, *wrong),
                "{dump}"
            );
        }
    }
}
