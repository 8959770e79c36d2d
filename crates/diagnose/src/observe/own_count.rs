//! Asks backends that requests waited for in vain how many of their workers are busy, where they have a page that tells.

use super::{Sights, symptoms::Draft};
use crate::{
    World,
    case::{PeerSight, listens_on},
    queue,
    scoreboard::{OwnCount, StatusPage},
    topology::BackendKind,
};
use host::{
    Endpoint, Host, Looks, Stance, Talk,
    answer::{Connect, SocketState},
    looks::{Scoreboard, scoreboard::fpm_page},
};
use std::net::{IpAddr, Ipv4Addr};

/// For one page. Idle workers answer within a millisecond; others are made meanwhile, and none of them takes less.
const PATIENCE_MS: u64 = 300;
/// Pages asked for at most, of one case.
const MOST: usize = 4;

/// Asks, for the peers of each draft.
pub(super) fn look(
    host: &dyn Host,
    world: &World,
    drafts: &[&Draft],
    sights: &[Sights],
) -> Vec<Vec<Option<OwnCount>>> {
    let all: Vec<(&&Draft, &Sights)> = drafts.iter().zip(sights).collect();
    super::parallel::map(&all, |(draft, sights)| {
        let waited = draft.symptoms.iter().any(queue::is_of_waiting);
        let asked = sights.peers.iter().take(if waited { MOST } else { 0 });
        asked
            .map(|peer| {
                ask(
                    host,
                    page_of(world, peer).filter(|page| !is_queue(world, &page.at))?,
                )
            })
            .collect()
    })
}

/// Puts the answers to their peers.
pub(super) fn tell(counts: Vec<Vec<Option<OwnCount>>>, sights: &mut [Sights]) {
    for (sights, counts) in sights.iter_mut().zip(counts) {
        for (peer, count) in sights.peers.iter_mut().zip(counts) {
            peer.own_count = count;
        }
    }
}

/// The page of whoever serves the peer.
fn page_of(world: &World, peer: &PeerSight) -> Option<StatusPage> {
    let backend = peer.backend.as_ref().filter(|backend| !backend.pids.is_empty())?;
    match (&backend.pool, backend.kind?) {
        (Some(pool), BackendKind::PhpFpm) => StatusPage::of_pool(pool),
        (_, BackendKind::Apache) => {
            let (site, path) = world.apache.status.clone()?;
            Some(StatusPage {
                at: on_loopback(world, &peer.endpoint)?,
                path,
                site: Some(site),
                apart: false,
            })
        }
        _ => None,
    }
}

/// mod_status is for callers of this host alone, as a rule: they come over the loopback interface.
fn on_loopback(world: &World, endpoint: &Endpoint) -> Option<Endpoint> {
    let at = endpoint.tcp()?;
    if at.ip().is_loopback() {
        return Some(endpoint.clone());
    }
    let local = Endpoint::from((IpAddr::from(Ipv4Addr::LOCALHOST), at.port()));
    let mut listeners = world.listeners().ok()?;
    listeners
        .any(|socket| listens_on(socket, &local))
        .then_some(local)
}

/// Others wait there already: we would only wait behind them, and take a place from a visitor.
fn is_queue(world: &World, at: &Endpoint) -> bool {
    let sockets = world.sockets.as_deref().unwrap_or_default();
    let mut listeners = sockets.iter().filter(|it| it.state == SocketState::Listen);
    listeners.any(|it| listens_on(it, at) && it.recv_q > 0)
}

