//! A fresh host: one overlay, one network namespace, one booted systemd. `recipe/host.sh` owns what it leaves behind.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, ChildStdout, Command, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::client::Client;
use crate::root;

const KEEPER: &str = include_str!("recipe/host.sh");
const PRELUDE: &str = include_str!("stacks/prelude.sh");
const PATH: &str = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A booted host. Dropping it, or the death of this process by any means, takes it away again.
pub struct Host {
    name: String,
    dir: PathBuf,
    keeper: Child,
    orders: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    leader: u32,
    deadline: Instant,
}

impl Host {
    /// Boots a host with `tool` as its `/usr/local/bin/why502`. Everything done in it must end before `limit` from now.
    pub fn boot(tool: &Path, limit: Duration) -> Result<Self> {
        Self::boot_on(&root::ready()?, tool, limit)
    }

    /// Boots a visitor's machine.
    pub fn boot_visitor(tool: &Path, limit: Duration) -> Result<Self> {
        Self::boot_on(&root::ready_for_visitors()?, tool, limit)
    }

    fn boot_on(base: &Path, tool: &Path, limit: Duration) -> Result<Self> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "w{}-{}",
            std::process::id(),
            COUNT.fetch_add(1, Ordering::Relaxed)
        );
        let dir = root::lab_dir().join("hosts").join(&name);
        fs::create_dir_all(&dir)?;
        let mut keeper = keeper(&name, base, &dir, tool)?;
        let orders = keeper.stdin.take();
        let answers = BufReader::new(keeper.stdout.take().context("the keeper has no output")?);
        let deadline = Instant::now() + limit;
        let mut host = Self {
            name,
            dir,
            keeper,
            orders,
            answers,
            leader: 0,
            deadline,
        };
        host.await_ready()?;
        Ok(host)
    }

    /// Restarts the whole host; disk and journal stay.
    pub fn reboot(&mut self) -> Result<()> {
        self.reboot_by(&["systemctl", "reboot"]).map(drop)
    }

    /// The same by that command, and what it said. The host goes down under it, so its own end says nothing.
    pub(crate) fn reboot_by(&mut self, words: &[&str]) -> Result<Output> {
        let orders = self.orders.as_mut().context("the keeper is gone")?;
        writeln!(orders, "reboot")?;
        let said = self.enter(words).output()?;
        self.await_ready()?;
        Ok(said)
    }

    fn await_ready(&mut self) -> Result<()> {
        let mut line = String::new();
        self.answers.read_line(&mut line)?;
        match line.trim().strip_prefix("ready ") {
            Some(leader) => self.leader = leader.parse()?,
            None => bail!("host did not boot: {}", line.trim()),
        }
        Ok(())
    }

    /// Runs a shell script as root inside; a failing command is an error that shows what it said.
    pub fn sh(&self, script: &str) -> Result<String> {
        let output = self.pipe(&["bash", "-eus"], &[PRELUDE, script].concat())?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(
            output.status.success(),
            "a script ended with {}: {said}{}",
            output.status,
            errors.trim()
        );
        Ok(said)
    }

    /// Runs a shell script on the machines around the host: see [`crate::Step::Around`].
    pub fn around(&self, script: &str) -> Result<()> {
        let output = Command::new("timeout")
            .arg(format!("{:.1}", self.left().as_secs_f32().max(0.1)))
            .args(["sh", "-euc", script])
            .env("router", format!("{}-o", self.name))
            .env("far", format!("{}-f", self.name))
            .output()?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "around the host: {}", errors.trim());
        Ok(())
    }

    /// Runs the tool as an ordinary process of the host, in a unit of its own.
    pub fn why502(&self, args: &[&str]) -> Result<Output> {
        let mut words = vec![
            "systemd-run",
            "-q",
            "--pipe",
            "--wait",
            "--collect",
            "/usr/local/bin/why502",
        ];
        words.extend(args);
        self.pipe(&words, "")
    }

    /// Runs the tool at a terminal; see person.py for what stands in `visits`.
    pub(crate) fn terminal(&self, args: &[&str], visits: &str) -> Result<Output> {
        const PERSON: &str = include_str!("../../crates/why502/tests/program/person.py");
        let words = [&["python3", "-c", PERSON, "/usr/local/bin/why502"], args].concat();
        self.pipe(&words, visits)
    }

    fn pipe(&self, words: &[&str], input: &str) -> Result<Output> {
        ensure!(!self.left().is_zero(), "the scenario's time is up");
        let mut child = self
            .enter(words)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()?;
        let mut stdin = child.stdin.take().context("no stdin")?;
        stdin.write_all(input.as_bytes())?;
        drop(stdin);
        Ok(child.wait_with_output()?)
    }

    fn enter(&self, words: &[&str]) -> Command {
        let mut command = Command::new("timeout");
        command.args([
            "-k",
            "1",
            &format!("{:.1}", self.left().as_secs_f32().max(0.1)),
            "nsenter",
            "-t",
        ]);
        command
            .arg(self.leader.to_string())
            .args(["-a", "env", "-i", PATH, "HOME=/root", "LANG=C.UTF-8"])
            .args(words);
        command
    }

    /// The command that gives a shell of root on it.
    pub(crate) fn way_in(&self) -> String {
        format!(
            "nsenter -t {} -a env -i HOME=/root TERM=$TERM {PATH} bash",
            self.leader
        )
    }

    /// Time left of the limit given at boot.
    pub fn left(&self) -> Duration {
        self.deadline.saturating_duration_since(Instant::now())
    }

    /// Grants time beyond the limit, for looking at what went wrong.
    pub(crate) fn grant(&mut self, more: Duration) {
        self.deadline = self.deadline.max(Instant::now()) + more;
    }

    /// A file of the host as seen from outside; tmpfs mounts (`/run`, `/tmp`) are not.
    pub fn file(&self, path: &str) -> PathBuf {
        self.dir.join("root").join(path.trim_start_matches('/'))
    }

    /// A client on the network the host's `eth0` leads to.
    pub(crate) fn client(&self) -> Result<Client> {
        self.network("o")
    }

    /// The same on the machine behind the router.
    pub(crate) fn far(&self) -> Result<Client> {
        self.network("f")
    }

    fn network(&self, which: &str) -> Result<Client> {
        let path = format!("/run/netns/{}-{which}", self.name);
        Ok(Client::new(File::open(&path).with_context(|| path)?))
    }
}

