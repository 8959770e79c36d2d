//! Requests that keep a backend busy.

use super::{Fixture, NOW};
use crate::{
    Verdict, causes,
    judge::judge,
    traffic::{Demand, Past, Stretch, Usual},
};
use host::Timestamp;
use logscan::{
    Phase, Trouble,
    scan::{Load, Request},
};
use std::time::Duration;

/// A route, its requests, from how many addresses, with which agent.
type Asked = (&'static str, u64, u64, &'static str);

/// One request a second, as people make them.
pub const PEOPLE: &[Asked] = &[
    ("GET /", 3600, 900, "Firefox"),
    ("GET /shop", 3500, 900, "Chrome"),
    ("GET /export", 100, 50, "Chrome"),
];

/// Seconds that it fails, and that are usual.
const NOW_SECONDS: u64 = 60;
const USUAL_SECONDS: u64 = 7200;

/// A pool without an idle worker and with connections that wait, for the minute before now.
pub fn busy() -> Fixture {
    Fixture::php_fpm()
        .complains(Trouble::TimedOut, Phase::ReadingHeader)
        .queue(8, 511)
        .second_look((0, 2), 3)
        .with(|it| {
            it.demand = Some(Demand {
                log: "/var/log/nginx/access.log".into(),
                from: NOW.before(Duration::from_secs(NOW_SECONDS)),
                now: Stretch::of(NOW_SECONDS),
                usual: None,
            });
        })
}

impl Fixture {
    /// So many requests of half a second each, with a referrer, and three pictures for each.
    pub fn asked(self, route: &str, requests: u64, clients: u64, agent: &str) -> Self {
        let crowd = Crowd {
            route,
            requests,
            clients,
            agent,
            micros: 500_000,
            referrer: "https://shop.example/",
            others: 0,
        };
        self.with_assets(requests * 3).crowd(&crowd)
    }

    /// The same without a referrer and without pictures.
    pub fn bare(self, route: &str, requests: u64, clients: u64, agent: &str) -> Self {
        self.crowd(&Crowd {
            route,
            requests,
            clients,
            agent,
            micros: 500_000,
            referrer: "",
            others: 0,
        })
    }

    /// The same with that referrer.
    pub fn referred(self, route: &str, requests: u64, clients: u64, referrer: &str) -> Self {
        self.crowd(&Crowd {
            route,
            requests,
            clients,
            agent: "Firefox",
            micros: 500_000,
            referrer,
            others: 0,
        })
    }

    /// The same, each with one of so many addresses in `X-Forwarded-For`.
    pub fn forwarded(mut self, route: &'static str, requests: u64, clients: u64, others: u64) -> Self {
        let crowd = Crowd {
            route,
            requests,
            clients,
            agent: "Firefox",
            micros: 500_000,
            referrer: "",
            others,
        };
        if let Some(demand) = &mut self.demand {
            crowd.add(&mut demand.now);
        }
        self
    }

    /// So many seconds for all of them.
    pub fn timed(self, route: &str, requests: u64, clients: u64, seconds: f64) -> Self {
        let micros = (seconds * 1e6) as u64 / requests;
        let crowd = Crowd {
            route,
            requests,
            clients,
            agent: "Firefox",
            micros,
            referrer: "https://shop.example/",
            others: 0,
        };
        self.with_assets(requests * 3).crowd(&crowd)
    }

    /// Pictures, styles and scripts.
    pub fn with_assets(mut self, assets: u64) -> Self {
        if let Some(demand) = &mut self.demand {
            demand.now.assets += assets;
        }
        self
    }

    /// What is asked at this hour of the day before.
    pub fn usually(mut self, asked: &[Asked]) -> Self {
        let mut stretch = Stretch::of(USUAL_SECONDS);
        for (route, requests, clients, agent) in asked {
            let crowd = Crowd {
                route,
                requests: *requests,
                clients: *clients,
                agent,
                micros: 200_000,
                referrer: "https://shop.example/",
                others: 0,
            };
            crowd.add(&mut stretch);
            stretch.assets += requests * 3;
        }
        if let Some(demand) = &mut self.demand {
            demand.usual = Usual::of(Past::Days(1), stretch);
        }
        self
    }

    fn crowd(mut self, crowd: &Crowd<'_>) -> Self {
        if let Some(demand) = &mut self.demand {
            crowd.add(&mut demand.now);
        }
        self
    }

    /// What every cause there is comes to.
    pub fn verdict(self) -> Verdict {
        judge(&[self.case()], causes::ALL)
    }
}

struct Crowd<'a> {
    route: &'a str,
    requests: u64,
    clients: u64,
    agent: &'a str,
    micros: u64,
    referrer: &'a str,
    /// Addresses for which it is asked; 0 forwards nothing.
    others: u64,
}

impl Crowd<'_> {
    fn add(&self, stretch: &mut Stretch) {
        let (method, route) = self.route.split_once(' ').expect("a method and a path");
        stretch.timed = true;
        for number in 0..self.requests {
            let client = format!("203.0.113.{}", number % self.clients);
            let forwarded = match self.others {
                0 => String::new(),
                // another one each time that an address comes again
                others => format!("198.51.100.{}", number / self.clients % others),
            };
            let load = Load {
                requests: 1,
                micros: self.micros,
                ..Load::default()
            };
            let request = Request {
                at: Timestamp::secs(NOW),
                site: b"shop.example",
                upstream: b"",
                client: client.as_bytes(),
                forwarded: forwarded.as_bytes(),
                agent: self.agent.as_bytes(),
                referrer: self.referrer.as_bytes(),
                method: method.as_bytes(),
                route: route.as_bytes(),
                status: 200,
                load,
            };
            stretch.add(&request, Some(true));
        }
    }
}
