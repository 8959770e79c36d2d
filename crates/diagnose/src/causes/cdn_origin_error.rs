use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The visitor sees the CDN's own 502 or 52x page; the request never reached this nginx, or not in time.
    /// # How to tell
    /// The request is missing in the local access log; headers such as CF-Ray or Via name the CDN.
    /// # Fix
    /// Port, certificate and firewall of the origin, as the CDN sees it.
    /// # Not this if
    /// The local log has the request with 502.
    pub static CDN_ORIGIN_ERROR = {
        id: "cdn-origin-error",
        title: "the CDN in front could not reach this host",
        group: Group::Outside,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("cloudflare", 80), ("cf-ray", 85), ("error 521", 90), ("error 522", 90), ("error 520", 85), ("error 525", 90), ("error 526", 90), ("cloudfront", 80), ("fastly", 75)],
        effect_of: &[],
        settled_by: ("look for the request in the local log", "grep \" 502 \" /var/log/nginx/access.log | tail"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Status(520..=527) => 95,
        _ => 0,
    }
}
