//! The visitors of a trial: what they ask for, and what they must see.

use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};

use crate::client::Client;
use crate::{Scenario, Traffic};

/// Time a page gets to answer as it should.
const SETTLE: Duration = Duration::from_secs(15);
/// How long a fault, or its absence, goes on before the tool is asked.
const LASTING: Duration = Duration::from_millis(800);

/// They ask for the pages of one scenario.
pub(crate) struct Visitors {
    pub(crate) client: Client,
    pages: Vec<Traffic>,
}

impl Visitors {
    pub(crate) fn of(scenario: &Scenario, client: Client) -> Self {
        let pages = std::iter::once(scenario.traffic).chain(scenario.also).collect();
        Self { client, pages }
    }

    pub(crate) fn concern(&self, site: &str) -> bool {
        self.pages.iter().any(|page| page.site == site)
    }

    /// Every page is answered with that status.
    pub(crate) fn see(&self, status: u16) -> Result<()> {
        self.pages
            .iter()
            .try_for_each(|page| self.page_answers(page, status, SETTLE))
    }

    /// Every page shows its fault.
    pub(crate) fn see_the_fault(&self) -> Result<()> {
        self.pages
            .iter()
            .try_for_each(|page| self.page_answers(page, page.status, SETTLE))
    }

    /// The first page is answered with that status before so much time is over.
    pub(crate) fn see_within(&self, limit: Duration, status: u16) -> Result<()> {
        let first = self.pages.first().context("a scenario has a page")?;
        self.page_answers(first, status, limit)
    }

    /// What goes on lasts a little: the first failures are not yet the steady state.
    pub(crate) fn visit_for_a_while(&self) {
        let start = Instant::now();
        while start.elapsed() < LASTING {
            self.pages.iter().for_each(|page| drop(self.ask(page)));
            std::thread::sleep(Duration::from_millis(100));
        }
    }

    /// Asks until the page is answered with that status, several visitors at once.
    fn page_answers(&self, page: &Traffic, status: u16, limit: Duration) -> Result<()> {
        let start = Instant::now();
        let mut seen = self.ask(page);
        while !seen.contains(&status) && start.elapsed() < limit {
            std::thread::sleep(Duration::from_millis(page.pause_ms.max(50)));
            seen = self.ask(page);
        }
        ensure!(
            seen.contains(&status),
            "{}{}: a client sees {seen:?}, not {status}",
            page.site,
            page.path
        );
        Ok(())
    }

    fn ask(&self, page: &Traffic) -> Vec<u16> {
        std::thread::scope(|scope| {
            let visit = |_| scope.spawn(|| self.client.ask(page));
            let visits: Vec<_> = (0..page.at_once).map(visit).collect();
            visits
                .into_iter()
                .map(|visit| visit.join().unwrap_or(0))
                .collect()
        })
    }
}
