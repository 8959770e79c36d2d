use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// At a normal rate of requests, one route is so slow that it holds most workers: an export, a search, an unindexed
    /// report.
    /// # How to tell
    /// Sum the upstream time by route: one of them dominates while the request rate is usual.
    /// # Fix
    /// Show it to its owner: with timing before and after it became slow. A pool of its own keeps it from taking the
    /// others down.
    /// # Not this if
    /// The number of requests grew (traffic-surge, traffic-flood).
    pub static HEAVY_ENDPOINT = {
        id: "heavy-endpoint",
        title: "one route takes most of the workers' time",
        group: Group::Load,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("slow request", 40), ("script_filename", 20)],
        effect_of: &[],
        settled_by: ("sum the time by route", "why502 load"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 8,
        _ => 0,
    }
}
