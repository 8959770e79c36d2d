use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source,
    cause::{Group, Told, cause},
    words::clip,
    world::Nginx,
};
use host::{
    answer::{Socket, SocketState},
    looks::{Process, Unit},
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// nginx can't bind port 80 or 443: another web server has it. nginx does not start, or a reload fails.
    /// # How to tell
    /// `bind() to 0.0.0.0:80 failed (98: Address already in use)`.
    /// # Fix
    /// Stop the other program and start nginx, which lasts until the other is started again; for good, move it to another
    /// port or disable it.
    /// # Not this if
    /// An old nginx master holds it (nginx-old-master).
    pub static EDGE_PORT_TAKEN = {
        id: "edge-port-taken",
        title: "another program holds the port nginx should listen on",
        group: Group::Wiring,
        class: Class::Ask,
        share_of: share_of,
        phrases: &[("bind() to", 75), ("address already in use", 30)],
        effect_of: &[],
        settled_by: ("see who owns the port", "ss -ltnp \"sport = :80 or sport = :443\""),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["edge-port-taken"],
        },
    }
}

fn share_of(complaint: &Complaint) -> u8 {
    match &complaint.trouble {
        Trouble::ListenFailed { errno: 98, .. } => 95,
        Trouble::ListenFailed { .. } => 40,
        _ => 0,
    }
}

fn weigh(case: &Case) -> Opinion {
    let Some(taken) = taken(case) else {
        return Opinion::none();
    };
    let evidence = vec![
        Evidence::supports(
            Rank::Decisive,
            format!(
                "{} holds {}, which nginx is configured to listen on",
                taken.who(),
                taken.socket.local
            ),
            Source::listeners(&taken.socket.local),
        ),
        Evidence::supports(
            Rank::Strong,
            format!("nginx could not bind it: {}", clip(&taken.said)),
            Source::command("nginx -t"),
        ),
    ];
    Opinion {
        subject: taken.socket.local.to_string(),
        says: format!(
            "{} holds {}, so nginx can't listen there",
            taken.who(),
            taken.socket.local
        ),
        evidence,
    }
}

/// A listener of another program on a port of nginx's.
struct Taken<'a> {
    socket: &'a Socket,
    process: Option<&'a Process>,
    said: String,
}

impl Taken<'_> {
    fn who(&self) -> String {
        let Some(process) = self.process else {
            return "another program".to_owned();
        };
        let unit = process
            .unit
            .as_deref()
            .map_or(String::new(), |unit| format!(" of {unit}"));
        format!("{}{unit} (process {})", process.comm, process.pid)
    }
}

fn taken(case: &Case) -> Option<Taken<'_>> {
    let nginx = case.nginx().filter(|nginx| nginx.master.is_none())?;
    let said = said(case, nginx)?;
    let port = port(&said)?;
    let sockets = case.world.sockets.as_ref().ok()?;
    let socket = sockets.iter().find(|socket| {
        let same = socket.local.tcp().is_some_and(|at| at.port() == port);
        same && socket.state == SocketState::Listen && !is_nginx(case, socket)
    })?;
    let pids = socket.pids.as_deref().unwrap_or_default();
    Some(Taken {
        socket,
        process: pids.iter().find_map(|pid| case.world.process(*pid)),
        said,
    })
}

/// nginx's own complaint: of its test, of its log, or of its unit's journal.
fn said(case: &Case, nginx: &Nginx) -> Option<String> {
    let is_bind = |text: &str| text.contains("bind() to ") && text.contains("98: ");
    let test = nginx.test.as_ref().ok().map(|test| test.says.clone());
    let logged = case
        .having(|trouble| matches!(trouble, Trouble::ListenFailed { errno: 98, .. }))
        .max_by_key(|symptom| symptom.last)
        .map(|symptom| symptom.sample.clone());
    let unit = nginx.unit.as_deref().unwrap_or_default();
    let journal = case.world.journal_of(unit).rev().map(|line| line.text.clone());
    test.into_iter()
        .chain(logged)
        .chain(journal)
        .find(|text| is_bind(text))
}

