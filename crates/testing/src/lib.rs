//! What tests of several crates need: databases of their own on a PostgreSQL server, and a server that takes e-mails.

mod smtp;

use std::{collections::BTreeSet, path::Path, thread};

use kernel::{Context, id};
use postgres::{Client, NoTls};

pub use smtp::SmtpSink;

/// A database that no other test uses; dropped with this value.
#[derive(Debug)]
pub struct PostgresDatabase {
    server: String,
    name: String,
}

impl PostgresDatabase {
    /// A new database on the server that `TEST_POSTGRES` names, or nothing where it names none.
    pub fn create() -> Option<Self> {
        #[expect(clippy::disallowed_methods, reason = "only the tests' own environment knows of a server")]
        let server = std::env::var("TEST_POSTGRES").ok().filter(|server| !server.is_empty())?;
        let name = format!("aught_test_{}", Context::system().text(id::HEX, 16));
        run(&server, format!("CREATE DATABASE {name}"));
        Some(Self { server, name })
    }

    /// Its address, as `--database` takes it.
    pub fn url(&self) -> String {
        let (base, parameters) = self.server.split_once('?').unwrap_or((&self.server, ""));
        let base = base.splitn(4, '/').take(3).collect::<Vec<_>>().join("/");
        format!("{base}/{}?{parameters}", self.name)
    }
}

/// The tables of a SQLite file that hold a text, whatever its case.
pub fn tables_with(file: &Path, text: &str) -> BTreeSet<String> {
    let connection = rusqlite::Connection::open(file).expect("the database can be read");
    let names = |sql: &str| -> Vec<String> {
        let mut statement = connection.prepare(sql).expect("the statement is sound");
        let names = statement.query_map([], |row| row.get(0)).expect("the statement runs");
        names.map(|name| name.expect("a name is a text")).collect()
    };
    let holds = |table: &String| {
        names(&format!("SELECT name FROM pragma_table_info('{table}')")).iter().any(|column| {
            let sql =
                format!("SELECT count(*) FROM \"{table}\" WHERE instr(lower(CAST(\"{column}\" AS TEXT)), ?1) > 0");
            let found: i64 = connection.query_row(&sql, [text.to_lowercase()], |row| row.get(0)).expect("a number");
            found > 0
        })
    };
    names("SELECT name FROM sqlite_master WHERE type = 'table'").into_iter().filter(holds).collect()
}

impl PostgresDatabase {
    /// The tables that hold a text, whatever its case.
    pub fn tables_with(&self, text: &str) -> BTreeSet<String> {
        let (url, text) = (self.url(), text.to_lowercase());
        let look = move || {
            let mut client = Client::connect(&url, NoTls)?;
            let hex = text.bytes().fold(String::new(), |hex, byte| hex + &format!("{byte:02x}"));
            let mut found = BTreeSet::new();
            for row in client.query("SELECT tablename::text FROM pg_tables WHERE schemaname = 'public'", &[])? {
                let table: String = row.get(0);
                let sql = format!(
                    "SELECT count(*) FROM \"{table}\" AS t WHERE strpos(lower(t::text), $1) > 0 OR strpos(t::text, $2) > 0"
                );
                if client.query_one(&sql, &[&text, &hex])?.get::<_, i64>(0) > 0 {
                    found.insert(table);
                }
            }
            Ok::<_, postgres::Error>(found)
        };
        thread::spawn(look).join().expect("the statements do not panic").expect("the database can be read")
    }
}

impl Drop for PostgresDatabase {
    fn drop(&mut self) {
        run(&self.server, format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name));
    }
}

/// Runs a statement on a thread of its own: the client must not run on those of an asynchronous test.
fn run(server: &str, statement: String) {
    let server = server.to_owned();
    let statement = move || Client::connect(&server, NoTls)?.batch_execute(&statement);
    let outcome = thread::spawn(statement).join().expect("the statement does not panic");
    outcome.expect("TEST_POSTGRES names a server on which databases may be made");
}
