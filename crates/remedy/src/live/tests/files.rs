use super::Bench;
use crate::{Access, Content, Hands, Step, Undo};
use std::{
    collections::BTreeMap,
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

fn content(bytes: &str, mode: u32) -> Content {
    let (uid, gid) = (
        rustix::process::geteuid().as_raw(),
        rustix::process::getegid().as_raw(),
    );
    Content {
        bytes: bytes.into(),
        access: Access { mode, uid, gid },
        attributes: BTreeMap::new(),
    }
}

fn write(path: PathBuf, from: Option<Content>, to: Option<Content>) -> Step {
    Step::Write { path, from, to }
}

fn undo(step: &Step) -> Step {
    match step.undo() {
        Undo::By(undo) => undo,
        other => panic!("{other:?}"),
    }
}

fn put(path: &Path, bytes: &str, mode: u32) {
    fs::write(path, bytes).expect("writes");
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).expect("chmod");
}

/// Everything below: names, modes, contents.
fn picture(dir: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    for entry in fs::read_dir(dir).expect("reads").flatten() {
        let (path, stat) = (entry.path(), entry.path().symlink_metadata().expect("stat"));
        let what = match () {
            () if stat.is_file() => fs::read_to_string(&path).expect("text"),
            () if stat.is_dir() => picture(&path).join(","),
            () => "other".into(),
        };
        lines.push(format!("{} {:o} {what}", path.display(), stat.mode()));
    }
    lines.sort();
    lines
}

#[test]
fn there_and_back_twice_each() {
    let mut bench = Bench::new();
    let path = bench.path("x.conf");
    for (from, to) in [
        (
            Some(content("old\n", 0o640)),
            Some(content("new and longer\n", 0o640)),
        ),
        (Some(content("old\n", 0o640)), Some(content("", 0o4755))),
        (None, Some(content("new\n", 0o600))),
        (Some(content("old\n", 0o604)), None),
    ] {
        let _ = fs::remove_file(&path);
        if let Some(from) = &from {
            put(&path, "old\n", from.access.mode);
        }
        let before = picture(bench.dir.path());
        let step = write(path.clone(), from, to.clone());
        for _ in 0..2 {
            bench.apply(&step).expect("applies");
            let now = fs::read(&path).ok();
            assert_eq!(now, to.as_ref().map(|to| to.bytes.clone()));
            let mode = fs::metadata(&path).ok().map(|stat| stat.mode() & 0o7777);
            assert_eq!(mode, to.as_ref().map(|to| to.access.mode));
        }
        for _ in 0..2 {
            bench.apply(&undo(&step)).expect("takes back");
            assert_eq!(picture(bench.dir.path()), before);
        }
    }
}

#[test]
fn a_host_that_moved_on_is_left_alone() {
    let mut bench = Bench::new();
    let path = bench.path("x.conf");
    let change = write(
        path.clone(),
        Some(content("old", 0o644)),
        Some(content("new", 0o644)),
    );
    bench.refuses(&change, "is gone");
    put(&path, "a person's", 0o644);
    let before = picture(bench.dir.path());
    bench.refuses(&change, "now has 10 bytes");
    bench.refuses(&write(path.clone(), None, Some(content("new", 0o644))), "now has");
    bench.refuses(&write(path.clone(), Some(content("old", 0o644)), None), "now has");
    let seen = bench.hands.check(&change).expect_err("is another");
    assert!(seen.to_string().contains("now has 10 bytes"), "{seen}");
    assert_eq!(picture(bench.dir.path()), before);
    for bytes in ["old", "new"] {
        put(&path, bytes, 0o644);
        bench.hands.check(&change).expect("as before or as after");
    }
    put(&path, "old", 0o600);
    bench.refuses(&change, "mode 600");
    fs::remove_file(&path).expect("removes");
    fs::create_dir(&path).expect("makes");
    bench.refuses(&change, "no regular file");
}

