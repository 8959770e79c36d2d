//! Requests that go on in the background until they are dropped.

use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::client::{self, Client};

/// Visitors who ask for one page again and again. The drop does not wait for a request under way.
pub(crate) struct Background {
    stop: Arc<AtomicBool>,
    failed: Arc<Mutex<Vec<(Instant, u16)>>>,
}

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
        let failed = Arc::new(Mutex::new(Vec::new()));
        for visitor in 20..20 + visitors {
            let (stop, failed, client) = (Arc::clone(&stop), Arc::clone(&failed), client.clone());
            std::thread::spawn(move || {
                let entered = client.enter().is_ok();
                while entered && !stop.load(Ordering::Relaxed) {
                    let status = client::get(visitor, site, path).unwrap_or(0);
                    if let (true, Ok(mut failed)) = (status != 200, failed.lock()) {
                        failed.push((Instant::now(), status));
                    }
                    std::thread::sleep(pause);
                }
            });
        }
        Self { stop, failed }
    }

    /// Every answer since then that was not 200; 0 is none at all.
    pub(crate) fn failed_since(&self, then: Instant) -> Vec<u16> {
        let failed = self
            .failed
            .lock()
            .map(|failed| failed.clone())
            .unwrap_or_default();
        let since = failed.iter().filter(|(at, _)| *at >= then);
        since.map(|(_, status)| *status).collect()
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// A web server on the lab's side of the network (192.0.2.1:8080): another machine, for hosts that proxy to one.
pub(crate) struct Elsewhere {
    stop: Arc<AtomicBool>,
}

/// Starts that server; it answers every request with a small page.
pub(crate) fn serve(client: &Client) -> Elsewhere {
    let stop = Arc::new(AtomicBool::new(false));
    let (client, stopped) = (client.clone(), Arc::clone(&stop));
    std::thread::spawn(move || -> anyhow::Result<()> {
        client.enter()?;
        let listener = TcpListener::bind("192.0.2.1:8080")?;
        listener.set_nonblocking(true)?;
        while !stopped.load(Ordering::Relaxed) {
            match listener.accept() {
                // One visitor's broken connection is no reason to stop serving.
                Ok((stream, _)) => drop(answer(stream)),
                Err(_) => std::thread::sleep(Duration::from_millis(5)),
            }
        }
        Ok(())
    });
    Elsewhere { stop }
}

fn answer(mut stream: TcpStream) -> std::io::Result<()> {
    stream.set_nonblocking(false)?;
    stream.set_read_timeout(Some(Duration::from_secs(2)))?;
    let _request = stream.read(&mut [0; 8192])?;
    stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 14\r\nConnection: close\r\n\r\n<h1>Shop</h1>\n")
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
    }
}
