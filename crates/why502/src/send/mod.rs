//! What leaves this host on somebody's word: a ticket, by mail or to a webhook. Everything is checked before it is asked
//! about, and nothing that a server does holds the program up for ever.

mod mail;
pub mod settings;
mod webhook;

use anyhow::{Context, ensure};
use rustls_native_certs::load_native_certs;
use settings::Settings;
use std::{sync::mpsc, thread, time::Duration};

/// For one delivery from its begin to its end: a server can answer slowly, and again, and again.
const PATIENCE: Duration = Duration::from_secs(40);

/// What is sent.
pub struct Letter<'a> {
    /// Name of this host.
    pub host: &'a str,
    /// In one line.
    pub subject: &'a str,
    /// As a mail has it.
    pub text: &'a str,
    /// As a webhook gets it.
    pub json: Vec<u8>,
}

/// A delivery that waits for a yes.
pub struct Delivery {
    /// Where it goes, for people.
    pub to: String,
    send: Box<dyn FnOnce() -> anyhow::Result<()> + Send>,
}

/// Each way that is set.
pub fn deliveries(settings: &Settings, letter: Letter<'_>) -> anyhow::Result<Vec<Delivery>> {
    let mut all = Vec::new();
    if let Some(smtp) = &settings.smtp {
        let mail = mail::ready(smtp, letter.host, letter.subject, letter.text)?;
        all.push(Delivery {
            to: mail::whereto(smtp),
            send: Box::new(move || mail.send()),
        });
    }
    if let Some(webhook) = &settings.webhook {
        let post = webhook::ready(webhook, letter.json)?;
        all.push(Delivery {
            to: post.whereto(),
            send: Box::new(move || post.send()),
        });
    }
    Ok(all)
}

impl Delivery {
    /// Sends it.
    pub fn go(self) -> anyhow::Result<()> {
        let (tell, told) = mpsc::channel();
        let send = self.send;
        thread::Builder::new().spawn(move || tell.send(send()))?;
        let sent = told.recv_timeout(PATIENCE).with_context(|| {
            format!(
                "nothing more heard for {} s; it may have arrived",
                PATIENCE.as_secs()
            )
        });
        sent.flatten().with_context(|| format!("not sent to {}", self.to))
    }
}

/// Whom this host trusts, DER.
fn trusted() -> anyhow::Result<Vec<Vec<u8>>> {
    let found = load_native_certs();
    ensure!(
        !found.certs.is_empty(),
        "this host trusts no certificate authority; apt-get install ca-certificates"
    );
    Ok(found.certs.iter().map(|it| it.to_vec()).collect())
}
