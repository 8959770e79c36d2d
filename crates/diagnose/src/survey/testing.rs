//! A survey in a few lines: a healthy host of [`Fixture`], looked at with foresight.

use super::{AppFile, Survey, Updates};
use crate::{
    Case,
    audit::{Checked, Rule},
    testing::Fixture,
};
use std::{net::Ipv6Addr, sync::Arc};

impl Survey {
    /// A host of 4 GiB on which everything was seen and nothing is to be told.
    pub fn of(fixture: Fixture) -> Self {
        let mut case: Case = fixture.case();
        let world = Arc::make_mut(&mut case.world);
        world.routes = case.route.iter().cloned().collect();
        let world = Arc::clone(&case.world);
        Self {
            world,
            routes: vec![case],
            memory: Ok(4 << 30),
            localhost: Ok(vec![[127, 0, 0, 1].into(), Ipv6Addr::LOCALHOST.into()]),
            name_servers: Ok(vec![([192, 0, 2, 53], 53).into()]),
            app_files: Vec::new(),
            mapped: Vec::new(),
            rotations: Ok(Vec::new()),
            certificates: Vec::new(),
            banned_proxies: Ok(Vec::new()),
            updates: Ok(Updates::default()),
        }
    }

    /// An application server's file with this text.
    pub fn with_file(mut self, unit: &str, path: &str, text: &str) -> Self {
        self.app_files.push(AppFile {
            unit: unit.into(),
            path: path.into(),
            text: Ok(Some(text.into())),
        });
        self
    }

    /// Changes anything.
    pub fn with(mut self, change: impl FnOnce(&mut Self)) -> Self {
        change(&mut self);
        self
    }

    /// What a rule says of it, one line a finding: `SUBJECT at FILE:LINE`.
    pub fn told(&self, rule: &Rule) -> Vec<String> {
        let Checked { hits, .. } = (rule.check)(self);
        let show = |hit: &crate::audit::Hit| match &hit.place {
            Some(place) => format!("{} at {}", hit.subject, crate::audit::spot(place)),
            None => hit.subject.clone(),
        };
        hits.iter().map(show).collect()
    }
}
