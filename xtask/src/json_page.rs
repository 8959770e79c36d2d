//! `docs/json.md`: what each `--json` prints, as tables a person reads, made from the published JSON Schemas.

use anyhow::Context;
use serde_json::Value;
use std::fmt::Write;

/// The page for these schemas, each with its name.
pub fn page(schemas: &[(&str, String)]) -> anyhow::Result<String> {
    let mut page = String::from(
        "# JSON\n\nWhat `--json` prints, field by field. Made from the JSON Schemas beside this page, which \
         `why502 schema NAME` prints too. A field that is not *always* there is left out or `null` where it has nothing to \
         say. Fields are added, never renamed; a change that would break a reader changes the number in `schema`.\n",
    );
    for (name, schema) in schemas {
        let schema: Value = serde_json::from_str(schema).with_context(|| format!("the schema {name}"))?;
        let _ = write!(page, "\n## {name}\n\n{}\n", text(&schema, "description"));
        page.push_str(&table(&schema));
        for (part, shape) in schema["$defs"].as_object().into_iter().flatten() {
            let _ = write!(page, "\n### {name}: {part}\n\n{}\n", text(shape, "description"));
            page.push_str(&table(shape));
        }
    }
    Ok(page)
}

fn table(shape: &Value) -> String {
    let Some(fields) = shape["properties"].as_object() else {
        return values(shape);
    };
    let mut table = String::from("\n| field | type | always | what |\n|---|---|---|---|\n");
    let empty = Vec::new();
    let required = shape["required"].as_array().unwrap_or(&empty);
    for (field, of) in fields {
        let always = if required.iter().any(|it| it == field) {
            "yes"
        } else {
            ""
        };
        let _ = writeln!(
            table,
            "| `{field}` | {} | {always} | {} |",
            kind(of),
            text(of, "description")
        );
    }
    table
}

/// The words that a closed set of values allows.
fn values(shape: &Value) -> String {
    let one_of = shape["oneOf"].as_array().into_iter().flatten();
    let words = shape["enum"].as_array().into_iter().flatten();
    let each = one_of
        .map(|it| (&it["const"], text(it, "description")))
        .chain(words.map(|word| (word, String::new())));
    let mut list = String::new();
    for (word, says) in each {
        let _ = write!(list, "\n- `{}` {says}", word.as_str().unwrap_or_default());
    }
    list.push('\n');
    list
}

fn kind(of: &Value) -> String {
    if let Some(part) = of["$ref"].as_str() {
        return part.trim_start_matches("#/$defs/").to_owned();
    }
    let any = of["anyOf"].as_array().into_iter().flatten();
    if let Some(some) = any.map(kind).find(|it| it != "null") {
        return format!("{some} or null");
    }
    match &of["type"] {
        Value::Array(kinds) => kinds
            .iter()
            .filter_map(Value::as_str)
            .collect::<Vec<_>>()
            .join(" or "),
        Value::String(kind) if kind == "array" => format!("list of {}", self::kind(&of["items"])),
        Value::String(kind) => kind.clone(),
        _ => "any".to_owned(),
    }
}

fn text(of: &Value, field: &str) -> String {
    let text = of[field].as_str().unwrap_or_default();
    text.replace('\n', " ").replace('|', "\\|")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_has_its_type_and_its_words() {
        let schema = r##"{"description": "What it prints.", "required": ["at"], "properties": {
            "at": {"description": "When,\nin UTC.", "type": "string"},
            "why": {"anyOf": [{"$ref": "#/$defs/Why"}, {"type": "null"}]},
            "seen": {"type": "array", "items": {"type": "integer"}},
            "ms": {"type": ["integer", "null"]}
        }, "$defs": {"Why": {"enum": ["a", "b"]}}}"##;
        let page = page(&[("verdict", schema.to_owned())]).unwrap();
        for row in [
            "| `at` | string | yes | When, in UTC. |",
            "| `why` | Why or null |  |  |",
            "| `seen` | list of integer |  |  |",
            "| `ms` | integer or null |  |  |",
            "### verdict: Why",
            "- `a` ",
        ] {
            assert!(page.contains(row), "{row} is not in\n{page}");
        }
    }
}
