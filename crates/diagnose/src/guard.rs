//! SELinux and AppArmor between nginx and a backend: what they refused, and what would let it through. Facts only.

use crate::{
    Case, Evidence, Rank, Source,
    case::{PeerSight, errno},
    service::SLACK,
    words::clip,
};
use host::{
    Endpoint, Look,
    looks::denial::{Denial, Guard, PortType},
};
use logscan::Trouble;

/// Lets nginx (`httpd_t`) connect to any TCP port.
pub const CONNECT: &str = "httpd_can_network_connect";
/// Lets it connect to ports of the types of web servers and their proxies only.
pub const RELAY: &str = "httpd_can_network_relay";
/// The type of ports of web servers.
pub const HTTP_PORT: &str = "http_port_t";

/// What was seen of them, where something was refused with errno 13.
#[derive(Clone, Debug)]
pub struct Guards {
    /// SELinux enforces its policy; `None` where the kernel runs without SELinux.
    pub enforcing: Look<Option<bool>>,
    /// Of the audit log; those of the kernel log are in [`crate::World::kernel`].
    pub denials: Look<Vec<Denial>>,
    /// [`CONNECT`] and [`RELAY`], where SELinux runs.
    pub booleans: Look<Vec<(String, bool)>>,
    /// Types of ports, where SELinux runs.
    pub ports: Look<Vec<PortType>>,
}

impl Guards {
    /// The value of a boolean.
    pub fn boolean(&self, name: &str) -> Option<bool> {
        let all = self.booleans.as_ref().ok()?;
        all.iter()
            .find(|(known, _)| known == name)
            .map(|(_, value)| *value)
    }

    /// The type of a TCP port: of several ranges the narrowest counts.
    pub fn type_of(&self, port: u16) -> Option<&PortType> {
        let all = self.ports.as_ref().ok()?;
        all.iter()
            .filter(|it| it.has_tcp(port))
            .min_by_key(|it| it.width())
    }
}

/// The peer that nginx may not connect to: errno 13 in its log, or where we tried as its worker.
pub fn forbidden(case: &Case) -> Option<&PeerSight> {
    let logged = |peer: &PeerSight| {
        case.having(|trouble| *trouble == Trouble::Connect(errno::EACCES))
            .any(|symptom| symptom.peer.as_ref().is_none_or(|at| *at == peer.endpoint))
    };
    case.peers
        .iter()
        .filter(|peer| peer.in_use)
        .find(|peer| logged(peer) || peer.errno() == Some(errno::EACCES))
}

/// The last refusal of that kind to nginx that is about this peer, since the failures began.
pub fn denial(case: &Case, peer: &PeerSight, by: Guard) -> Option<Denial> {
    let audit = case.world.guards.as_ref().and_then(|it| it.denials.as_ref().ok());
    let kernel = case.world.kernel.as_deref().unwrap_or_default();
    let kernel = kernel.iter().filter_map(|line| Denial::parse(&line.text));
    let since = case.first().before(SLACK);
    kernel
        .chain(audit.into_iter().flatten().cloned())
        .filter(|it| it.by == by && it.comm == "nginx" && it.at >= since && is_about(it, &peer.endpoint))
        .max_by_key(|it| it.at)
}

fn is_about(denial: &Denial, endpoint: &Endpoint) -> bool {
    match (endpoint, &denial.path) {
        (Endpoint::Tcp(at), _) if denial.port.is_some() => denial.port == Some(at.port()),
        // AppArmor mediates whole families of sockets
        (Endpoint::Tcp(at), None) => {
            let family = if at.is_ipv4() { "inet" } else { "inet6" };
            denial.by == Guard::AppArmor && denial.text.contains(&format!("family=\"{family}\""))
        }
        (Endpoint::Unix(socket), Some(path)) => {
            let name = socket.file_name().is_some_and(|name| name == path.as_str());
            name || socket.as_os_str() == path.as_str()
        }
        _ => false,
    }
}

/// The refusal as evidence.
pub fn shown(denial: &Denial) -> Evidence {
    let command = match denial.by {
        Guard::Selinux => "ausearch -m avc -ts recent -c nginx; dmesg -T | grep 'avc:' | tail -5",
        Guard::AppArmor => "dmesg -T | grep 'apparmor=\"DENIED\"' | tail -5",
    };
    Evidence::supports(
        Rank::Decisive,
        format!("the audit record of {}: {}", denial.at, clip(&denial.text)),
        Source::command(command),
    )
}
