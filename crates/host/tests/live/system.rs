use crate::{is_root, live};
use host::{Host, Looks, Query, Tool, Unseen};
use std::net::IpAddr;

#[test]
fn the_clock_is_now() {
    let seen = live().now().expect("always");
    assert!(seen.secs() > 1_700_000_000);
}

#[test]
fn localhost_resolves_and_nonsense_does_not() {
    let live = live();
    let localhost = live.system_name("localhost").expect("may look");
    assert!(localhost.iter().any(IpAddr::is_loopback), "{localhost:?}");
    assert_eq!(
        live.system_name("no-such-name.invalid").unwrap_or_default(),
        Vec::<IpAddr>::new()
    );
    assert!(matches!(live.system_name("-h"), Err(Unseen::Unusable { .. })));
}

#[test]
fn the_kernel_log_is_read_or_refused() {
    match live().kernel_log() {
        Ok(lines) => assert!(lines.windows(2).all(|pair| pair[0].at <= pair[1].at)),
        Err(unseen) => assert!(matches!(unseen, Unseen::Forbidden { .. }), "{unseen}"),
    }
}

#[test]
fn a_tool_that_is_not_there_is_named() {
    let exe = "/usr/sbin/php-fpm0.1".into();
    let look = live().ask(&Query::Run(Tool::FpmTest { exe }));
    assert!(
        matches!(look, Err(Unseen::NoTool { .. } | Unseen::Unusable { .. })),
        "{look:?}"
    );
}

#[test]
fn a_program_that_others_can_write_is_not_run_as_root() {
    use std::os::unix::fs::PermissionsExt;
    if !is_root("be the one who must not run it") {
        return;
    }
    let dir = tempfile::tempdir().expect("temp dir");
    let exe = crate::script(
        dir.path(),
        "nginx",
        &format!("#!/bin/sh\ntouch {}/ran\n", dir.path().display()),
    );
    std::fs::set_permissions(&exe, std::fs::Permissions::from_mode(0o777)).expect("chmod");
    let look = live().ask(&Query::Run(Tool::NginxVersion { exe }));
    assert!(matches!(look, Err(Unseen::Unusable { .. })), "{look:?}");
    assert!(!dir.path().join("ran").exists());
}
