//! SELinux and AppArmor, looked at where nginx met errno 13 and nowhere else.

use super::{peers::Connects, symptoms::Draft};
use crate::{
    case::errno,
    guard::{CONNECT, Guards, RELAY},
};
use host::{
    Host, Look, Looks, Tool,
    answer::Connect,
    looks::denial::{self, Denial, PortType},
};
use logscan::Trouble;
use std::path::Path;

/// Bytes read of the end of the audit log.
const AUDIT: u64 = 512 << 10;

/// nginx, or we as its worker, were forbidden to connect.
pub(super) fn are_suspect(drafts: &[&Draft], connects: &Connects) -> bool {
    let mut troubles = drafts
        .iter()
        .flat_map(|draft| &draft.symptoms)
        .filter_map(|it| it.trouble());
    let logged = troubles.any(|trouble| *trouble == Trouble::Connect(errno::EACCES));
    let failed = Connect::Failed(errno::EACCES);
    let met = |answer: &Look<_>| matches!(answer, Ok(host::answer::Conversation { connect, .. }) if *connect == failed);
    logged || connects.values().any(met)
}

/// Looks at them.
pub(super) fn look(host: &dyn Host) -> Guards {
    let enforcing = host
        .file(Path::new("/sys/fs/selinux/enforce"))
        .map(|found| found.map(|bytes| bytes.trim_ascii() == b"1"));
    let runs = matches!(enforcing, Ok(Some(_)));
    let (booleans, ports) = match runs {
        true => std::thread::scope(|scope| {
            let ports = scope.spawn(|| ports(host));
            (booleans(host), ports.join().unwrap_or_else(|_| Ok(Vec::new())))
        }),
        false => (Ok(Vec::new()), Ok(Vec::new())),
    };
    Guards {
        enforcing,
        denials: denials(host),
        booleans,
        ports,
    }
}

fn denials(host: &dyn Host) -> Look<Vec<Denial>> {
    let found = host.tail(Path::new("/var/log/audit/audit.log"), AUDIT)?;
    let bytes = found.map(|blob| blob.bytes.0).unwrap_or_default();
    let text = String::from_utf8_lossy(&bytes);
    Ok(text.lines().filter_map(Denial::parse).collect())
}

fn booleans(host: &dyn Host) -> Look<Vec<(String, bool)>> {
    let names = vec![CONNECT.to_owned(), RELAY.to_owned()];
    let output = host.run(Tool::Getsebool { names })?;
    Ok(denial::booleans(&String::from_utf8_lossy(&output.stdout.0)))
}

fn ports(host: &dyn Host) -> Look<Vec<PortType>> {
    let output = host.run(Tool::SemanagePorts)?;
    Ok(denial::ports(&String::from_utf8_lossy(&output.stdout.0)))
}
