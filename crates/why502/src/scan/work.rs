//! Two threads take parts of files, each counts for itself.

use super::{
    Log,
    files::{LogFile, Packing},
    pump::{Begins, Buffer, Part, pump},
};
use jiff::tz::TimeZone;
use logscan::scan::{AccessScan, BackendScan, By, Cells, ErrorScan, Everyone, Kind, Seen, Window};
use std::{
    io,
    os::unix::fs::FileExt,
    sync::{
        Mutex,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    thread::{self, Thread},
    time::Duration,
};

/// Threads that read.
const THREADS: usize = 2;
/// Bytes of a plain file that are one piece of work.
const PIECE: u64 = 8 << 20;
/// Bytes read behind it at once: a line that begins in a piece is its own.
const REST: u64 = 8 << 10;
/// Time between two calls of `tick`.
const TICK: Duration = Duration::from_millis(100);

/// How much of them is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Depth {
    /// What failed.
    Failures,
    /// Every request, by who made it.
    Everyone,
    /// Also by upstream over time, with where its time went.
    Flow,
}

/// A zone that may have to be looked up first.
pub type Zone<'a> = dyn Fn() -> TimeZone + Send + Sync + 'a;

/// What is asked of the logs.
pub struct Ask<'a> {
    /// Which moments.
    pub window: Window,
    /// Only this site.
    pub site: Option<&'a str>,
    /// How much of them.
    pub depth: Depth,
    /// By what load is listed, where everyone is asked for.
    pub by: &'a [By],
    /// Zone of stamps without an offset.
    pub zone: &'a Zone<'a>,
    /// Whether to stop and come back with what there is.
    pub stop: &'a AtomicBool,
}

/// What they hold.
pub struct Scanned {
    /// Requests that failed.
    pub failures: Cells,
    /// What nginx complained of.
    pub complaints: Cells,
    /// What backends warned of; the site is the kind of backend.
    pub warnings: Cells,
    /// Whose load it was; nothing where it was not asked.
    pub everyone: Everyone,
    /// How much of each log was read, in their order.
    pub seen: Vec<Seen>,
    /// Bytes read off the disk.
    pub bytes: u64,
    /// Not all was read.
    pub partial: bool,
    /// What could not be read.
    pub trouble: Vec<String>,
}

/// A piece of work.
struct Task<'a> {
    log: usize,
    file: &'a LogFile,
    /// From where to where, of a plain file.
    part: Option<(u64, u64)>,
}

/// How a thread reads one log.
#[derive(Clone)]
enum Scan {
    Access(Box<AccessScan>),
    Error(Box<ErrorScan>),
    Backend(Box<BackendScan>),
}

/// What a thread counted.
#[derive(Clone)]
struct Counts {
    failures: Cells,
    complaints: Cells,
    warnings: Cells,
    everyone: Everyone,
}

/// Reads them all. `tick` is called now and then with bytes read off the disk.
pub fn run(logs: &[Log], ask: &Ask<'_>, mut tick: impl FnMut(u64)) -> Scanned {
    let tasks = tasks(logs);
    let shared = Shared {
        ask,
        logs,
        tasks: &tasks,
        next: AtomicUsize::new(0),
        bytes: AtomicU64::new(0),
        trouble: Mutex::default(),
    };
    let empty = Counts {
        failures: Cells::default(),
        complaints: Cells::default(),
        warnings: Cells::default(),
        everyone: match ask.depth {
            Depth::Flow => Everyone::with_flow(),
            Depth::Failures | Depth::Everyone => Everyone::listing(ask.by),
        },
    };
    let reading = AtomicUsize::new(THREADS);
    let done: Vec<Worker<'_>> = thread::scope(|scope| {
        let main = thread::current();
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (reads, shared, counts) = (Reads::new(&reading, &main), &shared, empty.clone());
                scope.spawn(move || {
                    let mut worker = Worker::new(shared, counts);
                    worker.run();
                    drop(reads);
                    worker
                })
            })
            .collect();
        while reading.load(Ordering::Acquire) > 0 {
            thread::park_timeout(TICK);
            tick(shared.bytes.load(Ordering::Relaxed));
        }
        threads
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .collect()
    });
    gather(&shared, done, empty)
}

/// Held by a thread as long as it reads, even if it breaks off. Whether a thread is finished shows a moment after it has woken
/// us: who asks for that sleeps once more.
struct Reads<'a> {
    reading: &'a AtomicUsize,
    main: Thread,
}

impl<'a> Reads<'a> {
    fn new(reading: &'a AtomicUsize, main: &Thread) -> Self {
        let main = main.clone();
        Self { reading, main }
    }
}

impl Drop for Reads<'_> {
    fn drop(&mut self) {
        self.reading.fetch_sub(1, Ordering::Release);
        self.main.unpark();
    }
}

