//! `why502/repair/1`: what `fix` would do, did, and how it ended. The types are the schema, and what the screen is drawn
//! from: people and machines see the same plan.

mod draw;

pub use draw::{
    diff as draw_diff, end as draw_end, lines as draw_lines, plan as draw_plan, progress as draw_progress,
    steps as draw_steps, verdict as draw_verdict,
};

use super::{json::page, words};
use diagnose::{Finding, Question, Verdict, limits::size};
use remedy::{Plan, Test, Wish, show};
use schemars::JsonSchema;
use serde::Serialize;

/// What `why502 fix --json`, and `--json` of each `why502 client`, prints.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Report {
    /// Always `why502/repair/1`.
    pub schema: &'static str,
    /// Version of the program.
    pub version: &'static str,
    /// Name of the host.
    pub host: String,
    /// When, RFC 3339 in UTC.
    pub at: String,
    /// What `diagnose` found: `found`, `torn`, `unexplained`, `recovered` or `healthy`; `asked` where nothing was diagnosed and
    /// a person asked for it (`why502 client`).
    pub verdict: String,
    /// The answer in one sentence.
    pub says: String,
    /// One for each root, in the order in which they were taken.
    pub fixes: Vec<Fix>,
}

/// One root and what became of it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Fix {
    /// The cause.
    pub cause: String,
    /// What it is about.
    pub subject: String,
    /// What is wrong here.
    pub why: String,
    /// `auto`, `ask`, `never` or `inform`.
    pub class: String,
    /// Which of `ways` was taken, from one.
    pub way: usize,
    /// Every way to mend it, best first.
    pub ways: Vec<String>,
    /// The plan; null where none could be made.
    pub plan: Option<Shown>,
    /// Its name in `why502 history` once it was begun.
    pub id: Option<String>,
    /// Why it may not be done. Empty where it may.
    pub objections: Vec<String>,
    /// How it ended.
    pub outcome: Outcome,
    /// The same in plain words, with what to do next.
    pub outcome_says: String,
}

/// How a fix ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// It was printed and nothing was done.
    Planned,
    /// Done, and proved through nginx.
    Fixed,
    /// The site answers again; the root is still there.
    Relieved,
    /// Done, and the host starts again: `why502 fix` proves it then.
    Restarts,
    /// It was taken back: a step or the proof failed, or it was interrupted.
    Undone,
    /// Some of it stands and could not be taken back.
    HalfDone,
    /// It may not be done: `objections`.
    Refused,
    /// No plan could be made of it.
    NoPlan,
    /// The host did not stay as the printed plan found it.
    Moved,
}

/// A plan as a person reads it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Shown {
    /// Names exactly these steps on a host in exactly this state.
    pub id: String,
    /// What it does.
    pub title: String,
    /// It only makes the site answer again; the root stays.
    pub relief: bool,
    /// What is done, in this order.
    pub steps: Vec<Step>,
    /// Requests that must be answered below 500 afterwards.
    pub must_answer: Vec<String>,
    /// Requests to other sites that must go on being answered.
    pub must_not_break: Vec<String>,
    /// What must hold afterwards on a visitor's machine.
    pub holds: Vec<String>,
    /// How long that may take to come about, milliseconds; 0 is some seconds.
    pub warm_up_ms: u64,
    /// How long that is watched, milliseconds.
    pub settle_ms: u64,
    /// What a person should know besides.
    pub notes: Vec<String>,
}

/// A step as a person reads it.
#[derive(Clone, Debug, Serialize, JsonSchema)]
pub struct Step {
    /// As `--only` takes it, from one.
    pub number: usize,
    /// What it does, one line.
    pub does: String,
    /// The exact command it equals; null where `diff` says it.
    pub command: Option<String>,
    /// A unified diff of the file it edits.
    pub diff: Option<String>,
    /// Whom it disturbs; null where nobody.
    pub disturbs: Option<String>,
    /// How it is taken back; null where it changes nothing.
    pub undo: Option<String>,
}

impl Report {
    /// `took` roots of this verdict, as they ended.
    pub fn of(host: String, at: String, verdict: &Verdict, fixes: Vec<Fix>) -> Self {
        Self {
            schema: "why502/repair/1",
            version: env!("CARGO_PKG_VERSION"),
            host,
            at,
            verdict: super::json::word(&verdict.outcome),
            says: words::headline(verdict),
            fixes,
        }
    }

