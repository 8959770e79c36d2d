//! `why502 fix` on a broken host, and `why502 undo` after it: what the visitor, the neighbour and the disk see of both.

use std::process::Output;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::traffic::Background;
use crate::visitors::Visitors;
use crate::{Expect, Fix, Host, Interrupt, Scenario};

/// What a repair may change and an undo must put back: files, their owners and links (which enable units), who runs, the
/// packet filter, the kernel.
/// php-fpm links its socket among the alternatives when it starts and stops: its own doing. What the noise runs is not
/// there after a reboot. What is started again and again is active now and activating then.
const STATE: &str = r#"
find /etc /srv /var/www /usr/local /run/systemd/system -xdev \( -path /etc/alternatives/php-fpm.sock -o -name '*.pyc' -o -name __pycache__ \) -prune -o -printf '%y %m %U:%G %p %l\n' | sort
find /var/lib/nginx /var/cache/nginx -xdev -type d -printf '%m %U:%G %p\n' 2>/dev/null | sort
find /etc /srv /var/www -xdev -type f -not -name '*.pyc' -print0 | sort -z | xargs -0 sha256sum
find /run -maxdepth 2 -type d -not -path '/run/systemd*' -not -path '/run/user*' -not -path '/run/why502*' -printf '%m %U:%G %p\n' | sort
systemctl list-units --all --plain --no-legend --type=service,socket | grep -Ev '^(run-|fixing|files|old-pool|systemd-|user)' | awk '{ print $1, $2, $3 == "failed" ? "inactive" : $3 == "activating" ? "active" : $3 }' | sort
nft -s list ruleset
ip route show; ip -6 route show; ip -br link show; ip neigh show nud permanent
sysctl -n net.core.somaxconn net.ipv4.ip_local_port_range
"#;

/// What no repair may leave behind, whatever became of it.
const LEFT_OVER: &str = "find / -xdev -name '*why502*' -not -path '/usr/local/bin/why502' -not -path '/var/lib/why502*' \
                         -not -path '/proc/*' -not -path '/sys/*'";

/// Time that a mended page gets until why502 no longer expects it to fail again.
pub(crate) const BELIEVED: Duration = Duration::from_secs(20);
/// Further looks at what is not found at once, and the exit code that says so.
const LOOKS: usize = 3;
const UNEXPLAINED: i32 = 2;
/// Until why502 has ended after Ctrl-C, on a busy machine.
const STOPS: Duration = Duration::from_secs(3);
/// How long regular visitors are counted, and how many answers of theirs show anything.
const SERVED: Duration = Duration::from_secs(8);
const ENOUGH: usize = 20;
/// A neighbour that answered all this time before a fix must not notice it.
const CALM: Duration = Duration::from_secs(1);

/// A host and what is to be held against it.
pub(crate) struct Repair<'a> {
    pub(crate) scenario: &'a Scenario,
    pub(crate) host: &'a mut Host,
    /// Visitors of the site that is not concerned; `None` where that one fails too.
    pub(crate) neighbour: Option<&'a Background>,
    pub(crate) visitors: &'a Visitors,
    /// People who use the failing site all the time.
    pub(crate) regulars: Option<&'a Background>,
    /// What the first `why502 fix` took, from its start to its end.
    pub(crate) took: Duration,
}

