use crate::{
    Case, Class, Evidence, Opinion, Rank, Remedy, Source, backend_log,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    elsewhere::{give_directory, move_socket},
    evidence::quote,
    service::{self, Down},
    words::said,
    world::Said,
};
use host::looks::Unit;
use logscan::{Complaint, Trouble};
use std::{path::Path, time::Duration};

cause! {
    /// # What happens
    /// The directory that should hold the unix socket lies on a tmpfs (/run) and nothing makes it after a boot, so the
    /// backend can't bind: it was made by hand once. Or it was removed under a backend that runs: then the backend
    /// listens on, where no path leads.
    /// # How to tell
    /// The directory does not exist; the backend's log shows the failed bind (php-fpm `unable to bind … No such file or
    /// directory (2)`, gunicorn only `Can't connect to /run/…`); the trouble began at a boot.
    /// # Fix
    /// `RuntimeDirectory=` in the unit, or a tmpfiles.d entry: systemd then makes the directory, owned by the unit's
    /// user, before each start.
    /// # Not this if
    /// The directory exists and only the socket is missing (backend-stopped, backend-crash-on-start), it is there for
    /// the backend and not for nginx (private-tmp), or the unit has RuntimeDirectory= for it and is down: systemd makes
    /// it at the next start.
    pub static RUNTIME_DIR_MISSING = {
        id: "runtime-dir-missing",
        title: "the directory of the backend's socket is gone",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("unable to bind listening socket for address", 25)],
        effect_of: &[],
        settled_by: ("see whether the socket's directory exists", "namei -l /run/app/app.sock"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["runtime-dir-missing"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    let own_dir = |path: &Path| path.starts_with("/run") || path.starts_with("/var/run");
    match &complaint.trouble {
        Trouble::Connect(errno::ENOENT) if complaint.unix().is_some_and(own_dir) => 12,
        Trouble::Connect(errno::ENOENT) => 4,
        _ => 0,
    }
}

/// A boot starts its units, and they fail, within this time.
const BOOTING: Duration = Duration::from_secs(300);

/// A socket whose directory is not there.
struct Missing<'a> {
    peer: &'a PeerSight,
    unit: &'a Unit,
    /// The first directory on the way that is not there.
    dir: &'a Path,
    how: How<'a>,
}

enum How<'a> {
    /// It could not bind: its own words.
    NeverBound(Said<'a>),
    /// It listens on a path that was taken away.
    TakenAway,
}

fn missing(case: &Case) -> Option<Missing<'_>> {
    case.failing_peers().find_map(|peer| {
        let (path, unit) = (peer.endpoint.unix()?, case.unit_of(peer)?);
        let dir = missing_dir(peer).filter(|dir| *dir != path)?;
        let how = match case.listener(&peer.endpoint) {
            Ok(Some(_)) => (peer.listener_sees == Some(Ok(false))).then_some(How::TakenAway),
            Ok(None) if !is_made_by(unit, dir) => never_bound(case, unit, path, dir).map(How::NeverBound),
            _ => None,
        }?;
        Some(Missing { peer, unit, dir, how })
    })
}

/// The topmost part of the path that is known not to be there.
fn missing_dir(peer: &PeerSight) -> Option<&Path> {
    let gone = peer.path.iter().filter(|step| matches!(step.stat, Ok(None)));
    gone.map(|step| step.path.as_path())
        .min_by_key(|path| path.as_os_str().len())
}

/// systemd makes this directory each time it starts the unit.
fn is_made_by(unit: &Unit, dir: &Path) -> bool {
    let mut made = unit.property("RuntimeDirectory").split(' ');
    made.any(|name| {
        !name.is_empty() && (Path::new("/run").join(name) == dir || Path::new("/var/run").join(name) == dir)
    })
}

/// The unit is down, and said at its last start that it found no such place. gunicorn gives no reason.
fn never_bound<'a>(case: &'a Case, unit: &'a Unit, path: &Path, dir: &Path) -> Option<Said<'a>> {
    matches!(service::down(case, unit), Some(Down::StartFails | Down::Ended)).then_some(())?;
    let names =
        |text: &str| text.contains(&*path.to_string_lossy()) || text.contains(&*dir.to_string_lossy());
    let not_there = |text: &str| text.contains("No such file or directory") || text.contains("ENOENT");
    let tells = |text: &str| {
        let failed = not_there(text) && (names(text) || backend_log::is_bind_failure(text));
        failed || text.contains("Can't connect to") && names(text)
    };
    let mut words = service::last_words(case, unit).into_iter();
    words.rfind(|line| tells(line.text))
}

fn weigh(case: &Case) -> Opinion {
    let Some(missing) = missing(case) else {
        return Opinion::none();
    };
    let (unit, dir) = (missing.unit, missing.dir.display());
    let gone = format!("there is no {dir}, where {} should be", missing.peer.endpoint);
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        gone,
        Source::path(missing.dir),
    )];
    evidence.push(match &missing.how {
        How::NeverBound(line) => Evidence::supports(Rank::Strong, said(line), line.source.clone()),
        How::TakenAway => Evidence::supports(
            Rank::Strong,
            format!(
                "{} runs and listens on {}, to which no path leads any more",
                unit.name, missing.peer.endpoint
            ),
            Source::listeners(&missing.peer.endpoint),
        ),
    });
    evidence.extend(unmade(&missing));
    evidence.extend(since_boot(case));
    Opinion {
        subject: unit.name.clone(),
        says: format!("the directory {dir} of the socket of {} is gone", unit.name),
        evidence,
    }
}