    /// As one JSON document.
    pub fn render(&self) -> anyhow::Result<String> {
        Ok(page(self)? + "\n")
    }
}

impl Fix {
    /// Of a root, before anything is known about a plan.
    pub fn of(finding: &Finding, way: usize) -> Self {
        Self {
            cause: finding.cause.to_owned(),
            subject: finding.subject.clone(),
            why: words::says(finding).to_owned(),
            class: super::json::word(&finding.class),
            way,
            ways: finding
                .remedies
                .iter()
                .map(|remedy| remedy.title.clone())
                .collect(),
            plan: None,
            id: None,
            objections: Vec::new(),
            outcome: Outcome::NoPlan,
            outcome_says: String::new(),
        }
    }
}

impl Fix {
    /// Of what somebody asked for by name.
    pub fn wished(wish: &Wish) -> Self {
        Self {
            cause: wish.cause.to_owned(),
            subject: wish.subject.clone(),
            why: wish.why.clone(),
            class: "ask".to_owned(),
            way: 1,
            ways: vec![wish.title.clone()],
            plan: None,
            id: None,
            objections: Vec::new(),
            outcome: Outcome::NoPlan,
            outcome_says: String::new(),
        }
    }
}

impl Shown {
    /// Of a plan, some of whose steps came along with those that were asked for.
    pub fn of(plan: &Plan, along: &[usize]) -> Self {
        let steps = plan.steps.iter().enumerate();
        Self {
            id: plan.id().to_string(),
            title: plan.title.clone(),
            relief: plan.relief,
            steps: steps.map(|(index, step)| Step::of(index + 1, step)).collect(),
            must_answer: plan.proof.must_answer.iter().map(question).collect(),
            must_not_break: plan.proof.must_not_break.iter().map(question).collect(),
            holds: plan.proof.holds.iter().map(ToString::to_string).collect(),
            warm_up_ms: plan.proof.warm_up_ms,
            settle_ms: plan.proof.settle_ms,
            notes: plan.notes.iter().cloned().chain(came_along(along)).collect(),
        }
    }
}

fn came_along(along: &[usize]) -> Option<String> {
    let numbers: Vec<String> = along.iter().map(usize::to_string).collect();
    (!along.is_empty()).then(|| {
        format!(
            "of the whole plan also step {}, which what you chose needs",
            numbers.join(", ")
        )
    })
}

impl Step {
    /// As a person reads it.
    pub fn of(number: usize, step: &remedy::Step) -> Self {
        Self {
            number,
            does: does(step),
            command: show::command(step),
            diff: show::diff(step),
            disturbs: show::disturbs(step),
            undo: (!matches!(step, remedy::Step::Test { .. })).then(|| show::undone_by(step)),
        }
    }
}

