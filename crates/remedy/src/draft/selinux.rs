//! What SELinux's policy is to allow: one boolean, or one port.

use super::{CannotDraft, desk::Desk};
use crate::Step;
use host::{Looks, Tool, looks::denial};

/// `setsebool -P`
pub(super) fn boolean(desk: &mut Desk, name: &str, on: bool) -> Result<(), CannotDraft> {
    let names = vec![name.to_owned()];
    let output = desk.host.run(Tool::Getsebool { names })?;
    let all = denial::booleans(&String::from_utf8_lossy(&output.stdout.0));
    let now = all.into_iter().find(|(known, _)| known == name);
    let (_, now) = now.ok_or_else(|| {
        CannotDraft::new(
            format!("SELinux has no boolean {name}"),
            "semanage boolean -l | grep httpd",
        )
    })?;
    if now != on {
        desk.push(Step::SelinuxBoolean {
            name: name.to_owned(),
            on,
        });
    }
    Ok(())
}

/// `semanage port`
pub(super) fn port(desk: &mut Desk, port: u16, name: &str) -> Result<(), CannotDraft> {
    let output = desk.host.run(Tool::SemanagePorts)?;
    let all = denial::ports(&String::from_utf8_lossy(&output.stdout.0));
    if !all.iter().any(|it| it.name == name) {
        let why = format!("SELinux has no type {name} for ports");
        return Err(CannotDraft::new(why, "semanage port -l"));
    }
    let now = all
        .iter()
        .filter(|it| it.has_tcp(port))
        .min_by_key(|it| it.width());
    if now.is_none_or(|it| it.name != name) {
        desk.push(Step::SelinuxPort {
            port,
            from: None,
            to: Some(name.to_owned()),
        });
    }
    Ok(())
}
