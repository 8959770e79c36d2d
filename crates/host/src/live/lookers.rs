//! The pool of child processes that look.

use super::{LOOKER_WORD, wire};
use crate::{Answer, Look, Query, Unseen};
use rustix::{
    event::{PollFd, PollFlags, Timespec, poll},
    process::{Pid, Signal, kill_process_group},
};
use std::{
    io::{self, Read, Write},
    os::unix::process::CommandExt,
    path::PathBuf,
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{Mutex, MutexGuard, PoisonError},
    time::{Duration, Instant},
};

/// Lookers kept for the next question.
const KEPT: usize = 4;

/// Largest question, bytes: what a pipe holds, so that asking never blocks.
const MAX_QUESTION: usize = 60 << 10;

/// Idle lookers, and dead ones that still have to be reaped.
pub(super) struct Lookers {
    program: PathBuf,
    idle: Mutex<Vec<Looker>>,
    killed: Mutex<Vec<Child>>,
}

impl Lookers {
    pub(super) fn new(program: PathBuf) -> Self {
        Self {
            program,
            idle: Mutex::default(),
            killed: Mutex::default(),
        }
    }

    /// Asks a free looker, or a new one, and takes the answer or the time limit, whichever comes first.
    pub(super) fn ask(&self, query: &Query) -> io::Result<Look<Answer>> {
        let until = Instant::now() + query.deadline();
        let mut looker = self.take(query)?;
        match looker.ask(query, until) {
            Ok(Some(answer)) => {
                self.put_back(looker, query, &answer);
                Ok(answer)
            }
            Ok(None) => {
                self.kill(looker);
                Ok(Err(Unseen::TimedOut {
                    what: query.subject(),
                    after: query.deadline(),
                }))
            }
            Err(error) => {
                self.kill(looker);
                Err(error)
            }
        }
    }

    fn take(&self, query: &Query) -> io::Result<Looker> {
        let idle = if query.taints() {
            None
        } else {
            lock(&self.idle).pop()
        };
        idle.map_or_else(|| Looker::start(&self.program), Ok)
    }

    /// A failed look may have left a child or a thread behind, so only good ones are kept.
    fn put_back(&self, looker: Looker, query: &Query, answer: &Look<Answer>) {
        let left_over = matches!(answer, Err(Unseen::TooBig { .. } | Unseen::TimedOut { .. }));
        let mut idle = lock(&self.idle);
        if query.taints() || left_over || idle.len() >= KEPT {
            drop(idle);
            self.kill(looker);
        } else {
            idle.push(looker);
        }
    }

    /// Kills without waiting (in state D even a killed process stays), and reaps those that have gone meanwhile.
    fn kill(&self, looker: Looker) {
        looker.kill();
        let mut killed = lock(&self.killed);
        killed.push(looker.child);
        killed.retain_mut(|child| matches!(child.try_wait(), Ok(None)));
    }
}

impl Drop for Lookers {
    fn drop(&mut self) {
        for looker in lock(&self.idle).drain(..) {
            looker.kill();
        }
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

struct Looker {
    child: Child,
    ask: ChildStdin,
    hear: ChildStdout,
}

impl Looker {
    fn start(program: &PathBuf) -> io::Result<Self> {
        let mut child = Command::new(program)
            .arg(LOOKER_WORD)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .current_dir("/")
            .process_group(0)
            .spawn()?;
        match (child.stdin.take(), child.stdout.take()) {
            (Some(ask), Some(hear)) => Ok(Self { child, ask, hear }),
            _ => Err(io::Error::other("no pipes")),
        }
    }

    /// `None` when time is up.
    fn ask(&mut self, query: &Query, until: Instant) -> io::Result<Option<Look<Answer>>> {
        let question = wire::frame(query)?;
        if question.len() > MAX_QUESTION {
            return Err(io::Error::other(format!(
                "a question of {} bytes",
                question.len()
            )));
        }
        self.ask.write_all(&question)?;
        let mut head = [0; wire::HEAD];
        if !self.hear_all(&mut head, until)? {
            return Ok(None);
        }
        let mut body = vec![0; wire::announced(head)?];
        if !self.hear_all(&mut body, until)? {
            return Ok(None);
        }
        Ok(Some(serde_json::from_slice(&body)?))
    }

    /// Fills the buffer; `false` when time is up.
    fn hear_all(&mut self, buffer: &mut [u8], until: Instant) -> io::Result<bool> {
        let mut filled = 0;
        while filled < buffer.len() {
            let left = until.saturating_duration_since(Instant::now());
            if !readable(&self.hear, left)? {
                return Ok(false);
            }
            match self.hear.read(&mut buffer[filled..])? {
                0 => return Err(io::ErrorKind::UnexpectedEof.into()),
                read => filled += read,
            }
        }
        Ok(true)
    }

    fn kill(&self) {
        if let Some(group) = Pid::from_raw(self.child.id().cast_signed()) {
            // it may have gone by itself
            let _ = kill_process_group(group, Signal::KILL);
        }
    }
}

/// Waits until there is something to read; `false` when time is up.
pub(super) fn readable(stream: &impl std::os::fd::AsFd, limit: Duration) -> io::Result<bool> {
    let mut fds = [PollFd::new(stream, PollFlags::IN)];
    let limit = Timespec::try_from(limit).map_err(io::Error::other)?;
    match poll(&mut fds, Some(&limit)) {
        Ok(ready) => Ok(ready > 0),
        Err(error) => Err(error.into()),
    }
}
