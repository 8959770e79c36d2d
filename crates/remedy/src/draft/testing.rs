//! A host in memory for tests of drafts: files, links, units, processes, the output of tools.

use crate::{Plan, Step, draft, testing::harness::survives};
use diagnose::{
    Class, Diagnosis, Finding, Measure, Rank, Remedy, Role, Verdict, World,
    topology::{Listen, Place, Protocol, Route, Settings, Target},
    verdict::{Outcome, SymptomOf},
    world::Nginx,
};
use host::{
    Answer, Endpoint, Host, Look, Query, Stance, Timestamp, Tool, Unseen,
    answer::{Blob, Bytes, FileKind, Output, RawProcess, Stat},
    memory::Memory,
};
use std::{collections::BTreeMap, path::Path, sync::Arc};

const NOW: Timestamp = Timestamp::from_secs(1_700_000_000);

/// Paths that nobody wrote down are not there.
#[derive(Default)]
pub(crate) struct Machine {
    stats: BTreeMap<String, Stat>,
    files: BTreeMap<String, Vec<u8>>,
    units: BTreeMap<String, String>,
    processes: Vec<RawProcess>,
    memory: Memory,
    pub(crate) world: Option<World>,
    symptoms: Vec<SymptomOf>,
}

impl Machine {
    pub(crate) fn new() -> Self {
        Self {
            world: Some(World::unseen(NOW, NOW)),
            ..Self::default()
        }
    }

    /// An nginx as Debian runs it, master 700.
    pub(crate) fn nginx() -> Self {
        let mut machine = Self::new()
            .process(
                700,
                1,
                "nginx: master process /usr/sbin/nginx -g daemon on; master_process on;",
                "/usr/sbin/nginx",
            )
            .unit(
                "nginx.service",
                "active",
                "enabled",
                700,
                "/usr/sbin/nginx -g daemon on; master_process on;",
            );
        machine.world().nginx.push(nginx());
        machine
    }

    pub(crate) fn world(&mut self) -> &mut World {
        self.world.as_mut().expect("built")
    }

    pub(crate) fn file(self, path: &str, text: impl AsRef<[u8]>) -> Self {
        self.file_of(path, text, 0o644, 0)
    }

    pub(crate) fn file_of(mut self, path: &str, text: impl AsRef<[u8]>, mode: u32, age_secs: i64) -> Self {
        let modified = Timestamp::from_secs(NOW.secs() - 1000 - age_secs);
        self.files.insert(path.to_owned(), text.as_ref().to_owned());
        self.stat(path, FileKind::File, mode, modified, None)
    }

    pub(crate) fn dir(self, path: &str, mode: u32) -> Self {
        self.stat(path, FileKind::Dir, mode, NOW, None)
    }

    pub(crate) fn link(self, path: &str, to: &str) -> Self {
        self.stat(path, FileKind::File, 0o777, NOW, Some(to))
    }

    fn stat(mut self, path: &str, kind: FileKind, mode: u32, modified: Timestamp, to: Option<&str>) -> Self {
        let stat = Stat {
            kind,
            mode,
            uid: 0,
            gid: 0,
            size: self.files.get(path).map_or(0, |bytes| bytes.len() as u64),
            inode: self.stats.len() as u64 + 1,
            modified,
            link_to: to.map(Into::into),
            has_acl: false,
        };
        self.stats.insert(path.to_owned(), stat);
        self
    }

    pub(crate) fn unit(mut self, name: &str, active: &str, file_state: &str, pid: u32, exec: &str) -> Self {
        let load = if file_state.starts_with("masked") {
            "masked"
        } else {
            "loaded"
        };
        let show = format!(
            "Id={name}\nLoadState={load}\nActiveState={active}\nSubState=x\nUnitFileState={file_state}\nMainPID={pid}\n\
             FragmentPath=/lib/systemd/system/{name}\nExecStart={{ path=/x ; argv[]={exec} ; ignore_errors=no }}\n"
        );
        self.units.insert(name.to_owned(), show);
        self
    }

