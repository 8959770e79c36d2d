//! Faults whose effects have effects: the report names the root and every link before it, and each link that is taken
//! away makes the chain shorter.

pub(super) mod edges;
pub(super) mod starts;
pub(super) mod waits;
