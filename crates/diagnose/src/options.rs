use std::time::Duration;

/// What a person asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// How far back logs are read.
    pub since: Duration,
    /// Only routes of this site (any of its server_names, compared without regard to case).
    pub site: Option<String>,
    /// Ask this path through the site too, as if a client had complained about it: `/shop?x=1`.
    pub ask: Option<String>,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            since: Duration::from_secs(2 * 3600),
            site: None,
            ask: None,
        }
    }
}
