use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Phase, Trouble};

cause! {
    /// # What happens
    /// nginx speaks HTTP to a FastCGI or uwsgi port, or the reverse, or HTTP/2 to an HTTP/1 port. Every request fails:
    /// reset, closed early, an invalid answer, or a wait until a time limit.
    /// # How to tell
    /// Ask the port what it speaks. uWSGI's log shows a block size of 21573 (GET) or 21327 (POST).
    /// # Fix
    /// The *_pass directive that fits.
    /// # Not this if
    /// Only some requests fail.
    pub static PROTOCOL_MISMATCH = {
        id: "protocol-mismatch",
        title: "the port speaks another protocol than nginx",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("block size: 21573", 95), ("block size: 21327", 95), ("block size: 16709", 95), ("proxy protocol", 75), ("invalid proxy header", 95), ("unsupported fastcgi protocol", 95), ("http2 frame", 70), ("4740180", 95)],
        effect_of: &[],
        settled_by: ("ask the port what it speaks", "curl -sv http://ADDRESS/ -o /dev/null"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::NotFastCgi(_) | Trouble::NotHttp => 80,
        Trouble::NotHttp2(_) => 60,
        Trouble::Receive(104) => 9,
        Trouble::ClosedEarly => 7,
        Trouble::TimedOut if complaint.during(Phase::ReadingHeader) => 1,
        _ => 0,
    }
}
