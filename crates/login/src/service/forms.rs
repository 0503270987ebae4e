//! Forms that a tenant's code has shown: a journey is kept in its login's transaction, moves by one turn at a time, and runs flows between
//! steps.
//!
//! A turn is taken in a transaction of the store that finds the journey where the page was: of two tabs, or of a form that is sent twice,
//! one goes on. What a turn began and a crash ended is told as a failure, and the visitor goes on from the step where they were.

mod context;
mod pages;
mod sent;
mod turn;
mod vouching;

use std::{sync::Arc, time::Duration};

use flows::{
    Caller, Flows, Outcome, Paid, Payment, Run, Solved,
    journey::{Act, Form, Journey, Known, Next, languages_of},
};
use http::StatusCode;
use kernel::{Document, Tenant, Value};
use model::{languages, login::Stage};
use store::{Snapshot, StoreError, StoreResult};

pub use sent::LONGEST_FORM;
pub(crate) use sent::{Sent, SentFile};
use turn::{Turn, Turned};

use super::{Found, Login, Scene};
use crate::{
    forms::{self, state_of},
    machine, paths,
    reply::Reply,
    router::Visit,
    step::At,
};

/// How long a request may run a flow until others take it for dead: longer than any flow runs.
const LEASE: Duration = Duration::from_secs(90);

/// A journey as it was found.
struct Standing {
    scene: Scene,
    found: Found,
    journey: Journey,
    form: Arc<Form>,
    /// The form as it is stored; none where it was deleted.
    record: Option<kernel::Record>,
    /// What expressions know of the login.
    context: Arc<Document>,
}

impl Standing {
    /// Whose login it is, or whose password is reset.
    fn user_id(&self) -> Option<String> {
        self.context.get("user")?.get("user_id")?.as_str().map(str::to_owned)
    }

    fn state(&self) -> String {
        state_of(&self.found.transaction)
    }

    fn known<'k>(&'k self, of: &'k kernel::Context) -> Known<'k> {
        Known { context: &self.context, of }
    }

    /// To the page of the journey as it stands.
    fn page(&self) -> Reply {
        Reply::to(format!("{}?state={}", paths::of_form(&self.form.id), self.state()))
    }
}

impl Login {
    /// A page of a form is opened.
    pub(crate) async fn visit_form(&self, visit: &Visit) -> StoreResult<Reply> {
        let (id, part) = parts(&visit.path);
        let standing = match Box::pin(self.standing(visit, visit.query.get("state"), id)).await? {
            Ok(standing) => standing,
            Err(reply) => return Ok(reply),
        };
        if let Some(component) = part {
            return Ok(self.component(&standing, component));
        }
        if !standing.journey.has_begun() {
            return Box::pin(self.go_on(visit, standing, Turn::Begin)).await;
        }
        if let Some(running) = standing.journey.running.clone() {
            let outcome = match &running.execution {
                Some(execution) => self.outcome(&visit.reached, execution).await,
                None => Outcome::Waiting { execution_id: String::new() },
            };
            let age = self.store.context().now().seconds() - running.since;
            let outcome = match outcome {
                Outcome::Waiting { .. } if running.execution.is_some() => None,
                // Whoever ran it is gone.
                Outcome::Waiting { .. } => (age > LEASE.as_secs().cast_signed()).then_some(Outcome::Failed),
                outcome => Some(outcome),
            };
            let Some(outcome) = outcome else {
                let texts = self.page_texts(visit, &standing).await?;
                let page = forms::waiting(&texts, &standing.state(), &standing.form.language);
                return self.form_page(visit, &standing, page, StatusCode::OK).await;
            };
            let turn = Turn::Ran { number: running.number, outcome };
            return Box::pin(self.go_on(visit, standing, turn)).await;
        }
        self.step(visit, &standing, None).await
    }

