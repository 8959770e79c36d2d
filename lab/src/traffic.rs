//! Requests that go on in the background until they are dropped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use crate::Crowd;
use crate::client::{self, Client};

/// Visitors who ask for one page again and again. The drop does not wait for a request under way.
pub(crate) struct Background {
    stop: Arc<AtomicBool>,
    answers: Arc<Mutex<Vec<Answer>>>,
}

/// When a request was begun and the status it got; 0 is no answer at all.
type Answer = (Instant, u16);

/// The last part of the first address of a crowd, and of people who were there before it.
const CROWD: u8 = 100;
const REGULARS: u8 = 220;

impl Background {
    /// `visitors` at once, each waiting `pause` between an answer and the next request.
    pub(crate) fn start(
        client: &Client,
        site: &'static str,
        path: &'static str,
        visitors: u8,
        pause: Duration,
    ) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answers = Arc::default();
        for visitor in 20..20 + visitors {
            let (stop, answers, client) = (Arc::clone(&stop), Arc::clone(&answers), client.clone());
            std::thread::spawn(move || {
                let entered = client.enter().is_ok();
                while entered && !stop.load(Ordering::Relaxed) {
                    note(&answers, || client::get(visitor, site, path));
                    std::thread::sleep(pause);
                }
            });
        }
        Self { stop, answers }
    }

    /// A crowd at one site.
    pub(crate) fn crowd(client: &Client, site: &'static str, crowd: Crowd) -> Self {
        Self::from(client, site, CROWD, crowd)
    }

    /// People who use a site all the time.
    pub(crate) fn regulars(client: &Client, site: &'static str, people: Crowd) -> Self {
        Self::from(client, site, REGULARS, people)
    }

    fn from(client: &Client, site: &'static str, address: u8, crowd: Crowd) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let answers = Arc::default();
        for first in 0..crowd.at_once {
            let (stop, answers, client) = (Arc::clone(&stop), Arc::clone(&answers), client.clone());
            std::thread::spawn(move || {
                let entered = client.enter().is_ok();
                let mut turn = usize::from(first);
                while entered && !stop.load(Ordering::Relaxed) {
                    let ask = crowd.asks[turn % crowd.asks.len()];
                    let visitor = address + u8::try_from(turn % usize::from(crowd.addresses)).unwrap_or(0);
                    note(&answers, || {
                        client::ask_as(visitor, site, ask, crowd.agent, crowd.referrer)
                    });
                    turn += usize::from(crowd.at_once) + 1;
                    std::thread::sleep(Duration::from_millis(crowd.pause_ms));
                }
            });
        }
        Self { stop, answers }
    }

    /// The answers to all that was asked since then.
    pub(crate) fn answers_since(&self, then: Instant) -> Vec<u16> {
        let answers = self.answers.lock().unwrap_or_else(PoisonError::into_inner);
        let since = answers.iter().filter(|(begun, _)| *begun >= then);
        since.map(|(_, status)| *status).collect()
    }

    /// Those that were not 200.
    pub(crate) fn failed_since(&self, then: Instant) -> Vec<u16> {
        let answers = self.answers_since(then).into_iter();
        answers.filter(|status| *status != 200).collect()
    }
}

fn note(answers: &Mutex<Vec<Answer>>, ask: impl FnOnce() -> anyhow::Result<u16>) {
    let begun = Instant::now();
    let status = ask().unwrap_or(0);
    answers
        .lock()
        .unwrap_or_else(PoisonError::into_inner)
        .push((begun, status));
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A web server on port 8080 of another machine, for hosts that proxy to one; on 8081 the edge of a CDN without its origin.
pub(crate) struct Elsewhere {
    stop: Arc<AtomicBool>,
}

/// Starts that server on every address of that network; it answers every request with a small page, but for `/report`.
pub(crate) fn serve(client: &Client) -> Elsewhere {
    let stop = Arc::new(AtomicBool::new(false));
    let (client, stopped) = (client.clone(), Arc::clone(&stop));
    std::thread::spawn(move || -> anyhow::Result<()> {
        client.enter()?;
        let (shop, edge) = (
            TcpListener::bind("0.0.0.0:8080")?,
            TcpListener::bind("0.0.0.0:8081")?,
        );
        shop.set_nonblocking(true)?;
        edge.set_nonblocking(true)?;
        while !stopped.load(Ordering::Relaxed) {
            // One visitor's broken connection is no reason to stop serving.
            match (shop.accept(), edge.accept()) {
                (Ok((stream, _)), _) => drop(answer(stream, page)),
                (_, Ok((stream, _))) => drop(answer(stream, |_| NO_ORIGIN.to_owned())),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Ok(())
    });
    Elsewhere { stop }
}

/// What Cloudflare's edge says while its origin does not take connections.
const NO_ORIGIN: &str = "HTTP/1.1 522 \r\nServer: cloudflare\r\nCF-RAY: 8f2b00000000abcd-FRA\r\nContent-Length: 15\r\n\
                         Connection: close\r\n\r\nerror code: 522";

fn answer(mut stream: TcpStream, page: impl Fn(&[u8]) -> String) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut request = [0; 8192];
    let length = stream.read(&mut request)?;
    stream.write_all(page(&request[..length]).as_bytes())
}

fn page(request: &[u8]) -> String {
    let body = match request.starts_with(b"GET /report") {
        true => "<p>a line of the report</p>\n".repeat(2000),
        false => "<h1>Shop</h1>\n".to_owned(),
    };
    let length = body.len();
    format!("HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
