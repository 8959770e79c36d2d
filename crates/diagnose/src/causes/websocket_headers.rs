use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The location does not pass Upgrade and Connection on, or speaks HTTP/1.0 to the upstream: 400, 426 or 502 on
    /// upgrade paths only. The reverse, a fixed `Connection: upgrade` on every request, breaks ordinary ones.
    /// # How to tell
    /// Only upgrade requests fail.
    /// # Fix
    /// proxy_http_version 1.1 and the map of $http_upgrade to Connection.
    /// # Not this if
    /// Other requests fail as well.
    pub static WEBSOCKET_HEADERS = {
        id: "websocket-headers",
        title: "WebSocket upgrades do not get through",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("websocket", 75), ("socket.io", 70), ("upgrade required", 85), ("/ws/", 25)],
        effect_of: &[],
        settled_by: ("try an upgrade through nginx and past it", "curl -sv -H \"Connection: Upgrade\" -H \"Upgrade: websocket\" http://SITE/ws"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly => 3,
        Trouble::Status(426) => 80,
        _ => 0,
    }
}
