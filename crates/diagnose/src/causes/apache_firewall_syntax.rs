use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// Apache does not start because a ModSecurity, mod_evasive or access rule can't be parsed. nginx in front of it
    /// gets errno 111.
    /// # How to tell
    /// `apachectl configtest` names a rule file: `Error creating rule`, `AH00526: Syntax error on line N of
    /// …/modsecurity…`.
    /// # Fix
    /// Repair or take out the rule it names, run configtest again, start Apache.
    /// # Not this if
    /// configtest passes, or names another part of the configuration (backend-bad-config).
    pub static APACHE_FIREWALL_SYNTAX = {
        id: "apache-firewall-syntax",
        title: "Apache's firewall rules have a syntax error",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("error creating rule", 90), ("modsecurity: ", 40), ("mod_evasive", 40), ("error parsing actions", 70)],
        effect_of: &[],
        settled_by: ("let Apache test its own configuration", "apachectl configtest"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111) if complaint.tcp().is_some() => 1,
        _ => 0,
    }
}
