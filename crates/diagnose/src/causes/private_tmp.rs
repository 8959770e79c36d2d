use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::move_socket,
    evidence::quote,
};
use host::{answer::Socket, looks::Unit};
use logscan::{Complaint, Trouble, complaint::PeerAddress};
use std::path::Path;

cause! {
    /// # What happens
    /// The backend listens on a unix socket below /tmp or /var/tmp and it or nginx runs with PrivateTmp=yes: each of the
    /// two has a /tmp of its own, so nginx finds no file (errno 2) although the socket is there for the backend.
    /// # How to tell
    /// A listener on exactly that path exists in the kernel (`ss -xl`), the file is seen in the backend's mount
    /// namespace (`/proc/PID/root`) and not in nginx's.
    /// # Fix
    /// Move the socket to a directory under /run (RuntimeDirectory= of the backend's unit) and name that path on both
    /// sides. Turning PrivateTmp off takes away a protection and is not needed.
    /// # Not this if
    /// Nobody listens on that path (backend-stopped, php-socket-version), or the file is gone for the backend too
    /// (removed while it ran: a restart makes it again).
    pub static PRIVATE_TMP = {
        id: "private-tmp",
        title: "the socket is in a /tmp that nginx does not see",
        group: Group::Permission,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("PrivateTmp", 30)],
        effect_of: &[],
        settled_by: ("see whether a process listens on the path that nginx does not find", "ss -xlp"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["private-tmp"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match (
        &complaint.trouble,
        complaint.peer.as_ref().map(|peer| &peer.address),
    ) {
        (Trouble::Connect(errno::ENOENT), Some(PeerAddress::Unix(path))) if in_tmp(path) => 50,
        (Trouble::Connect(errno::ENOENT), Some(PeerAddress::Unix(_))) => 1,
        _ => 0,
    }
}

fn in_tmp(path: &Path) -> bool {
    path.starts_with("/tmp") || path.starts_with("/var/tmp")
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, path, socket)) = hidden(case) else {
        return Opinion::none();
    };
    let pid = socket.pids.as_ref().and_then(|pids| pids.first().copied());
    let mut evidence = vec![Evidence::supports(
        if in_tmp(path) { Rank::Strong } else { Rank::Hint },
        format!(
            "{} listens on {}, and nginx's worker finds no such file",
            listener(pid),
            path.display()
        ),
        Source::listeners(&peer.endpoint),
    )];
    evidence.extend(seen_by_listener(peer, path, pid));
    evidence.extend(same_namespace(case, pid));
    evidence.extend(private(case, peer).map(|unit| {
        Evidence::supports(
            Rank::Strong,
            format!("{} has PrivateTmp=yes: its /tmp is its own", unit.name),
            Source::command(format!("systemctl show -p PrivateTmp {}", quote(&unit.name))),
        )
    }));
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "{} exists for its backend and not for nginx: they see different /tmp",
            path.display()
        ),
        evidence,
    }
}

/// A socket that has a listener and that nginx's worker does not find.
fn hidden(case: &Case) -> Option<(&PeerSight, &Path, &Socket)> {
    let missing = |peer: &&PeerSight| match peer.connect {
        Ok(_) => peer.errno() == Some(errno::ENOENT),
        Err(_) => case.connect_failed(&[errno::ENOENT]),
    };
    case.peers
        .iter()
        .filter(|peer| peer.in_use)
        .filter(missing)
        .find_map(|peer| Some((peer, peer.endpoint.unix()?, case.listener(&peer.endpoint).ok()??)))
}

fn listener(pid: Option<u32>) -> String {
    pid.map_or("a process".into(), |pid| format!("process {pid}"))
}

fn seen_by_listener(peer: &PeerSight, path: &Path, pid: Option<u32>) -> Option<Evidence> {
    let seen = *peer.listener_sees.as_ref()?.as_ref().ok()?;
    let pid = pid.map_or("PID".into(), |pid| pid.to_string());
    let source = Source::command(format!(
        "ls -l {}",
        quote(&format!("/proc/{pid}/root{}", path.display()))
    ));
    Some(if seen {
        Evidence::supports(
            Rank::Decisive,
            "the file is there in the mount namespace of the process that listens",
            source,
        )
    } else {
        Evidence::refutes(
            Rank::Decisive,
            "the file is gone for the process that listens too",
            source,
        )
    })
}

