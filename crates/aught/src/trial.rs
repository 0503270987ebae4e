//! `aught connections try`: one script of a custom database, run as a login would run it, and what came of it.

use std::io::{self, BufRead};

use clap::Args;
use extensibility::Dispatcher;
use identity::{
    Passwords,
    databases::{Script, ScriptCall},
    users::Realm,
};
use kernel::{Secret, TenantId, Value};
use serde::{Deserialize, Serialize};
use serde_json::json;
use store::{Snapshot, Store};

use crate::{Failure, administration::Told, scripts};

/// A script to try.
#[derive(Debug, Args)]
pub(crate) struct Asked {
    /// Name of the connection
    #[arg(value_name = "NAME")]
    connection: String,

    /// The script
    #[arg(long, value_name = "login | get_user | create | …", value_parser = script)]
    script: String,

    /// Its arguments before the callback: texts, or JSON where one begins with { or [, or is true, false or null; - reads one
    /// from standard input, a line each, so that a password stands on no command line
    #[arg(value_name = "ARGUMENT")]
    arguments: Vec<String>,

    /// The tenant [default: the one at the installation's domain]
    #[arg(long, value_name = "NAME")]
    tenant: Option<String>,
}

fn script(name: &str) -> Result<String, String> {
    let known = || Script::names().collect::<Vec<_>>().join(", ");
    Script::named(name).map(|script| script.name().to_owned()).ok_or_else(|| format!("expected one of {}", known()))
}

/// What a running server is asked to run.
#[derive(Debug, Deserialize, Serialize)]
pub(crate) struct Trial {
    tenant: Option<String>,
    connection: String,
    script: String,
    arguments: Vec<Value>,
}

impl Asked {
    /// The trial, with the arguments that stand on standard input.
    pub(crate) fn into_trial(self) -> Result<Trial, Failure> {
        let mut input = io::stdin().lock().lines();
        let mut read = |argument: String| {
            let text = if argument == "-" {
                let line = input.next().transpose().map_err(|error| Failure::new("standard input", error))?;
                line.ok_or_else(|| Failure::new("standard input", "expected one more line"))?
            } else {
                argument
            };
            value(text)
        };
        let arguments: Result<Vec<Value>, Failure> = self.arguments.into_iter().map(&mut read).collect();
        let (tenant, connection, script) = (self.tenant, self.connection, self.script);
        Ok(Trial { tenant, connection, script, arguments: arguments? })
    }
}

/// An argument: JSON where it looks like it.
fn value(text: String) -> Result<Value, Failure> {
    let is_json = text.starts_with(['{', '[']) || ["true", "false", "null"].contains(&text.as_str());
    if !is_json {
        return Ok(text.into());
    }
    serde_json::from_str(&text).map_err(|error| Failure::new(format!("the argument {text}"), error))
}

/// Runs the script, and tells what it answered.
pub(crate) async fn run(dispatcher: &Dispatcher, trial: Trial) -> Result<Told, Failure> {
    let Trial { tenant, connection: name, script, mut arguments } = trial;
    let tried = format!("the script {script} of {name}");
    let script = Script::named(&script).ok_or_else(|| Failure::new(&tried, "there is none of this name"))?;
    let tenant = self::tenant(dispatcher.store(), tenant).await?;
    let wanted = name.clone();
    let find = move |reader: &Snapshot| {
        let found = reader.find(&model::CONNECTION, "name", &wanted)?;
        found.map(|connection| Realm::of(&connection)).transpose().map_err(identity::Error::from)
    };
    let realm = dispatcher.store().read(&tenant, find).await.map_err(|error| Failure::new(&tried, error))?;
    let realm = realm.ok_or_else(|| Failure::new(format!("the connection {name}"), "there is none of this name"))?;
    let database = realm.custom_database();
    let database =
        database.ok_or_else(|| Failure::new(format!("the connection {name}"), "it is no custom database"))?;
    let secret = match script {
        Script::Login | Script::ChangePassword => arguments.get(1).and_then(Value::as_str),
        Script::Create => arguments.first().and_then(|user| user.get("password")?.as_str()),
        _ => None,
    };
    let secret = secret.map(Secret::new);
    if database.has_context {
        arguments.push(json!({}));
    }
    let passwords = Passwords::new(dispatcher.store().context().clone());
    let call = ScriptCall { connection: realm.id, script, arguments, secret, passwords };
    let outcome = dispatcher.try_script(&tenant, call).await.map_err(|error| Failure::new(&tried, error))?;
    let outcome = outcome.ok_or_else(|| Failure::new(&tried, "the connection has no such script"))?;
    Ok(Told { text: scripts::told(&outcome), status: u8::from(outcome.error.is_some()) })
}

/// The tenant with this name, else the one at the installation's domain.
pub(crate) async fn tenant(store: &Store, name: Option<String>) -> Result<TenantId, Failure> {
    let failed = |error| Failure::new("the tenants", error);
    let id = match name {
        Some(name) => Some(TenantId::new(&name)),
        None => store.installation_tenant().await.map_err(failed)?.0,
    };
    let id =
        id.ok_or_else(|| Failure::new("the tenant", "there is none at the installation's domain: use --tenant"))?;
    if store.tenant(&id).await.map_err(failed)?.is_none() {
        return Err(Failure::new(format!("the tenant {}", id.as_str()), "there is none of this name"));
    }
    Ok(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_argument_is_a_text_unless_it_is_json() {
        let of = |text: &str| value(text.to_owned()).unwrap();
        assert_eq!(of("jane@example.com"), json!("jane@example.com"));
        assert_eq!(of("12"), json!("12"));
        assert_eq!((of("true"), of("{\"a\": 1}")), (json!(true), json!({"a": 1})));
        assert!(value("{".to_owned()).is_err());
    }

    #[test]
    fn only_scripts_that_there_are_can_be_named() {
        assert_eq!(script("get_user").as_deref(), Ok("get_user"));
        assert!(script("logout").unwrap_err().contains("change_email"));
    }
}
