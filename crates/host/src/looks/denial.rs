//! What SELinux and AppArmor refused, as the kernel's audit records have it: `type=1400` in the kernel log, `type=AVC` in
//! `/var/log/audit/audit.log`. And how SELinux is set up, as `getsebool` and `semanage port -l` print it.

use crate::Timestamp;

/// Who refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Guard {
    /// `avc: denied`
    Selinux,
    /// `apparmor="DENIED"`
    AppArmor,
}

/// One refusal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Denial {
    /// When.
    pub at: Timestamp,
    /// Who refused.
    pub by: Guard,
    /// Name of the process's program, at most 15 bytes: `nginx`.
    pub comm: String,
    /// What it wanted: `name_connect`, `connectto`, `write`; AppArmor's operation: `connect`, `create`, `open`.
    pub wanted: String,
    /// In what role: SELinux's type (`httpd_t`), AppArmor's profile (`/usr/sbin/nginx`).
    pub subject: String,
    /// SELinux's type of the port, socket or file.
    pub object: Option<String>,
    /// The port it wanted to reach.
    pub port: Option<u16>,
    /// The path, or at least the name, of the socket or file.
    pub path: Option<String>,
    /// It was only written down, and let through (`permissive=1`).
    pub permissive: bool,
    /// The record: hostile.
    pub text: String,
}

impl Denial {
    /// From a record, with or without the prefix of the kernel log; `None` where it is none.
    pub fn parse(line: &str) -> Option<Self> {
        let at = moment(line)?;
        let field = |name: &str| field(line, name);
        let own = |name: &str| field(name).map(str::to_owned);
        let comm = own("comm").unwrap_or_default();
        let text = line.trim().to_owned();
        if let Some((_, rest)) = line.split_once("avc:  denied  {") {
            return Some(Self {
                at,
                by: Guard::Selinux,
                comm,
                wanted: rest.split('}').next()?.trim().to_owned(),
                subject: kind(field("scontext")?)?,
                object: field("tcontext").and_then(kind),
                port: field("dest").and_then(|port| port.parse().ok()),
                path: own("path").or_else(|| own("name")),
                permissive: field("permissive") == Some("1"),
                text,
            });
        }
        (field("apparmor") == Some("DENIED")).then(|| Self {
            at,
            by: Guard::AppArmor,
            comm,
            wanted: own("operation").unwrap_or_default(),
            subject: own("profile").unwrap_or_default(),
            object: None,
            port: field("peer_port")
                .or(field("fport"))
                .and_then(|port| port.parse().ok()),
            path: own("name").or_else(|| own("addr")),
            permissive: false,
            text,
        })
    }
}

/// `audit(1700000000.123:456)`: seconds and milliseconds, then a serial number.
fn moment(line: &str) -> Option<Timestamp> {
    let (stamp, _) = line.split_once("audit(")?.1.split_once(':')?;
    let (seconds, millis) = stamp.split_once('.')?;
    let millis: i64 = millis.parse().ok()?;
    let seconds: i64 = seconds.parse().ok()?;
    Some(Timestamp(seconds.checked_mul(1000)?.checked_add(millis)?))
}

/// `name=value` or `name="value"`, as a word of its own.
fn field<'a>(line: &'a str, name: &str) -> Option<&'a str> {
    let start = line.match_indices(name).find_map(|(at, _)| {
        let rest = line.get(at + name.len()..)?.strip_prefix('=')?;
        let before = line.get(..at)?.chars().next_back();
        before.is_none_or(|c| c == ' ' || c == ',').then_some(rest)
    })?;
    match start.strip_prefix('"') {
        Some(quoted) => quoted.split('"').next(),
        None => start.split(' ').next().map(str::trim_end),
    }
}

/// The type of `system_u:object_r:http_port_t:s0`.
fn kind(context: &str) -> Option<String> {
    context.split(':').nth(2).map(str::to_owned)
}

/// `httpd_can_network_connect --> off`, a line a boolean.
pub fn booleans(printed: &str) -> Vec<(String, bool)> {
    let line = |line: &str| {
        let (name, value) = line.split_once("-->")?;
        let value = match value.trim() {
            "on" => true,
            "off" => false,
            _ => return None,
        };
        Some((name.trim().to_owned(), value))
    };
    printed.lines().filter_map(line).collect()
}

/// A line of `semanage port -l`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PortType {
    /// `http_port_t`
    pub name: String,
    /// `tcp`, `udp`
    pub protocol: String,
    /// First and last port of each range.
    pub ports: Vec<(u16, u16)>,
}

impl PortType {
    /// It is the type of this TCP port.
    pub fn has_tcp(&self, port: u16) -> bool {
        let inside = |(first, last): &(u16, u16)| (*first..=*last).contains(&port);
        self.protocol == "tcp" && self.ports.iter().any(inside)
    }

