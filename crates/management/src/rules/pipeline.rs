//! The rule pipeline: all enabled rules of a stage, one after the other, each handing user and context on to the next.

use std::{sync::Arc, time::Duration};

use ::actions::{Invocation, Program, ProgramKind};
use identity::triggers::Denial;
use kernel::{ApiResult, Document, TenantId, Value};
use store::{Filter, Order, Query, Snapshot, Store};
use tokio::time::Instant;

use super::RULE;
use crate::{actions::Dispatcher, rules_configs::RULES_CONFIG};

/// The stage of rules that run when somebody has logged in.
pub const LOGIN: &str = "login_success";
/// Wall time of all rules together.
const TIME: Duration = Duration::from_secs(20);

/// The enabled rules of a tenant in their order, as they were at certain epochs.
pub(crate) struct Pipeline {
    epochs: [u64; 2],
    rules: Vec<Rule>,
}

struct Rule {
    id: String,
    stage: String,
    program: Arc<Program>,
}

/// How the rules of a stage went.
#[derive(Debug)]
pub struct RuleRun {
    /// The user as the last rule left it.
    pub user: Document,
    /// The context as the last rule left it: claims, `redirect`, `multifactor` and more.
    pub context: Document,
    /// Identifiers of the rules that ran, for `api.rules.wasExecuted`.
    pub executed: Vec<String>,
    /// Why the login must not go on.
    pub denied: Option<Denial>,
}

impl Dispatcher {
    /// Runs the enabled rules of a stage in their order until one refuses. `globals` are the members of a rule's `auth0`.
    pub async fn run_rules(
        &self,
        tenant: &TenantId,
        stage: &str,
        user: Document,
        context: Document,
        globals: &Document,
    ) -> ApiResult<RuleRun> {
        let pipeline = self.pipeline(tenant).await?;
        let deadline = Instant::now() + TIME;
        let mut run = RuleRun { user, context, executed: Vec::new(), denied: None };
        for rule in pipeline.rules.iter().filter(|rule| rule.stage == stage) {
            let arguments = Value::Array(vec![run.user.clone().into(), run.context.clone().into()]);
            let mut call = Invocation::new("", "", arguments);
            call.time_left = deadline.saturating_duration_since(Instant::now());
            call.facts.insert("globals".into(), globals.clone().into());
            let outcome = self.runtime().run(&rule.program, call).await;
            run.executed.push(rule.id.clone());
            if let Some(error) = outcome.error {
                let is_failure = error.name != "UnauthorizedError";
                run.denied = Some(Denial { reason: error.message, is_failure, ..Denial::default() });
                break;
            }
            run.take(outcome.result);
        }
        Ok(run)
    }

    async fn pipeline(&self, tenant: &TenantId) -> ApiResult<Arc<Pipeline>> {
        let epochs = epochs(self.store(), tenant);
        if let Some(known) = self.rules().get(tenant).filter(|known| known.epochs == epochs) {
            return Ok(known);
        }
        let pipeline = self.store().read(tenant, move |reader| Pipeline::read(reader, epochs)).await?;
        let pipeline = Arc::new(pipeline);
        self.rules().insert(tenant.clone(), Arc::clone(&pipeline));
        Ok(pipeline)
    }
}

impl RuleRun {
    /// What a rule passed to its callback after the error; what it left out stays as it was.
    fn take(&mut self, passed: Option<Value>) {
        let Some(Value::Array(mut passed)) = passed else { return };
        passed.resize(2, Value::Null);
        if let Some(Value::Object(context)) = passed.pop() {
            self.context = context;
        }
        if let Some(Value::Object(user)) = passed.pop() {
            self.user = user;
        }
    }
}

fn epochs(store: &Store, tenant: &TenantId) -> [u64; 2] {
    [RULE.name, RULES_CONFIG.name].map(|kind| store.epoch(tenant, kind))
}

impl Pipeline {
    fn read(reader: &Snapshot, epochs: [u64; 2]) -> ApiResult<Self> {
        let order = Order::Field { field: "order".into(), descending: false };
        let enabled = Query::of(Filter::equals("enabled", true)).order(order);
        let configs = reader.list(RULES_CONFIG.name, &Query::default())?.items;
        let value = |config: &kernel::Record| Some((config.id.clone(), config.sealed.get("value")?.clone()));
        let configuration: Document = configs.iter().filter_map(value).collect();
        let rules = reader.list(RULE.name, &enabled)?.items.into_iter().map(|rule| {
            let program = Program {
                tenant: reader.tenant().clone(),
                // The configuration is part of what the runtime keeps under the identifier.
                id: format!("{}.{}.{}", rule.id, rule.version, epochs[1]),
                name: rule.text("name").unwrap_or_default().to_owned(),
                kind: ProgramKind::Rule,
                code: rule.text("script").unwrap_or_default().to_owned(),
                modules: Vec::new(),
                dependencies: Vec::new(),
                secrets: Document::new(),
                configuration: configuration.clone(),
            };
            let stage = rule.text("stage").unwrap_or(LOGIN).to_owned();
            Rule { id: rule.id, stage, program: Arc::new(program) }
        });
        Ok(Self { epochs, rules: rules.collect() })
    }
}
