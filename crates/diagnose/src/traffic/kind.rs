//! What a request is for, as far as its line tells.

use logscan::scan::Request;

/// Kinds of request that reach a backend.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// A try to log in.
    Login,
    /// What spammers send: comments, contact forms, trackbacks, xmlrpc.
    Message,
    /// A program that says it is one: a crawler, a feed reader, a script.
    Bot,
    /// All else: pages, as people ask for them.
    Page,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Login, Self::Message, Self::Bot, Self::Page];
}

/// Last segments of paths that take a name and a password.
const LOGINS: &[&str] = &[
    "auth",
    "authenticate",
    "j_security_check",
    "log-in",
    "login",
    "login.aspx",
    "login.html",
    "login.jsp",
    "login.php",
    "loginpost",
    "logon",
    "session",
    "sessions",
    "sign-in",
    "sign_in",
    "signin",
    "wp-login.php",
];
/// Last segments of paths that take a message from anybody.
const MESSAGES: &[&str] = &[
    "comment",
    "comments",
    "contact",
    "contact-us",
    "contact.php",
    "feedback",
    "guestbook",
    "guestbook.php",
    "kontakt",
    "trackback",
    "wp-comments-post.php",
    "wp-trackback.php",
    "xmlrpc.php",
];
/// Words in the names of programs that fetch pages for no person.
const BOTS: &[&str] = &[
    "bot", "crawl", "curl/", "fetch", "go-http", "headless", "java/", "libwww", "python", "scrapy", "slurp",
    "spider", "wget",
];
/// Ends of paths that are files.
const ASSETS: &[&str] = &[
    "avif", "bmp", "css", "eot", "gif", "ico", "jpeg", "jpg", "js", "map", "mjs", "mp3", "mp4", "otf", "pdf",
    "png", "svg", "ttf", "webm", "webp", "woff", "woff2", "zip",
];

/// What a request is for.
pub fn kind(request: &Request<'_>) -> Kind {
    let path = String::from_utf8_lossy(request.route).to_ascii_lowercase();
    let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let posts = request.method == b"POST";
    let joomla = path.ends_with("/administrator/index.php") || path.ends_with("/administrator/");
    if posts && (LOGINS.contains(&last) || joomla) {
        Kind::Login
    } else if posts && (MESSAGES.contains(&last) || path.contains("/contact-form")) {
        Kind::Message
    } else if is_bot(request.agent) {
        Kind::Bot
    } else {
        Kind::Page
    }
}

/// It says of itself that it is a program.
pub fn is_bot(agent: &[u8]) -> bool {
    let agent = String::from_utf8_lossy(agent).to_ascii_lowercase();
    BOTS.iter().any(|word| agent.contains(word))
}

/// A file that pages bring along: pictures, styles, scripts.
pub fn is_asset(route: &[u8]) -> bool {
    let name = route.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
    let end = name
        .rsplit(|byte| *byte == b'.')
        .next()
        .filter(|end| end.len() < name.len());
    end.is_some_and(|end| ASSETS.iter().any(|it| end.eq_ignore_ascii_case(it.as_bytes())))
}

#[cfg(test)]
mod tests {
    use super::*;
    use logscan::scan::Load;

    #[test]
    fn requests_are_told_apart() {
        let person = "Mozilla/5.0 (X11; Linux x86_64; rv:128.0) Gecko/20100101 Firefox/128.0";
        for (method, route, agent, expected) in [
            ("POST", "/wp-login.php", person, Kind::Login),
            ("GET", "/wp-login.php", person, Kind::Page),
            ("POST", "/account/login/", person, Kind::Login),
            ("POST", "/administrator/index.php", person, Kind::Login),
            ("POST", "/wp-comments-post.php", person, Kind::Message),
            ("POST", "/xmlrpc.php", "", Kind::Message),
            ("POST", "/checkout", person, Kind::Page),
            (
                "GET",
                "/shop/item/*",
                "Mozilla/5.0 (compatible; bingbot/2.0)",
                Kind::Bot,
            ),
            ("GET", "/shop", "", Kind::Page),
        ] {
            let request = Request {
                at: 0,
                site: b"",
                upstream: b"",
                client: b"",
                forwarded: b"",
                agent: agent.as_bytes(),
                referrer: b"",
                method: method.as_bytes(),
                route: route.as_bytes(),
                status: 200,
                load: Load::default(),
            };
            assert_eq!(kind(&request), expected, "{method} {route}");
        }
        assert!(is_asset(b"/a/b.CSS") && !is_asset(b"/a/css") && !is_asset(b"/index.php") && !is_asset(b"/"));
    }
}
