//! Our tree against crossplane's: directive, arguments, line and nesting. Needs crossplane 0.5 from PyPI in
//! `target/tools/venv` or on PATH; fails without it.
#![allow(clippy::disallowed_methods, reason = "tests run the tools they compare with")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "test helpers")]

mod common;

use common::{OnDisk, corpus};
use nginx_conf::{Body, Directive, Source, Tree};
use serde_json::{Value, json};
use std::path::{Path, PathBuf};
use std::process::Command;

/// Where crossplane itself is not a judge, and why.
const LEFT_OUT: &[(&str, &str)] = &[
    (
        "quoting",
        "leaves \\t, \\n and \\\\ in quotes as they are, and ends a bare word at }",
    ),
    ("lua", "knows no comments and no long brackets in Lua"),
];

fn crossplane() -> PathBuf {
    let ours = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/tools/venv/bin/crossplane");
    if ours.is_file() { ours } else { "crossplane".into() }
}

/// What crossplane makes of it: files by path.
fn theirs(disk: &OnDisk) -> Vec<(PathBuf, Value)> {
    let output = Command::new(crossplane()).arg("parse").arg(disk.main()).output();
    let output =
        output.expect("these tests compare with crossplane: pip install crossplane into target/tools/venv");
    let parsed: Value = serde_json::from_slice(&output.stdout).expect("JSON from crossplane");
    let files = parsed["config"].as_array().expect("files").iter();
    files
        .map(|file| {
            (
                PathBuf::from(file["file"].as_str().unwrap()),
                without_includes(&file["parsed"]),
            )
        })
        .collect()
}

/// `include` lines keep their argument; which files they lead to is compared by the list of files. A comment inside a
/// directive comes out as a directive of its own.
fn without_includes(parsed: &Value) -> Value {
    let directives = parsed
        .as_array()
        .into_iter()
        .flatten()
        .filter(|directive| directive["directive"] != "#");
    let directives = directives.map(|directive| {
        let mut directive = directive.clone();
        let fields = directive.as_object_mut().unwrap();
        fields.remove("includes");
        if let Some(block) = fields.get("block") {
            let block = without_includes(block);
            fields.insert("block".into(), block);
        }
        directive
    });
    directives.collect()
}

fn ours(tree: &Tree, file: &Source, directives: &[Directive]) -> Value {
    let draw = |directive: &Directive| {
        let mut drawn = json!({
            "directive": directive.name.value.to_str(),
            "line": file.line_of(directive.span.start),
            "args": args(tree, directive),
        });
        if let Body::Block(inside) = &directive.body {
            drawn["block"] = ours(tree, file, inside);
        }
        drawn
    };
    directives.iter().map(draw).collect()
}

/// crossplane takes the brackets off an `if`, and Lua code for the last argument.
fn args(tree: &Tree, directive: &Directive) -> Vec<String> {
    let mut args: Vec<String> = directive.args.iter().map(|word| word.value.to_string()).collect();
    if let Body::Code(code) = directive.body {
        args.push(String::from_utf8_lossy(tree.bytes(code)).into_owned());
    }
    if directive.is("if") {
        args.iter_mut()
            .take(1)
            .for_each(|first| *first = first.trim_start_matches('(').to_owned());
        args.iter_mut()
            .next_back()
            .into_iter()
            .for_each(|last| *last = last.trim_end_matches(')').to_owned());
        args.retain(|arg| !arg.is_empty());
    }
    args
}

#[test]
fn the_same_tree_as_crossplane() {
    let compared = corpus("accepted").into_iter().filter(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        !LEFT_OUT.iter().any(|(left_out, _)| *left_out == name)
    });
    for path in compared {
        let disk = OnDisk::of(&path);
        let (tree, _) = disk.load();
        let theirs = theirs(&disk);
        let name = path.display();
        assert_eq!(tree.files().len(), theirs.len(), "{name}: number of files");
        for file in tree.files() {
            let (_, parsed) = theirs
                .iter()
                .find(|(path, _)| **path == **file.path())
                .expect("the same files");
            let ours = ours(&tree, file, file.directives());
            assert_eq!(ours, *parsed, "{name}: {}", file.path().display());
        }
    }
}
