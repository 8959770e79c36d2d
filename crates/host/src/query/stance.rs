//! As whom a look is made, and from where.

use serde::{Deserialize, Serialize};

/// As whom and from where a connection is made. The default is: as we are, from where we are.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Stance {
    /// User, group and supplementary groups to take on; needs root.
    pub identity: Option<Identity>,
    /// A process whose network and mount namespace and root to enter; needs root.
    pub inside: Option<u32>,
}

/// Numeric ids of an account.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Identity {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
}
