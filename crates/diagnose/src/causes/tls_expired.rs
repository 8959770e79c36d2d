use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// proxy_ssl_verify is on and the upstream's certificate, or one of its chain, is past its date.
    /// # How to tell
    /// `upstream SSL certificate verify error: (10:certificate has expired)`.
    /// # Fix
    /// Renew it at the upstream, and find why renewal did not run.
    /// # Not this if
    /// The dates are fine (tls-untrusted); the clock of this host is wrong.
    pub static TLS_EXPIRED = {
        id: "tls-expired",
        title: "the upstream's certificate has expired",
        group: Group::Protocol,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("certificate has expired", 95), ("certificate is not yet valid", 80), ("ssl certificate problem: certificate has expired", 95)],
        effect_of: &[],
        settled_by: ("see the dates", "openssl s_client -connect ADDRESS </dev/null | openssl x509 -noout -dates"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::TlsVerify { code: 9 | 10, .. } => 97,
        Trouble::Tls { reason, .. } if reason.contains("expired") => 90,
        _ => 0,
    }
}
