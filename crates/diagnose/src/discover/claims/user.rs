//! Services of users: what `systemd --user` of an account starts, as the files in its home say. systemd itself shows none
//! of them while nobody is logged in.

use super::{super::asked, service};
use crate::{
    World,
    discover::{backend_of, scout::Scout},
    world::UserService,
};
use host::{Endpoint, Looks, looks::Unit};
use std::path::Path;

/// Accounts of people and of what they deploy as; below are those of the system (login.defs(5)).
const FIRST: u32 = 1000;
/// `nobody`
const LAST: u32 = 65_533;
/// Homes looked into at most.
const HOMES: usize = 60;
/// Services read of each.
const SERVICES: usize = 40;
/// An account of this name goes on running when nobody is logged in (`loginctl enable-linger`).
const LINGER: &str = "/var/lib/systemd/linger";

/// The users' services that are configured to serve an asked address which nobody serves or claims.
pub(in crate::discover) fn find(scout: &Scout, world: &World) -> Vec<UserService> {
    let Ok(accounts) = &world.accounts else {
        return Vec::new();
    };
    let nobodys = |endpoint: &Endpoint| backend_of(world, endpoint).is_none();
    let orphans: Vec<Endpoint> = asked(world).into_iter().filter(nobodys).collect();
    if orphans.is_empty() || world.sockets.is_err() {
        return Vec::new();
    }
    let people = accounts
        .homes()
        .filter(|(_, uid, _)| (FIRST..=LAST).contains(uid));
    let services = people
        .take(HOMES)
        .flat_map(|(user, uid, home)| of_user(scout, user, uid, home));
    services
        .filter(|it| orphans.iter().any(|at| it.claim.address.covers(at)))
        .collect()
}

fn of_user(scout: &Scout, user: &str, uid: u32, home: &Path) -> Vec<UserService> {
    let dir = home.join(".config/systemd/user");
    let names = scout.seen(scout.host.dir(&dir)).flatten().unwrap_or_default();
    let services = names.into_iter().filter(|name| name.ends_with(".service"));
    services
        .take(SERVICES)
        .flat_map(|name| of_file(scout, user, uid, &dir, name))
        .collect()
}

fn of_file(scout: &Scout, user: &str, uid: u32, dir: &Path, name: String) -> Vec<UserService> {
    let mut unit = Unit {
        name: name.clone(),
        load_state: "loaded".into(),
        ..Unit::default()
    };
    let file = dir.join(&name).to_string_lossy().into_owned();
    unit.properties.insert("FragmentPath".into(), file);
    let claims = service::claims(scout, &unit);
    if claims.is_empty() {
        return Vec::new();
    }
    let lingers = scout
        .host
        .stat(&Path::new(LINGER).join(user))
        .map(|stat| stat.is_some());
    let wanted = dir.join("default.target.wants").join(&name);
    let enabled = scout.seen(scout.host.stat(&wanted)).flatten().is_some();
    let service = |claim| UserService {
        user: user.to_owned(),
        uid,
        name: name.clone(),
        enabled,
        lingers: lingers.clone(),
        claim,
    };
    claims.into_iter().map(service).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::discover::testing::Tree;
    use host::looks::Accounts;

    #[test]
    fn the_files_in_a_home_are_read() {
        let unit = "[Service]\nExecStart=/usr/bin/gunicorn --bind 127.0.0.1:8000 shop:app\n";
        let home = "/home/ada/.config/systemd/user";
        let tree = Tree::of(&[
            (&format!("{home}/shop.service"), unit),
            (&format!("{home}/default.target.wants/shop.service"), unit),
            (&format!("{home}/notes.txt"), "x"),
            ("/var/lib/systemd/linger/bob", ""),
        ]);
        let passwd = b"ada:x:1000:1000::/home/ada:/bin/bash\nbob:x:1001:1001::/home/bob:/bin/bash\n";
        let accounts = Accounts::parse(passwd, b"");
        let scout = Scout::new(&tree.host);
        let all: Vec<UserService> = accounts
            .homes()
            .flat_map(|(user, uid, home)| of_user(&scout, user, uid, home))
            .collect();
        let [only] = all.as_slice() else {
            panic!("{all:#?}");
        };
        let expect = ("ada", 1000, "shop.service", true, Ok(false));
        let got = (
            only.user.as_str(),
            only.uid,
            only.name.as_str(),
            only.enabled,
            only.lingers.clone(),
        );
        assert_eq!(got, expect);
        assert_eq!(only.claim.address.to_string(), "127.0.0.1:8000");
        assert_eq!(
            (only.claim.unit.as_deref(), only.claim.written.line),
            (Some("shop.service"), 2)
        );
    }
}
