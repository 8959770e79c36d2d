use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// `proxy_pass http://` to a port that expects TLS: it closes, or answers 400 `plain HTTP request was sent to HTTPS
    /// port`.
    /// # How to tell
    /// Every request fails so; the port completes a TLS handshake.
    /// # Fix
    /// https:// with the right name.
    /// # Not this if
    /// The port does not speak TLS.
    pub static PLAIN_TO_TLS_BACKEND = {
        id: "plain-to-tls-backend",
        title: "nginx speaks plain HTTP to a TLS port",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("first record does not look like a tls handshake", 95), ("plain http request was sent to https port", 98), ("client sent an http request to an https server", 98), ("http request to an https server", 98)],
        effect_of: &[],
        settled_by: ("try a TLS handshake", "openssl s_client -connect ADDRESS </dev/null"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ClosedEarly
            if complaint
                .tcp()
                .is_some_and(|it| [443, 8443, 9443].contains(&it.port())) =>
        {
            70
        }
        Trouble::ClosedEarly => 7,
        Trouble::NotHttp => 30,
        Trouble::Receive(104) => 2,
        _ => 0,
    }
}
