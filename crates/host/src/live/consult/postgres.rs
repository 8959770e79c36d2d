//! PostgreSQL: frames and logins by `postgres-protocol`; a session that may only read.

use super::{Trouble, Visit, wire::Wire};
use crate::consult::{Refusal, Table};
use bytes::BytesMut;
use fallible_iterator::FallibleIterator;
use postgres_protocol::{
    authentication::{
        md5_hash,
        sasl::{ChannelBinding, SCRAM_SHA_256, ScramSha256},
    },
    message::{
        backend::{DataRowBody, ErrorFields, Message, RowDescriptionBody},
        frontend,
    },
};
use std::io;

/// Sessions of other roles show no statement to an account without `pg_read_all_stats`.
const QUESTIONS: &[(&str, &str)] = &[
    (
        "variables",
        "SELECT name, setting FROM pg_settings WHERE name IN ('max_connections', 'superuser_reserved_connections', \
         'data_directory', 'transaction_read_only') UNION ALL SELECT 'connections', count(*)::text FROM \
         pg_stat_activity WHERE backend_type = 'client backend' OR backend_type IS NULL",
    ),
    (
        "processes",
        "SELECT pid AS id, usename AS user, client_port, datname AS db, state, wait_event_type AS waits, \
         extract(epoch FROM now() - coalesce(query_start, backend_start))::int AS time, \
         array_to_string(pg_blocking_pids(pid), ' ') AS blocked_by, query AS info FROM pg_stat_activity \
         WHERE pid <> pg_backend_pid() AND datname = current_database() ORDER BY query_start LIMIT 200",
    ),
];

pub(super) fn ask(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    // as libpq does by default: TLS where the server has it, which over a unix socket it has not
    wire.say(&built(|buf| {
        frontend::ssl_request(buf);
        Ok(())
    })?)?;
    match wire.exactly(1)?.as_slice() {
        b"S" => wire.upgrade()?,
        b"N" => {}
        // too full, or too old, to say that politely
        b"E" => return Err(Trouble::unclear("it answers with an error before the login")),
        _ => return Err(Trouble::unclear("it does not answer as PostgreSQL does")),
    }
    if visit.only_greets() {
        return Ok(());
    }
    log_in(wire, visit)?;
    visit.admitted();
    for (about, statement) in QUESTIONS {
        match query(wire, about, statement) {
            Ok(table) => visit.tell(table),
            Err(Trouble::Refused(refusal)) => visit.tell_refused(about, refusal),
            Err(other) => return Err(other),
        }
    }
    wire.say(&built(|buf| {
        frontend::terminate(buf);
        Ok(())
    })?)
}

fn log_in(wire: &mut Wire, visit: &mut Visit<'_>) -> Result<(), Trouble> {
    let database = if visit.database.is_empty() {
        visit.user
    } else {
        visit.database
    };
    let parameters = [
        ("user", visit.user),
        ("database", database),
        ("application_name", "why502"),
        (
            "options",
            "-c default_transaction_read_only=on -c statement_timeout=1000",
        ),
    ];
    wire.say(&built(|buf| frontend::startup_message(parameters, buf))?)?;
    let (user, password) = (visit.user.as_bytes(), visit.password.as_bytes());
    let mut scram = None;
    loop {
        let answer = match hear(wire)? {
            Message::AuthenticationOk => None,
            Message::AuthenticationCleartextPassword if wire.is_secured() || visit.is_local => {
                Some(built(|buf| frontend::password_message(password, buf))?)
            }
            Message::AuthenticationMd5Password(body) => {
                let hash = md5_hash(user, password, body.salt());
                Some(built(|buf| frontend::password_message(hash.as_bytes(), buf))?)
            }
            Message::AuthenticationSasl(_) => {
                let begun = scram.insert(ScramSha256::new(password, ChannelBinding::unsupported()));
                Some(built(|buf| {
                    frontend::sasl_initial_response(SCRAM_SHA_256, begun.message(), buf)
                })?)
            }
            Message::AuthenticationSaslContinue(body) => {
                let begun = scram.as_mut().ok_or_else(out_of_turn)?;
                begun.update(body.data()).map_err(unreadable)?;
                Some(built(|buf| frontend::sasl_response(begun.message(), buf))?)
            }
            Message::AuthenticationSaslFinal(body) => {
                let begun = scram.as_mut().ok_or_else(out_of_turn)?;
                begun.finish(body.data()).map_err(unreadable)?;
                None
            }
            Message::ParameterStatus(body) => {
                if body.name().is_ok_and(|name| name == "server_version") {
                    visit.heard.server = body.value().ok().map(str::to_owned);
                }
                None
            }
            Message::ReadyForQuery(_) => return Ok(()),
            Message::BackendKeyData(_) | Message::NoticeResponse(_) => None,
            _ => return Err(Trouble::unclear("its login method is not spoken here")),
        };
        if let Some(answer) = answer {
            wire.say(&answer)?;
        }
    }
}

