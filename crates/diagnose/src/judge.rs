//! Evidence in, verdict out: the one place where causes are compared. Pure; the order of the causes decides nothing.

use crate::{
    Case, Cause, CauseId, Class, Evidence, Finding, Opinion, Rank, Remedy, Role, Side, Verdict,
    case::{NameAnswer, NameSight, PeerSight},
    cause::Told,
    masters, refusal, service,
    stale::is_written,
    topology::Target,
    trigger,
    verdict::{Outcome, RuledOut, SymptomOf},
    words::span,
};
use std::{collections::BTreeSet, time::Duration};

/// A failure older than this, of a route that works now, is over even if nothing is known to have mended it.
pub const QUIET: Duration = Duration::from_secs(600);

/// The conclusion about all failing routes of a host.
pub fn judge(cases: &[Case], causes: &[&'static Cause]) -> Verdict {
    let judged: Vec<Judged<'_>> = cases.iter().map(|case| judge_case(case, causes)).collect();
    let mut verdict = Verdict {
        outcome: outcome(&judged),
        symptoms: judged.iter().flat_map(Judged::symptoms).collect(),
        findings: Vec::new(),
        ruled_out: ruled_out(&judged),
        unseen: unseen(&judged),
        settled_by: settle::settled_by(&judged, causes),
    };
    for finding in judged.iter().flat_map(Judged::findings) {
        add(&mut verdict.findings, finding);
    }
    verdict
        .findings
        .sort_by_key(|finding| (finding.over, finding.role, std::cmp::Reverse(finding.rank)));
    verdict
}

/// One case and the causes that stand in it.
struct Judged<'a> {
    case: &'a Case,
    roots: Vec<Standing>,
    effects: Vec<Standing>,
    ruled_out: Vec<RuledOut>,
    over: bool,
    /// What the only root may be an effect of, where that could not be seen.
    question: Option<Evidence>,
}

struct Standing {
    cause: &'static Cause,
    opinion: Opinion,
    because_of: Vec<CauseId>,
}