    /// Whether a visitor is at a step that takes files: nobody else sends much.
    pub(crate) async fn takes_files(&self, visit: &Visit) -> bool {
        let (id, _) = parts(&visit.path);
        let Ok(Ok(standing)) = Box::pin(self.standing(visit, visit.query.get("state"), id)).await else {
            return false;
        };
        standing.journey.step(&standing.form).is_some_and(|step| step.has("FILE"))
    }

    /// A form is sent.
    pub(crate) async fn post_form(&self, visit: &Visit, sent: Sent) -> StoreResult<Reply> {
        let (id, _) = parts(&visit.path);
        let state = visit.state(sent.entered.first("state"));
        let standing = match Box::pin(self.standing(visit, state, id)).await? {
            Ok(standing) => standing,
            Err(reply) => return Ok(reply),
        };
        let is_present = sent.entered.first("turn").parse() == Ok(standing.journey.turn);
        if !is_present || standing.journey.running.is_some() {
            return Ok(standing.page());
        }
        let act = Act::of(sent.entered.first("action"));
        if let Err(faults) = standing.journey.check(&standing.form, &act, &sent.entered) {
            return self.step(visit, &standing, Some((&sent, &faults))).await;
        }
        let unsolved = Box::pin(self.unsolved(visit, &standing, &act, &sent)).await;
        if !unsolved.is_empty() {
            return self.step(visit, &standing, Some((&sent, &unsolved))).await;
        }
        let turn = standing.journey.turn;
        let turn = Turn::Act { turn, act, entered: Arc::new(sent.entered) };
        Box::pin(self.go_on(visit, standing, turn)).await
    }

    /// Takes a turn, and those that follow from it without the visitor, whether or not they stay to see it.
    async fn go_on(&self, visit: &Visit, mut standing: Standing, turn: Turn) -> StoreResult<Reply> {
        let (login, reached) = (self.clone(), visit.reached.clone());
        let caller = Caller {
            ip: visit.browser.ip.clone(),
            user_agent: visit.browser.user_agent.clone(),
            client_id: Some(standing.found.transaction.request.client_id.clone()),
            organization_id: standing.found.transaction.request.organization.clone(),
            user_id: standing.user_id(),
            language: Some(standing.form.language.clone()),
        };
        let begins = matches!(turn, Turn::Begin);
        let work = tokio::spawn(async move {
            let next = login.turns(&reached, &mut standing, turn, caller).await?;
            Ok::<_, StoreError>((standing, next))
        });
        let (standing, next) =
            work.await.map_err(|error| StoreError::Corrupt(format!("a form's turn broke off: {error}")))??;
        Ok(match next {
            Some(Next::Done) => self.end(visit, &standing).await?,
            Some(Next::Show) if begins => self.step(visit, &standing, None).await?,
            _ => standing.page(),
        })
    }

    /// `None` where somebody else has taken the turn.
    async fn turns(
        &self,
        reached: &Tenant,
        standing: &mut Standing,
        mut turn: Turn,
        caller: Caller,
    ) -> StoreResult<Option<Next>> {
        loop {
            let Some(Turned { transaction, journey, next }) = self.turn(reached, standing, &caller, turn).await? else {
                return Ok(None);
            };
            standing.found.transaction = transaction;
            standing.journey = journey;
            let Some(number) = standing.journey.running.as_ref().map(|running| running.number) else {
                return Ok(Some(next));
            };
            turn = match &next {
                Next::Run(flow) => {
                    let outcome = self.run(reached, standing, flow, caller.clone()).await;
                    Turn::Ran { number, outcome }
                }
                Next::Pay(field) => Turn::Paid { number, paid: Box::pin(self.pay(standing, field)).await },
                _ => return Ok(Some(next)),
            };
        }
    }

