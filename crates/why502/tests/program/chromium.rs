//! What a real Chromium keeps of a site: it shows it, and `check` and `client clear` know of it.

use crate::{
    check::{SHOP, at_home, certificate, check, hosts, resolver, tls_site},
    stage::{PAGE, Stage, with_servers},
};
use std::time::Duration;

/// A page that ends loading once its service worker is there and has kept an answer of its own.
const START: &str = "<img src=/slow><script>localStorage.setItem(\"basket\", \"full\"); \
                     navigator.storage.getDirectory().then(d => d.getFileHandle(\"x\", {create: true})); navigator.serviceWorker.register(\"/sw.js\")</script>";
/// What a page stores, and what it finds again.
const STORES: &str = "<img src=/slow><script>localStorage.setItem(\"basket\", \"full\")</script>";
const SHOWS: &str = "<script>document.write(\"basket: \" + localStorage.getItem(\"basket\"))</script>";
const WORKER: &str = "addEventListener(\"install\", e => e.waitUntil(caches.open(\"1\").then(c => c.put(\"/x\", new Response(\"x\"))))); \
                      addEventListener(\"fetch\", () => {})";

/// A shop by TLS whose pages fail or not: `/kept` may be kept for ten minutes, of `/` nginx says nothing.
fn shop(status: u16) -> String {
    let lasts = "add_header Strict-Transport-Security 'max-age=86400; includeSubDomains' always;";
    let secure = tls_site(
        443,
        "shop",
        &format!("{lasts} default_type text/html; return {status} 'it says {status}';"),
    );
    let more = format!(
        "location = /kept {{ {lasts} add_header Cache-Control max-age=600 always; default_type text/html; return {status} 'it says {status}'; }}
         location = /start {{ {lasts} default_type text/html; return 200 '{START}'; }}
         location = /sw.js {{ default_type text/javascript; return 200 '{WORKER}'; }}
         location = /shows {{ {lasts} default_type text/html; return 200 '{SHOWS}'; }}
         location = /slow {{ proxy_pass http://127.0.0.1:8000; }}"
    );
    let other = format!(
        "server {{ listen 80; server_name blog.example; default_type text/html; location = /slow {{ proxy_pass http://127.0.0.1:8000; }}
                  location = /stores {{ return 200 '{STORES}'; }} location = /shows {{ return 200 '{SHOWS}'; }} }}"
    );
    let clear = "server { listen 80; server_name shop.example www.shop.example; return 200 hi; }";
    with_servers(&(secure.replacen("location /", &format!("{more} location /"), 1) + clear + &other))
}

/// Opens the page and closes the browser: what it showed.
fn visits(stage: &Stage, page: &str) -> String {
    stage.sh(&format!(
        "key=$(openssl x509 -in /opt/shop.pem -noout -pubkey | openssl pkey -pubin -outform der | openssl dgst -sha256 -binary | base64)
         HOME=/opt/home timeout -k 1 60 chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run \
           --disable-background-networking --disable-component-update --disable-sync --disable-dev-shm-usage \
           --user-data-dir=/opt/home/.config/chromium --ignore-certificate-errors-spki-list=$key --dump-dom {page} 2>/opt/said"
    ))
}

#[test]
fn what_chromium_shows_in_place_of_a_site_is_told_and_cleared() {
    let stage = Stage::new();
    certificate(&stage, "shop", "shop.example");
    stage.write("/etc/nginx/nginx.conf", shop(502));
    hosts(
        &stage,
        &format!("{SHOP}127.0.0.1 www.shop.example blog.example\n"),
    );
    resolver(&stage, "127.0.0.1");
    stage.sh("mount --bind /opt/shop.pem /etc/ssl/certs/ca-certificates.crt; mkdir -p /opt/home/.config");
    stage.start_nginx();
    stage.slow_backend(8000, PAGE, Duration::from_secs(2));
    visits(&stage, "https://shop.example/start");
    visits(&stage, "http://blog.example/stores");
    assert_eq!(baskets(&stage), [true, true]);
    for page in ["https://shop.example/kept", "https://shop.example/"] {
        assert!(visits(&stage, page).contains("it says 502"), "{page}");
    }
    stage.write("/etc/nginx/nginx.conf", shop(200));
    stage.sh("/usr/sbin/nginx -s reload; sleep 0.3");

    // it keeps both, and asks anew for the one that nobody allowed it to show
    check(&stage, &["https://shop.example/"])
        .ends(
            0,
            &[
                "works from here",
                "Chromium, profile Default: a service worker of the site answers in its place",
                "Chromium, profile Default: remembers to use https only (HSTS)",
            ],
        )
        .is_harmless();
    check(&stage, &["https://shop.example/kept"])
        .ends(
            1,
            &[
                "client-cache",
                "Chromium, profile Default",
                "502 Bad Gateway",
                "Ctrl+Shift+R",
            ],
        )
        .is_harmless();
    check(&stage, &["http://www.shop.example/"]).ends(1, &["client-cache", "wants https"]);
    assert!(visits(&stage, "https://shop.example/kept").contains("it says 502"));
    assert!(visits(&stage, "https://shop.example/").contains("it says 200"));
    is_cleared_and_put_back(&stage);
}

/// What the shop and the blog find again.
fn baskets(stage: &Stage) -> [bool; 2] {
    let pages = ["https://shop.example/shows", "http://blog.example/shows"];
    pages.map(|page| visits(stage, page).contains("basket: full"))
}

/// The shop's, and nothing of the blog's, in databases that both share.
fn is_cleared_and_put_back(stage: &Stage) {
    let answers = "find '/opt/home/.config/chromium/Default/Service Worker/CacheStorage' -name index.txt";
    let worker = "a service worker of the site";
    at_home(stage, &["client", "clear", "https://shop.example/", "--yes"])
        .ends(0, &["service worker", "local storage", "Fixed"]);
    assert_eq!(stage.sh(answers), "", "what its worker kept");
    let files = "find '/opt/home/.config/chromium/Default/File System' -mindepth 1 -maxdepth 1 -name '0*'";
    assert_eq!(stage.sh(files), "", "what its pages kept in files");
    let after = check(stage, &["https://shop.example/kept"]);
    after.ends(0, &["works from here"]);
    assert!(!after.out.contains(worker), "{}", after.out);
    // the browser opens what was changed under it, and finds all that is of others
    assert_eq!(baskets(stage), [false, true]);
    assert!(visits(stage, "https://shop.example/kept").contains("it says 200"));
    at_home(stage, &["undo", "--yes"]).ends(0, &["Undone"]);
    for kept in [answers, files] {
        assert!(!stage.sh(kept).is_empty(), "put back");
    }
    assert_eq!(baskets(stage), [true, true]);
    check(stage, &["https://shop.example/"]).ends(0, &[worker]);
    at_home(
        stage,
        &[
            "client",
            "clear",
            "https://shop.example/",
            "--also",
            "service-workers",
            "--yes",
        ],
    )
    .ends(0, &["service workers of all sites", "Fixed"]);
    let after = check(stage, &["https://shop.example/"]);
    assert!(!after.out.contains(worker), "{}", after.out);
    at_home(stage, &["undo", "--yes"]).ends(0, &["Undone"]);
}
