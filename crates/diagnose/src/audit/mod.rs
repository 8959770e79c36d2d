//! What will make a 502 tomorrow, while nothing fails today. One file a rule; a rule is a pure function of a [`Survey`].
//!
//! To add one: its file, its two lines here, a fixture where it fires and one where it stays quiet, `cargo xtask docs`.

mod backlog_short;
mod certificate_ends;
mod header_buffer_small;
mod keepalive_outlives_backend;
mod localhost_one_family;
mod log_rotation_restarts;
mod no_second_try;
mod old_libraries;
mod proxy_banned;
mod request_buffer_small;
mod security_updates;
mod socket_in_tmp;
mod timeouts_race;
mod unit_not_enabled;
mod unit_stays_down;
mod variable_without_resolver;
mod workers_exceed_memory;

use crate::{
    CauseId, Class, Finding, Measure, Rank, Remedy, Role,
    evidence::{Evidence, Source},
    survey::Survey,
    topology::Place,
};
use host::Unseen;

/// Every rule, in the order of the manual.
pub static ALL: &[&Rule] = &[
    &timeouts_race::TIMEOUTS_RACE,
    &keepalive_outlives_backend::KEEPALIVE_OUTLIVES_BACKEND,
    &no_second_try::NO_SECOND_TRY,
    &variable_without_resolver::VARIABLE_WITHOUT_RESOLVER,
    &localhost_one_family::LOCALHOST_ONE_FAMILY,
    &header_buffer_small::HEADER_BUFFER_SMALL,
    &request_buffer_small::REQUEST_BUFFER_SMALL,
    &socket_in_tmp::SOCKET_IN_TMP,
    &backlog_short::BACKLOG_SHORT,
    &workers_exceed_memory::WORKERS_EXCEED_MEMORY,
    &unit_not_enabled::UNIT_NOT_ENABLED,
    &unit_stays_down::UNIT_STAYS_DOWN,
    &certificate_ends::CERTIFICATE_ENDS,
    &proxy_banned::PROXY_BANNED,
    &log_rotation_restarts::LOG_ROTATION_RESTARTS,
    &security_updates::SECURITY_UPDATES,
    &old_libraries::OLD_LIBRARIES,
];

/// A condition that leads to 502. Every field is required.
pub struct Rule {
    /// Kebab-case, what is so, never the change; never renamed once shipped.
    pub id: CauseId,
    /// A few words, lower case, no full stop.
    pub title: &'static str,
    /// The doc comment above the rule, under fixed headings: `why502 audit --explain`, the manual.
    pub doc: &'static str,
    /// How bad it is.
    pub level: Level,
    /// What it has to see.
    pub needs: Needs,
    /// The causes of the catalogue that it foresees.
    pub foresees: &'static [CauseId],
    /// Judges.
    pub check: fn(&Survey) -> Checked,
    /// This source file.
    pub file: &'static str,
}

/// How bad a finding is. The words are SARIF's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Level {
    /// An ordinary event makes it a 502: a boot, a rotation, a date, a busy hour.
    Warning,
    /// It takes a rare one, or costs some requests only.
    Note,
}

/// What a rule has to see.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Needs {
    /// nginx's configuration.
    Config,
    /// The host that it runs on.
    Host,
}

/// What a rule says.
#[derive(Clone, Debug, Default)]
pub struct Checked {
    /// What it found.
    pub hits: Vec<Hit>,
    /// What it would have had to see and could not.
    pub unseen: Vec<Unseen>,
}

/// One place where a rule holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hit {
    /// What it is about: a unit, an address, a pool.
    pub subject: String,
    /// Where it is written; line 0 is the whole file.
    pub place: Option<Place>,
    /// What is so, with names and numbers. May quote the host: escape before printing.
    pub says: String,
    /// How that becomes a 502.
    pub why: String,
    /// What to change, and where.
    pub change: String,
    /// Where it was seen.
    pub source: Source,
    /// What would change it, best first.
    pub remedies: Vec<Remedy>,
}

/// A rule with what it found.
#[derive(Clone)]
pub struct Found {
    /// The rule.
    pub rule: &'static Rule,
    /// What it says.
    pub hit: Hit,
}

