use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    case::{PeerSight, errno},
    cause::{Group, Told, cause},
    evidence::quote,
    world::UserService,
};
use host::looks::{JournalLine, Process};
use logscan::{Complaint, Trouble};
use std::time::Duration;

cause! {
    /// # What happens
    /// The backend is a `systemd --user` service of an account without linger: it is stopped some seconds after that
    /// person's last session (10 s by default, `UserStopDelaySec=`), is not started at boot, and comes back when they
    /// log in to look.
    /// # How to tell
    /// `loginctl show-user NAME -p Linger` says no, or that nobody of that name is there: then look for NAME in
    /// /var/lib/systemd/linger. Failures begin at the end of a session or at a boot. `systemctl status` knows no such
    /// unit: its file is in the home, under .config/systemd/user.
    /// # Fix
    /// `loginctl enable-linger NAME`, or a system unit.
    /// # Not this if
    /// The unit is a system unit, its owner lingers, or the owner's systemd runs and the service does not.
    pub static USER_SERVICE_NO_LINGER = {
        id: "user-service-no-linger",
        title: "the backend lives only while its owner is logged in",
        group: Group::Process,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("linger=no", 90), ("enable-linger", 80)],
        effect_of: &[],
        settled_by: ("see whether the owner of a user service lingers", "loginctl list-users; loginctl show-user NAME -p Linger"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["user-service-no-linger"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::Connect(errno::ECONNREFUSED) => 2,
        _ => 0,
    }
}

/// The end of a session stops its services so late at most.
const DELAY: Duration = Duration::from_secs(120);

fn gone(case: &Case) -> Option<(&PeerSight, &UserService)> {
    case.failing_peers()
        .filter(|peer| matches!(case.listener(&peer.endpoint), Ok(None)))
        .find_map(|peer| {
            let mut services = case.world.user_services.iter();
            let service = services.find(|it| it.claim.address.covers(&peer.endpoint))?;
            let away = service.lingers == Ok(false) && manager(case, service)?.is_none();
            away.then_some((peer, service))
        })
}

/// The systemd of the service's owner, if it runs; `None` where processes could not be seen.
fn manager<'a>(case: &'a Case, service: &UserService) -> Option<Option<&'a Process>> {
    let processes = case.world.processes.as_ref().ok()?;
    let is_manager = |process: &&Process| process.uid == service.uid && process.comm == "systemd";
    Some(processes.iter().find(is_manager))
}

fn weigh(case: &Case) -> Opinion {
    let Some((peer, service)) = gone(case) else {
        return Opinion::none();
    };
    let (user, name) = (&service.user, &service.name);
    let mut evidence = vec![
        Evidence::supports(
            Rank::Strong,
            format!(
                "{name}, a service of the user {user}, is configured to listen on {} ({})",
                peer.endpoint, service.claim.written
            ),
            Source::file(&service.claim.written.file, Some(service.claim.written.line)),
        ),
        Evidence::supports(
            Rank::Decisive,
            format!("{user} does not linger, and no systemd of {user} runs: nobody is logged in"),
            Source::command(format!(
                "loginctl list-users; ls /var/lib/systemd/linger/{}",
                quote(user)
            )),
        ),
    ];
    evidence.extend(ended(case, service));
    Opinion {
        subject: format!("{name} of {user}"),
        says: format!("{name} runs only while {user} is logged in, and {user} is not"),
        evidence,
    }
}

/// The systemd of the user ended shortly before the first failure.
fn ended(case: &Case, service: &UserService) -> Option<Evidence> {
    let manager = service.manager();
    let first = case.first();
    let is_end = |line: &&JournalLine| {
        let near = line.at.before(Duration::from_secs(2)) <= first && first.since(line.at) <= DELAY;
        line.by == "systemd" && line.text.starts_with("Stopp") && near
    };
    let line = case.world.journal_of(&manager).rfind(is_end)?;
    Some(Evidence::supports(
        Rank::Strong,
        format!("{manager} ended at {}, the first failure was at {first}", line.at),
        Source::journal(&manager),
    ))
}

fn advise(case: &Case) -> String {
    let Some((_, service)) = gone(case) else {
        return String::new();
    };
    let (user, name) = (quote(&service.user), quote(&service.name));
    let enable = format!("systemctl --user -M {user}@ enable {name}; ");
    format!(
        "{}loginctl enable-linger {user}, which starts it now and at each boot; or make it a unit of the system, with \
         User={user}",
        enable.repeat((!service.enabled).into())
    )
}

/// Only what starts with the user's systemd comes back with it.
fn remedies(case: &Case) -> Vec<Remedy> {
    let service = gone(case).map(|(_, service)| service).filter(|it| it.enabled);
    let remedy = service.map(|service| {
        let title = format!("let services of {} run while nobody is logged in", service.user);
        let linger = Measure::Linger {
            user: service.user.clone(),
            uid: service.uid,
        };
        Remedy::ask(title, vec![linger])
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use crate::{testing::Fixture, topology::BackendKind, world::UserService};

    /// Nobody serves what ada's gunicorn is configured to, and ada is not logged in.
    fn logged_out() -> Fixture {
        Fixture::nothing("127.0.0.1:8000")
            .claims("app.service", BackendKind::Gunicorn, "127.0.0.1:8000")
            .connect_fails(111)
            .with(|it| {
                let claim = it.world.claims.pop().expect("a claim");
                it.world.user_services.push(UserService {
                    user: "ada".into(),
                    uid: 1000,
                    name: "app.service".into(),
                    enabled: true,
                    lingers: Ok(false),
                    claim,
                });
            })
    }

    #[test]
    fn fires_where_its_owner_is_not_logged_in() {
        logged_out().check("found user-service-no-linger");
        logged_out().offers(&["ask: let ada linger"]);
    }

    #[test]
    fn what_does_not_start_with_the_users_systemd_is_not_brought_back_by_it() {
        logged_out()
            .with(|it| it.world.user_services[0].enabled = false)
            .offers(&[]);
    }

    #[test]
    fn stays_quiet_where_its_owner_lingers_or_is_logged_in() {
        logged_out()
            .with(|it| it.world.user_services[0].lingers = Ok(true))
            .check("unexplained");
        logged_out()
            .with(|it| {
                let mut systemd = crate::testing::process(700, 1, "init.scope");
                (systemd.comm, systemd.uid) = ("systemd".into(), 1000);
                it.world.processes.as_mut().expect("seen").push(systemd);
            })
            .check("unexplained");
    }

    #[test]
    fn what_could_not_be_seen_is_not_taken_for_absence() {
        logged_out()
            .with(|it| it.world.user_services[0].lingers = crate::testing::forbidden("linger"))
            .check("unexplained");
        logged_out()
            .with(|it| it.world.processes = crate::testing::forbidden("processes"))
            .check("unexplained");
    }
}
