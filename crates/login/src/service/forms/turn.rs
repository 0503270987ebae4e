//! One turn of a journey: in one transaction of the store, which finds the journey where the page was.

use std::sync::Arc;

use base64::{Engine, engine::general_purpose::STANDARD};
use flows::{
    Caller, Outcome, Paid,
    journey::{Act, Entered, Fault, Form, Journey, Known, Next, Upload},
};
use identity::log::Line;
use kernel::{Document, Record, Tenant, Value, object, user_agent};
use model::login::{Stage, Transaction};
use serde_json::json;
use store::{StoreResult, Tx};

use super::Standing;
use crate::{
    accounts::{self, TRANSACTION},
    forms::state_of,
    paths,
    screens::reset,
    service::Login,
};

/// What a journey's turn is about.
#[derive(Clone, Debug)]
pub(super) enum Turn {
    /// The first step.
    Begin,
    /// The visitor did something, on a page of this turn.
    Act { turn: u32, act: Act, entered: Arc<Entered> },
    /// This run of a flow has ended.
    Ran { number: u32, outcome: Outcome },
    /// A payment was made, or not.
    Paid { number: u32, paid: Paid },
}

/// A turn that was taken.
pub(super) struct Turned {
    pub(super) transaction: Transaction,
    pub(super) journey: Journey,
    pub(super) next: Next,
}

impl Turn {
    /// What comes next; `None` where the journey is not where this turn begins.
    fn take(&self, journey: &mut Journey, form: &Form, known: &Known<'_>) -> Option<Next> {
        match self {
            Self::Begin => (!journey.has_begun()).then(|| journey.begin(form, known)),
            Self::Act { turn, act, entered } => {
                let is_there = journey.turn == *turn && journey.running.is_none() && !journey.has_ended;
                // What is wrong with what was entered was found before.
                is_there.then(|| journey.act(form, act, entered, known).unwrap_or(Next::Show))
            }
            Self::Ran { number, outcome } => {
                journey.is_running(*number).then(|| journey.ran(form, outcome.clone(), known))
            }
            Self::Paid { number, paid } => {
                journey.is_running(*number).then(|| journey.paid(form, paid.clone(), known.of.now()))
            }
        }
    }

    fn uploads(&self, journey: &Journey) -> Vec<Upload> {
        match self {
            Self::Act { entered, .. } => journey.fields.values().flat_map(|value| entered.uploads_of(value)).collect(),
            _ => Vec::new(),
        }
    }
}

impl Login {
    /// Takes a turn; `None` where somebody else has taken it.
    pub(super) async fn turn(
        &self,
        reached: &Tenant,
        standing: &Standing,
        caller: &Caller,
        turn: Turn,
    ) -> StoreResult<Option<Turned>> {
        let (id, step) = (standing.found.transaction.id.clone(), standing.found.transaction.progress.step);
        let (form, context) = (Arc::clone(&standing.form), Arc::clone(&standing.context));
        let line = Told { host: reached.host().to_owned(), caller: caller.clone() };
        let work = move |tx: &mut Tx| -> StoreResult<Option<Turned>> {
            let Some(stored) = tx.peek_single_use(TRANSACTION, &id)? else { return Ok(None) };
            let mut transaction: Transaction = serde_json::from_value(stored.payload.into())?;
            let progress = &transaction.progress;
            if progress.stage != Stage::Prompt || progress.screen != paths::FORM || progress.step != step {
                return Ok(None);
            }
            let Some(mut journey) = Journey::from_value(&progress.shown) else { return Ok(None) };
            let was_ending = journey.is_ending();
            let of = tx.context().clone();
            let known = Known { context: &context, of: &of };
            let Some(next) = turn.take(&mut journey, &form, &known) else { return Ok(None) };
            if matches!(turn, Turn::Begin) {
                used(tx, &form.id, "embedded_at")?;
            }
            for upload in turn.uploads(&journey) {
                keep_file(tx, &form.id, line.caller.user_id.as_deref(), &upload)?;
            }
            let state = state_of(&transaction);
            match &next {
                Next::Done => {
                    transaction.progress.form = Some(Box::new(journey.answers(&form)));
                    if reset::waiting(&transaction).is_some() {
                        // The pages of the reset ask its code again.
                        "reset-password".clone_into(&mut transaction.progress.screen);
                    } else {
                        transaction.progress.stage = Stage::Resume;
                    }
                    transaction.progress.completed.push(paths::FORM.to_owned());
                    used(tx, &form.id, "submitted_at")?;
                    line.submitted(tx, &form.id, &state, None)?;
                }
                Next::Broken(reason) => line.submitted(tx, &form.id, &state, Some(reason))?,
                Next::Show if was_ending && journey.fault == Some(Fault::Failed) => {
                    line.submitted(tx, &form.id, &state, Some("The flow after the submission has failed"))?;
                }
                _ => {
                    if let Turn::Paid { paid: Paid::Failed(reason) | Paid::Refused(reason), .. } = &turn {
                        line.submitted(tx, &form.id, &state, Some(reason))?;
                    }
                }
            }
            transaction.progress.shown = if next == Next::Done { Value::Null } else { journey.to_value() };
            accounts::update(tx, &transaction)?;
            Ok(Some(Turned { transaction, journey, next }))
        };
        self.store.write(reached.id(), work).await
    }
}

/// Notes when a form was last shown, or submitted.
fn used(tx: &mut Tx, form: &str, what: &str) -> StoreResult {
    let now = tx.now();
    let mut record = match tx.get(&model::FORM_TIMES, form)? {
        Some(record) => record,
        // Of a form that is gone nobody is told anything.
        None if tx.get(&model::FORM, form)?.is_none() => return Ok(()),
        None => Record::new(form, Document::new(), now),
    };
    record.document.insert(what.to_owned(), now.into());
    tx.put(&model::FORM_TIMES, record).map(drop)
}

fn keep_file(tx: &mut Tx, form: &str, user: Option<&str>, upload: &Upload) -> StoreResult {
    let document = object(json!({
        "form_id": form,
        "user_id": user,
        "name": upload.name,
        "type": upload.media_type,
        "size": upload.content.len(),
        "content": STANDARD.encode(&upload.content),
    }));
    let record = Record::new(upload.id.as_str(), document, tx.now());
    tx.put(&model::FORM_FILE, record).map(drop)
}

/// What log entries of forms tell of their visitor.
struct Told {
    host: String,
    caller: Caller,
}

impl Told {
    fn submitted(&self, tx: &mut Tx, form: &str, state: &str, error: Option<&str>) -> StoreResult {
        let Caller { ip, user_agent, client_id, organization_id, user_id, .. } = &self.caller;
        let line = Line {
            client_id: client_id.as_deref(),
            organization_id: organization_id.as_deref(),
            ip: Some(ip),
            hostname: Some(&self.host),
            user_id: user_id.as_deref(),
            user_agent: &user_agent::summary(user_agent),
            is_mobile: user_agent::is_mobile(user_agent),
            description: error.unwrap_or_default(),
            ..Line::of(if error.is_some() { "forms_submission_failed" } else { "forms_submission_succeeded" })
        };
        let mut details = object(json!({"form_id": form, "state": state}));
        if let Some(error) = error {
            details.insert("error".into(), json!({"code": "form_error", "message": error}));
        }
        let entry = line.to_document(Value::Object(details), tx.now());
        tx.append_log(entry).map(drop)
    }
}
