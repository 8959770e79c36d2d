//! What a failing application needs and does not get: facts about its databases, caches and brokers that several causes
//! ask for.

use crate::{
    Case, Evidence, Opinion, Rank, Remedy, Source,
    dependencies::{Credential, DependencySight, Where},
    evidence::quote,
    queue, service,
    words::{clip, count, said},
};
use host::{
    Endpoint,
    consult::{Row, Service},
    looks::{JournalLine, ProcessState, Unit},
};
use logscan::Trouble;

/// Where an application keeps its data.
pub const DATABASES: &[Service] = &[Service::Mysql, Service::Postgres];
/// What it remembers for a while.
pub const CACHES: &[Service] = &[Service::Redis, Service::Memcached];
/// What it hands work to.
pub const BROKERS: &[Service] = &[Service::Amqp, Service::Nats];
/// What it searches with.
pub const SEARCH: &[Service] = &[Service::Elasticsearch];

/// The failures can come from what the application needs: it had the request, or it ended at its start. Where nobody could
/// connect for another reason, a broken database is another story.
pub fn is_felt(case: &Case) -> bool {
    service::failing_start(case).is_some()
        || !service::answered_badly(case).is_empty()
        || !queue::waited(case).is_empty()
}

/// The application gave up at its start and nobody starts it again: what it was refused then keeps it from nothing now.
pub fn gave_up(case: &Case) -> bool {
    service::failing_start(case).is_some_and(|(_, unit)| unit.active_state == "failed")
}

/// The dependencies of these kinds, where the failures can come from them.
pub fn of<'a>(case: &'a Case, kinds: &'static [Service]) -> impl Iterator<Item = &'a DependencySight> {
    let felt = is_felt(case);
    case.dependencies
        .iter()
        .filter(move |sight| felt && kinds.contains(&sight.dependency.service))
}

/// A statement of an application's database waits for another one.
pub fn somebody_waits_for_a_lock(case: &Case) -> bool {
    of(case, DATABASES).any(waits_for_a_lock)
}

/// A statement of it waits for another one.
pub fn waits_for_a_lock(sight: &DependencySight) -> bool {
    let table = sight.told().and_then(|it| it.table("processes"));
    table.is_some_and(|table| table.rows().any(|row| is_blocked(&row)))
}

/// It waits for another one: MySQL says what it waits for, PostgreSQL for whom.
pub fn is_blocked(row: &Row<'_>) -> bool {
    let state = row.get("state");
    state.contains("lock") || state.starts_with("Waiting for") || !row.get("blocked_by").is_empty()
}

/// It holds what one of these waits for, where the server tells.
pub fn is_holder(row: &Row<'_>, blocked: &[Row<'_>]) -> bool {
    let names = |it: &Row<'_>| it.get("blocked_by").split(' ').any(|id| id == row.get("id"));
    row.get("blocked_by").is_empty() && blocked.iter().any(names)
}

/// A program with these local ports may hold the lock that is waited for: no session is known that does, or one of its own
/// does; and they do not all wait themselves.
pub fn may_hold_the_lock(sight: &DependencySight, ports: &[u16]) -> bool {
    let Some(table) = sight.told().and_then(|it| it.table("processes")) else {
        return false;
    };
    let own = |row: &Row<'_>| client_port(row).is_some_and(|port| ports.contains(&port));
    let (blocked, free): (Vec<Row<'_>>, Vec<Row<'_>>) = table.rows().partition(is_blocked);
    let waits = blocked.iter().any(own) && !free.iter().any(own);
    let mut holders = free
        .iter()
        .filter(|row| is_holder(row, &blocked) && client_port(row).is_some())
        .peekable();
    !blocked.is_empty() && !waits && (holders.peek().is_none() || holders.any(own))
}

/// Where a session comes from: PostgreSQL has a column for it (-1 for a unix socket), MySQL `HOST:PORT`.
fn client_port(row: &Row<'_>) -> Option<u16> {
    let port = row.get("host").rsplit_once(':').map(|(_, port)| port);
    port.unwrap_or(row.get("client_port")).parse().ok()
}

/// The application's last line with one of these words (lower case), in the time of the failures or at its start.
pub fn complaint(case: &Case, words: &[&str]) -> Option<Evidence> {
    let has = |text: &str| {
        let text = text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    };
    let symptoms: Vec<_> = case.symptoms.iter().collect();
    let starts = service::failing_start(case).is_some();
    let of_peers = case.peers.iter().find_map(|peer| {
        let lines = service::said(case, peer);
        let near = |at| starts || service::among(&symptoms, at);
        let line = lines
            .iter()
            .rfind(|line| line.at.is_none_or(near) && has(line.text))?;
        Some(Evidence::supports(Rank::Strong, said(line), line.source.clone()))
    });
    of_peers.or_else(|| {
        case.symptoms
            .iter()
            .rev()
            .find_map(|symptom| match symptom.trouble()? {
                Trouble::BackendStderr(text) if has(text) => Some(Evidence::supports(
                    Rank::Strong,
                    format!(
                        "PHP said at {}: {}",
                        symptom.last,
                        clip(logscan::without_trace(text))
                    ),
                    Source::log(&symptom.log, "FastCGI sent in stderr"),
                )),
                _ => None,
            })
    })
}