fn judge_case<'a>(case: &'a Case, causes: &[&'static Cause]) -> Judged<'a> {
    let mut standing = Vec::new();
    let mut out = Vec::new();
    for cause in causes {
        let Told::OnHost { weigh, .. } = cause.told else {
            continue;
        };
        let opinion = weigh(case);
        match decisively_against(&opinion.evidence) {
            Some(against) => out.extend(is_candidate(cause, case).then(|| RuledOut {
                cause: cause.id,
                says: against.says.clone(),
                source: against.source.clone(),
            })),
            None if stands(&opinion.evidence) => standing.push((*cause, opinion)),
            None => {}
        }
    }
    let (effects, roots) = split(standing, causes);
    let roots = strongest(roots);
    let over = is_over(case, &roots);
    let question = match roots.as_slice() {
        [root] if !over => gap::question(case, root.cause),
        _ => None,
    };
    Judged {
        case,
        roots,
        effects,
        ruled_out: out,
        over,
        question,
    }
}

fn decisively_against(evidence: &[Evidence]) -> Option<&Evidence> {
    evidence
        .iter()
        .find(|it| it.side == Side::Against && it.rank == Rank::Decisive)
}

/// A hint alone never makes a cause stand.
fn stands(evidence: &[Evidence]) -> bool {
    evidence
        .iter()
        .any(|it| it.side == Side::For && it.rank >= Rank::Strong)
}

fn is_candidate(cause: &Cause, case: &Case) -> bool {
    let complaints = case
        .symptoms
        .iter()
        .filter_map(|symptom| symptom.complaint.as_ref());
    complaints
        .into_iter()
        .any(|complaint| (cause.share_of)(complaint) > 0)
}

/// A cause that another standing cause explains is an effect, not a root.
fn split(
    standing: Vec<(&'static Cause, Opinion)>,
    causes: &[&'static Cause],
) -> (Vec<Standing>, Vec<Standing>) {
    let ids: BTreeSet<CauseId> = standing.iter().map(|(cause, _)| cause.id).collect();
    standing
        .into_iter()
        .map(|(cause, opinion)| {
            let because_of = deeper(cause, causes)
                .into_iter()
                .filter(|id| ids.contains(id))
                .collect();
            Standing {
                cause,
                opinion,
                because_of,
            }
        })
        .partition(|standing| !standing.because_of.is_empty())
}

/// Every cause that this one can be an effect of, near or far.
pub(crate) fn deeper(cause: &Cause, causes: &[&'static Cause]) -> BTreeSet<CauseId> {
    let mut open: Vec<CauseId> = cause.effect_of.to_vec();
    let mut seen = BTreeSet::new();
    while let Some(id) = open.pop() {
        if seen.insert(id) {
            open.extend(causes.iter().filter(|it| it.id == id).flat_map(|it| it.effect_of));
        }
    }
    seen
}

fn strongest(mut roots: Vec<Standing>) -> Vec<Standing> {
    let best = roots.iter().map(|root| strength(&root.opinion.evidence)).max();
    roots.retain(|root| Some(strength(&root.opinion.evidence)) == best);
    roots
}

/// Decisive first, then what is strong for less what is strong against, then hints likewise; compared in that order.
fn strength(evidence: &[Evidence]) -> (bool, i32, i32) {
    let net = |rank: Rank| -> i32 {
        let signed = |it: &Evidence| if it.side == Side::For { 1 } else { -1 };
        evidence.iter().filter(|it| it.rank == rank).map(signed).sum()
    };
    let decisive = evidence
        .iter()
        .any(|it| it.rank == Rank::Decisive && it.side == Side::For);
    (decisive, net(Rank::Strong), net(Rank::Hint))
}

/// It failed and works now. A failure that comes and goes is not over because one try went well.
fn is_over(case: &Case, roots: &[Standing]) -> bool {
    let quiet = case.world.now.since(case.last()) > QUIET;
    if !quiet && service::is_between_ends(case) {
        return false;
    }
    let reachable = !case.peers.is_empty() && case.peers.iter().all(|peer| peer.reachable() != Some(false));
    match case.works_now() {
        // another address was refused, and not ours
        Some(true) if refusal::is_all(case) => quiet || case.mended.is_some() || refusal::is_lifted(case),
        Some(true) => {
            quiet
                || !is_half_up(case)
                    && !masters::half_fail(case)
                    && (case.mended.is_some() || !case.neighbours.interleaved)
        }
        // it had little time to answer: visitors, who wait longer, are answered
        Some(false) => case.timed_out_now() && case.mended.as_ref().is_some_and(|mended| mended.seen),
        None => reachable && (quiet || case.mended.is_some()) && (quiet || roots.len() <= 1),
    }
}

/// What alone tells that it works now, where the failing request is none to be repeated, and no visitor's went well since.
fn untried(case: &Case) -> Option<String> {
    if case.works_now().is_some() || case.mended.as_ref().is_some_and(|it| it.seen) {
        return None;
    }
    let quiet = || {
        format!(
            "nothing has failed for {}",
            span(case.world.now.since(case.last()))
        )
    };
    Some(case.mended.as_ref().map_or_else(quiet, |it| it.says.clone()))
}

/// A name of the case has this address now, or nobody could be asked.
fn has_now(case: &Case, peer: &PeerSight) -> bool {
    let address = peer.endpoint.tcp().map(|at| at.ip());
    let holds = |sight: &NameSight| match &sight.answer {
        Ok(NameAnswer::Addresses(found)) => address.is_some_and(|ip| found.contains(&ip)),
        _ => false,
    };
    case.names.is_empty() || case.names.iter().any(holds)
}

/// An address that failed fails still, and among the failures requests went well: it is luck which address is asked.
fn is_half_up(case: &Case) -> bool {
    let failed = |peer: &PeerSight| {
        case.symptoms
            .iter()
            .any(|it| it.peer.as_ref() == Some(&peer.endpoint))
    };
    // a peer that no file or name means any more was asked by workers that a reload has replaced
    let meant = |peer: &PeerSight| match case.route.as_ref().map(|route| &route.target) {
        Some(Target::Name { .. }) => has_now(case, peer),
        Some(target) => is_written(target, &peer.endpoint),
        None => true,
    };
    let mixed = case.neighbours.succeeded > case.neighbours.in_a_row;
    mixed && case.failing_peers().any(|peer| failed(peer) && meant(peer))
}

fn outcome(judged: &[Judged<'_>]) -> Outcome {
    let mut failing = judged.iter().filter(|judged| !judged.over).peekable();
    if judged.is_empty() {
        return Outcome::Healthy;
    }
    if failing.peek().is_none() {
        return Outcome::Recovered;
    }
    let (found, torn) = failing.fold((false, false), |(found, torn), it| {
        (found || it.is_found(), torn || it.is_torn())
    });
    match (found, torn) {
        (true, _) => Outcome::Found,
        (false, true) => Outcome::Torn,
        (false, false) => Outcome::Unexplained,
    }
}

impl Judged<'_> {
    fn is_found(&self) -> bool {
        self.roots.len() == 1 && !self.is_torn()
    }

    fn is_torn(&self) -> bool {
        self.roots.len() > 1 || self.question.is_some()
    }

    fn symptoms(&self) -> impl Iterator<Item = SymptomOf> {
        let route = self.case.route.as_ref();
        self.case.symptoms.iter().map(move |symptom| SymptomOf {
            symptom: symptom.clone(),
            site: self.case.site().to_owned(),
            location: route.map(|route| route.location.clone()).unwrap_or_default(),
            upstream: route.map(|route| route.pass.clone()).unwrap_or_default(),
            over: self.over,
            untried: untried(self.case).filter(|_| self.over),
        })
    }

    fn findings(&self) -> impl Iterator<Item = Finding> {
        let root = if self.is_torn() {
            Role::Contributing
        } else {
            Role::Root
        };
        let roots = self
            .roots
            .iter()
            .map(move |standing| self.finding(standing, root));
        roots.chain(
            self.effects
                .iter()
                .map(|standing| self.finding(standing, Role::Effect)),
        )
    }

    fn finding(&self, standing: &Standing, role: Role) -> Finding {
        let Standing {
            cause,
            opinion,
            because_of,
        } = standing;
        let mut evidence = opinion.evidence.clone();
        evidence.sort_by_key(|it| (it.side == Side::Against, std::cmp::Reverse(it.rank)));
        let best = evidence
            .iter()
            .filter(|it| it.side == Side::For)
            .map(|it| it.rank)
            .max();
        let (advice, remedies) = match cause.told {
            Told::OnHost { advise, remedies, .. } => (advise(self.case), remedies(self.case)),
            Told::ByExplain | Told::ByCheck => (String::new(), Vec::new()),
        };
        Finding {
            cause: cause.id,
            title: cause.title,
            says: opinion.says.clone(),
            role,
            subject: opinion.subject.clone(),
            rank: best.unwrap_or(Rank::Hint),
            explains: self
                .case
                .symptoms
                .iter()
                .map(|symptom| symptom.id.clone())
                .collect(),
            because_of: because_of.clone(),
            trigger: trigger::just_before(self.case, &opinion.subject),
            class: in_force(cause.class, &remedies),
            advice,
            remedies,
            proof: self
                .case
                .asked
                .iter()
                .map(|asked| asked.question.clone())
                .collect(),
            over: self.over,
            gap: match role {
                Role::Root => gap::behind(self.case, cause, &evidence),
                Role::Contributing => self.question.clone(),
                Role::Effect => None,
            },
            evidence,
        }
    }
}

/// A cause that may be mended unattended asks where this case is not so simple.
fn in_force(class: Class, remedies: &[Remedy]) -> Class {
    let unattended = remedies.iter().any(|remedy| remedy.class == Class::Auto);
    match class {
        Class::Auto if !unattended => Class::Ask,
        class => class,
    }
}

/// The same cause on the same subject at several sites is one finding.
fn add(findings: &mut Vec<Finding>, new: Finding) {
    let twin = findings.iter_mut().find(|old| {
        (old.cause, &old.subject, old.role, old.over) == (new.cause, &new.subject, new.role, new.over)
    });
    match twin {
        Some(old) => {
            old.explains.extend(new.explains);
            let fresh = new
                .evidence
                .into_iter()
                .filter(|it| !old.evidence.contains(it))
                .collect::<Vec<_>>();
            old.evidence.extend(fresh);
        }
        None => findings.push(new),
    }
}

fn ruled_out(judged: &[Judged<'_>]) -> Vec<RuledOut> {
    let standing: BTreeSet<CauseId> = judged
        .iter()
        .flat_map(|it| &it.roots)
        .map(|root| root.cause.id)
        .collect();
    let mut all: Vec<RuledOut> = Vec::new();
    for out in judged.iter().filter(|it| !it.over).flat_map(|it| &it.ruled_out) {
        if !standing.contains(out.cause) && !all.iter().any(|old| old.cause == out.cause) {
            all.push(out.clone());
        }
    }
    all
}

fn unseen(judged: &[Judged<'_>]) -> Vec<host::Unseen> {
    let mut all: Vec<host::Unseen> = Vec::new();
    let world = judged
        .first()
        .map_or(&[][..], |it| it.case.world.unseen.as_slice());
    for unseen in world.iter().chain(judged.iter().flat_map(|it| &it.case.unseen)) {
        if !all.contains(unseen) {
            all.push(unseen.clone());
        }
    }
    all
}

mod gap;
mod settle;
#[cfg(test)]
mod tests;
