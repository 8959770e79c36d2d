use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The language's own limit ended the request: PHP's memory_limit, Java's heap, Node's old space. The kernel has
    /// nothing to say about it. PHP answers 500; Java and Node processes may end and leave a 502.
    /// # How to tell
    /// `Allowed memory size of N bytes exhausted`, `java.lang.OutOfMemoryError`, `JavaScript heap out of memory` in the
    /// application's log.
    /// # Fix
    /// Look at the request that needs so much; raise the limit only within the memory there is.
    /// # Not this if
    /// The kernel log shows an OOM kill (oom-kill).
    pub static APP_MEMORY_LIMIT = {
        id: "app-memory-limit",
        title: "the application reached its language's memory limit",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("allowed memory size", 95), ("outofmemoryerror", 90), ("heap out of memory", 95)],
        effect_of: &[],
        settled_by: ("look for the language's own message", "grep -rE \"Allowed memory size|OutOfMemoryError|heap out of memory\" /var/log"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("Allowed memory size") => 95,
        Trouble::ClosedEarly | Trouble::Receive(104) => 2,
        _ => 0,
    }
}