/// Where it was asked, and how a person asks it.
pub fn source(sight: &DependencySight) -> Source {
    let it = &sight.dependency;
    let user = quote(&it.user);
    let command = match (it.service, address(&it.at)) {
        (Service::Mysql, Address::Socket(path)) => {
            format!("mariadb --socket={path} -u {user} -p -e 'SHOW FULL PROCESSLIST'")
        }
        (Service::Mysql, Address::Tcp(host, port)) => {
            format!("mariadb -h {host} -P {port} -u {user} -p -e 'SHOW FULL PROCESSLIST'")
        }
        (Service::Postgres, Address::Socket(path)) => {
            let dir = path.rsplit_once('/').map_or("", |(dir, _)| dir).to_owned();
            format!("psql -h {dir} -U {user} -c 'SELECT * FROM pg_stat_activity'")
        }
        (Service::Postgres, Address::Tcp(host, port)) => {
            format!("psql -h {host} -p {port} -U {user} -c 'SELECT * FROM pg_stat_activity'")
        }
        (Service::Redis, Address::Socket(path)) => format!("redis-cli -s {path} info"),
        (Service::Redis, Address::Tcp(host, port)) => format!("redis-cli -h {host} -p {port} info"),
        (Service::Elasticsearch, Address::Tcp(host, port)) => {
            format!("curl -s http://{host}:{port}/_cluster/health")
        }
        (_, Address::Tcp(host, port)) => format!("nc -vz {host} {port}"),
        (_, Address::Socket(path)) => format!("nc -vzU {path}"),
    };
    Source {
        place: format!("asking {} at {}", it.service, it.at),
        command,
    }
}

enum Address {
    Socket(String),
    Tcp(String, u16),
}

fn address(at: &Where) -> Address {
    match at {
        Where::Endpoint(Endpoint::Unix(path)) => Address::Socket(quote(&path.to_string_lossy())),
        Where::Endpoint(Endpoint::Tcp(at)) => Address::Tcp(at.ip().to_string(), at.port()),
        Where::Name { host, port } => Address::Tcp(quote(host), *port),
    }
}

/// Where the application is told to find it.
pub fn written(sight: &DependencySight) -> Evidence {
    let it = &sight.dependency;
    Evidence::supports(
        Rank::Hint,
        format!("the application is configured with {} at {}", it.service, it.at),
        // not the line itself: the password may stand on it
        Source {
            place: format!("{}:{}", it.written.file.display(), it.written.line.max(1)),
            command: format!("ls -l {}", quote(&it.written.file.to_string_lossy())),
        },
    )
}

/// Its unit, else its address: what a finding about it is about.
pub fn subject(sight: &DependencySight) -> String {
    let unit = sight.unit.as_ref().map(|unit| unit.name.clone());
    unit.unwrap_or_else(|| sight.dependency.at.to_string())
}

/// One of these kinds does not answer.
pub fn down(case: &Case, kinds: &'static [Service], words: &[&str]) -> Opinion {
    let complaint = complaint(case, words);
    let silent = of(case, kinds).find(|sight| sight.answers() == Some(false));
    match (silent, complaint) {
        (Some(sight), said) => is_down(case, sight, said.or_else(|| complains_of(case, sight))),
        (None, Some(complaint)) => answers_now(case, kinds, complaint),
        (None, None) => Opinion::none(),
    }
}

/// The application's own words about its very address.
fn complains_of(case: &Case, sight: &DependencySight) -> Option<Evidence> {
    let Where::Endpoint(Endpoint::Tcp(at)) = &sight.dependency.at else {
        return None;
    };
    complaint(case, &[&at.to_string()])
}

fn is_down(case: &Case, sight: &DependencySight, complaint: Option<Evidence>) -> Opinion {
    let it = &sight.dependency;
    let state = unit_state(case, sight);
    // an address in a template of settings is not proof of use; that of a database is
    let used =
        DATABASES.contains(&it.service) || complaint.is_some() || sight.held.asking + sight.held.open > 0;
    let rank = if used { Rank::Strong } else { Rank::Hint };
    let mut evidence = vec![Evidence::supports(
        rank,
        format!("{} at {} {}", it.service, it.at, sight.silence()),
        source(sight),
    )];
    evidence.extend(complaint);
    evidence.extend(state.clone().map(|mut state| {
        state.rank = rank;
        state
    }));
    evidence.extend(held(sight));
    evidence.push(written(sight));
    let why = state.map(|state| format!(": {}", state.says)).unwrap_or_default();
    Opinion {
        says: format!("{} at {} {}{why}", it.service, it.at, sight.silence()),
        subject: subject(sight),
        evidence,
    }
}

