//! Calling a backend as nginx would: connect, say one harmless thing, hear the first bytes of the answer.

mod fastcgi;
mod greeting;
mod h2;
mod http;
pub(super) mod line;
pub(super) mod tls;
mod visit;

use super::enter;
use crate::{
    Endpoint, Look, Stance, Talk,
    answer::{Bytes, Connect, Conversation, End, TlsSight},
};
use greeting::Greeting;
pub(super) use http::split as split_head;
use line::{Ear, Line, Turn};
use std::time::{Duration, Instant};
pub(super) use visit::call as visit;

/// How long connecting may take. Less than the look's deadline, so that the answer comes back in time.
pub(super) const TO_CONNECT: Duration = Duration::from_millis(1000);
/// The part of the deadline that is kept for the way back.
const MARGIN: Duration = Duration::from_millis(150);
/// How long a handshake may take: a server that does not speak TLS may wait for more for ever.
const TO_SHAKE: Duration = Duration::from_millis(700);
/// Most that is heard.
const MAX_HEARD: usize = 64 << 10;

/// Takes on the stance for good, connects, talks.
pub(super) fn call(to: &Endpoint, stance: &Stance, talk: &Talk, deadline: Duration) -> Look<Conversation> {
    let greeting = Greeting::of(talk)?;
    enter::stance(stance)?;
    let start = Instant::now();
    let (connect, line) = Line::open(to, start + TO_CONNECT);
    let connected = Instant::now();
    let until = (start + deadline).checked_sub(MARGIN).unwrap_or(connected);
    let talked = line
        .map(|line| talk_over(line, talk, &greeting, until))
        .unwrap_or_default();
    Ok(conversation(connect, start, connected, talked))
}

fn conversation(connect: Connect, start: Instant, connected: Instant, talked: Talked) -> Conversation {
    Conversation {
        connect,
        connect_us: u64::try_from((connected - start).as_micros()).unwrap_or(u64::MAX),
        heard: Bytes(talked.heard),
        end: talked.end.unwrap_or(End::NotAsked),
        first_byte_ms: talked
            .first_byte
            .map(|at| u64::try_from((at - connected).as_millis()).unwrap_or(u64::MAX)),
        tls: talked.tls,
    }
}

#[derive(Default)]
pub(super) struct Talked {
    heard: Vec<u8>,
    end: Option<End>,
    first_byte: Option<Instant>,
    pub(super) tls: Option<TlsSight>,
}

fn talk_over(mut line: Line, talk: &Talk, greeting: &Greeting, until: Instant) -> Talked {
    match talk {
        Talk::Nothing => Talked::default(),
        Talk::Tls { sni } => {
            let until = until.min(Instant::now() + TO_SHAKE);
            tls::handshake(line, sni.as_deref(), until).0
        }
        Talk::Http { tls: Some(name), .. } | Talk::Upgrade { tls: Some(name), .. } => {
            match tls::handshake(line, Some(name), until) {
                (seen, Some(mut line)) => Talked {
                    tls: seen.tls,
                    ..hear(&mut line, greeting, until)
                },
                (seen, None) => seen,
            }
        }
        _ => hear(&mut line, greeting, until),
    }
}

/// Says the greeting, hears the answer. That the peer would not take all we said is no reason not to hear it out.
fn hear(ear: &mut impl Ear, greeting: &Greeting, until: Instant) -> Talked {
    let mut talked = Talked::default();
    let said = ear.say(&greeting.says, until);
    let first_until = greeting
        .patience
        .map_or(until, |patience| until.min(Instant::now() + patience));
    let end = loop {
        let until = if talked.heard.is_empty() {
            first_until
        } else {
            until
        };
        match ear.hear(&mut talked.heard, until) {
            Turn::Heard => {
                talked.first_byte.get_or_insert_with(Instant::now);
                if talked.heard.len() >= MAX_HEARD || (greeting.enough)(&talked.heard) {
                    break End::Enough;
                }
            }
            Turn::Over(end) => break end,
        }
    };
    talked.heard.truncate(MAX_HEARD);
    // a reset that hit our writing has been eaten there, and looks like an orderly end here
    talked.end = Some(if said.is_err() && end == End::Closed {
        End::Reset
    } else {
        end
    });
    talked
}
