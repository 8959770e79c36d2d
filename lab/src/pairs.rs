//! Two faults at once, on two sites of one host, paired by chance: both roots must be named.

use crate::{Expect, Fix, Scenario, Stack, Step, Traffic, scenarios};

/// A fault of the site beside the shop: a node program in a unit of its own on port 3100.
struct Fault {
    root: &'static str,
    inject: &'static str,
    status: u16,
    restore: &'static str,
}

const FAULTS: &[Fault] = &[
    Fault {
        root: "backend-stopped",
        inject: "systemctl stop blog",
        status: 502,
        restore: "systemctl start blog",
    },
    Fault {
        root: "backend-died",
        inject: "systemctl kill -s KILL blog; await_failure blog",
        status: 502,
        restore: "systemctl start blog",
    },
    Fault {
        root: "wrong-upstream-port",
        inject: "sed -i s/3100/3200/ /srv/blog/server.js; systemctl restart blog; await_listener :3200",
        status: 502,
        restore: "sed -i s/3200/3100/ /srv/blog/server.js; systemctl restart blog",
    },
    Fault {
        root: "backend-crash-on-start",
        inject: "sed -i \"1i const stripe = require('stripe');\" /srv/blog/server.js; systemctl restart blog; await_failure blog",
        status: 502,
        restore: "sed -i 1d /srv/blog/server.js; systemctl restart blog",
    },
    Fault {
        root: "firewall-reject",
        inject: "nft 'table inet guard { chain input { type filter hook input priority filter; policy accept; tcp dport 3100 counter reject; }; }'",
        status: 502,
        restore: "nft delete table inet guard",
    },
];

/// Roots that are no matter of one site: they take both down, or say something of both.
const OF_THE_HOST: &[&str] = &[
    "nginx-",
    "edge-",
    "proxy-loop",
    "backend-restart-window",
    "firewall-",
];

/// So many pairs; the same seed makes the same ones.
pub(crate) fn choose(count: usize, mut seed: u64) -> Vec<&'static Scenario> {
    let shops: Vec<&Scenario> = scenarios::all()
        .filter(|it| concerns_the_shop_alone(it))
        .collect();
    let mut pairs: Vec<&'static Scenario> = Vec::new();
    while pairs.len() < count.min(shops.len()) {
        let pair = pair(
            shops[below(&mut seed, shops.len())],
            &FAULTS[below(&mut seed, FAULTS.len())],
        );
        if !pairs.iter().any(|old| old.name == pair.name) {
            pairs.push(Box::leak(Box::new(pair)));
        }
    }
    pairs
}

fn concerns_the_shop_alone(it: &Scenario) -> bool {
    let node_beside = matches!(
        it.stack,
        Stack::FpmUnix | Stack::FpmTcp | Stack::FpmMariaDb | Stack::FpmRedis | Stack::Apache
    );
    let one_root = match it.expect {
        Expect::Found([root]) => !OF_THE_HOST.iter().any(|group| root.starts_with(group)),
        _ => false,
    };
    let sound = it.inject.iter().all(|step| matches!(step, Step::Sh(_)));
    node_beside && one_root && sound && it.also.is_none() && it.held.is_none() && it.links.is_empty()
}

/// The scenarios are made once for a run and live as long as the others.
fn pair(shop: &Scenario, blog: &'static Fault) -> Scenario {
    let Expect::Found(roots) = shop.expect else {
        return *shop;
    };
    let inject: Vec<Step> = shop
        .inject
        .iter()
        .copied()
        .chain([Step::Sh(blog.inject)])
        .collect();
    let roots: Vec<&'static str> = roots.iter().copied().chain([blog.root]).collect();
    Scenario {
        name: format!("pair-{}-and-{}", shop.name, blog.root).leak(),
        about: "Two faults paired by chance.",
        inject: inject.leak(),
        also: Some(Traffic {
            site: "blog.example",
            status: blog.status,
            ..Traffic::SHOP
        }),
        fix: Fix::NotTried,
        restore: format!("{}\n{}", shop.restore, blog.restore).leak(),
        expect: Expect::Found(roots.leak()),
        trigger: None,
        report: &[],
        ..*shop
    }
}

/// The next number below `end` (splitmix64): the same on every machine.
fn below(seed: &mut u64, end: usize) -> usize {
    *seed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let mut z = *seed;
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    usize::try_from((z ^ (z >> 31)) % (end.max(1) as u64)).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_makes_the_same_pairs_and_each_has_two_roots() {
        let names = |seed| choose(8, seed).iter().map(|it| it.name).collect::<Vec<_>>();
        assert_eq!(names(502), names(502));
        assert_ne!(names(502), names(504));
        for it in choose(8, 502) {
            assert!(
                matches!(it.expect, Expect::Found([one, other]) if !one.is_empty() && !other.is_empty()),
                "{}",
                it.name
            );
        }
    }
}
