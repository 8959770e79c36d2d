//! What a host answers: raw, as recorded.

mod dns;

pub use dns::DnsReply;

use crate::{
    Endpoint, Timestamp,
    browser::{Kept, StoredCookie},
    consult::Consultation,
    visit::ProxySetting,
};
use serde::{Deserialize, Serialize};
use std::{net::SocketAddr, path::PathBuf};

/// The answer to one [`crate::Query`]; each query has its own variant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Answer {
    /// To `Clock`.
    Clock(Timestamp),
    /// To `File`; `None` where no file is.
    File(Option<Blob>),
    /// To `Dir`; `None` where no directory is.
    Dir(Option<Vec<String>>),
    /// To `Stat`; `None` where nothing is.
    Stat(Option<Stat>),
    /// To `Space`; `None` where nothing is.
    Space(Option<Space>),
    /// To `DeletedFiles`.
    DeletedFiles(Vec<DeletedFile>),
    /// To `FileSizes`; empty where no directory is.
    FileSizes(Vec<FileSize>),
    /// To `Processes`.
    Processes(Vec<RawProcess>),
    /// To `Sockets`.
    Sockets(Vec<Socket>),
    /// To `Run`.
    Output(Output),
    /// To `Connect` and `Visit`.
    Conversation(Conversation),
    /// To `Consult`.
    Consultation(Consultation),
    /// To `Dns`: the raw message.
    Dns(DnsReply),
    /// To `SystemName`: addresses; empty where the name does not resolve.
    SystemName(Vec<std::net::IpAddr>),
    /// To `Cookies`; `None` where no database is.
    Cookies(Option<Vec<StoredCookie>>),
    /// To `Kept`.
    Kept(Kept),
    /// To `Proxies`.
    Proxies(Vec<ProxySetting>),
    /// To `KernelLog`.
    KernelLog(Vec<KernelLine>),
}

/// Bytes of a file. Text where it is UTF-8, so that a recording can be read by a person.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Blob {
    /// The bytes asked for.
    pub bytes: Bytes,
    /// The size of the whole file.
    pub size: u64,
    /// Last modification.
    pub modified: Timestamp,
}

/// Bytes that are written as text where they are UTF-8 and mostly printable, and as hex where not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Bytes(pub Vec<u8>);

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Written {
    Text(String),
    Hex(String),
}

impl Serialize for Bytes {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        match std::str::from_utf8(&self.0) {
            Ok(text) if is_short_as_text(&self.0) => Written::Text(text.to_owned()),
            Ok(_) | Err(_) => Written::Hex(hex(&self.0)),
        }
        .serialize(to)
    }
}

impl<'de> Deserialize<'de> for Bytes {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        match Written::deserialize(from)? {
            Written::Text(text) => Ok(Self(text.into_bytes())),
            Written::Hex(hex) => unhex(hex.as_bytes())
                .map(Self)
                .ok_or_else(|| serde::de::Error::custom("not hex digits in pairs")),
        }
    }
}

/// JSON takes six characters for a control character: a log that begins in a hole would grow sixfold. Its beginning
/// tells, for holes are wide.
fn is_short_as_text(bytes: &[u8]) -> bool {
    let beginning = bytes.get(..4096).unwrap_or(bytes);
    let control = |byte: &&u8| byte.is_ascii_control() && !byte.is_ascii_whitespace();
    beginning.iter().filter(control).count() <= beginning.len() / 4
}

/// Two digits a byte. Logs of many megabytes pass here, so nothing is formatted.
pub(crate) fn hex(bytes: &[u8]) -> String {
    let digit = |half: u8| char::from(b"0123456789abcdef"[usize::from(half & 0xf)]);
    bytes
        .iter()
        .flat_map(|byte| [digit(byte >> 4), digit(*byte)])
        .collect()
}

