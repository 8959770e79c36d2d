//! What a backend says of its own workers on its status page: a witness beside what its processes show. Facts only.

use crate::{
    Case, Evidence, Rank, Source,
    case::PeerSight,
    evidence::quote,
    queue, service,
    topology::{BackendKind, FpmPool, ListenAddress},
    words::count,
};
use host::{
    Endpoint,
    looks::{Process, ProcessState, Scoreboard},
};
use std::net::Ipv4Addr;

/// What is configured of Apache's workers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ApacheWorkers {
    /// `MaxRequestWorkers`
    pub most: Option<u32>,
    /// Where mod_status is served: the site's name where that is of one site, and the path.
    pub status: Option<(String, String)>,
}

/// A page on which a server counts its workers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StatusPage {
    /// Who serves it.
    pub at: Endpoint,
    /// `/status`, `/server-status`
    pub path: String,
    /// Over HTTP, of this site; `None` is FastCGI.
    pub site: Option<String>,
    /// Served beside the workers (`pm.status_listen`), so also while all of them are busy.
    pub apart: bool,
}

/// What was heard there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OwnCount {
    /// Where.
    pub page: StatusPage,
    /// The count; `None` where nobody answered in time.
    pub heard: Option<Scoreboard>,
}

impl StatusPage {
    /// Of a pool, where it has one that may be asked from this host.
    pub fn of_pool(pool: &FpmPool) -> Option<Self> {
        let apart = pool.status_listen.as_ref();
        let at = near(apart.or(pool.listen.as_ref())?);
        pool.admits(&at).then_some(())?;
        Some(Self {
            at,
            path: pool.status_path.clone()?,
            site: None,
            apart: apart.is_some(),
        })
    }

    /// The command that asks for it.
    pub fn source(&self) -> Source {
        let page = quote(&self.path);
        let command = match (&self.site, &self.at) {
            (Some(site), at) => {
                let host = quote(&format!("Host: {site}"));
                format!(
                    "curl -s -H {host} {}",
                    quote(&format!("http://{at}{}?auto", self.path))
                )
            }
            (None, at) => {
                let at = match at {
                    Endpoint::Unix(path) => path.display().to_string(),
                    Endpoint::Tcp(at) => at.to_string(),
                };
                format!(
                    "REQUEST_METHOD=GET SCRIPT_NAME={page} SCRIPT_FILENAME={page} cgi-fcgi -bind -connect {}",
                    quote(&at)
                )
            }
        };
        Source {
            place: format!("status page {} of {}", self.path, self.at),
            command,
        }
    }
}

impl FpmPool {
    /// `listen.allowed_clients` lets a caller in from that very address; php-fpm logs whom it sends away.
    fn admits(&self, at: &Endpoint) -> bool {
        let allowed = self
            .settings
            .iter()
            .rfind(|(key, ..)| key == "listen.allowed_clients");
        let (Some((_, allowed, _)), Endpoint::Tcp(at)) = (allowed, at) else {
            return true;
        };
        let ip = at.ip().to_string();
        allowed.split(',').any(|it| it.trim() == ip)
    }
}

/// Where something that listens so is reached from this host.
pub fn near(at: &ListenAddress) -> Endpoint {
    match at {
        ListenAddress::Unix(path) => Endpoint::Unix(path.clone()),
        ListenAddress::Tcp { ip, port } => {
            let ip = ip.filter(|ip| !ip.is_unspecified());
            Endpoint::Tcp((ip.unwrap_or(Ipv4Addr::LOCALHOST.into()), *port).into())
        }
    }
}

/// Workers without the one that served the page: who is busy, who idle, and the page.
pub fn counted(peer: &PeerSight) -> Option<(Scoreboard, &StatusPage)> {
    let own = peer.own_count.as_ref()?;
    let mut board = own.heard?;
    if !own.page.apart {
        board.busy = board.busy.saturating_sub(1);
    }
    Some((board, &own.page))
}

/// It counts every worker busy, while connections wait or it may have no more.
pub fn all_busy(case: &Case, peer: &PeerSight, rank: Rank) -> Option<Evidence> {
    let (board, page) = counted(peer).filter(|(board, _)| board.idle == 0 && board.busy > 0)?;
    let waiting = board.waiting.max(queue::waiting(case, peer));
    let full = most(case, peer).is_some_and(|most| board.busy >= most);
    (waiting > 0 || full).then(|| {
        let says = format!(
            "by its own count all {} are busy and none is idle, while {}",
            count(board.busy as usize, "worker"),
            count(waiting as usize, "connection") + " wait"
        );
        Evidence::supports(rank, says, page.source())
    })
}

/// As many as it may have, as configured.
fn most(case: &Case, peer: &PeerSight) -> Option<u32> {
    let backend = peer.backend.as_ref()?;
    match backend.kind? {
        BackendKind::Apache => case.world.apache.most,
        _ => backend.pool.as_ref()?.max_children,
    }
}