    async fn run(&self, reached: &Tenant, standing: &Standing, flow: &str, caller: Caller) -> Outcome {
        let context = self.store.context();
        let scope = standing.known(context).scope(&standing.journey, &standing.form);
        // Who knows the identifier of a login knows half of its `state`.
        let journey = kernel::digest(&standing.found.transaction.id);
        let journey_id = journey.get(..22);
        let run = Run { tenant: reached, flow_id: flow, journey_id, scope, caller };
        self.flows.run(run).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a flow of a form could not be run");
            Outcome::Failed
        })
    }

    async fn outcome(&self, reached: &Tenant, execution: &str) -> Outcome {
        self.flows.outcome(reached, execution).await.unwrap_or_else(|error| {
            tracing::error!(%error, "a flow of a form could not be looked after");
            Outcome::Waiting { execution_id: execution.to_owned() }
        })
    }

    /// The journey that a request is about, or where its visitor belongs instead.
    async fn standing(&self, visit: &Visit, state: &str, id: &str) -> StoreResult<Result<Standing, Reply>> {
        let mut scene = self.scene(&visit.tenant, state, &visit.browser, paths::FORM, &visit.locales()).await?;
        let Some(mut found) = scene.found.take() else { return Ok(Err(self.lost_page(&scene).await)) };
        let progress = &found.transaction.progress;
        let is_present = progress.stage == Stage::Prompt
            && progress.screen == paths::FORM
            && progress.shown.get("form").and_then(Value::as_str) == Some(id)
            && found.is_stored
            && found.step == progress.step;
        let journey = if is_present { Journey::from_value(&progress.shown) } else { None };
        let Some(journey) = journey else {
            let before = found.transaction.clone();
            let mut at = At { world: &scene.setting.world, transaction: &mut found.transaction };
            let step = machine::visit(&mut at, &visit.path);
            found.step = found.transaction.progress.step;
            return self.respond(&visit.tenant, &scene, &visit.browser, found, &before, step).await.map(Err);
        };
        let (transaction, domain, client) =
            (found.transaction.clone(), scene.domain.clone(), scene.setting.world.client.clone());
        let id = id.to_owned();
        let read = move |reader: &Snapshot| {
            let context = context::of(reader, &transaction, &client, domain.as_ref())?;
            Ok::<_, StoreError>((reader.get(&model::FORM, &id)?, context))
        };
        let (record, context) = self.store.read(&visit.tenant, read).await?;
        // Where it was deleted, its journey leads nowhere.
        let none = Document::new();
        let document = record.as_ref().map_or(&none, |record| &record.document);
        let known = languages_of(document);
        let chosen = found.transaction.progress.language.clone();
        let wishes = chosen.into_iter().chain(visit.locales()).chain(found.transaction.request.ui_locales.clone());
        let asked = wishes.into_iter().next();
        let language = languages::choose(&known, asked.as_deref(), &visit.browser.language);
        let form = Form::of(&journey.form, document, language);
        if scene.language != form.language {
            scene.language.clone_from(&form.language);
            // Its texts were read in the other one.
            scene.prompt = "";
        }
        Ok(Ok(Standing { scene, found, journey, form: Arc::new(form), record, context: Arc::new(context) }))
    }
}

/// The form that a path names, and the component of it.
fn parts(path: &str) -> (&str, Option<&str>) {
    let rest = paths::form_at(path).unwrap_or_default();
    match rest.split_once("/component/") {
        Some((form, component)) => (form, Some(component)),
        None => (rest, None),
    }
}

/// Flows where none can be run: each fails.
pub(crate) struct NoFlows;

impl Flows for NoFlows {
    fn run<'a>(&'a self, _: Run<'a>) -> flows::BoxFuture<'a, identity::Result<Outcome>> {
        Box::pin(async { Ok(Outcome::Failed) })
    }

    fn outcome<'a>(&'a self, _: &'a Tenant, _: &'a str) -> flows::BoxFuture<'a, identity::Result<Outcome>> {
        Box::pin(async { Ok(Outcome::Failed) })
    }

    fn solved(&self, _: Solved) -> flows::BoxFuture<'_, bool> {
        Box::pin(async { false })
    }

    fn pay(&self, _: Payment) -> flows::BoxFuture<'_, Paid> {
        Box::pin(async { Paid::Failed(String::new()) })
    }
}
