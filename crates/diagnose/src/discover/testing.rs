//! Hosts in memory, as a list of files and outputs.

use host::{
    Answer, Query, Timestamp, Tool,
    answer::{Blob, Bytes, FileKind, Output, Stat},
    memory::Memory,
    query::Part,
};
use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

/// When every file of a [`Tree`] was last modified.
pub(super) const WRITTEN: Timestamp = Timestamp::from_secs(1_600_000_000);

/// A host with files, and with answers that say so for every file and directory it does not have.
#[derive(Debug, Default)]
pub(super) struct Tree {
    pub(super) host: Everything,
}

/// [`Memory`], except that a path nobody wrote down is not there.
#[derive(Debug, Default)]
pub(super) struct Everything(pub(super) Memory);

impl host::Host for Everything {
    fn ask(&self, query: &Query) -> host::Look<Answer> {
        let known = self.0.iter().any(|(asked, _)| asked == query);
        match query {
            Query::File { .. } if !known => Ok(Answer::File(None)),
            Query::Dir { .. } if !known => Ok(Answer::Dir(None)),
            Query::Stat { .. } if !known => Ok(Answer::Stat(None)),
            _ => self.0.ask(query),
        }
    }
}

impl Tree {
    /// A host with these files, `(path, text)`, and the directories above them.
    pub(super) fn of(files: &[(&str, &str)]) -> Self {
        let mut tree = Self::default();
        let mut dirs: BTreeMap<PathBuf, BTreeSet<String>> = BTreeMap::new();
        for (path, text) in files {
            tree.file(path, text);
            for step in Path::new(path).ancestors() {
                if let (Some(dir), Some(name)) = (step.parent(), step.file_name()) {
                    let name = name.to_string_lossy().into_owned();
                    dirs.entry(dir.to_owned()).or_default().insert(name);
                }
            }
        }
        for (path, names) in dirs {
            let names = names.into_iter().collect();
            tree.host.0.set(Query::Dir { path }, Ok(Answer::Dir(Some(names))));
        }
        tree
    }

    fn file(&mut self, path: &str, text: &str) {
        let (path, size) = (PathBuf::from(path), text.len() as u64);
        let blob = Blob {
            bytes: Bytes(text.into()),
            size,
            modified: WRITTEN,
        };
        for bytes in [512 << 10, host::looks::WHOLE_FILE] {
            let query = Query::File {
                path: path.clone(),
                part: Part::Head(bytes),
            };
            self.host.0.set(query, Ok(Answer::File(Some(blob.clone()))));
        }
        self.stat(path, None, size);
    }

    fn stat(&mut self, path: PathBuf, link_to: Option<PathBuf>, size: u64) {
        let stat = Stat {
            kind: FileKind::File,
            mode: 0o644,
            uid: 0,
            gid: 0,
            size,
            inode: 1,
            modified: WRITTEN,
            link_to,
            has_acl: false,
        };
        let query = Query::Stat { path, seen_by: None };
        self.host.0.set(query, Ok(Answer::Stat(Some(stat))));
    }

    /// One of its files is a symbolic link.
    pub(super) fn link(mut self, path: &str, to: &str) -> Self {
        self.stat(path.into(), Some(to.into()), 0);
        self
    }

    /// What a command prints, and how it ends.
    pub(super) fn says(mut self, tool: Tool, status: i32, stdout: &str, stderr: &str) -> Self {
        let output = Output {
            status: Some(status),
            stdout: Bytes(stdout.into()),
            stderr: Bytes(stderr.into()),
        };
        self.host.0.set(Query::Run(tool), Ok(Answer::Output(output)));
        self
    }

    /// The answer to any other look.
    pub(super) fn answers(mut self, query: Query, answer: Answer) -> Self {
        self.host.0.set(query, Ok(answer));
        self
    }
}