    /// How many ports share the type: the narrowest that fits is the one in force.
    pub fn width(&self) -> u32 {
        let of = |(first, last): &(u16, u16)| u32::from(last.saturating_sub(*first)) + 1;
        self.ports.iter().map(of).sum()
    }
}

/// `http_port_t                    tcp      80, 81, 443, 488, 8008, 8009, 8443, 9000`
pub fn ports(printed: &str) -> Vec<PortType> {
    let line = |line: &str| {
        let mut words = line.split_whitespace();
        let (name, protocol) = (words.next()?, words.next()?);
        if !matches!(protocol, "tcp" | "udp" | "sctp" | "dccp") {
            return None;
        }
        let range = |word: &str| {
            let word = word.trim_end_matches(',');
            let (first, last) = word.split_once('-').unwrap_or((word, word));
            Some((first.parse().ok()?, last.parse().ok()?))
        };
        Some(PortType {
            name: name.to_owned(),
            protocol: protocol.to_owned(),
            ports: words.map(range).collect::<Option<Vec<_>>>()?,
        })
    };
    printed.lines().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVC: &str = "type=AVC msg=audit(1700000000.123:4567): avc:  denied  { name_connect } for  pid=811 \
                       comm=\"nginx\" dest=8000 scontext=system_u:system_r:httpd_t:s0 \
                       tcontext=system_u:object_r:soundd_port_t:s0 tclass=tcp_socket permissive=0";

    #[test]
    fn records_of_selinux() {
        let denial = Denial::parse(AVC).expect("a denial");
        assert_eq!(denial.at, Timestamp(1_700_000_000_123));
        assert_eq!(
            (denial.by, &*denial.comm, &*denial.wanted, &*denial.subject),
            (Guard::Selinux, "nginx", "name_connect", "httpd_t")
        );
        assert_eq!(
            (denial.object.as_deref(), denial.port, denial.permissive),
            (Some("soundd_port_t"), Some(8000), false)
        );
        let socket = "audit: type=1400 audit(1700000000.5:9): avc:  denied  { write } for  pid=7 comm=\"nginx\" \
                      name=\"app.sock\" dev=\"tmpfs\" ino=77 scontext=system_u:system_r:httpd_t:s0 \
                      tcontext=system_u:object_r:var_run_t:s0 tclass=sock_file permissive=1";
        let denial = Denial::parse(socket).expect("a denial");
        assert_eq!(
            (denial.path.as_deref(), denial.permissive),
            (Some("app.sock"), true)
        );
    }

    #[test]
    fn records_of_apparmor() {
        let line = "audit: type=1400 audit(1700000000.123:45): apparmor=\"DENIED\" operation=\"connect\" class=\"file\" \
                    profile=\"/usr/sbin/nginx\" name=\"/run/php/php8.2-fpm.sock\" pid=1234 comm=\"nginx\" \
                    requested_mask=\"wr\" denied_mask=\"wr\" fsuid=33 ouid=33";
        let denial = Denial::parse(line).expect("a denial");
        assert_eq!(
            (
                denial.by,
                &*denial.wanted,
                &*denial.subject,
                denial.path.as_deref()
            ),
            (
                Guard::AppArmor,
                "connect",
                "/usr/sbin/nginx",
                Some("/run/php/php8.2-fpm.sock")
            )
        );
    }

    #[test]
    fn other_lines_are_no_denials() {
        for line in [
            "",
            "audit(",
            "audit: type=1400 audit(1.2:3): apparmor=\"ALLOWED\" operation=\"open\" profile=\"x\"",
            "type=SYSCALL msg=audit(1700000000.123:4567): arch=c000003e syscall=42 comm=\"nginx\"",
            "type=AVC msg=audit(x.y:1): avc:  denied  { a } for",
            "type=AVC msg=audit(9223372036854775807.999:1): avc:  denied  { a } for scontext=a:b:c:d",
        ] {
            assert_eq!(Denial::parse(line), None, "{line}");
        }
    }

    #[test]
    fn booleans_and_ports() {
        assert_eq!(
            booleans("httpd_can_network_connect --> off\nhttpd_can_network_relay --> on\nError: x\n"),
            [
                ("httpd_can_network_connect".to_owned(), false),
                ("httpd_can_network_relay".to_owned(), true)
            ]
        );
        let printed = "SELinux Port Type              Proto    Port Number\n\n\
                       http_port_t                    tcp      80, 81, 443, 488, 8008, 8009, 8443, 9000\n\
                       unreserved_port_t              tcp      61001-65535, 1024-32767\n\
                       soundd_port_t                  udp      8000\n";
        let ports = ports(printed);
        let of = |port: u16| {
            let all = ports.iter().filter(|it| it.has_tcp(port));
            all.min_by_key(|it| it.width()).map(|it| it.name.as_str())
        };
        assert_eq!(
            (of(9000), of(8000), of(33000)),
            (Some("http_port_t"), Some("unreserved_port_t"), None)
        );
    }
}
