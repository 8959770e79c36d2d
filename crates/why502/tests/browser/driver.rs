//! A browser of one's own, by the WebDriver protocol. It ends with its test.

use serde_json::{Value, json};
use std::{
    io::{BufRead, BufReader},
    path::Path,
    process::{Child, Command, Stdio},
};
use tempfile::TempDir;

/// Nothing that a browser does by itself: it only shows what it is told to.
const QUIET: &[&str] = &[
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-dev-shm-usage",
];
/// Seconds a command may take on a busy machine.
const PATIENCE: u64 = 60;

/// A running browser.
pub struct Browser {
    driver: Child,
    base: String,
    _profile: TempDir,
}

impl Browser {
    /// A fresh one.
    pub fn new() -> Self {
        let mut driver = Command::new("chromedriver")
            .arg("--port=0")
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("these tests need chromedriver: apt-get install chromium-driver");
        let mut said = BufReader::new(driver.stdout.take().unwrap()).lines();
        let port = said.find_map(|line| {
            let line = line.ok()?;
            let (_, port) = line.split_once("started successfully on port ")?;
            port.trim_end_matches('.').parse::<u16>().ok()
        });
        std::thread::spawn(move || said.for_each(drop));
        let profile = tempfile::tempdir().unwrap();
        let profile_flag = format!("--user-data-dir={}", profile.path().display());
        let mut browser = Self {
            driver,
            base: format!("http://127.0.0.1:{}", port.expect("chromedriver says its port")),
            _profile: profile,
        };
        let args: Vec<&str> = QUIET.iter().copied().chain([profile_flag.as_str()]).collect();
        let session = browser.post(
            "/session",
            &json!({"capabilities": {"alwaysMatch": {
                "goog:loggingPrefs": {"browser": "ALL", "performance": "ALL"},
                "goog:chromeOptions": {"args": args},
            }}}),
        );
        let id = session["sessionId"].as_str().expect("a session");
        browser.base = format!("{}/session/{id}", browser.base);
        browser
    }

    fn post(&self, path: &str, body: &Value) -> Value {
        let url = format!("{}{path}", self.base);
        let request = minreq::post(&url).with_timeout(PATIENCE).with_json(body).unwrap();
        let answer: Value = request.send().expect("chromedriver answers").json().unwrap();
        let value = answer["value"].clone();
        assert!(value["error"].is_null(), "{path}: {value}");
        value
    }

    fn cdp(&self, command: &str, params: Value) -> Value {
        self.post("/goog/cdp/execute", &json!({"cmd": command, "params": params}))
    }

    /// A screen of that size; the colours that its reader likes: `light` or `dark`.
    pub fn screen(&self, width: u32, height: u32, colours: &str) {
        let metrics =
            json!({"width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600});
        self.cdp("Emulation.setDeviceMetricsOverride", metrics);
        let features = json!([{"name": "prefers-color-scheme", "value": colours}]);
        self.cdp("Emulation.setEmulatedMedia", json!({"features": features}));
    }

    /// Opens a file, as who gets it by mail does.
    pub fn open(&self, file: &Path) {
        let file = std::path::absolute(file).unwrap();
        self.post("/url", &json!({"url": format!("file://{}", file.display())}));
    }

    /// What a function body returns there.
    pub fn eval(&self, script: &str) -> Value {
        self.post("/execute/sync", &json!({"script": script, "args": []}))
    }

    /// Presses a key, so many times.
    pub fn press(&self, key: char, times: usize) {
        let strokes: Vec<Value> = (0..times)
            .flat_map(|_| ["keyDown", "keyUp"].map(|act| json!({"type": act, "value": key})))
            .collect();
        let actions = json!({"actions": [{"type": "key", "id": "keys", "actions": strokes}]});
        self.post("/actions", &actions);
    }

    /// It as paper: the bytes of a PDF.
    pub fn print(&self) -> Vec<u8> {
        use base64::{Engine, engine::general_purpose::STANDARD};
        let printed = self.post("/print", &json!({"background": true}));
        STANDARD.decode(printed.as_str().unwrap()).unwrap()
    }

    /// What the console said.
    pub fn console(&self) -> Vec<String> {
        self.log("browser")
            .iter()
            .map(|it| it["message"].to_string())
            .collect()
    }

    /// Every address that files asked for; the browser's own start page asks for others.
    pub fn requests(&self) -> Vec<String> {
        let asked = |entry: &Value| {
            let message: Value = serde_json::from_str(entry["message"].as_str()?).ok()?;
            let (method, params) = (&message["message"]["method"], &message["message"]["params"]);
            let by_file = params["documentURL"].as_str()?.starts_with("file:");
            let asked = method == "Network.requestWillBeSent" && by_file;
            params["request"]["url"]
                .as_str()
                .filter(|_| asked)
                .map(str::to_owned)
        };
        self.log("performance").iter().filter_map(asked).collect()
    }

    fn log(&self, kind: &str) -> Vec<Value> {
        let log = self.post("/se/log", &json!({"type": kind}));
        log.as_array().cloned().unwrap_or_default()
    }
}

impl Drop for Browser {
    fn drop(&mut self) {
        let _ = minreq::delete(&self.base).with_timeout(10).send();
        let _ = self.driver.kill();
        let _ = self.driver.wait();
    }
}

/// The key that moves the focus on.
pub const TAB: char = '\u{E004}';
/// The key that opens what has the focus.
pub const ENTER: char = '\u{E007}';