#[test]
fn no_way_through_symbolic_links_or_out_of_the_roots() {
    let mut bench = Bench::new();
    let outside = tempfile::tempdir().expect("temp dir");
    put(&outside.path().join("x.conf"), "old", 0o644);
    symlink(outside.path(), bench.path("dir")).expect("links");
    symlink(outside.path().join("x.conf"), bench.path("x.conf")).expect("links");
    symlink("nowhere", bench.path("new.conf")).expect("links");
    let (old, new) = (content("old", 0o644), content("new", 0o644));
    for name in ["dir/x.conf", "x.conf"] {
        let path = bench.path(name);
        bench.refuses(
            &write(path.clone(), Some(old.clone()), Some(new.clone())),
            "symbolic link",
        );
        let access = Step::SetAccess {
            path,
            from: old.access,
            to: Access {
                mode: 0o666,
                ..old.access
            },
        };
        bench.refuses(&access, "symbolic link");
    }
    bench.refuses(
        &write(bench.path("new.conf"), None, Some(new.clone())),
        "symbolic link",
    );
    let into = bench
        .path("..")
        .join(outside.path().file_name().expect("name"))
        .join("x.conf");
    bench.fails(&write(into, Some(old.clone()), Some(new.clone())), "..");
    bench.fails(
        &write(
            outside.path().join("x.conf"),
            Some(old.clone()),
            Some(new.clone()),
        ),
        "outside",
    );
    bench.fails(&write("x.conf".into(), Some(old), Some(new)), "outside");
    assert_eq!(
        fs::read_to_string(outside.path().join("x.conf")).expect("reads"),
        "old"
    );
    assert_eq!(
        fs::metadata(outside.path().join("x.conf")).expect("stat").mode() & 0o777,
        0o644
    );
}

#[test]
fn names_that_share_a_file_are_not_parted() {
    let mut bench = Bench::new();
    put(&bench.path("a"), "old", 0o644);
    fs::hard_link(bench.path("a"), bench.path("b")).expect("links");
    bench.fails(
        &write(
            bench.path("a"),
            Some(content("old", 0o644)),
            Some(content("new", 0o644)),
        ),
        "other names",
    );
}

#[test]
fn what_a_killed_run_left_is_taken_away() {
    let mut bench = Bench::new();
    let path = bench.path("x.conf");
    put(&path, "old", 0o644);
    let before = picture(bench.dir.path());
    let step = write(
        path.clone(),
        Some(content("old", 0o644)),
        Some(content("new", 0o644)),
    );
    // killed while the new content was written; right after it changed places; between the two names of a new file
    put(&bench.path(".x.conf.why502~"), "ne", 0o600);
    bench.apply(&undo(&step)).expect("takes back");
    assert_eq!(picture(bench.dir.path()), before);
    put(&path, "new", 0o644);
    put(&bench.path(".x.conf.why502~"), "old", 0o644);
    bench.apply(&undo(&step)).expect("takes back");
    assert_eq!(picture(bench.dir.path()), before);
    let made = write(bench.path("y.conf"), None, Some(content("new", 0o644)));
    put(&bench.path(".y.conf.why502~"), "new", 0o644);
    fs::hard_link(bench.path(".y.conf.why502~"), bench.path("y.conf")).expect("links");
    bench.hands.check(&undo(&made)).expect("what is left is ours");
    bench.apply(&undo(&made)).expect("takes back");
    assert_eq!(picture(bench.dir.path()), before);
}

#[test]
fn directories_of_a_drop_in_come_and_go_with_it() {
    let mut bench = Bench::new();
    let path = bench.path("system/app.service.d/why502.conf");
    let step = write(path.clone(), None, Some(content("[Service]\n", 0o644)));
    for _ in 0..2 {
        bench.apply(&step).expect("applies");
    }
    assert_eq!(
        fs::metadata(bench.path("system/app.service.d"))
            .expect("stat")
            .mode()
            & 0o777,
        0o755
    );
    bench.apply(&undo(&step)).expect("takes back");
    assert_eq!(picture(bench.dir.path()), Vec::<String>::new());
    bench.apply(&undo(&step)).expect("takes back again");
    // one that a person made, and one that a person uses by now, stay
    fs::create_dir(bench.path("system")).expect("makes");
    bench.apply(&step).expect("applies");
    bench.apply(&undo(&step)).expect("takes back");
    assert_eq!(fs::read_dir(bench.path("system")).expect("stays").count(), 0);
    bench.apply(&step).expect("applies");
    put(&bench.path("system/app.service.d/own.conf"), "", 0o644);
    bench.apply(&undo(&step)).expect("takes back");
    assert!(bench.path("system/app.service.d/own.conf").exists());
}

