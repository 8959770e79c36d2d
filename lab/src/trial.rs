//! One scenario on one fresh host, from healthy through broken to restored.

use std::fs;
use std::path::Path;
use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::outcome::{Mode, Outcome, millis};
use crate::repair::{BELIEVED, Repair};
use crate::stack::NOISE;
use crate::traffic::Background;
use crate::verdict::Verdict;
use crate::visitors::Visitors;
use crate::{
    Expect, Host, Link, Scenario, Step, baseline, elsewhere, evidence, foresight, root, told, traffic,
};

/// The site beside the shop.
const NEIGHBOUR: &str = "blog.example";
/// A host is at work for a while before something breaks: logs and starts of units are known to the second, and what is
/// started in the second of a failure may have mended it.
const AT_WORK: Duration = Duration::from_millis(1200);
/// Time a restart gets to heal the page.
const HEALS: Duration = Duration::from_secs(6);

/// Plays the scenario on a fresh host and judges it twice there if `noise`: bare, and with the past that hosts have. An
/// outcome each. A failure keeps the host's evidence before the host goes away.
pub(crate) fn play(
    scenario: &Scenario,
    noise: bool,
    mode: &Mode,
    tool: &Path,
    limit: Duration,
) -> Vec<Outcome> {
    let start = Instant::now();
    let variants: &[&str] = if noise { &["", "+noise"] } else { &[""] };
    let mut trial = Trial {
        scenario,
        mode,
        tool,
        outcomes: variants.iter().map(|it| Outcome::of(scenario, it)).collect(),
        now: 0,
        lap: start,
        said: Vec::new(),
        judged: None,
    };
    let played = trial.on_fresh_host(limit).and_then(|()| trial.elsewhere());
    if let Err(error) = played {
        trial.fail(&format!("{error:#}"));
    }
    trial.outcomes[0].ms = millis(start.elapsed());
    trial.outcomes
}

struct Trial<'a> {
    scenario: &'a Scenario,
    mode: &'a Mode,
    tool: &'a Path,
    outcomes: Vec<Outcome>,
    /// Which of them is being played.
    now: usize,
    /// Since when the phase under way lasts.
    lap: Instant,
    /// The tool's last verdict, as it came.
    said: Vec<u8>,
    /// The same of the fault, with all looks behind it.
    judged: Option<Output>,
}

