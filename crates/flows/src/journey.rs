//! A journey: one visitor on their way through a form. Pure functions from where it stands and what the visitor did to what comes next.
//!
//! Whoever keeps it shows steps and runs flows; this decides which. Nothing that a visitor sends decides where they stand.

mod component;
mod fields;
mod form;
mod known;
mod schema;
mod translation;

use std::collections::BTreeMap;

use kernel::{Document, Timestamp, Value};
use model::login::FormAnswers;
use serde::{Deserialize, Serialize};

pub use component::{Choice, Component};
pub use fields::{Entered, FieldFault, OTHER, Upload, countries, name_of};
pub use form::{ENDING, Ending, Form, Node, Step};
pub use known::Known;
pub use translation::languages_of;

use crate::{Outcome, Paid};

/// The type of fields that take payments.
pub const PAYMENT: &str = "PAYMENT";
/// The type of fields that ask for a proof that somebody is there.
pub const RECAPTCHA: &str = "RECAPTCHA";
/// Most nodes that are walked through without the visitor: routers and flows may lead to one another in circles.
const WALKED: u32 = 50;
/// Most flows that run in one journey.
const RUNS: u32 = 100;
/// Most steps that a visitor can go back.
const TRAIL: usize = 50;
/// Longest journey, in bytes of JSON.
const LARGEST: usize = 256 * 1024;

/// One visitor's way through a form.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Journey {
    /// The form.
    pub form: String,
    /// Grows with each thing that the visitor does: a page of an earlier turn decides nothing.
    pub turn: u32,
    /// The step that the visitor is at; none before the first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<String>,
    /// Steps that were left forwards, to which the visitor can go back.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    trail: Vec<String>,
    /// Values of fields and hidden fields.
    pub fields: Document,
    /// What flows share.
    pub vars: Document,
    /// When the step was reached, in seconds.
    since: i64,
    /// Resend buttons that were pressed.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    resent: BTreeMap<String, Resent>,
    walked: u32,
    runs: u32,
    /// What the visitor is told about the flow that ran last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fault: Option<Fault>,
    /// The flow that is running.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub running: Option<Running>,
    /// Whether its end was reached.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub has_ended: bool,
}

/// How often a resend button was pressed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Resent {
    times: u32,
    last: i64,
}

/// What went wrong beside the fields.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Fault {
    /// A flow says so.
    Told(String),
    /// A flow has failed, or the form leads nowhere: visitors are told in general words.
    Failed,
    /// A payment could not be made.
    Unpaid,
}

/// A flow that is running.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Running {
    /// The flow.
    pub flow: String,
    /// Which run of the journey it is.
    pub number: u32,
    /// Since when, in seconds.
    pub since: i64,
    /// The execution that waits.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub execution: Option<String>,
    then: Then,
}

/// What follows a flow.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Then {
    /// The node after its own.
    Node(Option<String>),
    /// The step stays.
    Stay,
    /// The payment of this field is made: there is no flow.
    Paid(String),
    /// The end.
    End,
}

/// What the visitor did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// On.
    Next,
    /// To the step before.
    Previous,
    /// Where this button leads.
    Jump(String),
    /// This button's flow once more.
    Resend(String),
}

impl Act {
    /// What the value of a pressed button means.
    pub fn of(action: &str) -> Self {
        match action.split_once(':') {
            Some(("jump", id)) => Self::Jump(id.to_owned()),
            Some(("resend", id)) => Self::Resend(id.to_owned()),
            _ if action == "previous" => Self::Previous,
            _ => Self::Next,
        }
    }
}

/// What comes next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// The step where the journey stands is shown.
    Show,
    /// This flow is run, then [`Journey::ran`] is told.
    Run(String),
    /// The payment of this field is made, then [`Journey::paid`] is told.
    Pay(String),
    /// A flow waits for something.
    Wait,
    /// The end is reached.
    Done,
    /// The form leads nowhere; the text is for its author.
    Broken(&'static str),
}

