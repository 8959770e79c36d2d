//! Running a program: found by absolute path, in plain English and UTC, without input, with bounded output.
//!
//! It runs in the looker's process group: at the deadline the program kills the group, and should the program itself
//! be gone, the looker does. So nothing stays behind.

use super::{
    inert::Inert,
    refusal::{forbidden, refused},
};
use crate::{
    Look, Unseen,
    answer::{Bytes, Output},
};
use rustix::{
    event::{PollFd, PollFlags, poll},
    fs::{Access, access},
    io::Errno,
    process::{Signal, kill_current_process_group},
};
use std::{
    fs::File,
    io::{self, Read},
    os::{fd::OwnedFd, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicBool, Ordering},
};

/// Where programs are looked for, and the PATH they get.
pub const DIRS: &[&str] = &[
    "/usr/sbin",
    "/usr/bin",
    "/sbin",
    "/bin",
    "/usr/local/sbin",
    "/usr/local/bin",
];
const MAX_STDOUT: u64 = 32 << 20;
const MAX_STDERR: u64 = 8 << 20;

/// Set in a looker: when standard input ends, nobody waits for the answer any more.
static IS_LOOKER: AtomicBool = AtomicBool::new(false);

/// From now on a program that runs ends with our standard input.
pub(super) fn end_with_stdin() {
    IS_LOOKER.store(true, Ordering::Relaxed);
}

/// Where this program is; `None` where it is not installed.
pub fn find(program: &str) -> Option<PathBuf> {
    DIRS.iter()
        .map(|dir| Path::new(dir).join(program))
        .find(|path| access(path, Access::EXEC_OK).is_ok())
}

/// Finds and runs the first of these programs that is installed.
pub(super) fn first_of(what: &str, programs: &[&str], args: &[&str]) -> Look<Output> {
    let Some(path) = programs.iter().find_map(|program| find(program)) else {
        return Err(no_tool(what, programs.first().copied().unwrap_or_default()));
    };
    at(what, &path, args)
}

/// Such a tool is not here.
pub(super) fn no_tool(what: &str, tool: &str) -> Unseen {
    Unseen::NoTool {
        what: what.into(),
        tool: tool.into(),
    }
}

/// Runs this program.
pub(super) fn at(what: &str, program: &Path, args: &[&str]) -> Look<Output> {
    let child = command(program, args).spawn();
    wait(what, child.map_err(|error| no_start(what, program, error))?)
}

/// Runs a program that may not change anything: where it failed only for that, it has said nothing.
pub(super) fn inert(what: &str, program: &Path, args: &[&str]) -> Look<Output> {
    // that it is there, and ours to run, is asked first: else what fails is that it can't be kept from changing things
    access(program, Access::EXEC_OK).map_err(|error| no_start(what, program, error.into()))?;
    let cannot = |error: io::Error| Unseen::Unusable {
        what: what.into(),
        why: format!("not run, for it can't be kept from changing the host here: {error}"),
    };
    let mut command = command(program, args);
    let inert = Inert::arm(&mut command).map_err(cannot)?;
    let child = command.spawn().map_err(cannot)?;
    let watch = inert.watch().map_err(cannot)?;
    let output = wait(what, child)?;
    match watch.doubt().filter(|_| output.status != Some(0)) {
        Some(why) => Err(Unseen::Unusable {
            what: what.into(),
            why,
        }),
        None => Ok(output),
    }
}

