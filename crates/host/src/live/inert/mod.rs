//! Running a server's test of its own configuration so that it changes nothing.
//!
//! `nginx -t` as root is more than a look: it makes temp directories and gives them to the workers' user
//! (ngx_create_paths), makes log and pid files and sockets, and writes complaints into the error log. So the kernel asks
//! us before each such call (seccomp user notification, Linux 5.9), and it is answered as if it had been done: with the
//! error it would have met, else with success and nothing done. A file that would be written is `/dev/null` instead.
//!
//! This is for programs that root trusts (`trust.rs`). It keeps a look from leaving traces; it is no sandbox.

mod filter;
mod kernel;
mod reply;

use reply::{Reply, reply};
use rustix::net::{AddressFamily, SocketFlags, SocketType, socketpair};
use std::{
    fs::{File, OpenOptions},
    io,
    os::fd::OwnedFd,
    path::PathBuf,
    process::Command,
    sync::{Arc, Mutex, PoisonError},
    thread,
};

/// A command that will change nothing, before it runs.
pub struct Inert {
    /// Where the kernel's questions come from, once the program has begun.
    listener: OwnedFd,
    nothing: File,
}

/// What a program was kept from, as far as its own answer may show it.
#[derive(Debug, Default)]
struct Kept {
    /// Directories and sockets that it believes it made.
    made: Vec<PathBuf>,
    /// A question that could not be answered.
    unable: Option<String>,
}

/// Tells what a program was kept from.
#[derive(Clone, Debug, Default)]
pub struct Watch(Arc<Mutex<Kept>>);

impl Inert {
    /// Prepares a command; its `spawn` fails where this kernel can't do that.
    ///
    /// # Errors
    /// Where there are no descriptors left.
    pub fn arm(command: &mut Command) -> io::Result<Self> {
        let (listener, theirs) = socketpair(
            AddressFamily::UNIX,
            SocketType::STREAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        let nothing = OpenOptions::new().read(true).write(true).open("/dev/null")?;
        kernel::filtered(command, filter::program()?, theirs);
        Ok(Self { listener, nothing })
    }

    /// Answers the kernel's questions from now on. To be called as soon as the program has begun: it waits for us.
    ///
    /// # Errors
    /// Where there is nobody to ask, or no thread to answer.
    pub fn watch(self) -> io::Result<Watch> {
        let listener = kernel::receive(&self.listener)?;
        let watch = Watch::default();
        let (kept, nothing) = (watch.clone(), self.nothing);
        thread::Builder::new().spawn(move || {
            // ends with the last process that the filter stands over
            while let Ok(call) = kernel::next(&listener) {
                let Some(call) = call else { continue };
                let answer = reply(&call);
                // before the program goes on: it may end, and we be asked, right behind the answer
                kept.note(&answer);
                if let Err(error) = kernel::answer(&listener, call.id, &answer, &nothing) {
                    kept.fail(&error);
                }
            }
        })?;
        Ok(watch)
    }
}

impl Watch {
    /// Why what the program said may differ from what it would say if it were let: `None` where it can't. Asked after
    /// its end, and only where it failed: one that passed was not held up by anything.
    pub fn doubt(&self) -> Option<String> {
        let kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let made = kept
            .made
            .first()
            .map(|path| format!("it makes {} first, and looking changes nothing", path.display()));
        kept.unable.clone().or(made)
    }

    fn note(&self, answer: &Reply) {
        if let Reply::Made(path) = answer {
            let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            kept.made.push(path.clone());
        }
    }

    fn fail(&self, error: &io::Error) {
        let mut kept = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        kept.unable = Some(format!("it can't be kept from changing things: {error}"));
    }
}

#[cfg(test)]
mod tests;