fn gather(shared: &Shared<'_>, done: Vec<Worker<'_>>, mut counts: Counts) -> Scanned {
    let mut seen = vec![Seen::default(); shared.logs.len()];
    for worker in done {
        counts.failures.merge(&worker.counts.failures);
        counts.complaints.merge(&worker.counts.complaints);
        counts.warnings.merge(&worker.counts.warnings);
        counts.everyone.merge(&worker.counts.everyone);
        for (seen, scan) in seen.iter_mut().zip(worker.scans) {
            seen.merge(scan.map(Scan::seen).unwrap_or_default());
        }
    }
    Scanned {
        failures: counts.failures,
        complaints: counts.complaints,
        warnings: counts.warnings,
        everyone: counts.everyone,
        seen,
        bytes: shared.bytes.load(Ordering::Relaxed),
        partial: shared.ask.stop.load(Ordering::Relaxed),
        trouble: shared
            .trouble
            .lock()
            .map(|mut it| std::mem::take(&mut *it))
            .unwrap_or_default(),
    }
}

/// Plain files in pieces, others whole and first: they take longest and can't be cut.
fn tasks(logs: &[Log]) -> Vec<Task<'_>> {
    let files = || {
        logs.iter()
            .enumerate()
            .flat_map(|(log, it)| it.files.iter().map(move |file| (log, file)))
    };
    let whole = files()
        .filter(|it| it.1.packing != Packing::Plain)
        .map(|(log, file)| Task {
            log,
            file,
            part: None,
        });
    let plain = files()
        .filter(|it| it.1.packing == Packing::Plain)
        .flat_map(|(log, file)| {
            let pieces =
                (0..file.size.div_ceil(PIECE)).map(|at| (at * PIECE, ((at + 1) * PIECE).min(file.size)));
            pieces.map(move |part| Task {
                log,
                file,
                part: Some(part),
            })
        });
    whole.chain(plain).collect()
}

struct Shared<'a> {
    ask: &'a Ask<'a>,
    logs: &'a [Log],
    tasks: &'a [Task<'a>],
    next: AtomicUsize,
    bytes: AtomicU64,
    trouble: Mutex<Vec<String>>,
}

struct Worker<'a> {
    shared: &'a Shared<'a>,
    counts: Counts,
    scans: Vec<Option<Scan>>,
    buffer: Buffer,
}

impl<'a> Worker<'a> {
    fn new(shared: &'a Shared<'a>, counts: Counts) -> Self {
        Self {
            shared,
            counts,
            scans: shared.logs.iter().map(|_| None).collect(),
            buffer: Buffer::default(),
        }
    }

    fn run(&mut self) {
        let shared = self.shared;
        while let Some(task) = shared.tasks.get(shared.next.fetch_add(1, Ordering::Relaxed)) {
            if shared.ask.stop.load(Ordering::Relaxed) {
                return;
            }
            let path = task.file.path.display();
            let trouble = match self.task(task) {
                Ok(false) => continue,
                Ok(true) => {
                    format!("{path}: it was truncated while it was read; what was cut off is not counted")
                }
                Err(error) => format!("{path}: {error}; what stands behind is not counted"),
            };
            if let Ok(mut all) = shared.trouble.lock() {
                all.push(trouble);
            }
        }
    }

    fn task(&mut self, task: &Task<'_>) -> io::Result<bool> {
        let shared = self.shared;
        let log = &shared.logs[task.log];
        let scan = self.scans[task.log].get_or_insert_with(|| Scan::new(log, shared.ask));
        let (counts, everything) = (&mut self.counts, shared.ask.depth != Depth::Failures);
        let take = |block: &[u8]| {
            scan.block(block, counts, everything);
            !shared.ask.stop.load(Ordering::Relaxed)
        };
        let begins: Begins = log.kind.begins();
        let Some((from, to)) = task.part else {
            let mut text = task.file.text(&shared.bytes)?;
            return pump(
                |into| text.read(into),
                Part::WHOLE,
                begins,
                &mut self.buffer,
                take,
            );
        };
        let file = task.file.file()?;
        let within = from > 0;
        let mut at = from - u64::from(within);
        let part = Part {
            within,
            length: Some(to - at),
        };
        let read = |into: &mut [u8]| {
            let into = wanted(into, at, to);
            let count = file.read_at(into, at)?;
            at += count as u64;
            shared.bytes.fetch_add(count as u64, Ordering::Relaxed);
            Ok(count)
        };
        pump(read, part, begins, &mut self.buffer, take)
    }
}

