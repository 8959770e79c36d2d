use super::Bench;
use crate::{
    Hands, ProcessId, Step,
    live::{process, processes, wait},
};
use std::{
    fs,
    io::{BufRead, BufReader},
    net::TcpListener,
    os::{fd::OwnedFd, unix::fs::PermissionsExt},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

/// A shell that says when it is ready; ends with the test.
struct Shell(Child);

impl Shell {
    fn ready(script: &str) -> Self {
        Self::holding(script, Stdio::null())
    }

    /// With this as its standard input, which it does not read.
    fn holding(script: &str, held: impl Into<Stdio>) -> Self {
        let script = format!("{script}\necho ready; while :; do sleep 1000 & wait $!; done");
        // a shell can't trap what it was told to ignore, as under nohup
        let child = Command::new("setsid")
            .args(["env", "--default-signal=HUP", "sh", "-c", &script])
            .stdin(held)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn();
        let mut child = child.expect("starts");
        let mut line = String::new();
        let said = BufReader::new(child.stdout.take().expect("piped")).read_line(&mut line);
        assert_eq!((said.ok(), line.as_str()), (Some(6), "ready\n"));
        Self(child)
    }

    fn id(&self) -> ProcessId {
        process::id(&process::look(self.0.id()).expect("runs"))
    }

    /// With its children.
    fn tree(&self) -> Vec<ProcessId> {
        let sleep = || process::children(self.0.id()).into_iter().next();
        let sleep = wait::until(Duration::from_secs(5), sleep).expect("has a child");
        vec![self.id(), sleep]
    }
}

impl Drop for Shell {
    fn drop(&mut self) {
        for child in process::children(self.0.id()) {
            let _ = process::Held::hold(child)
                .map(|held| held.map(|it| it.signal(rustix::process::Signal::KILL)));
        }
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn a_tree_ends_and_again_is_no_error() {
    let mut bench = Bench::new();
    let shell = Shell::ready("");
    let step = Step::EndProcesses {
        processes: shell.tree(),
    };
    for _ in 0..2 {
        bench.apply(&step).expect("ends");
        assert!(shell.tree_is_gone(&step));
    }
}

impl Shell {
    fn tree_is_gone(&self, step: &Step) -> bool {
        let Step::EndProcesses { processes } = step else {
            return false;
        };
        processes.iter().all(|process| !process::is_alive(*process))
    }
}

#[test]
fn one_that_does_not_listen_is_killed_and_a_stopped_one_too() {
    let deaf = Shell::ready("trap '' TERM");
    let began = Instant::now();
    processes::end_after(&deaf.tree(), Duration::from_millis(300)).expect("ends");
    assert!(began.elapsed() >= Duration::from_millis(300) && !process::is_alive(deaf.id()));
    let stopped = Shell::ready("");
    let tree = stopped.tree();
    process::held(stopped.id())
        .expect("runs")
        .signal(rustix::process::Signal::STOP)
        .expect("stops");
    let began = Instant::now();
    processes::end_after(&tree, Duration::from_secs(20)).expect("ends");
    assert!(began.elapsed() < Duration::from_secs(10), "it was asked in vain");
}

#[test]
fn another_process_of_that_number_is_left_alone() {
    let mut bench = Bench::new();
    let shell = Shell::ready("");
    let earlier = ProcessId {
        started: shell.id().started - 1,
        ..shell.id()
    };
    bench
        .apply(&Step::EndProcesses {
            processes: vec![earlier],
        })
        .expect("that one has ended");
    assert!(process::is_alive(shell.id()));
    bench.refuses(
        &Step::Reload {
            unit: None,
            master: earlier,
        },
        "has ended",
    );
}

#[test]
fn never_init_nor_ourselves_nor_whoever_started_us() {
    let mut bench = Bench::new();
    let shell = Shell::ready("");
    let me = process::look(std::process::id()).expect("runs");
    let parent = process::look(me.ppid).expect("runs");
    let init = ProcessId { pid: 1, started: 0 };
    for forbidden in [init, process::id(&me), process::id(&parent)] {
        let processes = vec![shell.id(), forbidden];
        bench.fails(&Step::EndProcesses { processes }, "not to be ended");
        assert!(
            process::is_alive(shell.id()),
            "nothing is ended of a plan that can't be done"
        );
    }
}

#[test]
fn a_reload_never_kills_who_has_no_handler() {
    let mut bench = Bench::new();
    let deaf = Shell::ready("");
    bench.fails(
        &Step::Reload {
            unit: None,
            master: deaf.id(),
        },
        "no handler",
    );
    let listening = Shell::ready("trap : HUP");
    bench
        .apply(&Step::Reload {
            unit: None,
            master: listening.id(),
        })
        .expect("hears it");
    assert!(process::is_alive(listening.id()) && process::is_alive(deaf.id()));
    drop(deaf);
    let gone = ProcessId {
        pid: listening.id().pid,
        started: 1,
    };
    bench
        .hands
        .again(&Step::Reload {
            unit: None,
            master: gone,
        })
        .expect("nobody is there to read anything");
}

#[test]
fn what_a_process_did_is_kept_before_it_ends() {
    let mut bench = Bench::new();
    let log = bench.path("app.log");
    fs::write(&log, "the last words\n").expect("writes");
    let keep = bench.path("forensics");
    bench.hands.keep(&keep);
    let socket = TcpListener::bind("127.0.0.1:0").expect("binds");
    let port = socket.local_addr().expect("bound").port();
    let script = format!("SECRET=hunter2; export SECRET; exec 5>>{}", log.display());
    let shell = Shell::holding(&script, OwnedFd::from(socket));
    let tree = shell.tree();
    let place = keep.join(format!("process-{}", tree[0].pid));
    bench
        .apply(&Step::EndProcesses { processes: tree })
        .expect("ends");
    let read =
        |name: &str| fs::read_to_string(place.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let status = read("status");
    assert!(
        status.contains("Name:\tsh") && status.contains("State:\t"),
        "{status}"
    );
    assert!(!read("wchan").is_empty());
    // where the kernel was built to tell it
    if fs::read("/proc/self/stack").is_ok_and(|stack| !stack.is_empty()) {
        assert!(read("stack").contains("[<"), "{}", read("stack"));
    }
    let sockets = read("sockets");
    assert!(sockets.contains(&format!("0100007F:{port:04X}")), "{sockets}");
    assert!(read("files").contains("app.log"));
    assert_eq!(read("log-0"), "the last words\n");
    assert!(read("threads").contains("wchan"));
    assert!(read("cmdline").starts_with("sh\0-c\0"));
    assert!(read("limits").contains("Max open files"));
    assert!(!place.join("environ").exists());
    let mode = |path: &std::path::Path| fs::metadata(path).expect("stat").permissions().mode() & 0o777;
    assert_eq!((mode(&place), mode(&place.join("status"))), (0o700, 0o600));
    // where a debugger is installed, and quick enough for the time it gets
    if let Ok(stack) = fs::read_to_string(place.join("user-stack")) {
        assert!(stack.contains("#0"), "{stack}");
    }
}

#[test]
fn forensics_that_cannot_be_kept_hold_up_nothing() {
    let mut bench = Bench::new();
    fs::write(bench.path("forensics"), "a file").expect("writes");
    bench.hands.keep(&bench.path("forensics"));
    let shell = Shell::ready("");
    let step = Step::EndProcesses {
        processes: shell.tree(),
    };
    bench.apply(&step).expect("ends");
    assert!(shell.tree_is_gone(&step));
}
