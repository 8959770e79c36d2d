#![allow(clippy::disallowed_methods, reason = "reads the corpus of nginx-conf")]

use super::*;
use proptest::prelude::*;
use std::{fs, path::PathBuf, sync::LazyLock};

const AT: &str = "/etc/nginx/x";

fn replaced(text: &str, line: u32, old: &str, new: &str) -> Result<String, String> {
    let edited = replace(Path::new(AT), text.as_bytes(), (line, 0), old, new)?;
    Ok(String::from_utf8(edited).expect("UTF-8"))
}

#[test]
fn only_the_word_changes() {
    let rows = [
        (
            "proxy_pass http://127.0.0.1:7080/x;",
            "127.0.0.1:7080",
            "127.0.0.1:80",
            "proxy_pass http://127.0.0.1:80/x;",
        ),
        (
            "proxy_pass\t\"http://a:1\" ; # a:1\r\n",
            "a:1",
            "b:2",
            "proxy_pass\t\"http://b:2\" ; # a:1\r\n",
        ),
        (
            "fastcgi_pass unix:/run/a.sock;",
            "unix:/run/a.sock",
            "127.0.0.1:9000",
            "fastcgi_pass 127.0.0.1:9000;",
        ),
        (
            "fastcgi_pass unix:/run/a.sock;",
            "unix:/run/a.sock",
            "unix:/run/b c.sock",
            "fastcgi_pass \"unix:/run/b c.sock\";",
        ),
        (
            "proxy_pass http://unix:/run/a.sock:/api;",
            "unix:/run/a.sock:",
            "127.0.0.1:80",
            "proxy_pass http://127.0.0.1:80/api;",
        ),
        (
            "proxy_pass http://a;",
            "proxy_pass",
            "grpc_pass",
            "grpc_pass http://a;",
        ),
        (
            "proxy_pass https://a;",
            "https://",
            "http://",
            "proxy_pass http://a;",
        ),
        (
            "server a weight=2;server b;",
            "b",
            "c",
            "server a weight=2;server c;",
        ),
        (
            "map $h $x { default 'it\\'s a'; }",
            "it's a",
            "a'b",
            "map $h $x { default 'a\\'b'; }",
        ),
    ];
    for (text, old, new, expected) in rows {
        assert_eq!(replaced(text, 1, old, new).as_deref(), Ok(expected));
    }
}

#[test]
fn what_is_refused() {
    let rows = [
        (
            "proxy_pass http://127.0.0.1:70801;",
            "127.0.0.1:7080",
            "x",
            "does not say",
        ),
        ("proxy_pass http://a;\nx y;", "y", "z", "does not say"),
        ("server a; server a;", "a", "b", "in several directives"),
        ("# proxy_pass http://a;", "http://a", "x", "no directive"),
        ("proxy_pass http://a/b;", "a", "x y", "can't be written"),
        ("proxy_pass http://a/b;", "a", "x;evil", "can't be written"),
    ];
    for (text, old, new, why) in rows {
        let refused = replaced(text, 1, old, new).expect_err(text);
        assert!(refused.contains(why), "{text}: {refused}");
    }
}

#[test]
fn a_directive_is_put_beside_another() {
    let rows = [
        ("a {\n\tx 1; # why\n}\n", "a {\n\tx 1; # why\n\tn v;\n}\n"),
        ("a {\r\n  x 1;\r\n}\r\n", "a {\r\n  x 1;\r\n  n v;\r\n}\r\n"),
        ("a {\n  x 1; y 2;\n}\n", "a {\n  x 1; n v; y 2;\n}\n"),
        ("a {\nx 1;}\n", "a {\nx 1; n v;}\n"),
        (
            "a {\n  x\n    1;\n  n \"old\" 2 ;\n}\n",
            "a {\n  x\n    1;\n  n v ;\n}\n",
        ),
        ("\nx 1;", "\nx 1;\nn v;"),
        ("a {\n  x {\n  }\n  y;\n}\n", "a {\n  x {\n  }\n  n v;\n  y;\n}\n"),
        ("b { n 1; }\nx 1;\n", "b { n 1; }\nx 1;\nn v;\n"),
    ];
    for (text, expected) in rows {
        let edited = set(Path::new(AT), text.as_bytes(), (2, 0), "n", "v").expect(text);
        assert_eq!(String::from_utf8_lossy(&edited), expected);
    }
    let header = "\nproxy_set_header Host a;\nproxy_set_header connection b;\n";
    let edited = set(
        Path::new(AT),
        header.as_bytes(),
        (2, 0),
        "proxy_set_header",
        "Connection \"\"",
    )
    .expect("edited");
    let expected = "\nproxy_set_header Host a;\nproxy_set_header Connection \"\";\n";
    assert_eq!(String::from_utf8_lossy(&edited), expected);
    for value in ["v; evil", "v }", "v {", "'open"] {
        assert!(
            set(Path::new(AT), b"\nx 1;\n", (2, 0), "n", value).is_err(),
            "{value}"
        );
    }
}