/// The application complained; now it would have no reason to, unless the request just tried went well after a repair.
fn answers_now(case: &Case, kinds: &'static [Service], complaint: Evidence) -> Opinion {
    let Some(sight) = of(case, kinds).find(|sight| sight.answers() == Some(true)) else {
        return Opinion::none();
    };
    let it = &sight.dependency;
    let mut evidence = vec![complaint, written(sight)];
    if case.works_now() != Some(true) {
        evidence.push(Evidence::refutes(
            Rank::Decisive,
            format!("{} at {} answers", it.service, it.at),
            source(sight),
        ));
    }
    Opinion {
        says: format!("{} at {} did not answer the application", it.service, it.at),
        subject: subject(sight),
        evidence,
    }
}

/// How its unit stands, where that is not well.
fn unit_state(case: &Case, sight: &DependencySight) -> Option<Evidence> {
    let unit = sight.unit.as_ref()?;
    let main = unit.main_pid.and_then(|pid| case.world.process(pid));
    if let Some(main) = main.filter(|main| main.state == ProcessState::Stopped) {
        return Some(Evidence::supports(
            Rank::Strong,
            format!("its process {} is stopped by a signal (state T)", main.pid),
            Source::command(format!("ps -o pid,stat,lstart,cmd -p {}", main.pid)),
        ));
    }
    (!unit.is_up()).then(|| {
        Evidence::supports(
            Rank::Strong,
            format!("{} is {} ({})", unit.name, unit.active_state, unit.sub_state),
            Source::unit(&unit.name),
        )
    })
}

fn held(sight: &DependencySight) -> Option<Evidence> {
    let at = sight.endpoint.as_ref()?.tcp()?;
    let (number, what) = match (sight.held.asking, sight.held.open) {
        (0, 0) => return None,
        (0, open) => (open, "open"),
        (asking, _) => (asking, "unanswered"),
    };
    Some(Evidence::supports(
        Rank::Hint,
        format!("the application has {} to it {what}", count(number, "connection")),
        Source::command(format!("ss -tnp dst {at}")),
    ))
}

/// What to do about one that does not answer.
pub fn advise_down(case: &Case, kinds: &'static [Service]) -> String {
    let Some(sight) = of(case, kinds).find(|sight| sight.answers() != Some(true)) else {
        return "it answers now; find out why it did not: its own log tells".to_owned();
    };
    let Some(unit) = &sight.unit else {
        return format!(
            "look on the machine that serves {} whether it runs and listens there; then, from here: {}",
            sight.dependency.at,
            source(sight).command
        );
    };
    let name = quote(&unit.name);
    let main = unit.main_pid.and_then(|pid| case.world.process(pid));
    match main.filter(|main| main.state == ProcessState::Stopped) {
        Some(main) => format!(
            "ask who stopped process {0} and why; then: kill -CONT {0}",
            main.pid
        ),
        None if unit.is_up() => format!(
            "see what it does before anything else: journalctl -u {name} -n 50 --no-pager; df -h; then: systemctl restart {name}"
        ),
        None => format!(
            "find out why it stopped, or it stops again: journalctl -u {name} -n 50 --no-pager; df -h{}; then: systemctl start {name}",
            last_line(case, unit)
        ),
    }
}

fn last_line(case: &Case, unit: &Unit) -> String {
    let tells = |line: &&JournalLine| line.text.contains("rror") || line.text.contains("killed");
    let line = case.world.journal_of(&unit.name).rfind(tells);
    line.map(|line| format!(" (its last complaint: {})", clip(&line.text)))
        .unwrap_or_default()
}

/// Starting what is down on this host, and then the application, where it ended for want of it.
pub fn start_it(case: &Case, kinds: &'static [Service]) -> Vec<Remedy> {
    let is_down = |unit: &&Unit| !unit.is_up() && unit.load_state == "loaded";
    let needed = of(case, kinds)
        .filter(|sight| sight.answers() == Some(false))
        .filter_map(|sight| sight.unit.as_ref())
        .find(is_down);
    let ended = case.units().into_iter().filter(is_down);
    let units: Vec<&Unit> = needed
        .into_iter()
        .chain(ended.filter(|_| needed.is_some()))
        .collect();
    let measures: Option<Vec<_>> = units.iter().map(|unit| service::start(case, unit)).collect();
    let names: Vec<&str> = units.iter().map(|unit| unit.name.as_str()).collect();
    let title = format!("start {}", names.join(", then "));
    let measures = measures.filter(|measures| !measures.is_empty());
    measures
        .map(|measures| Remedy::ask(title, measures.concat()))
        .into_iter()
        .collect()
}

/// As whom the application logs in, and where its password stands.
pub fn login(sight: &DependencySight) -> String {
    let it = &sight.dependency;
    let who = if it.user.is_empty() {
        "the application".to_owned()
    } else {
        it.user.clone()
    };
    match &it.credential {
        Credential::Kept(secret) => format!("{who} with the password in {}", secret.file.display()),
        Credential::None => format!("{who} without a password"),
        Credential::Elsewhere => who,
    }
}
