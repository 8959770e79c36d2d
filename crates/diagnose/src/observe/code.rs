//! Code that PHP's complaints name, where it lies among visitors' uploads or ran what failed: what is in it, and among
//! uploads what lies beside it.

use crate::{
    World,
    code::{self, CodeFile},
};
use host::{Host, Looks, query::Part};
use logscan::Trouble;
use std::path::{Path, PathBuf};

use super::symptoms::Draft;

/// Files of complaints that are read.
const NAMED: usize = 8;
/// Files beside them that are read.
const BESIDE: usize = 24;
/// Bytes read of each.
const HEAD: u64 = 64 << 10;

/// Reads what the failures of these drafts name.
pub(super) fn look(host: &dyn Host, world: &World, drafts: &[&Draft]) -> Vec<CodeFile> {
    let symptoms = drafts.iter().flat_map(|draft| &draft.symptoms);
    let mut named: Vec<PathBuf> = symptoms
        .filter_map(|symptom| match symptom.trouble()? {
            Trouble::BackendStderr(text) => Some(suspects(text)),
            _ => None,
        })
        .flatten()
        .filter(|path| is_served(world, path))
        .collect();
    named.sort_unstable();
    named.dedup();
    named.truncate(NAMED);
    let mut all = named.clone();
    for dir in named.iter().filter_map(|path| code::upload_dir(path)) {
        let beside = host.file_sizes(dir).unwrap_or_default();
        all.extend(
            beside
                .into_iter()
                .map(|it| it.path)
                .filter(|path| is_php(path))
                .take(BESIDE),
        );
    }
    all.sort_unstable();
    all.dedup();
    all.truncate(NAMED + BESIDE);
    super::parallel::map(&all, |path| read(host, path))
        .into_iter()
        .flatten()
        .collect()
}

/// Files of a complaint that may be strangers'.
fn suspects(text: &str) -> Vec<PathBuf> {
    let mut files = code::named(text);
    files.retain(|path| code::upload_dir(path).is_some() || code::is_run_by(text, path));
    files
}

fn is_php(path: &Path) -> bool {
    let end = path.extension().and_then(|it| it.to_str()).unwrap_or_default();
    ["php", "phtml", "php5", "php7", "phar"].contains(&end)
}

/// A log's text may name any file: only one below the directory of a site is read.
fn is_served(world: &World, path: &Path) -> bool {
    let roots = world
        .routes
        .iter()
        .filter_map(|route| route.settings.root.as_deref());
    let plain = !path.components().any(|it| it.as_os_str() == "..");
    plain && roots.into_iter().any(|root| path.starts_with(root))
}

fn read(host: &dyn Host, path: &Path) -> Option<CodeFile> {
    let blob = host.blob(path, Part::Head(HEAD)).ok()??;
    Some(CodeFile {
        path: path.to_owned(),
        modified: blob.modified,
        loader: code::loader(&String::from_utf8_lossy(&blob.bytes.0)),
    })
}
