//! `aught flows run`: a flow from a file, in a tenant that lives as long as it runs.

use std::{
    path::{Path, PathBuf},
    process::ExitCode,
    time::Duration,
};

use clap::Args;
use flows::{Caller, Flows, Outcome, OwnTenant, Run, Scope};
use http::{Method, Request, StatusCode, header};
use kernel::{Document, Tenant, Value, object};
use serde::Deserialize;
use serde_json::json;

use crate::{Config, Failure, Running, Server, files, telemetry};

/// How often a flow that waits is looked at.
const PAUSE: Duration = Duration::from_millis(200);

/// A flow to run, and what to give it.
#[derive(Debug, Args)]
pub(crate) struct RunFlow {
    /// The flow: the body of POST /flows
    #[arg(value_name = "FILE")]
    flow: PathBuf,

    /// What its expressions may name, as JSON: an object with context, fields and vars
    #[arg(long, value_name = "FILE")]
    input: Option<PathBuf>,

    /// A vault connection, the body of POST /flows/vault/connections, that actions name as their connection_id; may be given often
    #[arg(long = "vault", value_name = "NAME=FILE")]
    vault: Vec<String>,
}

/// What `--input` holds.
#[derive(Debug, Default, Deserialize)]
#[serde(default, deny_unknown_fields)]
struct Input {
    context: Document,
    fields: Document,
    vars: Document,
}

/// Runs the flow and prints what came of it.
pub(crate) async fn run(asked: RunFlow) -> Result<ExitCode, Failure> {
    telemetry::start_log("warn", None)?;
    let flow: Document = files::json(&asked.flow)?;
    let input: Input = asked.input.as_deref().map(files::json).transpose()?.unwrap_or_default();
    let running = Server::start(Config::in_memory()).await?;
    let ended = carried_out(&running, flow, input, &asked.vault).await;
    running.stop().await;
    let (told, has_failed) = ended?;
    telemetry::say(&format!("{told:#}\n"));
    Ok(if has_failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
}

/// The tenant, as its own Management API sees who works on it.
struct Api<'a> {
    running: &'a Running,
    tenant: Tenant,
    token: Option<String>,
}

impl Api<'_> {
    async fn ask(&self, method: Method, path: &str, body: Option<Value>) -> Result<Value, Failure> {
        let failed = |cause: String| Failure::new(format!("{method} {path}"), cause);
        let mut request =
            Request::builder().method(method.clone()).uri(path).header(header::CONTENT_TYPE, "application/json");
        if let Some(token) = &self.token {
            request = request.header(header::AUTHORIZATION, format!("Bearer {token}"));
        }
        let body = body.map(|body| body.to_string()).unwrap_or_default();
        let request = request.body(body.into()).map_err(|error| failed(error.to_string()))?;
        let response = self.running.within.respond(&self.tenant, request).await;
        let told: Value = serde_json::from_slice(response.body()).unwrap_or_default();
        match response.status() {
            status if status.is_success() => Ok(told),
            StatusCode::BAD_REQUEST if told["message"].is_string() => Err(failed(told["message"].to_string())),
            status => Err(failed(format!("{status} {told}"))),
        }
    }
}

async fn carried_out(
    running: &Running,
    mut flow: Document,
    input: Input,
    vault: &[String],
) -> Result<(Value, bool), Failure> {
    let tenant = running.store.tenant_at(&running.domain).await.map_err(|error| Failure::new("the tenant", error))?;
    let tenant = tenant.ok_or_else(|| Failure::new("the tenant", "it is not there"))?;
    let mut api = Api { running, tenant, token: None };
    let fresh = running.fresh.clone().expect("a store in memory begins empty");
    let grant = json!({
        "grant_type": "client_credentials",
        "client_id": fresh.client_id,
        "client_secret": fresh.client_secret.reveal(),
        "audience": api.tenant.management_audience(),
    });
    let token = api.ask(Method::POST, "/oauth/token", Some(grant)).await?;
    api.token = token["access_token"].as_str().map(str::to_owned);
    for given in vault {
        let (name, file) = given.split_once('=').ok_or_else(|| Failure::new(given, "expected NAME=FILE"))?;
        let mut connection: Document = files::json(Path::new(file))?;
        own(&mut connection, &running.domain, &fresh.client_id, fresh.client_secret.reveal());
        let made = api.ask(Method::POST, "/api/v2/flows/vault/connections", Some(connection.into())).await?;
        flow.values_mut().for_each(|value| rename(value, name, &made["id"]));
    }
    // An export holds what the tenant gives.
    flow.retain(|name, _| ["name", "actions"].contains(&name.as_str()));
    flow.entry("name").or_insert_with(|| "flow".into());
    let flow = api.ask(Method::POST, "/api/v2/flows", Some(flow.into())).await?;
    let flow_id = flow["id"].as_str().unwrap_or_default();
    let Input { context, fields, vars } = input;
    let scope = Scope { context, fields, vars, ..Scope::default() };
    let run = Run { tenant: &api.tenant, flow_id, journey_id: None, scope, caller: Caller::default() };
    let failed = |error| Failure::new("the flow", error);
    let mut outcome = running.flows.run(run).await.map_err(failed)?;
    while let Outcome::Waiting { execution_id } = &outcome {
        tokio::time::sleep(PAUSE).await;
        outcome = running.flows.outcome(&api.tenant, execution_id).await.map_err(failed)?;
    }
    let listed = api.ask(Method::GET, &format!("/api/v2/flows/{flow_id}/executions"), None).await?;
    let id = listed[0]["id"].as_str().unwrap_or_default();
    let execution =
        api.ask(Method::GET, &format!("/api/v2/flows/{flow_id}/executions/{id}?hydrate=debug"), None).await?;
    let has_failed = outcome == Outcome::Failed;
    let mut told = match outcome {
        Outcome::Completed { vars, returned } => json!({"outcome": "completed", "vars": vars, "returned": returned}),
        Outcome::ErrorMessage { message, vars } => {
            json!({"outcome": "error message", "message": message, "vars": vars})
        }
        Outcome::Failed | Outcome::Waiting { .. } => json!({"outcome": "failed"}),
    };
    told["execution"] = execution;
    Ok((told, has_failed))
}

/// A connection to AUTH0 without a set-up is one to the tenant that the flow runs in, with all that its first client may do.
fn own(connection: &mut Document, domain: &str, client_id: &str, client_secret: &str) {
    if connection.get("app_id") == Some(&"AUTH0".into()) && !connection.contains_key("setup") {
        let domain = kernel::host_name(domain);
        let setup =
            json!({"type": "OAUTH_APP", "client_id": client_id, "client_secret": client_secret, "domain": domain});
        connection.insert("setup".into(), object(setup).into());
    }
}

/// Has actions name a connection by the identifier that it got.
fn rename(value: &mut Value, name: &str, id: &Value) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| rename(item, name, id)),
        Value::Object(members) => {
            for (member, value) in members {
                if member == "connection_id" && value == name { *value = id.clone() } else { rename(value, name, id) }
            }
        }
        _ => {}
    }
}
