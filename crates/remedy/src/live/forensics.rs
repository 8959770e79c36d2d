//! What processes were doing right before they are ended: a restart that heals also wipes the traces.
//!
//! Best effort, in a directory that only root reads. Nothing here fails a fix, and nothing here can hold it up: each look
//! has its time and its size, and one that hangs (a process in state D holds locks that some files of /proc wait for) is
//! left behind with its thread. The environment of a process is never read: that is where passwords are.

use super::{process, run};
use crate::ProcessId;
use host::looks::ProcessState;
use std::{
    collections::BTreeSet,
    ffi::OsStr,
    fs::{self, DirBuilder, File, OpenOptions},
    io::{Read, Seek, SeekFrom, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::mpsc,
    thread,
    time::{Duration, Instant},
};

/// For one look.
const PATIENCE: Duration = Duration::from_secs(2);
/// A debugger reads all libraries of the process first.
const DEBUGGER: Duration = Duration::from_secs(4);
/// For all of them.
const ALL: Duration = Duration::from_secs(10);
/// Of one look, bytes.
const MAX: usize = 1 << 20;
/// The tail of a log, bytes.
const TAIL: u64 = 64 << 10;
/// Processes, threads of each, logs of each: the first tell as much as the rest.
const MAX_PROCESSES: usize = 8;
const MAX_THREADS: usize = 64;
const MAX_LOGS: usize = 8;
/// What never waits for the process itself comes first.
const FILES: &[&str] = &[
    "status", "stat", "wchan", "stack", "syscall", "limits", "cgroup", "io",
];

/// Keeps what can be seen of these processes, and the last lines of their unit, below this directory.
pub(super) fn keep(dir: &Path, processes: &[ProcessId], unit: Option<&str>) {
    let until = Instant::now() + ALL;
    let alive = processes.iter().filter(|process| process::is_alive(**process));
    let alive: Vec<u32> = alive.take(MAX_PROCESSES).map(|process| process.pid).collect();
    let place = |pid: u32| dir.join(format!("process-{pid}"));
    for pid in &alive {
        looks(*pid, &place(*pid), until);
    }
    if let Some(unit) = unit {
        let unit = format!("--unit={unit}");
        let args = [
            "--quiet",
            "--no-pager",
            "--lines=500",
            "--output=short-iso-precise",
            &unit,
        ];
        save_tool(dir, "journal", "journalctl", &args, left(until, PATIENCE));
    }
    // last, for a debugger stops the process and takes its time
    for pid in &alive {
        user_stack(*pid, &place(*pid), until);
    }
}

fn left(until: Instant, patience: Duration) -> Duration {
    until.saturating_duration_since(Instant::now()).min(patience)
}

/// Looks in a thread, which is left behind when one of them hangs.
fn looks(pid: u32, place: &Path, until: Instant) {
    let (send, seen) = mpsc::channel::<(String, Vec<u8>)>();
    // without a thread the channel is closed at once, which reads like the end
    let _ = thread::Builder::new()
        .spawn(move || look(pid, &mut |name, bytes| send.send((name.into(), bytes)).is_ok()));
    while let Ok((name, bytes)) = seen.recv_timeout(left(until, PATIENCE)) {
        save(place, &name, &bytes);
    }
}

/// Tells one thing after the other, as long as somebody listens.
fn look(pid: u32, tell: &mut impl FnMut(&str, Vec<u8>) -> bool) -> bool {
    let proc = PathBuf::from(format!("/proc/{pid}"));
    let files = open_files(&proc);
    let listing: String = files
        .iter()
        .map(|(fd, target)| format!("{fd} {}\n", target.display()))
        .collect();
    FILES.iter().all(|name| tell(name, head(&proc.join(name))))
        && tell("threads", threads(&proc))
        && tell("files", listing.into_bytes())
        && tell("sockets", sockets(&proc, &files))
        && logs(pid, &proc).iter().all(|(name, log)| tell(name, tail(log)))
        && tell("cmdline", head(&proc.join("cmdline")))
}

fn head(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(file) = File::open(path) {
        // what was read before an error is kept
        let _ = file.take(MAX as u64).read_to_end(&mut bytes);
    }
    bytes
}

fn tail(path: &Path) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Ok(mut file) = File::open(path) {
        let size = file.metadata().map_or(0, |it| it.len());
        let _ = file.seek(SeekFrom::Start(size.saturating_sub(TAIL)));
        let _ = file.take(TAIL).read_to_end(&mut bytes);
    }
    bytes
}

/// State and kernel stack of each thread.
fn threads(proc: &Path) -> Vec<u8> {
    let mut text = Vec::new();
    for task in entries(&proc.join("task")).into_iter().take(MAX_THREADS) {
        for name in ["stat", "wchan", "syscall", "stack"] {
            text.extend(
                format!(
                    "{} {name}: ",
                    task.file_name().unwrap_or_default().to_string_lossy()
                )
                .bytes(),
            );
            text.extend(head(&task.join(name)));
            text.push(b'\n');
        }
    }
    text
}

