//! What tests of several crates need: databases of their own on a PostgreSQL server.

use std::thread;

use kernel::{Context, id};
use postgres::{Client, NoTls};

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
