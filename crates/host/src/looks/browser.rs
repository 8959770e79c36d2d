//! Which browsers' profiles a person has. Nothing in them is read but the list of profiles.

use super::Looks;
use crate::{
    Look, Unseen,
    browser::{Family, Profile, cache_of, family_of},
};
use std::path::Path;

/// Where Firefox and its like keep profiles, under a home.
const FIREFOX: &[(&str, &str)] = &[
    ("Firefox", ".mozilla/firefox"),
    // since version 147
    ("Firefox", ".config/mozilla/firefox"),
    ("Firefox (snap)", "snap/firefox/common/.mozilla/firefox"),
    (
        "Firefox (Flatpak)",
        ".var/app/org.mozilla.firefox/.mozilla/firefox",
    ),
    ("LibreWolf", ".librewolf"),
];

/// Where Chromium and its like do.
const CHROMIUM: &[(&str, &str)] = &[
    ("Chromium", ".config/chromium"),
    ("Chrome", ".config/google-chrome"),
    ("Chrome (beta)", ".config/google-chrome-beta"),
    ("Edge", ".config/microsoft-edge"),
    ("Brave", ".config/BraveSoftware/Brave-Browser"),
    ("Vivaldi", ".config/vivaldi"),
    ("Opera", ".config/opera"),
    ("Chromium (snap)", "snap/chromium/common/chromium"),
    (
        "Chromium (Flatpak)",
        ".var/app/org.chromium.Chromium/config/chromium",
    ),
    (
        "Chrome (Flatpak)",
        ".var/app/com.google.Chrome/config/google-chrome",
    ),
];

/// Profiles looked at, of one person.
const MOST: usize = 40;

/// The profiles under a home. What can't be seen is told beside what can.
pub(super) fn profiles<H: Looks + ?Sized>(host: &H, home: &Path) -> (Vec<Profile>, Vec<Unseen>) {
    let (mut found, mut unseen) = (Vec::new(), Vec::new());
    let mut take = |seen: Look<Vec<Profile>>| match seen {
        Ok(profiles) => found.extend(profiles),
        Err(why) => unseen.push(why),
    };
    for (browser, root) in FIREFOX {
        take(firefox(host, browser, &home.join(root)));
    }
    for (browser, root) in CHROMIUM {
        take(chromium(host, browser, &home.join(root)));
    }
    found.truncate(MOST);
    (found, unseen)
}

/// The profile in a directory that a person named.
pub(super) fn at<H: Looks + ?Sized>(host: &H, dir: &Path) -> Look<Profile> {
    let names = host.dir(dir)?.unwrap_or_default();
    let family = family_of(&names).ok_or_else(|| Unseen::Unusable {
        what: dir.display().to_string(),
        why: "no profile of Firefox or Chromium is there".into(),
    })?;
    let name = dir.file_name().unwrap_or_default().to_string_lossy();
    Ok(match family {
        Family::Firefox => of_firefox("Firefox", &name, dir),
        Family::Chromium => of_chromium("Chromium", &name, dir.parent().unwrap_or(dir), dir),
    })
}

fn of_firefox(browser: &str, name: &str, dir: &Path) -> Profile {
    Profile {
        family: Family::Firefox,
        browser: browser.to_owned(),
        name: name.to_owned(),
        dir: dir.to_owned(),
        cache: cache_of(dir).join("cache2"),
        lock: dir.join("lock"),
    }
}

fn of_chromium(browser: &str, name: &str, root: &Path, dir: &Path) -> Profile {
    Profile {
        family: Family::Chromium,
        browser: browser.to_owned(),
        name: name.to_owned(),
        dir: dir.to_owned(),
        cache: cache_of(dir).join("Cache/Cache_Data"),
        lock: root.join("SingletonLock"),
    }
}

