//! What a scenario says: one fault on one stack, the requests that meet it, and the verdict that is right.

use crate::Stack;

/// One fault (or a control) on one stack.
#[derive(Clone, Copy, Debug)]
pub struct Scenario {
    /// Unique, kebab-case. Never visible inside a host.
    pub name: &'static str,
    /// One paragraph: what it does to the host and what it is told apart from.
    pub about: &'static str,
    /// The servers it starts from.
    pub stack: Stack,
    /// Shell run after the stack's files are written and before its servers start.
    pub prepare: &'static str,
    /// What breaks the host.
    pub inject: &'static [Step],
    /// The requests that show the fault. The same page answers 200 before and after.
    pub traffic: Traffic,
    /// A second page that must show its own fault at the same time.
    pub also: Option<Traffic>,
    /// Requests that go on while the tool looks.
    pub held: Option<Held>,
    /// A crowd that asks while the tool looks, and goes away before the host is restored.
    pub crowd: Option<Crowd>,
    /// People who use the site all the time: the fault costs them answers, and what mends it must cost them none.
    pub regulars: Option<Crowd>,
    /// What `why502 fix` can do about it.
    pub fix: Fix,
    /// Shell that takes the fault away.
    pub restore: &'static str,
    /// The same on the machines around the host, before that: see [`Step::Around`].
    pub restore_around: &'static str,
    /// The right verdict.
    pub expect: Expect,
    /// Causes that must be ruled out, with words that it is said in; empty asks for nothing.
    pub rules_out: &'static [(&'static str, &'static str)],
    /// Words that the evidence of the first root must hold; empty asks for nothing.
    pub shows: &'static [&'static str],
    /// Causes that one root's chain must name, from the visitors' side to the root; empty asks for nothing.
    pub chain: &'static [&'static str],
    /// Links that are taken away one after another, from the visitors' side; `restore` takes the last.
    pub links: &'static [Link],
    /// The kind of change that the first root must name as its trigger, as `--json` spells it; `None` asks for nothing.
    pub trigger: Option<&'static str>,
    /// What `why502 audit` must say; `None` does not ask it.
    pub audit: Option<Audit>,
    /// What `why502 report` must tell once it is over, in that order; empty does not ask it.
    pub report: &'static [&'static str],
}

impl Scenario {
    /// A scenario that does nothing yet; each scenario names what differs.
    pub const BASE: Self = Self {
        name: "",
        about: "",
        stack: Stack::FpmUnix,
        prepare: "",
        inject: &[],
        traffic: Traffic::SHOP,
        also: None,
        held: None,
        crowd: None,
        regulars: None,
        fix: Fix::Nothing,
        restore: "",
        restore_around: "",
        expect: Expect::Healthy,
        rules_out: &[],
        shows: &[],
        chain: &[],
        links: &[],
        trigger: None,
        audit: None,
        report: &[],
    };
}

/// What `why502 audit` must say of a host.
#[derive(Clone, Copy, Debug)]
pub struct Audit {
    /// Exactly these findings, as `rule subject`, in any order.
    pub tells: &'static [&'static str],
    /// Of these the ones that `--fix` changes and `undo` brings back.
    pub mends: &'static [&'static str],
}

/// One link of a chain, and what is right once it is gone.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    /// Shell that takes it away and leaves the rest.
    pub remove: &'static str,
    /// What the page's visitors see then.
    pub status: u16,
    /// The right verdict then.
    pub expect: Expect,
    /// The chain then.
    pub chain: &'static [&'static str],
}

/// One step of breaking a host.
#[derive(Clone, Copy, Debug)]
pub enum Step {
    /// A shell script run as root inside.
    Sh(&'static str),
    /// A shell script run on the machines around the host. `$router` is the network namespace of what its eth0 leads to
    /// (192.0.2.1, 192.0.2.7; the interface has the same name), `$far` that of the machine behind it: 198.51.100.2, and
    /// 198.51.100.66 on a line of its own.
    Around(&'static str),
    /// The whole host restarts.
    Reboot,
}

/// Requests for one page and what its visitors must see.
#[derive(Clone, Copy, Debug)]
pub struct Traffic {
    /// The site's name, sent as `Host`.
    pub site: &'static str,
    /// The page.
    pub path: &'static str,
    /// The status that shows the fault; 0 is no HTTP answer at all.
    pub status: u16,
    /// How many requests go out together.
    pub at_once: u8,
    /// Bytes of a POST's body; a GET where there are none.
    pub body: Option<u32>,
    /// It asks for a WebSocket; one that is granted (101) counts as 200.
    pub upgrade: bool,
    /// A visitor's time between two requests, in milliseconds; 0 is as soon as may be.
    pub pause_ms: u64,
}

impl Traffic {
    /// The shop's front page, answered with 502.
    pub const SHOP: Self = Self {
        site: "shop.example",
        path: "/",
        status: 502,
        at_once: 3,
        body: None,
        upgrade: false,
        pause_ms: 0,
    };
    /// The same page, answered with 504.
    pub const SHOP_504: Self = Self {
        status: 504,
        ..Self::SHOP
    };
}

/// Visitors who keep one page busy.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// The page they ask for.
    pub path: &'static str,
    /// How many of them.
    pub visitors: u8,
}

/// Many requests at once, of people or of programs.
#[derive(Clone, Copy, Debug)]
pub struct Crowd {
    /// Methods and paths, asked for in turn.
    pub asks: &'static [(&'static str, &'static str)],
    /// What they call themselves.
    pub agent: &'static str,
    /// Where they say they come from; nothing where empty.
    pub referrer: &'static str,
    /// How many addresses they have.
    pub addresses: u8,
    /// How many ask at the same time.
    pub at_once: u8,
    /// Their time between two requests, in milliseconds.
    pub pause_ms: u64,
}

/// The right verdict.
#[derive(Clone, Copy, Debug)]
pub enum Expect {
    /// `found` with exactly these roots, in any order.
    Found(&'static [&'static str]),
    /// `unexplained` or `torn`: no catalogued cause is the truth.
    NotFound,
    /// `healthy`.
    Healthy,
    /// `recovered`, judged after the fault is gone; with this first root where one is named.
    Recovered(Option<&'static str>),
}

/// What `why502 fix` can do about a fault.
#[derive(Clone, Copy, Debug)]
pub enum Fix {
    /// Nothing: it says what a person would do, and changes nothing.
    Nothing,
    /// It mends the site, by each of so many ways, and undo brings the fault back.
    Mends {
        /// `fix --way 1`, `--way 2`…
        ways: u8,
    },
    /// As `Mends`, by that way alone: the others are played where they are the only one.
    MendsBy {
        /// `fix --way 2`
        way: u8,
    },
    /// It mends the site; what it ended can't be brought back, so after undo the page is answered otherwise.
    Ends {
        /// The status then: 200 where all is well once the processes are gone.
        then: u16,
    },
    /// As `Mends`, by a person at a terminal who is asked about each root.
    Asked {
        /// So many.
        roots: u8,
    },
    /// It restarts the host, where a person agrees to that; the next fix proves what came of it.
    Restarts,
    /// The repair of these faults is played where each stands alone.
    NotTried,
    /// As `Mends`, but cut off while the unit `app` is in its `ExecStartPre=`.
    Interrupted(Interrupt),
}

/// What cuts a fix off.
#[derive(Clone, Copy, Debug)]
pub enum Interrupt {
    /// Ctrl-C: why502 takes back what it did, and does not wait for the unit.
    Stop,
    /// `kill -9` of why502.
    Kill,
    /// The host restarts.
    Reboot,
}
