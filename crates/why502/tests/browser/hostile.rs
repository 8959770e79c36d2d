//! Strangers write logs; their text stays text.

use crate::{
    driver::Browser,
    story::{FORMAT, hour, page_of},
};
use serde_json::json;
use std::fmt::Write;

const EVIL: &[&str] = &[
    "<script>document.title='owned'</script>",
    "<img src=x onerror=\"document.title='owned'\">",
    "'\"><svg onload=document.title='owned'>",
    "</style><style>*{display:none}</style>",
    "</title></code></table><iframe src=http://192.0.2.1/>",
    "<a href=javascript:alert(1)>x</a>",
    "<!--",
    "&lt;b&gt;&#x3c;",
    "\u{202e}gnp.exe",
    "\u{1b}[2J\u{1b}]0;owned\u{7}",
    "\u{0}\u{85}\u{feff}",
    "{{7*7}}${7*7}",
];

/// The log of an hour with each of these in every field that takes it.
fn log() -> Vec<u8> {
    let mut log = hour();
    for (second, evil) in EVIL.iter().enumerate() {
        let word = evil.replace([' ', '"', '\n'], "_");
        for status in [200, 502] {
            let _ = writeln!(
                log,
                "{word} [2026-11-22T12:30:{second:02}+00:00] {} \"GET /{word}{evil} HTTP/1.1\" {status} 512 \"{evil}\" \"{word}\" - - 0.000",
                word.replace('/', "_")
            );
        }
    }
    log.extend(EVIL.iter().flat_map(|evil| [evil, "\n"]));
    log.into_bytes()
}

#[test]
fn hostile_text_stays_text() {
    let page = page_of(&log(), FORMAT);
    let text = std::fs::read_to_string(&page.file).unwrap();
    let bad = |c: char| {
        c.is_control() && c != '\n'
            || matches!(c, '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{feff}')
    };
    assert_eq!(text.find(bad), None);
    let browser = Browser::new();
    browser.screen(1200, 900, "light");
    browser.requests();
    browser.open(&page.file);
    let seen = browser.eval(
        "return {
            title: document.title,
            made: document.querySelectorAll('script, img, iframe, object, embed, form, base, link, [onload], [onerror], [style]').length,
            links: [...document.querySelectorAll('a')].filter(it => !it.getAttribute('href').startsWith('#')).length,
            styles: document.querySelectorAll('style').length,
            shown: document.querySelector('h1').checkVisibility(),
            text: document.body.textContent,
        }",
    );
    assert_eq!(seen["title"], "why502 report");
    assert_eq!(
        (&seen["made"], &seen["links"], &seen["styles"], &seen["shown"]),
        (&json!(0), &json!(0), &json!(1), &json!(true))
    );
    let text = seen["text"].as_str().unwrap();
    for shown in [
        "<script>document.title=",
        "<img",
        "</style><style>",
        "\\u{202E}gnp.exe",
        "${7*7}",
        "&lt;b&gt;",
    ] {
        assert!(text.contains(shown), "{shown} is not told");
    }
    assert_eq!(browser.requests().len(), 1);
    assert_eq!(browser.console(), [""; 0]);
}

/// What no escape could make good: a policy holds it.
#[test]
fn the_policy_would_stop_what_got_through() {
    let page = page_of(hour().as_bytes(), FORMAT);
    let broken = std::fs::read_to_string(&page.file)
        .unwrap()
        .replace("<main>", "<main><script>document.title='owned'</script><img src='http://127.0.0.1:9/x'><p id=styled style='color:red'>");
    let file = page.dir.path().join("broken.html");
    std::fs::write(&file, broken).unwrap();
    let browser = Browser::new();
    browser.open(&file);
    assert_eq!(browser.eval("return document.title"), "why502 report");
    assert_eq!(
        browser.eval("return document.getElementById('styled').style.color"),
        ""
    );
    assert!(browser.console().len() >= 3, "{:?}", browser.console());
}
