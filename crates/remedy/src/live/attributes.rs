//! Extended attributes: the SELinux label, ACLs, capabilities.

use rustix::{
    fd::OwnedFd,
    fs::{XattrFlags, fgetxattr, flistxattr, fsetxattr},
    io::Errno,
};
use std::collections::BTreeMap;

/// The most that Linux allows for a list or a value: XATTR_LIST_MAX, XATTR_SIZE_MAX.
const MAX: usize = 64 << 10;
/// They vouch for the content, so they can't be carried over to another; the kernel makes them anew.
const OF_THE_CONTENT: &[&str] = &["security.ima", "security.evm"];

/// All of them, values in hex, as plans hold them.
pub(super) fn of(file: &OwnedFd) -> Result<BTreeMap<String, String>, Errno> {
    let mut list = vec![0; MAX];
    let length = match flistxattr(file, list.as_mut_slice()) {
        Ok(length) => length,
        Err(Errno::NOTSUP) => return Ok(BTreeMap::new()),
        Err(error) => return Err(error),
    };
    let names = list[..length].split(|byte| *byte == 0);
    let names = names.filter_map(|name| std::str::from_utf8(name).ok());
    let kept = names.filter(|name| !name.is_empty() && !OF_THE_CONTENT.contains(name));
    kept.map(|name| Ok((name.to_owned(), value(file, name)?)))
        .collect()
}

fn value(file: &OwnedFd, name: &str) -> Result<String, Errno> {
    let mut value = vec![0; MAX];
    let length = fgetxattr(file, name, value.as_mut_slice())?;
    Ok(value[..length].iter().map(|byte| format!("{byte:02x}")).collect())
}

/// Gives a file these.
pub(super) fn set(file: &OwnedFd, attributes: &BTreeMap<String, String>) -> Result<(), Errno> {
    for (name, hex) in attributes {
        let value = crate::bytes::unhex(hex).ok_or(Errno::INVAL)?;
        fsetxattr(file, name.as_str(), &value, XattrFlags::empty())?;
    }
    Ok(())
}
