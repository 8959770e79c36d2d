use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// limit_req or limit_conn of nginx refused the request: 503, or the status set by limit_req_status.
    /// # How to tell
    /// `limiting requests, excess: … by zone` in the error log.
    /// # Fix
    /// As configured. If people are refused, look at the key (all behind one proxy address?) and the burst.
    /// # Not this if
    /// No such line stands at the time of the failure.
    pub static LIMITS_REFUSED = {
        id: "limits-refused",
        title: "nginx itself refused the request by a limit",
        group: Group::Load,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("limiting requests", 95), ("limiting connections", 95)],
        effect_of: &[],
        settled_by: ("look for the zone that refused", "grep -rn \"limit_req\\|limit_conn\" /etc/nginx"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Limited(_) => 97,
        Trouble::Status(503) => 20,
        _ => 0,
    }
}
