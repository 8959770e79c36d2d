use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// `proxy_pass https://` to a port that answers plain HTTP.
    /// # How to tell
    /// `wrong version number` while SSL handshaking to upstream.
    /// # Fix
    /// http:// in the pass directive, or TLS at the backend.
    /// # Not this if
    /// The port completes a handshake with another name (tls-name).
    pub static TLS_TO_PLAIN_BACKEND = {
        id: "tls-to-plain-backend",
        title: "nginx speaks TLS to a port that speaks plain HTTP",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("wrong version number", 95), ("unknown protocol", 85), ("packet length too long", 60)],
        effect_of: &[],
        settled_by: ("ask the port in plain HTTP", "curl -sv http://ADDRESS/ -o /dev/null"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Tls { reason, .. } if is_plain(reason) => 96,
        Trouble::TlsClosed => 10,
        _ => 0,
    }
}

/// How OpenSSL 1.0, 1.1 and 3 say that the other side did not speak TLS.
fn is_plain(reason: &str) -> bool {
    [
        "wrong version number",
        "unknown protocol",
        "packet length too long",
        "http request",
    ]
    .iter()
    .any(|words| reason.contains(words))
}
