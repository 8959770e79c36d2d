//! A cookie too big for the backend, in real browsers: the site fails for this visitor alone.

use anyhow::{Context, Result, ensure};

use super::{Errand, Shown};
use crate::{Host, scenarios};

pub(super) const ERRAND: Errand = Errand {
    name: "visitor-clear",
    about: "A site gave Chromium and Firefox a cookie that its backend (uwsgi) has no buffer for: `client clear` heals it in \
            both, leaves the other site's cookies, refuses while a browser runs; undo brings the 502 back. `check` blames \
            each browser's cookies before and after, and says in between that the page works; and that Chromium goes on \
            showing a 502 which it may keep.",
    tell,
};

pub(super) const COOKIE: Shown = Shown {
    cause: "client-cookie",
    about: "The site gave the visitor's browsers a cookie that its backend has no buffer for.",
};
pub(super) const CACHE: Shown = Shown {
    cause: "client-cache",
    about: "The site answered 502 with `Cache-Control: max-age=600`; it is well again, and Chromium shows what it kept.",
};

/// The shop whose backend has a small buffer, a page of it that sets a big cookie, another site with a cookie of its own,
/// and somebody who visits them.
const SITES: &str = r#"
big=$(head -c 3900 /dev/zero | tr '\0' x)
sed -i "s|location / {|location = /kept { add_header Cache-Control max-age=600 always; return 502; }\n    location = /grow { add_header Set-Cookie 'big=$big; Max-Age=86400; Path=/'; default_type text/html; return 200 '<script>localStorage.setItem(1,1);indexedDB.open(1)</script>grown'; }\n    location / {|" /etc/nginx/sites-available/shop
sed -i "0,/location / s|location|location = /keep { add_header Set-Cookie 'keep=1; Max-Age=86400; Path=/'; return 200 kept; }\n    location|" /etc/nginx/sites-available/blog
nginx -t 2>/dev/null; systemctl reload nginx
echo '127.0.0.1 shop.example blog.example' >>/etc/hosts
useradd -m -s /bin/bash visitor
"#;

/// Shell of the visitor, with what each of them is called by.
const VISITOR: &str = r#"
as() { runuser -u visitor -- env HOME=/home/visitor PATH=$PATH LANG=C.UTF-8 NO_COLOR=1 MOZ_HEADLESS=1 MOZ_CRASHREPORTER_DISABLE=1 timeout -k 1 50 $*; }
chromium_() { as chromium --headless --no-sandbox --disable-gpu --disable-quic --no-first-run --disable-background-networking \
  --disable-component-update --disable-sync --disable-dev-shm-usage --user-data-dir=/home/visitor/.config/chromium --dump-dom $1 >/tmp/page 2>/tmp/said || true; }
firefox_() { as firefox-esr --headless --screenshot /home/visitor/shot.png $1 >/tmp/page 2>/tmp/said || true; }
status() { awk -v page=$1 '$7 == page { s = $9 } END { print s }' /var/log/nginx/shop.access.log; }
"#;

const BROWSERS: [&str; 2] = ["chromium", "firefox"];

fn tell(host: &mut Host) -> Result<()> {
    let shop = scenarios::all().find(|it| it.name == "request-too-big-for-backend-uwsgi");
    let shop = crate::Scenario {
        prepare: "",
        ..*shop.context("the scenario of the backend")?
    };
    host.sh(&shop.setup()).context("the shop")?;
    host.sh(SITES).context("the sites")?;
    for browser in BROWSERS {
        grown(host, browser).with_context(|| format!("{browser} gets the cookie"))?;
    }
    refused_while_it_runs(host).context("while a browser runs")?;
    let before = cookies(host)?;
    ensure!(
        before.contains("blog.example") && before.contains("shop.example"),
        "cookies: {before}"
    );
    blamed(host).context("check before the clear")?;
    ensure!(cookies(host)? == before, "a check took cookies");
    clear(host, "--plan", 1)?;
    ensure!(cookies(host)? == before, "a plan took cookies");
    clear(host, "--yes", 0)?;
    let after = cookies(host)?;
    ensure!(
        after.contains("blog.example") && !after.contains("shop.example"),
        "cookies after: {after}"
    );
    let of_blog = |all: &str| {
        all.lines()
            .filter(|line| line.contains("blog"))
            .map(str::to_owned)
            .collect::<Vec<_>>()
    };
    ensure!(
        of_blog(&before) == of_blog(&after),
        "another site's cookies: {before}\nand after:\n{after}"
    );
    for browser in BROWSERS {
        sees(host, browser, "200").context("after client clear")?;
    }
    let works = check(host, "", 0).context("check after the clear")?;
    ensure!(
        works.contains("works from here") && !works.contains("client-cookie"),
        "check after the clear: {works}"
    );
    still_shown(host).context("a 502 that may be kept")?;
    let undone = host.sh(&format!("{VISITOR}as why502 undo --yes 2>&1 || true"))?;
    ensure!(cookies(host)?.contains("shop.example"), "undo: {undone}");
    for browser in BROWSERS {
        sees(host, browser, "502").with_context(|| format!("after undo: {undone}"))?;
    }
    blamed(host).context("check after the undo")
}

