//! What a port really speaks, asked where nginx's complaint is about the protocol.

use super::{
    stance::{of_worker, talk},
    symptoms::Draft,
};
use crate::{World, case::errno};
use host::{
    Endpoint, Host, Look, Talk,
    answer::{Connect, Conversation},
};
use logscan::Trouble;

/// How long a server may think before it says what it speaks.
const PATIENCE_MS: u64 = 700;

/// Asks in each protocol once; nothing where no complaint is about the protocol or nobody answers.
pub(super) fn ask(
    host: &dyn Host,
    world: &World,
    draft: &Draft,
    endpoint: &Endpoint,
    connect: &Look<Conversation>,
) -> Vec<(String, Conversation)> {
    let answers = connect.as_ref().is_ok_and(|it| it.connect == Connect::Accepted);
    if !answers
        || !draft
            .symptoms
            .iter()
            .filter_map(|it| it.trouble())
            .any(is_of_protocol)
    {
        return Vec::new();
    }
    let stance = of_worker(world, draft.nginx);
    let greetings = greetings(draft);
    let answers = super::parallel::map(&greetings, |greeting| talk(host, endpoint, &stance, greeting));
    greetings
        .iter()
        .zip(answers)
        .filter_map(|(greeting, answer)| Some((greeting.name().to_owned(), answer.ok()?)))
        .collect()
}

fn is_of_protocol(trouble: &Trouble) -> bool {
    matches!(
        trouble,
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
    )
}

fn greetings(draft: &Draft) -> Vec<Talk> {
    let host = draft
        .route
        .as_ref()
        .and_then(|route| route.names.first())
        .filter(|name| is_host(name));
    let host = host.map_or("localhost", String::as_str).to_owned();
    let http = Talk::Http {
        method: "HEAD".into(),
        target: "/".into(),
        host: host.clone(),
        tls: None,
        patience_ms: PATIENCE_MS,
    };
    vec![http, Talk::FastCgi, Talk::Tls { sni: Some(host) }, Talk::Uwsgi]
}

/// A server_name that a client could ask for.
pub(super) fn is_host(name: &str) -> bool {
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || b"-.".contains(&byte);
    !name.is_empty() && name.len() <= 253 && !name.starts_with('.') && name.bytes().all(plain)
}
