//! Names of fixes: they sort by time, and tell plans apart.

use crate::PlanId;
use host::Timestamp;
use serde::{Deserialize, Serialize};
use std::{fmt, str::FromStr};

/// `20261122-174501-3f9a0c12de`: when it began (UTC), and the plan's id.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct FixId(String);

/// Not the name of a fix.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a fix has a name like 20261122-174501-3f9a0c12de; why502 history lists them")]
pub struct NotAnId;

impl FixId {
    /// Of a plan that begins at this time.
    pub fn new(at: Timestamp, plan: &PlanId) -> Self {
        let digits: String = at.to_string().chars().filter(char::is_ascii_digit).collect();
        let (day, time) = digits.split_at_checked(8).unwrap_or((&digits, "0"));
        Self(format!("{day}-{time}-{plan}"))
    }

    /// As written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// It becomes the name of a folder, so nothing else gets through.
impl FromStr for FixId {
    type Err = NotAnId;

    fn from_str(text: &str) -> Result<Self, NotAnId> {
        let parts: Vec<&str> = text.split('-').collect();
        let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        let hex = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_hexdigit());
        match parts[..] {
            [day, time, plan] if digits(day) && digits(time) && hex(plan) && text.len() <= 64 => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotAnId),
        }
    }
}

impl TryFrom<String> for FixId {
    type Error = NotAnId;

    fn try_from(text: String) -> Result<Self, NotAnId> {
        text.parse()
    }
}

impl From<FixId> for String {
    fn from(id: FixId) -> Self {
        id.0
    }
}

impl fmt::Display for FixId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_sorts_by_time_and_comes_back() {
        let plan = PlanId("3f9a0c12de".into());
        let id = FixId::new(Timestamp::from_secs(1_795_369_501), &plan);
        assert_eq!(id.to_string(), "20261122-174501-3f9a0c12de");
        assert_eq!(id.as_str().parse(), Ok(id.clone()));
        assert!(id < FixId::new(Timestamp::from_secs(1_795_369_502), &plan));
    }

    #[test]
    fn nothing_else_becomes_a_folder() {
        for text in [
            "",
            "..",
            "20261122-174501-../../etc",
            "20261122-174501",
            "a-b-c",
            "1-1-1/x",
            "1-1-1\0",
        ] {
            assert_eq!(text.parse::<FixId>(), Err(NotAnId), "{text:?}");
        }
    }
}
