use super::{Checked, Hit, Level, Needs, once, rule};
use crate::{
    Case, Source,
    case::PeerSight,
    elsewhere::{move_socket, written},
    survey::Survey,
    topology::Route,
};
use std::path::Path;

rule! {
    /// # What it sees
    /// A backend's unix socket below /tmp or /var/tmp.
    /// # How it becomes a 502
    /// systemd-tmpfiles removes what is old there (after 10 or 30 days), and the socket of a program that runs for long is
    /// old: nginx then says `No such file or directory`. A unit that gets `PrivateTmp=yes`, by an upgrade too, has a /tmp
    /// of its own, and nginx doesn't see the socket in it. Anybody may put a file there first.
    /// # The change
    /// A directory below /run that systemd makes for the unit (`RuntimeDirectory=`), on both sides.
    /// # Quiet where
    /// The socket stands anywhere else.
    pub static SOCKET_IN_TMP = {
        id: "socket-in-tmp",
        title: "a backend's socket stands in a directory that is cleaned",
        level: Level::Warning,
        needs: Needs::Config,
        foresees: &["private-tmp", "backend-died"],
        check: check,
    }
}

fn check(survey: &Survey) -> Checked {
    let found = survey
        .peers()
        .filter_map(|(case, route, peer)| hit(case, route, peer));
    once(found).into()
}

fn hit(case: &Case, route: &Route, peer: &PeerSight) -> Option<Hit> {
    let path = peer.endpoint.unix()?;
    let root = ["/tmp", "/var/tmp"]
        .into_iter()
        .find(|root| path.starts_with(root))?;
    let place = written(route, peer).clone();
    let mut hit = Hit::new(
        path.display().to_string(),
        Some(place),
        format!("the socket {} stands in {root}", path.display()),
        Source::path(Path::new(root)),
    )
    .why("what is old there is removed, and a unit with PrivateTmp= has another one: No such file or directory, 502")
    .change("move it to a directory below /run (RuntimeDirectory= of its unit), in nginx's files and in the backend's");
    hit.remedies.extend(move_socket(case, peer));
    Some(hit)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Fixture;

    #[test]
    fn fires_in_both_directories() {
        for path in ["/tmp/app.sock", "/var/tmp/x/app.sock"] {
            let told = Survey::of(Fixture::gunicorn().on_unix(path)).told(&SOCKET_IN_TMP);
            assert_eq!(told, [format!("{path} at /etc/nginx/sites-enabled/shop:12:22")]);
        }
    }

    #[test]
    fn stays_quiet_elsewhere() {
        for fixture in [
            Fixture::php_fpm(),
            Fixture::gunicorn(),
            Fixture::gunicorn().on_unix("/tmpfiles/app.sock"),
        ] {
            assert!(Survey::of(fixture).told(&SOCKET_IN_TMP).is_empty());
        }
    }

    #[test]
    fn both_sides_move() {
        let survey = Survey::of(Fixture::gunicorn().on_unix("/tmp/app.sock"));
        let hit = (SOCKET_IN_TMP.check)(&survey).hits.remove(0);
        assert_eq!(
            hit.remedies[0].title,
            "move the socket of app.service to /run/app/app.sock, on both sides"
        );
    }
}
