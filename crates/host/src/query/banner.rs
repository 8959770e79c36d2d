//! What programs that ban addresses are asked.

use serde::{Deserialize, Serialize};
use std::net::IpAddr;

/// A question to a program that bans addresses. None of them changes a ban.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Banner {
    /// `fail2ban-client status`: the jails that run.
    Jails,
    /// `fail2ban-client get JAIL actions`: by what a jail bans.
    JailActions {
        /// `nginx-limit-req`
        jail: String,
    },
    /// `fail2ban-client get JAIL action ACTION port`: from which ports.
    JailPorts {
        /// The jail.
        jail: String,
        /// `nftables-multiport`
        action: String,
    },
    /// `fail2ban-client get JAIL bantime`: for how long, seconds; negative is for ever.
    JailTime {
        /// The jail.
        jail: String,
    },
    /// `fail2ban-client get JAIL ignoreip`: whom it never bans.
    JailIgnores {
        /// The jail.
        jail: String,
    },
    /// `fail2ban-client get JAIL banip`: whom it bans now.
    JailBans {
        /// The jail.
        jail: String,
    },
    /// `cscli bouncers list -o raw`: who carries CrowdSec's decisions out. The same as JSON would hold their keys.
    Bouncers,
    /// `cscli decisions list --ip ADDRESS -o raw`
    Decisions {
        /// About whom.
        ip: IpAddr,
    },
}

impl Banner {
    /// The command: its program and its arguments.
    pub fn command(&self) -> (&'static str, Vec<String>) {
        let get = |jail: &str, what: &[&str]| {
            let words = ["get", jail].into_iter().chain(what.iter().copied());
            ("fail2ban-client", words.map(str::to_owned).collect())
        };
        let cscli = |words: &[&str]| {
            let raw = words.iter().copied().chain(["-o", "raw"]);
            ("cscli", raw.map(str::to_owned).collect())
        };
        match self {
            Self::Jails => ("fail2ban-client", vec!["status".to_owned()]),
            Self::JailActions { jail } => get(jail, &["actions"]),
            Self::JailPorts { jail, action } => get(jail, &["action", action, "port"]),
            Self::JailTime { jail } => get(jail, &["bantime"]),
            Self::JailIgnores { jail } => get(jail, &["ignoreip"]),
            Self::JailBans { jail } => get(jail, &["banip"]),
            Self::Bouncers => cscli(&["bouncers", "list"]),
            Self::Decisions { ip } => cscli(&["decisions", "list", "--ip", &ip.to_string()]),
        }
    }
}
