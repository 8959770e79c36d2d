use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend ends a worker after max_requests and a request that was just being handed to it is lost: a rare 502
    /// whose period is max_requests divided by the request rate.
    /// # How to tell
    /// Closed connections without any error in the backend's log, at even distances; began with that setting.
    /// # Fix
    /// Raise or jitter max_requests; let the backend finish what it accepted.
    /// # Not this if
    /// The log shows a crash (worker-crash) or a timeout (worker-timeout-kill).
    pub static WORKER_RECYCLE = {
        id: "worker-recycle",
        title: "workers end after their number of requests",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("autorestarting worker after current request", 80), ("exited with code 0 after", 30), ("max_requests", 60)],
        effect_of: &[],
        settled_by: ("compare the distance of the failures with max_requests", "grep -rn max_requests /etc/php /etc/systemd/system"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly => 6,
        Trouble::Receive(104) => 4,
        _ => 0,
    }
}