/// As much of it as is to be read there: up to the end of the piece, and the rest of a line.
fn wanted(into: &mut [u8], at: u64, end: u64) -> &mut [u8] {
    let most = usize::try_from(end.saturating_sub(at) + REST).unwrap_or(usize::MAX);
    let most = most.min(into.len());
    &mut into[..most]
}

impl Scan {
    fn new(log: &Log, ask: &Ask<'_>) -> Self {
        match &log.kind {
            Kind::Access(format) => {
                let scan = AccessScan::new((**format).clone(), &log.site, ask.site, ask.window);
                Self::Access(Box::new(scan.believing(log.trusted.clone())))
            }
            Kind::Error => Self::Error(Box::new(ErrorScan::new((ask.zone)(), ask.site, ask.window))),
            Kind::Backend(kind) => Self::Backend(Box::new(BackendScan::new(*kind, (ask.zone)(), ask.window))),
        }
    }

    fn block(&mut self, block: &[u8], counts: &mut Counts, everything: bool) {
        match self {
            Self::Access(scan) if everything => {
                scan.everything(block, &mut counts.failures, &mut counts.everyone)
            }
            Self::Access(scan) => scan.failures(block, &mut counts.failures),
            Self::Error(scan) => scan.complaints(block, &mut counts.complaints),
            Self::Backend(scan) => scan.warnings(block, &mut counts.warnings),
        }
    }

    fn seen(self) -> Seen {
        match self {
            Self::Access(scan) => scan.seen,
            Self::Error(scan) => scan.seen,
            Self::Backend(scan) => scan.seen,
        }
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "logs of a test's own")]
mod tests {
    use super::*;
    use crate::scan::named;
    use std::fs;

    const LINE: &str = "192.0.2.7 - - [22/Nov/2026:12:17:46 +0000] \"GET / HTTP/1.1\" 502 157 \"-\" \"x\"\n";
    const LINES: usize = 200_000;

    /// Finds a log, has `meanwhile` done to it, and reads what was found.
    fn read(meanwhile: impl FnOnce(&std::path::Path)) -> Scanned {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("access.log");
        fs::write(&path, LINE.repeat(LINES)).unwrap();
        let (logs, trouble) = named(std::slice::from_ref(&path), None, Vec::new);
        assert!(logs.len() == 1 && trouble.is_empty(), "{trouble:?}");
        meanwhile(&path);
        let stop = AtomicBool::new(false);
        let ask = Ask {
            window: Window::ALL,
            site: None,
            depth: Depth::Failures,
            by: &[],
            zone: &|| TimeZone::UTC,
            stop: &stop,
        };
        run(&logs, &ask, |_| ())
    }

    fn says(scanned: &Scanned) -> bool {
        scanned
            .trouble
            .iter()
            .any(|it| it.contains("it was truncated while it was read"))
    }

    #[test]
    fn a_log_that_is_cut_while_it_is_read_counts_as_far_as_it_goes_and_says_so() {
        let scanned = read(|path| {
            let half = (LINE.len() * LINES / 2) as u64;
            fs::File::options()
                .write(true)
                .open(path)
                .unwrap()
                .set_len(half)
                .unwrap();
        });
        assert!(says(&scanned), "{:?}", scanned.trouble);
        assert_eq!(scanned.failures.total(), LINES as u64 / 2);
    }

    #[test]
    fn a_log_that_is_copied_and_emptied_while_it_is_read_says_so_and_counts_no_line_twice() {
        let scanned = read(|path| {
            fs::copy(path, path.with_extension("log.1")).unwrap();
            // logrotate's copytruncate; its writer goes on at the beginning
            fs::write(path, LINE.repeat(3)).unwrap();
        });
        assert!(says(&scanned), "{:?}", scanned.trouble);
        assert_eq!(scanned.failures.total(), 3);
    }

    #[test]
    fn a_log_that_is_rotated_away_while_it_is_read_is_read_to_its_end() {
        for is_packed in [false, true] {
            let scanned = read(|path| {
                let old = path.with_extension("log.1");
                fs::rename(path, &old).unwrap();
                fs::write(path, LINE.repeat(3)).unwrap();
                if is_packed {
                    fs::remove_file(&old).unwrap();
                }
            });
            assert!(scanned.trouble.is_empty(), "{:?}", scanned.trouble);
            assert_eq!(scanned.failures.total(), LINES as u64);
        }
    }

    #[test]
    fn what_is_written_behind_what_was_found_is_not_read_and_is_no_trouble() {
        let scanned = read(|path| {
            let mut log = fs::File::options().append(true).open(path).unwrap();
            io::Write::write_all(&mut log, LINE.repeat(50).as_bytes()).unwrap();
        });
        assert!(scanned.trouble.is_empty(), "{:?}", scanned.trouble);
        assert_eq!(scanned.failures.total(), LINES as u64);
    }
}
