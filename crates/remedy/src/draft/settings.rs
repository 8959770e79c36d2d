//! Settings in files of `key = value`: php-fpm pools, uWSGI, drop-ins of units, the kernel.

use super::{
    CannotDraft,
    desk::{Desk, Found},
    files::ROOT_READABLE,
    ini_edit,
};
use crate::Step;
use host::Looks;
use std::path::{Path, PathBuf};

/// Ours, beside those of the unit.
const DROP_IN: &str = "why502.conf";
/// Says whose it is to whoever finds it.
const HEADER: &str = "# Written by why502 fix; why502 undo takes it back.\n";
/// Read by systemd-sysctl at boot, in the order of their names.
const SYSCTL_DIR: &str = "/etc/sysctl.d";
/// Ours.
const SYSCTL: &str = "60-why502.conf";

/// A key of an INI file; who reads it is told later, at the latest at the end of the plan.
pub(super) fn ini(
    desk: &mut Desk,
    file: &Path,
    section: &str,
    key: &str,
    value: &str,
) -> Result<(), CannotDraft> {
    one_line(&[section, key, value])?;
    let pool = desk
        .world()
        .pools
        .iter()
        .find(|pool| pool.name == section && pool.written.file == file);
    let unit = pool.map(|pool| pool.unit.clone()).filter(|unit| !unit.is_empty());
    let found = desk.open(file)?;
    let edited = ini_edit::set(text(&found)?, Some(section), key, value);
    desk.write(found, edited.into_bytes(), ROOT_READABLE)?;
    if let Some(unit) = unit {
        // on a reload php-fpm keeps the listening sockets it has, with their rights and backlog
        desk.owe(&unit, key.starts_with("listen"));
    }
    Ok(())
}

/// A setting of a unit, by our drop-in. systemd is told of it before the unit is touched.
pub(super) fn unit(
    desk: &mut Desk,
    unit: &str,
    section: &str,
    key: &str,
    values: &[String],
) -> Result<(), CannotDraft> {
    one_line(&[unit, section, key])?;
    values.iter().try_for_each(|value| one_line(&[value]))?;
    if unit.contains('/') {
        return Err(CannotDraft::new(
            format!("{unit} is no name of a unit"),
            "look at it by hand",
        ));
    }
    desk.unit(unit)?;
    let file = PathBuf::from(format!("/etc/systemd/system/{unit}.d")).join(DROP_IN);
    let found = desk.find(&file)?;
    let before = match &found.content {
        Some(_) => text(&found)?,
        None => HEADER,
    };
    let edited = ini_edit::set_all(before, section, key, values);
    desk.write(found, edited.into_bytes(), ROOT_READABLE)?;
    desk.unit_files.insert(unit.to_owned());
    Ok(())
}

/// A kernel setting, now and at the next boot.
pub(super) fn sysctl(desk: &mut Desk, key: &str, value: &str) -> Result<(), CannotDraft> {
    let sound = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
    if !key.contains(sound) || !key.chars().all(sound) || key.split('.').any(|part| part.is_empty()) {
        return Err(CannotDraft::new(
            format!("{key:?} is no kernel setting"),
            "look at it by hand",
        ));
    }
    one_line(&[value])?;
    let path = Path::new("/proc/sys").join(key.replace('.', "/"));
    let now = desk.host.file(&path)?.ok_or_else(|| {
        let why = format!("this kernel has no {key}");
        CannotDraft::new(why, format!("sysctl {key}"))
    })?;
    let from = String::from_utf8_lossy(&now)
        .split_whitespace()
        .collect::<Vec<_>>()
        .join(" ");
    if from != value {
        desk.push(Step::Sysctl {
            key: key.to_owned(),
            from,
            to: value.to_owned(),
        });
    }
    let found = desk.find(&holder(desk, key)?)?;
    let before = match &found.content {
        Some(_) => text(&found)?.to_owned(),
        None => HEADER.to_owned(),
    };
    let edited = ini_edit::set(&before, None, key, value);
    desk.write(found, edited.into_bytes(), ROOT_READABLE)
}

/// The file whose word counts at boot: the last by name that sets the key, if that is read after ours.
fn holder(desk: &Desk, key: &str) -> Result<PathBuf, CannotDraft> {
    let mut names = desk.host.dir(Path::new(SYSCTL_DIR))?.unwrap_or_default();
    names.retain(|name| name.ends_with(".conf") && name.as_str() > SYSCTL);
    names.sort();
    for name in names.iter().rev() {
        let path = Path::new(SYSCTL_DIR).join(name);
        let found = desk.find(&path)?;
        if text(&found).is_ok_and(|text| ini_edit::value(text, None, key).is_some()) {
            return Ok(path);
        }
    }
    Ok(Path::new(SYSCTL_DIR).join(SYSCTL))
}

/// What stands in a file, where that is text.
pub(super) fn text(found: &Found) -> Result<&str, CannotDraft> {
    std::str::from_utf8(found.bytes()).map_err(|_| {
        let why = format!("{} is not UTF-8 text", found.path.display());
        CannotDraft::new(why, "edit it by hand")
    })
}

/// A line end in a value would be a setting of its own.
pub(super) fn one_line(values: &[&str]) -> Result<(), CannotDraft> {
    match values.iter().find(|value| value.contains(char::is_control)) {
        None => Ok(()),
        Some(value) => Err(CannotDraft::new(
            format!("{value:?} is not one line"),
            "edit it by hand",
        )),
    }
}

/// The header of files we make.
pub(super) fn header() -> &'static str {
    HEADER
}
