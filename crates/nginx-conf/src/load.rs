//! Several files: follows `include` through bytes and names that the caller supplies.

use crate::parse::read;
use crate::{Body, Directive, Fault, Mistake, Source, Span, Text, Tree};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// What the loader asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Wanted<'a> {
    /// The bytes of this file.
    File(&'a Path),
    /// The files that this pattern stands for, as glob(3) gives them: sorted by bytes, hidden ones left out.
    Glob(&'a Path),
}

impl Wanted<'_> {
    /// The file or the pattern.
    pub fn path(&self) -> &Path {
        match self {
            Self::File(path) | Self::Glob(path) => path,
        }
    }
}

/// The caller's answer.
#[derive(Clone, Debug)]
pub enum Supplied {
    /// The bytes of the file.
    Bytes(Arc<[u8]>),
    /// The files a pattern stands for; may be none.
    Paths(Vec<PathBuf>),
    /// There is no such file.
    Missing,
    /// Could not be seen, and why.
    Unseen(String),
}

/// Includes nested deeper are left out.
const DEEPEST: usize = 32;
/// More files are left out.
const MOST_FILES: usize = 200_000;
/// Directives there would be with each include written out; includes that lead past it are left out.
const MOST_DIRECTIVES: u64 = 5_000_000;

/// Reads the main file `root` and everything it includes, each file once.
///
/// `prefix` is nginx's own (`-p`, else `--prefix=` of `nginx -V`): a relative `root` is relative to it. Relative
/// includes are relative to the directory of `root`, whichever file they stand in.
pub fn load(
    root: &Path,
    prefix: &Path,
    files: &mut dyn FnMut(Wanted<'_>) -> Supplied,
) -> (Tree, Vec<Mistake>) {
    let root = prefix.join(root);
    let conf_dir = root.parent().unwrap_or(Path::new("/")).to_owned();
    let mut loader = Loader {
        ask: files,
        conf_dir,
        done: Vec::new(),
        known: HashMap::new(),
        mistakes: Vec::new(),
    };
    loader.main(&root);
    let tree = Tree {
        files: loader.done.into_iter().map(|loaded| loaded.source).collect(),
        prefix: prefix.into(),
    };
    (tree, loader.mistakes)
}

struct Loaded {
    source: Source,
    /// Directives in it, with each include written out.
    weight: u64,
    /// Its includes are being followed.
    open: bool,
}

struct Loader<'a> {
    ask: &'a mut dyn FnMut(Wanted<'_>) -> Supplied,
    conf_dir: PathBuf,
    done: Vec<Loaded>,
    known: HashMap<PathBuf, u32>,
    mistakes: Vec<Mistake>,
}

