use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The upstream is one of nginx's own listeners and the request comes back to the same location, again and again,
    /// until connections, ports or files run out.
    /// # How to tell
    /// The peer's address is a listen address of nginx; the access log repeats from 127.0.0.1.
    /// # Fix
    /// Correct the target.
    /// # Not this if
    /// The peer is another program.
    pub static PROXY_LOOP = {
        id: "proxy-loop",
        title: "nginx asks itself",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("redirect cycle", 30), ("request loop", 70)],
        effect_of: &[],
        settled_by: ("compare the peer with nginx's own listeners", "nginx -T 2>/dev/null | grep -nE \"listen|_pass\""),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::WorkerConnections(_) => 20,
        Trouble::TooManyFiles => 12,
        Trouble::Connect(99) => 12,
        _ => 0,
    }
}
