//! Where fixes are kept: one folder each, with the plan as it was agreed to, the journal, and what stood there before.
//!
//! ```text
//! /var/lib/why502/lock                    held by whoever changes this host
//! /var/lib/why502/spare                   space that a fix on a full disk may use
//! /var/lib/why502/fixes/ID/plan.json      what, why, who, when
//! /var/lib/why502/fixes/ID/journal        see [`crate::Journal`]
//! /var/lib/why502/fixes/ID/before/0       what stood in the file of step 0, for a person with `cp`
//! /var/lib/why502/fixes/ID/spare          space for taking back
//! /var/lib/why502/fixes/ID/kept/          what was taken out of browsers, until it is put back or expires
//! /var/lib/why502/fixes/ID/forensics/     what processes did before they were ended
//! ```
//!
//! It holds what config files hold, so it is root's alone: directories 0700, files 0600.

pub(crate) mod disk;
mod error;
mod id;
mod lock;

pub use error::StoreError;
pub use id::FixId;
pub use lock::{Holder, Lock};

use crate::{Journal, Plan, Step, Test, prove::Baseline};
use host::Timestamp;
use serde::{Deserialize, Serialize};
use std::{
    fmt,
    path::{Path, PathBuf},
    time::Duration,
};

/// Bytes kept so that a fix can begin on a full disk.
const SPARE: u64 = 1 << 20;
/// Bytes kept beside the contents themselves so that a fix can be taken back on a full disk.
const SPARE_OF_FIX: u64 = 64 << 10;
/// Fixes of one plan within one second.
const MOST_AT_ONCE: u64 = 10;
/// A plan is not larger, bytes.
const LARGEST_PLAN: u64 = 64 << 20;

/// The state directory.
#[derive(Clone, Debug)]
pub struct Store {
    root: PathBuf,
}

/// Who had it done.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Author {
    /// User id.
    pub uid: u32,
    /// Its name.
    pub name: String,
    /// Who called sudo.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sudo: Option<String>,
}

/// A fix as it was begun: what `plan.json` holds. Fields are only added, so that an older version's still loads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Opened {
    /// `why502/fix/1`
    pub schema: String,
    /// Its name.
    pub id: FixId,
    /// When it began.
    pub at: Timestamp,
    /// Who had it done.
    pub by: Author,
    /// Config tests of the plan that failed before its first step: what reads that config can't be reloaded when the
    /// plan is taken back either.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tests_failed: Vec<Test>,
    /// What the other sites answered: also whoever proves it after a restart of the host, or after a crash, holds them to it.
    #[serde(default, skip_serializing_if = "Baseline::is_empty")]
    pub before: Baseline,
    /// Which boot of the host that was, where a plan restarts it: `/proc/sys/kernel/random/boot_id`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub boot: Option<String>,
    /// What is done.
    pub plan: Plan,
}

/// A fix on disk.
#[derive(Debug)]
pub struct Fix {
    /// As it was begun.
    pub opened: Opened,
    /// What has happened since.
    pub journal: Journal,
    dir: PathBuf,
}

impl Opened {
    /// The schema written by this version.
    pub const SCHEMA: &'static str = "why502/fix/1";
}

impl Store {
    /// Where it is unless somebody says otherwise.
    pub const DEFAULT: &'static str = "/var/lib/why502";

    /// The state directory, made where it is not there.
    ///
    /// # Errors
    /// Where it can't be made, or others could write to it.
    pub fn open(root: &Path) -> Result<Self, StoreError> {
        disk::make_dir(root)?;
        disk::is_ours(root)?;
        disk::make_dir(&root.join("fixes"))?;
        // best effort: without it a fix can't begin on a full disk, and says so
        let _ = disk::reserve(&root.join("spare"), SPARE);
        Ok(Self::at(root))
    }

    /// The state directory as it is, to read: nothing is made.
    pub fn at(root: &Path) -> Self {
        Self {
            root: root.to_owned(),
        }
    }

    /// Where it is.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Holds off every other change to this host until it is dropped.
    ///
    /// # Errors
    /// [`StoreError::Busy`] names the holder.
    pub fn lock(&self, holder: &Holder) -> Result<Lock, StoreError> {
        Lock::take(&self.root.join("lock"), holder)
    }

    /// Who changes this host now.
    ///
    /// # Errors
    /// Where the lock can't be looked at.
    pub fn holder(&self) -> Result<Option<Holder>, StoreError> {
        Lock::holder(&self.root.join("lock"))
    }

    /// Puts a plan on disk with all the space that doing it and taking it back will need. Nothing else has happened then.
    ///
    /// # Errors
    /// [`StoreError::NoSpace`], or that it can't be written.
    pub fn begin(&self, _held: &Lock, mut opened: Opened) -> Result<Fix, StoreError> {
        for _ in 0..MOST_AT_ONCE {
            let dir = self.dir(&opened.id);
            if disk::make_new_dir(&dir)? {
                return self.fill(&dir, opened);
            }
            opened.at = Timestamp::from_secs(opened.at.secs() + 1);
            opened.id = FixId::new(opened.at, &opened.plan.id());
        }
        Err(StoreError::corrupt(&self.root, "too many fixes in one second"))
    }

