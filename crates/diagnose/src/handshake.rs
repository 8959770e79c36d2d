//! TLS between nginx and a backend: what nginx said of it, and what the port showed when it was asked.

use crate::{
    Case, Symptom,
    case::{PeerSight, Spoken},
    topology::Route,
};
use host::{Talk, looks::certificate};
use logscan::Trouble;

/// The last handshake that nginx could not complete for such a reason, and the peer it was with.
pub fn refused(case: &Case, test: impl Fn(&Trouble) -> bool) -> Option<(&Symptom, Option<&PeerSight>)> {
    let symptom = case.having(test).max_by_key(|symptom| symptom.last)?;
    let named = |peer: &&PeerSight| symptom.peer.as_ref() == Some(&peer.endpoint);
    let peer = case.peers.iter().find(named);
    Some((
        symptom,
        peer.or_else(|| case.peers.iter().find(|peer| peer.in_use)),
    ))
}

/// Where, for a sentence.
pub fn at(symptom: &Symptom) -> String {
    symptom
        .peer
        .as_ref()
        .map_or("the upstream".to_owned(), ToString::to_string)
}

/// A handshake that completed, with the name that was sent.
pub fn completed(peer: &PeerSight) -> impl Iterator<Item = (Option<&str>, &Spoken)> {
    peer.speaks.iter().filter_map(|spoken| match &spoken.talk {
        Talk::Tls { sni } if spoken.shook_hands_as(sni.as_deref()) => Some((sni.as_deref(), spoken)),
        _ => None,
    })
}

/// A handshake as nginx makes it was tried just now: whether it completed.
pub fn as_nginx(route: &Route, peer: &PeerSight) -> Option<bool> {
    let name = sent_name(route);
    let tried = peer
        .speaks
        .iter()
        .find(|spoken| matches!(&spoken.talk, Talk::Tls { sni } if sni.as_deref() == name))?;
    Some(tried.shook_hands_as(name))
}

/// The name nginx sends: none unless `proxy_ssl_server_name` is on.
pub fn sent_name(route: &Route) -> Option<&str> {
    let tls = &route.settings.tls;
    tls.server_name.then_some(())?;
    tls.name.as_deref().or(match &route.target {
        crate::topology::Target::Name { host, .. } => Some(host.as_str()),
        _ => None,
    })
}

/// The certificates the port showed last, its own first.
pub fn shown(peer: &PeerSight) -> impl Iterator<Item = &[u8]> {
    let sight = peer
        .speaks
        .iter()
        .rev()
        .filter_map(|spoken| spoken.answer.tls.as_ref());
    let chain = sight
        .map(|tls| tls.certificates.as_slice())
        .find(|chain| !chain.is_empty());
    chain.unwrap_or_default().iter().map(|der| der.0.as_slice())
}

/// The names of the port's own certificate: hostile.
pub fn names(peer: &PeerSight) -> Vec<String> {
    shown(peer).next().map(certificate::names).unwrap_or_default()
}

/// The command that shakes hands with this name.
pub fn command(at: &str, name: Option<&str>) -> String {
    let name = name.map_or("-noservername".to_owned(), |name| {
        format!("-servername {}", crate::evidence::quote(name))
    });
    format!("openssl s_client -connect {at} {name} </dev/null")
}

/// The directive of this route's protocol: `proxy_ssl_name`, `grpc_ssl_name`.
pub fn directive(route: &Route, what: &str) -> String {
    let word = route.pass.split('_').next().unwrap_or("proxy");
    format!("{word}_ssl_{what}")
}
