use crate::answer::{Socket, SocketState};
use std::{
    collections::{BTreeSet, HashMap, HashSet},
    fs,
    path::Path,
};

/// Most open files looked at in all.
const MAX_FILES: usize = 1_000_000;

/// Who holds each listener, and each connection that was opened from here. Not found is "nobody" only if every process
/// could be looked at.
pub(super) fn fill_in(sockets: &mut [Socket]) {
    let port = |socket: &Socket| socket.local.tcp().map(|at| at.port());
    let listens = |socket: &Socket| socket.state == SocketState::Listen;
    let served: HashSet<Option<u16>> = sockets.iter().filter(|it| listens(it)).map(port).collect();
    let opened = |socket: &Socket| {
        let open = matches!(socket.state, SocketState::Established | SocketState::SynSent);
        open && socket.remote.is_some() && !served.contains(&port(socket))
    };
    let wanted = |socket: &Socket| listens(socket) || opened(socket);
    let mut owners: HashMap<u64, BTreeSet<u32>> = sockets
        .iter()
        .filter(|socket| wanted(socket))
        .map(|socket| (socket.inode, BTreeSet::new()))
        .collect();
    let saw_all = walk(&mut owners);
    for socket in sockets.iter_mut().filter(|socket| wanted(socket)) {
        let holders = owners.get(&socket.inode).into_iter().flatten();
        let pids = holders.copied().collect::<Vec<_>>();
        socket.pids = (saw_all || !pids.is_empty()).then_some(pids);
    }
}

/// `false` if something could not be looked at.
fn walk(owners: &mut HashMap<u64, BTreeSet<u32>>) -> bool {
    let Ok(pids) = super::super::processes::pids() else {
        return false;
    };
    let (mut saw_all, mut left) = (true, MAX_FILES);
    for pid in pids {
        match fs::read_dir(format!("/proc/{pid}/fd")) {
            Ok(files) => {
                for file in files.flatten().take(left) {
                    left -= 1;
                    if let Some(holders) = socket_inode(&file.path()).and_then(|inode| owners.get_mut(&inode))
                    {
                        holders.insert(pid);
                    }
                }
            }
            // one that has ended holds nothing
            Err(error) => saw_all &= error.kind() == std::io::ErrorKind::NotFound,
        }
    }
    saw_all && left > 0
}

/// `socket:[12345]` -> 12345.
fn socket_inode(file: &Path) -> Option<u64> {
    let target = fs::read_link(file).ok()?;
    target
        .to_str()?
        .strip_prefix("socket:[")?
        .strip_suffix(']')?
        .parse()
        .ok()
}
