//! What people do without a diagnosis, played on the same scenarios: a table from the error line to a cause, and a
//! script that restarts whatever answers 502.

use crate::{Expect, Stack};

/// Words in nginx's last complaint, and the cause that the plain table gives for them. First match wins.
const TABLE: &[(&str, &str)] = &[
    ("too big header", "header-too-big"),
    ("could not be resolved", "dns-name-missing"),
    ("host not found", "dns-name-missing"),
    ("no live upstreams", "backend-stopped"),
    ("(2: ", "backend-stopped"),
    ("(11: ", "listen-backlog-full"),
    ("(13: ", "socket-permission"),
    ("(101: ", "no-route"),
    ("(104: ", "worker-crash"),
    ("(110: ", "slow-backend"),
    ("(111: ", "backend-stopped"),
    ("(113: ", "host-unreachable"),
    ("prematurely closed", "worker-crash"),
    ("[emerg]", "nginx-will-not-start"),
];

/// What the table says of nginx's last complaint: a cause, or `healthy` where it holds nothing.
pub(crate) fn table(complaint: &str) -> &'static str {
    let row = TABLE.iter().find(|(words, _)| complaint.contains(words));
    row.map_or("healthy", |(_, cause)| cause)
}

/// The table's answer is the whole truth of the scenario.
pub(crate) fn is_right(answer: &str, expect: Expect) -> bool {
    match expect {
        Expect::Found(roots) => roots == [answer],
        Expect::NotFound => false,
        Expect::Healthy | Expect::Recovered(_) => answer == "healthy",
    }
}

/// `curl | grep 502 && restart`, for the backend of a stack.
pub(crate) fn restart_script(stack: Stack, site: &str, path: &str) -> String {
    let units = stack.units();
    format!(
        "curl -s -o /dev/null -m 10 -w '%{{http_code}}' -H 'Host: {site}' 'http://127.0.0.1{path}' | grep -q 502 || exit 0\n\
         systemctl restart {units} nginx || true\n"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_right_where_the_line_alone_tells() {
        let refused = "[error] connect() failed (111: Connection refused) while connecting to upstream";
        assert_eq!(table(refused), "backend-stopped");
        assert!(is_right(table(refused), Expect::Found(&["backend-stopped"])));
        assert!(!is_right(table(refused), Expect::Found(&["wrong-upstream-port"])));
        assert!(is_right(table(""), Expect::Healthy));
    }
}
