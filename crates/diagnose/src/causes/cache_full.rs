use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// Redis is at maxmemory without a policy to evict, or can't save to disk and stops writes.
    /// # How to tell
    /// `OOM command not allowed` or `MISCONF` in the application's log.
    /// # Fix
    /// OOM: raise maxmemory or set a policy. MISCONF: the disk first.
    /// # Not this if
    /// The cache does not answer at all (cache-down).
    pub static CACHE_FULL = {
        id: "cache-full",
        title: "the application's cache refuses writes",
        group: Group::Dependency,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("oom command not allowed", 95), ("misconf", 90), ("maxmemory", 70)],
        effect_of: &[],
        settled_by: ("see memory and persistence of the cache", "redis-cli info memory; redis-cli info persistence"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text)
            if text.contains("OOM command not allowed") || text.contains("MISCONF") =>
        {
            95
        }
        _ => 0,
    }
}