impl Journey {
    /// A journey that has not begun, with what the tenant's code gave it.
    pub fn of(begun: FormAnswers) -> Self {
        let FormAnswers { id, fields, vars } = begun;
        Self { form: id, fields, vars, ..Self::default() }
    }

    /// A journey that stands at a step, whatever led there: what previews show.
    pub fn at_step(form: &str, step: &str) -> Self {
        Self { form: form.to_owned(), turn: 1, at: Some(step.to_owned()), ..Self::default() }
    }

    /// As a login keeps it.
    pub fn to_value(&self) -> Value {
        serde_json::to_value(self).expect("a journey is texts, numbers and JSON")
    }

    /// Reads what [`Journey::to_value`] wrote.
    pub fn from_value(value: &Value) -> Option<Self> {
        Self::deserialize(value).ok()
    }

    /// The step that the visitor is at, where the form has it.
    pub fn step<'f>(&self, form: &'f Form) -> Option<&'f Step> {
        self.at.as_deref().and_then(|at| form.step(at))
    }

    /// Whether the first node was reached.
    pub fn has_begun(&self) -> bool {
        self.turn > 0
    }

    /// What the tenant's code is told in the end: without transient fields, and without what the form does not know.
    pub fn answers(&self, form: &Form) -> FormAnswers {
        let is_told = |id: &str| form.hidden.iter().any(|hidden| hidden.key == id) || form.tells(id);
        let told = self.fields.iter().filter(|(id, _)| is_told(id));
        FormAnswers {
            id: self.form.clone(),
            fields: told.map(|(id, value)| (id.clone(), value.clone())).collect(),
            vars: self.vars.clone(),
        }
    }

    /// The first step: hidden fields get their values, and what the form does not know is dropped.
    pub fn begin(&mut self, form: &Form, known: &Known<'_>) -> Next {
        self.turn += 1;
        self.fields.retain(|id, _| form.knows(id));
        for hidden in &form.hidden {
            if !self.fields.contains_key(&hidden.key)
                && let Some(text) = &hidden.value
                && let Some(value) = known.value(self, form, text)
            {
                self.fields.insert(hidden.key.clone(), value);
            }
        }
        self.act_anew();
        self.walk(form, form.first.as_deref(), known, None)
    }

    /// Whether [`Journey::act`] would find no fault.
    ///
    /// # Errors
    /// What is wrong with what was entered.
    pub fn check(&self, form: &Form, act: &Act, entered: &Entered) -> Result<(), Vec<FieldFault>> {
        match self.step(form) {
            Some(step) if *act == Act::Next => self.filled(form, step, entered).map(drop),
            _ => Ok(()),
        }
    }

    /// The visitor did something. Faults of fields change nothing.
    ///
    /// # Errors
    /// What is wrong with what was entered.
    pub fn act(
        &mut self,
        form: &Form,
        act: &Act,
        entered: &Entered,
        known: &Known<'_>,
    ) -> Result<Next, Vec<FieldFault>> {
        if self.has_ended {
            return Ok(Next::Done);
        }
        if self.running.is_some() {
            return Ok(Next::Wait);
        }
        let Some(at) = self.at.clone() else {
            // No step was reached: what led there is tried again.
            self.turn += 1;
            self.act_anew();
            return Ok(self.walk(form, form.first.as_deref(), known, None));
        };
        let Some(step) = form.step(&at) else { return Ok(self.break_off("the step is not there any more")) };
        let next = match act {
            Act::Next => {
                self.fields = self.filled(form, step, entered)?;
                self.turn += 1;
                self.act_anew();
                self.walk(form, step.next.as_deref(), known, Some(at))
            }
            Act::Previous if step.has("PREVIOUS_BUTTON") => {
                self.turn += 1;
                self.act_anew();
                // What is sound of what was entered is still there when the visitor comes again.
                for (id, value) in fields::sound(step, entered, &self.fields) {
                    if value.is_null() {
                        self.fields.shift_remove(&id);
                    } else {
                        self.fields.insert(id, value);
                    }
                }
                if let Some(before) = self.trail.pop() {
                    self.reach(before, known.now());
                }
                Next::Show
            }
            Act::Jump(id) => {
                let Some(button) = step.button(id, "JUMP_BUTTON") else { return Ok(Next::Show) };
                self.turn += 1;
                self.act_anew();
                for field in step.fields() {
                    self.fields.shift_remove(&field.id);
                }
                let to = button.text("next_node").map(str::to_owned);
                self.walk(form, to.as_deref(), known, Some(at))
            }
            Act::Resend(id) => {
                let Some(button) = step.button(id, "RESEND_BUTTON") else { return Ok(Next::Show) };
                let Some(flow) = button.text("flow_id").filter(|_| self.resend(button, known.now()) == Resend::Ready)
                else {
                    return Ok(Next::Show);
                };
                self.turn += 1;
                self.act_anew();
                let resent = self.resent.entry(id.clone()).or_default();
                *resent = Resent { times: resent.times + 1, last: known.now().seconds() };
                self.run(flow.to_owned(), Then::Stay, known.now())
            }
            Act::Previous => Next::Show,
        };
        Ok(next)
    }

    /// A flow has ended, or waits.
    pub fn ran(&mut self, form: &Form, outcome: Outcome, known: &Known<'_>) -> Next {
        let Some(running) = self.running.take() else { return Next::Show };
        match outcome {
            Outcome::Completed { vars, .. } => {
                if !self.take_vars(vars) {
                    return self.break_off("the variables are too large");
                }
                match running.then {
                    Then::Node(next) => {
                        let left = self.at.clone();
                        self.walk(form, next.as_deref(), known, left)
                    }
                    Then::Stay | Then::Paid(_) => Next::Show,
                    Then::End => {
                        self.has_ended = true;
                        Next::Done
                    }
                }
            }
            Outcome::ErrorMessage { message, vars } => {
                self.take_vars(vars);
                self.fault = Some(Fault::Told(message.chars().take(2048).collect()));
                Next::Show
            }
            Outcome::Failed => {
                self.fault = Some(Fault::Failed);
                Next::Show
            }
            Outcome::Waiting { execution_id } => {
                self.running = Some(Running { execution: Some(execution_id), ..running });
                Next::Wait
            }
        }
    }

    /// A payment was made, or not. Whoever has to pay with another card is at its field again.
    pub fn paid(&mut self, form: &Form, paid: Paid, now: Timestamp) -> Next {
        let Some(Running { then: Then::Paid(id), .. }) = self.running.take() else { return Next::Show };
        let fault = match paid {
            Paid::Made(payment) => {
                self.fields.insert(id, payment);
                return self.end(form, now);
            }
            Paid::Refused(message) => Fault::Told(message),
            Paid::Failed(_) => Fault::Unpaid,
        };
        self.fields.shift_remove(&id);
        self.fault = Some(fault);
        if let Some(step) = form.step_of(&id) {
            if let Some(place) = self.trail.iter().position(|left| left == step) {
                self.trail.truncate(place);
            }
            self.reach(step.to_owned(), now);
        }
        Next::Show
    }

    /// Whether this run of the journey has not ended yet.
    pub fn is_running(&self, number: u32) -> bool {
        self.running.as_ref().is_some_and(|running| running.number == number)
    }

    /// Whether the flow that is running is the one that runs after the end.
    pub fn is_ending(&self) -> bool {
        self.running.as_ref().is_some_and(|running| running.then == Then::End)
    }

    /// How a resend button stands.
    pub fn resend(&self, button: &Component, now: Timestamp) -> Resend {
        let resent = self.resent.get(&button.id).copied().unwrap_or_default();
        let most = button.number("max_attempts");
        if most.is_some_and(|most| f64::from(resent.times) >= most) || self.runs >= RUNS {
            return Resend::Exhausted;
        }
        #[expect(clippy::cast_possible_truncation, reason = "seconds, bounded")]
        let pause = button.number("waiting_time").unwrap_or(0.0).clamp(0.0, 3600.0).ceil() as i64;
        let left = self.since.max(resent.last) + pause - now.seconds();
        if left > 0 { Resend::Waiting(left) } else { Resend::Ready }
    }

    /// The values of fields as they are once a step is left forwards.
    fn filled(&self, form: &Form, step: &Step, entered: &Entered) -> Result<Document, Vec<FieldFault>> {
        let values = fields::read(step, entered, &self.fields)?;
        let mut fields = self.fields.clone();
        fields.extend(values);
        fields.extend(fields::hidden(form, step, entered));
        if fields::size(&fields) > LARGEST / 2 {
            let first = step.fields().next().map_or("", |field| field.id.as_str());
            return Err(vec![FieldFault::new(first, "ERR_TOO_LARGE")]);
        }
        fields.retain(|_, value| !value.is_null());
        Ok(fields)
    }

    fn act_anew(&mut self) {
        self.fault = None;
        self.walked = 0;
    }

    /// Goes from a node to the next one that needs the visitor or a flow.
    fn walk(&mut self, form: &Form, first: Option<&str>, known: &Known<'_>, left: Option<String>) -> Next {
        let mut place = first.map(str::to_owned);
        loop {
            self.walked += 1;
            if self.walked > WALKED {
                return self.break_off("its routers and flows lead in circles");
            }
            let Some(id) = place else { return self.break_off("a node leads nowhere") };
            if id == ENDING {
                return self.end(form, known.now());
            }
            match form.node(&id) {
                None => return self.break_off("a node leads to one that is not there"),
                Some(Node::Step(_)) => {
                    if let Some(left) = left {
                        self.trail.push(left);
                        let surplus = self.trail.len().saturating_sub(TRAIL);
                        self.trail.drain(..surplus);
                    }
                    self.reach(id, known.now());
                    return Next::Show;
                }
                Some(Node::Flow { flow, next }) => {
                    return self.run(flow.clone(), Then::Node(next.clone()), known.now());
                }
                Some(Node::Router { rules, fallback }) => {
                    let rule = known.first(self, form, rules);
                    place = rule.map_or_else(|| fallback.clone(), |rule| rule.next.clone());
                }
            }
        }
    }

    /// What the end begins with: payments, then the flow after the submission.
    fn end(&mut self, form: &Form, now: Timestamp) -> Next {
        let unpaid = form
            .fields()
            .find(|field| field.kind == PAYMENT && self.fields.get(&field.id).is_some_and(Value::is_string));
        if let Some(field) = unpaid {
            let next = self.run(String::new(), Then::Paid(field.id.clone()), now);
            return if self.running.is_some() { Next::Pay(field.id.clone()) } else { next };
        }
        if let Some(flow) = &form.ending.flow {
            return self.run(flow.clone(), Then::End, now);
        }
        self.has_ended = true;
        Next::Done
    }

    fn reach(&mut self, step: String, now: Timestamp) {
        self.at = Some(step);
        self.since = now.seconds();
    }

    fn run(&mut self, flow: String, then: Then, now: Timestamp) -> Next {
        if self.runs >= RUNS {
            return self.break_off("it has run too many flows");
        }
        self.runs += 1;
        self.running =
            Some(Running { flow: flow.clone(), number: self.runs, since: now.seconds(), execution: None, then });
        Next::Run(flow)
    }

    fn take_vars(&mut self, vars: Document) -> bool {
        let fits = fields::size(&vars) <= LARGEST / 2;
        if fits {
            self.vars = vars;
        }
        fits
    }

    fn break_off(&mut self, reason: &'static str) -> Next {
        self.fault = Some(Fault::Failed);
        Next::Broken(reason)
    }
}

/// How a resend button stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Resend {
    /// It can be pressed.
    Ready,
    /// It can be pressed in so many seconds.
    Waiting(i64),
    /// It was pressed as often as it may.
    Exhausted,
}

#[cfg(test)]
mod tests;
