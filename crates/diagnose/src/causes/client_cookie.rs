use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The site works for everyone but one browser: its cookies are too many, stale, or choose another backend.
    /// # How to tell
    /// A clean request works, the same with the stored cookies fails; a private window works.
    /// # Fix
    /// Clear that site's cookies; then mend what made them grow or accept so little.
    /// # Not this if
    /// It fails without cookies too.
    pub static CLIENT_COOKIE = {
        id: "client-cookie",
        title: "only a browser with its stored cookies fails",
        group: Group::Outside,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("incognito", 80), ("clearing cookies", 90), ("private window", 80), ("xdebug", 50), ("cookie", 35)],
        effect_of: &[],
        settled_by: ("open the page in a private window", "why502 check URL"),
        told: Told::ByCheck,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Status(400) => 10,
        _ => 0,
    }
}
