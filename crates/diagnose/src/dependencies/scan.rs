//! Settings out of program text and data files, without running them: `'host' => 'db'`, `define('DB_HOST', 'db')`,
//! `$host = 'db'`, `"HOST": "db"`, `connect(host="db")`. What a program computes is noted as not known.

use std::collections::BTreeMap;

/// One setting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pair {
    /// Which bracket it stands in; 0 is none.
    pub(super) scope: usize,
    /// Names of the brackets around it, the nearest last, joined by `/`.
    pub(super) path: String,
    pub(super) key: String,
    /// `None`: computed.
    pub(super) value: Option<String>,
    /// From 1.
    pub(super) line: u32,
}

/// Most settings of one file.
const MOST: usize = 3000;
/// Deepest nesting that is followed.
const DEEPEST: usize = 40;

#[derive(Clone, Debug, PartialEq, Eq)]
enum Token {
    Text(String),
    Word(String),
    /// `=>`, `=`, `:`
    Sign,
    Comma,
    Open(char),
    Close,
    Other,
}

/// Every setting, in order.
pub(super) fn code(text: &str) -> Vec<Pair> {
    let mut scan = Scan::default();
    for (token, line) in tokens(text) {
        scan.take(token, line);
        if scan.pairs.len() >= MOST {
            break;
        }
    }
    scan.pairs
}

/// A bracket that is open.
struct Scope {
    id: usize,
    name: String,
    /// A subscript of what stands before it.
    is_subscript: bool,
    /// Literals without a name, in order; `None` for what is computed.
    positional: Vec<Option<String>>,
    /// What stood before it opened, to go on with after a subscript.
    before: Option<String>,
}

#[derive(Default)]
struct Scan {
    scopes: Vec<Scope>,
    next: usize,
    /// The word or text read last, which may turn out to be a key.
    last: Option<String>,
    /// A key whose value comes next.
    key: Option<String>,
    pairs: Vec<Pair>,
}

impl Scan {
    fn take(&mut self, token: Token, line: u32) {
        match token {
            Token::Text(text) => self.literal(text, line),
            Token::Word(word) if self.key.is_some() && is_number(&word) => self.literal(word, line),
            // `'db' => array(…)` is a bracket named `db`
            Token::Word(word) if self.key.is_some() && matches!(&*word, "array" | "dict") => {}
            Token::Word(word) => {
                self.computed(line);
                self.last = Some(word);
            }
            Token::Sign => self.key = self.last.take(),
            Token::Open(bracket) => self.open(bracket),
            Token::Close => self.close(line),
            Token::Comma => (self.last, self.key) = (None, None),
            Token::Other => {}
        }
    }

    fn literal(&mut self, text: String, line: u32) {
        match self.key.take() {
            Some(key) => self.tell(key, Some(text), line),
            None => {
                if let Some(scope) = self.scopes.last_mut().filter(|_| self.last.is_none()) {
                    scope.positional.push(Some(text.clone()));
                }
                self.last = Some(text);
            }
        }
    }

    fn computed(&mut self, line: u32) {
        if let Some(key) = self.key.take() {
            self.tell(key, None, line);
        }
    }

    fn tell(&mut self, key: String, value: Option<String>, line: u32) {
        // `$db['host'] = …` is a setting `host` of `db`
        let (above, key) = key.rsplit_once('/').unwrap_or(("", &key));
        let names = self.scopes.iter().map(|scope| scope.name.as_str());
        let names: Vec<&str> = names.chain([above]).filter(|name| !name.is_empty()).collect();
        self.pairs.push(Pair {
            scope: self.scopes.last().map_or(0, |scope| scope.id),
            path: names.join("/"),
            key: key.to_owned(),
            value,
            line,
        });
    }

    fn open(&mut self, bracket: char) {
        self.next += 1;
        let is_subscript = bracket == '[' && self.key.is_none() && self.last.is_some();
        let name = self.key.take().or_else(|| self.last.take());
        if self.scopes.len() < DEEPEST {
            self.scopes.push(Scope {
                id: self.next,
                name: if is_subscript {
                    String::new()
                } else {
                    name.clone().unwrap_or_default()
                },
                is_subscript,
                positional: Vec::new(),
                before: name,
            });
        }
    }

