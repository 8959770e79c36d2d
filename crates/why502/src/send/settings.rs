//! Where tickets go: what the command line says, else what the file of settings says. Secrets come from files of their own
//! or from the environment, never from the command line, which every user of a host can read.

use crate::{
    cli::{self, SmtpTls, Whom},
    commands::bundle,
};
use anyhow::{Context, bail, ensure};
use serde::Deserialize;
use std::{
    io::ErrorKind,
    path::{Path, PathBuf},
};

/// Where the settings are.
const FILE: &str = "/etc/why502/ticket.toml";
/// A secret that is longer, bytes, is none.
const SECRET: usize = 4 << 10;

/// The file of settings.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Settings {
    /// Who is asked.
    pub to: Option<Whom>,
    /// By mail.
    pub smtp: Option<Smtp>,
    /// To a webhook.
    pub webhook: Option<Webhook>,
}

/// A mail server and who writes to whom.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Smtp {
    /// `host` or `host:port`.
    pub server: String,
    /// How it is spoken to.
    #[serde(default)]
    pub tls: SmtpTls,
    /// Sender.
    pub from: Option<String>,
    /// Receivers.
    #[serde(default)]
    pub to: Vec<String>,
    /// Who logs in.
    pub user: Option<String>,
    /// Where the password stands.
    pub password_file: Option<PathBuf>,
}

/// A URL that takes a JSON document.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Webhook {
    /// The URL.
    pub url: Option<String>,
    /// Where it stands, if it is secret.
    pub url_file: Option<PathBuf>,
    /// Where a bearer token stands.
    pub token_file: Option<PathBuf>,
}

/// What is given on the command line stands above what the file says.
pub fn read(options: &cli::Send) -> anyhow::Result<Settings> {
    let mut settings = file(options.config.as_deref())?;
    if let Some(server) = &options.smtp {
        settings.smtp.get_or_insert_default().server.clone_from(server);
    }
    if let Some(smtp) = &mut settings.smtp {
        smtp.tls = options.smtp_tls.unwrap_or(smtp.tls);
        over(&mut smtp.from, &options.mail_from);
        over(&mut smtp.user, &options.smtp_user);
        over(&mut smtp.password_file, &options.smtp_password_file);
        if !options.mail_to.is_empty() {
            smtp.to.clone_from(&options.mail_to);
        }
        ensure!(
            !smtp.to.is_empty(),
            "nobody to write to: --mail-to ADDRESS, or to = [\"…\"] under [smtp] in {FILE}"
        );
    } else {
        ensure!(
            options.mail_to.is_empty(),
            "no server to send the mail through: --smtp SERVER"
        );
    }
    let url = options.webhook.clone().or_else(|| variable("WHY502_WEBHOOK_URL"));
    if url.is_some() {
        let webhook = settings.webhook.get_or_insert_default();
        (webhook.url, webhook.url_file) = (url, None);
    }
    if let Some(webhook) = &mut settings.webhook {
        over(&mut webhook.token_file, &options.webhook_token_file);
    }
    Ok(settings)
}

fn over<T: Clone>(setting: &mut Option<T>, option: &Option<T>) {
    if option.is_some() {
        setting.clone_from(option);
    }
}

fn file(named: Option<&Path>) -> anyhow::Result<Settings> {
    let path = named.unwrap_or(Path::new(FILE));
    let bytes = match bundle::bytes(path) {
        Ok(bytes) => bytes,
        Err(error) if named.is_none() && is_missing(&error) => return Ok(Settings::default()),
        Err(error) => return Err(error),
    };
    let text = String::from_utf8(bytes).with_context(|| format!("{}: no UTF-8", path.display()))?;
    toml::from_str(&text).map_err(|error| {
        let before = error
            .span()
            .and_then(|span| text.get(..span.start))
            .unwrap_or_default();
        let line = before.matches('\n').count() + 1;
        anyhow::anyhow!("{}:{line}: {}", path.display(), error.message())
    })
}

/// Without rights to look there, nothing is set for whoever asks.
fn is_missing(error: &anyhow::Error) -> bool {
    let io = error.downcast_ref::<std::io::Error>();
    io.is_some_and(|it| matches!(it.kind(), ErrorKind::NotFound | ErrorKind::PermissionDenied))
}

/// The one line of a file that only its owner and group may read.
pub fn secret(file: &Path) -> anyhow::Result<String> {
    let mode = rustix::fs::stat(file)
        .with_context(|| format!("reading {}", file.display()))?
        .st_mode;
    if mode & 0o007 != 0 {
        let quoted = crate::commands::diagnose::quoted(file);
        bail!(
            "{}: every user may read this secret; first: chmod 600 {quoted}",
            file.display()
        );
    }
    let bytes = bundle::bytes(file)?;
    let text = String::from_utf8(bytes).with_context(|| format!("{}: no UTF-8", file.display()))?;
    let text = text.trim_end_matches(['\r', '\n']);
    let fits = !text.is_empty() && text.len() <= SECRET && !text.contains(char::is_control);
    ensure!(fits, "{}: not one line with one secret", file.display());
    Ok(text.to_owned())
}

/// A setting of the environment.
#[expect(clippy::disallowed_methods, reason = "a secret of ours, not a look at a host")]
pub fn variable(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|it| !it.is_empty())
}
