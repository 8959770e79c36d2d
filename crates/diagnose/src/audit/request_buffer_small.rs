use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Source,
    case::PeerSight,
    service,
    survey::Survey,
    topology::{BackendKind, Place, Route},
};

rule! {
    /// # What it sees
    /// uWSGI with a `buffer-size` (4096 bytes unless set) below the request headers that nginx lets through
    /// (`large_client_header_buffers`, 4 of 8 KiB unless set).
    /// # How it becomes a 502
    /// A visitor with large cookies, or a long link: nginx takes the request, uWSGI logs `invalid request block size` and
    /// closes. Only that visitor sees 502, again and again, until the cookies are gone.
    /// # The change
    /// `buffer-size = 32768` in uWSGI's ini file.
    /// # Quiet where
    /// uWSGI's buffer holds what nginx lets through, or the backend is not uWSGI (others answer 400 themselves).
    pub static REQUEST_BUFFER_SMALL = {
        id: "request-buffer-small",
        title: "nginx lets requests through that uWSGI's buffer can't hold",
        level: Level::Note,
        needs: Needs::Host,
        foresees: &["request-too-big-for-backend"],
        check: check,
    }
}

/// uWSGI's default (uwsgi-docs, Options, buffer-size).
const DEFAULT: u64 = 4096;
/// The size of a uwsgi packet is two bytes.
const MOST: u64 = 65535;

fn check(survey: &Survey) -> Checked {
    let (mut hits, mut unseen) = (Vec::new(), Vec::new());
    for (case, route, peer) in survey.peers() {
        if peer.backend.as_ref().and_then(|backend| backend.kind) != Some(BackendKind::Uwsgi) {
            continue;
        }
        match buffer(survey, case, peer) {
            Ok(found) => hits.extend(hit(case, route, peer, found)),
            Err(blind) => unseen.push(blind),
        }
    }
    Checked::from(once(hits)).blind(unseen)
}

/// Its size, and where that is written.
fn buffer(survey: &Survey, case: &Case, peer: &PeerSight) -> host::Look<(u64, Option<Place>)> {
    let Some(unit) = case.unit_of(peer) else {
        return Ok((DEFAULT, None));
    };
    let words: Vec<&str> = unit.exec_start.split([' ', '=']).collect();
    let at = words
        .iter()
        .rposition(|word| ["--buffer-size", "-b"].contains(word));
    if let Some(size) = at.and_then(|at| words.get(at + 1)?.parse().ok()) {
        return Ok((size, None));
    }
    for file in survey.app_files.iter().filter(|file| file.unit == unit.name) {
        file.text.as_ref().map_err(Clone::clone)?;
        if let Some((size, place)) = file.number("buffer-size") {
            return Ok((size as u64, Some(place)));
        }
    }
    Ok((DEFAULT, None))
}

fn hit(case: &Case, route: &Route, peer: &PeerSight, (size, place): (u64, Option<Place>)) -> Option<Hit> {
    let lets = route.settings.request_header?.min(MOST);
    if size >= lets {
        return None;
    }
    let by = if place.is_none() { " (its default)" } else { "" };
    let claimed = || Some(peer.backend.as_ref()?.claim.as_ref()?.written.clone());
    let (subject, place) = (service::subject(peer), place.or_else(claimed));
    let says =
        format!("{subject} has {size} bytes{by} for a request's header, and nginx lets up to {lets} through");
    let source = Source::command("grep -rn buffer-size /etc/uwsgi");
    let measures = service::uwsgi_ini(peer, "buffer-size", &lets.to_string())
        .and_then(|set| Some(vec![set, service::restart(case.unit_of(peer)?)]));
    Some(
        Hit::new(&subject, place, says, source)
            .why("a visitor with large cookies, or a long link, gets 502 until the cookies are gone")
            .change(format!("set buffer-size = {lets} for {subject} and restart it"))
            .remedy(
                format!("let {subject} take request headers of up to {lets} bytes"),
                measures,
            ),
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    fn uwsgi(ini: &str) -> Survey {
        let fixture = Fixture::gunicorn()
            .peer(|peer| peer.backend.as_mut().expect("a backend").kind = Some(BackendKind::Uwsgi))
            .with(|it| it.route.as_mut().expect("a route").settings.request_header = Some(32768));
        Survey::of(fixture).with_file("app.service", "/etc/uwsgi/apps-enabled/shop.ini", ini)
    }

    #[test]
    fn fires_where_nginx_lets_more_through() {
        assert_eq!(
            uwsgi("[uwsgi]\nsocket = :3031\n").told(&REQUEST_BUFFER_SMALL),
            ["app.service at /etc/systemd/system/app.service:5"]
        );
        assert_eq!(
            uwsgi("[uwsgi]\nbuffer-size = 8192\n").told(&REQUEST_BUFFER_SMALL),
            ["app.service at /etc/uwsgi/apps-enabled/shop.ini:2"]
        );
    }

    #[test]
    fn stays_quiet_where_it_fits_or_it_is_another_server() {
        assert!(
            uwsgi("[uwsgi]\nbuffer-size = 32768\n")
                .told(&REQUEST_BUFFER_SMALL)
                .is_empty()
        );
        assert!(
            Survey::of(Fixture::gunicorn())
                .told(&REQUEST_BUFFER_SMALL)
                .is_empty()
        );
    }
}
