//! What a step touches, and whether it can be undone: what reviews ask.

use crate::{Step, Undo};
use std::path::Path;

impl Step {
    /// Nothing of it remains once it was taken back. What a restart or an end of processes cut off is gone for good; what
    /// a flush forgot is learnt again by itself.
    pub fn is_reversible(&self) -> bool {
        match self {
            Self::EndProcesses { .. } | Self::QuitNginx { .. } | Self::Restart { .. } | Self::Reboot => false,
            Self::Test { .. }
            | Self::FlushRoutes
            | Self::FlushNeighbour { .. }
            | Self::FlushConntrack { .. } => true,
            _ => self.undo() != Undo::Nothing,
        }
    }

    /// The unit whose service it starts, stops, restarts or reloads.
    pub fn unit(&self) -> Option<&str> {
        match self {
            Self::Start { unit, .. } | Self::Stop { unit, .. } | Self::Restart { unit, .. } => Some(unit),
            Self::Reload { unit, .. } => unit.as_deref(),
            _ => None,
        }
    }

    /// The file or directory it changes.
    pub fn path(&self) -> Option<&Path> {
        match self {
            Self::Write { path, .. } | Self::SetAccess { path, .. } => Some(path),
            _ => None,
        }
    }
}
