//! What a server says of its own workers where it is configured to: php-fpm's status page
//! (<https://www.php.net/manual/en/fpm.status.php>) and Apache's (<https://httpd.apache.org/docs/2.4/mod/mod_status.html>).

use crate::{Talk, answer::Conversation};

/// What php-fpm writes to the client: a record of this type.
const STDOUT: u8 = 6;

/// Workers as their server counts them, the one that serves the page among the busy.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Scoreboard {
    /// Workers that serve.
    pub busy: u32,
    /// Workers that wait for a request.
    pub idle: u32,
    /// Connections that wait for a worker; php-fpm counts those of TCP alone.
    pub waiting: u32,
    /// How often, since its start, php-fpm wanted one more worker than it may have.
    pub reached: u64,
}

impl Scoreboard {
    /// `None` where somebody else answered, or nobody.
    pub fn parse(heard: &Conversation) -> Option<Self> {
        let heard = &heard.heard.0;
        match heard.first() {
            Some(1) => Self::of_fpm(&String::from_utf8_lossy(&fastcgi_text(heard))),
            _ => Self::of_apache(&String::from_utf8_lossy(heard)),
        }
    }

    fn of_fpm(text: &str) -> Option<Self> {
        Some(Self {
            busy: value(text, "active processes")?,
            idle: value(text, "idle processes")?,
            waiting: value(text, "listen queue").unwrap_or_default(),
            reached: value(text, "max children reached").unwrap_or_default(),
        })
    }

    fn of_apache(text: &str) -> Option<Self> {
        Some(Self {
            busy: value(text, "BusyWorkers")?,
            idle: value(text, "IdleWorkers")?,
            ..Self::default()
        })
    }
}

/// `idle processes:       1`
fn value<T: std::str::FromStr>(text: &str, name: &str) -> Option<T> {
    let mut values = text.lines().filter_map(|line| line.split_once(':'));
    values.find(|(key, _)| *key == name)?.1.trim().parse().ok()
}

/// A request for php-fpm's status page, as nginx would make it.
pub fn fpm_page(path: &str, query: &str, patience_ms: u64) -> Talk {
    let uri = match query {
        "" => path.to_owned(),
        _ => format!("{path}?{query}"),
    };
    let all = [
        ("REQUEST_METHOD", "GET"),
        ("SCRIPT_NAME", path),
        ("SCRIPT_FILENAME", path),
        ("REQUEST_URI", &uri),
        ("QUERY_STRING", query),
        ("SERVER_PROTOCOL", "HTTP/1.1"),
    ];
    Talk::FastCgiRequest {
        params: all
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .to_vec(),
        patience_ms,
    }
}

/// The text in FastCGI's records, as far as they are whole.
pub fn fastcgi_text(mut heard: &[u8]) -> Vec<u8> {
    let mut text = Vec::new();
    while let Some([_, kind, _, _, high, low, padding, _]) = heard.first_chunk::<8>() {
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let rest = heard.get(8..).unwrap_or_default();
        let content = rest.get(..length.min(rest.len())).unwrap_or_default();
        if *kind == STDOUT {
            text.extend_from_slice(content);
        }
        heard = rest.get(length + usize::from(*padding)..).unwrap_or_default();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    const FPM: &str = "Content-type: text/plain;charset=UTF-8\r\n\r\npool:                 www\n\
                       process manager:      dynamic\nlisten queue:         3\nmax listen queue:     8\n\
                       listen queue len:     511\nidle processes:       1\nactive processes:     4\n\
                       total processes:      5\nmax active processes: 5\nmax children reached: 2\nslow requests:        0\n";
    const APACHE: &str = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\nshop.example\nServerMPM: prefork\n\
                          Total Accesses: 9\nBusyWorkers: 2\nIdleWorkers: 0\nScoreboard: WW....\n";

    #[test]
    fn both_servers_count_their_workers() {
        let board = |busy, idle, waiting, reached| Scoreboard {
            busy,
            idle,
            waiting,
            reached,
        };
        assert_eq!(Scoreboard::of_fpm(FPM), Some(board(4, 1, 3, 2)));
        assert_eq!(Scoreboard::of_apache(APACHE), Some(board(2, 0, 0, 0)));
        for other in ["", "HTTP/1.1 404 Not Found\r\n\r\nidle", "idle processes: many\n"] {
            assert_eq!(Scoreboard::of_fpm(other).or(Scoreboard::of_apache(other)), None);
        }
    }

    #[test]
    fn a_torn_answer_gives_what_was_heard() {
        for cut in 0..12 {
            let whole = b"\x01\x06\0\x01\0\x04\0\0idle";
            assert_eq!(fastcgi_text(&whole[..cut]), &whole[8.min(cut)..cut]);
        }
        assert_eq!(fastcgi_text(b"HTTP/1.1 400 Bad Request\r\n"), b"");
    }
}