/// What its page tells beside that: how often it was full since its start, or that nobody came to serve it.
pub fn beside(peer: &PeerSight) -> Option<Evidence> {
    let own = peer.own_count.as_ref()?;
    let says = match own.heard {
        None if own.page.apart => return None,
        None => "its status page, which one of its workers would serve, gave no answer".to_owned(),
        Some(board) if board.reached == 0 => return None,
        Some(board) => format!(
            "by its own count it wanted more workers than it may have, {} since it started",
            count(usize::try_from(board.reached).unwrap_or(usize::MAX), "time")
        ),
    };
    Some(Evidence::supports(Rank::Hint, says, own.page.source()))
}

/// Idle workers, of all, while nothing waits: as their server counts them, else as its processes show.
pub fn free(case: &Case, peer: &PeerSight) -> Option<(usize, usize, Source)> {
    if queue::waiting(case, peer) > 0 {
        return None;
    }
    let seen = peer.progress.as_ref().map(|progress| progress.idle);
    if let Some((idle, all)) = seen.filter(|(idle, _)| *idle > 0) {
        return Some((idle, all, Source::listeners(&peer.endpoint)));
    }
    let (board, page) = counted(peer).filter(|(board, _)| board.idle > 0 && board.waiting == 0)?;
    // two witnesses of two moments that do not agree prove nothing
    let at_odds = seen.is_some() && service::workers(case, peer).into_iter().any(shows_work);
    (!at_odds).then(|| {
        (
            board.idle as usize,
            (board.idle + board.busy) as usize,
            page.source(),
        )
    })
}

/// What it does can be seen: the kernel tells others than root little.
fn shows_work(process: &Process) -> bool {
    process.syscall.is_some() || !process.wchan.is_empty() || process.state == ProcessState::Running
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn pool(settings: &[(&str, &str)], listen: &str, apart: Option<&str>) -> FpmPool {
        let at = |text: &str| match text.parse::<u16>() {
            Ok(port) => ListenAddress::Tcp { ip: None, port },
            Err(_) => ListenAddress::Unix(text.into()),
        };
        FpmPool {
            listen: Some(at(listen)),
            status_path: Some("/status".into()),
            status_listen: apart.map(at),
            settings: settings
                .iter()
                .map(|(key, value)| ((*key).into(), (*value).into(), 1))
                .collect(),
            ..FpmPool::default()
        }
    }

    #[test]
    fn a_pool_is_asked_where_it_lets_this_host_in() {
        let allowed = |value| vec![("listen.allowed_clients", value)];
        let rows = [
            (pool(&[], "/run/a.sock", None), Some(("unix:/run/a.sock", false))),
            (pool(&[], "9000", None), Some(("127.0.0.1:9000", false))),
            (
                pool(&[], "/run/a.sock", Some("9001")),
                Some(("127.0.0.1:9001", true)),
            ),
            (
                pool(&allowed("192.0.2.7, 127.0.0.1"), "9000", None),
                Some(("127.0.0.1:9000", false)),
            ),
            (pool(&allowed("192.0.2.7"), "9000", None), None),
            (
                pool(&allowed("192.0.2.7"), "/run/a.sock", None),
                Some(("unix:/run/a.sock", false)),
            ),
        ];
        for (pool, expect) in rows {
            let page = StatusPage::of_pool(&pool);
            let page = page.map(|page| (page.at.to_string(), page.apart));
            assert_eq!(page, expect.map(|(at, apart)| (at.to_owned(), apart)), "{pool:?}");
        }
        let none = FpmPool {
            status_path: None,
            ..pool(&[], "9000", None)
        };
        assert_eq!(StatusPage::of_pool(&none), None);
    }

    #[test]
    fn the_command_asks_for_the_same_page() {
        let fpm = StatusPage::of_pool(&pool(&[], "/run/a.sock", None))
            .expect("a page")
            .source();
        assert!(
            fpm.command.ends_with("cgi-fcgi -bind -connect /run/a.sock"),
            "{}",
            fpm.command
        );
        let apache = StatusPage {
            at: Endpoint::Tcp(([127, 0, 0, 1], 7080).into()),
            path: "/server-status".into(),
            site: Some("localhost".into()),
            apart: false,
        };
        assert_eq!(
            apache.source().command,
            "curl -s -H 'Host: localhost' 'http://127.0.0.1:7080/server-status?auto'"
        );
    }

    #[test]
    fn the_worker_that_serves_the_page_is_not_counted() {
        let alone = Fixture::php_fpm().counts(1, 0, 0, false);
        assert_eq!(counted(&alone.peers[0]).map(|(board, _)| board.busy), Some(0));
        let case = alone.case();
        assert_eq!(all_busy(&case, &case.peers[0], Rank::Strong), None);
        let apart = Fixture::php_fpm().counts(5, 0, 0, true).case();
        let says = all_busy(&apart, &apart.peers[0], Rank::Strong).map(|it| it.says);
        let expect = "by its own count all 5 workers are busy and none is idle, while 0 connections wait";
        assert_eq!(says.as_deref(), Some(expect));
    }
}