    pub(crate) fn process(mut self, pid: u32, ppid: u32, title: &str, exe: &str) -> Self {
        self.processes.push(RawProcess {
            pid,
            stat: format!("{pid} (x) S {ppid} 7 7 0 -1 4194560 1 0 0 0 5 6 0 0 20 0 1 0 {pid}00 1000 10"),
            cmdline: format!("{title}\0"),
            exe: Some(exe.into()),
            ..RawProcess::default()
        });
        self
    }

    pub(crate) fn says(mut self, tool: Tool, stdout: &str) -> Self {
        let output = Output {
            status: Some(0),
            stdout: Bytes(stdout.into()),
            stderr: Bytes::default(),
        };
        self.memory.set(Query::Run(tool), Ok(Answer::Output(output)));
        self
    }

    pub(crate) fn memory(&mut self, query: Query, answer: Answer) {
        self.memory.set(query, Ok(answer));
    }

    /// A site whose route is written there.
    pub(crate) fn site(mut self, name: &str, file: &str, line: u32, endpoint: &str, fails: bool) -> Self {
        let endpoint = Endpoint::Tcp(endpoint.parse().expect("an address"));
        self.world().routes.push(Route {
            nginx: 0,
            site: name.to_owned(),
            names: vec![name.to_owned()],
            listen: vec![Listen {
                endpoint: Endpoint::Tcp(([0, 0, 0, 0], 80).into()),
                tls: false,
            }],
            location: "/".into(),
            protocol: Protocol::Http,
            target: Target::Endpoint(endpoint),
            pass: "proxy_pass".into(),
            written: Place::line(Path::new(file), line),
            settings: Settings::default(),
        });
        if fails {
            self.symptoms.push(symptom(name));
        }
        self
    }

    /// The plan of one remedy of these measures, played through all that can go wrong.
    pub(crate) fn plan(self, measures: Vec<Measure>) -> Result<Plan, String> {
        self.draft(measures).inspect(survives)
    }

    fn draft(mut self, measures: Vec<Measure>) -> Result<Plan, String> {
        let diagnosis = Diagnosis {
            world: Arc::new(self.world.take().expect("built")),
            verdict: verdict(std::mem::take(&mut self.symptoms)),
        };
        let remedy = Remedy {
            title: "mend it".into(),
            class: Class::Ask,
            relief: false,
            measures,
        };
        let finding = &diagnosis.verdict.findings[0];
        let plan = draft(&self, &diagnosis, finding, &remedy).map_err(|cannot| cannot.to_string())?;
        crate::testing::harness::survives(&plan);
        Ok(plan)
    }

    /// Its steps, each in a line.
    pub(crate) fn steps(self, measures: Vec<Measure>) -> Vec<String> {
        match self.draft(measures) {
            Ok(plan) => plan.steps.iter().map(shown).collect(),
            Err(why) => vec![format!("cannot: {why}")],
        }
    }
}

impl Host for Machine {
    fn ask(&self, query: &Query) -> Look<Answer> {
        let text = |path: &Path| path.to_string_lossy().into_owned();
        Ok(match query {
            Query::File { path, .. } => Answer::File(self.blob(&text(path))),
            Query::Stat { path, .. } => Answer::Stat(self.stats.get(&text(path)).cloned()),
            Query::Dir { path } => Answer::Dir(self.names(&text(path))),
            Query::Processes => Answer::Processes(self.processes.clone()),
            Query::Run(Tool::UnitsShow { units }) => Answer::Output(Output {
                status: Some(0),
                stdout: Bytes(self.show(units).into_bytes()),
                stderr: Bytes::default(),
            }),
            other => return self.memory.ask(other),
        })
    }
}

impl Machine {
    fn blob(&self, path: &str) -> Option<Blob> {
        let bytes = self.files.get(path)?;
        Some(Blob {
            bytes: Bytes(bytes.clone()),
            size: bytes.len() as u64,
            modified: self.stats.get(path)?.modified,
        })
    }