impl Drop for Host {
    fn drop(&mut self) {
        self.orders.take();
        let _ = self.keeper.wait();
    }
}

/// The keeper has a session of its own: Ctrl-C ends the lab, and the keeper then cleans up.
fn keeper(name: &str, base: &Path, dir: &Path, tool: &Path) -> Result<Child> {
    let mut command = Command::new("setsid");
    command
        .args(["-w", "sh", "-c", KEEPER, "keeper", name])
        .arg(base)
        .arg(dir)
        .arg(tool)
        .process_group(0);
    command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null());
    command.spawn().context("cannot start the keeper of a host")
}

/// Takes away what earlier runs left that were cut off together with their keeper (power loss, kill of everything).
pub(crate) fn reap() -> Result<()> {
    let Ok(hosts) = fs::read_dir(root::lab_dir().join("hosts")) else {
        return Ok(());
    };
    for entry in hosts.flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let owner = name.trim_start_matches('w').split('-').next().unwrap_or_default();
        if !Path::new("/proc").join(owner).is_dir() {
            println!("lab: removing what an earlier run left: {name}");
            let _ = Command::new("umount")
                .arg("-l")
                .arg(entry.path().join("root"))
                .output();
            for netns in [name.clone(), format!("{name}-o"), format!("{name}-f")] {
                let _ = Command::new("ip").args(["netns", "del", &netns]).output();
            }
            fs::remove_dir_all(entry.path())?;
        }
    }
    Ok(())
}
