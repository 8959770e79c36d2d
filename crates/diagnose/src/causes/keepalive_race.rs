use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The backend closes idle connections after a time that is shorter than nginx keeps them (node 5 s, gunicorn 2 s,
    /// Jetty 30 s; nginx 60 s). nginx retries a GET; a POST is lost.
    /// # How to tell
    /// Rare, POST or PATCH mostly, tiny upstream time, nothing in the backend's log; only with upstream keepalive.
    /// # Fix
    /// The backend's idle time above nginx's keepalive_timeout, or the reverse.
    /// # Not this if
    /// Every request fails, or the backend logs a crash or a timeout.
    pub static KEEPALIVE_RACE = {
        id: "keepalive-race",
        title: "a kept connection was closed just as nginx used it",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("keepalive", 60), ("keep-alive", 60), ("socket hang up", 50), ("econnreset", 40)],
        effect_of: &[],
        settled_by: ("compare the idle times of both sides", "nginx -T 2>/dev/null | grep -n keepalive"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly if keeps_alive(complaint) => 20,
        Trouble::Send(32 | 104) => 55,
        Trouble::Receive(104) => 8,
        _ => 0,
    }
}

/// nginx keeps no connection to a uwsgi or SCGI server.
fn keeps_alive(complaint: &Complaint) -> bool {
    let scheme = complaint.peer.as_ref().map_or("", |peer| peer.scheme.as_str());
    !["uwsgi", "suwsgi", "scgi"].contains(&scheme)
}
