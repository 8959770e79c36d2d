//! A line put into a packet filter's file, before the rule that stops a flow. `None` where the file does not hold that
//! rule exactly once: then it is not this file that made it.

/// Before what a line goes.
pub(super) enum Anchor<'r> {
    /// The rule, as its tool lists it.
    Rule(&'r str),
    /// The chain's policy: so the line goes to the chain's beginning.
    Policy,
}

/// nftables: `table FAMILY NAME { chain NAME { … } }`.
pub(super) fn nft(text: &str, table: &str, chain: &str, anchor: &Anchor, rule: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let mut places =
        (0..lines.len()).filter(|at| is_in_chain(&lines, *at, table, chain) && fits(lines.get(*at), anchor));
    let (Some(at), None) = (places.next(), places.next()) else {
        return None;
    };
    let at = if matches!(anchor, Anchor::Policy) {
        at + 1
    } else {
        at
    };
    let model = lines.get(at).or(lines.get(at.saturating_sub(1)))?;
    Some(inserted(&lines, at, &format!("{}{rule}", indent(model))))
}

/// iptables-save: `*filter`, chains with policies, `-A CHAIN RULE`, `COMMIT`.
pub(super) fn iptables(text: &str, chain: &str, anchor: &Anchor, rule: &str) -> Option<String> {
    let lines: Vec<&str> = text.split_inclusive('\n').collect();
    let table = lines.iter().position(|line| line.trim() == "*filter")?;
    let end = table
        + lines
            .iter()
            .skip(table)
            .position(|line| line.trim() == "COMMIT")?;
    let within = || lines.iter().enumerate().take(end).skip(table);
    let of_chain = format!("-A {chain} ");
    let at = match anchor {
        Anchor::Policy => {
            let first = within().find(|(_, line)| uncounted(line).starts_with(&of_chain));
            let drops = format!(":{chain} DROP");
            within().find(|(_, line)| line.starts_with(&drops))?;
            first.map_or(end, |(at, _)| at)
        }
        Anchor::Rule(wanted) => {
            let mut same = within().filter(|(_, line)| uncounted(line) == wanted.trim());
            let (Some((at, _)), None) = (same.next(), same.next()) else {
                return None;
            };
            at
        }
    };
    Some(inserted(&lines, at, rule))
}

fn inserted(lines: &[&str], at: usize, line: &str) -> String {
    let (before, after) = lines.split_at(at.min(lines.len()));
    let before = before.concat();
    let broken = if before.is_empty() || before.ends_with('\n') {
        ""
    } else {
        "\n"
    };
    format!("{before}{broken}{line}\n{}", after.concat())
}

fn indent(line: &str) -> &str {
    let rest = line.trim_start_matches([' ', '\t']);
    line.get(..line.len() - rest.len()).unwrap_or_default()
}

/// `[5:300] -A INPUT …` -> `-A INPUT …`
fn uncounted(line: &str) -> &str {
    let line = line.trim();
    match line.strip_prefix('[').and_then(|rest| rest.split_once("] ")) {
        Some((_, rule)) => rule,
        None => line,
    }
}

fn fits(line: Option<&&str>, anchor: &Anchor) -> bool {
    let words = words(line.map_or("", |line| line));
    match anchor {
        Anchor::Rule(rule) => !words.is_empty() && words == self::words(rule),
        Anchor::Policy => {
            words.first() == Some(&"type") && words.windows(2).any(|pair| pair == ["policy", "drop"])
        }
    }
}

/// What a rule says, without what lists and files write differently: counters, comments, `type` of a rejection.
fn words(rule: &str) -> Vec<&str> {
    let code = rule.split('#').next().unwrap_or_default();
    let code = code.split(" comment ").next().unwrap_or_default();
    let is_separator = |c: char| c.is_whitespace() || ",;{}\"".contains(c);
    let mut words = Vec::new();
    let mut left = code.split(is_separator).filter(|word| !word.is_empty());
    while let Some(word) = left.next() {
        match word {
            "counter" => {}
            "packets" | "bytes" => drop(left.next()),
            "type"
                if words.last() == Some(&"icmpx")
                    || words.last() == Some(&"icmp")
                    || words.last() == Some(&"icmpv6") => {}
            word => words.push(word),
        }
    }
    words
}