fn query(wire: &mut Wire, about: &str, statement: &str) -> Result<Table, Trouble> {
    wire.say(&built(|buf| frontend::query(statement, buf))?)?;
    let mut table = Table {
        about: about.to_owned(),
        columns: Vec::new(),
        rows: Vec::new(),
        error: None,
    };
    let mut refused = None;
    loop {
        match hear(wire) {
            Ok(Message::RowDescription(body)) => table.columns = columns(&body)?,
            Ok(Message::DataRow(body)) => table.rows.push(row(&body)?),
            Ok(Message::ReadyForQuery(_)) => break,
            Ok(_) => {}
            Err(Trouble::Refused(refusal)) => refused = Some(refusal),
            Err(other) => return Err(other),
        }
    }
    refused.map_or(Ok(table), |refusal| Err(Trouble::Refused(refusal)))
}

fn columns(body: &RowDescriptionBody) -> Result<Vec<String>, Trouble> {
    let names = body.fields().map(|field| Ok(field.name().to_owned()));
    names.collect().map_err(unreadable)
}

fn row(body: &DataRowBody) -> Result<Vec<String>, Trouble> {
    let cells = body.ranges().map(|range| {
        let bytes = range
            .and_then(|range| body.buffer().get(range))
            .unwrap_or_default();
        Ok(String::from_utf8_lossy(bytes).into_owned())
    });
    cells.collect().map_err(unreadable)
}

/// One message; an error of the server is a refusal.
fn hear(wire: &mut Wire) -> Result<Message, Trouble> {
    let mut frame = wire.exactly(5)?;
    let length = u32::from_be_bytes([frame[1], frame[2], frame[3], frame[4]]);
    let body = usize::try_from(length).unwrap_or(usize::MAX).checked_sub(4);
    let body = body.ok_or_else(|| Trouble::unclear("a message without length"))?;
    frame.extend(wire.exactly(body)?);
    let message = Message::parse(&mut BytesMut::from(frame.as_slice())).map_err(unreadable)?;
    match message {
        Some(Message::ErrorResponse(body)) => Err(Trouble::Refused(refusal(body.fields()))),
        Some(message) => Ok(message),
        None => Err(Trouble::unclear("a message cut short")),
    }
}

fn refusal(mut fields: ErrorFields<'_>) -> Refusal {
    let (mut code, mut text) = (String::new(), String::new());
    while let Ok(Some(field)) = fields.next() {
        let value = String::from_utf8_lossy(field.value_bytes());
        match field.type_() {
            b'C' => code = value.chars().take(5).collect(),
            b'M' => text = value.chars().take(super::MAX_CELL).collect(),
            _ => {}
        }
    }
    Refusal { code, text }
}

fn built(write: impl FnOnce(&mut BytesMut) -> io::Result<()>) -> Result<BytesMut, Trouble> {
    let mut buf = BytesMut::new();
    write(&mut buf).map_err(unreadable)?;
    Ok(buf)
}

fn unreadable(error: io::Error) -> Trouble {
    Trouble::Unclear(error.to_string())
}

fn out_of_turn() -> Trouble {
    Trouble::unclear("a login out of turn")
}