/// Every file of the corpus that nginx accepts, and some that it does not; those at the limit of nginx's buffer excepted.
static CORPUS: LazyLock<Vec<(PathBuf, Vec<u8>)>> = LazyLock::new(corpus);

fn corpus() -> Vec<(PathBuf, Vec<u8>)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../nginx-conf/tests/corpus");
    let mut open = vec![root];
    let mut found = Vec::new();
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(&dir).expect("the corpus") {
            let path = entry.expect("an entry").path();
            match path.is_dir() {
                true => open.push(path),
                false => found.push((path.clone(), fs::read(&path).expect("a file"))),
            }
        }
    }
    found.retain(|(_, bytes)| bytes.len() < 4000);
    assert!(found.len() > 20);
    found.sort();
    found
}

fn all_words(tree: &Tree) -> Vec<&Word> {
    let mut words = Vec::new();
    collect(top(tree), &mut |_, directive| words.extend(directive.args.iter()));
    words
}

/// The bytes that two texts begin with, and those that they then end with, cover all of the old one but for one word.
fn outside_is_same(old: &[u8], new: &[u8], word: &Word) -> bool {
    let (start, end) = (word.span.start as usize, word.span.end as usize);
    new.get(..start) == old.get(..start) && old.get(end..).is_some_and(|rest| new.ends_with(rest))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1000))]

    #[test]
    fn every_word_of_the_corpus(file in any::<prop::sample::Index>(), word in any::<prop::sample::Index>(), new in "[ -~]{1,12}|[a-z]{1,5}|[0-9.:]{1,14}|\\PC{1,4}") {
        let (path, bytes) = file.get(&CORPUS);
        let (tree, mistakes) = parse(path, bytes);
        let words = all_words(&tree);
        prop_assume!(!words.is_empty());
        let word = word.get(&words);
        let Ok(old) = std::str::from_utf8(word.value.as_bytes()) else { return Ok(()) };
        let place = tree.place(word.span);
        let Ok(edited) = replace(path, bytes, (place.line, place.column), old, &new) else { return Ok(()) };
        let (after, later) = parse(path, &edited);
        prop_assert!(later.len() <= mistakes.len());
        let (before, after) = (words, all_words(&after));
        prop_assert_eq!(before.len(), after.len());
        let differing: Vec<usize> = (0..before.len()).filter(|at| before[*at].value != after[*at].value).collect();
        prop_assert!(differing.len() <= 1);
        for at in differing {
            prop_assert_eq!(after[at].value.as_bytes(), new.as_bytes());
            prop_assert!(outside_is_same(bytes, &edited, before[at]), "{:?}", String::from_utf8_lossy(&edited));
        }
    }

    #[test]
    fn beside_every_directive_of_the_corpus(file in any::<prop::sample::Index>(), word in any::<prop::sample::Index>()) {
        let (path, bytes) = file.get(&CORPUS);
        let (tree, mistakes) = parse(path, bytes);
        let words = all_words(&tree);
        prop_assume!(!words.is_empty());
        let place = tree.place(word.get(&words).span);
        let Ok(edited) = set(path, bytes, (place.line, place.column), "zz_new", "1 2") else { return Ok(()) };
        let (after, later) = parse(path, &edited);
        prop_assert!(later.len() <= mistakes.len());
        prop_assert_eq!(all_words(&after).len(), words.len() + 2);
        let common = bytes.iter().zip(&edited).take_while(|(old, new)| old == new).count();
        prop_assert!(edited.ends_with(&bytes[common..]));
    }
}
