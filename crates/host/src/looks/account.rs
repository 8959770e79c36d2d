use crate::query::Identity;
use std::path::{Path, PathBuf};

/// A user as `/etc/passwd` and `/etc/group` have it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// Login name.
    pub name: String,
    /// Numeric ids, supplementary groups included.
    pub identity: Identity,
}

/// The users and groups of a host.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Accounts {
    users: Vec<(String, u32, u32)>,
    homes: Vec<(String, u32, PathBuf)>,
    groups: Vec<(String, u32, Vec<String>)>,
}

impl Accounts {
    /// From the bytes of both files; lines that fit nothing are passed over.
    pub fn parse(passwd: &[u8], group: &[u8]) -> Self {
        let users = fields(passwd)
            .filter_map(|f| {
                Some((
                    f.first()?.clone(),
                    f.get(2)?.parse().ok()?,
                    f.get(3)?.parse().ok()?,
                ))
            })
            .collect();
        let groups = fields(group)
            .filter_map(|f| {
                let members = f.get(3).map(String::as_str).unwrap_or_default();
                let members = members
                    .split(',')
                    .filter(|m| !m.is_empty())
                    .map(str::to_owned)
                    .collect();
                Some((f.first()?.clone(), f.get(2)?.parse().ok()?, members))
            })
            .collect();
        Self {
            users,
            homes: homes(passwd),
            groups,
        }
    }

    /// The account of that name.
    pub fn by_name(&self, name: &str) -> Option<Account> {
        let (name, uid, gid) = self.users.iter().find(|(user, ..)| user == name)?.clone();
        let groups = self
            .groups
            .iter()
            .filter(|(_, id, members)| *id == gid || members.contains(&name))
            .map(|(_, id, _)| *id)
            .collect();
        Some(Account {
            name,
            identity: Identity { uid, gid, groups },
        })
    }

    /// Every user with a home: login name, user id, directory.
    pub fn homes(&self) -> impl Iterator<Item = (&str, u32, &Path)> {
        let homes = self.homes.iter();
        homes.map(|(name, uid, home)| (name.as_str(), *uid, home.as_path()))
    }

    /// The login name of a user id, or the number itself.
    pub fn user_name(&self, uid: u32) -> String {
        let user = self.users.iter().find(|(_, id, _)| *id == uid);
        user.map_or_else(|| uid.to_string(), |(name, ..)| name.clone())
    }

    /// The name of a group id, or the number itself.
    pub fn group_name(&self, gid: u32) -> String {
        let group = self.groups.iter().find(|(_, id, _)| *id == gid);
        group.map_or_else(|| gid.to_string(), |(name, ..)| name.clone())
    }
}

fn homes(passwd: &[u8]) -> Vec<(String, u32, PathBuf)> {
    let home = |f: Vec<String>| {
        let home = f.get(5).filter(|home| home.starts_with('/'))?;
        Some((f.first()?.clone(), f.get(2)?.parse().ok()?, PathBuf::from(home)))
    };
    fields(passwd).filter_map(home).collect()
}

fn fields(text: &[u8]) -> impl Iterator<Item = Vec<String>> {
    String::from_utf8_lossy(text)
        .lines()
        .map(|line| line.trim_end().split(':').map(str::to_owned).collect())
        .collect::<Vec<_>>()
        .into_iter()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn supplementary_groups_are_found() {
        let accounts = Accounts::parse(
            b"root:x:0:0::/root:/bin/sh\nwww-data:x:33:33::/var/www:/bin/sh\nbroken\n",
            b"www-data:x:33:\napp:x:1001:deploy,www-data\n",
        );
        let account = accounts.by_name("www-data").expect("listed");
        assert_eq!(account.identity.groups, [33, 1001]);
        assert_eq!(accounts.group_name(1001), "app");
        assert_eq!(accounts.user_name(4711), "4711");
    }
}
