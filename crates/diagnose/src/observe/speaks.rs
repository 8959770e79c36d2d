//! What a port really speaks: asked where nginx's complaint is about the protocol, or where the kind of server does not
//! fit what nginx speaks. First as nginx does; only where that is not answered in other protocols.

use super::{
    stance::{of_worker, talk},
    symptoms::{Draft, is_safe},
};
use crate::{
    World,
    case::{Backend, Spoken, errno},
    elsewhere::{Fit, fit},
    hop,
    speech::{Speech, wanted},
    topology::{BackendTls, Protocol, Route, Target},
};
use host::{
    Endpoint, Host, Look, Talk,
    answer::{Connect, Conversation},
};
use logscan::{Complaint, Phase, Trouble};

/// How long a server may think before it says what it speaks.
const PATIENCE_MS: u64 = 700;
/// The same where it is known to answer, if late: requests that meet the close of a connection meet a busy server.
const LONGER_MS: u64 = 1500;
/// Server names tried at most.
const NAMES: usize = 3;
/// Characters of a request target that we repeat.
const LONGEST: usize = 2000;

/// Asks; nothing where no doubt is about the protocol or nobody answers.
pub(super) fn ask(
    host: &dyn Host,
    world: &World,
    draft: &Draft,
    endpoint: &Endpoint,
    connect: &Look<Conversation>,
    backend: Option<&Backend>,
) -> Vec<Spoken> {
    let answers = connect.as_ref().is_ok_and(|it| it.connect == Connect::Accepted);
    let Some(route) = draft.route.as_ref().filter(|_| answers) else {
        return Vec::new();
    };
    let complained = draft
        .symptoms
        .iter()
        .filter_map(|it| it.complaint.as_ref())
        .any(is_of_protocol);
    let reused = is_reused(draft, route);
    if !complained && !reused && !is_misfit(route, backend) {
        return Vec::new();
    }
    let stance = of_worker(world, draft.nginx);
    let all = |questions: Vec<Talk>| {
        let answers = super::parallel::map(&questions, |question| talk(host, endpoint, &stance, question));
        let told = questions.into_iter().zip(answers);
        told.filter_map(|(talk, answer)| {
            Some(Spoken {
                talk,
                answer: answer.ok()?,
            })
        })
        .collect::<Vec<_>>()
    };
    let first = [Some(as_nginx(draft, route)), reused.then(|| kept(draft, route))];
    let mut said = all(first.into_iter().flatten().collect());
    if !said.iter().any(|spoken| is_understood(spoken, route.protocol)) {
        said.extend(all(otherwise(draft, route)));
    }
    said
}

/// nginx keeps connections to it, and some were closed or reset when a request had been sent.
fn is_reused(draft: &Draft, route: &Route) -> bool {
    let complaints = draft.symptoms.iter().filter_map(|it| it.complaint.as_ref());
    let mut troubles = complaints.map(|it| &it.trouble);
    hop::kept(route).is_some() && troubles.any(is_cut_off)
}

fn is_cut_off(trouble: &Trouble) -> bool {
    matches!(
        trouble,
        Trouble::ClosedEarly
            | Trouble::Receive(errno::ECONNRESET)
            | Trouble::Send(errno::EPIPE | errno::ECONNRESET)
    )
}

/// That kind of server does not speak what nginx speaks to it.
fn is_misfit(route: &Route, backend: Option<&Backend>) -> bool {
    let kind = backend.and_then(|backend| backend.kind);
    kind.is_some_and(|kind| fit(kind, route.protocol) == Fit::No)
}

fn is_of_protocol(complaint: &Complaint) -> bool {
    let handshake = complaint.trouble == Trouble::TimedOut && complaint.during(Phase::Handshaking);
    let of_protocol = matches!(
        complaint.trouble,
        Trouble::NotHttp
            | Trouble::NotFastCgi(_)
            | Trouble::NotHttp2(_)
            | Trouble::ClosedEarly
            | Trouble::InvalidResponse(_)
            | Trouble::Receive(errno::ECONNRESET)
            | Trouble::Tls { .. }
            | Trouble::TlsClosed
            | Trouble::TlsName(_)
            | Trouble::TlsVerify { .. }
            | Trouble::RequestTooBig(_)
    );
    of_protocol || handshake
}

/// What nginx itself would say.
fn as_nginx(draft: &Draft, route: &Route) -> Talk {
    match wanted(route.protocol) {
        Some(Speech::Tls) => Talk::Tls {
            sni: sni(route).filter(|name| is_name(name)),
        },
        Some(Speech::FastCgi) => Talk::FastCgi,
        Some(Speech::Uwsgi) => Talk::Uwsgi,
        Some(Speech::Http2) => Talk::H2,
        _ => http(draft, route),
    }
}

