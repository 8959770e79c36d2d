use crate::{
    Case, Class, Evidence, Measure, Opinion, Rank, Remedy, Source, Symptom,
    cause::{Group, Told, cause},
    elsewhere::reload_nginx,
    topology::Protocol,
};
use logscan::{Complaint, Trouble};

cause! {
    /// # What happens
    /// The header of the backend's answer (status line, cookies, redirects, CSP, Link) does not fit into the one buffer
    /// nginx has for it, by default one memory page: 4 KiB. nginx answers 502 and drops the answer.
    /// # How to tell
    /// nginx says `upstream sent too big header`. Often only some users or pages fail: those that get many or large
    /// cookies. With FastCGI, notices that PHP writes to stderr share the buffer.
    /// # Fix
    /// Set the buffer of the protocol in use: proxy_buffer_size has no effect on fastcgi_pass, nor the reverse. Raise the
    /// *_buffers along with it, or `nginx -t` refuses. Then ask why the header is so large.
    /// # Not this if
    /// The request is what is too large (400, 413, 414, or request-too-big-for-backend).
    pub static HEADER_TOO_BIG = {
        id: "header-too-big",
        title: "the answer's header is larger than nginx's buffer",
        group: Group::Protocol,
        class: Class::Ask,
        share_of: |complaint: &Complaint| if complaint.trouble == Trouble::HeaderTooBig { 99 } else { 0 },
        phrases: &[("too big header", 99)],
        effect_of: &[],
        settled_by: ("measure the header of the failing page", "curl -s -o /dev/null -D - http://BACKEND/PAGE | wc -c"),
        told: Told::OnHost {
            weigh,
            advise,
            remedies,
            lab: &["header-too-big"],
        },
    }
}

/// nginx's default: one memory page (ngx_http_proxy_module, `proxy_buffer_size 4k|8k`).
const PAGE: u64 = 4096;

fn weigh(case: &Case) -> Opinion {
    let Some(symptom) = said(case) else {
        return Opinion::none();
    };
    let buffer = buffer(case);
    let mut evidence = vec![Evidence::supports(
        Rank::Decisive,
        format!(
            "nginx said \"upstream sent too big header\" {} times, last at {}",
            symptom.count, symptom.last
        ),
        Source::log(&symptom.log, "upstream sent too big header"),
    )];
    evidence.extend(measured(case).filter(|size| *size > buffer).map(|size| {
        Evidence::supports(
            Rank::Strong,
            format!("asked directly, the backend sends a header of {size} bytes; the buffer has {buffer}"),
            Source::command("curl -s -o /dev/null -D - http://BACKEND/PAGE | wc -c"),
        )
    }));
    evidence.extend(notices(case));
    Opinion {
        subject: case.site().to_owned(),
        says: format!(
            "the backend's answer has a header of more than the {buffer} bytes of {}",
            directive(case).unwrap_or("nginx's header buffer")
        ),
        evidence,
    }
}

fn said(case: &Case) -> Option<&Symptom> {
    case.having(|trouble| *trouble == Trouble::HeaderTooBig)
        .max_by_key(|symptom| symptom.last)
}

/// stderr of a FastCGI backend arrives in the same buffer before the header.
fn notices(case: &Case) -> Option<Evidence> {
    let symptom = case
        .having(|trouble| matches!(trouble, Trouble::BackendStderr(_)))
        .next()?;
    Some(Evidence::supports(
        Rank::Hint,
        "the backend also writes to stderr, which shares the buffer with the header",
        Source::log(&symptom.log, "FastCGI sent in stderr"),
    ))
}

/// Bytes of the header, where the backend was asked directly over HTTP.
fn measured(case: &Case) -> Option<u64> {
    let heard = case.peers.iter().flat_map(|peer| &peer.speaks);
    heard
        .filter(|it| it.is_http())
        .filter_map(|it| it.answer.heard.0.windows(4).position(|four| four == b"\r\n\r\n"))
        .map(|end| end as u64 + 4)
        .max()
}

fn buffer(case: &Case) -> u64 {
    let set = case.route.as_ref().and_then(|route| route.settings.header_buffer);
    set.unwrap_or(PAGE)
}

/// The prefix of the protocol's directives; `None` where nginx reads no header.
fn prefix(protocol: Protocol) -> Option<&'static str> {
    Some(match protocol {
        Protocol::Http | Protocol::Https => "proxy",
        Protocol::FastCgi => "fastcgi",
        Protocol::Uwsgi => "uwsgi",
        Protocol::Scgi => "scgi",
        Protocol::Grpc | Protocol::Grpcs => "grpc",
        Protocol::Memcached => "memcached",
        Protocol::Stream => return None,
    })
}