fn entries(dir: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(dir)
        .into_iter()
        .flatten()
        .flatten()
        .map(|it| it.path())
        .collect();
    paths.sort();
    paths
}

fn open_files(proc: &Path) -> Vec<(String, PathBuf)> {
    let fds = entries(&proc.join("fd"));
    let linked = fds
        .iter()
        .filter_map(|fd| Some((name(fd), fs::read_link(fd).ok()?)));
    linked.collect()
}

fn name(path: &Path) -> String {
    path.file_name()
        .unwrap_or_default()
        .to_string_lossy()
        .into_owned()
}

/// The kernel's lines about the sockets that the process holds.
fn sockets(proc: &Path, files: &[(String, PathBuf)]) -> Vec<u8> {
    let inode = |target: &PathBuf| {
        Some(
            target
                .to_str()?
                .strip_prefix("socket:[")?
                .strip_suffix(']')?
                .to_owned(),
        )
    };
    let inodes: BTreeSet<String> = files.iter().filter_map(|(_, target)| inode(target)).collect();
    let mut text = String::new();
    for table in ["tcp", "tcp6", "udp", "unix"] {
        let lines = String::from_utf8_lossy(&head(&proc.join("net").join(table))).into_owned();
        let ours = lines
            .lines()
            .filter(|line| line.split_whitespace().any(|word| inodes.contains(word)));
        text.extend(ours.map(|line| format!("{table} {line}\n")));
    }
    text.into_bytes()
}

/// Logs that it, or its master, writes; and of php-fpm the slow logs, which are closed after each entry.
fn logs(pid: u32, proc: &Path) -> Vec<(String, PathBuf)> {
    let process = process::look(pid);
    let master = process
        .as_ref()
        .filter(|it| it.ppid > 1)
        .map(|it| PathBuf::from(format!("/proc/{}", it.ppid)));
    let held = [Some(proc.to_owned()), master]
        .into_iter()
        .flatten()
        .flat_map(|proc| entries(&proc.join("fd")));
    let is_log = |fd: &PathBuf| fs::read_link(fd).is_ok_and(|it| it.extension() == Some(OsStr::new("log")));
    let mut logs: Vec<PathBuf> = held.filter(is_log).collect();
    if process.is_some_and(|it| it.comm.starts_with("php-fpm")) {
        let all = ["/var/log", "/var/log/php-fpm"]
            .into_iter()
            .flat_map(|dir| entries(Path::new(dir)));
        logs.extend(all.filter(|path| name(path).contains("slow") && path.is_file()));
    }
    let named = logs.into_iter().enumerate().take(MAX_LOGS);
    named.map(|(index, log)| (format!("log-{index}"), log)).collect()
}

/// Where the program itself is, by a debugger if there is one. One in state D can't be stopped for it.
fn user_stack(pid: u32, place: &Path, until: Instant) {
    let Some(process) = process::look(pid) else { return };
    if matches!(
        process.state,
        ProcessState::Uninterruptible | ProcessState::Zombie
    ) {
        return;
    }
    let pid = pid.to_string();
    let exe = fs::read_link(format!("/proc/{pid}/exe")).map_or(String::new(), |exe| name(&exe));
    if exe.starts_with("python") {
        save_tool(
            place,
            "python-stack",
            "py-spy",
            &["dump", "--pid", &pid],
            left(until, DEBUGGER),
        );
    }
    save_tool(place, "user-stack", "gdb", &gdb(&pid), left(until, DEBUGGER));
}

/// Without anybody's settings and scripts: the program and its libraries may be a stranger's.
fn gdb(pid: &str) -> [&str; 14] {
    [
        "-batch",
        "-nx",
        "-iex",
        "set auto-load no",
        "-iex",
        "set debuginfod enabled off",
        "-iex",
        "set pagination off",
        "-p",
        pid,
        "-ex",
        "thread apply all bt",
        "-ex",
        "detach",
    ]
}

fn save_tool(place: &Path, name: &str, tool: &str, args: &[&str], limit: Duration) {
    if let Ok(said) = run::tool(tool, args, limit) {
        save(place, name, said.out.as_bytes());
    }
}

/// Nothing for nothing.
fn save(place: &Path, name: &str, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(MAX)];
    if bytes.is_empty()
        || DirBuilder::new()
            .recursive(true)
            .mode(0o700)
            .create(place)
            .is_err()
    {
        return;
    }
    let file = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .mode(0o600)
        .open(place.join(name));
    // a full disk costs us the traces, not the fix
    let _ = file.and_then(|mut file| file.write_all(bytes));
}
