//! A host where little is to be seen: no nginx, no rights.

use crate::stage::{PAGE, Stage, site, with_servers};

/// Hides every nginx program.
const NO_NGINX: &str = "mount -t tmpfs none /usr/sbin";

#[test]
fn without_nginx_it_says_what_to_do() {
    let stage = Stage::new();
    stage.sh(NO_NGINX);
    let says = [
        "Could not look",
        "run why502 where nginx answers 502",
        "why502 explain",
    ];
    stage.why502(&[]).ends(3, &says).is_harmless();
    assert_eq!(
        stage.why502(&["--json"]).ends(3, &[]).json()["verdict"],
        "unexplained"
    );
    stage.why502(&["--format", "nagios"]).ends(3, &["WHY502 UNKNOWN"]);
    stage.why502_as_nobody(&[]).ends(3, &["why502 explain"]);
}

#[test]
fn an_nginx_that_does_not_run_is_not_healthy() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.sh("nginx -s stop 2>/dev/null; while [ -e /run/nginx.pid ]; do sleep 0.01; done");
    let run = stage.why502(&[]);
    assert!(matches!(run.code, Some(1 | 2)), "{}", run.out);
    run.ends(run.code.unwrap(), &["no nginx runs here"]);
}

#[test]
fn a_site_that_nginx_does_not_have_is_not_healthy() {
    let sites: String = (10..40)
        .map(|nth| site(&format!("shop{nth}.example"), 8000))
        .collect();
    let stage = Stage::serving(
        &(sites + "server { listen 80; server_name static.example www.static.example; root /srv; }"),
    );
    stage.backend(8000, PAGE);
    for command in [
        &["--json"][..],
        &["fix", "--plan"],
        &["bundle", "/opt/b"],
        &["ticket"],
        &["logs"],
        &["report", "--html", "/opt/r.html"],
    ] {
        let run = stage.why502(&[command, &["--site", "shop99.exampl\x1b[2J"]].concat());
        run.ends(64, &["no site 'shop99.exampl", "shop10.example", "and 12 more"])
            .is_harmless();
        assert_eq!(run.out, "");
    }
    let near = stage.why502(&["--site", "shop39"]);
    near.ends(64, &["it has shop39.example"]);
    for known in ["shop39.example", "SHOP39.example"] {
        stage.why502(&["--site", known]).ends(0, &["Healthy"]);
    }
    // it asks no backend, but it is there
    for known in ["static.example", "www.static.example"] {
        assert_ne!(stage.why502(&["--site", known]).code, Some(64), "{known}");
    }
}

/// Debian's package as it comes: one site, and that asks nobody.
const PACKAGED: &str = "server { listen 80 default_server; server_name _; root /srv; }";

#[test]
fn an_nginx_that_nobody_started_is_no_failure() {
    let stage = Stage::new();
    stage.write("/etc/nginx/nginx.conf", with_servers(PACKAGED));
    for run in [stage.why502(&[]), stage.why502_as_nobody(&[])] {
        run.ends(
            3,
            &[
                "Could not look",
                "does not run, and nothing says that it",
                "run why502 where nginx answers 502",
            ],
        );
    }
}

#[test]
fn an_nginx_in_a_container_is_not_taken_for_the_idle_one_beside_it() {
    let stage = Stage::new();
    stage.write("/etc/nginx/nginx.conf", with_servers(&site("shop.example", 8000)));
    stage.write(
        "/etc/nginx/other.conf",
        "error_log /run/o.log; pid /run/o.pid; events {} http { access_log off; server {
        listen 81; server_name other.example; location / { proxy_pass http://127.0.0.1:9; } } }",
    );
    stage.sh("unshare --net --pid --fork --mount-proc nginx -c /etc/nginx/other.conf -g 'daemon off;' >/dev/null 2>&1 &
        until [ -e /run/o.pid ]; do sleep 0.01; done");
    stage.why502_as_nobody(&[]).ends(
        3,
        &["Could not look", "it is in a container; run why502 inside it"],
    );
}

#[test]
fn without_rights_the_answer_is_right_or_none() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.backend(8000, PAGE);
    stage.sh("chmod 700 /var/log/nginx");
    let healthy = stage.why502_as_nobody(&[]);
    healthy.ends(
        3,
        &[
            "Could not look",
            "without root:",
            "/var/log/nginx/error.log",
            "sudo why502",
        ],
    );
}

#[test]
fn without_rights_a_failing_site_is_still_seen() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.get("shop.example", "/");
    let run = stage.why502_as_nobody(&[]);
    assert!(matches!(run.code, Some(1 | 2)), "{}", run.out);
    run.ends(run.code.unwrap(), &["shop.example answers 502", "sudo why502"]);
    assert!(!run.out.contains("Healthy"));
}

#[test]
fn config_that_may_not_be_read_is_said_so() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.sh("chmod 600 /etc/nginx/nginx.conf; chmod 700 /var/log/nginx");
    stage
        .why502_as_nobody(&[])
        .ends(3, &["/etc/nginx/nginx.conf", "sudo why502"]);
}

#[test]
fn an_nginx_of_another_network_is_no_fault_of_ours() {
    let stage = Stage::serving(&site("shop.example", 8000));
    stage.backend(8000, PAGE);
    stage.write(
        "/etc/nginx/other.conf",
        "error_log /run/o.log; pid /run/o.pid; events {} http { access_log off; server {
        listen 81; server_name other.example; location / { proxy_pass http://127.0.0.1:9; } } }",
    );
    stage.sh("unshare --net sh -c 'ip link set lo up; nginx -c /etc/nginx/other.conf; curl -s -o /dev/null 127.0.0.1:81'");
    stage
        .why502(&[])
        .ends(0, &["Healthy", "another network namespace"]);
}
