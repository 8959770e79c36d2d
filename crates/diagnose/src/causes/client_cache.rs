use crate::{
    Class,
    cause::{Group, Told, cause},
};
use logscan::Complaint;

cause! {
    /// # What happens
    /// The server is healthy again and the browser, a service worker or a proxy still shows the failed page.
    /// # How to tell
    /// No new request reaches the server; an Age header or a service worker answers. A browser keeps nginx's own 502 too,
    /// and asks anew each time: only a failure that came with `Cache-Control: max-age` or `Expires` is shown from its cache,
    /// by Chromium; Firefox shows none. A browser that remembers a promise of https (HSTS) never asks by http.
    /// # Fix
    /// Clear that site's cache; never let errors be cached.
    /// # Not this if
    /// The request reaches the server and fails; or the page works in the browser too, once it is loaded again.
    pub static CLIENT_CACHE = {
        id: "client-cache",
        title: "the browser shows a 502 it has kept",
        group: Group::Outside,
        class: Class::Ask,
        share_of: |_: &Complaint| 0,
        phrases: &[("service worker", 60), ("disk cache", 70), ("cached", 25)],
        effect_of: &[],
        settled_by: ("look for the request in the server's log", "why502 check URL"),
        told: Told::ByCheck,
    }
}