fn directive(case: &Case) -> Option<&'static str> {
    Some(match prefix(case.route.as_ref()?.protocol)? {
        "proxy" => "proxy_buffer_size",
        "fastcgi" => "fastcgi_buffer_size",
        "uwsgi" => "uwsgi_buffer_size",
        "scgi" => "scgi_buffer_size",
        "grpc" => "grpc_buffer_size",
        _ => "memcached_buffer_size",
    })
}

/// A size with room.
fn kib(case: &Case) -> u64 {
    let need = measured(case).unwrap_or(0).max(buffer(case) * 4).max(4 * PAGE);
    need.next_power_of_two() / 1024
}

/// The buffers must grow with the first: nginx wants `busy_buffers_size` (twice the larger of the two by default) below
/// the sum of all buffers less one.
fn advise(case: &Case) -> String {
    let Some((route, prefix)) = case
        .route
        .as_ref()
        .and_then(|route| Some((route, prefix(route.protocol)?)))
    else {
        return String::new();
    };
    let kib = kib(case);
    let buffers = match prefix {
        "grpc" | "memcached" => String::new(),
        _ => format!(" {prefix}_buffers 8 {kib}k;"),
    };
    format!(
        "in the location at {} set `{prefix}_buffer_size {kib}k;{buffers}`, then nginx -t && systemctl reload nginx; \
         then see which header of the page is so large",
        route.written
    )
}

/// Larger buffers only hide a page whose header has no end.
const MOST_KIB: u64 = 128;

fn remedies(case: &Case) -> Vec<Remedy> {
    let route = case.route.as_ref().filter(|_| said(case).is_some());
    let remedy = route.and_then(|route| {
        let (prefix, kib) = (prefix(route.protocol)?, kib(case));
        let set = |name: &str, value: String| Measure::NginxSet {
            beside: route.written.clone(),
            name: format!("{prefix}_{name}"),
            value,
        };
        let mut measures = vec![set("buffer_size", format!("{kib}k"))];
        if !matches!(prefix, "grpc" | "memcached") {
            measures.push(set("buffers", format!("8 {kib}k")));
            measures.push(set("busy_buffers_size", format!("{}k", kib * 2)));
        }
        measures.push(reload_nginx(case)?);
        let title = format!(
            "give the answer's header {kib} KiB of buffer at {}",
            route.written
        );
        (kib <= MOST_KIB).then(|| Remedy::ask(title, measures))
    });
    remedy.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::advise;
    use crate::{testing::Fixture, topology::Protocol};
    use logscan::{Phase, Trouble};

    #[test]
    fn fires_by_nginxs_own_word() {
        for fixture in [Fixture::php_fpm(), Fixture::apache()] {
            fixture
                .complains(Trouble::HeaderTooBig, Phase::ReadingHeader)
                .check("found header-too-big");
        }
    }

    #[test]
    fn stays_quiet_for_other_bad_answers() {
        Fixture::apache()
            .complains(Trouble::NotHttp, Phase::ReadingHeader)
            .check("unexplained");
        Fixture::php_fpm()
            .complains(Trouble::BackendStderr("PHP notice".into()), Phase::ReadingHeader)
            .check("unexplained");
    }

    #[test]
    fn names_the_directive_of_the_protocol() {
        let of = |fixture: Fixture| {
            advise(
                &fixture
                    .complains(Trouble::HeaderTooBig, Phase::ReadingHeader)
                    .case(),
            )
        };
        assert!(of(Fixture::php_fpm()).contains("`fastcgi_buffer_size 16k; fastcgi_buffers 8 16k;`"));
        assert!(of(Fixture::apache()).contains("`proxy_buffer_size 16k; proxy_buffers 8 16k;`"));
    }

    #[test]
    fn sets_the_buffers_that_must_grow_together() {
        let big = |fixture: Fixture| fixture.complains(Trouble::HeaderTooBig, Phase::ReadingHeader);
        let at = "/etc/nginx/sites-enabled/shop:12";
        big(Fixture::php_fpm()).offers(&[&format!(
            "ask: {at} fastcgi_buffer_size 16k; {at} fastcgi_buffers 8 16k; {at} fastcgi_busy_buffers_size 32k; reload nginx"
        )]);
        big(Fixture::apache())
            .with(|it| it.route.as_mut().expect("a route").protocol = Protocol::Grpc)
            .offers(&[&format!("ask: {at} grpc_buffer_size 16k; reload nginx")]);
    }

    #[test]
    fn offers_no_buffer_without_end() {
        Fixture::php_fpm()
            .complains(Trouble::HeaderTooBig, Phase::ReadingHeader)
            .with(|it| it.route.as_mut().expect("a route").settings.header_buffer = Some(128 << 10))
            .offers(&[]);
    }
}
