//! Scripts of custom databases: found in their connection, run a few at a time, and what their answers mean.

use std::sync::Arc;

use actions::{Invocation, Outcome, Program, ProgramKind, ScriptError as Thrown, Services};
use identity::{
    PasswordHash, Passwords,
    credentials::Told,
    databases::{Script, ScriptCall, ScriptError, ScriptReason, TIME},
    triggers::BoxFuture,
};
use kernel::{Document, Record, Secret, TenantId, Value};
use model::{CONNECTION, CONNECTION_CONFIGURATION};

use crate::{Dispatcher, dispatcher::executions};

/// Longest password that is computed for a script.
const LONGEST_PASSWORD: usize = 4_096;
/// Longest message of a script that is kept or shown, in characters.
const LONGEST_MESSAGE: usize = 500;
/// Longest identifier of a user that a script names in an error, in characters.
const LONGEST_ID: usize = 255;
/// Most bytes of a script's console that are kept in a log entry.
const LONGEST_CONSOLE: usize = 4_096;

/// Shorter values of a configuration stand in a text by chance.
const SHORTEST_SECRET: usize = 12;

impl Dispatcher {
    /// Runs a script of a custom database: what it passed to its callback, or why it did not.
    pub(crate) async fn ask_script(
        &self,
        tenant: &TenantId,
        call: ScriptCall,
    ) -> identity::Result<Result<Value, ScriptError>> {
        let reason = ScriptReason::Missing(call.script.title());
        let outcome = self.try_script(tenant, call).await?;
        Ok(outcome.map_or(Err(ScriptError { reason, console: Vec::new() }), answer))
    }

    /// Runs a script of a custom database: how it went; `None` where the connection has no such script.
    ///
    /// # Errors
    /// Those of the store; [`identity::Error::ConnectionMissing`].
    pub async fn try_script(&self, tenant: &TenantId, call: ScriptCall) -> identity::Result<Option<Outcome>> {
        let connection = self.store().cached(tenant, &CONNECTION, &call.connection).await?;
        let connection = connection.ok_or(identity::Error::ConnectionMissing)?;
        let Some(program) = program(tenant, &connection, call.script) else { return Ok(None) };
        let Some(_turn) = self.turns().take(tenant, &call.connection).await else {
            let error = Thrown { name: "LimitError".into(), message: "resource_exhausted".into(), ..Thrown::default() };
            return Ok(Some(Outcome { error: Some(error), ..Outcome::default() }));
        };
        let configured =
            program.configuration.values().filter_map(Value::as_str).filter(|text| text.len() >= SHORTEST_SECRET);
        let secrets = call.secret.iter().map(Secret::reveal).chain(configured);
        let told = Told::texts(secrets.filter(|text| !text.is_empty()));
        let mut invocation = Invocation::new("", "", call.arguments.into());
        invocation.time_left = TIME;
        invocation.services = Some(Arc::new(Bcrypt(call.passwords)));
        let mut outcome = self.runtime().run(&Arc::new(program), invocation).await;
        executions::hide(&told, &mut outcome);
        Ok(Some(outcome))
    }
}

/// Answers what scripts ask of `bcrypt`, off the async threads, with the bounds that passwords have everywhere.
struct Bcrypt(Passwords);

impl Bcrypt {
    async fn compute(&self, question: &str, arguments: &[Value]) -> Result<Value, String> {
        let failed = |_: identity::Error| "Too many passwords are being computed.".to_owned();
        let text = |place: usize| arguments.get(place).and_then(Value::as_str);
        let password = text(0).filter(|password| password.len() <= LONGEST_PASSWORD);
        let password = Secret::new(password.ok_or("data and hash must be texts")?);
        match question {
            "bcrypt.compare" => {
                let hash = text(1).ok_or("data and hash must be texts")?;
                // What is no hash, or costs too much, is nobody's.
                let Some(hash) = PasswordHash::parse(hash) else { return Ok(false.into()) };
                self.0.verify(password, hash).await.map(Value::from).map_err(failed)
            }
            "bcrypt.hash" if password.reveal().contains('\0') => Err("data must not contain U+0000".to_owned()),
            "bcrypt.hash" => self.0.hash(password).await.map(|hash| hash.to_text().into()).map_err(failed),
            other => Err(format!("{other} is not available to scripts of databases.")),
        }
    }
}

