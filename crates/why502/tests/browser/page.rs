//! What a reader has of the page.

use crate::{
    driver::{Browser, ENTER, TAB},
    story::{FORMAT, hour, page_of},
};
use serde_json::{Value, json};

/// Contrast of two colours as WCAG measures it; a page has no function for it.
const CONTRAST: &str = "
    const canvas = document.createElement('canvas').getContext('2d', {willReadFrequently: true});
    const light = colour => {
        canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
        const [r, g, b] = [...canvas.getImageData(0, 0, 1, 1).data].map(it => it / 255)
            .map(it => it <= 0.04045 ? it / 12.92 : ((it + 0.055) / 1.055) ** 2.4);
        return 0.2126 * r + 0.7152 * g + 0.0722 * b;
    };
    const contrast = (a, b) => { const [x, y] = [light(a), light(b)].sort(); return (y + 0.05) / (x + 0.05); };
    const paper = element => {
        for (let it = element; it; it = it.parentElement) {
            const colour = getComputedStyle(it).backgroundColor;
            if (colour !== 'rgba(0, 0, 0, 0)') return colour;
        }
        return getComputedStyle(document.documentElement).backgroundColor;
    };";

#[test]
fn it_is_drawn_alone_in_both_colours_and_at_every_width() {
    let page = page_of(hour().as_bytes(), FORMAT);
    let browser = Browser::new();
    browser.requests();
    let file = format!("file://{}", page.file.display());
    let mut papers = Vec::new();
    for (width, height, colours) in [
        (1200, 900, "light"),
        (1200, 900, "dark"),
        (320, 640, "light"),
        (2400, 1300, "dark"),
    ] {
        browser.screen(width, height, colours);
        browser.open(&page.file);
        let seen = browser.eval(
            "const boxes = css => [...document.querySelectorAll(css)].map(it => it.getBoundingClientRect());
             return {
                plots: boxes('svg.plot').map(it => [it.width, it.height]),
                lost: boxes('#happened svg.plot rect.lane0').filter(it => it.width > 0.3 && it.height > 1).length,
                ranges: boxes('.latency rect.range').filter(it => it.width > 0.3 && it.height > 1).length,
                over: document.documentElement.scrollWidth - document.documentElement.clientWidth,
                paper: getComputedStyle(document.documentElement).backgroundColor,
                shown: getComputedStyle(document.querySelector('.asked')).fill,
             }",
        );
        let plots = seen["plots"].as_array().unwrap();
        assert!(plots.len() >= 5, "{seen}");
        let drawn = |it: &Value| it[0].as_f64() > Some(200.0) && it[1].as_f64() > Some(60.0);
        assert!(plots.iter().all(drawn), "{width}: {seen}");
        assert_eq!(seen["lost"], 10, "half minutes of a five minutes' outage: {seen}");
        assert!(seen["ranges"].as_u64() > Some(100), "{seen}");
        assert_eq!(seen["over"], 0, "{width} {colours}: {seen}");
        assert_ne!(seen["shown"], "rgb(0, 0, 0)", "the style was not applied: {seen}");
        papers.push(seen["paper"].clone());
        assert_eq!(browser.requests().join(" "), file, "nothing else is asked for");
        assert_eq!(browser.console(), [""; 0]);
    }
    assert_eq!(papers[0], papers[2]);
    assert_ne!(papers[0], papers[1]);
}

