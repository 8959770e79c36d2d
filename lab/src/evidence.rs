//! What a failed scenario leaves for the person who looks into it.

use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Result;

use crate::Host;
use crate::root::lab_dir;

/// Shell whose output is kept, and the name of the file that gets it.
const LOOKS: &[(&str, &str)] = &[
    ("error.log", "tail -n 200 /var/log/nginx/error.log"),
    ("access.log", "tail -qn 100 /var/log/nginx/*access.log"),
    ("journal.txt", "journalctl -b --no-pager -n 400"),
    ("sockets.txt", "ss -lntxp; nft list ruleset"),
    (
        "units.txt",
        "systemctl --no-pager --all list-units '*.service'; systemctl --failed",
    ),
    ("nginx.txt", "nginx -T 2>&1"),
];

/// Keeps logs, state, what the tool `said` last and what it says now in `failed/NAME`, and says where.
pub(crate) fn keep(host: &mut Host, name: &str, error: &anyhow::Error, said: &[u8]) -> Result<PathBuf> {
    host.grant(Duration::from_secs(20));
    let dir = lab_dir().join("failed").join(name);
    fs::create_dir_all(&dir)?;
    fs::write(dir.join("why.txt"), format!("{error:#}\n"))?;
    fs::write(dir.join("judged.json"), said)?;
    for (file, look) in LOOKS {
        fs::write(
            dir.join(file),
            host.sh(&format!("{{ {look}; }} 2>&1 || true"))
                .unwrap_or_default(),
        )?;
    }
    for (file, args) in [
        ("why502.txt", &["diagnose"][..]),
        ("why502.json", &["diagnose", "--json"][..]),
    ] {
        let output = host.why502(args)?;
        fs::write(dir.join(file), [output.stdout, output.stderr].concat())?;
    }
    Ok(dir)
}