/// Two processes of one mount namespace see the same /tmp.
fn same_namespace(case: &Case, pid: Option<u32>) -> Option<Evidence> {
    let ours = case.nginx()?.workers.first().copied()?;
    let (ours_ns, theirs) = (case.world.process(ours)?.mntns?, case.world.process(pid?)?.mntns?);
    (ours_ns == theirs).then(|| {
        Evidence::refutes(
            Rank::Decisive,
            "nginx and the backend share one mount namespace",
            Source::command(format!(
                "readlink /proc/{ours}/ns/mnt /proc/{}/ns/mnt",
                pid.unwrap_or_default()
            )),
        )
    })
}

/// The unit, of the two, that has a /tmp of its own.
fn private<'a>(case: &'a Case, peer: &'a PeerSight) -> Option<&'a Unit> {
    let nginx = case
        .nginx()
        .and_then(|nginx| case.world.unit(nginx.unit.as_deref()?));
    case.unit_of(peer)
        .into_iter()
        .chain(nginx)
        .find(|unit| unit.property("PrivateTmp") == "yes" && peer.endpoint.unix().is_some_and(in_tmp))
}

fn advise(case: &Case) -> String {
    let Some((peer, path, _)) = hidden(case) else {
        return String::new();
    };
    let unit = case
        .unit_of(peer)
        .map_or("the backend's unit", |unit| unit.name.as_str());
    let name = unit.trim_end_matches(".service");
    let file = path
        .file_name()
        .map_or("app.sock".into(), |name| name.to_string_lossy());
    let asked = case
        .route
        .as_ref()
        .map_or("nginx's config".into(), |route| route.written.to_string());
    let bound = peer
        .backend
        .as_ref()
        .and_then(|backend| backend.claim.as_ref())
        .map_or(format!("the ExecStart= of {unit}"), |claim| {
            claim.written.to_string()
        });
    format!(
        "give {unit} `RuntimeDirectory={name}`, let it listen on /run/{name}/{file} ({bound}), name that path at {asked}, \
         then systemctl restart {unit} && nginx -t && systemctl reload nginx"
    )
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let remedy = hidden(case).and_then(|(peer, ..)| move_socket(case, peer));
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;

    fn app_in_tmp() -> Fixture {
        Fixture::gunicorn().on_unix("/tmp/app.sock").connect_fails(2)
    }

    #[test]
    fn fires_where_the_listener_sees_the_file() {
        app_in_tmp()
            .peer(|peer| peer.listener_sees = Some(Ok(true)))
            .check("found private-tmp");
    }

    #[test]
    fn fires_by_the_units_setting() {
        app_in_tmp()
            .unit(|unit| {
                unit.properties.insert("PrivateTmp".into(), "yes".into());
            })
            .check("found private-tmp");
    }

    #[test]
    fn stays_quiet_where_the_file_was_removed() {
        app_in_tmp()
            .peer(|peer| peer.listener_sees = Some(Ok(false)))
            .check("unexplained");
    }

    #[test]
    fn a_stopped_backend_is_only_stopped() {
        app_in_tmp()
            .nobody_listens()
            .unit_is("inactive", "success")
            .unit(|unit| {
                unit.properties.insert("PrivateTmp".into(), "yes".into());
            })
            .check("found backend-stopped");
    }

    #[test]
    fn moves_the_socket_to_a_directory_both_see() {
        let seen = || app_in_tmp().peer(|peer| peer.listener_sees = Some(Ok(true)));
        let moved = |dir: &str| {
            format!(
                "/etc/systemd/system/app.service:5 listen unix:/run/{dir}/app.sock; \
                 /etc/nginx/sites-enabled/shop:12 unix:/tmp/app.sock -> unix:/run/{dir}/app.sock; reload nginx"
            )
        };
        seen().offers(&[&format!(
            "ask: app.service RuntimeDirectory=app; {}",
            moved("app")
        )]);
        seen()
            .unit(|unit| {
                unit.properties
                    .insert("RuntimeDirectory".into(), "shop cache".into());
            })
            .offers(&[&format!("ask: {}", moved("shop"))]);
        seen()
            .peer(|peer| peer.backend.as_mut().expect("known").claim = None)
            .offers(&[]);
    }
}
