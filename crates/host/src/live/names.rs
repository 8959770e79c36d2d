use super::run;
use crate::{Look, Unseen};
use std::net::IpAddr;

/// Addresses of a name by the system's own resolver, each once, in its order.
pub(super) fn addresses(name: &str) -> Look<Vec<IpAddr>> {
    let what = format!("the addresses of {name}");
    if name.starts_with('-') {
        let why = "not a host name".into();
        return Err(Unseen::Unusable { what, why });
    }
    let output = run::first_of(&what, &["getent"], &["ahosts", name])?;
    match output.status {
        Some(0) => Ok(parse(&String::from_utf8_lossy(&output.stdout.0))),
        // getent(1): 2 is "could not be found"
        Some(2) => Ok(Vec::new()),
        status => Err(Unseen::Unusable {
            what,
            why: format!("getent ended with {status:?}"),
        }),
    }
}

/// `127.0.0.1       STREAM localhost`, a line for each kind of socket.
fn parse(output: &str) -> Vec<IpAddr> {
    let mut found = Vec::new();
    for address in output
        .lines()
        .filter_map(|line| line.split_whitespace().next()?.parse().ok())
    {
        if !found.contains(&address) {
            found.push(address);
        }
    }
    found
}

#[cfg(test)]
mod tests {
    #[test]
    fn each_address_once() {
        let output =
            "::1             STREAM localhost\n::1             DGRAM  \n127.0.0.1 STREAM\nfe80::1%eth0 RAW\n";
        let found: Vec<String> = super::parse(output).iter().map(ToString::to_string).collect();
        assert_eq!(found, ["::1", "127.0.0.1"]);
    }
}
