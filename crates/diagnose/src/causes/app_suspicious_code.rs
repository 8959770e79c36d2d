use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// Code in the web root changed outside any deploy or package: obfuscated loaders, scripts in upload directories.
    /// Pages fail, mail goes out, the pool is busy with strangers' work.
    /// # How to tell
    /// Files newer than the deploy; `eval(base64_decode(` and its like; PHP in directories that only hold uploads.
    /// # Fix
    /// Take the list to a person; keep copies; restore from a known good state.
    /// # Not this if
    /// The change belongs to a deploy or a package.
    pub static APP_SUSPICIOUS_CODE = {
        id: "app-suspicious-code",
        title: "files of the application changed outside a deploy",
        group: Group::Application,
        class: Class::Never,
        share_of: share_of,
        phrases: &[("base64_decode", 80), ("eval(", 70), ("gzinflate", 85)],
        effect_of: &[],
        settled_by: ("list what changed lately", "find /var/www -name \"*.php\" -newermt \"-7 days\" | head"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::BackendStderr(text) if text.contains("eval()'d code") => 60,
        _ => 0,
    }
}
