//! The certificates of TLS backends that nginx verifies.

use super::not;
use crate::{
    Case, World,
    discover::backend_of,
    observe::{parallel, targets},
    topology::{Protocol, Route},
};
use host::{Endpoint, Host, Look, Looks, Stance, Talk, Timestamp, looks::certificate};
use std::time::Duration;

/// Backends asked at most.
const MOST: usize = 24;
/// What ends within this time is told.
const SOON: Duration = Duration::from_secs(21 * 86400);

/// What one backend showed.
#[derive(Clone, Debug)]
pub struct CertificateSight {
    /// Index into [`super::Survey::routes`].
    pub route: usize,
    /// Who was asked.
    pub endpoint: Endpoint,
    /// The unit behind it, where it is of this host.
    pub unit: Option<String>,
    /// When the first certificate of its chain ends, if within three weeks.
    pub ends: Look<Option<Timestamp>>,
}

/// Shakes hands with each backend whose certificate counts.
pub(super) fn look(host: &dyn Host, world: &World, routes: &[Case]) -> Vec<CertificateSight> {
    let mut wanted: Vec<(usize, Endpoint, &Route)> = Vec::new();
    for (index, case) in routes.iter().enumerate() {
        let Some(route) = case.route.as_ref().filter(|route| counts(route)) else {
            continue;
        };
        for endpoint in endpoints(host, case, route) {
            if wanted.len() < MOST && !wanted.iter().any(|(_, known, _)| *known == endpoint) {
                wanted.push((index, endpoint, route));
            }
        }
    }
    parallel::map(&wanted, |(index, endpoint, route)| CertificateSight {
        route: *index,
        endpoint: endpoint.clone(),
        unit: backend_of(world, endpoint).and_then(|backend| backend.unit),
        ends: ends(host, endpoint, route, world.now),
    })
}

/// Without `*_ssl_verify on` nginx takes any certificate, an old one too.
fn counts(route: &Route) -> bool {
    matches!(route.protocol, Protocol::Https | Protocol::Grpcs) && route.settings.tls.verify
}

fn endpoints(host: &dyn Host, case: &Case, route: &Route) -> Vec<Endpoint> {
    let known = case.peers.iter().map(|peer| peer.endpoint.clone());
    let names = targets::names(&route.target)
        .into_iter()
        .filter(|(name, ..)| name != "localhost");
    let resolved = names.filter_map(|(name, port, ..)| {
        let addresses = host.system_name(&name).ok()?;
        Some(Endpoint::from((*addresses.first()?, port)))
    });
    known.chain(resolved).collect()
}

fn ends(host: &dyn Host, endpoint: &Endpoint, route: &Route, now: Timestamp) -> Look<Option<Timestamp>> {
    let tls = &route.settings.tls;
    let host_of_pass = || {
        targets::names(&route.target)
            .into_iter()
            .next()
            .map(|(name, ..)| name)
    };
    let sni = tls.name.clone().or_else(host_of_pass).filter(|_| tls.server_name);
    let heard = host.connect(endpoint, &Stance::default(), Talk::Tls { sni })?;
    let shown = heard.tls.map(|tls| tls.certificates).unwrap_or_default();
    if shown.is_empty() {
        return Err(not(&format!("the certificate of {endpoint}"), "it showed none"));
    }
    let soon = now.after(SOON);
    let ends = shown
        .iter()
        .filter_map(|der| match certificate::dates(&der.0, soon)? {
            certificate::Dates::Expired(at) => Some(at),
            certificate::Dates::Hold | certificate::Dates::NotYet => None,
        });
    Ok(ends.min())
}
