//! Options of `ticket`.

use super::{Redaction, Scope, State};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};
use std::path::PathBuf;

/// Options of `ticket`.
#[derive(Args, Clone, Debug)]
pub struct Ticket {
    /// Who is asked; without, who can do something about the cause
    #[arg(long, value_enum)]
    pub to: Option<Whom>,
    /// What is looked at.
    #[command(flatten)]
    pub scope: Scope,
    /// Write it about a bundle instead of this host
    #[arg(long, value_name = "FILE")]
    pub bundle: Option<PathBuf>,
    /// Write it about a recording instead of this host
    #[arg(long, value_name = "FILE", conflicts_with = "bundle")]
    pub recorded: Option<PathBuf>,
    /// How it is printed
    #[arg(long, value_enum, default_value_t = TicketFormat::Text)]
    pub format: TicketFormat,
    /// What is taken out.
    #[command(flatten)]
    pub redaction: Redaction,
    /// Where it is sent.
    #[command(flatten)]
    pub send: Send,
    /// Where fixes are written down.
    #[command(flatten)]
    pub state: State,
}

/// Where a ticket is sent. What is not given here is read from the file of settings.
#[derive(Args, Clone, Debug)]
pub struct Send {
    /// Send it by mail through this server (host or host:port)
    #[arg(long, value_name = "SERVER")]
    pub smtp: Option<String>,
    /// How the mail server is spoken to
    #[arg(long, value_enum, value_name = "HOW")]
    pub smtp_tls: Option<SmtpTls>,
    /// Log in there as this user
    #[arg(long, value_name = "USER")]
    pub smtp_user: Option<String>,
    /// The password of that user stands in this file; else in WHY502_SMTP_PASSWORD
    #[arg(long, value_name = "FILE")]
    pub smtp_password_file: Option<PathBuf>,
    /// Sender of the mail
    #[arg(long, value_name = "ADDRESS")]
    pub mail_from: Option<String>,
    /// Receiver of the mail; may be given again
    #[arg(long, value_name = "ADDRESS")]
    pub mail_to: Vec<String>,
    /// POST it as JSON to this URL; a URL that is secret goes into WHY502_WEBHOOK_URL or the settings
    #[arg(long, value_name = "URL")]
    pub webhook: Option<String>,
    /// A bearer token for it stands in this file; else in WHY502_WEBHOOK_TOKEN
    #[arg(long, value_name = "FILE")]
    pub webhook_token_file: Option<PathBuf>,
    /// Settings; /etc/why502/ticket.toml without, where that is there
    #[arg(long, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Send without asking
    #[arg(long)]
    pub yes: bool,
}

/// Who is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Whom {
    /// Whoever runs the machine, its storage and its network
    Host,
    /// Whoever runs a service that the site depends on
    Vendor,
    /// Whoever writes the application
    Developer,
}

/// How a mail server is spoken to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum SmtpTls {
    /// Begins in the clear, then STARTTLS or nothing; port 587
    #[default]
    Starttls,
    /// TLS from the first byte; port 465
    Tls,
    /// In the clear, never with a password unless on this host; port 25
    None,
}

/// How a ticket is printed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum TicketFormat {
    /// Plain text
    Text,
    /// For desks that draw it
    Markdown,
    /// For machines: schema why502/ticket/1, what a webhook gets
    Json,
}