    fn close(&mut self, line: u32) {
        (self.last, self.key) = (None, None);
        let Some(scope) = self.scopes.pop() else { return };
        if scope.is_subscript {
            let inside = scope.positional.into_iter().flatten().next();
            let before = scope.before.unwrap_or_default();
            self.last = Some(format!("{before}/{}", inside.unwrap_or_default()));
            return;
        }
        if scope.name == "define" {
            if let [Some(name), Some(value)] = scope.positional.as_slice() {
                self.tell(name.clone(), Some(value.clone()), line);
            }
            return;
        }
        for (key, value) in positional(&scope) {
            self.scopes.push(Scope {
                positional: Vec::new(),
                before: None,
                name: scope.name.clone(),
                ..scope
            });
            self.tell(key.to_owned(), Some(value), line);
            self.scopes.pop();
        }
    }
}

/// What the arguments of the calls mean that connect to a database.
fn positional(scope: &Scope) -> Vec<(&'static str, String)> {
    let names: &[&'static str] = match scope.name.as_str() {
        "mysqli" | "mysqli_connect" => &["host", "user", "password", "database"],
        "PDO" => &["dsn", "user", "password"],
        "pg_connect" | "pg_pconnect" | "psycopg2.connect" | "psycopg.connect" => &["dsn"],
        _ => &[],
    };
    let values = scope.positional.iter().cloned();
    names
        .iter()
        .zip(values)
        .filter_map(|(name, value)| Some((*name, value?)))
        .collect()
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

/// Tokens with their lines; comments are passed over.
fn tokens(text: &str) -> Vec<(Token, u32)> {
    let mut found = Vec::new();
    let (mut rest, mut line) = (text, 1);
    while let Some(c) = rest.chars().next() {
        let (token, length) = token(rest, c);
        let taken = &rest[..length];
        if let Some(token) = token {
            found.push((token, line));
        }
        line += u32::try_from(taken.bytes().filter(|byte| *byte == b'\n').count()).unwrap_or_default();
        rest = &rest[length..];
    }
    found
}

fn token(rest: &str, c: char) -> (Option<Token>, usize) {
    let to = |mark: &str| rest.find(mark).map_or(rest.len(), |at| at + mark.len());
    match c {
        '\'' | '"' | '`' => text(rest, c),
        '#' => (None, to("\n")),
        '/' if rest.starts_with("//") => (None, to("\n")),
        '/' if rest.starts_with("/*") => (None, to("*/")),
        '=' if rest.starts_with("=>") => (Some(Token::Sign), 2),
        '=' if rest.starts_with("==") => (Some(Token::Other), 2),
        ':' if rest.starts_with("::") => (Some(Token::Other), 2),
        '=' | ':' => (Some(Token::Sign), 1),
        ',' | ';' => (Some(Token::Comma), 1),
        '(' | '[' | '{' => (Some(Token::Open(c)), 1),
        ')' | ']' | '}' => (Some(Token::Close), 1),
        c if is_word(c) => {
            let length = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
            (
                Some(Token::Word(rest[..length].trim_start_matches('$').to_owned())),
                length,
            )
        }
        c => (None, c.len_utf8()),
    }
}

fn is_word(c: char) -> bool {
    c.is_alphanumeric() || matches!(c, '_' | '.' | '$')
}

/// A literal in quotes; one that never ends is none.
fn text(rest: &str, quote: char) -> (Option<Token>, usize) {
    let mut value = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            '\\' => value.extend(chars.next().map(|(_, c)| c)),
            c if c == quote => return (Some(Token::Text(value)), at + 1),
            c => value.push(c),
        }
    }
    (Some(Token::Other), 1)
}

/// `key: value` by indentation, as far as configuration goes: nested maps of plain scalars.
pub(super) fn yaml(text: &str) -> Vec<Pair> {
    let mut open: Vec<(usize, String)> = Vec::new();
    let mut ids: BTreeMap<String, usize> = BTreeMap::new();
    let mut pairs = Vec::new();
    for (line, text) in (1..).zip(text.lines()) {
        let Some((key, value)) = text
            .split_once(':')
            .filter(|_| !text.trim_start().starts_with('#'))
        else {
            continue;
        };
        let indent = key.len() - key.trim_start().len();
        open.retain(|(depth, _)| *depth < indent);
        let value = scalar(value);
        if value.is_empty() || value.starts_with(['&', '*']) {
            open.push((indent, key.trim().to_owned()));
            continue;
        }
        let path: Vec<&str> = open.iter().map(|(_, name)| name.as_str()).collect();
        let path = path.join("/");
        let next = ids.len() + 1;
        let scope = if path.is_empty() {
            0
        } else {
            *ids.entry(path.clone()).or_insert(next)
        };
        pairs.push(Pair {
            scope,
            path,
            key: key.trim().to_owned(),
            value: (!value.contains("<%")).then_some(value),
            line,
        });
    }
    pairs.truncate(MOST);
    pairs
}

