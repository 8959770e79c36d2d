use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// proxy_ssl_protocols or proxy_ssl_ciphers of nginx and what the upstream offers do not meet.
    /// # How to tell
    /// Alert 70 (protocol version), `no shared cipher`, `unsupported protocol`, `no protocols available`.
    /// # Fix
    /// A version both have.
    /// # Not this if
    /// The name is what it does not like (tls-name).
    pub static TLS_VERSION = {
        id: "tls-version",
        title: "nginx and the upstream share no TLS version or cipher",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("alert number 70", 95), ("alert protocol version", 90), ("no shared cipher", 95), ("unsupported protocol", 90), ("no protocols available", 95), ("no ciphers available", 90)],
        effect_of: &[],
        settled_by: ("see what it offers", "openssl s_client -connect ADDRESS -tls1_2 </dev/null"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Tls { alert: Some(70), .. } => 96,
        Trouble::Tls { alert: Some(40), .. } => 20,
        Trouble::Tls { reason, .. }
            if reason.contains("unsupported protocol") || reason.contains("cipher") =>
        {
            85
        }
        _ => 0,
    }
}