fn ask(host: &dyn Host, page: StatusPage) -> Option<OwnCount> {
    let talk = match &page.site {
        None => fpm_page(&page.path, "", PATIENCE_MS),
        Some(site) => Talk::Http {
            method: "GET".into(),
            target: format!("{}?auto", page.path),
            host: site.clone(),
            tls: None,
            patience_ms: PATIENCE_MS,
        },
    };
    let heard = host.connect(&page.at, &Stance::default(), talk).ok()?;
    let board = Scoreboard::parse(&heard);
    // somebody who answers otherwise has no such page
    let silent = heard.connect == Connect::Accepted && heard.first_byte_ms.is_none();
    (board.is_some() || silent).then_some(OwnCount { page, heard: board })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{observe::symptoms, testing::Fixture, topology::FpmPool};
    use host::{
        Answer, Look, Query,
        answer::{Bytes, Conversation, End},
    };
    use std::sync::atomic::{AtomicUsize, Ordering};

    /// Whoever is called says this, or nothing.
    struct Caller {
        says: Option<&'static str>,
        calls: AtomicUsize,
    }

    impl Host for Caller {
        fn ask(&self, query: &Query) -> Look<Answer> {
            assert!(query.deadline() < std::time::Duration::from_secs(2), "{query:?}");
            self.calls.fetch_add(1, Ordering::Relaxed);
            let heard = Bytes(self.says.unwrap_or_default().into());
            Ok(Answer::Conversation(Conversation {
                connect: Connect::Accepted,
                connect_us: 1,
                heard,
                first_byte_ms: self.says.map(|_| 1),
                end: End::Closed,
                tls: None,
            }))
        }
    }

    /// Asks the page of the fixture's backend: how often somebody was called, and what came of it.
    fn asked(fixture: Fixture, says: Option<&'static str>) -> (usize, Option<Option<Scoreboard>>) {
        let host = Caller {
            says,
            calls: AtomicUsize::new(0),
        };
        let peer = &fixture.peers[0];
        let page = page_of(&fixture.world, peer).filter(|page| !is_queue(&fixture.world, &page.at));
        let heard = page.and_then(|page| ask(&host, page)).map(|it| it.heard);
        (host.calls.into_inner(), heard)
    }

    fn with_page(fixture: Fixture) -> Fixture {
        fixture.with(|it| {
            it.world.apache.status = Some(("localhost".into(), "/server-status".into()));
            let pool: Option<&mut FpmPool> = it.peers[0].backend.as_mut().and_then(|it| it.pool.as_mut());
            if let Some(pool) = pool {
                pool.status_path = Some("/status".into());
            }
        })
    }

    #[test]
    fn only_a_configured_page_is_asked_and_never_behind_a_queue() {
        let says = Some("HTTP/1.1 200 OK\r\n\r\nBusyWorkers: 2\nIdleWorkers: 1\n");
        let board = Scoreboard {
            busy: 2,
            idle: 1,
            ..Scoreboard::default()
        };
        assert_eq!(asked(with_page(Fixture::apache()), says), (1, Some(Some(board))));
        assert_eq!(asked(Fixture::apache(), says), (0, None));
        assert_eq!(asked(with_page(Fixture::apache().queue(1, 511)), says), (0, None));
        assert_eq!(asked(with_page(Fixture::node()), says), (0, None));
        assert_eq!(asked(Fixture::php_fpm(), None), (0, None));
        assert_eq!(asked(with_page(Fixture::php_fpm()), None), (1, Some(None)));
        // a page that is none, as an application behind a rewrite answers
        assert_eq!(
            asked(
                with_page(Fixture::apache()),
                Some("HTTP/1.1 404 Not Found\r\n\r\n")
            ),
            (1, None)
        );
        // the backend does not run
        let gone = with_page(Fixture::php_fpm().unit_is("failed", "signal"));
        assert_eq!(asked(gone, None), (0, None));
    }

    #[test]
    fn a_listener_of_all_addresses_is_asked_over_loopback() {
        let at = |ip: [u8; 4]| Endpoint::Tcp((ip, 7080).into());
        let listening = |ip| {
            Fixture::apache()
                .nobody_listens()
                .also_listens(at(ip), &[500])
                .world
        };
        assert_eq!(
            on_loopback(&listening([0; 4]), &at([192, 0, 2, 7])),
            Some(at([127, 0, 0, 1]))
        );
        assert_eq!(on_loopback(&listening([192, 0, 2, 7]), &at([192, 0, 2, 7])), None);
    }

    #[test]
    fn who_was_not_waited_for_in_vain_is_not_asked() {
        let fixture = with_page(Fixture::php_fpm());
        for (trouble, calls) in [
            (logscan::Trouble::TimedOut, 1),
            (logscan::Trouble::Connect(111), 0),
        ] {
            let fixture = fixture.clone().complains(trouble, logscan::Phase::ReadingHeader);
            let host = Caller {
                says: None,
                calls: AtomicUsize::new(0),
            };
            let draft = symptoms::Draft {
                symptoms: fixture.symptoms.clone(),
                ..symptoms::Draft::default()
            };
            let sights = [Sights {
                peers: fixture.peers.clone(),
                ..Sights::default()
            }];
            assert_eq!(look(&host, &fixture.world, &[&draft], &sights).len(), 1);
            assert_eq!(host.calls.into_inner(), calls);
        }
    }
}