fn scalar(value: &str) -> String {
    let value = value.trim();
    let bare = value.split(" #").next().unwrap_or_default().trim();
    bare.trim_matches(['"', '\'']).to_owned()
}

/// `KEY=value` lines, or the same divided by NUL.
pub(super) fn environment(text: &str) -> Vec<Pair> {
    let by = if text.contains('\0') { '\0' } else { '\n' };
    let lines = (1..).zip(text.split(by));
    let pairs = lines.filter_map(|(line, text)| {
        let text = text.trim().trim_start_matches("export ");
        let (key, value) = text.split_once('=').filter(|_| !text.starts_with(['#', ';']))?;
        let value = scalar(value);
        Some(Pair {
            scope: 0,
            path: String::new(),
            key: key.trim().to_owned(),
            value: (!value.starts_with('$')).then_some(value),
            line: if by == '\0' { 0 } else { line },
        })
    });
    pairs.take(MOST).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(pairs: &[Pair]) -> Vec<String> {
        let show = |pair: &Pair| {
            let value = pair.value.as_deref().unwrap_or("?");
            format!("{}|{}={}:{}", pair.path, pair.key, value, pair.line)
        };
        pairs.iter().map(show).collect()
    }

    #[test]
    fn settings_of_programs() {
        let rows: &[(&str, &[&str])] = &[
            (
                "<?php\ndefine( 'DB_HOST', \"db:3306\" ); // define('X', 'y')\n$a = 1;",
                &["|DB_HOST=db:3306:2", "|a=1:3"],
            ),
            ("define('DB_HOST', getenv('H'));", &[]),
            (
                "'db' => ['connection' => ['default' => ['host' => 'x', 'port' => 5]]]",
                &["db/connection/default|host=x:1", "db/connection/default|port=5:1"],
            ),
            (
                "$databases['default']['default'] = array (\n  'host' => 'x',\n);",
                &["databases/default/default|host=x:2"],
            ),
            ("$cfg['db']['host'] = 'x';", &["cfg/db|host=x:1"]),
            (
                "public $host = 'x';\npublic $debug = false;",
                &["|host=x:1", "|debug=?:2"],
            ),
            (
                "DATABASES = {\n 'default': {'HOST': 'x', 'PORT': os.environ['P'], 'NAME': 'n'}}",
                &[
                    "DATABASES/default|HOST=x:2",
                    "DATABASES/default|PORT=?:2",
                    "DATABASES/default|NAME=n:2",
                ],
            ),
            (
                "db = psycopg2.connect(host=\"x\", password=pw)",
                &[
                    "|db=?:1",
                    "psycopg2.connect|host=x:1",
                    "psycopg2.connect|password=?:1",
                ],
            ),
            (
                "new mysqli('h', 'u', 'SECRET-0', 'd')",
                &[
                    "mysqli|host=h:1",
                    "mysqli|user=u:1",
                    "mysqli|password=SECRET-0:1",
                    "mysqli|database=d:1",
                ],
            ),
            (
                "mysql.createPool({ host: 'x', user: \"u\" })",
                &["mysql.createPool/|host=x:1", "mysql.createPool/|user=u:1"],
            ),
            ("'open", &[]),
        ];
        for (text, expected) in rows {
            let expected: Vec<String> = expected.iter().map(|it| it.replace("/|", "|")).collect();
            assert_eq!(shown(&code(text)), expected, "{text}");
        }
    }

    #[test]
    fn settings_of_data() {
        let rails =
            "production: &p\n  adapter: postgresql\n  host: db # x\n  password: <%= ENV['P'] %>\nother: 1\n";
        assert_eq!(
            shown(&yaml(rails)),
            [
                "production|adapter=postgresql:2",
                "production|host=db:3",
                "production|password=?:4",
                "|other=1:5"
            ]
        );
        let env = "# A=1\nexport DB_HOST='db'\nDB_PASSWORD=$X\n";
        assert_eq!(shown(&environment(env)), ["|DB_HOST=db:2", "|DB_PASSWORD=?:3"]);
        assert_eq!(shown(&environment("A=1\0B=2\0")), ["|A=1:0", "|B=2:0"]);
    }
}
