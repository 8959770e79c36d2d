//! Whatever the bytes: no panic, places lie inside the file, and every word reads the same from its own span.

#![allow(clippy::unwrap_used, clippy::panic, reason = "test helpers")]

mod common;

use common::{OnDisk, corpus};
use nginx_conf::effective::Config;
use nginx_conf::{Body, Directive, Place, Source, Tree, Word, from_dump, parse};
use proptest::prelude::*;
use std::path::Path;
use std::time::{Duration, Instant};

fn all<'t>(directives: &'t [Directive], found: &mut Vec<&'t Directive>) {
    for directive in directives {
        found.push(directive);
        all(directive.block(), found);
    }
}

fn every(file: &Source) -> Vec<&Directive> {
    let mut found = Vec::new();
    all(file.directives(), &mut found);
    found
}

fn inside(file: &Source, place: &Place) {
    assert!(
        place.start <= place.end && place.end <= file.bytes().len(),
        "{place:?} of {}",
        file.bytes().len()
    );
    let before = &file.bytes()[..place.start];
    let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|byte| **byte != b'\n').count() + 1;
    assert_eq!((place.line as usize, place.column as usize), (line, column));
}

/// Spans nest and go forwards.
fn in_order(directives: &[Directive], mut at: u32, end: u32) {
    for directive in directives {
        assert!(
            at <= directive.span.start && directive.span.end <= end,
            "{directive:?}"
        );
        in_order(directive.block(), directive.span.start, directive.span.end);
        if let Body::Code(code) = directive.body {
            assert!(directive.span.start <= code.start && code.end <= directive.span.end);
        }
        at = directive.span.end;
    }
}

fn check(bytes: &[u8]) {
    let (tree, mistakes) = parse(Path::new("/n/nginx.conf"), bytes);
    let file = &tree.files()[0];
    in_order(file.directives(), 0, bytes.len() as u32);
    for directive in every(file) {
        inside(file, &tree.place(directive.span));
        std::iter::once(&directive.name)
            .chain(&directive.args)
            .for_each(|word| inside(file, &tree.place(word.span)));
    }
    for mistake in &mistakes {
        inside(file, &mistake.place);
        assert!(!mistake.to_string().contains(['\n', '\x1b']), "{mistake}");
    }
    use_it(&tree);
    from_dump(bytes, Path::new("/n"));
    if mistakes.is_empty() {
        same_words_again(&tree);
    }
}

/// Everything that reads a configuration.
fn use_it(tree: &Tree) {
    let config = Config::from(tree);
    let (mut seen, limit) = (0, 1000);
    for route in config.routes().take(limit) {
        seen += config.addresses(route.pass).len() + route.location.scope.error_logs(&config.prefix).len();
        seen += usize::from(route.location.scope.resolver().is_some());
    }
    for site in config.sites.iter().take(limit) {
        seen += site.candidates(b"/a/b.php?c").len();
    }
    seen += config.access_logs().len() + config.error_logs().len() + config.resolvers().len();
    seen += usize::from(config.site_for(b"a.example", Some(80), None).is_some());
    std::hint::black_box(seen);
}

/// The words as written, joined by spaces, are the same words.
fn same_words_again(tree: &Tree) {
    for directive in every(&tree.files()[0])
        .into_iter()
        .filter(|directive| directive.body == Body::None)
    {
        let words: Vec<&Word> = std::iter::once(&directive.name).chain(&directive.args).collect();
        let raw: Vec<&[u8]> = words.iter().map(|word| tree.bytes(word.span)).collect();
        let line = [raw.join(b" ".as_slice()).as_slice(), b";"].concat();
        let (again, _) = parse(Path::new("f"), &line);
        let Some(again) = again.files()[0].directives().first() else {
            panic!("lost {line:?}")
        };
        let values: Vec<_> = std::iter::once(&again.name)
            .chain(&again.args)
            .map(|word| &word.value)
            .collect();
        assert_eq!(
            values,
            words.iter().map(|word| &word.value).collect::<Vec<_>>(),
            "{line:?}"
        );
    }
}

