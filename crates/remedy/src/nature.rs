//! What a step touches, and whether it can be undone: what reviews ask.

use crate::{Step, Undo};
use std::path::Path;

impl Step {
    /// The same with what it found and what it leaves in each other's place.
    pub(crate) fn turned(self) -> Self {
        match self {
            Self::Write {
                path,
                from: to,
                to: from,
            } => Self::Write { path, from, to },
            Self::SetAccess {
                path,
                from: to,
                to: from,
            } => Self::SetAccess { path, from, to },
            Self::SetUnitFile {
                unit,
                from: to,
                to: from,
            } => Self::SetUnitFile { unit, from, to },
            Self::Sysctl {
                key,
                from: to,
                to: from,
            } => Self::Sysctl { key, from, to },
            Self::SelinuxPort {
                port,
                from: to,
                to: from,
            } => Self::SelinuxPort { port, from, to },
            Self::SetRoute {
                device,
                from: to,
                to: from,
            } => Self::SetRoute { device, from, to },
            other => other,
        }
    }

    /// Nothing of it remains once it was taken back. What a restart or an end of processes cut off is gone for good; what
    /// a flush forgot is learnt again by itself.
    pub fn is_reversible(&self) -> bool {
        match self {
            Self::EndProcesses { .. }
            | Self::QuitNginx { .. }
            | Self::Restart { .. }
            | Self::Reclaim { .. }
            | Self::Reboot => false,
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
            Self::Write { path, .. } | Self::SetAccess { path, .. } | Self::DropCache { dir: path, .. } => {
                Some(path)
            }
            _ => None,
        }
    }
}
