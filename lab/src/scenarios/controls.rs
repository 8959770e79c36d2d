//! Hosts on which nothing is wrong, or no longer: the tool must not raise an alarm.

use crate::{Scenario, Stack, Traffic};

const WELL: Traffic = Traffic {
    status: 200,
    ..Traffic::SHOP
};

pub(super) static SCENARIOS: &[Scenario] = &[
    Scenario {
        name: "healthy-fpm",
        about: "Nothing is wrong; a few requests. Its noisy variant has old failures, scanners and stale sockets.",
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-fpm-tcp",
        about: "Nothing is wrong on php-fpm over TCP; a few requests.",
        stack: Stack::FpmTcp,
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-apache",
        about: "Nothing is wrong on Apache behind nginx; a few requests.",
        stack: Stack::Apache,
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-gunicorn",
        about: "Nothing is wrong on gunicorn on a unix socket; a few requests.",
        stack: Stack::GunicornUnix,
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-gunicorn-tcp",
        about: "Nothing is wrong on gunicorn over TCP; a few requests.",
        stack: Stack::GunicornTcp,
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-node",
        about: "Nothing is wrong on a node program; a few requests.",
        stack: Stack::Node,
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-uwsgi",
        about: "Nothing is wrong on uWSGI; a few requests.",
        stack: Stack::Uwsgi,
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-dns",
        about: "Nothing is wrong on a backend that is found by name; a few requests.",
        stack: Stack::Dns,
        traffic: WELL,
        ..Scenario::BASE
    },
    Scenario {
        name: "healthy-remote",
        about: "Nothing is wrong on a backend on another machine; a few requests.",
        stack: Stack::Remote,
        traffic: WELL,
        ..Scenario::BASE
    },
];
