//! What is mounted where: proc_pid_mountinfo(5).

use std::{
    ffi::OsString,
    os::unix::ffi::OsStringExt,
    path::{Path, PathBuf},
};

/// One mount.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mount {
    /// Where it is mounted, as the process sees it.
    pub point: PathBuf,
    /// What of the file system is mounted there: `/`, or a directory of it (a bind mount).
    pub root: PathBuf,
    /// `ext4`, `tmpfs`, `nfs4`, `fuse.sshfs`.
    pub kind: String,
    /// `/dev/sda1`, `tmpfs`, `nas:/export`.
    pub source: String,
    /// Options of this mount and of its file system: `rw`, `noexec`, `errors=remount-ro`. A file system that its kernel
    /// driver made read-only after an error still has `rw` among those of the mount.
    pub options: Vec<String>,
}

impl Mount {
    /// Nothing can be written through it: the mount or the file system is read-only.
    pub fn is_read_only(&self) -> bool {
        self.has("ro")
    }

    /// This option is set.
    pub fn has(&self, option: &str) -> bool {
        self.options.iter().any(|it| it == option)
    }

    /// A look at it waits for another machine: a dead server hangs whoever looks.
    pub fn is_remote(&self) -> bool {
        const REMOTE: &[&str] = &[
            "nfs",
            "cifs",
            "smb",
            "ceph",
            "9p",
            "afs",
            "glusterfs",
            "fuse.sshfs",
            "fuse.glusterfs",
        ];
        REMOTE.iter().any(|kind| self.kind.starts_with(kind))
    }
}

/// The mount that a path (absolute, without links) lies on: the longest mount point above it, of equals the last.
pub fn mount_of<'a>(mounts: &'a [Mount], path: &Path) -> Option<&'a Mount> {
    let above = mounts.iter().filter(|mount| path.starts_with(&mount.point));
    above.max_by_key(|mount| mount.point.components().count())
}

/// Lines that are none are passed over.
pub(super) fn parse(mountinfo: &[u8]) -> Vec<Mount> {
    mountinfo.split(|byte| *byte == b'\n').filter_map(mount).collect()
}

/// `36 35 98:0 /mnt1 /mnt2 rw,noatime master:1 - ext3 /dev/root rw,errors=continue`
fn mount(line: &[u8]) -> Option<Mount> {
    let fields: Vec<&[u8]> = line.split(|byte| *byte == b' ').collect();
    let dash = fields.iter().skip(6).position(|field| *field == b"-")? + 6;
    let text = |field: &[u8]| String::from_utf8_lossy(&unescape(field)).into_owned();
    let options = [*fields.get(5)?, *fields.get(dash + 3)?].map(text);
    Some(Mount {
        root: OsString::from_vec(unescape(fields[3])).into(),
        point: OsString::from_vec(unescape(fields[4])).into(),
        kind: text(fields.get(dash + 1)?),
        source: text(fields.get(dash + 2)?),
        options: options
            .iter()
            .flat_map(|it| it.split(','))
            .map(str::to_owned)
            .collect(),
    })
}

/// The kernel writes space, tab, newline and backslash as three octal digits: `\040`.
fn unescape(field: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(field.len());
    let mut rest = field;
    while let Some((first, after)) = rest.split_first() {
        let octal = (*first == b'\\')
            .then(|| after.get(..3))
            .flatten()
            .and_then(octal);
        bytes.push(octal.unwrap_or(*first));
        rest = if octal.is_some() { &after[3..] } else { after };
    }
    bytes
}

fn octal(digits: &[u8]) -> Option<u8> {
    u8::from_str_radix(std::str::from_utf8(digits).ok()?, 8).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &[u8] = br"22 28 0:21 / /proc rw,nosuid,nodev,noexec,relatime shared:12 - proc proc rw
28 1 259:2 / / rw,relatime shared:1 - ext4 /dev/nvme0n1p2 ro,errors=remount-ro
31 28 0:26 / /run rw,nosuid,nodev shared:5 master:3 - tmpfs tmpfs rw,size=3262856k,mode=755
40 28 0:50 /export /srv/my\040files ro,noatime - nfs4 nas:/export rw,vers=4.2
41 28 0:51 / /srv/my\040files/new rw - fuse.sshfs me@far:/x rw
42 28 0:52 / /run rw - tmpfs over rw
28 1 259:2 / /short rw
\xff
";

    #[test]
    fn the_mount_of_a_path_and_what_it_allows() {
        let mounts = parse(TABLE);
        assert_eq!(mounts.len(), 6);
        for (path, source, read_only, remote) in [
            ("/var/log/nginx", "/dev/nvme0n1p2", true, false),
            ("/runner", "/dev/nvme0n1p2", true, false),
            ("/run/php/x.sock", "over", false, false),
            ("/srv/my files/a", "nas:/export", true, true),
            ("/srv/my files/new", "me@far:/x", false, true),
        ] {
            let mount = mount_of(&mounts, Path::new(path)).expect("a mount");
            let got = (mount.source.as_str(), mount.is_read_only(), mount.is_remote());
            assert_eq!(got, (source, read_only, remote), "{path}");
        }
        assert!(mounts[1].has("errors=remount-ro"));
        assert_eq!(mounts[3].root, Path::new("/export"));
        assert_eq!(mount_of(&mounts, Path::new("relative")), None);
    }

    #[test]
    fn escapes_that_are_none_stay() {
        for (written, meant) in [
            ("a\\040b", "a b"),
            ("a\\134", "a\\"),
            ("a\\04", "a\\04"),
            ("a\\999", "a\\999"),
            ("\\", "\\"),
        ] {
            assert_eq!(unescape(written.as_bytes()), meant.as_bytes(), "{written}");
        }
    }
}
