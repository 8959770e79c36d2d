//! A host of one's own: nothing outside is seen from it, and all that runs in it ends with it.

use rustix::thread::{LinkNameSpaceType, move_into_link_name_space};
use std::{
    fs::{self, File},
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    os::{fd::AsFd, unix::process::ExitStatusExt},
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
    sync::Arc,
    thread,
    time::{Duration, Instant},
};

/// Where the program is on that host: readable by every user.
pub const PROGRAM: &str = "/opt/why502";
/// Where it keeps what it did; on that host's own disk.
pub const STATE: &str = "/opt/state";
/// For what takes milliseconds when all is well.
const PATIENCE: Duration = Duration::from_secs(10);

/// What makes a new host of new namespaces: empty directories where nginx keeps its things, the program, a loopback.
const BOOT: &str = "set -e
for dir in /etc/nginx /var/log/nginx /run /opt; do mount -t tmpfs none $dir; chmod 755 $dir; done
touch /opt/why502; mount --bind \"$1\" /opt/why502
ip link set lo up; hostname stage; echo ready
while :; do sleep 600; done";

/// Stands in for uWSGI: whoever asks gets a page.
pub const UWSGI: &str = "import socketserver, sys
class Page(socketserver.BaseRequestHandler):
    def handle(self):
        self.request.recv(65536)
        self.request.sendall(b\"HTTP/1.0 200 OK\\r\\nContent-Length: 3\\r\\n\\r\\nhi\\n\")
socketserver.ThreadingTCPServer((\"127.0.0.1\", int(sys.argv[1])), Page).serve_forever()";

/// A running host.
pub struct Stage {
    unshare: Child,
    init: u32,
    network: Arc<File>,
}

/// What a run of the program gave.
pub struct Run {
    pub code: Option<i32>,
    pub out: String,
    pub err: String,
    pub took: Duration,
}

impl Stage {
    /// A host without nginx's config.
    pub fn new() -> Self {
        assert!(
            rustix::process::geteuid().is_root(),
            "these tests need root: run them with sudo"
        );
        let nginx = Path::new("/usr/sbin/nginx").try_exists();
        assert!(
            matches!(nginx, Ok(true)),
            "these tests need nginx: apt-get install nginx-light"
        );
        let mut unshare = Command::new("unshare")
            .args([
                "--pid",
                "--fork",
                "--kill-child",
                "--mount",
                "--mount-proc",
                "--net",
                "--uts",
            ])
            .args(["sh", "-c", BOOT, "sh", env!("CARGO_BIN_EXE_why502")])
            .stdout(Stdio::piped())
            .spawn()
            .expect("unshare of util-linux runs");
        let mut ready = [0; 6];
        let said = unshare.stdout.as_mut().unwrap().read_exact(&mut ready);
        said.expect("a host of new namespaces can be made; its complaint is above");
        let init = child_of(unshare.id()).expect("unshare has its child");
        let network = Arc::new(File::open(format!("/proc/{init}/ns/net")).unwrap());
        Self {
            unshare,
            init,
            network,
        }
    }

    /// nginx of Debian with these servers, running.
    pub fn serving(servers: &str) -> Self {
        let stage = Self::new();
        stage.write("/etc/nginx/nginx.conf", with_servers(servers));
        stage.start_nginx();
        stage
    }

    /// A file of that host, as seen from here.
    pub fn path(&self, path: &str) -> PathBuf {
        PathBuf::from(format!("/proc/{}/root{path}", self.init))
    }

    pub fn write(&self, path: &str, bytes: impl AsRef<[u8]>) {
        fs::write(self.path(path), bytes).unwrap();
    }

    pub fn read(&self, path: &str) -> Vec<u8> {
        fs::read(self.path(path)).unwrap()
    }

    pub fn append(&self, path: &str, bytes: impl AsRef<[u8]>) {
        let mut file = File::options()
            .append(true)
            .create(true)
            .open(self.path(path))
            .unwrap();
        file.write_all(bytes.as_ref()).unwrap();
    }

    /// A command on that host.
    pub fn command(&self, program: &str) -> Command {
        // started in the background of a script, a process is born deaf to SIGINT
        let mut command = Command::new("env");
        command
            .args(["--default-signal=INT", "nsenter"])
            .args(["--target", &self.init.to_string(), "--all", "--"])
            .arg(program);
        for name in ["NO_COLOR", "CLICOLOR", "CLICOLOR_FORCE", "CI"] {
            command.env_remove(name);
        }
        command.env("WHY502_STATE_DIR", STATE).stdin(Stdio::null());
        command
    }

    /// Runs shell text on that host, which must succeed.
    pub fn sh(&self, text: &str) -> String {
        let done = self.command("sh").args(["-c", text]).output().unwrap();
        assert!(
            done.status.success(),
            "{text}: {}",
            String::from_utf8_lossy(&done.stderr)
        );
        String::from_utf8(done.stdout).unwrap()
    }

    pub fn start_nginx(&self) {
        self.sh("/usr/sbin/nginx 2>&1");
    }

    /// The program, by root.
    pub fn why502(&self, args: &[&str]) -> Run {
        run(&mut self.why502_command(args), b"")
    }

    /// The same, not yet run.
    pub fn why502_command(&self, args: &[&str]) -> Command {
        let mut command = self.command(PROGRAM);
        command.args(args);
        command
    }

    /// The program, by a user without any right.
    pub fn why502_as_nobody(&self, args: &[&str]) -> Run {
        let mut command = self.command("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", PROGRAM]);
        run(command.args(args), b"")
    }

    /// A server that answers every connection with these bytes, until the end of the test.
    pub fn backend(&self, port: u16, answer: &'static str) {
        self.slow_backend(port, answer, Duration::ZERO);
    }

    /// The same, after thinking for a while about each answer.
    pub fn slow_backend(&self, port: u16, answer: &'static str, thinks: Duration) {
        let listener = self.inside(move || TcpListener::bind(("127.0.0.1", port)).unwrap());
        thread::spawn(move || {
            for mut stream in listener.incoming().flatten() {
                let _ = stream.read(&mut [0; 4096]);
                thread::sleep(thinks);
                let _ = stream.write_all(answer.as_bytes());
            }
        });
    }

    /// An application server of that host, a process that can be seen there: it answers whatever uwsgi_pass sends.
    pub fn serve_uwsgi(&self, port: u16) {
        self.sh(&format!(
            "cp /usr/bin/python3 /opt/uwsgi; setsid /opt/uwsgi -c '{UWSGI}' {port} >/dev/null 2>&1 &"
        ));
        let listens = || self.inside(move || TcpStream::connect(("127.0.0.1", port)).ok());
        until(listens).expect("the application listens");
    }

    /// A server that accepts everything and answers nothing.
    pub fn backend_that_hangs(&self, port: u16) {
        let listener = self.inside(move || TcpListener::bind(("127.0.0.1", port)).unwrap());
        thread::spawn(move || listener.incoming().flatten().collect::<Vec<_>>());
    }

    /// One request by a visitor of that host: the status, 0 where there was no answer.
    pub fn get(&self, site: &str, path: &str) -> u16 {
        let request = format!("GET {path} HTTP/1.0\r\nHost: {site}\r\n\r\n");
        let answer = self.inside(move || {
            let mut stream = TcpStream::connect("127.0.0.1:80").ok()?;
            stream.set_read_timeout(Some(PATIENCE)).ok()?;
            stream.write_all(request.as_bytes()).ok()?;
            let mut answer = Vec::new();
            stream.read_to_end(&mut answer).ok()?;
            Some(answer)
        });
        let answer = String::from_utf8_lossy(&answer.unwrap_or_default()).into_owned();
        answer
            .split(' ')
            .nth(1)
            .and_then(|status| status.parse().ok())
            .unwrap_or(0)
    }

    /// Does something in that host's network.
    pub fn inside<T: Send + 'static>(&self, act: impl FnOnce() -> T + Send + 'static) -> T {
        let network = self.network.clone();
        let thread = thread::spawn(move || {
            move_into_link_name_space(network.as_fd(), Some(LinkNameSpaceType::Network)).unwrap();
            act()
        });
        thread.join().unwrap()
    }

    /// Command lines of what runs there.
    pub fn processes(&self) -> Vec<String> {
        let all = self.sh("cat /proc/[0-9]*/cmdline 2>/dev/null | tr '\\0' '\\n' || true");
        all.lines().map(str::to_owned).collect()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        let _ = self.unshare.kill();
        let _ = self.unshare.wait();
    }
}

/// Debian's nginx.conf, with these servers.
pub fn with_servers(servers: &str) -> String {
    format!(
        "user www-data;\nworker_processes 1;\npid /run/nginx.pid;\nerror_log /var/log/nginx/error.log;\n\
         events {{}}\nhttp {{\n    access_log /var/log/nginx/access.log;\n    {servers}\n}}\n"
    )
}

/// A site that passes everything to a port of this host.
pub fn site(name: &str, port: u16) -> String {
    format!(
        "server {{ listen 80; server_name {name};\n    \
         location / {{ proxy_pass http://127.0.0.1:{port}; }} }}\n"
    )
}

/// The same by the uwsgi protocol.
pub fn uwsgi_site(name: &str, port: u16) -> String {
    site(name, port).replace("proxy_pass http://", "uwsgi_pass ")
}

/// A page as an application sends it.
pub const PAGE: &str = "HTTP/1.0 200 OK\r\nContent-Length: 3\r\n\r\nhi\n";

/// Runs a command to its end with this input.
pub fn run(command: &mut Command, input: &[u8]) -> Run {
    let started = Instant::now();
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // a program that does not read its input is no error of ours
    let _ = child.stdin.take().unwrap().write_all(input);
    let done = child.wait_with_output().unwrap();
    Run::of(done, started.elapsed())
}

impl Run {
    pub fn of(done: Output, took: Duration) -> Self {
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("output is UTF-8");
        let code = done
            .status
            .code()
            .or(done.status.signal().map(|signal| 128 + signal));
        Self {
            code,
            out: text(done.stdout),
            err: text(done.stderr),
            took,
        }
    }

    /// Ended with this code, without a panic, and says each of these.
    #[track_caller]
    pub fn ends(&self, code: i32, says: &[&str]) -> &Self {
        let Self { out, err, .. } = self;
        assert!(!err.contains("panicked"), "{err}");
        assert_eq!(self.code, Some(code), "{out}\n{err}");
        let all = format!("{out}\n{err}");
        let words = all.split_whitespace().collect::<Vec<_>>().join(" ");
        for it in says {
            assert!(words.contains(it), "does not say '{it}':\n{all}");
        }
        self
    }

    /// Nothing in it can move a cursor, change a colour or turn text around.
    #[track_caller]
    pub fn is_harmless(&self) -> &Self {
        let bad = |c: char| {
            c.is_control() && c != '\n'
                || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
        };
        for text in [&self.out, &self.err] {
            assert!(!text.contains(bad), "{text:?}");
        }
        self
    }

    /// The output as JSON.
    #[track_caller]
    pub fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap_or_else(|error| panic!("{error}: {}\n{}", self.out, self.err))
    }
}

/// The most memory a command's child held while it ran, KiB.
pub fn peak_of(mut command: Command) -> u64 {
    let mut running = command.stdout(Stdio::null()).spawn().unwrap();
    let program = child_of(running.id()).unwrap();
    let mut peak = 0;
    while running.try_wait().unwrap().is_none() {
        let status = fs::read_to_string(format!("/proc/{program}/status")).unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
        let kib = line.and_then(|line| line.trim().split(' ').next()?.parse().ok());
        peak = peak.max(kib.unwrap_or(0));
        thread::sleep(Duration::from_millis(2));
    }
    peak
}

/// The first child of a process, as soon as it has one.
pub fn child_of(pid: u32) -> Option<u32> {
    until(|| {
        let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children")).ok()?;
        children.split_whitespace().next()?.parse().ok()
    })
}

/// Waits for something, not for ever.
pub fn until<T>(mut look: impl FnMut() -> Option<T>) -> Option<T> {
    let end = Instant::now() + PATIENCE;
    loop {
        match look() {
            Some(found) => return Some(found),
            None if Instant::now() > end => return None,
            None => thread::sleep(Duration::from_millis(5)),
        }
    }
}
