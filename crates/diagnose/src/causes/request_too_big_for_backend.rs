use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend has a small buffer for the request's header (uWSGI: 4096 bytes) and some visitors bring more:
    /// cookies mostly. It closes or resets; only those visitors see 502.
    /// # How to tell
    /// uWSGI logs `invalid request block size: N (max 4096)`; with the cookie it fails, without it works.
    /// # Fix
    /// Raise the backend's buffer-size; clear the cookie as relief.
    /// # Not this if
    /// N is 21573 or 21327: that is HTTP sent to a uwsgi port (protocol-mismatch).
    pub static REQUEST_TOO_BIG_FOR_BACKEND = {
        id: "request-too-big-for-backend",
        title: "the request's header is too big for the backend",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("invalid request block size", 85), ("request line is too long", 80), ("limit request line", 85), ("request header fields too large", 85), ("request header or cookie too large", 60)],
        effect_of: &[],
        settled_by: ("ask with and without the cookie", "grep -rn buffer-size /etc/uwsgi"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::RequestTooBig(text) if !["21573", "21327", "16709"].iter().any(|it| text.contains(it)) => 92,
        Trouble::Receive(104) | Trouble::ClosedEarly if is_uwsgi(complaint) => 30,
        Trouble::Receive(104) => 5,
        _ => 0,
    }
}

/// uWSGI is the server whose header buffer is a page by default.
fn is_uwsgi(complaint: &Complaint) -> bool {
    complaint
        .peer
        .as_ref()
        .is_some_and(|peer| peer.scheme.ends_with("uwsgi"))
}
