//! Which servers an application is configured with: by its unit, its processes, its pool, and the files where programs of
//! its kind keep such things.

use super::{
    Dependency,
    files::{self, Form},
    gather, scan,
};
use crate::{World, case::Backend, discover, topology::Route};
use host::{Host, Looks, Unseen, query::Part};
use std::path::{Path, PathBuf};

/// Dependencies of one application at most.
const MOST: usize = 8;
/// Bytes read of a file of settings.
const FILE: u64 = 256 << 10;

/// The dependencies of the application behind a route; what could not be read.
pub(super) fn dependencies(
    host: &dyn Host,
    world: &World,
    route: &Route,
    backends: &[&Backend],
) -> (Vec<Dependency>, Vec<Unseen>) {
    let mut found = Vec::new();
    let mut unseen = Vec::new();
    for backend in backends {
        add(&mut found, of_pool(backend));
        add(&mut found, of_unit(host, world, backend));
    }
    for (path, form) in files::of(host, world, route, backends) {
        match host.blob(&path, Part::Head(FILE)) {
            Ok(Some(blob)) => add(&mut found, of_text(&path, form, &blob.bytes.0)),
            Ok(None) => {}
            Err(why) => unseen.push(why),
        }
    }
    found.truncate(MOST);
    (found, unseen)
}

/// What is written twice is one; the first place counts.
fn add(found: &mut Vec<Dependency>, more: Vec<Dependency>) {
    for new in more {
        let same = |old: &Dependency| (old.service, &old.at) == (new.service, &new.at);
        if !found.iter().any(same) {
            found.push(new);
        }
    }
}

fn of_text(path: &Path, form: Form, bytes: &[u8]) -> Vec<Dependency> {
    let text = String::from_utf8_lossy(bytes);
    let pairs = match form {
        Form::Code => scan::code(&text),
        Form::Environment => scan::environment(&text),
        Form::Yaml => in_production(scan::yaml(&text)),
    };
    gather::dependencies(path, &pairs)
}

/// Rails keeps the settings of every environment in one file; a server runs that of production.
fn in_production(pairs: Vec<scan::Pair>) -> Vec<scan::Pair> {
    let is = |pair: &scan::Pair, name: &str| pair.path.split('/').any(|part| part == name);
    if !pairs.iter().any(|pair| is(pair, "production")) {
        return pairs;
    }
    pairs
        .into_iter()
        .filter(|pair| !is(pair, "development") && !is(pair, "test"))
        .collect()
}

/// `env[DB_HOST] = db` and `php_value[session.save_path] = tcp://cache:6379` of a pool of php-fpm.
fn of_pool(backend: &Backend) -> Vec<Dependency> {
    let Some(pool) = &backend.pool else {
        return Vec::new();
    };
    let pairs: Vec<scan::Pair> = pool
        .settings
        .iter()
        .filter_map(|(key, value, line)| {
            let (kind, name) = key.strip_suffix(']')?.split_once('[')?;
            let value = match (kind, name) {
                ("env", _) => value.clone(),
                ("php_value" | "php_admin_value", "session.save_path") => {
                    value.replacen("tcp://", "redis://", 1)
                }
                _ => return None,
            };
            Some(scan::Pair {
                scope: 0,
                path: String::new(),
                key: name.to_owned(),
                value: (!value.starts_with('$')).then_some(value),
                line: *line,
            })
        })
        .collect();
    gather::dependencies(&pool.written.file, &pairs)
}