#[test]
fn the_answer_comes_first_and_the_burst_is_where_it_was() {
    let page = page_of(hour().as_bytes(), FORMAT);
    let browser = Browser::new();
    browser.screen(1200, 900, "light");
    browser.open(&page.file);
    let seen = browser.eval(
        "const text = css => document.querySelector(css).textContent.replace(/\\u202f/g, ' ');
         const box = css => document.querySelector(css).getBoundingClientRect();
         const plot = box('#happened svg.plot'), band = box('#happened svg.plot .band');
         return {
            title: text('h1'), happened: text('.chronicle'), burst: text('#burst-1'), latency: text('#latency table'),
            answer: box('h1').bottom, fold: box('#happened svg.plot').top,
            from: (band.left - plot.left) / plot.width, long: band.width / plot.width,
         }",
    );
    for (place, says) in [
        (
            "title",
            "shop.example failed for 5 min from 22 Nov 12:20:00: 300 requests lost",
        ),
        ("happened", "12:20:00Failsshop.example begins to fail (502"),
        (
            "happened",
            "12:24:59Endsshop.example: the last failure; 300 requests lost in 5 min",
        ),
        (
            "burst",
            "502, the upstream gave no answer, upstream 127.0.0.1:9000300",
        ),
        (
            "latency",
            "waiting for the head of its answer30 ms30 ms30 ms30 ms30 ms6 900",
        ),
    ] {
        assert!(
            seen[place].as_str().unwrap().contains(says),
            "{says} is not in {place}: {}",
            seen[place]
        );
    }
    assert!(
        seen["answer"].as_f64() < seen["fold"].as_f64() && seen["fold"].as_f64() < Some(600.0),
        "{seen}"
    );
    let near = |value: &Value, expected: f64| (value.as_f64().unwrap() - expected).abs() < 0.01;
    assert!(
        near(&seen["from"], 1200.0 / 3600.0) && near(&seen["long"], 300.0 / 3600.0),
        "{seen}"
    );
}

#[test]
fn it_can_be_read_by_keyboard_and_by_those_who_see_little() {
    let page = page_of(hour().as_bytes(), FORMAT);
    let browser = Browser::new();
    for colours in ["light", "dark"] {
        browser.screen(1200, 900, colours);
        browser.open(&page.file);
        // every text against what is behind it
        let faint = browser.eval(&format!(
            "{CONTRAST}
             const texts = [...document.querySelectorAll('body *')].filter(it => it.checkVisibility()
                && !(it instanceof SVGElement) && [...it.childNodes].some(node => node.nodeType === 3 && node.data.trim()));
             return texts.map(it => [it.textContent.slice(0, 40), contrast(getComputedStyle(it).color, paper(it))])
                .filter(it => it[1] < 4.5);"
        ));
        assert_eq!(faint, json!([]), "{colours}");
        let bars = browser.eval(&format!(
            "{CONTRAST}
             return ['.lost', '.lane0', '.range'].map(css => document.querySelector(css))
                .map(it => contrast(getComputedStyle(it).fill, paper(document.body))).filter(it => it < 3);"
        ));
        assert_eq!(bars, json!([]), "{colours}");
    }
    let nameless = browser.eval(
        "return [...document.querySelectorAll('svg[role], [role=region], nav, section')].filter(it => {
            const by = it.getAttribute('aria-labelledby');
            return !(it.ariaLabel || by && document.getElementById(by)?.textContent || it.id === 'answer');
         }).length + [...document.querySelectorAll('th')].filter(it => !it.textContent.trim()).length",
    );
    assert_eq!(nameless, 0);
    let mut opened = 0;
    let closed = browser.eval(
        "document.activeElement?.blur(); return document.querySelectorAll('details:not([open])').length",
    );
    for _ in 0..80 {
        browser.press(TAB, 1);
        let focus = browser.eval(
            "const it = document.activeElement; const style = getComputedStyle(it);
             return {name: it.tagName, closed: it.tagName === 'SUMMARY' && !it.parentElement.open, last: it === document.body,
                seen: style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) >= 2}",
        );
        if focus["last"] == true {
            break;
        }
        assert_eq!(focus["seen"], true, "what has the focus shows it: {focus}");
        if focus["closed"] == true {
            browser.press(ENTER, 1);
            opened += 1;
        }
    }
    assert_eq!(json!(opened), closed);
    assert_eq!(
        browser.eval("return document.querySelectorAll('details:not([open])').length"),
        0
    );
}

#[test]
fn it_prints_all_of_it() {
    let page = page_of(hour().as_bytes(), FORMAT);
    let browser = Browser::new();
    browser.open(&page.file);
    let printed = browser.print();
    assert!(
        printed.starts_with(b"%PDF-") && printed.len() > 20_000,
        "{}",
        printed.len()
    );
    let pages = printed.windows(11).filter(|it| it == b"/Type /Page").count();
    assert!((2..=30).contains(&pages), "{pages} pages");
}