impl Repair<'_> {
    /// Every way there is, one after another, each taken back before the next.
    pub(crate) fn play(&mut self) -> Result<String> {
        if matches!(self.scenario.fix, Fix::NotTried) {
            return Ok(String::new());
        }
        let before = self.state()?;
        match self.scenario.fix {
            Fix::NotTried | Fix::Nothing => {
                let said = self.why502(&["fix", "--yes"])?;
                let healthy = matches!(self.scenario.expect, Expect::Healthy);
                ensure!(
                    (said.status.code() == Some(0)) == healthy,
                    "nothing can be repaired here, yet: {}",
                    text(&said)
                );
                self.unchanged(&before, "a fix that had nothing to do")?;
                Ok(String::new())
            }
            Fix::Mends { ways } => {
                (1..=ways).try_for_each(|way| self.mend_and_take_back(way, &before))?;
                Ok("mended, taken back".to_owned())
            }
            Fix::MendsBy { way } => {
                self.mend_and_take_back(way, &before)?;
                Ok("mended, taken back".to_owned())
            }
            Fix::Ends { then } => {
                self.mend(1)?;
                self.undo(&[0, 1])?;
                self.visitors
                    .see(then)
                    .context("after the undo of what can't be undone")?;
                Ok("mended, not to be taken back".to_owned())
            }
            Fix::Restarts => {
                self.restart(&before)?;
                Ok("mended by a restart of the host".to_owned())
            }
            Fix::Asked { roots } => {
                self.at_a_terminal(roots.into(), &before)?;
                Ok("mended at a terminal, taken back".to_owned())
            }
            Fix::Interrupted(by) => {
                self.interrupted(by, &before)?;
                Ok("interrupted, taken back".to_owned())
            }
        }
    }

    fn mend_and_take_back(&mut self, way: u8, before: &str) -> Result<()> {
        let context = || format!("way {way}");
        self.mend(way).with_context(context)?;
        self.undo_all().with_context(context)?;
        self.visitors
            .see_the_fault()
            .context("the undo did not bring the fault back")
            .with_context(context)?;
        self.unchanged(before, "the undo").with_context(context)?;
        self.undo(&[0, 1]).context("a second undo")?;
        self.unchanged(before, "a second undo")
    }

    fn mend(&mut self, way: u8) -> Result<()> {
        let neighbour = self
            .neighbour
            .filter(|it| it.failed_since(Instant::now() - CALM).is_empty());
        let start = Instant::now();
        let fixed = self.fix(way)?;
        if self.took.is_zero() {
            self.took = start.elapsed();
        }
        ensure!(
            fixed.status.code() == Some(0),
            "fix: {}: {}",
            fixed.status,
            text(&fixed)
        );
        self.visitors.see(200).context("after the fix")?;
        if let Some(neighbour) = neighbour.filter(|_| !warns(&fixed)) {
            let failed = neighbour.failed_since(start);
            ensure!(
                failed.is_empty(),
                "the neighbour's visitors saw {failed:?} during the fix"
            );
        }
        self.regulars_are_served(start)?;
        self.is_well().context("after the fix")
    }

    /// Those who were there before are answered all the time, once `why502 fix` says that it is mended.
    fn regulars_are_served(&self, fix: Instant) -> Result<()> {
        let Some(regulars) = self.regulars else {
            return Ok(());
        };
        ensure!(
            !regulars.failed_since(fix - SERVED).is_empty(),
            "the fault cost no regular visitor anything"
        );
        let since = Instant::now();
        std::thread::sleep(SERVED);
        let answers = regulars.answers_since(since);
        let failed: Vec<&u16> = answers.iter().filter(|status| **status != 200).collect();
        ensure!(
            failed.is_empty() && answers.len() >= ENOUGH,
            "after the fix regular visitors saw {failed:?} in {} answers",
            answers.len()
        );
        Ok(())
    }

    /// Not without a person's word for it; and what came of it is told, and proved, after the restart.
    fn restart(&mut self, before: &str) -> Result<()> {
        let refused = self.why502(&["fix", "--yes"])?;
        ensure!(
            refused.status.code() == Some(1) && text(&refused).contains("--agree-reboot"),
            "a restart without --agree-reboot: {}",
            text(&refused)
        );
        self.unchanged(before, "a restart that nobody agreed to")?;
        let fix = ["/usr/local/bin/why502", "fix", "--yes", "--agree-reboot"];
        let said = text(&self.host.reboot_by(&fix)?);
        ensure!(
            said.contains("why502 fix"),
            "what proves the restart is not said: {said}"
        );
        let waits = self.why502(&["diagnose", "--json"])?;
        let waits: serde_json::Value = serde_json::from_slice(&waits.stdout).context(text(&waits))?;
        ensure!(
            waits["half_done"]["waits_for_proof"] == true,
            "why502 does not say that a fix waits for its proof: {waits}; the fix said: {said}"
        );
        self.mend(1).context("proving it")?;
        let proved = self.why502(&["history", "--json"])?;
        ensure!(
            text(&proved).contains("proved, it stays"),
            "history: {}",
            text(&proved)
        );
        self.undo(&[0])?;
        self.visitors.see(200).context("after the undo of a restart")
    }

    /// What comes and goes, a queue that is full now and then, may need a second look: nothing was changed then.
    fn fix(&self, way: u8) -> Result<Output> {
        let way = way.to_string();
        let fix = || self.why502(&["fix", "--yes", "--way", &way]);
        let mut fixed = fix()?;
        for _ in 0..LOOKS {
            if fixed.status.code() != Some(UNEXPLAINED) {
                break;
            }
            fixed = fix()?;
        }
        Ok(fixed)
    }

    /// why502 sees no failure any more. What failed, went well and failed again within seconds is not over at once.
    fn is_well(&self) -> Result<()> {
        let start = Instant::now();
        loop {
            let verdict = self.why502(&["diagnose", "--json"])?;
            if verdict.status.code() == Some(0) {
                return Ok(());
            }
            ensure!(start.elapsed() < BELIEVED, "why502 says: {}", text(&verdict));
            self.visitors.see(200)?;
            std::thread::sleep(Duration::from_secs(1));
        }
    }

    /// Every root was mended by a plan of its own, and is taken back by an undo of its own.
    fn undo_all(&self) -> Result<()> {
        let roots = match self.scenario.expect {
            Expect::Found(roots) => roots,
            _ => &[],
        };
        roots.iter().try_for_each(|_| self.undo(&[0]))
    }

    fn undo(&self, exits: &[i32]) -> Result<()> {
        let undone = self.why502(&["undo", "--yes"])?;
        let right = undone.status.code().is_some_and(|code| exits.contains(&code));
        ensure!(right, "undo: {}: {}", undone.status, text(&undone));
        Ok(())
    }

    /// The fix is cut off while a unit restarts, by a kill or by the host going down.
    fn interrupted(&mut self, by: Interrupt, before: &str) -> Result<()> {
        self.host.sh(
            "systemd-run -q --unit=fixing /usr/local/bin/why502 fix --yes
             for _ in $(seq 600); do [ \"$(systemctl show -P SubState app)\" = start-pre ] && break; sleep 0.02; done
             [ \"$(systemctl show -P SubState app)\" = start-pre ]",
        )
        .context("the fix did not come to the restart")?;
        match by {
            Interrupt::Stop => return self.stopped(before),
            Interrupt::Kill => drop(self.host.sh("systemctl kill -s KILL fixing")?),
            Interrupt::Reboot => self.host.reboot()?,
        }
        let said = self.why502(&["diagnose", "--json"])?;
        let verdict: serde_json::Value = serde_json::from_slice(&said.stdout).context(text(&said))?;
        ensure!(
            !verdict["half_done"].is_null(),
            "why502 does not say that a fix is half done: {}",
            text(&said)
        );
        let again = self.why502(&["fix", "--yes"])?;
        ensure!(
            again.status.code() != Some(0),
            "a second fix beside a half done one: {}",
            text(&again)
        );
        self.undo(&[0])?;
        self.visitors
            .see_the_fault()
            .context("the undo did not bring the fault back")?;
        self.unchanged(before, "the undo")
    }

    /// It ends at once, with all of it taken back, though the unit goes on starting.
    fn stopped(&self, before: &str) -> Result<()> {
        let start = Instant::now();
        let ended = self.host.sh("systemctl kill -s INT fixing
             while systemctl is-active -q fixing; do sleep 0.02; done
             systemctl show -P SubState app")?;
        let took = start.elapsed();
        ensure!(took < STOPS, "Ctrl-C took {took:?}");
        ensure!(
            ended.trim() != "running",
            "the unit had come up meanwhile: nothing was shown"
        );
        self.visitors
            .see_the_fault()
            .context("Ctrl-C did not bring the fault back")?;
        self.host
            .sh("until systemctl is-active -q app; do sleep 0.1; done")?;
        self.unchanged(before, "Ctrl-C")?;
        self.undo(&[0, 1]).context("an undo behind it")?;
        self.unchanged(before, "an undo behind it")
    }

    pub(crate) fn unchanged(&self, before: &str, by: &str) -> Result<()> {
        unchanged(self.host, before, by)
    }

    fn state(&self) -> Result<String> {
        state(self.host)
    }

    fn why502(&self, args: &[&str]) -> Result<Output> {
        self.host.why502(args)
    }
}

/// The plan said that whoever is asked by way of a unit that it stops gets no answer meanwhile.
fn warns(fixed: &Output) -> bool {
    let said = text(fixed);
    let words: Vec<&str> = said.split_whitespace().collect();
    words.join(" ").contains("stops: it serves nobody until")
}

/// What a repair may change, as it is now.
pub(crate) fn state(host: &Host) -> Result<String> {
    host.sh(STATE).context("the state of the host")
}

/// Nothing of it differs, or goes on differing: a unit in a loop of crashes makes and removes its runtime directory.
pub(crate) fn unchanged(host: &Host, before: &str, by: &str) -> Result<()> {
    let mut after = state(host)?;
    for _ in 0..5 {
        if after == before {
            break;
        }
        std::thread::sleep(Duration::from_millis(300));
        after = state(host)?;
    }
    let lines = |text: &str| text.lines().map(str::to_owned).collect::<Vec<_>>();
    let (before, after) = (lines(before), lines(&after));
    let gone = before
        .iter()
        .filter(|line| !after.contains(line))
        .map(|line| format!("- {line}"));
    let new = after
        .iter()
        .filter(|line| !before.contains(line))
        .map(|line| format!("+ {line}"));
    let changes: Vec<String> = gone.chain(new).take(20).collect();
    ensure!(
        changes.is_empty(),
        "{by} did not leave the host as it was:\n{}",
        changes.join("\n")
    );
    let left = host.sh(LEFT_OVER)?;
    ensure!(left.trim().is_empty(), "{by} left: {left}");
    Ok(())
}

pub(crate) fn text(output: &Output) -> String {
    let both = [output.stdout.as_slice(), b"\n", output.stderr.as_slice()].concat();
    String::from_utf8_lossy(&both).trim().to_owned()
}
