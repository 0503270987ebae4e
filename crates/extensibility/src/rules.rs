//! The rule pipeline: all enabled rules of a stage, one after the other, each handing user and context on to the next.

pub(crate) mod context;
mod services;

use std::{sync::Arc, time::Duration};

use actions::{Invocation, Program, ProgramKind};
use identity::{credentials::Told, triggers::Denial};
use kernel::{Document, TenantId, Value};
use model::{RULE, RULES_CONFIG};
use store::{Filter, Order, Query, Snapshot, Store, StoreResult};
use tokio::time::Instant;

use self::services::OfRules;
use crate::Dispatcher;

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
    ///
    /// # Errors
    /// Those of the store.
    pub async fn run_rules(
        &self,
        tenant: &TenantId,
        stage: &str,
        user: Document,
        context: Document,
        globals: &Document,
    ) -> StoreResult<RuleRun> {
        let pipeline = self.pipeline(tenant).await?;
        let deadline = Instant::now() + TIME;
        let mut run = RuleRun { user, context, executed: Vec::new(), denied: None };
        for rule in pipeline.rules.iter().filter(|rule| rule.stage == stage) {
            let arguments = Value::Array(vec![run.user.clone().into(), run.context.clone().into()]);
            let told = Told::of(&arguments);
            let mut call = Invocation::new("", "", arguments);
            call.time_left = deadline.saturating_duration_since(Instant::now());
            call.facts.insert("globals".into(), globals.clone().into());
            call.services = Some(OfRules::shared(self.store().clone(), tenant.clone()));
            let outcome = self.runtime().run(&rule.program, call).await;
            run.executed.push(rule.id.clone());
            if let Some(mut error) = outcome.error {
                told.mask(&mut error.message);
                let is_failure = error.name != "UnauthorizedError";
                run.denied = Some(Denial { reason: error.message, is_failure, ..Denial::default() });
                break;
            }
            run.take(outcome.result);
        }
        Ok(run)
    }

    pub(crate) async fn pipeline(&self, tenant: &TenantId) -> StoreResult<Arc<Pipeline>> {
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
    [&RULE, &RULES_CONFIG].map(|kind| store.epoch(tenant, kind))
}

impl Pipeline {
    /// Whether any rule runs at a stage.
    pub(crate) fn has_any(&self, stage: &str) -> bool {
        self.rules.iter().any(|rule| rule.stage == stage)
    }

    fn read(reader: &Snapshot, epochs: [u64; 2]) -> StoreResult<Self> {
        let order = Order::Field { field: "order".into(), descending: false };
        let enabled = Query::of(Filter::equals("enabled", true)).order(order);
        let configs = reader.list(&RULES_CONFIG, &Query::default())?.items;
        let value = |config: &kernel::Record| Some((config.id.clone(), config.sealed.get("value")?.clone()));
        let configuration: Document = configs.iter().filter_map(value).collect();
        let rules = reader.list(&RULE, &enabled)?.items.into_iter().map(|rule| {
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

#[cfg(test)]
mod tests {
    use kernel::{Context, Record, object};
    use serde_json::json;
    use store::{Database, Options, RootKey, Tx};

    use super::*;

    #[expect(clippy::disallowed_methods, reason = "where programs are is the test environment's to tell")]
    async fn dispatcher(rules: Value) -> (Dispatcher, TenantId) {
        let context = Context::system();
        let options = Options { database: Database::Memory, root_key: RootKey::generate(&context), context };
        let store = Store::open(options).await.unwrap();
        let tenant = TenantId::new("tenant");
        store.create_tenant(&tenant).await.unwrap();
        let work = move |tx: &mut Tx| {
            for (place, rule) in rules.as_array().unwrap().iter().enumerate() {
                let mut document = object(rule.clone());
                document.entry("enabled").or_insert_with(|| true.into());
                document.insert("stage".into(), LOGIN.into());
                tx.insert(&RULE, Record::new(format!("rul_{place}"), document, tx.now()))?;
            }
            let mut config = Record::new("TIER", object(json!({"key": "TIER"})), tx.now());
            config.sealed.set("value", "gold");
            tx.insert(&RULES_CONFIG, config)
        };
        store.write(&tenant, work).await.unwrap();
        let mut settings = actions::Settings::new(std::env::temp_dir());
        settings.search_path = std::env::var_os("PATH").unwrap_or_default();
        let runtime = actions::Runtime::new(settings, Arc::new(outbound::Client::new(false)));
        (Dispatcher::new(store, runtime), tenant)
    }

    async fn run(rules: Value) -> RuleRun {
        let (dispatcher, tenant) = dispatcher(rules).await;
        let (user, context) = (object(json!({"name": "Jane"})), object(json!({"accessToken": {}})));
        dispatcher.run_rules(&tenant, LOGIN, user, context, &Document::new()).await.unwrap()
    }

    #[tokio::test]
    async fn each_rule_sees_what_the_one_before_it_left() {
        let rules = json!([
            {"name": "last", "order": 2, "script": "function (user, context, callback) {
                context.accessToken['https://a.example/b'] = user.tier + configuration.TIER; callback(null, user, context); }"},
            {"name": "first", "order": 1, "script": "function (user, context, callback) {
                user.tier = user.name + ' is '; callback(null, user); }"},
            {"name": "off", "order": 3, "enabled": false, "script": "function (u, c, cb) { cb(new Error('never runs')); }"},
        ]);
        let run = run(rules).await;
        assert_eq!(run.denied, None);
        assert_eq!(run.executed, ["rul_1", "rul_0"]);
        assert_eq!(run.context["accessToken"]["https://a.example/b"], "Jane is gold");
    }

    #[tokio::test]
    async fn a_refusal_stops_the_later_rules() {
        let rules = json!([
            {"name": "no", "order": 1, "script": "function (u, c, cb) { cb(new UnauthorizedError('Not today.')); }"},
            {"name": "later", "order": 2, "script": "function (u, c, cb) { cb(null, u, c); }"},
        ]);
        let run = run(rules).await;
        let denied = Denial { reason: "Not today.".to_owned(), ..Denial::default() };
        assert_eq!((run.executed.len(), run.denied), (1, Some(denied)));
    }
}
