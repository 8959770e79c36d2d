use crate::{
    Case, Class, Evidence, Opinion, Rank, Source,
    case::errno,
    cause::{Group, Told, cause},
    topology::{GroupServer, Target},
};
use host::Endpoint;
use logscan::{Complaint, Trouble};
use std::ffi::OsStr;

cause! {
    /// # What happens
    /// In Kubernetes the service behind an ingress has no ready pod, so there is no address to send requests to. The
    /// controller of F5 (NGINX Inc.) writes a placeholder into the upstream: a socket of nginx itself,
    /// `nginx-502-server.sock`, that answers 502; 127.0.0.1:8181, where nobody listens, in old versions. ingress-nginx
    /// answers 503 and logs `does not have any active Endpoint`.
    /// # How to tell
    /// Every server of the upstream is the placeholder. `kubectl get endpoints` has none for that service: its pods are
    /// not ready, or its selector or port does not match them.
    /// # Fix
    /// Look at the pods of that service, not at nginx: readiness, selector, targetPort.
    /// # Not this if
    /// The upstream has an address of a pod.
    pub static K8S_NO_ENDPOINTS = {
        id: "k8s-no-endpoints",
        title: "the service has no ready endpoint",
        group: Group::Wiring,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("does not have any active endpoint", 98), ("127.0.0.1:8181", 90), ("no endpoints available", 95), ("nginx-502-server.sock", 98)],
        effect_of: &[],
        settled_by: ("list the endpoints", "kubectl get endpoints"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies: crate::remedy::none,
            lab: &["k8s-no-endpoints"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED)
            if complaint
                .tcp()
                .is_some_and(|it| it.ip().is_loopback() && it.port() == OLD_PORT) =>
        {
            95
        }
        Trouble::Connect(errno::ECONNREFUSED) => 3,
        Trouble::Status(503) => 20,
        _ => 0,
    }
}

/// `nginx502Server` of the controller's source (internal/configs/virtualserver.go); its directory changed over time.
const SOCKET: &str = "nginx-502-server.sock";
/// What it was before: nobody listens there.
const OLD_PORT: u16 = 8181;

/// The upstream of the route, where it has nothing but placeholders.
fn empty(case: &Case) -> Option<(&str, &[GroupServer], Rank)> {
    let Target::Group { name, servers } = &case.route.as_ref()?.target else {
        return None;
    };
    let all = |test: fn(&Endpoint) -> bool| {
        let endpoint = |it: &GroupServer| matches!(&it.address, Target::Endpoint(at) if test(at));
        !servers.is_empty() && servers.iter().all(endpoint)
    };
    let is_socket = |at: &Endpoint| at.unix().and_then(|path| path.file_name()) == Some(OsStr::new(SOCKET));
    if all(is_socket) {
        return Some((name, servers, Rank::Decisive));
    }
    let is_old = |at: &Endpoint| {
        at.tcp()
            .is_some_and(|at| at.ip().is_loopback() && at.port() == OLD_PORT)
    };
    let nobody = case.peers.iter().all(|peer| peer.reachable() == Some(false));
    (all(is_old) && nobody && is_generated(name)).then_some((name, servers, Rank::Strong))
}

/// `default-cafe-ingress-cafe.example.com-tea-svc-80`, `vs_default_cafe_tea`: namespace, resource, host, service, port.
fn is_generated(name: &str) -> bool {
    let port = name
        .rsplit('-')
        .next()
        .is_some_and(|it| it.parse::<u16>().is_ok());
    name.starts_with("vs_") || name.matches('-').count() >= 3 && port
}

fn weigh(case: &Case) -> Opinion {
    let Some((name, servers, rank)) = empty(case) else {
        return Opinion::none();
    };
    let source = servers.first().map(|server| {
        let place = &server.written;
        Source::file(&place.file, Some(place.line))
    });
    let source = source.unwrap_or_else(|| Source::command("nginx -T"));
    Opinion {
        subject: name.to_owned(),
        says: format!("the service behind upstream {name} has no ready endpoint in Kubernetes"),
        evidence: vec![Evidence::supports(
            rank,
            format!(
                "upstream {name} has nothing but what the ingress controller writes where a service has no endpoints"
            ),
            source,
        )],
    }
}

fn advise(case: &Case) -> String {
    let name = empty(case).map_or("", |(name, ..)| name);
    format!(
        "kubectl get endpoints,pods -A | less, for the service that {name} names: pods that are not ready, a selector or a \
         targetPort that matches none. nginx is right, and follows as soon as a pod is ready"
    )
}

#[cfg(test)]
mod tests {
    use crate::{
        testing::{Fixture, endpoint},
        topology::{GroupServer, Place, Target},
    };

    fn of(fixture: Fixture, name: &str, addresses: &[&str]) -> Fixture {
        fixture.with(|it| {
            let server = |address: &&str| GroupServer {
                address: Target::Endpoint(endpoint(address)),
                down: false,
                backup: false,
                resolve: false,
                written: Place::line("/etc/nginx/conf.d/default-cafe.conf".as_ref(), 3),
            };
            it.route.as_mut().expect("a route").target = Target::Group {
                name: name.into(),
                servers: addresses.iter().map(server).collect(),
            };
        })
    }

    const SOCKET: &str = "unix:/var/lib/nginx/nginx-502-server.sock";
    const NAME: &str = "default-cafe-ingress-cafe.example.com-tea-svc-80";

    #[test]
    fn fires_where_there_is_nothing_but_a_placeholder() {
        of(Fixture::nothing(SOCKET).passed_on(502), NAME, &[SOCKET])
            .check("found k8s-no-endpoints <- inner-hop");
        let old = "127.0.0.1:8181";
        of(Fixture::nothing(old).refused(), NAME, &[old]).check("found k8s-no-endpoints");
    }

    #[test]
    fn stays_quiet_where_a_pod_or_another_server_is_there() {
        let pod = "10.0.0.20:80";
        of(Fixture::nothing(pod).refused(), NAME, &[pod, SOCKET]).check_not("k8s-no-endpoints");
        let old = "127.0.0.1:8181";
        of(Fixture::nothing(old).refused(), "backend", &[old]).check_not("k8s-no-endpoints");
    }
}
