//! What a plan is drafted on: the host, what the case knew, and the steps so far. Later measures see the files and
//! units as earlier ones leave them.

use super::{CannotDraft, files};
use crate::{Access, Content, ProcessId, Step, UnitState};
use diagnose::{Diagnosis, World};
use host::{
    Host, Look, Looks,
    looks::{Process, Unit},
};
use std::{
    cell::OnceCell,
    collections::BTreeSet,
    path::{Path, PathBuf},
};

/// A plan in the making.
pub(super) struct Desk<'a> {
    pub(super) host: &'a dyn Host,
    pub(super) diagnosis: &'a Diagnosis,
    pub(super) steps: Vec<Step>,
    pub(super) notes: Vec<String>,
    /// nginx instances to be tested and reloaded at the end.
    pub(super) nginx: BTreeSet<usize>,
    /// Units whose files were edited since the last `daemon-reload`.
    pub(super) unit_files: BTreeSet<String>,
    /// Lines that edits put into files: the file, the number of the new line, how many. Places in a case are those of
    /// the files as they were.
    pub(super) new_lines: Vec<(PathBuf, u32, u32)>,
    /// Units whose configuration was edited and that have not read it yet; and whether a reload is too little.
    pub(super) stale_units: Vec<(String, bool)>,
    processes: OnceCell<Look<Vec<Process>>>,
}

/// A file as the steps so far leave it.
#[derive(Clone, Debug)]
pub(super) struct Found {
    /// Where it really is: no part of it is a symbolic link.
    pub(super) path: PathBuf,
    /// `None` where there is no file.
    pub(super) content: Option<Content>,
}

impl Found {
    /// Its bytes; none where there is no file.
    pub(super) fn bytes(&self) -> &[u8] {
        self.content.as_ref().map_or(&[], |content| &content.bytes)
    }
}

impl<'a> Desk<'a> {
    pub(super) fn new(host: &'a dyn Host, diagnosis: &'a Diagnosis) -> Self {
        Self {
            host,
            diagnosis,
            steps: Vec::new(),
            notes: Vec::new(),
            nginx: BTreeSet::new(),
            unit_files: BTreeSet::new(),
            new_lines: Vec::new(),
            stale_units: Vec::new(),
            processes: OnceCell::new(),
        }
    }

    pub(super) fn world(&self) -> &'a World {
        &self.diagnosis.world
    }

    /// Adds a step, unless it is a test that stands there already with no change after it.
    pub(super) fn push(&mut self, step: Step) {
        let is_test = |step: &Step| matches!(step, Step::Test { .. });
        let known = self.steps.iter().rev().take_while(|step| is_test(step));
        if !(is_test(&step) && known.into_iter().any(|known| *known == step)) {
            self.steps.push(step);
        }
    }

    /// Says something to whoever reads the plan, once.
    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// A file, its links followed, as the steps so far leave it.
    pub(super) fn find(&self, path: &Path) -> Result<Found, CannotDraft> {
        let path = files::real(self.host, path)?;
        let staged = self.steps.iter().rev().find_map(|step| match step {
            Step::Write {
                path: written, to, ..
            } if *written == path => Some(to.clone()),
            _ => None,
        });
        let content = match staged {
            Some(content) => content,
            None => files::content(self.host, &path)?,
        };
        Ok(Found { path, content })
    }

    /// A file that must be there.
    pub(super) fn open(&self, path: &Path) -> Result<Found, CannotDraft> {
        let found = self.find(path)?;
        if found.content.is_none() {
            let why = format!("{} is not there any more", path.display());
            return Err(CannotDraft::new(why, "run why502 again"));
        }
        Ok(found)
    }

    /// Other bytes in a file; a file that was not there is made with these rights. Edits of one file are one step.
    pub(super) fn write(&mut self, file: Found, bytes: Vec<u8>, if_new: Access) -> Result<(), CannotDraft> {
        files::may_be_written(&file.path)?;
        if file
            .content
            .as_ref()
            .is_some_and(|content| content.bytes == bytes)
        {
            return Ok(());
        }
        if let Some(marker) = files::managed_by(file.bytes()) {
            let path = file.path.display();
            self.note(format!(
                "{path} says \"{marker}\": what wrote it may write it again without this change"
            ));
        }
        let next = Some(Content {
            bytes,
            ..file.content.clone().unwrap_or(Content::empty(if_new))
        });
        let earlier = self.steps.iter_mut().find_map(|step| match step {
            Step::Write { path, to, .. } if *path == file.path => Some(to),
            _ => None,
        });
        match earlier {
            Some(to) => *to = next,
            None => self.push(Step::Write {
                path: file.path,
                from: file.content,
                to: next,
            }),
        }
        Ok(())
    }

    /// Where a line of the file as the case saw it stands after the steps so far.
    pub(super) fn line_now(&self, path: &Path, line: u32) -> u32 {
        let added = self.new_lines.iter().filter(|(file, ..)| file == path);
        added.fold(
            line,
            |line, (_, at, count)| if line >= *at { line + count } else { line },
        )
    }

    /// The unit has not read its edited configuration yet; a reload may be too little for it.
    pub(super) fn owe(&mut self, unit: &str, restart: bool) {
        match self.stale_units.iter_mut().find(|(stale, _)| stale == unit) {
            Some((_, needs)) => *needs |= restart,
            None => self.stale_units.push((unit.to_owned(), restart)),
        }
    }

    /// A unit as systemd has it now.
    pub(super) fn unit(&self, name: &str) -> Result<Unit, CannotDraft> {
        let mut units = self.host.units(&[name.to_owned()])?;
        let unit = (units.len() == 1).then(|| units.remove(0)).filter(Unit::is_known);
        unit.ok_or_else(|| {
            let why = format!("systemd does not know {name}");
            CannotDraft::new(
                why,
                "install the package or write the unit that should serve this site",
            )
        })
    }

    /// Every process, as they were when the plan was begun.
    pub(super) fn processes(&self) -> Result<&[Process], CannotDraft> {
        let look = self.processes.get_or_init(|| self.host.processes());
        look.as_deref().map_err(|unseen| unseen.clone().into())
    }

    /// The process of that id, so that it can't be taken for another.
    pub(super) fn process(&self, pid: u32) -> Result<&Process, CannotDraft> {
        let found = self.processes()?.iter().find(|process| process.pid == pid);
        found.ok_or_else(|| {
            let why = format!("process {pid} has ended since the diagnosis");
            CannotDraft::new(why, "run why502 again")
        })
    }
}

/// As a plan expects to find a unit.
pub(super) fn state(unit: &Unit) -> UnitState {
    UnitState {
        active: unit.active_state.clone(),
        main_pid: unit.main_pid,
    }
}

/// The process, not only its number.
pub(super) fn id(process: &Process) -> ProcessId {
    ProcessId {
        pid: process.pid,
        started: process.started_ticks,
    }
}
