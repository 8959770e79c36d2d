//! A unit's environment: its variables, where each is set, and which of them say where to listen.

use super::{
    command_line,
    unit_file::{Setting, words},
};
use crate::{
    discover::{
        address::{self, host_ip, port},
        scout::Scout,
    },
    topology::{ListenAddress, Place},
};
use regex::{Captures, Regex};
use std::{path::Path, sync::LazyLock};

/// Variables that hold an address or a port to listen on, and that go with a port.
const ADDRESSES: &[&str] = &[
    "BIND",
    "LISTEN",
    "LISTEN_ADDR",
    "BIND_ADDR",
    "ADDR",
    "SOCKET",
    "ASPNETCORE_URLS",
];
const PORTS: &[&str] = &[
    "PORT",
    "APP_PORT",
    "HTTP_PORT",
    "SERVER_PORT",
    "LISTEN_PORT",
    "NODE_PORT",
    "ASPNETCORE_HTTP_PORTS",
];
const HOSTS: &[&str] = &[
    "HOST",
    "BIND",
    "HOSTNAME",
    "LISTEN",
    "LISTEN_ADDR",
    "SERVER_ADDRESS",
];

/// A variable of a unit's environment, and where it is set.
pub(crate) struct Variable {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) place: Place,
}

/// `Environment=` and `EnvironmentFile=`, later ones last.
pub(in crate::discover) fn read(scout: &Scout, settings: &[Setting]) -> Vec<Variable> {
    let mut found = Vec::new();
    for setting in settings {
        match setting.key.as_str() {
            "Environment" => found.extend(words(&setting.value).iter().filter_map(|word| {
                let (name, value) = word.split_once('=')?;
                let place = setting.place_of(word);
                Some(Variable {
                    name: name.to_owned(),
                    value: value.to_owned(),
                    place,
                })
            })),
            "EnvironmentFile" => {
                let path = setting.value.trim_start_matches('-');
                found.extend(read_file(scout, Path::new(path)));
            }
            _ => {}
        }
    }
    found
}

/// `NAME=value` lines: an `EnvironmentFile`, a `.env`.
pub(super) fn read_file(scout: &Scout, file: &Path) -> Vec<Variable> {
    let text = scout.text(file).unwrap_or_default();
    let lines = (1..).zip(text.lines());
    lines
        .filter_map(|(line, text)| {
            let text = text.trim().trim_start_matches("export ");
            let (name, value) = text.split_once('=').filter(|_| !text.starts_with(['#', ';']))?;
            let value = value.trim().trim_matches(['"', '\'']).to_owned();
            let place = Place::line(file, line);
            Some(Variable {
                name: name.trim().to_owned(),
                value,
                place,
            })
        })
        .collect()
}

/// Where the variables say to listen.
pub(super) fn addresses(environment: &[Variable]) -> Vec<(ListenAddress, Place)> {
    let named = |names: &'static [&str]| environment.iter().filter(|it| names.contains(&it.name.as_str()));
    let ip = named(HOSTS)
        .find_map(|host| host_ip(&host.value).filter(|_| !host.value.is_empty()))
        .flatten();
    let addresses = named(ADDRESSES).filter_map(|it| Some((address::parse(&it.value)?, it.place.clone())));
    let ports = named(PORTS).filter_map(|it| {
        let port = port(&it.value)?;
        Some((ListenAddress::Tcp { ip, port }, it.place.clone()))
    });
    let gunicorn = environment
        .iter()
        .filter(|it| it.name == "GUNICORN_CMD_ARGS")
        .flat_map(|it| {
            let words: Vec<String> = std::iter::once("gunicorn".to_owned())
                .chain(words(&it.value))
                .collect();
            let found = command_line::addresses(&words);
            found.into_iter().map(|(address, _)| (address, it.place.clone()))
        });
    addresses.chain(ports).chain(gunicorn).collect()
}

/// `$NAME` and `${NAME}`.
static VARIABLE: LazyLock<Option<Regex>> = LazyLock::new(|| Regex::new(r"\$(?:\{(\w+)\}|(\w+))").ok());

/// Variables by their values, once: as systemd does, and so that values which name one another can't grow.
pub(super) fn expand(value: &str, environment: &[Variable]) -> String {
    let Some(pattern) = VARIABLE.as_ref() else {
        return value.to_owned();
    };
    let text = |found: &Captures<'_>| {
        let name = found.get(1).or(found.get(2)).map_or("", |name| name.as_str());
        let known = environment.iter().rev().find(|variable| variable.name == name);
        known.map_or_else(|| found[0].to_owned(), |variable| variable.value.clone())
    };
    pattern.replace_all(value, text).into_owned()
}
