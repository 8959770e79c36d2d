use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::reload_nginx,
    evidence::quote,
    reach::{Way, forbidden, mode_line, way},
    service,
    topology::{BackendKind, FpmPool},
};
use host::{answer::FileKind, looks::Unit};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx's worker may not connect to the backend's unix socket: connect(2) needs write permission on it, and its
    /// owner, group and mode do not give that to the worker's user. errno 13.
    /// # How to tell
    /// Every directory above lets the worker through and the socket's own mode does not. Read and execute bits do not
    /// help: a socket of mode 0755 refuses everyone but its owner.
    /// # Fix
    /// Have the backend make its socket for nginx's group (php-fpm: listen.owner, listen.group, listen.mode = 0660),
    /// then restart it. A chmod lasts only until the backend restarts; mode 0666 lets every program on the host in.
    /// # Not this if
    /// A directory above refuses (socket-dir-permission), all modes are fine (selinux-denied, apparmor-denied), or the
    /// peer is a TCP address, where file modes play no part.
    pub static SOCKET_PERMISSION = {
        id: "socket-permission",
        title: "the socket's mode keeps nginx out",
        group: Group::Permission,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("listen.owner", 60)],
        effect_of: &[],
        settled_by: ("see owner, group and mode of the socket and of every directory above it", "namei -l /path/of/the.sock"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["socket-permission"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match complaint.trouble {
        Trouble::Connect(errno::EACCES) if complaint.unix().is_some() => 55,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(peer) = forbidden(case) else {
        return Opinion::none();
    };
    let evidence = match way(case, peer) {
        Way::Shut { stat, .. } if stat.kind == FileKind::Dir => Evidence::refutes(
            Rank::Decisive,
            "a directory above the socket already refuses",
            source(peer),
        ),
        Way::Shut { stat, sure, .. } => Evidence::supports(
            if sure { Rank::Decisive } else { Rank::Hint },
            format!(
                "{} is {}, which gives {} no write permission",
                peer.endpoint,
                mode_line(case, stat),
                case.worker_user()
            ),
            source(peer),
        ),
        Way::Open => Evidence::refutes(
            Rank::Decisive,
            format!(
                "the modes of the socket and of all directories above let {} in",
                case.worker_user()
            ),
            source(peer),
        ),
        Way::Unknown => Evidence::supports(Rank::Hint, "nginx was refused with errno 13", source(peer)),
    };
    Opinion {
        subject: peer.endpoint.to_string(),
        says: format!(
            "{} may not write to {}, so nginx can't connect",
            case.worker_user(),
            peer.endpoint
        ),
        evidence: std::iter::once(evidence).chain(not_yet_a_member(case)).collect(),
    }
}

fn source(peer: &PeerSight) -> Source {
    Source::path(peer.endpoint.unix().unwrap_or(std::path::Path::new("/")))
}

/// Groups are given to a worker when it starts: a membership added since then is not in force.
fn not_yet_a_member(case: &Case) -> Option<Evidence> {
    let running = case.nginx()?.account.as_ref()?;
    let listed = case.world.accounts.as_ref().ok()?.by_name(&running.name)?;
    let added = listed
        .identity
        .groups
        .iter()
        .find(|group| **group != running.identity.gid && !running.identity.groups.contains(group))?;
    let group = case.world.accounts.as_ref().ok()?.group_name(*added);
    Some(Evidence::supports(
        Rank::Hint,
        format!(
            "{} was added to group {group} after nginx's workers started",
            running.name
        ),
        Source::command(format!("id {}", quote(&running.name))),
    ))
}

fn advise(case: &Case) -> String {
    let Some(peer) = forbidden(case) else {
        return String::new();
    };
    if not_yet_a_member(case).is_some() {
        return "systemctl reload nginx, so that new workers are members of the group".into();
    }
    let backend = peer.backend.as_ref();
    let unit = backend
        .and_then(|backend| backend.unit.as_deref())
        .unwrap_or("the backend's unit");
    match backend.and_then(|backend| Some((backend.kind?, backend.pool.as_ref()))) {
        Some((BackendKind::PhpFpm, pool)) => format!(
            "in {} set `listen.owner = {user}`, `listen.group = {user}` and `listen.mode = 0660`, then systemctl restart {unit}",
            pool.map_or("the pool's file".to_owned(), place),
            user = case.worker_user(),
        ),
        Some((BackendKind::Gunicorn, _)) => format!(
            "let {unit} run with `Group={user}` and gunicorn with `--umask 007`, then systemctl restart {unit}",
            user = case.worker_user(),
        ),
        Some((BackendKind::Uwsgi, _)) => format!(
            "set `chown-socket = :{}` and `chmod-socket = 660` in uWSGI's config, then systemctl restart {unit}",
            case.worker_user(),
        ),
        _ => format!(
            "let the backend make {} with group {} and mode 0660, then systemctl restart {unit}",
            peer.endpoint,
            case.worker_user()
        ),
    }
}

/// The line that sets it now, or the pool's `listen`, beside which it belongs.
fn place(pool: &FpmPool) -> String {
    let set = pool
        .settings
        .iter()
        .find(|(key, ..)| key == "listen.owner" || key == "listen.mode");
    let line = set.map_or(pool.written.line, |(.., line)| *line);
    format!("{}:{line}", pool.written.file.display())
}

fn remedies(case: &Case) -> Vec<Remedy> {
    let Some(peer) = forbidden(case) else {
        return Vec::new();
    };
    let remedy = if not_yet_a_member(case).is_some() {
        let title = "reload nginx, so that its workers get the groups of their user";
        reload_nginx(case).map(|reload| Remedy::ask(title, vec![reload]))
    } else {
        open_socket(case, peer)
    };
    remedy.into_iter().collect()
}

/// The backend makes its socket for the worker's group, and for nobody else.
fn open_socket(case: &Case, peer: &PeerSight) -> Option<Remedy> {
    let shut = matches!(way(case, peer), Way::Shut { stat, sure: true, .. } if stat.kind != FileKind::Dir);
    let (backend, unit) = (peer.backend.as_ref()?, case.unit_of(peer).filter(|_| shut)?);
    let group = group(case, case.nginx()?.account.as_ref()?.identity.gid)?;
    let mut measures = match &backend.pool {
        Some(pool) => of_pool(pool, case.worker_user(), &group)?,
        None => of_unit(case, peer, unit, &group),
    };
    measures.push(service::restart(unit));
    let title = format!("have {} make its socket for group {group}", unit.name);
    Some(Remedy::ask(title, measures))
}

fn group(case: &Case, gid: u32) -> Option<String> {
    Some(case.world.accounts.as_ref().ok()?.group_name(gid))
}

/// php-fpm ignores owner and group where the pool has access control lists.
fn of_pool(pool: &FpmPool, user: &str, group: &str) -> Option<Vec<Measure>> {
    let lists = pool
        .settings
        .iter()
        .any(|(key, ..)| key.starts_with("listen.acl_"));
    let keys = [
        ("listen.owner", user),
        ("listen.group", group),
        ("listen.mode", "0660"),
    ];
    let set = |(key, value): (&str, &str)| Measure::IniSet {
        file: pool.written.file.clone(),
        section: pool.name.clone(),
        key: key.into(),
        value: value.into(),
    };
    (!lists).then(|| keys.map(set).into())
}

/// Its own group stays one of its groups: files of the application may need it.
fn of_unit(case: &Case, peer: &PeerSight, unit: &Unit, wanted: &str) -> Vec<Measure> {
    let own = case
        .processes_of(peer)
        .next()
        .and_then(|process| group(case, process.gid));
    let own = own.filter(|own| own != wanted);
    let mut measures = vec![service::setting(unit, "Group", vec![wanted.into()])];
    measures.extend(own.map(|own| service::setting(unit, "SupplementaryGroups", vec![own])));
    measures.push(service::setting(unit, "UMask", vec!["0007".into()]));
    measures.extend(
        match peer.backend.as_ref().and_then(|backend| backend.kind) {
            Some(BackendKind::Uwsgi) => service::uwsgi_ini(peer, "chmod-socket", "660").map(|it| vec![it]),
            _ => service::set_option(unit, &["--umask", "-m"], "007"),
        }
        .into_iter()
        .flatten(),
    );
    measures
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use host::looks::Accounts;

    #[test]
    fn fires_where_the_socket_belongs_to_root() {
        Fixture::php_fpm()
            .connect_fails(13)
            .dir("/run/php", 0o755, 33, 33)
            .socket(0o600, 0, 0)
            .check("found socket-permission");
    }

    #[test]
    fn fires_where_read_and_execute_are_given_and_write_is_not() {
        Fixture::gunicorn()
            .on_unix("/srv/app/app.sock")
            .connect_fails(13)
            .dir("/srv/app", 0o755, 1000, 1000)
            .socket(0o755, 1000, 1000)
            .check("found socket-permission");
    }

    #[test]
    fn stays_quiet_where_all_modes_are_fine() {
        Fixture::php_fpm()
            .connect_fails(13)
            .dir("/run/php", 0o755, 33, 33)
            .socket(0o660, 33, 33)
            .check("unexplained");
    }

    #[test]
    fn stays_quiet_on_tcp() {
        Fixture::gunicorn().connect_fails(13).check("unexplained");
    }

    #[test]
    fn an_access_control_list_leaves_it_open() {
        Fixture::php_fpm()
            .connect_fails(13)
            .socket(0o600, 0, 0)
            .with(|it| it.acl_on_last_step())
            .check("unexplained");
    }

    #[test]
    fn the_backend_makes_its_socket_for_nginxs_group() {
        let file = "/etc/php/8.2/fpm/pool.d/www.conf [www]";
        Fixture::php_fpm().connect_fails(13).socket(0o600, 0, 0).offers(&[&format!(
            "ask: {file} listen.owner = www-data; {file} listen.group = www-data; {file} listen.mode = 0660; \
             restart php8.2-fpm.service"
        )]);
        Fixture::gunicorn()
            .on_unix("/srv/app.sock")
            .connect_fails(13)
            .socket(0o755, 1000, 1000)
            .offers(&["ask: app.service Group=www-data; app.service UMask=0007; restart app.service"]);
    }

    #[test]
    fn a_new_member_needs_a_reload_of_nginx_only() {
        Fixture::php_fpm()
            .connect_fails(13)
            .socket(0o660, 0, 1001)
            .with(|it| {
                let group = b"www-data:x:33:\nshop:x:1001:www-data\n";
                it.world.accounts = Ok(Accounts::parse(b"www-data:x:33:33::/var/www:/bin/sh\n", group));
            })
            .offers(&["ask: reload nginx"]);
    }

    #[test]
    fn offers_nothing_where_lists_decide() {
        let lists = || vec![("listen.acl_users".to_owned(), "app".to_owned(), 45)];
        Fixture::php_fpm()
            .connect_fails(13)
            .socket(0o600, 0, 0)
            .peer(|peer| {
                let pool = peer.backend.as_mut().and_then(|backend| backend.pool.as_mut());
                pool.expect("php-fpm has a pool").settings = lists();
            })
            .offers(&[]);
    }
}
