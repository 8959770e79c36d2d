//! Running a program of a closed list: found by absolute path, in plain English, without input, in a process group of its
//! own that ends at the deadline, with bounded output.

use super::{complaint, wait};
use crate::StepFailed;
use diagnose::evidence::quote;
use host::live::Inert;
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group},
};
use std::{
    fs::File,
    io::{self, Read},
    os::{fd::OwnedFd, unix::process::CommandExt},
    path::Path,
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// All that is ever run, beside the config tests of servers by the path of their binary.
const TOOLS: &[&str] = &[
    "apache2ctl",
    "apachectl",
    "apt-get",
    "conntrack",
    "cscli",
    "dnf",
    "fail2ban-client",
    "firewall-cmd",
    "gdb",
    "getsebool",
    "httpd",
    "ip",
    "ip6tables",
    "ip6tables-legacy",
    "ip6tables-nft",
    "iptables",
    "iptables-legacy",
    "ifdown",
    "ifup",
    "iptables-nft",
    "journalctl",
    "loginctl",
    "networkctl",
    "nft",
    "nmcli",
    "nscd",
    "py-spy",
    "resolvconf",
    "resolvectl",
    "semanage",
    "setsebool",
    "systemctl",
    "systemd-analyze",
    "ufw",
    "unbound-control",
    "yum",
];
/// What is kept of each stream, bytes; the rest is read and forgotten, so that a talkative tool is not held up.
const KEPT: usize = 1 << 20;
/// What a pipe holds: one read after the end has all of it.
const PIPE: usize = 64 << 10;
/// How often a program without output is asked whether it has ended.
const TICK: Duration = Duration::from_millis(10);

/// What a program said.
pub(super) struct Said {
    /// Exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    pub(super) fn is_good(&self) -> bool {
        self.status == Some(0)
    }

    /// Both streams, complaints first.
    pub(super) fn lines(&self) -> impl Iterator<Item = &str> + Clone {
        self.err.lines().chain(self.out.lines())
    }

    /// Why it failed, in one line.
    pub(super) fn reason(&self) -> &str {
        complaint::first(self.lines()).unwrap_or("it failed and said nothing")
    }
}

/// Where a tool is; `None` where it is not installed, or none of ours.
pub(super) fn find(tool: &str) -> Option<std::path::PathBuf> {
    TOOLS
        .contains(&tool)
        .then(|| host::live::find_program(tool))
        .flatten()
}

/// Runs a tool and hears what it says, its refusals too.
pub(super) fn tool(tool: &str, args: &[&str], limit: Duration) -> Result<Said, StepFailed> {
    let missing = || failed(format!("{tool} is not installed"));
    at(&find(tool).ok_or_else(missing)?, args, limit)
}

/// Runs a tool that must succeed.
pub(super) fn succeed(name: &str, args: &[&str], limit: Duration) -> Result<Said, StepFailed> {
    let said = tool(name, args, limit)?;
    if said.is_good() {
        return Ok(said);
    }
    Err(failed(format!("{}: {}", command(name, args), said.reason())))
}

/// Runs the program at this path.
pub(super) fn at(program: &Path, args: &[&str], limit: Duration) -> Result<Said, StepFailed> {
    heard(program, args, limit, hear(program, args, limit))
}

/// The same for a test that should change nothing: kept from it where this kernel can do that and the test passes or
/// fails all the same.
pub(super) fn test(program: &Path, args: &[&str], limit: Duration) -> Result<Said, StepFailed> {
    match hear_inert(program, args, limit) {
        Ok((said, None)) => heard(program, args, limit, Ok(said)),
        // what comes behind it, a reload, would do the same
        Ok((_, Some(_))) | Err(_) => at(program, args, limit),
    }
}

fn heard(
    program: &Path,
    args: &[&str],
    limit: Duration,
    heard: io::Result<Option<Said>>,
) -> Result<Said, StepFailed> {
    let what = || command(&program.to_string_lossy(), args);
    match heard {
        Ok(Some(said)) => Ok(said),
        Ok(None) if wait::is_over() => Err(failed(format!("{}: not waited for", what()))),
        Ok(None) => Err(failed(format!("{}: no end after {limit:?}", what()))),
        Err(error) => Err(failed(format!("{}: {error}", what()))),
    }
}

/// The command as a person would type it.
fn command(program: &str, args: &[&str]) -> String {
    let words: Vec<String> = [program].iter().chain(args).map(|word| quote(word)).collect();
    words.join(" ")
}

pub(super) fn failed(why: impl Into<String>) -> StepFailed {
    StepFailed::Failed { why: why.into() }
}

/// `None` when time is up.
fn hear(program: &Path, args: &[&str], limit: Duration) -> io::Result<Option<Said>> {
    listen(ready(program, args).spawn()?, limit)
}

/// And why its failure may be due to what it was kept from.
fn hear_inert(program: &Path, args: &[&str], limit: Duration) -> io::Result<(Option<Said>, Option<String>)> {
    let mut command = ready(program, args);
    let inert = Inert::arm(&mut command)?;
    let child = command.spawn()?;
    let watch = inert.watch()?;
    let said = listen(child, limit)?;
    let failed = said.as_ref().is_some_and(|said| !said.is_good());
    Ok((said, watch.doubt().filter(|_| failed)))
}

