//! A ticket to a webhook: one POST of one JSON document.

use super::{
    mail::is_here,
    settings::{self, Webhook},
    trusted,
};
use anyhow::{Context, bail, ensure};
use std::{sync::Arc, time::Duration};
use ureq::{
    Agent,
    http::Uri,
    tls::{Certificate, RootCerts, TlsConfig, TlsProvider},
};

/// For all of it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A POST that is ready to go.
pub struct Post {
    agent: Agent,
    url: Uri,
    token: Option<String>,
    body: Vec<u8>,
}

/// All but the sending.
pub fn ready(webhook: &Webhook, body: Vec<u8>) -> anyhow::Result<Post> {
    let url = match (&webhook.url, &webhook.url_file) {
        (Some(url), _) => url.clone(),
        (None, Some(file)) => settings::secret(file)?,
        (None, None) => bail!("[webhook] has neither url nor url_file"),
    };
    // the URL may be the secret: never repeated
    let url: Uri = url
        .parse()
        .map_err(|_| anyhow::anyhow!("the webhook's URL is none"))?;
    let host = url.host().context("the webhook's URL names no host")?;
    ensure!(
        url.authority().is_none_or(|it| !it.as_str().contains('@')),
        "the webhook's URL has a login in it; a token goes into --webhook-token-file"
    );
    match url.scheme_str() {
        Some("https") => {}
        Some("http") if is_here(host) => {}
        _ => bail!("{host}: a ticket goes out by https:// only"),
    }
    let token = match &webhook.token_file {
        Some(file) => Some(settings::secret(file)?),
        None => settings::variable("WHY502_WEBHOOK_TOKEN"),
    };
    let certificates = trusted()?
        .into_iter()
        .map(|it| Certificate::from_der(&it).to_owned());
    let tls = TlsConfig::builder()
        .provider(TlsProvider::Rustls)
        .root_certs(RootCerts::Specific(Arc::new(certificates.collect())))
        .build();
    let agent = Agent::config_builder()
        .timeout_global(Some(PATIENCE))
        // a redirect would carry token and ticket to somebody else
        .max_redirects(0)
        .http_status_as_error(false)
        .user_agent(concat!("why502/", env!("CARGO_PKG_VERSION")))
        .tls_config(tls)
        .build()
        .into();
    Ok(Post {
        agent,
        url,
        token,
        body,
    })
}

impl Post {
    /// Where it goes, for people: what follows the host may be secret.
    pub fn whereto(&self) -> String {
        format!("the webhook at {}", self.url.host().unwrap_or_default())
    }

    /// Sends it; anything but a 2xx is an error.
    pub fn send(&self) -> anyhow::Result<()> {
        let mut request = self
            .agent
            .post(&self.url)
            .header("content-type", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let answer = request.send(self.body.as_slice())?;
        let status = answer.status();
        ensure!(status.is_success(), "it answered {}", status.as_u16());
        Ok(())
    }
}