#[test]
fn a_directory_that_a_killed_run_had_not_finished() {
    let mut bench = Bench::new();
    let step = write(
        bench.path("app.service.d/x.conf"),
        None,
        Some(content("x", 0o644)),
    );
    fs::create_dir(bench.path(".app.service.d.why502~")).expect("makes");
    bench.apply(&step).expect("applies");
    bench.apply(&undo(&step)).expect("takes back");
    fs::create_dir(bench.path(".app.service.d.why502~")).expect("makes");
    bench.apply(&undo(&step)).expect("takes back");
    assert_eq!(picture(bench.dir.path()), Vec::<String>::new());
}

#[test]
fn attributes_stay_with_the_file() {
    let mut bench = Bench::new();
    let path = bench.path("x.conf");
    put(&path, "old", 0o644);
    let set = |name: &str, value: &[u8]| {
        rustix::fs::setxattr(&path, name, value, rustix::fs::XattrFlags::empty())
            .expect("attributes hold here");
    };
    set("user.origin", b"package\xff");
    let get = |name: &str| {
        let mut value = [0; 64];
        rustix::fs::getxattr(&path, name, &mut value)
            .ok()
            .map(|length| value[..length].to_vec())
    };
    let (mut old, mut new) = (content("old", 0o644), content("new", 0o644));
    old.attributes
        .insert("user.origin".into(), "7061636b616765ff".into());
    new.attributes.insert("user.extra".into(), "01".into());
    let step = write(path.clone(), Some(old), Some(new));
    bench.apply(&step).expect("applies");
    assert_eq!(
        (get("user.origin"), get("user.extra")),
        (Some(b"package\xff".to_vec()), Some(vec![1]))
    );
    bench.apply(&undo(&step)).expect("takes back");
    assert_eq!(get("user.origin"), Some(b"package\xff".to_vec()));
    set("user.origin", b"another");
    bench.refuses(&step, "now has 3 bytes");
}

#[test]
fn access_of_files_directories_and_sockets() {
    let mut bench = Bench::new();
    put(&bench.path("file"), "x", 0o600);
    fs::create_dir(bench.path("dir")).expect("makes");
    fs::set_permissions(bench.path("dir"), fs::Permissions::from_mode(0o700)).expect("chmod");
    let _socket = std::os::unix::net::UnixListener::bind(bench.path("socket")).expect("binds");
    fs::set_permissions(bench.path("socket"), fs::Permissions::from_mode(0o600)).expect("chmod");
    let root = rustix::process::geteuid().is_root();
    for name in ["file", "dir", "socket"] {
        let path = bench.path(name);
        let stat = fs::metadata(&path).expect("stat");
        let from = Access {
            mode: stat.mode() & 0o7777,
            uid: stat.uid(),
            gid: stat.gid(),
        };
        let to = Access {
            mode: 0o660,
            gid: if root { 33 } else { from.gid },
            ..from
        };
        let step = Step::SetAccess {
            path: path.clone(),
            from,
            to,
        };
        let has = |access: Access| {
            let stat = fs::metadata(&path).expect("stat");
            assert_eq!(
                (stat.mode() & 0o7777, stat.uid(), stat.gid()),
                (access.mode, access.uid, access.gid)
            );
        };
        for (step, access) in [
            (&step, to),
            (&step, to),
            (&undo(&step), from),
            (&undo(&step), from),
        ] {
            bench.apply(step).expect("applies");
            has(access);
        }
        // killed between chown and chmod
        std::os::unix::fs::chown(&path, None, Some(to.gid)).expect("chown");
        bench.apply(&undo(&step)).expect("takes back");
        has(from);
        fs::set_permissions(&path, fs::Permissions::from_mode(0o611)).expect("chmod");
        bench.refuses(&step, "mode 611");
    }
    let from = Access {
        mode: 0o600,
        uid: 0,
        gid: 0,
    };
    bench.refuses(
        &Step::SetAccess {
            path: bench.path("none"),
            from,
            to: from,
        },
        "is gone",
    );
}