/// `bind() to 0.0.0.0:80 failed`, `bind() to [::]:80 failed`
fn port(said: &str) -> Option<u16> {
    let address = said.split_once("bind() to ")?.1.split(' ').next()?;
    address.rsplit(':').next()?.parse().ok()
}

/// A second nginx has a cause of its own (nginx-old-master).
fn is_nginx(case: &Case, socket: &Socket) -> bool {
    let pids = socket.pids.as_deref().unwrap_or_default();
    let mut owners = pids.iter().filter_map(|pid| case.world.process(*pid));
    owners.any(|process| process.comm == "nginx")
}

fn advise(case: &Case) -> String {
    let Some(taken) = taken(case) else {
        return String::new();
    };
    let unit = taken.process.and_then(|process| process.unit.as_deref());
    let nginx = case
        .nginx()
        .and_then(|nginx| nginx.unit.as_deref())
        .unwrap_or("nginx");
    match unit.filter(|unit| unit.ends_with(".service")) {
        Some(unit) => format!(
            "move {unit} to another port, or if nobody needs it, systemctl disable --now {unit}; then nginx -t && systemctl \
             start {nginx}"
        ),
        None => format!(
            "move or stop {}, then nginx -t && systemctl start {nginx}",
            taken.who()
        ),
    }
}

/// Only a unit can be brought back; what somebody started by hand is for that person to end.
fn remedies(case: &Case) -> Vec<Remedy> {
    let nginx = case.nginx().and_then(|nginx| nginx.unit.clone());
    let other = taken(case).and_then(|taken| taken.process?.unit.clone());
    let known =
        |name: &String| case.world.unit(name).is_some_and(Unit::is_known) && name.ends_with(".service");
    let (Some(nginx), Some(other)) = (nginx, other.filter(known)) else {
        return Vec::new();
    };
    let title = format!("stop {other}, and start {nginx}");
    let measures = vec![Measure::Stop { unit: other }, Measure::Start { unit: nginx }];
    vec![Remedy::ask(title, measures).relief()]
}

#[cfg(test)]
mod tests {
    use crate::testing::Fixture;
    use logscan::{Phase, Trouble};

    const SAYS: &str = "[emerg] bind() to 0.0.0.0:80 failed (98: Address already in use)";

    fn down(fixture: Fixture) -> Fixture {
        let trouble = Trouble::ListenFailed {
            errno: 98,
            address: "0.0.0.0:80".into(),
        };
        fixture
            .nginx_down("failed")
            .nginx_journal(30, SAYS)
            .complains(trouble, Phase::Other)
    }

    #[test]
    fn fires_where_another_server_holds_the_port() {
        for fixture in [Fixture::php_fpm(), Fixture::gunicorn()] {
            down(fixture.also_runs("apache2.service", &["/usr/sbin/apache2"], "0.0.0.0:80"))
                .check("found edge-port-taken <- nginx-will-not-start");
        }
    }

    #[test]
    fn a_unit_may_be_stopped_for_it_and_a_lone_process_not() {
        let apache =
            || down(Fixture::php_fpm().also_runs("apache2.service", &["/usr/sbin/apache2"], "0.0.0.0:80"));
        apache().offers(&["ask relief: stop apache2.service; start nginx.service"]);
    }

    #[test]
    fn a_second_nginx_is_another_matter() {
        down(Fixture::php_fpm().also_runs("nginx-own.service", &["/usr/sbin/nginx"], "0.0.0.0:80"))
            .check("found nginx-will-not-start");
    }

    #[test]
    fn a_port_that_is_free_again_is_not_taken() {
        down(Fixture::php_fpm()).check("found nginx-will-not-start");
    }
}
