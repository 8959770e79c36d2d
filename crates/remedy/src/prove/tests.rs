use crate::{
    Clock, Proof, Unproved,
    prove::{Baseline, Prover},
    testing::{FakeClock, Site},
};
use std::sync::atomic::AtomicBool;

const SHOP: &str = "shop.example";
const BLOG: &str = "blog.example";
const LOG: &str = "/var/log/nginx/error.log";

fn proof() -> Proof {
    Proof {
        must_answer: vec![Site::question(SHOP, "/cart?x=1")],
        must_not_break: vec![Site::question(BLOG, "/")],
        settle_ms: 2000,
        warm_up_ms: 0,
        error_logs: vec![LOG.into()],
        holds: Vec::new(),
    }
}

/// Proves, and tells how long that took in milliseconds.
fn prove(site: &Site, proof: &Proof) -> (Result<usize, Unproved>, i64) {
    let (clock, stop) = (FakeClock::default(), AtomicBool::new(false));
    let began = clock.now();
    let before = Baseline::of(site, proof);
    let mut prover = Prover {
        host: site,
        clock: &clock,
        stop: &stop,
        tell: &mut |_| (),
    };
    let proved = prover.prove(proof, &before);
    (proved, clock.now().0 - began.0)
}

fn two(shop: &[Option<u16>], blog: &[Option<u16>]) -> Site {
    Site::default().answers(SHOP, shop).answers(BLOG, blog)
}

const OK: Option<u16> = Some(200);
const BAD: Option<u16> = Some(502);

#[test]
fn good_answers_for_the_settle_time_prove_it() {
    let (proved, took) = prove(&two(&[OK], &[OK]), &proof());
    assert!(proved.is_ok_and(|answers| answers >= 10));
    assert!((2000..3000).contains(&took), "{took}");
}

#[test]
fn five_answers_at_least() {
    let short = Proof {
        settle_ms: 0,
        ..proof()
    };
    assert_eq!(prove(&two(&[OK], &[OK]), &short).0, Ok(5));
}

#[test]
fn a_service_may_take_a_while_to_start() {
    for bad in [BAD, None, Some(504), Some(500), Some(503)] {
        let starting = [vec![bad; 30], vec![OK]].concat();
        assert!(prove(&two(&starting, &[OK]), &proof()).0.is_ok());
    }
}

#[test]
fn behind_a_restart_of_the_host_other_sites_may_take_as_long() {
    let starting = [vec![OK], vec![BAD; 30], vec![OK]].concat();
    let prove = |warm_up_ms| {
        let proof = Proof {
            warm_up_ms,
            ..proof()
        };
        prove(&two(&[OK], &starting), &proof).0
    };
    assert!(prove(90_000).is_ok());
    assert!(matches!(prove(0), Err(Unproved::Broke { .. })));
    assert!(matches!(prove(1000), Err(Unproved::Broke { .. })));
}

#[test]
fn what_fails_until_the_end_is_not_mended() {
    for status in [BAD, None] {
        let (proved, took) = prove(&two(&[status], &[OK]), &proof());
        let question = Box::new(super::patient(&proof().must_answer[0]));
        assert_eq!(proved, Err(Unproved::StillFails { question, status }));
        assert!((20_000..21_000).contains(&took), "{took}");
    }
}

#[test]
fn an_old_worker_may_answer_once_more_and_later_nobody_may_fail() {
    let old_worker = [OK, BAD, OK];
    assert!(prove(&two(&old_worker, &[OK]), &proof()).0.is_ok());
    let flaps = [vec![OK; 8], vec![BAD], vec![OK]].concat();
    assert!(matches!(
        prove(&two(&flaps, &[OK]), &proof()).0,
        Err(Unproved::StillFails { .. })
    ));
}

#[test]
fn a_neighbour_that_answered_must_still_answer() {
    for (blog, sound) in [
        (&[OK, BAD][..], false),
        (&[OK, None], false),
        (&[OK, BAD, BAD, OK], true),
        (&[Some(404), Some(404)], true),
        (&[BAD, BAD], true),
        (&[None, BAD], true),
    ] {
        let (proved, _) = prove(&two(&[OK], blog), &proof());
        assert_eq!(proved.is_ok(), sound, "{blog:?}: {proved:?}");
    }
}

#[test]
fn complaints_of_the_same_page_since_then_count() {
    let line = |host: &str, target: &str, what: &str| {
        format!(
            "2026/11/22 17:45:01 [error] 7#7: *1 {what} while connecting to upstream, client: 10.0.0.9, server: {SHOP}, \
             request: \"GET {target} HTTP/1.1\", upstream: \"http://127.0.0.1:8080{target}\", host: \"{host}\"\n"
        )
    };
    let refused = "connect() failed (111: Connection refused)";
    let old = line(SHOP, "/cart", refused);
    for (new, sound) in [
        (String::new(), true),
        (line(SHOP, "/cart?y=2", refused), false),
        (line("SHOP.example:80", "/cart", refused), false),
        (line(SHOP, "/other", refused), true),
        (line(BLOG, "/cart", refused), true),
        (
            line(SHOP, "/cart", "upstream timed out (110: Connection timed out)"),
            true,
        ),
    ] {
        let site = two(&[OK], &[OK]).log(LOG, &[&old, &format!("{old}{new}")]);
        assert_eq!(prove(&site, &proof()).0.is_ok(), sound, "{new}");
    }
}

#[test]
fn a_peer_beside_it_may_have_made_it_good() {
    let line = |peer: &str| {
        format!(
            "2026/11/22 17:45:01 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, \
             client: 10.0.0.9, server: {SHOP}, request: \"GET /cart HTTP/1.1\", upstream: \"http://{peer}/cart\", host: \
             \"{SHOP}\"\n"
        )
    };
    let both = format!("{}{}", line("127.0.0.1:8080"), line("127.0.0.1:8081"));
    let site = two(&[OK], &[OK]).log(LOG, &["", &both]);
    assert!(prove(&site, &proof()).0.is_ok());
}

#[test]
fn a_log_that_was_rotated_is_read_from_its_beginning() {
    let line = format!(
        "2026/11/22 17:45:01 [error] 7#7: *1 no live upstreams while connecting to upstream, client: 10.0.0.9, server: \
         {SHOP}, request: \"GET /cart HTTP/1.1\", upstream: \"http://app/cart\", host: \"{SHOP}\"\n"
    );
    let site = two(&[OK], &[OK]).log(LOG, &[&"x".repeat(5000), &line]);
    assert!(matches!(
        prove(&site, &proof()).0,
        Err(Unproved::Complains { .. })
    ));
}

#[test]
fn a_slow_page_gets_more_patience() {
    assert_eq!(super::patient(&Site::question(SHOP, "/")).patience_ms, 5000);
}

#[test]
fn where_nothing_may_be_repeated_the_neighbours_still_count() {
    let only_post = Proof {
        must_answer: Vec::new(),
        ..proof()
    };
    assert_eq!(prove(&two(&[], &[OK]), &only_post).0, Ok(0));
    assert!(prove(&two(&[], &[OK, BAD]), &only_post).0.is_err());
}