fn listen(mut child: Child, limit: Duration) -> io::Result<Option<Said>> {
    let until = Instant::now() + limit;
    let mut streams = [
        Stream::new(child.stdout.take().map(OwnedFd::from)),
        Stream::new(child.stderr.take().map(OwnedFd::from)),
    ];
    loop {
        let ended = child.try_wait()?;
        // a grandchild may keep the pipes open: the end of the program is the end of the story
        read_ready(&mut streams, if ended.is_some() { Duration::ZERO } else { TICK })?;
        if let Some(status) = ended {
            let [out, err] = streams.map(|stream| String::from_utf8_lossy(&stream.kept).into_owned());
            return Ok(Some(Said {
                status: status.code(),
                out,
                err,
            }));
        }
        if Instant::now() >= until || wait::is_over() {
            end(&child);
            return Ok(None);
        }
    }
}

fn ready(program: &Path, args: &[&str]) -> Command {
    let mut command = Command::new(program);
    command
        .args(args)
        .env_clear()
        .env("PATH", host::live::PROGRAM_DIRS.join(":"))
        .env("LC_ALL", "C")
        .current_dir("/")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .process_group(0);
    command
}

/// Without waiting: in state D even a killed process stays.
fn end(child: &Child) {
    if let Some(group) = Pid::from_raw(child.id().cast_signed()) {
        // it may have gone by itself
        let _ = kill_process_group(group, Signal::KILL);
    }
}

struct Stream {
    from: Option<File>,
    kept: Vec<u8>,
}

impl Stream {
    fn new(from: Option<OwnedFd>) -> Self {
        Self {
            from: from.map(File::from),
            kept: Vec::new(),
        }
    }

    fn take(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        if let Some(from) = &mut self.from {
            match from.read(buffer)? {
                0 => self.from = None,
                read => {
                    let room = KEPT.saturating_sub(self.kept.len()).min(read);
                    self.kept.extend_from_slice(&buffer[..room]);
                }
            }
        }
        Ok(())
    }
}

/// Reads once what can be read, waiting for it at most this long.
fn read_ready(streams: &mut [Stream; 2], wait: Duration) -> io::Result<()> {
    let limit = Timespec::try_from(wait).map_err(io::Error::other)?;
    let open = |stream: &&mut Stream| stream.from.is_some();
    let mut open: Vec<&mut Stream> = streams.iter_mut().filter(open).collect();
    let files = open.iter().filter_map(|stream| stream.from.as_ref());
    let mut fds: Vec<PollFd<'_>> = files.map(|file| PollFd::new(file, PollFlags::IN)).collect();
    poll(&mut fds, Some(&limit))?;
    let ready: Vec<bool> = fds.iter().map(|fd| !fd.revents().is_empty()).collect();
    let mut buffer = vec![0; PIPE];
    for (stream, _) in open.iter_mut().zip(ready).filter(|(_, ready)| *ready) {
        stream.take(&mut buffer)?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sh(script: &str, limit: Duration) -> Result<Said, StepFailed> {
        at(Path::new("/bin/sh"), &["-c", script], limit)
    }

    const LONG: Duration = Duration::from_secs(20);

    #[test]
    fn both_streams_status_and_a_bare_environment() {
        let said = sh("echo out; echo err >&2; env; exit 3", LONG).expect("runs");
        assert_eq!((said.status, said.err.as_str()), (Some(3), "err\n"));
        assert!(said.out.starts_with("out\n") && said.out.contains("LC_ALL=C\n"));
        assert!(!said.out.contains("HOME="), "{}", said.out);
        assert_eq!(said.reason(), "err");
        assert_eq!(sh("kill -9 $$", LONG).expect("runs").status, None);
    }

    #[test]
    fn a_flood_is_cut_and_not_held_up() {
        let said = sh(
            "head -c 9000000 /dev/zero; head -c 3000000 /dev/zero >&2; exit 7",
            LONG,
        )
        .expect("runs");
        assert_eq!(
            (said.status, said.out.len(), said.err.len()),
            (Some(7), KEPT, KEPT)
        );
    }

    #[test]
    fn a_child_left_behind_does_not_hold_us() {
        let began = Instant::now();
        let said = sh("sleep 5 & echo done", LONG).expect("runs");
        assert_eq!(said.out, "done\n");
        assert!(began.elapsed() < Duration::from_secs(4));
    }

    #[test]
    fn at_the_deadline_the_whole_group_ends() {
        let dir = tempfile::tempdir().expect("temp dir");
        let mark = dir.path().join("mark");
        let script = format!("(sleep 1; touch {}) & wait", mark.display());
        let late = sh(&script, Duration::from_millis(200)).err().expect("is late");
        assert!(late.to_string().contains("no end after 200ms"), "{late}");
        std::thread::sleep(Duration::from_millis(1200));
        assert!(!mark.exists(), "the group went on");
    }

    #[test]
    fn only_tools_of_the_list() {
        assert!(find("sh").is_none());
        let refused = tool("sh", &["-c", "true"], LONG).err().expect("refused");
        assert_eq!(refused.to_string(), "sh is not installed");
    }
}
