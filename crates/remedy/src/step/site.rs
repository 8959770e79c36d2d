//! What a browser keeps of one site, and what takes it out.

use host::browser::{Family, Profile, Store};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Something of one site in one profile, taken out and kept beside the journal until it is put back or expires.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shelf {
    /// The profile. Its browser must not run.
    pub profile: Profile,
    /// What stands there.
    pub holds: Belongings,
    /// Its name among what is kept of this fix.
    pub kept: u32,
}

/// What a browser may keep of a site.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", tag = "of")]
pub enum Belongings {
    /// Rows of its cookie database, by the host that they are for. What they hold is no part of the plan.
    Cookies {
        /// The database.
        file: PathBuf,
        /// `shop.example`, `.shop.example`
        hosts: Vec<String>,
        /// How many there are.
        count: usize,
    },
    /// Files and directories that are the site's alone: cached answers, databases.
    Files {
        /// In a few words: `cached answers`.
        what: String,
        /// Each.
        paths: Vec<PathBuf>,
    },
    /// Entries of a database that holds those of all sites.
    Entries {
        /// Which.
        store: Store,
        /// The host.
        host: String,
        /// How many there are.
        count: usize,
    },
    /// Records of `serviceworker.txt`, by the host of their scope.
    Workers {
        /// The file.
        file: PathBuf,
        /// The host.
        host: String,
        /// How many there are.
        count: usize,
    },
}

impl Shelf {
    /// The file or directory that it stands in; of several the first.
    pub fn place(&self) -> &std::path::Path {
        match &self.holds {
            Belongings::Cookies { file, .. } | Belongings::Workers { file, .. } => file,
            Belongings::Entries { .. } => &self.profile.dir,
            Belongings::Files { paths, .. } => paths.first().unwrap_or(&self.profile.dir),
        }
    }

    /// `3 cookies (.shop.example, shop.example)`, without whose they are.
    pub fn says(&self) -> String {
        match &self.holds {
            Belongings::Cookies { hosts, count, .. } => {
                format!("{} ({})", counted(*count, "cookie"), hosts.join(", "))
            }
            Belongings::Files { what, paths } => format!("{what} ({})", paths.len()),
            Belongings::Entries { store, count, .. } => match store {
                Store::LocalStorage => format!("{} ({count})", store.name()),
                Store::ServiceWorkers => counted(*count, "service worker"),
            },
            Belongings::Workers { count, .. } => counted(*count, "service worker"),
        }
    }

    /// `Firefox, profile default-release`
    pub fn whose(&self) -> String {
        format!("{}, profile {}", self.profile.browser, self.profile.name)
    }

    /// Table and column of its cookies.
    pub(crate) fn cookie_table(&self) -> (&'static str, &'static str) {
        match self.profile.family {
            Family::Firefox => ("moz_cookies", "host"),
            Family::Chromium => ("cookies", "host_key"),
        }
    }
}

fn counted(count: usize, what: &str) -> String {
    let end = if count == 1 { "" } else { "s" };
    format!("{count} {what}{end}")
}