/// A whole audit.
#[derive(Default)]
pub struct Audit {
    /// Worst first.
    pub found: Vec<Found>,
    /// Rules that could not look, and why.
    pub blind: Vec<(&'static Rule, Unseen)>,
    /// Every rule that was asked.
    pub asked: Vec<&'static Rule>,
}

/// Asks these rules, as far as they need no more than there is.
pub fn audit(survey: &Survey, rules: &[&'static Rule], has: Needs) -> Audit {
    let mut audit = Audit::default();
    for rule in rules
        .iter()
        .copied()
        .filter(|rule| has == Needs::Host || rule.needs == Needs::Config)
    {
        let checked = (rule.check)(survey);
        audit.asked.push(rule);
        audit
            .found
            .extend(checked.hits.into_iter().map(|hit| Found { rule, hit }));
        audit
            .blind
            .extend(checked.unseen.into_iter().map(|unseen| (rule, unseen)));
    }
    audit.found.sort_by_key(|found| found.rule.level);
    audit
}

/// The rule of that id.
pub fn by_id(id: &str) -> Option<&'static Rule> {
    ALL.iter().copied().find(|rule| rule.id == id)
}

/// A place as editors take it: `file:line:column`, as far as each is known.
pub fn spot(place: &Place) -> String {
    let file = place.file.display();
    match (place.line, place.column) {
        (0, _) => file.to_string(),
        (line, 0) => format!("{file}:{line}"),
        (line, column) => format!("{file}:{line}:{column}"),
    }
}

impl Found {
    /// As the repair of a found cause takes it: nothing fails, so nothing must be answered that was not before.
    pub fn finding(&self) -> Finding {
        let Self { rule, hit } = self;
        Finding {
            cause: rule.id,
            title: rule.title,
            says: hit.says.clone(),
            role: Role::Root,
            subject: hit.subject.clone(),
            rank: Rank::Decisive,
            explains: Vec::new(),
            because_of: Vec::new(),
            evidence: vec![Evidence::supports(
                Rank::Decisive,
                hit.says.clone(),
                hit.source.clone(),
            )],
            gap: None,
            trigger: None,
            class: Class::Ask,
            advice: hit.change.clone(),
            remedies: hit.remedies.clone(),
            proof: Vec::new(),
            over: false,
        }
    }
}

impl From<Vec<Hit>> for Checked {
    fn from(hits: Vec<Hit>) -> Self {
        Self {
            hits,
            unseen: Vec::new(),
        }
    }
}

impl Checked {
    /// Adds what could not be seen, once.
    fn blind(mut self, unseen: impl IntoIterator<Item = Unseen>) -> Self {
        for unseen in unseen {
            if !self.unseen.contains(&unseen) {
                self.unseen.push(unseen);
            }
        }
        self
    }
}

impl Hit {
    /// What one rule's findings have in common is left to it; no remedy.
    fn new(subject: impl Into<String>, place: Option<Place>, says: String, source: Source) -> Self {
        Self {
            subject: subject.into(),
            place,
            says,
            why: String::new(),
            change: String::new(),
            source,
            remedies: Vec::new(),
        }
    }

    /// How that becomes a 502.
    fn why(self, why: impl Into<String>) -> Self {
        Self {
            why: why.into(),
            ..self
        }
    }

    /// What to change.
    fn change(self, change: impl Into<String>) -> Self {
        Self {
            change: change.into(),
            ..self
        }
    }

    /// What why502 can change itself.
    fn remedy(mut self, title: impl AsRef<str>, measures: Option<Vec<Measure>>) -> Self {
        let measures = measures.filter(|measures| !measures.is_empty());
        self.remedies
            .extend(measures.map(|measures| Remedy::ask(title, measures)));
        self
    }
}

/// The same thing of several routes is one finding.
fn once(hits: impl IntoIterator<Item = Hit>) -> Vec<Hit> {
    let mut all: Vec<Hit> = Vec::new();
    for hit in hits {
        if !all
            .iter()
            .any(|it| (&it.subject, &it.place) == (&hit.subject, &hit.place))
        {
            all.push(hit);
        }
    }
    all
}

/// Declares a rule; its doc comment becomes data.
macro_rules! rule {
    ($(#[doc = $doc:expr])+ pub static $name:ident = { $($field:ident: $value:expr),* $(,)? }) => {
        $(#[doc = $doc])+
        pub static $name: $crate::audit::Rule = $crate::audit::Rule {
            doc: concat!($($doc, "\n"),+),
            file: file!(),
            $($field: $value),*
        };
    };
}
use rule;

#[cfg(test)]
mod tests;
