use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::move_socket,
    reach::{Way, forbidden, is_last_hurdle, mode_line, way},
    service,
    world::PathStep,
};
use host::answer::{FileKind, Stat};
use logscan::{Complaint, Trouble, complaint::PeerAddress};
use std::path::Path;

cause! {
    /// # What happens
    /// A directory above the backend's unix socket does not let nginx's worker through: every directory on the path
    /// needs the search permission (x) for the worker's user. errno 13, the same line as for the socket's own mode.
    /// # How to tell
    /// `namei -l` shows the first step without x for that user. Typical: a socket under /home, whose directories are
    /// 0750 since Ubuntu 21.04, or under /root.
    /// # Fix
    /// Move the socket to a directory of its own under /run (RuntimeDirectory= of the backend's unit), or give nginx's
    /// group the search permission on that one directory.
    /// # Not this if
    /// Every directory has x for the worker and the socket itself has no w for it (socket-permission), or all modes are
    /// fine (selinux-denied, apparmor-denied).
    pub static SOCKET_DIR_PERMISSION = {
        id: "socket-dir-permission",
        title: "a directory above the socket keeps nginx out",
        group: Group::Permission,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[],
        effect_of: &[],
        settled_by: ("see owner, group and mode of every directory above the socket", "namei -l /path/of/the.sock"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["socket-dir-permission"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (
        &complaint.trouble,
        complaint.peer.as_ref().map(|peer| &peer.address),
    ) {
        (Trouble::Connect(errno::EACCES), Some(PeerAddress::Unix(path))) => {
            let home = path.starts_with("/home") || path.starts_with("/root");
            if home { 70 } else { 25 }
        }
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some((step, stat, sure)) = shut(case) else {
        return Opinion::none();
    };
    let user = case.worker_user();
    let dir = step.path.display();
    let evidence = Evidence::supports(
        if sure { Rank::Decisive } else { Rank::Hint },
        format!(
            "{dir} is {}, which does not let {user} through",
            mode_line(case, stat)
        ),
        Source::path(&step.path),
    );
    Opinion {
        subject: dir.to_string(),
        says: format!("{user} may not pass {dir}, so nginx can't reach the socket below it"),
        evidence: vec![evidence],
    }
}

/// The first directory on the way to a forbidden socket that refuses.
fn shut(case: &Case) -> Option<(&PathStep, &Stat, bool)> {
    match way(case, forbidden(case)?) {
        Way::Shut { step, stat, sure } if stat.kind == FileKind::Dir => Some((step, stat, sure)),
        _ => None,
    }
}

fn advise(case: &Case) -> String {
    let Some((step, stat, _)) = shut(case) else {
        return String::new();
    };
    let unit = forbidden(case)
        .and_then(|peer| peer.backend.as_ref()?.unit.as_deref())
        .unwrap_or("the backend's unit");
    let dir = crate::evidence::quote(&step.path.to_string_lossy());
    let user = crate::evidence::quote(case.worker_user());
    let open = if stat.uid == 0 && step.path.starts_with("/run") {
        format!("install -d -m 0755 {dir} (and in the tmpfiles.d or RuntimeDirectoryMode= that makes it)")
    } else {
        format!("setfacl -m u:{user}:x {dir}")
    };
    format!(
        "best: let {unit} make its socket under /run (RuntimeDirectory=) and name that path in nginx; \
         or open this one directory: {open}"
    )
}

/// Opens the one directory to the worker's group; a person's home is not opened, the socket moves out of it.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some((peer, (step, stat, true))) = forbidden(case).zip(shut(case)) else {
        return Vec::new();
    };
    let alone = is_last_hurdle(case, peer);
    let open = || of_unit(case, peer, step).or_else(|| of_directory(case, step, stat));
    let remedy = open().filter(|_| alone).or_else(|| move_socket(case, peer));
    remedy.into_iter().collect()
}

/// systemd makes the directory anew with each start of the unit.
fn of_unit(case: &Case, peer: &PeerSight, step: &PathStep) -> Option<Remedy> {
    let unit = case.unit_of(peer)?;
    let made = unit
        .property("RuntimeDirectory")
        .split(' ')
        .any(|name| step.path == Path::new("/run").join(name));
    let mode = service::setting(unit, "RuntimeDirectoryMode", vec!["0711".into()]);
    let title = format!("have {} make {} passable", unit.name, step.path.display());
    made.then(|| Remedy::ask(title, vec![mode, service::restart(unit)]))
}

/// Search permission, and only that, for the worker: by the class of bits that counts for it.
fn of_directory(case: &Case, step: &PathStep, stat: &Stat) -> Option<Remedy> {
    let who = &case.nginx()?.account.as_ref()?.identity;
    let accounts = case.world.accounts.as_ref().ok()?;
    let unused = stat.mode & 0o070 == 0 || accounts.user_name(stat.uid) == accounts.group_name(stat.gid);
    let (mode, gid) = if stat.uid == who.uid {
        (stat.mode | 0o100, None)
    } else if stat.gid == who.gid || who.groups.contains(&stat.gid) {
        (stat.mode | 0o010, None)
    } else if unused {
        (stat.mode & !0o070 | 0o010, Some(who.gid))
    } else {
        return None;
    };
    let personal = step.path.starts_with("/root") || step.path.parent() == Some(Path::new("/home"));
    let access = Measure::Access {
        path: step.path.clone(),
        mode: Some(mode & 0o7777),
        uid: None,
        gid,
    };
    let title = format!("let {} pass {}", case.worker_user(), step.path.display());
    (!personal).then(|| Remedy::ask(title, vec![access]))
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    #[test]
    fn fires_under_a_home_that_is_closed() {
        Fixture::gunicorn()
            .on_unix("/home/app/app.sock")
            .connect_fails(13)
            .dir("/home", 0o755, 0, 0)
            .dir("/home/app", 0o750, 1000, 1000)
            .socket(0o777, 1000, 1000)
            .check("found socket-dir-permission");
    }

    #[test]
    fn fires_alone_where_the_socket_would_refuse_too() {
        Fixture::php_fpm()
            .connect_fails(13)
            .dir("/run", 0o755, 0, 0)
            .dir("/run/php", 0o700, 0, 0)
            .socket(0o600, 0, 0)
            .check("found socket-dir-permission");
    }

    #[test]
    fn stays_quiet_where_only_the_socket_refuses() {
        Fixture::php_fpm()
            .connect_fails(13)
            .dir("/run/php", 0o711, 0, 0)
            .socket(0o660, 0, 0)
            .check("found socket-permission");
    }

    #[test]
    fn stays_quiet_where_the_group_may_pass() {
        Fixture::php_fpm()
            .connect_fails(13)
            .dir("/run/php", 0o750, 0, 33)
            .socket(0o660, 33, 33)
            .check("unexplained");
    }

    #[test]
    fn gives_the_workers_group_search_permission_and_nothing_more() {
        let shut = |mode, uid, gid| {
            Fixture::php_fpm()
                .connect_fails(13)
                .dir("/srv/run", mode, uid, gid)
                .socket(0o660, 33, 33)
        };
        shut(0o700, 0, 0).offers(&["ask: /srv/run 710 -:33"]);
        shut(0o750, 0, 0).offers(&["ask: /srv/run 710 -:33"]);
        shut(0o740, 0, 33).offers(&["ask: /srv/run 750 -:-"]);
        shut(0o600, 33, 33).offers(&["ask: /srv/run 700 -:-"]);
    }

    #[test]
    fn the_unit_that_makes_the_directory_makes_it_passable() {
        Fixture::gunicorn()
            .on_unix("/run/app/app.sock")
            .connect_fails(13)
            .dir("/run/app", 0o700, 1, 1)
            .socket(0o777, 1, 1)
            .unit(|unit| {
                unit.properties.insert("RuntimeDirectory".into(), "app".into());
            })
            .offers(&["ask: app.service RuntimeDirectoryMode=0711; restart app.service"]);
    }

    #[test]
    fn a_home_stays_closed() {
        let home = || {
            let app = Fixture::gunicorn()
                .on_unix("/home/app/app.sock")
                .connect_fails(13);
            app.dir("/home/app", 0o750, 1000, 1000).socket(0o777, 1000, 1000)
        };
        home().offers(&["ask: app.service RuntimeDirectory=app; \
            /etc/systemd/system/app.service:5 listen unix:/run/app/app.sock; \
            /etc/nginx/sites-enabled/shop:12 unix:/home/app/app.sock -> unix:/run/app/app.sock; reload nginx"]);
        home().peer(|peer| peer.backend = None).offers(&[]);
    }
}
