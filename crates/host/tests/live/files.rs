use crate::{is_root, live, timed};
use host::{Looks, Unseen, answer::FileKind, query::Part};
use rustix::fs::{CWD, Mode};
use std::{fs, os::unix::fs::symlink, os::unix::net::UnixListener, path::Path, time::Duration};

#[test]
fn both_ends_of_a_file_and_no_file() {
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    let path = dir.path().join("access.log");
    fs::write(&path, "0123456789").expect("writes");
    for (part, bytes) in [
        (Part::Head(4), "0123"),
        (Part::Tail(4), "6789"),
        (Part::Tail(99), "0123456789"),
    ] {
        let blob = live.blob(&path, part).expect("may look").expect("is there");
        assert_eq!(
            (blob.bytes.0.as_slice(), blob.size),
            (bytes.as_bytes(), 10),
            "{part:?}"
        );
    }
    assert_eq!(live.file(&dir.path().join("none")), Ok(None));
    assert_eq!(live.file(&path.join("below a file")), Ok(None));
    assert!(
        live.file(Path::new("/proc/stat"))
            .expect("may look")
            .expect("is there")
            .starts_with(b"cpu")
    );
}

#[test]
fn what_is_no_regular_file_is_refused_at_once() {
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    let pipe = dir.path().join("pipe");
    rustix::fs::mkfifoat(CWD, &pipe, Mode::RUSR).expect("makes a pipe");
    let socket = dir.path().join("socket");
    let _listener = UnixListener::bind(&socket).expect("binds");
    for path in [pipe.as_path(), &socket, Path::new("/dev/zero"), Path::new("/")] {
        let (look, took) = timed(|| live.tail(path, 1000));
        assert!(matches!(look, Err(Unseen::Unusable { .. })), "{path:?}: {look:?}");
        assert!(took < Duration::from_millis(500), "{path:?} took {took:?}");
    }
}

#[test]
fn a_directory_is_sorted_and_a_file_is_none() {
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    for name in ["b", "a", "c"] {
        fs::write(dir.path().join(name), "").expect("writes");
    }
    let names = live.dir(dir.path()).expect("may look").expect("is there");
    assert_eq!(names, ["a", "b", "c"]);
    assert_eq!(live.dir(&dir.path().join("a")), Ok(None));
}

#[test]
fn links_are_followed_and_named() {
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    let at = |name: &str| dir.path().join(name);
    fs::write(at("file"), "x").expect("writes");
    let _listener = UnixListener::bind(at("sock")).expect("binds");
    for (link, target) in [
        ("to-file", "file"),
        ("to-nothing", "none"),
        ("loop", "loop"),
        ("to-sock", "sock"),
    ] {
        symlink(target, at(link)).expect("links");
    }
    for (name, kind, link_to) in [
        ("file", FileKind::File, None),
        ("sock", FileKind::Socket, None),
        ("to-file", FileKind::File, Some("file")),
        ("to-sock", FileKind::Socket, Some("sock")),
        ("to-nothing", FileKind::DanglingLink, Some("none")),
        ("loop", FileKind::DanglingLink, Some("loop")),
        (".", FileKind::Dir, None),
    ] {
        let ours = std::process::id();
        for seen_by in [None, Some(ours)] {
            let stat = live
                .stat_seen_by(&at(name), seen_by)
                .expect("may look")
                .expect("is there");
            assert_eq!(
                (stat.kind, stat.link_to.as_deref()),
                (kind, link_to.map(Path::new)),
                "{name}"
            );
            assert!(!stat.has_acl);
        }
    }
    assert_eq!(live.stat(&at("none")), Ok(None));
}

#[test]
fn a_process_that_is_gone_is_not_an_absent_file() {
    let look = live().stat_seen_by(Path::new("/etc/passwd"), Some(u32::MAX / 2));
    assert!(matches!(look, Err(Unseen::Unusable { .. })), "{look:?}");
}

#[test]
fn an_absolute_link_leads_under_the_root_of_that_process() {
    if !is_root("start a process in another root") {
        return;
    }
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    fs::create_dir(dir.path().join("var")).expect("makes a directory");
    fs::write(dir.path().join("only-here"), "xyz").expect("writes");
    symlink("/only-here", dir.path().join("var/link")).expect("links");
    let jailed = crate::processes::jailed(dir.path());
    let stat = live
        .stat_seen_by(Path::new("/var/link"), Some(jailed.0.id()))
        .expect("may look");
    assert_eq!(stat.map(|stat| stat.size), Some(3));
}

#[test]
fn mounts_and_the_room_on_them() {
    let (live, dir) = (live(), tempfile::tempdir().expect("temp dir"));
    let mounts = live.mounts(None).expect("may look");
    let proc = host::looks::mount_of(&mounts, Path::new("/proc/self")).expect("is mounted");
    assert_eq!((proc.kind.as_str(), proc.is_remote()), ("proc", false));
    let space = live.space(dir.path()).expect("may look").expect("is there");
    assert!(
        space.bytes >= space.bytes_free && space.bytes_free >= space.bytes_available,
        "{space:?}"
    );
    assert!(!space.is_full() && !space.read_only, "{space:?}");
    assert_eq!(live.space(&dir.path().join("none")), Ok(None));
}
