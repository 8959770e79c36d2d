//! Mode and owner of files and directories.

use super::{CannotDraft, desk::Desk, files};
use crate::{Access, Step};
use host::{Looks, answer::Stat};
use std::path::Path;

/// Bits by which everybody may write.
const OTHERS_WRITE: u32 = 0o002;

/// Mode, owner and group as asked, and no more.
pub(super) fn set(
    desk: &mut Desk,
    path: &Path,
    mode: Option<u32>,
    uid: Option<u32>,
    gid: Option<u32>,
) -> Result<(), CannotDraft> {
    let path = files::real(desk.host, path)?;
    let stat = desk.host.stat(&path)?.ok_or_else(|| {
        let why = format!("{} is not there any more", path.display());
        CannotDraft::new(why, "run why502 again")
    })?;
    if stat.has_acl && mode.is_some_and(|mode| mode != stat.mode) {
        let why = format!(
            "{} has an access control list, so its mode does not say who may use it",
            path.display()
        );
        return Err(CannotDraft::new(
            why,
            format!("getfacl {0}; setfacl -m u:USER:rwx {0}", path.display()),
        ));
    }
    let from = staged(desk, &path).unwrap_or(access(&stat));
    let to = Access {
        mode: mode.unwrap_or(from.mode) & 0o7777,
        uid: uid.unwrap_or(from.uid),
        gid: gid.unwrap_or(from.gid),
    };
    if to.mode & OTHERS_WRITE & !from.mode != 0 {
        let why = format!("{} would become writable by everybody", path.display());
        return Err(CannotDraft::new(
            why,
            "give it to a group that nginx and the backend share",
        ));
    }
    if from != to {
        desk.push(Step::SetAccess { path, from, to });
    }
    Ok(())
}

/// As the steps so far leave it.
fn staged(desk: &Desk, path: &Path) -> Option<Access> {
    desk.steps.iter().rev().find_map(|step| match step {
        Step::SetAccess {
            path: changed, to, ..
        } if changed == path => Some(*to),
        _ => None,
    })
}

fn access(stat: &Stat) -> Access {
    Access {
        mode: stat.mode,
        uid: stat.uid,
        gid: stat.gid,
    }
}
