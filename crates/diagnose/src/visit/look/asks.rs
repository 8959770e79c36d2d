//! Requests, counted and spaced.

use super::super::{
    Page, Question,
    case::{Asked, Why},
    place::Place,
};
use host::{Host, Look, Looks, Query, answer::Answer, browser::Jar, visit::Visit};
use std::net::{IpAddr, SocketAddr};

/// Makes no more requests than it may, and none too soon after the last.
pub(super) struct Asker<'a> {
    host: &'a dyn Host,
    left: u32,
    every_ms: u64,
    id: String,
    made: u32,
}

impl<'a> Asker<'a> {
    pub(super) fn new(host: &'a dyn Host, question: &Question, id: String) -> Self {
        Self {
            host,
            left: question.requests,
            every_ms: question.every_ms,
            id,
            made: 0,
        }
    }

    /// As any visitor asks.
    pub(super) fn plain(&mut self, why: Why, place: &Place, to: SocketAddr) -> Option<Asked> {
        self.ask(why, place, to, |_| {})
    }

    /// Over HTTP/2.
    pub(super) fn http2(&mut self, place: &Place, to: SocketAddr) -> Option<Asked> {
        self.ask(Why::Http2, place, to, |visit| visit.http2 = true)
    }

    /// Through a proxy.
    pub(super) fn proxied(&mut self, place: &Place, to: SocketAddr, proxy: SocketAddr) -> Option<Asked> {
        self.ask(Why::Proxy, place, to, |visit| visit.proxy = Some(proxy))
    }

    /// Once more without cookies, by the protocol that a browser uses there.
    pub(super) fn bare(&mut self, place: &Place, to: SocketAddr, http2: bool) -> Option<Asked> {
        match http2 {
            true => self.http2(place, to),
            false => self.plain(Why::Again, place, to),
        }
    }

    /// With a browser's cookies, by the protocol that a browser uses there.
    pub(super) fn with_cookies(
        &mut self,
        nth: usize,
        place: &Place,
        (to, http2): (SocketAddr, bool),
        jar: &Jar,
    ) -> Option<Asked> {
        self.ask(Why::Cookies(nth), place, to, |visit| {
            visit.http2 = http2;
            visit.cookies = Some(jar.clone());
        })
    }

    fn ask(
        &mut self,
        why: Why,
        place: &Place,
        to: SocketAddr,
        set: impl FnOnce(&mut Visit),
    ) -> Option<Asked> {
        self.left = self.left.checked_sub(1)?;
        let mut visit = Visit {
            to,
            host: place.host.clone(),
            authority: place.authority(),
            tls: place.tls,
            target: place.target.clone(),
            http2: false,
            cookies: None,
            proxy: None,
            id: self.id.clone(),
            nth: self.made,
        };
        set(&mut visit);
        let talk = self.visit(&visit);
        self.made += 1;
        let page = talk.as_ref().ok().and_then(|talk| Page::read(&talk.heard.0));
        Some(Asked {
            why,
            place: place.clone(),
            visit,
            talk,
            page,
        })
    }

    /// The first at once, each other one a while after the one before.
    fn visit(&self, visit: &Visit) -> Look<host::answer::Conversation> {
        let look = Query::Visit(Box::new(visit.clone()));
        let query = match self.made {
            0 => look,
            _ => Query::Later {
                ms: self.every_ms,
                look: Box::new(look),
            },
        };
        match self.host.ask(&query)? {
            Answer::Conversation(talk) => Ok(talk),
            _ => Err(host::Unseen::Unusable {
                what: "the page".into(),
                why: "answered with something else".into(),
            }),
        }
    }

    /// Where a page that a redirect leads to is asked for: the same server where the host stays the same.
    pub(super) fn address_of(&self, place: &Place, from: Option<&Asked>) -> Option<SocketAddr> {
        let known = from
            .filter(|from| from.place.host == place.host)
            .map(|from| from.visit.to.ip());
        let resolved = || -> Option<IpAddr> { self.host.system_name(&place.host).ok()?.first().copied() };
        let ip = known.or_else(|| place.address()).or_else(resolved)?;
        Some(SocketAddr::new(ip, place.port))
    }
}
