use super::Bench;
use crate::{
    ProcessId, Step, Test,
    live::{process, wait},
};
use std::{
    fs,
    path::Path,
    process::{Child, Command},
    time::Duration,
};

/// nginx in a network of its own.
struct Nginx {
    dir: tempfile::TempDir,
    child: Child,
}

impl Nginx {
    fn start() -> Self {
        let dir = tempfile::tempdir().expect("temp dir");
        write_config(dir.path(), "return 204;");
        let place = dir.path().display();
        let script = format!("ip link set lo up; exec nginx -p {place} -c {place}/nginx.conf");
        let child = Command::new("unshare")
            .args(["--net", "sh", "-c", &script])
            .spawn()
            .expect("starts");
        let nginx = Self { dir, child };
        let up = || {
            (!process::children(nginx.child.id()).is_empty() && nginx.master_name() == "nginx").then_some(())
        };
        wait::until(Duration::from_secs(10), up).expect("nginx has workers");
        nginx
    }

    fn master_name(&self) -> String {
        process::look(self.child.id())
            .map(|it| it.comm)
            .unwrap_or_default()
    }

    fn master(&self) -> ProcessId {
        process::id(&process::look(self.child.id()).expect("runs"))
    }

    fn reload(&self) -> Step {
        Step::Reload {
            unit: None,
            master: self.master(),
        }
    }

    fn test(&self) -> Step {
        let place = self.dir.path().display();
        let args = vec![
            "-p".into(),
            place.to_string(),
            "-c".into(),
            format!("{place}/nginx.conf"),
        ];
        Step::Test {
            test: Test::Nginx {
                exe: "/usr/sbin/nginx".into(),
                args,
            },
        }
    }
}

impl Drop for Nginx {
    fn drop(&mut self) {
        if let Ok(Some(master)) = process::Held::hold(self.master()) {
            let _ = master.signal(rustix::process::Signal::TERM);
        }
        let _ = self.child.wait();
    }
}

fn write_config(dir: &Path, directive: &str) {
    let temp = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
    let temp: String = temp
        .iter()
        .map(|name| format!("{name}_temp_path {}/{name};\n", dir.display()))
        .collect();
    let config = format!(
        "daemon off; worker_processes 2; pid {0}/pid; error_log {0}/error.log;\nevents {{}}\nhttp {{ access_log {0}/access.log;\n{temp}server {{ listen 127.0.0.1:8502; {directive} }} }}\n",
        dir.display()
    );
    fs::write(dir.join("nginx.conf"), config).expect("writes");
}

#[test]
fn a_reload_is_believed_when_new_workers_run() {
    let (nginx, mut bench) = (Nginx::start(), Bench::new());
    let before = process::children(nginx.master().pid);
    for _ in 0..2 {
        bench.apply(&nginx.test()).expect("passes");
        bench.apply(&nginx.reload()).expect("reloads");
        let now = process::children(nginx.master().pid);
        assert!(now.iter().any(|worker| !before.contains(worker)), "{now:?}");
    }
}

#[test]
fn a_reload_that_nginx_refuses_fails_with_its_reason() {
    let (nginx, mut bench) = (Nginx::start(), Bench::new());
    write_config(nginx.dir.path(), "retrun 204;");
    bench.fails(&nginx.test(), "unknown directive \"retrun\"");
    bench.fails(&nginx.reload(), "unknown directive \"retrun\"");
    assert!(process::is_alive(nginx.master()));
}

#[test]
fn who_may_be_run_as_root() {
    let mut bench = Bench::new();
    let exe = bench.path("nginx");
    fs::copy("/bin/true", &exe).expect("copies");
    std::os::unix::fs::chown(&exe, Some(65534), None).expect("chown");
    let test = Test::Nginx {
        exe: exe.clone(),
        args: Vec::new(),
    };
    bench.fails(&Step::Test { test }, "not used as root");
    bench.fails(
        &Step::Test {
            test: Test::PhpFpm { exe },
        },
        "not used as root",
    );
    let args = vec!["-g".into(), "load_module /tmp/x.so;".into()];
    bench.fails(
        &Step::Test {
            test: Test::Nginx {
                exe: "/usr/sbin/nginx".into(),
                args,
            },
        },
        "load_module",
    );
}

#[test]
fn a_ruleset_file_is_tested() {
    let mut bench = Bench::new();
    let path = bench.path("nftables.conf");
    let test = Step::Test {
        test: Test::Nft { path: path.clone() },
    };
    fs::write(&path, "table inet f {\nchain c {\ntcp dport 9000 accept\n}\n}\n").expect("writes");
    bench.apply(&test).expect("passes");
    fs::write(&path, "table inet f {\nchain c {\ntcp dprt 9000 accept\n}\n}\n").expect("writes");
    bench.fails(&test, "nftables.conf:3");
}