/// The innermost open blocks above a line are this chain of this table.
fn is_in_chain(lines: &[&str], at: usize, table: &str, chain: &str) -> bool {
    let mut open: Vec<Vec<&str>> = Vec::new();
    for line in lines.iter().take(at) {
        let code = line.split('#').next().unwrap_or_default();
        let mut head = code;
        for (index, c) in code.char_indices() {
            match c {
                '{' => {
                    let before = code.get(..index).unwrap_or_default();
                    open.push(
                        before
                            .rsplit(['{', '}', ';'])
                            .next()
                            .unwrap_or(head)
                            .split_whitespace()
                            .collect(),
                    );
                    head = "";
                }
                '}' => drop(open.pop()),
                _ => {}
            }
        }
    }
    let [.., of_table, of_chain] = open.as_slice() else {
        return false;
    };
    of_table.first() == Some(&"table") && of_table.last() == Some(&table) && *of_chain == ["chain", chain]
}

#[cfg(test)]
mod tests {
    use super::*;

    const NFT: &str = "#!/usr/sbin/nft -f\nflush ruleset\n\ntable inet filter {\n\tchain input {\n\t\ttype filter hook input priority 0; policy drop;\n\t\tct state { established, related } accept # in\n\t\ttcp dport { 8000, 8443 } counter reject with icmpx type admin-prohibited\n\t}\n\tchain output {\n\t\ttcp dport 9 drop\n\t}\n}\n";

    #[test]
    fn before_the_rule_in_the_file_of_nftables() {
        let stops = "tcp dport { 8000, 8443 } counter reject with icmpx admin-prohibited";
        let ours = "ip daddr 127.0.0.1 tcp dport 8000 accept";
        let edited = nft(NFT, "filter", "input", &Anchor::Rule(stops), ours).expect("edited");
        assert_eq!(
            edited,
            NFT.replace(
                "\t\ttcp dport { 8000",
                &format!("\t\t{ours}\n\t\ttcp dport {{ 8000")
            )
        );
        let edited = nft(NFT, "filter", "input", &Anchor::Policy, ours).expect("edited");
        assert_eq!(
            edited,
            NFT.replace("\t\tct state", &format!("\t\t{ours}\n\t\tct state"))
        );
        for (table, chain, rule) in [
            ("filter", "output", stops),
            ("nat", "input", stops),
            ("filter", "input", "tcp dport 8000 drop"),
        ] {
            assert_eq!(
                nft(NFT, table, chain, &Anchor::Rule(rule), ours),
                None,
                "{table} {chain} {rule}"
            );
        }
    }

    #[test]
    fn before_the_rule_in_the_file_of_iptables() {
        let saved = "*nat\nCOMMIT\n*filter\n:INPUT DROP [0:0]\n[5:300] -A INPUT -i lo -j ACCEPT\n-A INPUT -p tcp -m tcp --dport 80 -j DROP\nCOMMIT\n";
        let edited = |anchor: &Anchor| iptables(saved, "INPUT", anchor, "OURS");
        let rule = Anchor::Rule("-A INPUT -p tcp -m tcp --dport 80 -j DROP");
        assert_eq!(
            edited(&rule),
            Some(saved.replace("-A INPUT -p", "OURS\n-A INPUT -p"))
        );
        assert_eq!(
            edited(&Anchor::Policy),
            Some(saved.replace("[5:300]", "OURS\n[5:300]"))
        );
        assert_eq!(edited(&Anchor::Rule("-A INPUT -j DROP")), None);
    }
}