impl Trial<'_> {
    fn on_fresh_host(&mut self, limit: Duration) -> Result<()> {
        let mut host = Host::boot(self.tool, limit)?;
        let client = host.client()?;
        let _elsewhere = [traffic::serve(&client), traffic::serve(&host.far()?)];
        self.phase("boot");
        let visitors = Visitors::of(self.scenario, client);
        let Err(error) = self.run(&mut host, &visitors) else {
            return Ok(());
        };
        let kept = evidence::keep(&mut host, &self.outcomes[self.now].scenario, &error, &self.said);
        Err(match kept {
            Ok(dir) => error.context(format!("evidence in {}", dir.display())),
            Err(lost) => error.context(format!("evidence lost: {lost:#}")),
        })
    }

    fn outcome(&mut self) -> &mut Outcome {
        &mut self.outcomes[self.now]
    }

    fn phase(&mut self, name: &str) {
        let took = millis(self.lap.elapsed());
        self.lap = Instant::now();
        self.outcome().phases.push((name.to_owned(), took));
    }

    /// What was not judged yet did not pass either.
    fn fail(&mut self, error: &str) {
        for (at, outcome) in self.outcomes.iter_mut().enumerate() {
            if at == self.now {
                outcome.error = Some(error.to_owned());
            } else if outcome.got.is_empty() {
                outcome.error = Some("not judged: the trial before it failed".to_owned());
            }
        }
    }

    fn run(&mut self, host: &mut Host, visitors: &Visitors) -> Result<()> {
        host.sh(&self.scenario.setup()).context("setting up")?;
        visitors.see(200).context("before the fault")?;
        std::thread::sleep(AT_WORK);
        let neighbour = Background::start(&visitors.client, NEIGHBOUR, "/", 1, Duration::from_millis(200));
        self.phase("set up");
        let regulars = self
            .scenario
            .regulars
            .map(|people| Background::regulars(&visitors.client, self.scenario.traffic.site, people));
        let held = self.inject(host, visitors)?;
        visitors.see_the_fault().context("the fault")?;
        visitors.visit_for_a_while();
        self.phase("break");
        if matches!(self.mode, Mode::Baselines) {
            return self.baselines(host, visitors);
        }
        if !matches!(self.scenario.expect, Expect::Recovered(_)) {
            self.judge_each(host)?;
            if !matches!(self.mode, Mode::NoVerdict) {
                visitors.visit_for_a_while();
                let neighbour = (!visitors.concern(NEIGHBOUR)).then_some(&neighbour);
                self.repair(host, visitors, neighbour, regulars.as_ref())
                    .context("the repair")?;
                self.phase("repair");
                self.unlink(host, visitors)?;
            }
        }
        drop(held);
        host.around(self.scenario.restore_around).context("restoring")?;
        host.sh(self.scenario.restore).context("restoring")?;
        visitors.see(200).context("after the fault was taken away")?;
        visitors.visit_for_a_while();
        self.phase("restore");
        if !self.scenario.report.is_empty() && !matches!(self.mode, Mode::NoVerdict) {
            told::check(host, self.scenario).context("the report")?;
            self.phase("report");
        }
        match self.scenario.expect {
            Expect::Healthy => return Ok(()),
            Expect::Recovered(_) => self.judge_each(host)?,
            _ => self.over(host, visitors)?,
        }
        self.phase("judge again");
        Ok(())
    }

    /// Each link that goes makes the chain shorter, or another.
    fn unlink(&mut self, host: &Host, visitors: &Visitors) -> Result<()> {
        for (nth, link) in (1..).zip(self.scenario.links) {
            let context = || format!("link {nth} taken away");
            host.sh(link.remove).with_context(context)?;
            visitors.see(link.status).with_context(context)?;
            let start = Instant::now();
            visitors.visit_for_a_while();
            // what nginx said of the longer chain is not forgotten at once
            while let Err(error) = self.is_unlinked(host, link) {
                ensure!(start.elapsed() < BELIEVED, "link {nth} taken away: {error:#}");
                visitors.visit_for_a_while();
            }
            self.phase("unlink");
        }
        Ok(())
    }

    fn is_unlinked(&mut self, host: &Host, link: &Link) -> Result<()> {
        let verdict = self.verdict(host)?;
        verdict.check(link.expect)?;
        verdict.check_chain(link.chain)
    }

    /// The verdict is right, and stays right among the traces of a past. Each verdict is an outcome of its own.
    fn judge_each(&mut self, host: &Host) -> Result<()> {
        self.judge_first(host)?;
        if let Some(audit) = self
            .scenario
            .audit
            .filter(|_| !matches!(self.mode, Mode::NoVerdict))
        {
            foresight::check(host, &audit).context("the audit")?;
        }
        self.phase("judge");
        self.keep_screen(host)?;
        if self.outcomes.len() > 1 {
            self.now = 1;
            host.sh(NOISE).context("laying the noise in")?;
            self.judge_first(host).context("with noise")?;
            self.phase("judge");
            self.outcome().ms = self.outcome().phases.iter().map(|(_, ms)| ms).sum();
            self.now = 0;
        }
        Ok(())
    }

    /// What a person sees, for the pages of the causes.
    fn keep_screen(&self, host: &Host) -> Result<()> {
        let tells = matches!(
            self.scenario.expect,
            Expect::Found(_) | Expect::Recovered(Some(_))
        );
        if !tells || !matches!(self.mode, Mode::Judge) {
            return Ok(());
        }
        let file = root::screen(self.scenario.name);
        fs::create_dir_all(file.with_file_name(""))?;
        let screen = host.why502(&["diagnose"])?;
        Ok(fs::write(file, screen.stdout)?)
    }

    fn judge_first(&mut self, host: &Host) -> Result<()> {
        if matches!(self.mode, Mode::NoVerdict) {
            self.outcome().got = format!("nginx: {}", host.sh(COMPLAINT)?.trim());
            return Ok(());
        }
        let (verdict, judged) = self.recorded(host)?;
        (self.outcome().got, self.outcome().took_ms) = (verdict.brief(), verdict.took_ms);
        self.outcome().chains = verdict.chains();
        verdict.check(self.scenario.expect)?;
        verdict.check_chain(self.scenario.chain)?;
        verdict.check_trigger(self.scenario.trigger)?;
        verdict.check_ruled_out(self.scenario.rules_out)?;
        verdict.check_shows(self.scenario.shows)?;
        self.keep_recording(&judged.stderr)?;
        self.judged = Some(judged);
        Ok(())
    }

    /// What was judged last, once more without the host: no visitor of its waits meanwhile.
    fn elsewhere(&mut self) -> Result<()> {
        let Some(judged) = self.judged.take() else {
            return Ok(());
        };
        self.now = self.outcomes.len() - 1;
        elsewhere::check(self.tool, &judged, self.now > 0)?;
        self.phase("judge elsewhere");
        Ok(())
    }

    /// The tool believes that it is over, if not at once: times in logs are whole seconds, and what failed and answered in
    /// turn, as after a repair and its undo, may do so again.
    fn over(&mut self, host: &Host, visitors: &Visitors) -> Result<()> {
        let start = Instant::now();
        while let Err(error) = self.is_over(host) {
            ensure!(start.elapsed() < BELIEVED, "{error:#}");
            visitors.visit_for_a_while();
        }
        Ok(())
    }

    fn verdict(&mut self, host: &Host) -> Result<Verdict> {
        Verdict::read(&self.diagnose(host, &[])?)
    }

    /// The same with all its looks.
    fn recorded(&mut self, host: &Host) -> Result<(Verdict, Output)> {
        let judged = self.diagnose(host, &["--raw", "--record", elsewhere::LOOKS])?;
        Ok((Verdict::read(&judged)?, judged))
    }

    fn diagnose(&mut self, host: &Host, more: &[&str]) -> Result<Output> {
        let before = host.sh(TRACES)?;
        let output = host.why502(&[&["diagnose", "--json"], more].concat())?;
        self.said.clone_from(&output.stdout);
        let after = host.sh(TRACES)?;
        ensure!(before == after, "looking left traces:\n{before}\nis now\n{after}");
        Ok(output)
    }

    fn is_over(&mut self, host: &Host) -> Result<()> {
        if matches!(self.mode, Mode::NoVerdict) {
            return Ok(());
        }
        self.verdict(host)?.check_over()
    }

    fn repair(
        &mut self,
        host: &mut Host,
        visitors: &Visitors,
        neighbour: Option<&Background>,
        regulars: Option<&Background>,
    ) -> Result<()> {
        let mut repair = Repair {
            scenario: self.scenario,
            host,
            neighbour,
            visitors,
            regulars,
            took: Duration::ZERO,
        };
        let came_to = repair.play()?;
        let took = millis(repair.took);
        (self.outcome().repair, self.outcome().fix_ms) = (came_to, took);
        Ok(())
    }

    fn inject(&self, host: &mut Host, visitors: &Visitors) -> Result<Vec<Background>> {
        for step in self.scenario.inject {
            match step {
                Step::Sh(script) => drop(host.sh(script).context("injecting")?),
                Step::Around(script) => host.around(script).context("injecting")?,
                Step::Reboot => host.reboot()?,
            }
        }
        let site = self.scenario.traffic.site;
        let hold = |held: crate::Held| {
            Background::start(&visitors.client, site, held.path, held.visitors, Duration::ZERO)
        };
        let crowd = |crowd| Background::crowd(&visitors.client, site, crowd);
        Ok(self
            .scenario
            .held
            .map(hold)
            .into_iter()
            .chain(self.scenario.crowd.map(crowd))
            .collect())
    }

    fn baselines(&mut self, host: &Host, visitors: &Visitors) -> Result<()> {
        let (scenario, page) = (self.scenario, &self.scenario.traffic);
        let answer = baseline::table(&host.sh(COMPLAINT)?);
        host.sh(&baseline::restart_script(scenario.stack, page.site, page.path))?;
        let outcome = self.outcome();
        outcome.table_right = baseline::is_right(answer, scenario.expect);
        outcome.script_healed = visitors.see_within(HEALS, 200).is_ok();
        outcome.got = answer.to_owned();
        Ok(())
    }

    fn keep_recording(&mut self, looks: &[u8]) -> Result<()> {
        let Mode::Record(dir) = self.mode else {
            return Ok(());
        };
        let outcome = self.outcome();
        let dir = dir.join(&outcome.scenario);
        fs::create_dir_all(&dir)?;
        fs::write(dir.join("looks.jsonl"), looks)?;
        let expected = serde_json::json!({ "scenario": outcome.scenario, "expected": outcome.expected });
        Ok(fs::write(dir.join("expected.json"), format!("{expected:#}\n"))?)
    }
}

/// What servers' own tests of their configuration would make, or give to somebody.
const TRACES: &str = r"
find /var/lib/nginx /var/log /run/nginx* /run/apache2* /run/lock/apache2 /run/php /etc -maxdepth 2 -not -type s \
  -not -path '/var/log/journal/*' -printf '%m %U:%G %p\n' 2>/dev/null | sort
";

/// What nginx said last, without what differs from run to run.
const COMPLAINT: &str = r"
tail -n 1 /var/log/nginx/error.log | sed -E 's/^[^ ]+ [^ ]+ (\S+) \S+ (\*[0-9]+ )?/\1 /; s/, client: .* upstream/, upstream/; s/, host.*//'
";