impl Services for Bcrypt {
    fn ask<'a>(&'a self, question: &'a str, arguments: Vec<Value>) -> BoxFuture<'a, Result<Value, String>> {
        Box::pin(async move { self.compute(question, &arguments).await })
    }
}

/// A script of a connection as the runtime knows it.
fn program(tenant: &TenantId, connection: &Record, script: Script) -> Option<Program> {
    let code = connection.document.get("options")?.get("customScripts")?.get(script.name())?.as_str()?;
    let configuration = connection.sealed.get(CONNECTION_CONFIGURATION).and_then(Value::as_object);
    (!code.trim().is_empty()).then(|| Program {
        tenant: tenant.clone(),
        // The configuration is a part of the connection, and changes its version.
        id: format!("{}.{}.{}", connection.id, connection.version, script.name()),
        name: script.name().to_owned(),
        kind: ProgramKind::Database,
        code: code.to_owned(),
        modules: Vec::new(),
        dependencies: Vec::new(),
        secrets: Document::new(),
        configuration: configuration.cloned().unwrap_or_default(),
    })
}

/// What a script passed to its callback, or why it did not.
fn answer(outcome: Outcome) -> Result<Value, ScriptError> {
    let Some(error) = outcome.error else {
        let passed = match outcome.result {
            Some(Value::Array(passed)) => passed.into_iter().next(),
            _ => None,
        };
        return Ok(passed.unwrap_or_default());
    };
    let property = |name: &str| error.properties.get(name).and_then(Value::as_str).unwrap_or_default();
    let message: String = error.message.chars().take(LONGEST_MESSAGE).collect();
    let reason = match error.name.as_str() {
        "WrongUsernameOrPasswordError" => {
            let user_id: String = property("user_id").chars().take(LONGEST_ID).collect();
            let user_id = Some(user_id).filter(|id| !id.is_empty());
            ScriptReason::WrongCredentials { user_id, message }
        }
        "ValidationError" => ScriptReason::Validation { code: property("code").chars().take(100).collect(), message },
        "UnauthorizedError" => ScriptReason::Unauthorized(message),
        _ => ScriptReason::Failed(message),
    };
    let mut left = LONGEST_CONSOLE;
    let lines = outcome.console.into_iter().map(|line| format!("{}: {}", line.level, line.text));
    let console = lines.take_while(|line| {
        let fits = line.len() <= left;
        left = left.saturating_sub(line.len());
        fits
    });
    Err(ScriptError { reason, console: console.collect() })
}

#[cfg(test)]
mod tests {
    use kernel::object;
    use serde_json::json;

    use super::*;

    #[test]
    fn an_error_class_says_what_a_refusal_means() {
        let thrown = |name: &str, properties: Value| {
            let error = Thrown {
                name: name.to_owned(),
                message: "no".to_owned(),
                properties: object(properties),
                ..Thrown::default()
            };
            answer(Outcome { error: Some(error), ..Outcome::default() }).unwrap_err().reason
        };
        let no = || "no".to_owned();
        let wrong = |user_id: Option<&str>| ScriptReason::WrongCredentials {
            user_id: user_id.map(str::to_owned),
            message: no(),
        };
        assert_eq!(thrown("WrongUsernameOrPasswordError", json!({"user_id": "7"})), wrong(Some("7")));
        assert_eq!(thrown("WrongUsernameOrPasswordError", json!({"user_id": ""})), wrong(None));
        let code = "user_exists".to_owned();
        let validation = ScriptReason::Validation { code, message: no() };
        assert_eq!(thrown("ValidationError", json!({"code": "user_exists"})), validation);
        assert_eq!(thrown("UnauthorizedError", json!({})), ScriptReason::Unauthorized(no()));
        assert_eq!(thrown("LimitError", json!({})), ScriptReason::Failed(no()));
    }

    #[test]
    fn an_answer_is_what_the_callback_got() {
        let passed = |result: Option<Value>| answer(Outcome { result, ..Outcome::default() }).unwrap();
        assert_eq!(passed(Some(json!([{"user_id": 1}, 2]))), json!({"user_id": 1}));
        assert_eq!((passed(Some(json!([]))), passed(None)), (Value::Null, Value::Null));
    }
}