/// `Environment=` and `EnvironmentFile=` of the unit, each variable where it is set.
fn of_unit(host: &dyn Host, world: &World, backend: &Backend) -> Vec<Dependency> {
    let Some(unit) = backend.unit.as_deref().and_then(|unit| world.unit(unit)) else {
        return Vec::new();
    };
    let variables = discover::environment(host, unit);
    let mut files: Vec<PathBuf> = variables.iter().map(|it| it.place.file.clone()).collect();
    files.dedup();
    let pairs_of = |file: &PathBuf| -> Vec<scan::Pair> {
        let here = variables.iter().filter(|it| it.place.file == *file);
        here.map(|it| scan::Pair {
            scope: 0,
            path: String::new(),
            key: it.name.clone(),
            value: (!it.value.starts_with('$')).then(|| it.value.clone()),
            line: it.place.line,
        })
        .collect()
    };
    let found = files
        .iter()
        .map(|file| gather::dependencies(file, &pairs_of(file)));
    found.flatten().collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        dependencies::Credential,
        testing::Fixture,
        topology::{FpmPool, Place},
    };
    use host::{
        Answer, Query, Timestamp,
        answer::{Blob, Bytes},
        memory::Memory,
    };

    fn shown(path: &str, form: Form, text: &str) -> Vec<String> {
        let show = |it: Dependency| {
            let secret = match it.credential {
                Credential::None => "none".to_owned(),
                Credential::Kept(secret) => secret.nth.to_string(),
                Credential::Elsewhere => "elsewhere".to_owned(),
            };
            format!(
                "{} {} {} {} {secret} :{}",
                it.service, it.at, it.user, it.database, it.written.line
            )
        };
        let found = of_text(Path::new(path), form, text.as_bytes());
        found.into_iter().map(show).collect()
    }

    type Row = (&'static str, Form, &'static str, &'static [&'static str]);

    const FILES: &[Row] = &[
        (
            "wp-config.php",
            Form::Code,
            "<?php\ndefine( 'DB_NAME', 'shop' );\ndefine( 'DB_USER', 'wp' );\ndefine( 'DB_PASSWORD', 'SECRET-0' );\ndefine( 'DB_HOST', 'localhost' );\ndefine( 'AUTH_KEY', 'SECRET-1' );\n$table_prefix = 'wp_';\n",
            &["MySQL unix:/run/mysqld/mysqld.sock wp shop 0 :5"],
        ),
        (
            ".env",
            Form::Environment,
            "APP_NAME=Laravel\nAPP_URL=http://localhost\nDB_CONNECTION=pgsql\nDB_HOST=127.0.0.1\nDB_PORT=5432\nDB_DATABASE=shop\nDB_USERNAME=u\nDB_PASSWORD=SECRET-0\nREDIS_HOST=cache\nREDIS_PASSWORD=null\nREDIS_PORT=6379\nMAIL_HOST=smtp\nMAIL_PORT=2525\n",
            &[
                "PostgreSQL 127.0.0.1:5432 u shop 0 :4",
                "Redis cache:6379   none :9",
            ],
        ),
        (
            ".env",
            Form::Environment,
            "APP_URL=http://a\nELASTICSEARCH_URL=http://127.0.0.1:9200/\n",
            &["Elasticsearch 127.0.0.1:9200   none :2"],
        ),
        (
            ".env",
            Form::Environment,
            "DB_CONNECTION=sqlite\nDB_HOST=127.0.0.1\n",
            &[],
        ),
        (
            ".env",
            Form::Environment,
            "DATABASE_URL=\"mysql://a:SECRET-0@db/s?charset=utf8\"\nMESSENGER_TRANSPORT_DSN=amqp://g:SECRET-1@mq:5672/%2f\n",
            &["MySQL db:3306 a s 0 :1", "RabbitMQ mq:5672 g / 1 :2"],
        ),
        (
            "settings.py",
            Form::Code,
            "DATABASES = {\n    'default': {\n        'ENGINE': 'django.db.backends.postgresql',\n        'NAME': 'shop', 'USER': 'u', 'PASSWORD': 'SECRET-0',\n        'HOST': '', 'PORT': '',\n    }\n}\nCACHES = {'default': {'BACKEND': 'x', 'LOCATION': 'redis://127.0.0.1:6379/1'}}\n",
            &[
                "PostgreSQL unix:/run/postgresql/.s.PGSQL.5432 u shop 0 :5",
                "Redis 127.0.0.1:6379  1 none :8",
            ],
        ),
        (
            "settings.py",
            Form::Code,
            "DATABASES = {'default': {'ENGINE': 'django.db.backends.sqlite3', 'NAME': BASE_DIR / 'db.sqlite3'}}",
            &[],
        ),
        (
            "database.yml",
            Form::Yaml,
            "default: &default\n  adapter: mysql2\n  pool: 5\ndevelopment:\n  adapter: mysql2\n  host: dev\nproduction:\n  adapter: mysql2\n  host: db\n  database: shop\n  username: u\n  password: SECRET-0\n",
            &["MySQL db:3306 u shop 0 :9"],
        ),
        (
            "env.php",
            Form::Code,
            "<?php return ['db' => ['table_prefix' => '', 'connection' => ['default' => ['host' => 'db:3307', 'dbname' => 'm', 'username' => 'u', 'password' => 'SECRET-0', 'engine' => 'innodb', 'model' => 'mysql4']]],\n'session' => ['save' => 'redis', 'redis' => ['host' => '10.0.0.2', 'port' => '6380', 'password' => '']],\n'queue' => ['amqp' => ['host' => 'mq', 'port' => '5672', 'user' => 'g', 'password' => 'SECRET-1']]];",
            &[
                "MySQL db:3307 u m 0 :1",
                "Redis 10.0.0.2:6380   none :2",
                "RabbitMQ mq:5672 g  1 :3",
            ],
        ),
        (
            "settings.php",
            Form::Code,
            "$databases['default']['default'] = array (\n  'database' => 'd',\n  'username' => 'u',\n  'password' => 'SECRET-0',\n  'host' => 'db',\n  'port' => '',\n  'driver' => 'pgsql',\n);",
            &["PostgreSQL db:5432 u d 0 :5"],
        ),
        (
            "configuration.php",
            Form::Code,
            "class JConfig {\n public $dbtype = 'mysqli';\n public $host = 'localhost';\n public $user = 'j';\n public $password = 'SECRET-0';\n public $db = 'joomla';\n public $smtphost = 'localhost';\n}",
            &["MySQL unix:/run/mysqld/mysqld.sock j joomla 0 :3"],
        ),
        (
            "server.js",
            Form::Code,
            "const pool = mysql.createPool({host: 'localhost', user: 'u', password: process.env.P, database: 'd'});\nconst c = redis.createClient({url: 'redis://127.0.0.1:6379'});",
            &[
                "MySQL localhost:3306 u d elsewhere :1",
                "Redis 127.0.0.1:6379   none :2",
            ],
        ),
        (
            "shop.py",
            Form::Code,
            "db = psycopg2.connect(host=\"127.0.0.1\", dbname=\"shop\", user='u', password='SECRET-0')\n",
            &["PostgreSQL 127.0.0.1:5432 u shop 0 :1"],
        ),
        (
            "config.json",
            Form::Code,
            "{\n  \"port\": 3000,\n  \"db\": {\"host\": \"127.0.0.1\", \"port\": 5432, \"user\": \"u\", \"password\": \"SECRET-0\", \"database\": \"shop\"},\n  \"redis\": \"redis://cache:6380/2\"\n}\n",
            &[
                "PostgreSQL 127.0.0.1:5432 u shop 0 :3",
                "Redis cache:6380  2 none :4",
            ],
        ),
        (
            "config.js",
            Form::Code,
            "module.exports = {\n  development: {storage: './a.sqlite'},\n  nats: 'nats://mq:4222',\n  production: {dialect: 'mysql', host: 'db', username: 'u', password: 'SECRET-0', database: 'shop'},\n};\n",
            &["NATS mq:4222   none :3", "MySQL db:3306 u shop 0 :4"],
        ),
        (
            "parameters.yml",
            Form::Yaml,
            "parameters:\n    database_driver: pdo_mysql\n    database_host: 127.0.0.1\n    database_port: ~\n    database_name: shop\n    database_user: u\n    database_password: SECRET-0\n    mailer_host: 127.0.0.1\n",
            &["MySQL 127.0.0.1:3306 u shop 0 :3"],
        ),
        (
            "database.php",
            Form::Code,
            "<?php\nreturn [\n 'default' => 'mysql',\n 'connections' => [\n  'mysql' => [\n   'driver' => 'mysql',\n   'host' => env('DB_HOST', '127.0.0.1'),\n   'database' => env('DB_DATABASE', 'forge'),\n   'username' => env('DB_USERNAME', 'forge'),\n   'password' => env('DB_PASSWORD', ''),\n  ],\n ],\n];\n",
            &[],
        ),
        (
            ".env.local",
            Form::Environment,
            "DATABASE_URL=\"postgresql://u:SECRET-0@127.0.0.1:5432/shop?serverVersion=15&charset=utf8\"\nREDIS_URL=redis://:SECRET-1@cache:6379/0\nMESSENGER_TRANSPORT_DSN=doctrine://default\n",
            &[
                "PostgreSQL 127.0.0.1:5432 u shop 0 :1",
                "Redis cache:6379  0 1 :2",
            ],
        ),
        (
            "db.php",
            Form::Code,
            "<?php $db = new PDO('mysql:host=127.0.0.1;dbname=s', 'u', 'SECRET-0');\n$x = new mysqli('db', 'u', 'SECRET-1', 's');",
            &["MySQL 127.0.0.1:3306 u s 0 :1", "MySQL db:3306 u s 1 :2"],
        ),
    ];

    #[test]
    fn settings_of_well_known_programs() {
        for (path, form, text, expected) in FILES {
            assert_eq!(shown(path, *form, text), *expected, "{path}");
        }
    }

    fn told(found: &[Dependency]) -> Vec<String> {
        let show = |it: &Dependency| format!("{} {} {} {}", it.service, it.at, it.user, it.written);
        found.iter().map(show).collect()
    }

    #[test]
    fn what_a_pool_of_php_fpm_sets() {
        let settings = [
            ("env[DB_HOST]", "db"),
            ("env[DB_CONNECTION]", "mysql"),
            ("env[DB_USERNAME]", "u"),
            ("env[DB_PASSWORD]", "SECRET-0"),
            ("env[PATH]", "/usr/bin"),
            ("php_value[session.save_path]", "tcp://cache:6379"),
            ("php_admin_value[memory_limit]", "64M"),
            ("pm.max_children", "5"),
        ];
        let lines = (10..).zip(settings);
        let pool = FpmPool {
            written: Place::line(Path::new("/etc/php/8.2/fpm/pool.d/www.conf"), 2),
            settings: lines
                .map(|(line, (key, value))| (key.to_owned(), value.to_owned(), line))
                .collect(),
            ..FpmPool::default()
        };
        let backend = Backend {
            pool: Some(pool),
            ..Backend::default()
        };
        assert_eq!(
            told(&of_pool(&backend)),
            [
                "MySQL db:3306 u /etc/php/8.2/fpm/pool.d/www.conf:10",
                "Redis cache:6379  /etc/php/8.2/fpm/pool.d/www.conf:15"
            ]
        );
    }

    #[test]
    fn what_a_unit_sets_in_its_files() {
        let unit = "/etc/systemd/system/app.service";
        let blob = |text: &str| {
            Ok(Answer::File(Some(Blob {
                bytes: Bytes(text.into()),
                size: text.len() as u64,
                modified: Timestamp::default(),
            })))
        };
        let mut host = Memory::default();
        for (path, text) in [
            (
                unit,
                "[Service]\nEnvironment=NODE_ENV=production \"AMQP_URL=amqp://g:SECRET-0@mq:5672/%%2f\"\nEnvironmentFile=-/etc/default/app\n",
            ),
            (
                "/etc/default/app",
                "# the shop\nDATABASE_URL='postgres://u:SECRET-1@127.0.0.1/shop'\nPORT=3000\n",
            ),
        ] {
            let query = Query::File {
                path: path.into(),
                part: Part::Head(512 << 10),
            };
            host.set(query, blob(text));
        }
        let world = Fixture::node()
            .unit(|it| _ = it.properties.insert("FragmentPath".into(), unit.into()))
            .world;
        let backend = Backend {
            unit: Some("web.service".into()),
            ..Backend::default()
        };
        assert_eq!(
            told(&of_unit(&host, &world, &backend)),
            [
                "RabbitMQ mq:5672 g /etc/systemd/system/app.service:2",
                "PostgreSQL 127.0.0.1:5432 u /etc/default/app:2"
            ]
        );
    }
}