pub(crate) fn unhex(digits: &[u8]) -> Option<Vec<u8>> {
    let half = |digit: u8| match digit {
        b'0'..=b'9' => Some(digit - b'0'),
        b'a'..=b'f' => Some(digit - b'a' + 10),
        b'A'..=b'F' => Some(digit - b'A' + 10),
        _ => None,
    };
    let (pairs, []) = digits.as_chunks::<2>() else {
        return None;
    };
    pairs
        .iter()
        .map(|[high, low]| Some((half(*high)? << 4) | half(*low)?))
        .collect()
}

/// What stands at a path. Symbolic links are followed; `link_to` says where the path itself points.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stat {
    /// What it is, after following links.
    pub kind: FileKind,
    /// Permission bits with setuid, setgid and sticky: `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Bytes.
    pub size: u64,
    /// Inode number.
    pub inode: u64,
    /// Last modification.
    pub modified: Timestamp,
    /// Where the path points, if it is a symbolic link.
    pub link_to: Option<PathBuf>,
    /// An access control list is set, so the mode's group bits are only its mask.
    pub has_acl: bool,
}

/// A deleted file that takes room as long as it is open.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DeletedFile {
    /// Where it was, as its holder sees it.
    pub path: PathBuf,
    /// Room it takes, bytes.
    pub bytes: u64,
    /// A process that holds it.
    pub pid: u32,
}

/// A regular file and its room.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct FileSize {
    /// Where.
    pub path: PathBuf,
    /// Room it takes, bytes.
    pub bytes: u64,
}

/// Room on a file system, as statvfs(3) tells.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Space {
    /// Size, bytes.
    pub bytes: u64,
    /// Free, bytes: root may use them all.
    pub bytes_free: u64,
    /// Free for everybody else, bytes: ext4 keeps 5 % for root.
    pub bytes_available: u64,
    /// Inodes; 0 on file systems that make them as needed (btrfs).
    pub inodes: u64,
    /// Free inodes.
    pub inodes_free: u64,
    /// Mounted read-only.
    pub read_only: bool,
}

impl Space {
    /// Nobody but root can write one more byte.
    pub fn is_full(&self) -> bool {
        self.bytes > 0 && self.bytes_available == 0
    }

    /// No file can be made, however much room there is.
    pub fn is_out_of_inodes(&self) -> bool {
        self.inodes > 0 && self.inodes_free == 0
    }
}

/// Kinds of file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum FileKind {
    /// A regular file.
    File,
    /// A directory.
    Dir,
    /// A unix socket.
    Socket,
    /// A symbolic link that leads nowhere.
    DanglingLink,
    /// Device, pipe, and the rest.
    Other,
}

/// One process as /proc shows it; texts are the files as they are, empty where we may not read them.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct RawProcess {
    /// Process id in our namespace.
    pub pid: u32,
    /// `/proc/PID/stat`.
    pub stat: String,
    /// `/proc/PID/status`.
    pub status: String,
    /// `/proc/PID/cmdline`, NUL-separated; lossy.
    pub cmdline: String,
    /// Target of `/proc/PID/exe`.
    pub exe: Option<PathBuf>,
    /// Target of `/proc/PID/cwd`.
    pub cwd: Option<PathBuf>,
    /// `/proc/PID/cgroup`.
    pub cgroup: String,
    /// `/proc/PID/limits`.
    pub limits: String,
    /// `/proc/PID/wchan`.
    pub wchan: String,
    /// `/proc/PID/syscall`: the system call it is in (needs root).
    pub syscall: String,
    /// Inode of the network namespace.
    pub netns: Option<u64>,
    /// Inode of the mount namespace.
    pub mntns: Option<u64>,
    /// Number of open files (needs root for others' processes).
    pub open_files: Option<u32>,
}

