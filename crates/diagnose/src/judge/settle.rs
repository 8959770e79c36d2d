//! The looks that would settle what evidence left open.

use super::Judged;
use crate::{Case, Cause};

/// For what is torn: what tells its rivals apart. For what is unexplained: what tells the likeliest candidates apart.
pub(super) fn settled_by(judged: &[Judged<'_>], causes: &[&'static Cause]) -> Vec<(String, String)> {
    let mut all: Vec<(String, String)> = Vec::new();
    for judged in judged.iter().filter(|judged| !judged.over && !judged.is_found()) {
        let rivals: Vec<&Cause> = match judged.roots.as_slice() {
            [] => likeliest(judged.case, causes),
            roots => roots.iter().map(|root| root.cause).collect(),
        };
        let open = judged.question.iter().map(|it| {
            let says = format!("see by {} what the workers wait for", it.source.place);
            (says, it.source.command.clone())
        });
        let known = rivals.iter().map(|cause| cause.settled_by);
        let known = known.map(|(says, command)| (says.to_owned(), command.to_owned()));
        for settled in open.chain(known) {
            if !all.contains(&settled) {
                all.push(settled);
            }
        }
    }
    all
}

fn likeliest(case: &Case, causes: &[&'static Cause]) -> Vec<&'static Cause> {
    let complaints: Vec<_> = case
        .symptoms
        .iter()
        .filter_map(|symptom| symptom.complaint.as_ref())
        .collect();
    let share = |cause: &Cause| {
        complaints
            .iter()
            .map(|it| (cause.share_of)(it))
            .max()
            .unwrap_or(0)
    };
    let mut ranked: Vec<(u8, &'static Cause)> = causes.iter().map(|cause| (share(cause), *cause)).collect();
    ranked.retain(|(share, _)| *share > 0);
    ranked.sort_by_key(|(share, cause)| (std::cmp::Reverse(*share), cause.id));
    ranked.into_iter().take(3).map(|(_, cause)| cause).collect()
}
