//! Rules of nftables, found again by what they say: the kernel numbers them as they come.

use super::{
    firewall::LIMIT,
    place::moved,
    run::{self, failed},
};
use crate::StepFailed;

/// Where a rule stands.
pub(super) struct Chain<'a> {
    pub family: &'a str,
    pub table: &'a str,
    pub chain: &'a str,
}

impl Chain<'_> {
    /// Puts a rule before the one with this handle, or first.
    pub(super) fn insert(&self, rule: &str, before: Option<u64>) -> Result<(), StepFailed> {
        check(rule)?;
        let gone = || moved(format!("there is no chain {} any more", self.name()));
        let rules = self.rules()?.ok_or_else(gone)?;
        if rules.iter().any(|(_, there)| is_same(there, rule)) {
            return Ok(());
        }
        if let Some(gone) = before.filter(|handle| rules.iter().all(|(there, _)| there != handle)) {
            return Err(moved(format!(
                "the rule with handle {gone} is no longer in {}",
                self.name()
            )));
        }
        let position = before.map_or(String::new(), |handle| format!("position {handle} "));
        self.run(&format!("insert rule {} {position}{rule}", self.name()))
    }

    /// Takes the rule out, all copies of it.
    pub(super) fn delete(&self, rule: &str) -> Result<(), StepFailed> {
        check(rule)?;
        // a chain that is gone took the rule with it
        let rules = self.rules()?.unwrap_or_default();
        let ours = rules.iter().filter(|(_, there)| is_same(there, rule));
        for (handle, _) in ours {
            self.run(&format!("delete rule {} handle {handle}", self.name()))?;
        }
        Ok(())
    }

    /// With their handles; `None` where there is no such chain.
    fn rules(&self) -> Result<Option<Vec<(u64, String)>>, StepFailed> {
        let name = self.name();
        check(&name)?;
        let said = run::tool(
            "nft",
            &["-a", "list", "chain", self.family, self.table, self.chain],
            LIMIT,
        )?;
        if said.is_good() {
            return Ok(Some(said.out.lines().filter_map(numbered).collect()));
        }
        match said
            .lines()
            .any(|line| line.contains("No such file or directory"))
        {
            true => Ok(None),
            false => Err(failed(format!("nft list chain {name}: {}", said.reason()))),
        }
    }

    fn run(&self, command: &str) -> Result<(), StepFailed> {
        run::succeed("nft", &[command], LIMIT).map(drop)
    }

    fn name(&self) -> String {
        format!("{} {} {}", self.family, self.table, self.chain)
    }
}

/// One command, not two: nft takes `;` and line ends as the end of one.
fn check(text: &str) -> Result<(), StepFailed> {
    match text.contains([';', '\n', '{', '}', '#']) {
        true => Err(failed(format!("{text:?} is more than one rule"))),
        false => Ok(()),
    }
}

/// `  tcp dport 9000 accept comment "why502" # handle 7`
fn numbered(line: &str) -> Option<(u64, String)> {
    let (rule, handle) = line.rsplit_once("# handle ")?;
    Some((handle.trim().parse().ok()?, rule.trim().to_owned()))
}

/// The same comment, where it is one that no other rule has; else the same words, whatever was counted.
fn is_same(there: &str, ours: &str) -> bool {
    match comment(ours) {
        Some(comment) if comment.starts_with("why502") && comment != "why502" => {
            self::comment(there) == Some(comment)
        }
        _ => words(there) == words(ours),
    }
}

fn comment(rule: &str) -> Option<&str> {
    rule.split_once("comment \"")?.1.split('"').next()
}

fn words(rule: &str) -> Vec<&str> {
    let mut words: Vec<&str> = rule.split_whitespace().collect();
    if let Some(at) = words.windows(2).position(|pair| pair == ["counter", "packets"]) {
        // `counter packets 3 bytes 180`
        words.drain(at + 1..(at + 5).min(words.len()));
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rules_and_their_handles() {
        let line = "\t\ttcp dport 9000 counter packets 3 bytes 180 accept comment \"why502\" # handle 7";
        let (handle, rule) = numbered(line).expect("a rule");
        assert_eq!(handle, 7);
        for (ours, same) in [
            ("tcp dport 9000 counter accept comment \"why502\"", true),
            (
                "tcp dport 9000  counter packets 0 bytes 0 accept comment \"why502\"",
                true,
            ),
            ("tcp dport 9001 counter accept comment \"why502\"", false),
        ] {
            assert_eq!(is_same(&rule, ours), same, "{ours}");
        }
        assert!(is_same(
            "tcp dport http accept comment \"why502 a1\"",
            "tcp dport 80 accept comment \"why502 a1\""
        ));
        assert!(!is_same(
            "tcp dport 80 accept comment \"why502 a2\"",
            "tcp dport 80 accept comment \"why502 a1\""
        ));
        assert_eq!(numbered("table inet filter {"), None);
    }

    #[test]
    fn a_rule_is_one_rule() {
        for rule in [
            "accept; flush ruleset",
            "accept\nflush ruleset",
            "accept }",
            "accept # x",
        ] {
            assert!(check(rule).is_err(), "{rule}");
        }
        assert!(check("ip daddr 127.0.0.1 tcp dport 9000 accept comment \"why502\"").is_ok());
    }
}
