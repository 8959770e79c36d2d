//! One scenario on one fresh host, from healthy through broken to restored.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use serde::{Deserialize, Serialize};

use crate::client::Client;
use crate::repair::{BELIEVED, Repair};
use crate::traffic::Background;
use crate::verdict::{Verdict, brief};
use crate::{Expect, Host, Scenario, Step, Traffic, baseline, evidence, traffic};

/// How far a trial goes.
#[derive(Clone, Debug)]
pub enum Mode {
    /// The tool must be right. The only mode whose pass means anything.
    Judge,
    /// For work on the lab itself: the fault is seen and goes away again; the tool is not run, what nginx
    /// said last is shown in place of its verdict.
    NoVerdict,
    /// As `Judge`; the tool also records its looks, kept with the right verdict under this directory.
    Record(PathBuf),
    /// The tool is not run: what a plain table and a restart script make of the fault is written down.
    Baselines,
}

/// How a trial ended.
#[derive(Debug, Serialize, Deserialize)]
pub struct Outcome {
    /// The scenario's name, with `+noise` for its noisy variant.
    pub scenario: String,
    /// The right verdict in a few words.
    pub expected: String,
    /// The tool's verdict in the same words; empty when the trial did not come to it.
    pub got: String,
    /// `Baselines` only: the plain table named the truth.
    pub table_right: bool,
    /// `Baselines` only: the page answered again after the script.
    pub script_healed: bool,
    /// Why it failed.
    pub error: Option<String>,
    /// It failed, was played again on another fresh host, and this is what came of it: why it failed the first time.
    #[serde(default)]
    pub failed_first: Option<String>,
    /// Wall time of the whole trial.
    pub ms: u64,
    /// What `why502 fix` and `undo` came to; empty where there is nothing to repair.
    #[serde(default)]
    pub repair: String,
    /// Wall time of the first `why502 fix`, its proof included.
    #[serde(default)]
    pub fix_ms: u64,
    /// What the tool says it took.
    pub took_ms: u64,
}

/// The site beside the shop.
const NEIGHBOUR: &str = "blog.example";
/// Time a page gets to answer as it should.
const SETTLE: Duration = Duration::from_secs(15);
/// Time a restart gets to heal the page.
const HEALS: Duration = Duration::from_secs(6);
/// How long a fault, or its absence, goes on before the tool is asked.
const LASTING: Duration = Duration::from_millis(800);

/// Plays the scenario; a failure keeps the host's evidence before the host goes away.
pub(crate) fn play(scenario: &Scenario, noise: bool, mode: &Mode, tool: &Path, limit: Duration) -> Outcome {
    let start = Instant::now();
    let name = format!("{}{}", scenario.name, if noise { "+noise" } else { "" });
    let mut outcome = Outcome {
        scenario: name,
        expected: brief(scenario.expect),
        got: String::new(),
        table_right: false,
        script_healed: false,
        error: None,
        failed_first: None,
        repair: String::new(),
        fix_ms: 0,
        ms: 0,
        took_ms: 0,
    };
    if let Err(error) = on_fresh_host(scenario, noise, mode, tool, limit, &mut outcome) {
        outcome.error = Some(format!("{error:#}"));
    }
    outcome.ms = start.elapsed().as_millis().try_into().unwrap_or(u64::MAX);
    outcome
}

fn on_fresh_host(
    scenario: &Scenario,
    noise: bool,
    mode: &Mode,
    tool: &Path,
    limit: Duration,
    outcome: &mut Outcome,
) -> Result<()> {
    let mut host = Host::boot(tool, limit)?;
    let client = host.client()?;
    let _elsewhere = traffic::serve(&client);
    let result = Trial {
        scenario,
        mode,
        client,
        outcome,
    }
    .run(&mut host, noise);
    result.map_err(
        |error| match evidence::keep(&mut host, &outcome.scenario, &error) {
            Ok(dir) => error.context(format!("evidence in {}", dir.display())),
            Err(lost) => error.context(format!("evidence lost: {lost:#}")),
        },
    )
}

struct Trial<'a> {
    scenario: &'a Scenario,
    mode: &'a Mode,
    client: Client,
    outcome: &'a mut Outcome,
}