/// The server answers as one that speaks this protocol.
fn is_understood(spoken: &Spoken, protocol: Protocol) -> bool {
    let heard = spoken.answer.heard.0.as_slice();
    match wanted(protocol) {
        Some(Speech::Tls) => spoken.answer.tls.as_ref().is_some_and(|tls| tls.completed),
        Some(Speech::FastCgi) => heard.starts_with(&[1, 10]),
        Some(Speech::Http2) => matches!(heard, [_, _, _, 4, ..]),
        // 400: what a server of HTTPS says, and one of HTTP to uwsgi
        _ => spoken.http_status().is_some_and(|status| status != 400),
    }
}

/// The other protocols, and other server names.
fn otherwise(draft: &Draft, route: &Route) -> Vec<Talk> {
    let asked = as_nginx(draft, route);
    let names = names(route).into_iter().map(|name| Talk::Tls { sni: Some(name) });
    let mut all: Vec<Talk> = [
        http(draft, route),
        http_of(route, "/"),
        Talk::FastCgi,
        Talk::Uwsgi,
        Talk::Proxied,
        Talk::H2,
    ]
    .into_iter()
    .chain(names.take(NAMES))
    .collect();
    if wanted(route.protocol) == Some(Speech::Tls) {
        all.push(Talk::Tls { sni: None });
    }
    if route.protocol == Protocol::Http {
        all.extend(upgrade(draft, route));
    }
    if !all.iter().any(|it| matches!(it, Talk::Tls { .. })) {
        all.push(Talk::Tls { sni: None });
    }
    all.retain(|talk| *talk != asked);
    all.dedup();
    all
}

/// The failing page over HTTP, its header only.
fn http(draft: &Draft, route: &Route) -> Talk {
    let safe = draft
        .symptoms
        .iter()
        .filter_map(|symptom| symptom.request.as_deref())
        .rfind(|request| is_safe(request));
    let target = safe.and_then(|request| request.split(' ').nth(1));
    http_of(route, target.filter(|it| it.len() <= LONGEST).unwrap_or("/"))
}

/// The same without a word about the connection.
fn kept(draft: &Draft, route: &Route) -> Talk {
    match http(draft, route) {
        Talk::Http { target, host, .. } => Talk::HttpKept {
            target,
            host,
            patience_ms: LONGER_MS,
        },
        other => other,
    }
}

/// The failing page as one that hands out WebSockets.
fn upgrade(draft: &Draft, route: &Route) -> Option<Talk> {
    match http(draft, route) {
        Talk::Http { target, host, .. } => Some(Talk::Upgrade {
            target,
            host,
            tls: None,
            patience_ms: PATIENCE_MS,
        }),
        _ => None,
    }
}

fn http_of(route: &Route, target: &str) -> Talk {
    let name = route.names.iter().find(|name| is_host(name));
    Talk::Http {
        method: "HEAD".into(),
        target: target.to_owned(),
        host: name.map_or("localhost", String::as_str).to_owned(),
        tls: None,
        patience_ms: PATIENCE_MS,
    }
}

/// The name nginx sends with its handshake: none unless `proxy_ssl_server_name` is on.
fn sni(route: &Route) -> Option<String> {
    let BackendTls {
        server_name, name, ..
    } = &route.settings.tls;
    server_name.then(|| name.clone().or_else(|| pass_host(route)))?
}

/// Names that the server may want: the configured one, the host of the pass directive, the site's own.
fn names(route: &Route) -> Vec<String> {
    let configured = route.settings.tls.name.clone();
    let mut all: Vec<String> = Vec::new();
    let wanted = configured
        .into_iter()
        .chain(pass_host(route))
        .chain(route.names.iter().cloned());
    for name in wanted.filter(|name| is_name(name)) {
        if !all.contains(&name) {
            all.push(name);
        }
    }
    all
}

/// The host of the pass directive, where it is a name.
fn pass_host(route: &Route) -> Option<String> {
    match &route.target {
        Target::Name { host, .. } => Some(host.clone()),
        Target::Variable { host, .. } => host.clone(),
        Target::Group { name, .. } => Some(name.clone()),
        Target::Endpoint(_) => None,
    }
}

/// A name that can be sent with a handshake: no address (RFC 6066 section 3).
fn is_name(name: &str) -> bool {
    is_host(name) && name.contains('.') && name.parse::<std::net::IpAddr>().is_err()
}

/// A server_name that a client could ask for.
pub(crate) fn is_host(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    !name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.bytes().all(plain)
}
