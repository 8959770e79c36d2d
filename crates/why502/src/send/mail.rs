//! A ticket by mail.

use super::{
    settings::{self, Smtp},
    trusted,
};
use crate::cli::SmtpTls;
use anyhow::{Context, bail, ensure};
use lettre::{
    Message, SmtpTransport, Transport,
    message::{Mailbox, SinglePart},
    transport::smtp::{
        authentication::Credentials,
        client::{CertificateStore, Tls, TlsParameters},
    },
};
use std::{error::Error, net::IpAddr, time::Duration};

/// For one answer of the server.
const PATIENCE: Duration = Duration::from_secs(10);
/// A subject that is longer, characters, is cut.
const SUBJECT: usize = 160;

/// A mail that is ready to go.
pub struct Mail {
    transport: SmtpTransport,
    message: Message,
}

/// Where it goes, for people.
pub fn whereto(smtp: &Smtp) -> String {
    let how = match smtp.tls {
        SmtpTls::Starttls | SmtpTls::Tls => "TLS",
        SmtpTls::None => "no encryption",
    };
    format!("{} through {} ({how})", smtp.to.join(", "), smtp.server)
}

/// All but the sending: what is set wrongly is said before anybody is asked.
pub fn ready(smtp: &Smtp, host: &str, subject: &str, text: &str) -> anyhow::Result<Mail> {
    let (server, port) = place(smtp)?;
    let address = |text: &str| {
        text.parse::<Mailbox>()
            .with_context(|| format!("{text}: no mail address"))
    };
    let from = match &smtp.from {
        Some(from) => address(from)?,
        None => address(&format!("why502@{host}"))
            .context("who writes? --mail-from ADDRESS, or from = \"…\" under [smtp] in the settings")?,
    };
    // one line, without what a header could be broken with
    let subject = crate::screen::brief(subject, SUBJECT);
    let mut message = Message::builder().from(from).subject(subject).date_now();
    for to in &smtp.to {
        message = message.to(address(to)?);
    }
    let message = message
        .header(AutoSubmitted)
        .singlepart(SinglePart::plain(text.to_owned()))
        .context("writing the mail")?;
    let mut transport = SmtpTransport::builder_dangerous(server.as_str())
        .port(port)
        .tls(encryption(smtp.tls, &server)?)
        .timeout(Some(PATIENCE));
    if let Some(user) = &smtp.user {
        ensure!(
            smtp.tls != SmtpTls::None || is_here(&server),
            "{server}: a password is not sent without encryption"
        );
        transport = transport.credentials(Credentials::new(user.clone(), password(smtp)?));
    }
    let transport = transport.build();
    Ok(Mail { transport, message })
}

impl Mail {
    /// Sends it: all receivers, or an error that says what the server said.
    pub fn send(&self) -> anyhow::Result<()> {
        match self.transport.send(&self.message) {
            Err(error) if error.is_timeout() || is_silence(&error) => {
                bail!("the server was silent for {} s", PATIENCE.as_secs())
            }
            Err(error) => Err(error.into()),
            Ok(_) => Ok(()),
        }
    }
}

/// A read that waited too long ends so.
fn is_silence(error: &dyn Error) -> bool {
    let io = error.source().and_then(|it| it.downcast_ref::<std::io::Error>());
    io.is_some_and(|it| it.kind() == std::io::ErrorKind::WouldBlock)
}

fn password(smtp: &Smtp) -> anyhow::Result<String> {
    match (&smtp.password_file, settings::variable("WHY502_SMTP_PASSWORD")) {
        (Some(file), _) => settings::secret(file),
        (None, Some(password)) => Ok(password),
        (None, None) => bail!(
            "the password of {} is missing: --smtp-password-file FILE, or WHY502_SMTP_PASSWORD",
            smtp.user.as_deref().unwrap_or_default()
        ),
    }
}

fn encryption(how: SmtpTls, server: &str) -> anyhow::Result<Tls> {
    if how == SmtpTls::None {
        return Ok(Tls::None);
    }
    let mut parameters = TlsParameters::builder(server.to_owned()).certificate_store(CertificateStore::None);
    for certificate in trusted()? {
        let certificate = lettre::transport::smtp::client::Certificate::from_der(certificate)?;
        parameters = parameters.add_root_certificate(certificate);
    }
    let parameters = parameters.build_rustls().context("setting TLS up")?;
    Ok(match how {
        SmtpTls::Tls => Tls::Wrapper(parameters),
        _ => Tls::Required(parameters),
    })
}

/// `mail.example`, `mail.example:587`, `[::1]:25`.
fn place(smtp: &Smtp) -> anyhow::Result<(String, u16)> {
    let usual = match smtp.tls {
        SmtpTls::Starttls => 587,
        SmtpTls::Tls => 465,
        SmtpTls::None => 25,
    };
    let bad = || format!("{}: no mail server, as in mail.example:587", smtp.server);
    let (host, port) = match smtp.server.rsplit_once(':') {
        Some((host, port)) if !host.contains(':') || host.ends_with(']') => {
            (host, port.parse().with_context(bad)?)
        }
        _ => (smtp.server.as_str(), usual),
    };
    let host = host.trim_start_matches('[').trim_end_matches(']');
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | ':' | '_');
    ensure!(!host.is_empty() && host.chars().all(plain), bad());
    Ok((host.to_owned(), port))
}

/// The server is on this host.
pub fn is_here(server: &str) -> bool {
    let address: Result<IpAddr, _> = server.trim_matches(['[', ']']).parse();
    server == "localhost" || address.is_ok_and(|it| it.is_loopback())
}

/// No out-of-office answers to a machine (RFC 3834).
#[derive(Clone)]
struct AutoSubmitted;

impl lettre::message::header::Header for AutoSubmitted {
    fn name() -> lettre::message::header::HeaderName {
        lettre::message::header::HeaderName::new_from_ascii_str("Auto-Submitted")
    }

    fn parse(_: &str) -> Result<Self, Box<dyn Error + Send + Sync>> {
        Ok(Self)
    }

    fn display(&self) -> lettre::message::header::HeaderValue {
        lettre::message::header::HeaderValue::new(Self::name(), "auto-generated".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(server: &str) -> Option<(String, u16)> {
        place(&Smtp {
            server: server.to_owned(),
            ..Smtp::default()
        })
        .ok()
    }

    #[test]
    fn servers() {
        assert_eq!(at("mail.example"), Some(("mail.example".into(), 587)));
        assert_eq!(at("mail.example:25"), Some(("mail.example".into(), 25)));
        assert_eq!(at("[::1]:25"), Some(("::1".into(), 25)));
        assert_eq!(at("::1"), Some(("::1".into(), 587)));
        for bad in ["", ":25", "a b", "mail.example:x", "mail\r\n.example", "a/b"] {
            assert_eq!(at(bad), None, "{bad}");
        }
        assert!(is_here("localhost") && is_here("127.0.0.9") && is_here("::1") && !is_here("mail.example"));
    }
}