/// `profiles.ini` lists them; a directory that it does not list is of no browser.
fn firefox<H: Looks + ?Sized>(host: &H, browser: &str, root: &Path) -> Look<Vec<Profile>> {
    let Some(list) = host.file(&root.join("profiles.ini"))? else {
        return Ok(Vec::new());
    };
    let profiles = sections(&String::from_utf8_lossy(&list)).into_iter();
    let profile = |section: Section| {
        let path = section.path?;
        let dir = if section.absolute {
            path.into()
        } else {
            root.join(path)
        };
        Some(of_firefox(browser, &section.name.unwrap_or_default(), &dir))
    };
    Ok(profiles.filter_map(profile).take(MOST).collect())
}

#[derive(Default)]
struct Section {
    name: Option<String>,
    path: Option<String>,
    absolute: bool,
}

/// The `[Profile0]` sections.
fn sections(text: &str) -> Vec<Section> {
    let (mut found, mut inside) = (Vec::<Section>::new(), false);
    for line in text.lines().map(str::trim) {
        if line.starts_with('[') {
            inside = line.starts_with("[Profile");
            if inside {
                found.push(Section::default());
            }
        }
        let (Some((key, value)), true, Some(section)) = (line.split_once('='), inside, found.last_mut())
        else {
            continue;
        };
        match key.trim() {
            "Name" => section.name = Some(value.trim().to_owned()),
            "Path" => section.path = Some(value.trim().to_owned()),
            "IsRelative" => section.absolute = value.trim() == "0",
            _ => {}
        }
    }
    found
}

/// Directories `Default`, `Profile 1`; Opera has one profile, in the root itself.
fn chromium<H: Looks + ?Sized>(host: &H, browser: &str, root: &Path) -> Look<Vec<Profile>> {
    let names = host.dir(root)?.unwrap_or_default();
    let is_profile = |name: &&String| *name == "Default" || name.starts_with("Profile ");
    let mut found: Vec<Profile> = names
        .iter()
        .filter(is_profile)
        .take(MOST)
        .map(|name| of_chromium(browser, name, root, &root.join(name)))
        .collect();
    if found.is_empty() && names.iter().any(|name| name == "Cookies" || name == "Network") {
        found.push(of_chromium(browser, "Default", root, root));
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Answer, Query, Timestamp,
        answer::{Blob, Bytes},
        looks::WHOLE_FILE,
        memory::Memory,
        query::Part,
    };

    #[test]
    fn profiles_are_found_where_browsers_keep_them() {
        let mut host = Memory::default();
        let home = Path::new("/home/a");
        for (_, root) in FIREFOX.iter() {
            let path = home.join(root).join("profiles.ini");
            let part = Part::Head(WHOLE_FILE);
            host.set(Query::File { path, part }, Ok(Answer::File(None)));
        }
        for (_, root) in CHROMIUM.iter() {
            host.set(
                Query::Dir {
                    path: home.join(root),
                },
                Ok(Answer::Dir(None)),
            );
        }
        let ini = "[General]\nVersion=2\n[Profile1]\nName=work\nIsRelative=0\nPath=/srv/ff\n\
                   [Profile0]\nName=default-release\nIsRelative=1\nPath=x.default\n[Install4F]\nDefault=x.default\n";
        let blob = Blob {
            bytes: Bytes(ini.into()),
            size: 1,
            modified: Timestamp(0),
        };
        let path = home.join(".mozilla/firefox/profiles.ini");
        let part = Part::Head(WHOLE_FILE);
        host.set(Query::File { path, part }, Ok(Answer::File(Some(blob))));
        let names = ["Default", "Local State", "Profile 2"]
            .map(str::to_owned)
            .to_vec();
        let path = home.join(".config/chromium");
        host.set(Query::Dir { path }, Ok(Answer::Dir(Some(names))));

        let (found, unseen) = profiles(&host, home);
        assert_eq!(unseen, []);
        let dirs: Vec<_> = found.iter().map(|it| it.dir.to_string_lossy()).collect();
        assert_eq!(
            dirs,
            [
                "/srv/ff",
                "/home/a/.mozilla/firefox/x.default",
                "/home/a/.config/chromium/Default",
                "/home/a/.config/chromium/Profile 2"
            ]
        );
        assert_eq!(
            found[1].cache,
            home.join(".cache/mozilla/firefox/x.default/cache2")
        );
        assert_eq!(found[3].lock, home.join(".config/chromium/SingletonLock"));
    }
}
