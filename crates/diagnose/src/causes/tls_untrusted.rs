use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// proxy_ssl_verify is on and the chain does not end in proxy_ssl_trusted_certificate. nginx does not use the
    /// system's store.
    /// # How to tell
    /// `upstream SSL certificate verify error: (18|19|20|21: …)`.
    /// # Fix
    /// The right CA in proxy_ssl_trusted_certificate. Verification stays on.
    /// # Not this if
    /// The error is 10 (tls-expired).
    pub static TLS_UNTRUSTED = {
        id: "tls-untrusted",
        title: "nginx does not trust the upstream's certificate",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("certificate verify failed", 60), ("self-signed certificate", 80), ("self signed certificate", 80), ("unable to get local issuer", 90), ("unable to verify the first certificate", 90)],
        effect_of: &[],
        settled_by: ("see the chain", "openssl s_client -connect ADDRESS -servername NAME -showcerts </dev/null"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TlsVerify { code: 10, .. } => 3,
        Trouble::TlsVerify { .. } => 92,
        _ => 0,
    }
}
