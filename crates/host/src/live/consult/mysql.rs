//! MySQL and MariaDB: the login, then a few `SHOW`s and `SELECT`s over the server's own tables.

use super::{
    Trouble, Visit,
    mysql_login::{self as login, CACHING, Greeting},
    packet::{Packet, column, is_end, refusal},
    wire::Wire,
};
use crate::consult::Table;

/// `processes` shows an account without the PROCESS privilege only its own sessions; `transactions` needs that privilege.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "status",
        "SHOW GLOBAL STATUS WHERE Variable_name IN ('Threads_connected', 'Threads_running', 'Uptime')",
    ),
    (
        "variables",
        "SHOW GLOBAL VARIABLES WHERE Variable_name IN ('max_connections', 'max_user_connections', 'datadir', 'wait_timeout')",
    ),
    ("processes", "SHOW FULL PROCESSLIST"),
    (
        "transactions",
        "SELECT trx_mysql_thread_id AS id, trx_state AS state, trx_rows_locked AS locked, \
         TIMESTAMPDIFF(SECOND, trx_started, NOW()) AS seconds, trx_query AS query FROM information_schema.INNODB_TRX",
    ),
];

/// Columns of one answer.
const MAX_COLUMNS: u64 = 64;

pub(super) fn ask(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    let mut session = Session { wire, sequence: 0 };
    let greeting = session.greeting(visit)?;
    if visit.only_greets() {
        return Ok(());
    }
    session.log_in(visit, &greeting)?;
    visit.admitted();
    for (about, statement) in QUESTIONS {
        match session.query(about, statement) {
            Ok(table) => visit.tell(table),
            Err(Trouble::Refused(refusal)) => visit.tell_refused(about, refusal),
            Err(other) => return Err(other),
        }
    }
    // COM_QUIT: the server counts who leaves without a word
    session.say(&[1], true)
}

struct Session<'a> {
    wire: &'a mut Wire,
    sequence: u8,
}

impl Session<'_> {
    fn greeting(&mut self, visit: &mut Visit<'_>) -> Result<Greeting, Trouble> {
        let payload = self.hear()?;
        let not_it = || Trouble::unclear("it does not greet as MySQL does");
        let greeting = Greeting::parse(&payload).ok_or_else(not_it)?;
        visit.heard.server = Some(greeting.version.clone());
        Ok(greeting)
    }

    fn log_in(&mut self, visit: &Visit<'_>, greeting: &Greeting) -> Result<(), Trouble> {
        if greeting.offers_tls && greeting.plugin == CACHING && !visit.is_local {
            self.say(&login::tls_request(), false)?;
            self.wire.upgrade()?;
        }
        // the greeting names the server's default, which may not be this account's: the server will say
        let named = login::proof(&greeting.plugin, visit.password, &greeting.scramble);
        let (plugin, proof) = match named {
            Some(proof) => (greeting.plugin.as_str(), proof),
            None => (
                login::NATIVE,
                login::native(visit.password.as_bytes(), &greeting.scramble),
            ),
        };
        let secured = self.wire.is_secured();
        let response = login::response(visit.user, visit.database, plugin, &proof, secured);
        self.say(&response, false)?;
        self.prove(visit, &greeting.scramble)
    }

    /// Goes on until the server lets us in or does not. A server that keeps asking is stopped by the time limit.
    fn prove(&mut self, visit: &Visit<'_>, scramble: &[u8]) -> Result<(), Trouble> {
        for _ in 0..8 {
            let payload = self.hear()?;
            match payload.split_first() {
                Some((0, _)) => return Ok(()),
                // caching_sha2_password: 3 is "the proof was enough", 4 is "the whole password"
                Some((1, [3])) => {}
                Some((1, [4])) if self.wire.is_secured() || visit.is_local => {
                    let whole: Vec<u8> = visit.password.bytes().chain([0]).collect();
                    self.say(&whole, false)?;
                }
                Some((1, [4])) => {
                    return Err(Trouble::unclear(
                        "it wants the whole password on a line without TLS",
                    ));
                }
                Some((0xfe, rest)) => {
                    let mut switch = Packet(rest);
                    let plugin = String::from_utf8_lossy(switch.text()).into_owned();
                    let fresh = if switch.0.is_empty() { scramble } else { switch.0 };
                    let fresh = fresh.get(..20).unwrap_or(fresh);
                    let proof = login::proof(&plugin, visit.password, fresh).ok_or_else(|| {
                        Trouble::Unclear(format!("its login method {plugin} is not spoken here"))
                    })?;
                    self.say(&proof, false)?;
                }
                _ => {
                    return Err(Trouble::unclear(
                        "an answer to the login that MySQL does not give",
                    ));
                }
            }
        }
        Err(Trouble::unclear("a login without end"))
    }

    fn query(&mut self, about: &str, statement: &str) -> Result<Table, Trouble> {
        let question: Vec<u8> = [3].into_iter().chain(statement.bytes()).collect();
        self.say(&question, true)?;
        let head = self.hear()?;
        // 0 is an answer without rows; fb asks for a file of ours
        let count = match Packet(&head).integer(1) {
            Some(count) if (1..=MAX_COLUMNS).contains(&count) => count,
            _ => return Err(Trouble::unclear("an answer that is no table")),
        };
        let mut columns = Vec::new();
        for _ in 0..count {
            columns.push(column(&self.hear()?));
        }
        self.hear()?;
        let mut rows = Vec::new();
        loop {
            let payload = self.hear()?;
            if is_end(&payload) {
                break;
            }
            rows.push(Packet(&payload).row());
        }
        Ok(Table {
            about: about.to_owned(),
            columns,
            rows,
            error: None,
        })
    }

    /// One packet; a refusal is an error.
    fn hear(&mut self) -> Result<Vec<u8>, Trouble> {
        let head = self.wire.exactly(4)?;
        let length = Packet(&head).integer(3).unwrap_or_default();
        self.sequence = head.get(3).copied().unwrap_or_default().wrapping_add(1);
        let payload = self.wire.exactly(usize::try_from(length).unwrap_or(usize::MAX))?;
        match refusal(&payload) {
            Some(refusal) => Err(Trouble::Refused(refusal)),
            None => Ok(payload),
        }
    }

    fn say(&mut self, payload: &[u8], is_new: bool) -> Result<(), Trouble> {
        if is_new {
            self.sequence = 0;
        }
        let length = u32::try_from(payload.len()).unwrap_or_default().to_le_bytes();
        let mut frame = vec![length[0], length[1], length[2], self.sequence];
        frame.extend(payload);
        self.sequence = self.sequence.wrapping_add(1);
        self.wire.say(&frame)
    }
}