/// One socket from sock_diag: every listener, and TCP connections up to a bound.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Socket {
    /// Our end. For unix sockets the path it was bound to (abstract names as `@name`, unnamed as empty path).
    pub local: Endpoint,
    /// The other end of a TCP connection.
    pub remote: Option<SocketAddr>,
    /// State.
    pub state: SocketState,
    /// For a listener: connections that wait to be accepted. Else unread bytes.
    pub recv_q: u32,
    /// For a listener: the backlog in force. Else unsent bytes.
    pub send_q: u32,
    /// Inode of the socket; 0 for TIME_WAIT.
    pub inode: u64,
    /// Owner's user id.
    pub uid: u32,
    /// Processes that hold it open: of listeners, and of connections opened from here; `None`: we may not see.
    pub pids: Option<Vec<u32>>,
    /// For a unix listener: inode of the file it was bound to, even if that file was replaced since.
    pub file_inode: Option<u64>,
    /// An IPv6 listener that does not take IPv4.
    pub v6_only: Option<bool>,
}

/// States that matter to a diagnosis.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum SocketState {
    /// Waits for connections.
    Listen,
    /// Open both ways.
    Established,
    /// We asked, nobody answered yet.
    SynSent,
    /// The peer closed, our process has not.
    CloseWait,
    /// Closed by us, kept by the kernel.
    TimeWait,
    /// All others.
    Other,
}

/// What a command said. Sizes are bounded by the live host.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Output {
    /// Exit status; `None` if a signal ended it.
    pub status: Option<i32>,
    /// Standard output.
    pub stdout: Bytes,
    /// Standard error.
    pub stderr: Bytes,
}

/// How a connection went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Conversation {
    /// Did it connect.
    pub connect: Connect,
    /// Microseconds until it was connected or refused.
    pub connect_us: u64,
    /// What was heard, at most 64 KiB.
    pub heard: Bytes,
    /// How the hearing ended.
    pub end: End,
    /// Milliseconds from the connection to the first byte.
    pub first_byte_ms: Option<u64>,
    /// What the TLS layer found, where TLS was spoken.
    pub tls: Option<TlsSight>,
}

impl Conversation {
    /// Of an answer of HTTP/1: `HTTP/1.1 502 Bad Gateway`
    pub fn status(&self) -> Option<u16> {
        let line = self.heard.0.strip_prefix(b"HTTP/1.")?;
        std::str::from_utf8(line.get(2..5)?).ok()?.parse().ok()
    }
}

/// The outcome of `connect(2)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Connect {
    /// Connected.
    Accepted,
    /// Failed with this errno.
    Failed(i32),
    /// No answer within the limit.
    TimedOut,
}

/// How hearing ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum End {
    /// Nothing was asked.
    NotAsked,
    /// The peer closed in order.
    Closed,
    /// The peer reset the connection.
    Reset,
    /// We stopped listening at the time limit.
    TimedOut,
    /// We heard enough.
    Enough,
}

/// What a TLS handshake showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TlsSight {
    /// The handshake completed.
    pub completed: bool,
    /// The alert or error where it did not.
    pub error: Option<String>,
    /// Protocol version agreed on.
    pub version: Option<String>,
    /// The protocol inside that was agreed on, where one was asked for: `h2`, `http/1.1`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alpn: Option<String>,
    /// The certificates the server showed, DER, its own first; at most four. See [`crate::looks::certificate`].
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub certificates: Vec<Bytes>,
}

/// One line of the kernel's ring buffer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct KernelLine {
    /// Wall clock, from the boot time.
    pub at: Timestamp,
    /// Text without prefix.
    pub text: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_back_and_text_stays_readable() {
        for (bytes, written) in [
            (&b"a\n"[..], r#"{"text":"a\n"}"#),
            (&[0xff, 0x0a], r#"{"hex":"ff0a"}"#),
        ] {
            assert_eq!(
                serde_json::to_string(&Bytes(bytes.to_vec())).expect("writes"),
                written
            );
        }
        let all: Vec<u8> = (0..=255).collect();
        let written = serde_json::to_vec(&Bytes(all.clone())).expect("writes");
        assert_eq!(
            serde_json::from_slice::<Bytes>(&written).expect("reads"),
            Bytes(all)
        );
        for broken in [r#"{"hex":"f"}"#, r#"{"hex":"+1"}"#, r#"{"hex":"zz"}"#] {
            assert!(serde_json::from_str::<Bytes>(broken).is_err(), "{broken}");
        }
    }
}
