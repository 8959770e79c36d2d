use crate::{is_root, live};
use host::{
    Host, Looks, Query, Tool, Unseen,
    looks::{
        Firewall, Resource,
        firewall::{Flow, Refusal},
    },
};
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

#[test]
fn the_test_of_php_fpm_writes_nothing() {
    let dir = tempfile::tempdir().expect("temp dir");
    let (log, text) = (
        dir.path().join("log"),
        "#!/bin/sh\necho into the log > LOG\necho out; echo err >&2; exit 78\n",
    );
    std::fs::write(&log, "as it was").expect("writes");
    let exe = crate::script(
        dir.path(),
        "php-fpm",
        &text.replace("> LOG", &format!(">> {}", log.display())),
    );
    let output = live().run(Tool::FpmTest { exe }).expect("may look");
    assert_eq!(
        (output.stdout.0.as_slice(), output.status),
        (&b"out\n"[..], Some(78))
    );
    assert!(output.stderr.0.ends_with(b"err\n"));
    assert_eq!(std::fs::read(&log).expect("reads"), b"as it was");
}

#[test]
fn the_kernels_counters_are_there() {
    let live = live();
    let (boot, now) = (
        live.boot().expect("may look").expect("is there"),
        live.now().expect("always"),
    );
    assert!(boot.at < now);
    let ours = live
        .processes()
        .expect("may look")
        .into_iter()
        .find(|process| process.pid == std::process::id());
    let started = boot.moment(ours.expect("is listed").started_ticks);
    assert!(
        started.distance(now) < std::time::Duration::from_secs(600),
        "{started} {now}"
    );
    assert!(live.netstat(None).expect("may look").expect("is there").all.len() > 50);
    live.netstat(Some(std::process::id()))
        .expect("may look")
        .expect("is there");
    live.pressure(Resource::Cpu).expect("may look");
    live.time_zone().expect("may look");
}

#[test]
fn a_firewall_rule_is_found_where_it_stands() {
    if !is_root("make a rule, in a network namespace") || which("nft").is_none() {
        return;
    }
    let rules = "add table inet t; add chain inet t o { type filter hook output priority 0; }; \
        add rule inet t o tcp dport 7080 counter reject with tcp reset";
    let firewall = in_new_network(&[&["nft", rules]], &["nft", "-j", "list", "ruleset"]);
    let firewall = Firewall::from_nft(&firewall).expect("is nft's");
    let found = firewall.obstacles(&Flow::out_to([127, 0, 0, 1].into(), 7080));
    assert_eq!(found.len(), 1);
    assert!(
        found[0].certain && found[0].refusal == Refusal::Reject("tcp reset".into()),
        "{found:?}"
    );
    // ours is looked at, or the look says why not
    if let Err(unseen) = live().firewall() {
        assert!(
            matches!(unseen, Unseen::Forbidden { .. } | Unseen::NoTool { .. }),
            "{unseen}"
        );
    }
}

fn which(program: &str) -> Option<std::path::PathBuf> {
    let found = ["/usr/sbin", "/usr/bin", "/sbin"].map(|dir| std::path::Path::new(dir).join(program));
    found.into_iter().find(|path| path.exists())
}

/// Runs commands in one new network namespace, and gives what the last one said.
fn in_new_network(before: &[&[&str]], last: &[&str]) -> Vec<u8> {
    let quote = |command: &[&str]| {
        command
            .iter()
            .map(|word| format!("'{word}' "))
            .collect::<String>()
    };
    let before: String = before.iter().map(|command| quote(command) + "&& ").collect();
    let script = format!("{before}{}", quote(last));
    let output = std::process::Command::new("unshare")
        .args(["--net", "sh", "-c", &script])
        .output();
    let output = output.expect("starts");
    assert!(
        output.status.success(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    output.stdout
}
