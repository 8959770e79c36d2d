use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The upstream chooses its certificate by name (SNI) and nginx sends none, or the wrong one: a handshake alert, or
    /// the certificate of another site.
    /// # How to tell
    /// Alert 40 or 112, or `does not match`; with SNI the handshake succeeds, without it fails.
    /// # Fix
    /// `proxy_ssl_server_name on;` and `proxy_ssl_name`.
    /// # Not this if
    /// It fails with the right name too (tls-version, tls-untrusted).
    pub static TLS_NAME = {
        id: "tls-name",
        title: "the TLS upstream wants another name",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("unrecognized name", 95), ("alert number 112", 95), ("alert number 40", 75), ("handshake failure", 65), ("certificate does not match", 80)],
        effect_of: &[],
        settled_by: ("shake hands with and without the name", "openssl s_client -connect ADDRESS -servername NAME </dev/null"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Tls { alert: Some(112), .. } | Trouble::TlsName(_) => 95,
        Trouble::Tls { alert: Some(40), .. } => 75,
        Trouble::Tls { reason, .. } if reason.contains("handshake failure") => 70,
        Trouble::TlsClosed => 35,
        Trouble::Tls { alert: Some(_), .. } => 20,
        _ => 0,
    }
}
