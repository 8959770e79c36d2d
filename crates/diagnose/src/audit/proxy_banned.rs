use super::{Checked, Hit, Level, Needs, rule};
use crate::{
    Source,
    ban::Ban,
    survey::{BannedProxy, Survey},
};

rule! {
    /// # What it sees
    /// A ban by fail2ban or CrowdSec, on a port of nginx's, of an address that nginx believes as a proxy
    /// (`set_real_ip_from`): a load balancer, a CDN's edge.
    /// # How it becomes a 502
    /// Everybody who comes through that proxy is shut out with it. The proxy answers for us, with 502, 504 or a CDN's own
    /// 521 or 522, and nginx's logs have nothing of it. A jail that reads the peer's address instead of the visitor's bans
    /// the proxy for what one visitor did.
    /// # The change
    /// The ban lifted, the proxy's networks on the list of those who are never banned, and the jail's log with the visitor's
    /// address (`real_ip_header`).
    /// # Quiet where
    /// The ban is of a visitor, on another port, or behind a rule that lets the proxy in first; or a person wrote the rule.
    pub static PROXY_BANNED = {
        id: "proxy-banned",
        title: "a proxy that speaks for visitors is banned",
        level: Level::Warning,
        needs: Needs::Host,
        foresees: &["cdn-origin-error"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    match &survey.banned_proxies {
        Ok(banned) => banned.iter().map(hit).collect::<Vec<_>>().into(),
        Err(unseen) => Checked::default().blind([unseen.clone()]),
    }
}

fn hit(banned: &BannedProxy) -> Hit {
    let BannedProxy { address, port, rule } = banned;
    let says = format!(
        "{} refuses {address}, a proxy that nginx believes, on port {port}: {}",
        rule.owner, rule.text
    );
    let lifted = Ban::of(rule).map(|ban| ban.lifted(*address));
    Hit::new(address.to_string(), None, says, Source::command(rule.command.clone()))
        .why("who comes through that proxy is shut out, and it answers 502 or 52x for us; nginx's logs have nothing of it")
        .change(lifted.unwrap_or_else(|| format!("lift the ban of {address}")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        testing::{self, Fixture},
        world::{FirewallAction, FirewallRule, FlowMatch},
    };

    fn banned() -> BannedProxy {
        let place = "iptables filter f2b-http rule 1";
        BannedProxy {
            address: [198, 51, 100, 7].into(),
            port: 443,
            rule: FirewallRule {
                text: format!("{place}: -A f2b-http -s 198.51.100.7/32 -j REJECT"),
                place: place.into(),
                action: FirewallAction::Reject,
                matches: FlowMatch::Yes,
                packets: Some(12),
                owner: "fail2ban".into(),
                command: "iptables -t filter -nvL f2b-http --line-numbers".into(),
            },
        }
    }

    #[test]
    fn fires_with_the_command_that_lifts_it() {
        let survey = Survey::of(Fixture::php_fpm()).with(|it| it.banned_proxies = Ok(vec![banned()]));
        let hit = (PROXY_BANNED.check)(&survey).hits.remove(0);
        assert!(
            hit.change
                .starts_with("fail2ban-client set http unbanip 198.51.100.7"),
            "{}",
            hit.change
        );
    }

    #[test]
    fn stays_quiet_without_such_a_ban_and_says_what_it_could_not_see() {
        let survey = Survey::of(Fixture::php_fpm());
        assert!(survey.told(&PROXY_BANNED).is_empty());
        let blind = survey.with(|it| it.banned_proxies = testing::forbidden("the packet filter"));
        assert_eq!((PROXY_BANNED.check)(&blind).unseen.len(), 1);
    }
}