fn command(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .env("PATH", DIRS.join(":"))
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

fn no_start(what: &str, program: &Path, error: io::Error) -> Unseen {
    match Errno::from_io_error(&error) {
        Some(Errno::NOENT) => no_tool(what, &program.display().to_string()),
        Some(Errno::ACCESS | Errno::PERM) => forbidden(what),
        _ => refused(what, error),
    }
}

fn wait(what: &str, mut child: Child) -> Look<Output> {
    let out = Stream::new(child.stdout.take().map(OwnedFd::from), MAX_STDOUT);
    let err = Stream::new(child.stderr.take().map(OwnedFd::from), MAX_STDERR);
    let heard = hear([out, err]).map_err(|error| refused(what, error))?;
    let Some([stdout, stderr]) = heard else {
        // the looker is given up after this answer, and its group with it
        return Err(Unseen::TooBig {
            what: what.into(),
            bytes: MAX_STDOUT,
        });
    };
    let status = child.wait().map_err(|error| refused(what, error))?;
    Ok(Output {
        // a shell would say 128 + signal; `None` keeps it apart from a status
        status: if status.signal().is_some() {
            None
        } else {
            status.code()
        },
        stdout: Bytes(stdout),
        stderr: Bytes(stderr),
    })
}

struct Stream {
    from: Option<File>,
    heard: Vec<u8>,
    limit: u64,
}

impl Stream {
    fn new(from: Option<OwnedFd>, limit: u64) -> Self {
        Self {
            from: from.map(File::from),
            heard: Vec::new(),
            limit,
        }
    }

    /// Reads what is there; `false` when it is too much.
    fn take(&mut self, buffer: &mut [u8]) -> io::Result<bool> {
        if let Some(from) = &mut self.from {
            match from.read(buffer)? {
                0 => self.from = None,
                read => self.heard.extend_from_slice(&buffer[..read]),
            }
        }
        Ok(self.heard.len() as u64 <= self.limit)
    }
}

/// Reads both streams to their ends, as they come: one that fills up while we wait for the other would block the
/// program. `None` if either is too big.
fn hear(mut streams: [Stream; 2]) -> io::Result<Option<[Vec<u8>; 2]>> {
    let mut buffer = vec![0; 64 << 10];
    while let Some(ready) = ready(&streams)? {
        for (stream, ready) in streams.iter_mut().zip(ready) {
            if ready && !stream.take(&mut buffer)? {
                return Ok(None);
            }
        }
    }
    Ok(Some(streams.map(|stream| stream.heard)))
}

/// Which streams can be read without waiting; `None` when both have ended.
fn ready(streams: &[Stream; 2]) -> io::Result<Option<[bool; 2]>> {
    let open = |stream: &Stream| stream.from.is_some();
    let files = streams.iter().filter_map(|stream| stream.from.as_ref());
    let mut fds: Vec<PollFd<'_>> = files.map(|file| PollFd::new(file, PollFlags::IN)).collect();
    if fds.is_empty() {
        return Ok(None);
    }
    let stdin = io::stdin();
    if IS_LOOKER.load(Ordering::Relaxed) {
        // for no event, which leaves the hang-up
        fds.push(PollFd::new(&stdin, PollFlags::empty()));
    }
    poll(&mut fds, None)?;
    if fds
        .last()
        .is_some_and(|last| IS_LOOKER.load(Ordering::Relaxed) && last.revents().contains(PollFlags::HUP))
    {
        kill_current_process_group(Signal::KILL)?;
    }
    let mut seen = fds.iter().map(|fd| !fd.revents().is_empty());
    Ok(Some([0, 1].map(|index| {
        open(&streams[index]) && seen.next().unwrap_or_default()
    })))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str) -> Look<Output> {
        first_of("a test", &["sh"], &["-c", script])
    }

    #[test]
    fn both_streams_and_the_status() {
        let output = sh("echo out; echo err >&2; exit 3").expect("runs");
        assert_eq!(output.stdout.0, b"out\n");
        assert_eq!(output.stderr.0, b"err\n");
        assert_eq!(output.status, Some(3));
        assert_eq!(sh("kill -9 $$").expect("runs").status, None);
    }

    #[test]
    fn a_flood_on_either_stream_ends() {
        for stream in ["", ">&2"] {
            let flood = sh(&format!("exec head -c 60000000 /dev/zero {stream}"));
            assert!(matches!(flood, Err(Unseen::TooBig { .. })));
        }
        let much = sh("head -c 3000000 /dev/zero >&2; head -c 3000000 /dev/zero").expect("within bounds");
        assert_eq!((much.stdout.0.len(), much.stderr.0.len()), (3_000_000, 3_000_000));
    }

    #[test]
    fn a_missing_program_is_named() {
        let unseen = first_of("the weather", &["no-such-tool"], &[]).expect_err("is missing");
        assert_eq!(unseen.to_string(), "the weather: no-such-tool is not installed");
        let gone = at("the weather", Path::new("/no/such"), &[]);
        assert!(matches!(gone, Err(Unseen::NoTool { .. })));
    }
}