impl Loader<'_> {
    fn main(&mut self, root: &Path) {
        match (self.ask)(Wanted::File(root)) {
            Supplied::Bytes(bytes) => drop(self.read(root, bytes, 0)),
            other => {
                let source = Source::new(root, [].as_slice().into());
                let place = source.place(0, 0);
                self.done.push(Loaded {
                    source,
                    weight: 0,
                    open: false,
                });
                self.mistakes.push(Mistake {
                    place,
                    fault: refusal(root, other),
                });
            }
        }
    }

    /// Reads one file and what it includes; its index.
    fn read(&mut self, path: &Path, bytes: Arc<[u8]>, depth: usize) -> u32 {
        let index = self.done.len() as u32;
        let (mut source, mistakes) = read(path, bytes, index);
        self.mistakes.extend(mistakes);
        let mut directives = std::mem::take(&mut source.directives);
        self.known.insert(path.to_owned(), index);
        self.done.push(Loaded {
            source,
            weight: 0,
            open: true,
        });
        let mut weight = 0;
        self.follow(&mut directives, depth, &mut weight);
        if let Some(loaded) = self.done.get_mut(index as usize) {
            loaded.source.directives = directives;
            (loaded.weight, loaded.open) = (weight, false);
        }
        index
    }

    /// Resolves the includes among `directives` and in their blocks; `weight` counts what that makes.
    fn follow(&mut self, directives: &mut [Directive], depth: usize, weight: &mut u64) {
        *weight += directives.len() as u64;
        for directive in directives {
            if let Body::Block(inside) = &mut directive.body {
                self.follow(inside, depth, weight);
            } else if let Some(span) = include_of(directive) {
                directive.body =
                    self.include(directive.arg(0).cloned().unwrap_or_default(), span, depth, weight);
            }
        }
    }

    fn include(&mut self, pattern: Text, span: Span, depth: usize, weight: &mut u64) -> Body {
        let mut files = Vec::new();
        for path in self.names(&self.conf_dir.join(pattern.as_path()), span) {
            let Some(file) = self.open(&path, span, depth) else {
                continue;
            };
            let added = self.done.get(file as usize).map_or(0, |loaded| loaded.weight);
            if *weight + added > MOST_DIRECTIVES {
                self.mistake(span, Fault::TooManyIncludes { file: path });
                continue;
            }
            *weight += added;
            files.push(file);
        }
        Body::Include(files)
    }

    /// The files an include names. nginx takes it for a pattern when it holds `*`, `?` or `[`.
    fn names(&mut self, path: &Path, span: Span) -> Vec<PathBuf> {
        let bytes = path.as_os_str().as_encoded_bytes();
        if !bytes.iter().any(|byte| b"*?[".contains(byte)) {
            return vec![path.to_owned()];
        }
        match (self.ask)(Wanted::Glob(path)) {
            Supplied::Paths(paths) => paths,
            Supplied::Unseen(why) => {
                self.mistake(
                    span,
                    Fault::Unseen {
                        file: path.to_owned(),
                        why,
                    },
                );
                Vec::new()
            }
            Supplied::Missing | Supplied::Bytes(_) => Vec::new(),
        }
    }

    fn open(&mut self, path: &Path, span: Span, depth: usize) -> Option<u32> {
        if let Some(index) = self.known.get(path).copied() {
            let open = self.done.get(index as usize).is_some_and(|loaded| loaded.open);
            if open {
                self.mistake(
                    span,
                    Fault::Circle {
                        file: path.to_owned(),
                    },
                );
            }
            return (!open).then_some(index);
        }
        if depth >= DEEPEST || self.done.len() >= MOST_FILES {
            self.mistake(
                span,
                Fault::TooManyIncludes {
                    file: path.to_owned(),
                },
            );
            return None;
        }
        match (self.ask)(Wanted::File(path)) {
            Supplied::Bytes(bytes) => Some(self.read(path, bytes, depth + 1)),
            other => {
                self.mistake(span, refusal(path, other));
                None
            }
        }
    }

    fn mistake(&mut self, span: Span, fault: Fault) {
        let Some(loaded) = self.done.get(span.file as usize) else {
            return;
        };
        let place = loaded.source.place(span.start, span.end);
        self.mistakes.push(Mistake { place, fault });
    }
}

/// Where the name of the included file stands.
fn include_of(directive: &Directive) -> Option<Span> {
    match (&directive.body, directive.args.as_slice()) {
        (Body::None, [file]) if directive.is("include") => Some(file.span),
        _ => None,
    }
}

fn refusal(path: &Path, answer: Supplied) -> Fault {
    let file = path.to_owned();
    match answer {
        Supplied::Unseen(why) => Fault::Unseen { file, why },
        _ => Fault::NoSuchFile { file },
    }
}

#[cfg(test)]
mod tests {
    use super::{Supplied, Wanted, load};
    use crate::{Tree, glob_matches};
    use std::os::unix::ffi::OsStrExt;
    use std::path::{Path, PathBuf};

    /// A file under `/n`; one without text cannot be seen.
    type File<'a> = (&'a str, Option<&'a str>);

