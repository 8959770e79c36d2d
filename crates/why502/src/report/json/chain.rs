//! How the failure of a root comes about, link by link.

use super::{Evidence, evidence, word};
use crate::report::words;
use diagnose::{
    Verdict,
    evidence::{Side, quote},
    verdict::{self, SymptomOf},
};
use schemars::JsonSchema;
use serde::Serialize;

/// One link of the chain from the clients to a root; each comes from the next.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Link {
    /// `met` by clients and nginx, `effect`, `root`; `unseen` where nobody could look further.
    pub kind: &'static str,
    /// Which cause; null for what was met, and for what was not seen.
    pub cause: Option<String>,
    /// What it is, one sentence.
    pub says: String,
    /// What shows this very link.
    pub evidence: Vec<Evidence>,
}

pub(super) fn links(verdict: &Verdict, root: &verdict::Finding) -> Vec<Link> {
    let chain = verdict.chain(root);
    let met = Link {
        kind: "met",
        cause: None,
        says: words::who_fails(chain.met.iter().copied()),
        evidence: chain.met.iter().map(|it| of_log(it)).collect(),
    };
    let links = chain.links.iter().map(|link| Link {
        kind: if link.role == verdict::Role::Root {
            "root"
        } else {
            "effect"
        },
        cause: Some(link.cause.to_owned()),
        says: words::says(link).to_owned(),
        evidence: link
            .evidence
            .iter()
            .filter(|it| it.side == Side::For)
            .map(evidence)
            .collect(),
    });
    let unseen = chain.gap.map(|gap| Link {
        kind: "unseen",
        cause: None,
        says: gap.says.clone(),
        evidence: vec![evidence(gap)],
    });
    std::iter::once(met).chain(links).chain(unseen).collect()
}

/// A symptom as evidence of what was met: lines of a log, or the answer to our own request.
fn of_log(it: &SymptomOf) -> Evidence {
    let it = &it.symptom;
    let (source, command) = if it.log.as_os_str().is_empty() {
        ("our own request".to_owned(), it.sample.clone())
    } else {
        let log = it.log.to_string_lossy();
        (log.to_string(), format!("tail -n 20 {}", quote(&log)))
    };
    Evidence {
        says: format!("{}, {} times, last at {}", it.signature(), it.count, it.last),
        source,
        command,
        side: "for".to_owned(),
        rank: word(&diagnose::Rank::Decisive),
    }
}