impl Trial<'_> {
    fn run(&mut self, host: &mut Host, noise: bool) -> Result<()> {
        host.sh(&self.scenario.setup(noise)).context("setting up")?;
        self.all_answer(200).context("before the fault")?;
        let neighbour = Background::start(&self.client, NEIGHBOUR, "/", 1, Duration::from_millis(200));
        let held = self.inject(host)?;
        self.fault_is_seen()?;
        if matches!(self.mode, Mode::Baselines) {
            return self.baselines(host);
        }
        if !matches!(self.scenario.expect, Expect::Recovered(_)) {
            let trigger = self.scenario.trigger;
            self.judge(host, |verdict, expect| {
                verdict.check(expect)?;
                verdict.check_trigger(trigger)
            })?;
            // noise can mislead a verdict; a repair starts from the right one
            if !noise && !matches!(self.mode, Mode::NoVerdict) {
                self.repair(host, &neighbour).context("the repair")?;
            }
        }
        drop(held);
        host.sh(self.scenario.restore).context("restoring")?;
        self.all_answer(200).context("after the fault was taken away")?;
        self.visit_for_a_while();
        match self.scenario.expect {
            Expect::Healthy => Ok(()),
            Expect::Recovered(_) => self.judge(host, |verdict, expect| verdict.check(expect)),
            _ => self.over(host),
        }
    }

    /// The tool believes that it is over. After a repair and its undo the page has failed and answered in turn, and what
    /// comes and goes is not believed at once.
    fn over(&mut self, host: &Host) -> Result<()> {
        let start = Instant::now();
        while let Err(error) = self.judge(host, |verdict, _| verdict.check_over()) {
            if self.outcome.repair.is_empty() || start.elapsed() > BELIEVED {
                return Err(error);
            }
            self.visit_for_a_while();
        }
        Ok(())
    }

    fn repair(&mut self, host: &mut Host, neighbour: &Background) -> Result<()> {
        let concerned = |page: &Traffic| page.site == NEIGHBOUR;
        let neighbour = (!self.pages().any(concerned)).then_some(neighbour);
        let this = &*self;
        let mut repair = Repair {
            scenario: self.scenario,
            host,
            neighbour,
            answers: &|status| this.all_answer(status),
            is_broken: &|| this.pages().try_for_each(|page| this.answers(page, page.status)),
            took: Duration::ZERO,
        };
        let came_to = repair.play()?;
        let took = repair.took;
        self.outcome.repair = came_to;
        self.outcome.fix_ms = took.as_millis().try_into().unwrap_or(u64::MAX);
        Ok(())
    }

    fn inject(&self, host: &mut Host) -> Result<Option<Background>> {
        for step in self.scenario.inject {
            match step {
                Step::Sh(script) => drop(host.sh(script).context("injecting")?),
                Step::Reboot => host.reboot()?,
            }
        }
        let hold = |held: crate::Held| {
            Background::start(
                &self.client,
                self.scenario.traffic.site,
                held.path,
                held.visitors,
                Duration::ZERO,
            )
        };
        Ok(self.scenario.held.map(hold))
    }

    fn pages(&self) -> impl Iterator<Item = &Traffic> {
        std::iter::once(&self.scenario.traffic).chain(&self.scenario.also)
    }

    fn all_answer(&self, status: u16) -> Result<()> {
        self.pages().try_for_each(|page| self.answers(page, status))
    }

    /// Waits for the fault, then lets it last a little: the first failures are not yet the steady state.
    fn fault_is_seen(&self) -> Result<()> {
        let seen = self.pages().try_for_each(|page| self.answers(page, page.status));
        seen.context("the fault")?;
        self.visit_for_a_while();
        Ok(())
    }

    fn visit_for_a_while(&self) {
        let start = Instant::now();
        while start.elapsed() < LASTING {
            self.pages().for_each(|page| drop(self.ask(page)));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks until the page is answered with that status, several visitors at once.
    fn answers(&self, page: &Traffic, status: u16) -> Result<()> {
        self.answers_within(SETTLE, page, status)
    }

    fn answers_within(&self, limit: Duration, page: &Traffic, status: u16) -> Result<()> {
        let start = Instant::now();
        let mut seen = self.ask(page);
        while !seen.contains(&status) && start.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(50));
            seen = self.ask(page);
        }
        ensure!(
            seen.contains(&status),
            "{}{}: a client sees {seen:?}, not {status}",
            page.site,
            page.path
        );
        Ok(())
    }

    fn ask(&self, page: &Traffic) -> Vec<u16> {
        std::thread::scope(|scope| {
            let visit = |_| scope.spawn(|| self.client.ask(page));
            let visits: Vec<_> = (0..page.at_once).map(visit).collect();
            visits
                .into_iter()
                .map(|visit| visit.join().unwrap_or(0))
                .collect()
        })
    }

    fn judge(&mut self, host: &Host, check: impl Fn(&Verdict, Expect) -> Result<()>) -> Result<()> {
        let first = self.outcome.got.is_empty();
        if matches!(self.mode, Mode::NoVerdict) {
            if first {
                self.outcome.got = format!("nginx: {}", host.sh(COMPLAINT)?.trim());
            }
            return Ok(());
        }
        let record: &[_] = if first && matches!(self.mode, Mode::Record(_)) {
            &["--record", LOOKS]
        } else {
            &[]
        };
        let verdict = Verdict::read(&host.why502(&[&["diagnose", "--json"], record].concat())?)?;
        if first {
            (self.outcome.got, self.outcome.took_ms) = (verdict.brief(), verdict.took_ms);
        }
        check(&verdict, self.scenario.expect)?;
        if first { self.keep_recording(host) } else { Ok(()) }
    }

    fn baselines(&mut self, host: &Host) -> Result<()> {
        let (scenario, page) = (self.scenario, &self.scenario.traffic);
        let answer = baseline::table(&host.sh(COMPLAINT)?);
        host.sh(&baseline::restart_script(scenario.stack, page.site, page.path))?;
        self.outcome.table_right = baseline::is_right(answer, scenario.expect);
        self.outcome.script_healed = self.answers_within(HEALS, page, 200).is_ok();
        self.outcome.got = answer.to_owned();
        Ok(())
    }

    fn keep_recording(&self, host: &Host) -> Result<()> {
        let Mode::Record(dir) = self.mode else {
            return Ok(());
        };
        let dir = dir.join(&self.outcome.scenario);
        fs::create_dir_all(&dir)?;
        fs::copy(host.file(LOOKS), dir.join("looks.jsonl")).context("the tool left no recording")?;
        let expected =
            serde_json::json!({ "scenario": self.outcome.scenario, "expected": self.outcome.expected });
        Ok(fs::write(dir.join("expected.json"), format!("{expected:#}\n"))?)
    }
}

/// What nginx said last, without what differs from run to run.
const COMPLAINT: &str = r"
tail -n 1 /var/log/nginx/error.log | sed -E 's/^[^ ]+ [^ ]+ (\S+) \S+ (\*[0-9]+ )?/\1 /; s/, client: .* upstream/, upstream/; s/, host.*//'
";

/// Where the tool records its looks inside a host; not on tmpfs, so that it can be read from outside.
const LOOKS: &str = "/root/looks.jsonl";