    fn names(&self, dir: &str) -> Option<Vec<String>> {
        let dir = format!("{}/", dir.trim_end_matches('/'));
        let below = self.stats.keys().filter_map(|path| path.strip_prefix(&dir));
        let names: std::collections::BTreeSet<String> = below
            .filter_map(|rest| rest.split('/').next())
            .map(str::to_owned)
            .collect();
        (!names.is_empty()).then(|| names.into_iter().collect())
    }

    fn show(&self, units: &[String]) -> String {
        let known = |name: &String| self.units.get(name).cloned();
        let unknown = |name: &String| format!("Id={name}\nLoadState=not-found\nActiveState=inactive\n");
        let blocks: Vec<String> = units
            .iter()
            .map(|name| known(name).unwrap_or_else(|| unknown(name)))
            .collect();
        blocks.join("\n")
    }
}

fn nginx() -> Nginx {
    Nginx {
        master: Some(700),
        unit: Some("nginx.service".into()),
        workers: vec![701],
        account: None,
        loaded_at: None,
        test: Err(Unseen::NotRecorded { what: "test".into() }),
        newer_files: Vec::new(),
        version: None,
        error_logs: Vec::new(),
        access_logs: Vec::new(),
        names: Vec::new(),
        worker_connections: None,
        http_dir: None,
        has_limits: false,
        may_cache: true,
        has_quiet_limits: false,
        limit_zones: Vec::new(),
        proxies: Vec::new(),
        main: None,
    }
}

fn symptom(site: &str) -> SymptomOf {
    SymptomOf {
        symptom: diagnose::Symptom {
            id: "s1".into(),
            complaint: None,
            status: Some(502),
            made_by: diagnose::case::MadeBy::Nginx,
            peer: None,
            request: None,
            count: 1,
            first: NOW,
            last: NOW,
            times: vec![NOW],
            upstream_seconds: Vec::new(),
            sample: String::new(),
            log: Default::default(),
        },
        site: site.to_owned(),
        location: "/".into(),
        upstream: String::new(),
        over: false,
        untried: None,
    }
}

/// A GET of `/`.
pub(crate) fn question(host: &str) -> diagnose::Question {
    diagnose::Question {
        listen: Listen {
            endpoint: Endpoint::Tcp(([127, 0, 0, 1], 80).into()),
            tls: false,
        },
        stance: Stance::default(),
        method: "GET".into(),
        target: "/".into(),
        host: host.into(),
        patience_ms: 1000,
        upgrade: false,
    }
}

fn verdict(symptoms: Vec<SymptomOf>) -> Verdict {
    let finding = Finding {
        cause: "backend-stopped",
        title: "the backend was stopped",
        says: "it was stopped".into(),
        role: Role::Root,
        subject: "x".into(),
        rank: Rank::Decisive,
        explains: vec!["s1".into()],
        because_of: Vec::new(),
        evidence: Vec::new(),
        trigger: None,
        class: Class::Auto,
        advice: "start it".into(),
        remedies: Vec::new(),
        proof: vec![question("shop")],
        gap: None,
        over: false,
    };
    Verdict {
        outcome: Outcome::Found,
        symptoms,
        findings: vec![finding],
        ruled_out: Vec::new(),
        unseen: Vec::new(),
        settled_by: Vec::new(),
    }
}

/// A step in a line; of an edit, the lines that are new.
pub(crate) fn shown(step: &Step) -> String {
    match step {
        Step::Write { path, from, to } => {
            let text = |content: &Option<crate::Content>| {
                content
                    .as_ref()
                    .map(|it| String::from_utf8_lossy(&it.bytes).into_owned())
                    .unwrap_or_default()
            };
            let (old, new) = (text(from), text(to));
            let added: Vec<&str> = new
                .split('\n')
                .filter(|line| !old.split('\n').any(|it| it == *line))
                .collect();
            format!("write {}: {}", path.display(), added.join(" | "))
        }
        other => {
            let json = serde_json::to_string(other).expect("JSON");
            json.replace(['"', '{', '}'], "").replacen("do:", "", 1)
        }
    }
}
