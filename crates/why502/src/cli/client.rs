//! Options of `client`.

use super::{
    State,
    parse::{duration, host_name, page, whole},
};
use clap::{Args, Subcommand};
use diagnose::Whole;
use remedy::Page;
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// What is done to a visitor's machine.
#[derive(Clone, Debug, Subcommand)]
pub enum Client {
    /// Have your browsers forget one site: cookies, cached answers, databases, service workers
    ///
    /// In every profile of Firefox and Chromium of whoever runs it, no root needed. A browser that runs is left alone.
    /// What is taken out is kept, readable by you only, until `why502 undo` puts it back or 30 days are over.
    Clear(ClientClear),
    /// Ask other name servers, and forget what caches of names keep
    ///
    /// The change is made in the tool that owns /etc/resolv.conf (systemd-resolved, NetworkManager, resolvconf,
    /// openresolv, or the file itself), as a plan: shown, asked about, written down, proved by resolving the name, else taken back.
    Dns(ClientDns),
    /// Set the connection up anew, and forget what the kernel learnt of it
    ///
    /// By the tool that owns the interface (systemd-networkd, NetworkManager, ifupdown). When the gateway does not answer
    /// in time, or the URL no better than before, the interface gets back what it had.
    Reset(ClientReset),
}

/// Whether it is done, and where that is written down.
#[derive(Args, Clone, Debug)]
pub struct Agreement {
    /// Only print the plan
    #[arg(long, conflicts_with = "yes")]
    pub plan: bool,
    /// Do what is printed without asking
    #[arg(long)]
    pub yes: bool,
    /// For machines: schema why502/repair/1
    #[arg(long)]
    pub json: bool,
    /// Where it is written down.
    #[command(flatten)]
    pub state: State,
}

/// Options of `client clear`.
#[derive(Args, Clone, Debug)]
pub struct ClientClear {
    /// A page of the site
    #[arg(value_name = "URL", value_parser = page)]
    pub url: Page,
    /// Only the profile in this directory
    #[arg(long, value_name = "DIR")]
    pub profile: Option<PathBuf>,
    /// This of ALL sites: cache, local-storage, service-workers (the last two of Chromium)
    #[arg(long, value_name = "WHAT", num_args = 1.., value_delimiter = ',', value_parser = whole)]
    pub also: Vec<Whole>,
    /// Whether and how.
    #[command(flatten)]
    pub agreement: Agreement,
}

/// Options of `client dns`.
#[derive(Args, Clone, Debug)]
pub struct ClientDns {
    /// The name that must be found afterwards
    #[arg(value_name = "NAME", value_parser = host_name)]
    pub name: String,
    /// Ask this name server from now on; up to three, the best first. Without it only the caches are emptied
    #[arg(long, value_name = "ADDRESS", num_args = 1.., value_delimiter = ',')]
    pub server: Vec<IpAddr>,
    /// Whether and how.
    #[command(flatten)]
    pub agreement: Agreement,
}

/// Options of `client reset`.
#[derive(Args, Clone, Debug)]
pub struct ClientReset {
    /// The page that must be answered better afterwards
    #[arg(value_name = "URL", value_parser = page)]
    pub url: Option<Page>,
    /// Which interface; the one that leads to the URL, or out of this machine, without
    #[arg(long, value_name = "NAME")]
    pub interface: Option<String>,
    /// Until then the connection must be back, or all is taken back
    #[arg(long, value_name = "TIME", default_value = "45s", value_parser = duration)]
    pub within: Duration,
    /// Whether and how.
    #[command(flatten)]
    pub agreement: Agreement,
}
