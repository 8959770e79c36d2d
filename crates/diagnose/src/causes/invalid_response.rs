use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx refuses the answer: duplicate or contradicting headers, an invalid status or header line, broken chunks. A
    /// newer nginx refuses what an older one passed on.
    /// # How to tell
    /// `duplicate header line`, `Content-Length and Transfer-Encoding`, `invalid header`; look at the raw bytes.
    /// # Fix
    /// The backend's fix; the upgrade of nginx only made it visible.
    /// # Not this if
    /// The header is valid and too big (header-too-big), or the port speaks another protocol (protocol-mismatch).
    pub static INVALID_RESPONSE = {
        id: "invalid-response",
        title: "the backend's answer breaks the protocol",
        group: Group::Protocol,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("duplicate header", 95), ("content-length and transfer-encoding", 97), ("both content-length and transfer-encoding", 97), ("invalid header", 90), ("invalid chunked", 80), ("error parsing application response", 90)],
        effect_of: &[],
        settled_by: ("see the raw answer", "curl -si --raw http://ADDRESS/PATH | head -30"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::InvalidResponse(_) => 93,
        Trouble::NotHttp2(text) if text.contains("header") || text.contains("table index") => 80,
        Trouble::NotHttp2(_) => 35,
        Trouble::NotHttp => 25,
        _ => 0,
    }
}
