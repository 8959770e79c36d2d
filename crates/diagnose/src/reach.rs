//! Which step of a unix socket's path keeps nginx's worker out, computed from modes as the kernel does: search (`x`)
//! on every directory, write (`w`) on the socket itself (unix(7), path_resolution(7)).

use crate::{Case, case::PeerSight, case::errno, world::PathStep};
use host::{
    answer::{FileKind, Stat},
    query::Identity,
};
use logscan::Trouble;

const SEARCH: u32 = 1;
const WRITE: u32 = 2;

/// What the modes on the way to a socket say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way<'a> {
    /// Every step lets the worker through: another power refuses (SELinux, AppArmor).
    Open,
    /// The first step that refuses. `sure` is false where an access control list may say otherwise.
    Shut {
        /// The directory or the socket.
        step: &'a PathStep,
        /// What stands there.
        stat: &'a Stat,
        /// No access control list can overrule the mode.
        sure: bool,
    },
    /// A step could not be seen.
    Unknown,
}

/// The unix peer that nginx's worker may not connect to: errno 13 now, or in the log where we could not try.
pub fn forbidden(case: &Case) -> Option<&PeerSight> {
    case.peers
        .iter()
        .filter(|peer| peer.in_use && peer.endpoint.unix().is_some())
        .find(|peer| match peer.connect {
            Ok(_) => peer.errno() == Some(errno::EACCES),
            Err(_) => was_forbidden(case, peer),
        })
}

fn was_forbidden(case: &Case, peer: &PeerSight) -> bool {
    case.having(|trouble| *trouble == Trouble::Connect(errno::EACCES))
        .any(|symptom| {
            symptom
                .peer
                .as_ref()
                .is_none_or(|endpoint| *endpoint == peer.endpoint)
        })
}

/// What the modes on the way to this peer say of the worker's account.
pub fn way<'a>(case: &Case, peer: &'a PeerSight) -> Way<'a> {
    let Some(account) = case.nginx().and_then(|nginx| nginx.account.as_ref()) else {
        return Way::Unknown;
    };
    if peer.path.is_empty() {
        return Way::Unknown;
    }
    for step in &peer.path {
        let Ok(Some(stat)) = &step.stat else {
            return Way::Unknown;
        };
        if !grants(stat, &account.identity) {
            let sure = !stat.has_acl || stat.uid == account.identity.uid;
            return Way::Shut { step, stat, sure };
        }
    }
    Way::Open
}

/// No other step on the way refuses than the first that does.
pub fn is_last_hurdle(case: &Case, peer: &PeerSight) -> bool {
    let Some(account) = case.nginx().and_then(|nginx| nginx.account.as_ref()) else {
        return false;
    };
    let stats = peer
        .path
        .iter()
        .filter_map(|step| step.stat.as_ref().ok()?.as_ref());
    stats.filter(|stat| !grants(stat, &account.identity)).count() <= 1
}

/// One class of bits counts, the first that fits: the owner's, else the group's, else the others'. Root is above them.
fn grants(stat: &Stat, who: &Identity) -> bool {
    let need = if stat.kind == FileKind::Dir { SEARCH } else { WRITE };
    let shift = if stat.uid == who.uid {
        6
    } else if stat.gid == who.gid || who.groups.contains(&stat.gid) {
        3
    } else {
        0
    };
    who.uid == 0 || stat.mode >> shift & need != 0
}

/// `drwx------ root root`, as `namei -l` and `ls -l` show it.
pub fn mode_line(case: &Case, stat: &Stat) -> String {
    let letter = match stat.kind {
        FileKind::Dir => 'd',
        FileKind::Socket => 's',
        _ => '-',
    };
    let bit = |at: u32, name: char| if stat.mode >> at & 1 == 1 { name } else { '-' };
    let bits: String = (0..9)
        .rev()
        .zip("rwxrwxrwx".chars())
        .map(|(at, name)| bit(at, name))
        .collect();
    let (owner, group) = match &case.world.accounts {
        Ok(accounts) => (accounts.user_name(stat.uid), accounts.group_name(stat.gid)),
        Err(_) => (stat.uid.to_string(), stat.gid.to_string()),
    };
    format!("{letter}{bits} {owner} {group}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn check(kind: FileKind, mode: u32, uid: u32, gid: u32, expect: bool) {
        let stat = crate::testing::stat(kind, mode, uid, gid);
        let worker = Identity {
            uid: 33,
            gid: 33,
            groups: vec![33, 1001],
        };
        assert_eq!(grants(&stat, &worker), expect, "{mode:o} {uid}:{gid}");
    }

    #[test]
    fn the_first_class_that_fits_decides() {
        check(FileKind::Socket, 0o660, 33, 33, true);
        check(FileKind::Socket, 0o600, 0, 0, false);
        check(FileKind::Socket, 0o660, 0, 1001, true);
        check(FileKind::Socket, 0o755, 0, 0, false);
        check(FileKind::Socket, 0o666, 0, 0, true);
        check(FileKind::Socket, 0o066, 33, 33, false);
        check(FileKind::Dir, 0o700, 0, 0, false);
        check(FileKind::Dir, 0o711, 0, 0, true);
        check(FileKind::Dir, 0o750, 1000, 1001, true);
        check(FileKind::Dir, 0o750, 1000, 1000, false);
    }
}