/// Pieces that mean something to a tokenizer, and any byte.
fn piece() -> impl Strategy<Value = Vec<u8>> {
    const KNOWN: &[&str] = &[
        "{",
        "}",
        ";",
        "\"",
        "'",
        "\\",
        "$",
        "${",
        "#",
        "\n",
        "\r\n",
        " ",
        ")",
        "(",
        "http",
        "server",
        "location ",
        "if ($a",
        "map $a $b {",
        "include x",
        "proxy_pass http://",
        "content_by_lua_block {",
        "set_by_lua_block $a {",
        "--",
        "[[",
        "]]",
        "[=[",
        "listen ",
        "80-",
        "[::",
        "unix:",
        "upstream u {",
        "set $a ",
        "\u{feff}",
        "~* (",
        "log_format ",
        "try_files ",
        "@x",
        "server_name ~",
        "*",
        "# configuration file /n/nginx.conf:\n",
    ];
    prop_oneof![
        8 => prop::sample::select(KNOWN).prop_map(|piece| piece.as_bytes().to_vec()),
        1 => prop::collection::vec(any::<u8>(), 0..6),
        2 => "[a-z]{1,4} ".prop_map(String::into_bytes),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_pieces(pieces in prop::collection::vec(piece(), 0..60)) {
        check(&pieces.concat());
    }

    #[test]
    fn any_bytes(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        check(&bytes);
    }
}

/// A sequence that is the same on every run (xorshift).
struct Dice(u64);

impl Dice {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % limit.max(1) as u64) as usize
    }

    /// One to four bytes or stretches put in, taken out, doubled or swapped.
    fn mutate(&mut self, bytes: &mut Vec<u8>) {
        for _ in 0..=self.below(4) {
            let at = self.below(bytes.len() + 1);
            let end = (at + self.below(12)).min(bytes.len());
            match self.below(4) {
                0 => drop(bytes.drain(at..end)),
                1 => bytes.insert(at, b"{}\";'\\$#\n \r)\xff"[self.below(13)]),
                2 => bytes.splice(at..at, bytes[at..end].to_vec()).for_each(drop),
                _ => bytes.truncate(if self.below(8) == 0 { at } else { bytes.len() }),
            }
        }
    }
}

fn seeds() -> Vec<Vec<u8>> {
    let paths = corpus("accepted").into_iter().chain(corpus("refused"));
    let trees = paths.map(|path| OnDisk::of(&path).load().0);
    trees
        .flat_map(|tree| {
            tree.files()
                .iter()
                .map(|file| file.bytes().to_vec())
                .collect::<Vec<_>>()
        })
        .collect()
}

#[test]
#[allow(clippy::disallowed_methods, reason = "bounds the time of the test itself")]
fn mutations_of_the_corpus() {
    let (seeds, mut dice) = (seeds(), Dice(0x5eed_0502));
    let start = Instant::now();
    for _ in 0..3000 {
        let mut bytes = seeds[dice.below(seeds.len())].clone();
        dice.mutate(&mut bytes);
        check(&bytes);
        if start.elapsed() > Duration::from_secs(2) {
            return;
        }
    }
}

/// Where nginx's tokenizer refuses a mutation we refuse it, and what nginx takes we take.
#[test]
fn mutations_judged_by_nginx() {
    const TOKENIZER: [&str; 3] = ["unexpected \"", "unexpected end", "too long"];
    let (mut dice, disk) = (Dice(0x1234_5678), OnDisk::new());
    let seed = [
        "balanced",
        "quoting",
        "protocols",
        "crlf",
        "bytes",
        "lua",
        "oneline",
        "lua-plain",
    ]
    .map(|name| {
        let path = corpus("accepted")
            .into_iter()
            .find(|path| path.ends_with(name))
            .unwrap();
        OnDisk::of(&path).load().0.files()[0].bytes().to_vec()
    });
    for _ in 0..200 {
        let mut bytes = seed[dice.below(seed.len())].clone();
        dice.mutate(&mut bytes);
        disk.write("nginx.conf", &bytes);
        let output = disk.nginx("-t");
        let (_, mistakes) = disk.load();
        let refused = mistakes.iter().any(|mistake| mistake.fault.is_refused());
        let says = String::from_utf8_lossy(&output.stderr);
        let text = String::from_utf8_lossy(&bytes);
        if output.status.success() {
            assert!(!refused, "nginx takes it, we do not: {mistakes:?}\n{text}");
        } else if TOKENIZER.iter().any(|part| says.contains(part)) && !says.contains("in condition") {
            assert!(refused, "{says}\n{text}");
        }
    }
}