/// A step in a few words.
pub fn does(step: &remedy::Step) -> String {
    use remedy::Step as On;
    match step {
        On::Test { test } => format!("test {}", tested(test)),
        On::Write { path, from, to } => {
            let verb = match (from, to) {
                (None, _) => "create",
                (Some(_), None) => "remove",
                (Some(_), Some(_)) => "edit",
            };
            format!("{verb} {}", path.display())
        }
        On::SetAccess { path, .. } => format!("set mode and owner of {}", path.display()),
        On::DaemonReload => "have systemd read its units again".to_owned(),
        On::Start { unit, .. } => format!("start {unit}"),
        On::Stop { unit, .. } => format!("stop {unit}"),
        On::Restart { unit, .. } => format!("restart {unit}, after writing down what it was doing"),
        On::Reload { unit: Some(unit), .. } => format!("reload {unit}"),
        On::Reload { unit: None, master } => format!("have process {} read its config again", master.pid),
        On::SetUnitFile { unit, from, to } => format!("make {unit} {to} (it is {from})"),
        On::SetLinger { user, on: true, .. } => {
            format!("let services of {user} run while nobody is logged in")
        }
        On::SetLinger { user, .. } => format!("end services of {user} when nobody is logged in"),
        On::EndProcesses { processes } => {
            let pids: Vec<String> = processes.iter().map(|it| it.pid.to_string()).collect();
            format!(
                "end process {}, after writing down what it was doing",
                pids.join(", ")
            )
        }
        On::QuitNginx { master } => {
            format!(
                "let the nginx master {} finish what it serves and end",
                master.pid
            )
        }
        On::AcceptFlow { rule } => match rule.banned() {
            Some(addresses) => format!("lift the ban of {addresses}"),
            None => "let the flow through the packet filter".to_owned(),
        },
        On::RefuseFlow { rule } => match rule.banned() {
            Some(addresses) => format!("refuse {addresses}"),
            None => "take that rule out of the packet filter".to_owned(),
        },
        On::Sysctl { key, from, to } => format!("set {key} to {to} (it is {from})"),
        On::SelinuxBoolean { name, on } => {
            format!("set {name} of SELinux {}", if *on { "on" } else { "off" })
        }
        On::SelinuxPort {
            port, to: Some(to), ..
        } => format!("make TCP port {port} a {to} for SELinux"),
        On::SelinuxPort { port, to: None, .. } => format!("leave TCP port {port} to SELinux's policy"),
        On::TakeOut { shelf } => format!("take out of {}: {}", shelf.whose(), shelf.says()),
        On::PutBack { shelf } => format!("put back into {}: {}", shelf.whose(), shelf.says()),
        On::DropCache { dir, .. } => format!("keep {} free for a cache of nginx", dir.display()),
        On::Reclaim { of, bytes } => format!("have {} give back {}", of.command().0, size(*bytes)),
        On::Reboot => "restart this host".to_owned(),
        of_the_network => does_to_the_network(of_the_network),
    }
}

/// Of names and ways; the command for every other step.
fn does_to_the_network(step: &remedy::Step) -> String {
    use remedy::Step as On;
    match step {
        On::FlushNames { cache } => format!("have {} forget the names it keeps", cache.program()),
        On::RebuildResolvConf => "have resolvconf make /etc/resolv.conf anew".to_owned(),
        On::ResetInterface { name, by, .. } => format!("have {} set {name} up anew", by.program()),
        On::RestoreInterface { name, .. } => format!("give {name} the addresses and routes that it had"),
        On::SetRoute {
            device, to: Some(to), ..
        } => way(device, to),
        On::SetRoute { device, from, .. } => {
            let to = from.as_ref().map_or("", |it| it.to.as_str());
            format!("take the route to {to} by way of {device} away")
        }
        On::FlushRoutes => "have the kernel forget what it learnt of ways".to_owned(),
        On::FlushNeighbour { address, .. } => format!("forget the neighbour {address}"),
        On::FlushConntrack { to, .. } => format!("forget tracked connections to {to}"),
        On::SetInterface { name, up } => format!("set {name} {}", if *up { "up" } else { "down" }),
        other => show::command(other).unwrap_or_default(),
    }
}

/// `send what goes to 10.9.0.7 by way of 10.0.0.1 on tun0, in packets of 1280 bytes at most`
fn way(device: &str, route: &remedy::Route) -> String {
    let gateway = route.gateway.map_or(String::new(), |it| format!(" {it} on"));
    let size = route.mtu.map_or(String::new(), |mtu| {
        format!(", in packets of {mtu} bytes at most")
    });
    let what = match route.to.as_str() {
        "default" => "what has no route of its own",
        to => &format!("what goes to {to}"),
    };
    format!("send {what} by way of{gateway} {device}{size}")
}

fn tested(test: &Test) -> String {
    match test {
        Test::Nginx { .. } => "nginx's config".to_owned(),
        Test::PhpFpm { .. } => "php-fpm's config".to_owned(),
        Test::Apache => "Apache's config".to_owned(),
        Test::Unit { unit } => unit.clone(),
        Test::Nft { path } => path.display().to_string(),
    }
}

/// A request as a person reads it: `GET http://shop.example/cart at 127.0.0.1:80`.
fn question(of: &Question) -> String {
    let scheme = if of.listen.tls { "https" } else { "http" };
    format!(
        "{} {scheme}://{}{} at {}",
        of.method, of.host, of.target, of.listen.endpoint
    )
}
