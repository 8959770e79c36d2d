//! The hands on real files, processes, network namespaces and servers.

mod files;
mod network;
mod nginx;
mod processes;

use super::LiveHands;
use crate::{Hands, Step, StepFailed};
use tempfile::TempDir;

/// Hands that may write in a directory of the test.
struct Bench {
    dir: TempDir,
    hands: LiveHands,
}

impl Bench {
    fn new() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        let hands = LiveHands::new(vec![dir.path().to_owned()]);
        Self { dir, hands }
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.dir.path().join(name)
    }

    fn apply(&mut self, step: &Step) -> Result<(), StepFailed> {
        self.hands.apply(step)
    }

    /// It was refused because the host moved on, and that is what was found.
    fn refuses(&mut self, step: &Step, found: &str) {
        match self.apply(step) {
            Err(StepFailed::Moved { found: said }) => assert!(said.contains(found), "{said}"),
            other => panic!("{other:?} where {found:?} was to be found"),
        }
    }

    fn fails(&mut self, step: &Step, why: &str) {
        match self.apply(step) {
            Err(StepFailed::Failed { why: said }) => assert!(said.contains(why), "{said}"),
            other => panic!("{other:?} where it was to fail of {why:?}"),
        }
    }
}
