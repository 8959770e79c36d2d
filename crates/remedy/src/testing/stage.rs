//! Where a fix is played: a state directory of its own, a clock that does not wait, sites that answer as told.

use super::{FakeHands, FakeHost};
use crate::{Author, Clock, FixError, FixId, Fixer, Outcome, Plan, Progress, Store, fix::BOOT_ID};
use diagnose::Question;
use host::{
    Answer, Endpoint, Host, Look, Query, Stance, Talk, Timestamp, Unseen,
    answer::{Blob, Bytes, Connect, Conversation, End},
};
use std::{
    collections::BTreeMap,
    path::{Path, PathBuf},
    sync::{
        Arc, Mutex,
        atomic::{AtomicI64, AtomicU32, Ordering},
    },
    time::Duration,
};
use tempfile::TempDir;

/// Time passes only when somebody waits.
#[derive(Default)]
pub(crate) struct FakeClock(AtomicI64);

impl Clock for FakeClock {
    fn now(&self) -> Timestamp {
        Timestamp(1_795_369_501_000 + self.0.load(Ordering::SeqCst))
    }

    fn wait(&self, time: Duration) {
        self.0
            .fetch_add(i64::try_from(time.as_millis()).expect("short"), Ordering::SeqCst);
    }
}

/// Statuses that a site gives, one after the other, the last one for ever; `None` is no answer in time.
#[derive(Default)]
pub(crate) struct Site {
    answers: Mutex<BTreeMap<String, Vec<Option<u16>>>>,
    logs: Mutex<BTreeMap<PathBuf, Vec<String>>>,
    boots: AtomicU32,
}

impl Site {
    pub(crate) fn answers(self, name: &str, statuses: &[Option<u16>]) -> Self {
        let mut all = self.answers.lock().expect("no panic");
        all.insert(name.to_owned(), statuses.to_vec());
        drop(all);
        self
    }

    /// What the log holds at each look at its end, the last one for ever.
    pub(crate) fn log(self, path: &str, texts: &[&str]) -> Self {
        let texts = texts.iter().map(|text| (*text).to_owned()).collect();
        self.logs.lock().expect("no panic").insert(path.into(), texts);
        self
    }

    /// The host has started again.
    pub(crate) fn boots(&self) {
        self.boots.fetch_add(1, Ordering::SeqCst);
    }

    /// A request to that site.
    pub(crate) fn question(name: &str, target: &str) -> Question {
        Question {
            listen: diagnose::topology::Listen {
                endpoint: Endpoint::Tcp("127.0.0.1:80".parse().expect("an address")),
                tls: false,
            },
            stance: Stance::default(),
            method: "GET".into(),
            target: target.into(),
            host: name.into(),
            patience_ms: 1000,
            upgrade: false,
        }
    }
}

fn next<T: Clone>(all: &mut Vec<T>) -> Option<T> {
    match all.len() {
        0 => None,
        1 => all.first().cloned(),
        _ => Some(all.remove(0)),
    }
}

impl Host for Site {
    fn ask(&self, query: &Query) -> Look<Answer> {
        match query {
            Query::Connect {
                talk: Talk::Http { host, .. },
                ..
            } => {
                let mut answers = self.answers.lock().expect("no panic");
                let status = answers.get_mut(host).and_then(next).flatten();
                let heard = status.map_or(String::new(), |status| format!("HTTP/1.1 {status} x\r\n\r\n"));
                Ok(Answer::Conversation(Conversation {
                    connect: Connect::Accepted,
                    connect_us: 1,
                    heard: Bytes(heard.into_bytes()),
                    first_byte_ms: status.map(|_| 1),
                    end: End::Closed,
                    tls: None,
                }))
            }
            Query::File { path, .. } => {
                let boot = || format!("{}\n", self.boots.load(Ordering::SeqCst));
                let told = (path == Path::new(BOOT_ID)).then(boot);
                let text = told.or_else(|| self.logs.lock().expect("no panic").get_mut(path).and_then(next));
                Ok(Answer::File(text.map(|text| Blob {
                    size: text.len() as u64,
                    bytes: Bytes(text.into_bytes()),
                    modified: Timestamp::default(),
                })))
            }
            other => Err(Unseen::NotRecorded {
                what: format!("{other:?}"),
            }),
        }
    }
}

/// A state directory, hands and a clock.
pub(crate) struct Stage {
    pub store: Store,
    pub hands: FakeHands,
    pub site: Site,
    pub clock: FakeClock,
    /// `Doing 0`, `Undoing 0`…
    pub told: Vec<String>,
    dir: TempDir,
}

impl Stage {
    pub(crate) fn new(host: FakeHost) -> Self {
        // thousands of syncs: in memory where there is such a file system
        let shm = Path::new("/dev/shm");
        let parent = if shm.is_dir() {
            shm.to_owned()
        } else {
            std::env::temp_dir()
        };
        Self::within(host, &parent)
    }

    pub(crate) fn within(host: FakeHost, parent: &Path) -> Self {
        let dir = tempfile::tempdir_in(parent).expect("a directory");
        Self {
            store: Store::open(&dir.path().join("why502")).expect("a store"),
            hands: FakeHands::on(host),
            site: Site::default(),
            clock: FakeClock::default(),
            told: Vec::new(),
            dir,
        }
    }

    pub(crate) fn fix(&mut self, plan: &Plan) -> Result<Outcome, FixError> {
        self.with(|fixer| fixer.fix(plan))
    }

    /// The same, and where it restarts the host, on behind that.
    pub(crate) fn fix_to_the_end(&mut self, plan: &Plan) -> Result<Outcome, FixError> {
        let outcome = self.fix(plan)?;
        if outcome.end != crate::End::Restarts {
            return Ok(outcome);
        }
        self.site.boots();
        self.with(|fixer| fixer.finish(&outcome.id))
    }

    pub(crate) fn undo(&mut self, id: Option<&FixId>) -> Result<Outcome, FixError> {
        self.with(|fixer| fixer.undo(id))
    }

    pub(crate) fn with<T>(&mut self, play: impl FnOnce(&mut Fixer<'_>) -> T) -> T {
        let told = &mut self.told;
        let stop = Arc::clone(&self.hands.stop);
        let mut tell = |it: Progress<'_>| {
            let word = format!("{it:?}");
            told.push(word.split([' ', '(', '{']).next().unwrap_or_default().to_owned());
        };
        let mut fixer = Fixer {
            store: &self.store,
            host: &self.site,
            hands: &mut self.hands,
            clock: &self.clock,
            by: author(),
            stop: &stop,
            tell: &mut tell,
        };
        play(&mut fixer)
    }

    pub(crate) fn journal(&self, id: &FixId) -> PathBuf {
        self.store.root().join("fixes").join(id.as_str()).join("journal")
    }

    pub(crate) fn dir(&self) -> &Path {
        self.dir.path()
    }
}

pub(crate) fn author() -> Author {
    Author {
        uid: 0,
        name: "root".into(),
        sudo: Some("ada".into()),
    }
}
