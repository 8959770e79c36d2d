//! What the tests need beside Rust, git and Debian. Nothing is asked of the network where it is installed already.

use crate::shell;
use anyhow::Context;
use std::path::{Path, PathBuf};

/// A file that shows it is there, and the Debian package that brings it.
const PACKAGES: &[(&str, &str)] = &[
    ("/usr/sbin/nginx", "nginx-light"),
    (
        "/usr/lib/nginx/modules/ngx_stream_module.so",
        "libnginx-mod-stream",
    ),
    (
        "/usr/lib/nginx/modules/ngx_http_lua_module.so",
        "libnginx-mod-http-lua",
    ),
    ("/usr/bin/openssl", "openssl"),
    ("/usr/bin/curl", "curl"),
    ("/usr/sbin/nft", "nftables"),
    ("/usr/sbin/iptables", "iptables"),
    ("/usr/sbin/conntrack", "conntrack"),
    ("/usr/sbin/ip", "iproute2"),
    ("/usr/bin/python3", "python3"),
    ("/usr/share/doc/python3-venv", "python3-venv"),
    ("/usr/bin/man", "man-db"),
    ("/usr/bin/age", "age"),
    ("/usr/bin/chromium", "chromium"),
    ("/usr/bin/chromedriver", "chromium-driver"),
    (
        "/usr/share/fonts/truetype/dejavu/DejaVuSans.ttf",
        "fonts-dejavu-core",
    ),
    ("/usr/sbin/dnsmasq", "dnsmasq-base"),
    ("/usr/sbin/nsd", "nsd"),
    ("/usr/sbin/unbound", "unbound"),
    ("/usr/sbin/nats-server", "nats-server"),
    ("/usr/bin/ldns-signzone", "ldnsutils"),
    ("/usr/bin/xz", "xz-utils"),
    ("/usr/bin/zstd", "zstd"),
    (
        "/usr/lib/python3/dist-packages/aiosmtpd/smtp.py",
        "python3-aiosmtpd",
    ),
];

/// The reference parser our own is checked against.
const CROSSPLANE: &str = "crossplane==0.5.8";

/// Installs what is missing.
pub fn everything() -> anyhow::Result<()> {
    debian()?;
    crossplane()?;
    ::lab::install()
}

fn debian() -> anyhow::Result<()> {
    let missing: Vec<&str> = PACKAGES
        .iter()
        .filter(|(file, _)| !Path::new(file).exists())
        .map(|(_, package)| *package)
        .collect();
    ::lab::apt::install(&missing)
}

/// Where the oracle tests find `crossplane`.
pub fn venv() -> PathBuf {
    shell::root().join("target/tools/venv")
}

fn crossplane() -> anyhow::Result<()> {
    let venv = venv();
    if venv.join("bin/crossplane").exists() {
        return Ok(());
    }
    let path = venv.to_str().context("the checkout's path is not UTF-8")?;
    shell::run("/usr/bin/python3", &["-m", "venv", path])?;
    shell::run(&format!("{path}/bin/pip"), &["install", "--quiet", CROSSPLANE])
}
