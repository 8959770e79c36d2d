use crate::{live, timed};
use host::{Looks, looks::ProcessState};
use rustix::process::{Pid, Signal, kill_process};
use std::{
    process::{Child, Command, Stdio},
    time::Duration,
};

/// Ends with its test, however that ends.
pub(crate) struct Started(pub(crate) Child);

impl Drop for Started {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub(crate) fn start(program: &str, args: &[&str]) -> Started {
    Started(
        Command::new(program)
            .args(args)
            .stdin(Stdio::null())
            .spawn()
            .expect("starts"),
    )
}

#[test]
fn every_process_with_its_details() {
    let sleeper = start("sleep", &["1000"]);
    let pid = sleeper.0.id();
    kill_process(Pid::from_child(&sleeper.0), Signal::STOP).expect("stops");
    let (processes, took) = timed(|| live().processes().expect("may look"));
    let seen = processes
        .iter()
        .find(|process| process.pid == pid)
        .expect("is listed");
    assert_eq!(
        (seen.argv.join(" ").as_str(), seen.ppid),
        ("sleep 1000", std::process::id())
    );
    assert_eq!(seen.state, ProcessState::Stopped);
    assert!(seen.exe.is_some() && seen.netns.is_some() && seen.mntns.is_some());
    assert!(seen.open_files.is_some_and(|count| count >= 3) && seen.max_open_files.is_some());
    assert!(
        took < Duration::from_millis(1000),
        "{} processes took {took:?}",
        processes.len()
    );
}

/// Polls until it is so.
pub(crate) fn wait_for(what: &str, is_so: impl Fn() -> bool) {
    let limit = std::time::Instant::now() + Duration::from_secs(5);
    while !is_so() {
        assert!(std::time::Instant::now() < limit, "waited too long for {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

pub(crate) fn other_netns(pid: u32) -> bool {
    let namespace = |who: &str| std::fs::read_link(format!("/proc/{who}/ns/net")).ok();
    namespace(&pid.to_string()) != namespace("self")
}

/// Sleeps with this directory as its root.
pub(crate) fn jailed(root: &std::path::Path) -> Started {
    let busy =
        "import os,sys,time; os.chroot(sys.argv[1]); os.chdir('/'); print(flush=True); time.sleep(1000)";
    let mut child = Command::new("python3")
        .args(["-c", busy, &root.display().to_string()])
        .stdout(Stdio::piped())
        .spawn()
        .map(Started)
        .expect("starts");
    let mut ready = [0];
    std::io::Read::read_exact(child.0.stdout.as_mut().expect("piped"), &mut ready).expect("is in its root");
    child
}