fn unmade(missing: &Missing<'_>) -> Option<Evidence> {
    let unit = missing.unit;
    (!is_made_by(unit, missing.dir)).then(|| {
        Evidence::supports(
            Rank::Hint,
            format!("{} has no RuntimeDirectory= for it", unit.name),
            Source::command(format!(
                "systemctl show -p RuntimeDirectory {}",
                quote(&unit.name)
            )),
        )
    })
}

fn since_boot(case: &Case) -> Option<Evidence> {
    let boot = case.world.booted()?;
    let began = case.first() >= boot && case.first().since(boot) <= BOOTING;
    began.then(|| {
        let says = format!(
            "the host booted at {boot}, and failures began at {}: /run was emptied",
            case.first()
        );
        Evidence::supports(Rank::Strong, says, Source::command("uptime -s"))
    })
}

fn advise(case: &Case) -> String {
    let Some(missing) = missing(case) else {
        return String::new();
    };
    let name = quote(&missing.unit.name);
    let made = missing.dir.strip_prefix("/run").ok().and_then(Path::to_str);
    match (made, is_made_by(missing.unit, missing.dir)) {
        (_, true) => format!(
            "systemctl restart {name}: systemd makes {}",
            missing.dir.display()
        ),
        (Some(dir), false) => format!(
            "systemctl edit {name}, and write there: [Service] RuntimeDirectory={}; then: systemctl restart {name}",
            quote(dir)
        ),
        (None, false) => format!(
            "have {} made at boot by a line in /etc/tmpfiles.d, or move the socket to /run; then: systemctl restart {name}",
            missing.dir.display()
        ),
    }
}

/// A directory that systemd makes at each start: where the socket is, or, off /run, where it moves to.
fn remedies(case: &Case) -> Vec<Remedy> {
    let Some(missing) = missing(case) else {
        return Vec::new();
    };
    let unit = missing.unit;
    let restart = format!("restart {}, which has systemd make the directory", unit.name);
    let remedy = if is_made_by(unit, missing.dir) {
        Some(Remedy::ask(restart, vec![service::restart(unit)]))
    } else {
        give_directory(unit, &missing.peer.endpoint).or_else(|| move_socket(case, missing.peer))
    };
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{testing::Fixture, world::PathStep};

    /// The way to the socket ends at /run/app.
    fn without_dir(fixture: Fixture) -> Fixture {
        fixture.dir("/run", 0o755, 0, 0).peer(|peer| {
            for path in ["/run/app", "/run/app/app.sock"] {
                let path = path.into();
                peer.path.push(PathStep { path, stat: Ok(None) });
            }
        })
    }

    fn fails(line: &str) -> Fixture {
        let fixture = Fixture::gunicorn().on_unix("/run/app/app.sock").nobody_listens();
        without_dir(fixture.connect_fails(2))
            .unit_is("failed", "exit-code")
            .ran(66, 61, "exited", 1)
            .says(61, line)
    }

    const GUNICORN: &str = "[ERROR] Can't connect to /run/app/app.sock";

    #[test]
    fn fires_where_the_backend_could_not_bind() {
        fails(GUNICORN).check("found runtime-dir-missing <- backend-crash-on-start");
        fails("ERROR: unable to bind listening socket for address '/run/app/app.sock': No such file or directory (2)")
            .check("found runtime-dir-missing <- backend-crash-on-start");
        fails("bind(): No such file or directory [core/socket.c line 230]")
            .check("found runtime-dir-missing <- backend-crash-on-start");
    }

    #[test]
    fn fires_where_it_was_taken_away() {
        let fixture = Fixture::gunicorn().on_unix("/run/app/app.sock").connect_fails(2);
        without_dir(fixture)
            .peer(|peer| peer.listener_sees = Some(Ok(false)))
            .check("found runtime-dir-missing");
    }

    #[test]
    fn gives_the_unit_its_directory() {
        fails(GUNICORN).offers(&["ask: app.service RuntimeDirectory=app; start app.service"]);
    }

    #[test]
    fn stays_quiet_where_systemd_makes_it_at_each_start() {
        fails("ModuleNotFoundError: No module named 'x'")
            .unit(|unit| {
                unit.properties.insert("RuntimeDirectory".into(), "app".into());
            })
            .check("found backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_only_the_socket_is_missing() {
        fails(GUNICORN)
            .with(|it| it.peers[0].path.truncate(1))
            .dir("/run/app", 0o755, 33, 33)
            .check("found backend-crash-on-start");
    }

    #[test]
    fn stays_quiet_where_it_ended_for_another_reason() {
        fails("ModuleNotFoundError: No module named 'x'").check("found backend-crash-on-start");
    }
}