    fn fill(&self, dir: &Path, opened: Opened) -> Result<Fix, StoreError> {
        let written = write_all(dir, &opened).or_else(|error| {
            // the disk is full: this is what the spare is for
            if !error.is_full() || !disk::release(&self.root.join("spare")) {
                return Err(error);
            }
            write_all(dir, &opened)
        });
        match written {
            Ok(journal) => Ok(Fix {
                opened,
                journal,
                dir: dir.to_owned(),
            }),
            Err(error) => {
                disk::remove_dir(dir);
                Err(error)
            }
        }
    }

    /// A fix that was begun.
    ///
    /// # Errors
    /// Where there is none of that name, or it can't be read.
    pub fn load(&self, id: &FixId) -> Result<Fix, StoreError> {
        let dir = self.dir(id);
        let path = dir.join("plan.json");
        let json = disk::read(&path, LARGEST_PLAN)?.ok_or_else(|| StoreError::NoSuchFix(id.clone()))?;
        let opened: Opened =
            serde_json::from_slice(&json).map_err(|error| StoreError::corrupt(&path, &error.to_string()))?;
        let journal = Journal::load(&dir.join("journal"), id, opened.plan.steps.len())?;
        Ok(Fix { opened, journal, dir })
    }

    /// Every fix, oldest first. Folders without a plan are what a crash left before anything had been changed.
    ///
    /// # Errors
    /// Where the directory can't be read.
    pub fn ids(&self) -> Result<Vec<FixId>, StoreError> {
        let mut ids: Vec<FixId> = disk::names(&self.root.join("fixes"))?
            .iter()
            .filter_map(|name| name.parse().ok())
            .filter(|id| disk::is_there(&self.dir(id).join("plan.json")))
            .collect();
        ids.sort();
        Ok(ids)
    }

    /// Forgets for good what fixes took out of browsers longer ago than that. Best effort: what stays now goes next time.
    pub fn expire(&self, now: Timestamp, after: Duration) {
        for id in self.ids().unwrap_or_default() {
            let kept = self.dir(&id).join("kept");
            let is_old = |fix: &Fix| now.since(fix.opened.at) > after;
            if disk::is_there(&kept) && self.load(&id).is_ok_and(|fix| is_old(&fix)) {
                disk::remove_dir(&kept);
            }
        }
    }

    fn dir(&self, id: &FixId) -> PathBuf {
        self.root.join("fixes").join(id.as_str())
    }
}

/// The plan last: a folder that has one is whole.
fn write_all(dir: &Path, opened: &Opened) -> Result<Journal, StoreError> {
    let before = dir.join("before");
    disk::make_dir(&before)?;
    disk::make_dir(&dir.join("forensics"))?;
    let mut contents = 0;
    for (n, step) in opened.plan.steps.iter().enumerate() {
        if let Step::Write {
            from: Some(content), ..
        } = step
        {
            disk::write(&before.join(n.to_string()), &content.bytes)?;
            contents += content.bytes.len() as u64 + 4096;
        }
    }
    disk::reserve(&dir.join("spare"), contents + SPARE_OF_FIX)?;
    let journal = Journal::create(&dir.join("journal"), &opened.id, opened.plan.steps.len())?;
    disk::sync_dir(&before)?;
    let json = serde_json::to_vec_pretty(opened)
        .map_err(|error| StoreError::corrupt(dir, &format!("the plan can't be written down: {error}")))?;
    disk::write(&dir.join("plan.json.new"), &json)?;
    disk::rename(&dir.join("plan.json.new"), &dir.join("plan.json"))?;
    if let Some(fixes) = dir.parent() {
        disk::sync_dir(fixes)?;
    }
    Ok(journal)
}

impl Fix {
    /// Its name.
    pub fn id(&self) -> &FixId {
        &self.opened.id
    }

    /// What is done.
    pub fn plan(&self) -> &Plan {
        &self.opened.plan
    }

    /// Its folder.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Where forensics go.
    pub fn forensics(&self) -> PathBuf {
        self.dir.join("forensics")
    }

    /// The copy of what stood in the file of a step, if it wrote one that was there.
    pub fn before(&self, step: usize) -> PathBuf {
        self.dir.join("before").join(step.to_string())
    }

    /// Gives the space back that was kept for taking back.
    pub(crate) fn release_spare(&self) {
        disk::release(&self.dir.join("spare"));
    }
}

impl fmt::Display for Author {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.sudo {
            Some(sudo) if *sudo != self.name => write!(f, "{sudo} (as {})", self.name),
            _ => f.write_str(&self.name),
        }
    }
}

#[cfg(test)]
mod tests;
