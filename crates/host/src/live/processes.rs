use super::refusal::refused;
use crate::{Look, answer::RawProcess};
use std::{
    fs::{self, File},
    io::{self, Read},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::Duration,
};

/// Most bytes of one file of /proc.
const MAX_BYTES: u64 = 64 << 10;
/// How long one process may take. `cmdline` waits for the process's memory lock, which one in state D may hold.
/// Long enough that a busy machine is not mistaken for it.
const PATIENCE: Duration = Duration::from_millis(300);
/// So many processes may be stuck before we look at the rest only from outside.
const MAX_STUCK: usize = 3;

/// Every process; what can't be read stays empty.
pub(super) fn all() -> Look<Vec<RawProcess>> {
    let pids = pids().map_err(|error| refused("/proc", error))?;
    let (mut found, mut rest, mut stuck) = (Vec::new(), pids.as_slice(), 0);
    while !rest.is_empty() && stuck < MAX_STUCK {
        let done = read_some(rest, &mut found);
        rest = rest.get(done..).unwrap_or_default();
        if let [pid, others @ ..] = rest {
            found.extend(outside(*pid));
            (rest, stuck) = (others, stuck + 1);
        }
    }
    found.extend(rest.iter().filter_map(|pid| outside(*pid)));
    Ok(found)
}

/// Reads processes in a thread until it gets stuck, which is then left behind; says how many are done.
fn read_some(pids: &[u32], found: &mut Vec<RawProcess>) -> usize {
    let (answer, answers) = mpsc::channel();
    let ours = pids.to_vec();
    // without a thread the channel is closed at once, which reads like one that is stuck
    let _ = thread::Builder::new().spawn(move || ours.into_iter().all(|pid| answer.send(whole(pid)).is_ok()));
    for done in 0..pids.len() {
        match answers.recv_timeout(PATIENCE) {
            Ok(process) => found.extend(process),
            Err(_) => return done,
        }
    }
    pids.len()
}

/// Process ids, as /proc lists them.
pub(super) fn pids() -> io::Result<Vec<u32>> {
    let names = fs::read_dir("/proc")?.flatten().map(|entry| entry.file_name());
    Ok(names.filter_map(|name| name.to_str()?.parse().ok()).collect())
}

/// What never blocks.
fn outside(pid: u32) -> Option<RawProcess> {
    let dir = PathBuf::from(format!("/proc/{pid}"));
    Some(RawProcess {
        pid,
        stat: Some(text(&dir, "stat")).filter(|stat| !stat.is_empty())?,
        status: text(&dir, "status"),
        cgroup: text(&dir, "cgroup"),
        wchan: text(&dir, "wchan"),
        ..RawProcess::default()
    })
}

fn whole(pid: u32) -> Option<RawProcess> {
    let dir = PathBuf::from(format!("/proc/{pid}"));
    Some(RawProcess {
        cmdline: text(&dir, "cmdline"),
        exe: fs::read_link(dir.join("exe")).ok(),
        cwd: fs::read_link(dir.join("cwd")).ok(),
        limits: text(&dir, "limits"),
        syscall: text(&dir, "syscall"),
        netns: namespace(&dir, "ns/net"),
        mntns: namespace(&dir, "ns/mnt"),
        open_files: open_files(&dir.join("fd")),
        ..outside(pid)?
    })
}

fn text(dir: &Path, name: &str) -> String {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(dir.join(name)) {
        // a process that ends while we read leaves what was read
        let _ = file.take(MAX_BYTES).read_to_end(&mut bytes);
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// `net:[4026531840]` -> 4026531840.
fn namespace(dir: &Path, name: &str) -> Option<u64> {
    let target = fs::read_link(dir.join(name)).ok()?;
    target
        .to_str()?
        .split_once('[')?
        .1
        .strip_suffix(']')?
        .parse()
        .ok()
}

/// Since Linux 6.2 the size of the directory is the count.
fn open_files(dir: &Path) -> Option<u32> {
    let size = fs::metadata(dir).ok()?.len();
    match u32::try_from(size) {
        Ok(count) if count > 0 => fs::read_dir(dir).is_ok().then_some(count),
        _ => u32::try_from(fs::read_dir(dir).ok()?.count()).ok(),
    }
}