/// Each browser's own cookies, and of the big one its name alone; the other site is not concerned.
fn blamed(host: &Host) -> Result<()> {
    for (profile, name) in [
        ("/home/visitor/.config/chromium/Default", "Chromium, profile"),
        (
            "$(dirname $(ls -d /home/visitor/.mozilla/firefox/*/cookies.sqlite /home/visitor/.config/mozilla/firefox/*/cookies.sqlite 2>/dev/null | head -n 1))",
            "Firefox, profile",
        ),
    ] {
        let said = check(host, &format!("--profile {profile}"), 1).context(name)?;
        let blames = ["client-cookie", name, "big (", "502 Bad Gateway with them"];
        let silent: Vec<_> = blames.iter().filter(|it| !said.contains(**it)).collect();
        ensure!(silent.is_empty(), "{name}: check does not say {silent:?}: {said}");
        ensure!(!said.contains("xxxxxxxx"), "check tells a cookie's value: {said}");
    }
    check(host, "", 1).context("all profiles")?;
    COOKIE.keep("why502 check http://shop.example/", &screen(host)?)?;
    let blog = host.sh(&format!("{VISITOR}as why502 check http://blog.example/ 2>&1"))?;
    ensure!(
        blog.contains("works from here"),
        "check of the other site: {blog}"
    );
    Ok(())
}

/// The last check as the visitor saw it.
fn screen(host: &Host) -> Result<String> {
    host.sh("cat /tmp/checked")
}

/// Chromium shows it again, and asks nobody.
fn still_shown(host: &Host) -> Result<()> {
    let page = "http://shop.example/kept";
    let visit = format!("{VISITOR}chromium_ {page}; cat /tmp/page");
    let before = host.sh(&visit)?;
    host.sh("sed -i '/location = .kept/s/return 502/return 200 well/' /etc/nginx/sites-available/shop; systemctl reload nginx")?;
    let after = host.sh(&visit)?;
    ensure!(
        before.contains("502") && after == before,
        "{before}\nand then\n{after}"
    );
    host.sh(&format!(
        "{VISITOR}as why502 check {page} >/tmp/checked 2>&1 || true"
    ))?;
    CACHE.keep(&format!("why502 check {page}"), &screen(host)?)
}

/// What the visitor's own check says, its lines joined.
fn check(host: &Host, more: &str, code: i32) -> Result<String> {
    let said = host.sh(&format!(
        "{VISITOR}code=0; as why502 check http://shop.example/ --requests 20 {more} >/tmp/checked 2>&1 || code=$?
         tr -s ' \\n' ' ' </tmp/checked; echo; echo ended $code"
    ))?;
    ensure!(said.ends_with(&format!("\nended {code}\n")), "check: {said}");
    Ok(said)
}

fn grown(host: &Host, browser: &str) -> Result<()> {
    host.sh(&format!(
        "{VISITOR}{browser}_ http://blog.example/keep; {browser}_ http://shop.example/grow"
    ))?;
    sees(host, browser, "502")
}

fn sees(host: &Host, browser: &str, status: &str) -> Result<()> {
    let seen = host.sh(&format!(
        "{VISITOR}: >/var/log/nginx/shop.access.log\n{browser}_ http://shop.example/; status /"
    ))?;
    ensure!(
        seen.trim() == status,
        "{browser} sees {:?}, not {status}: {}",
        seen.trim(),
        host.sh("tail -n 5 /tmp/said")?
    );
    Ok(())
}

fn clear(host: &Host, how: &str, code: i32) -> Result<String> {
    let said = host.sh(&format!(
        "{VISITOR}as why502 client clear http://shop.example/ {how} 2>&1 || echo ended $?"
    ))?;
    let right = if code == 0 {
        !said.contains("\nended ")
    } else {
        said.contains(&format!("\nended {code}"))
    };
    ensure!(right, "client clear {how}: {said}");
    Ok(said)
}

fn refused_while_it_runs(host: &Host) -> Result<()> {
    host.sh(&format!(
        "{VISITOR}as chromium --headless --no-sandbox --disable-gpu --no-first-run --disable-dev-shm-usage \
         --user-data-dir=/home/visitor/.config/chromium --remote-debugging-port=9222 about:blank >/dev/null 2>&1 &
         for _ in $(seq 100); do [ -L /home/visitor/.config/chromium/SingletonLock ] && break; sleep 0.1; done"
    ))?;
    let before = cookies(host)?;
    let said = clear(host, "--yes", 1)?;
    ensure!(said.contains("close it"), "{said}");
    ensure!(cookies(host)? == before, "it took cookies");
    host.sh("pkill -u visitor chromium; for _ in $(seq 100); do pgrep -u visitor chromium >/dev/null || break; sleep 0.1; done")?;
    Ok(())
}

/// Which cookies both browsers have.
fn cookies(host: &Host) -> Result<String> {
    host.sh(
        r#"python3 - <<'PY'
import glob, sqlite3
for file, table, column in [(f, "cookies", "host_key") for f in glob.glob("/home/visitor/.config/chromium/Default/**/Cookies", recursive=True)] + [
    (f, "moz_cookies", "host") for p in ("/home/visitor/.mozilla/firefox/*/cookies.sqlite", "/home/visitor/.config/mozilla/firefox/*/cookies.sqlite") for f in glob.glob(p)]:
    for row in sqlite3.connect(file).execute(f"SELECT {column}, name, path FROM {table} ORDER BY 1, 2"):
        print(table, *row)
PY"#,
    )
}
