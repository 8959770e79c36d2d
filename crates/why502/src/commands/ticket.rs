//! `why502 ticket`: what a support desk has to know, and is asked.

use super::{bundle, diagnose, redact, site};
use crate::{
    ask,
    cli::{self, TicketFormat},
    exit::Exit,
    report::{
        self,
        ticket::{Ticket, Tried},
    },
    screen::safe,
    send::{self, Delivery, Letter},
};
use ::bundle::Part;
use anyhow::Context;
use host::{live::Live, memory::Memory, recorded};
use serde::Deserialize;
use std::{io::Write, time::Instant};

/// `why502/history/1`, as far as a ticket tells it.
#[derive(Deserialize)]
struct History {
    fixes: Vec<Tried>,
}

/// Runs the command.
pub fn run(options: &cli::Ticket) -> anyhow::Result<Exit> {
    let settings = send::settings::read(&options.send)?;
    let Some(ticket) = written(options, settings.to)? else {
        writeln!(
            anstream::stdout(),
            "Nothing fails on this host and nothing failed in the time looked at: there is nothing to ask for."
        )?;
        return Ok(Exit::Good);
    };
    let json = report::json::page(&ticket)? + "\n";
    let page = match options.format {
        TicketFormat::Text => ticket.text.clone(),
        TicketFormat::Markdown => report::ticket::markdown(&ticket),
        TicketFormat::Json => json.clone(),
    };
    let letter = Letter {
        host: &ticket.host,
        subject: &ticket.subject,
        text: &ticket.text,
        json: json.into_bytes(),
    };
    let deliveries = send::deliveries(&settings, letter)?;
    anstream::stdout().write_all(page.as_bytes())?;
    deliver(deliveries, options)
}

/// The ticket as it may leave the host; `None` where there is nothing to write about.
fn written(options: &cli::Ticket, to: Option<cli::Whom>) -> anyhow::Result<Option<Ticket>> {
    let mut redactor = redact::redactor(&options.redaction)?;
    let (looks, verdict, frame, tried) = seen(options)?;
    let ticket = report::ticket::of(&verdict, &frame, &tried, options.to.or(to));
    let Some(ticket) = ticket else { return Ok(None) };
    redactor.keep_addresses_of(&looks);
    let clean = redactor.value(serde_json::to_value(ticket)?);
    let mut ticket: Ticket = serde_json::from_value(clean)?;
    ticket.text = report::ticket::text(&ticket);
    Ok(Some(ticket))
}

type Seen = (Memory, ::diagnose::Verdict, report::json::Frame, Vec<Tried>);

#[expect(clippy::disallowed_methods, reason = "how long we took is no look at a host")]
fn seen(options: &cli::Ticket) -> anyhow::Result<Seen> {
    let started = Instant::now();
    let (looks, history) = match (&options.bundle, &options.recorded) {
        (Some(file), _) => {
            let bundle = bundle::read(file)?;
            let looks = bundle::looks(&bundle, file)?;
            let history = bundle.part(Part::History).map(<[u8]>::to_vec);
            (looks, history)
        }
        (None, Some(file)) => (diagnose::replay(file)?, None),
        (None, None) => {
            let live = Live::new();
            let recorder = recorded::Recorder::new(&live);
            let (diagnosis, frame) = diagnose::look(&recorder, &options.scope, Some(&options.state), started);
            site::exists(&diagnosis.world, options.scope.site.as_deref())?;
            let tried = tried(&bundle::history(Some(&options.state))?)?;
            return Ok((recorder.memory(), diagnosis.verdict, frame, tried));
        }
    };
    let (diagnosis, frame) = diagnose::look(&looks, &options.scope, None, started);
    site::exists(&diagnosis.world, options.scope.site.as_deref())?;
    let tried = history.map_or_else(|| Ok(Vec::new()), |history| tried(&history))?;
    Ok((looks, diagnosis.verdict, frame, tried))
}

/// Newest first.
fn tried(history: &[u8]) -> anyhow::Result<Vec<Tried>> {
    let history: History = serde_json::from_slice(history).context("the history of fixes")?;
    let mut fixes = history.fixes;
    fixes.sort_by(|one, other| other.at.cmp(&one.at));
    Ok(fixes)
}

fn deliver(deliveries: Vec<Delivery>, options: &cli::Ticket) -> anyhow::Result<Exit> {
    for delivery in deliveries {
        let to = safe(&delivery.to);
        if options.send.yes || ask::is_somebody_there() && ask::agrees(&format!("\nSend this to {to}?"))? {
            delivery.go()?;
            writeln!(anstream::stderr(), "Sent to {to}.")?;
        } else {
            writeln!(anstream::stderr(), "Not sent to {to}; --yes sends it.")?;
        }
    }
    Ok(Exit::Good)
}
