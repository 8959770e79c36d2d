use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// In Kubernetes the service behind the ingress has no ready pod. ingress-nginx answers 503; the NGINX Inc.
    /// controller sends requests to 127.0.0.1:8181, where nothing listens.
    /// # How to tell
    /// `upstream: "http://127.0.0.1:8181/…"`, or an empty endpoint list.
    /// # Fix
    /// Look at the pods of that service.
    /// # Not this if
    /// Endpoints are there.
    pub static K8S_NO_ENDPOINTS = {
        id: "k8s-no-endpoints",
        title: "the service has no ready endpoint",
        group: Group::Wiring,
        class: Class::Inform,
        share_of: share_of,
        phrases: &[("does not have any active endpoint", 98), ("127.0.0.1:8181", 90), ("no endpoints available", 95)],
        effect_of: &[],
        settled_by: ("list the endpoints", "kubectl get endpoints"),
        told: Told::ByExplain,
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(111)
            if complaint
                .tcp()
                .is_some_and(|it| it.ip().is_loopback() && it.port() == 8181) =>
        {
            95
        }
        Trouble::Connect(111) => 3,
        Trouble::Status(503) => 20,
        _ => 0,
    }
}