    fn read(files: &[File<'_>]) -> (Tree, Vec<String>) {
        let (tree, mistakes) = load(
            Path::new("nginx.conf"),
            Path::new("/n"),
            &mut |wanted| match wanted {
                Wanted::File(path) => match files.iter().find(|(name, _)| Path::new("/n").join(name) == path)
                {
                    None => Supplied::Missing,
                    Some((_, None)) => Supplied::Unseen("not allowed".into()),
                    Some((_, Some(text))) => Supplied::Bytes(text.as_bytes().into()),
                },
                Wanted::Glob(pattern) => {
                    let names = files.iter().map(|(name, _)| Path::new("/n").join(name));
                    Supplied::Paths(names.filter(|name| fits(pattern, name)).collect::<Vec<PathBuf>>())
                }
            },
        );
        (tree, mistakes.iter().map(ToString::to_string).collect())
    }

    fn fits(pattern: &Path, name: &Path) -> bool {
        glob_matches(pattern.as_os_str().as_bytes(), name.as_os_str().as_bytes())
    }

    fn names(tree: &Tree) -> String {
        tree.top()
            .map(|directive| directive.name.value.to_string())
            .collect::<Vec<_>>()
            .join(" ")
    }

    #[test]
    fn includes_stand_in_their_place() {
        let files = [
            (
                "nginx.conf",
                Some("a; include d/*.conf; b; include c.inc; include c.inc;"),
            ),
            ("d/1.conf", Some("one; include d/deep/x;")),
            ("d/2.conf", Some("two;")),
            ("d/deep/x", Some("x;")),
            ("c.inc", Some("c;")),
        ];
        let (tree, mistakes) = read(&files);
        assert_eq!((names(&tree).as_str(), mistakes), ("a one x two b c c", vec![]));
        let opened: Vec<_> = tree
            .files()
            .iter()
            .map(|file| file.path().display().to_string())
            .collect();
        assert_eq!(
            opened,
            [
                "/n/nginx.conf",
                "/n/d/1.conf",
                "/n/d/deep/x",
                "/n/d/2.conf",
                "/n/c.inc"
            ]
        );
    }

    #[test]
    fn what_can_be_wrong_with_includes() {
        let rows: &[(&[File<'_>], &str, &[&str])] = &[
            (&[], "", &["/n/nginx.conf:1:1: /n/nginx.conf does not exist"]),
            (
                &[("nginx.conf", None)],
                "",
                &["/n/nginx.conf:1:1: /n/nginx.conf could not be read: not allowed"],
            ),
            (
                &[("nginx.conf", Some("a;\ninclude b;"))],
                "a",
                &["/n/nginx.conf:2:9: /n/b does not exist"],
            ),
            (
                &[("nginx.conf", Some("include b;")), ("b", None)],
                "",
                &["/n/nginx.conf:1:9: /n/b could not be read: not allowed"],
            ),
            (
                &[
                    ("nginx.conf", Some("a; include b;")),
                    ("b", Some("c; include nginx.conf; d;")),
                ],
                "a c d",
                &["/n/b:1:12: /n/nginx.conf includes itself"],
            ),
            (&[("nginx.conf", Some("a; include *.none;"))], "a", &[]),
            (
                &[("nginx.conf", Some("a; include b c;"))],
                "a include",
                &["/n/nginx.conf:1:4: include does not take 2"],
            ),
        ];
        for (files, expected, faults) in rows {
            let (tree, mistakes) = read(files);
            assert_eq!(names(&tree), *expected, "{files:?}");
            assert_eq!(mistakes.len(), faults.len(), "{mistakes:?}");
            assert!(
                mistakes
                    .iter()
                    .zip(*faults)
                    .all(|(found, start)| found.starts_with(start)),
                "{mistakes:?}"
            );
        }
    }

    /// Each of 40 files includes the next one twice: 2^40 directives, were they all followed.
    #[test]
    fn doubling_and_depth_are_bounded() {
        let name = |level: usize| {
            if level == 0 {
                "nginx.conf".to_owned()
            } else {
                format!("f{level}")
            }
        };
        let text = |level: usize| format!("a; include f{0}; include f{0};", level + 1);
        let owned: Vec<(String, String)> = (0..40).map(|level| (name(level), text(level))).collect();
        let files: Vec<_> = owned
            .iter()
            .map(|(name, text)| (name.as_str(), Some(text.as_str())))
            .collect();
        let (tree, mistakes) = read(&files);
        assert!(
            mistakes
                .iter()
                .any(|mistake| mistake.contains("too many includes"))
        );
        assert!(tree.top().count() < 5_000_000);
    }
}
