use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend answers and closes while the body is still on its way: the kernel resets the connection and nginx
    /// may lose the answer. POSTs and uploads only.
    /// # How to tell
    /// 104 or broken pipe on requests with a body, large ones first.
    /// # Fix
    /// The backend must read or drain the body.
    /// # Not this if
    /// GETs fail as well.
    pub static EARLY_CLOSE_UNREAD_BODY = {
        id: "early-close-unread-body",
        title: "the backend answers before it has read the request",
        group: Group::Protocol,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("broken pipe", 45), ("client_max_body", 30), ("request entity too large", 40)],
        effect_of: &[],
        settled_by: ("send the same request without a body", "curl -sv -X POST --data-binary @big http://ADDRESS/PATH"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Send(32 | 104) => 45,
        Trouble::Receive(104) => 4,
        _ => 0,
    }
}
