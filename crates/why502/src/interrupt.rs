//! Ctrl-C, a lost terminal, a shutdown: while a host is being changed each is a wish to have it taken back, before and
//! after that it ends the program at once.

use signal_hook::{
    consts::{SIGHUP, SIGINT, SIGTERM},
    flag,
};
use std::{
    io,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

/// Listens for the signals that end programs.
pub struct Interrupt {
    idle: Arc<AtomicBool>,
    came: Arc<AtomicBool>,
}

impl Interrupt {
    /// From now on.
    ///
    /// # Errors
    /// Where the system refuses a handler.
    pub fn listen() -> io::Result<Self> {
        let (idle, came) = (Arc::new(AtomicBool::new(true)), Arc::default());
        for signal in [SIGINT, SIGTERM, SIGHUP] {
            flag::register_conditional_default(signal, Arc::clone(&idle))?;
            flag::register(signal, Arc::clone(&came))?;
        }
        Ok(Self { idle, came })
    }

    /// Does something that is told of a signal instead of being ended by it.
    pub fn during<T>(&self, act: impl FnOnce(&AtomicBool) -> T) -> T {
        self.idle.store(false, Ordering::SeqCst);
        let done = act(&self.came);
        self.idle.store(true, Ordering::SeqCst);
        done
    }

    /// Is set when a signal comes.
    pub fn flag(&self) -> Arc<AtomicBool> {
        Arc::clone(&self.came)
    }

    /// A signal came during something.
    pub fn came(&self) -> bool {
        self.came.load(Ordering::SeqCst)
    }
}
