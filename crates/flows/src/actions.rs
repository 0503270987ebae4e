//! The actions of flows: which there are, what of their parameters holds expressions, and what each does.

mod auth0;
mod control;
mod email;
mod http;
mod json;
mod jwt;
mod messages;
mod otp;
mod xml;

use std::time::Duration;

use kernel::{Document, Value};

use crate::{
    Failure, conditions,
    doing::Doing,
    expressions::{Evaluator, Unevaluated},
    params::Params,
    vendors,
};

/// An action of a flow.
#[derive(Clone, Debug)]
pub(crate) struct Action {
    pub(crate) id: String,
    /// `type`.
    pub(crate) kind: String,
    /// `action`.
    pub(crate) name: String,
    pub(crate) allow_failure: bool,
    pub(crate) mask_output: bool,
    params: Document,
}

/// Parameters whose expressions are resolved, and the same as an execution shows them.
pub(crate) struct Parameters {
    pub(crate) params: Document,
    pub(crate) shown: Document,
    /// Which branch is taken, where the action has branches.
    pub(crate) branch: Option<(bool, Vec<Value>)>,
}

/// What an action did.
pub(crate) enum Done {
    /// It gave this.
    Output(Value),
    /// It leads to these actions.
    Branch { taken: bool, actions: Vec<Value> },
    /// It stored variables.
    Vars(Document),
    /// It waits.
    Wait(Duration),
    /// It ends the flow with a message.
    Say(String),
    /// It ends the flow with a response.
    Return(Document),
}

/// Parameters that belong to Liquid: their braces are not the flow's.
const LIQUID: &[(&str, &str, &[&str])] = &[
    ("AUTH0", "SEND_EMAIL", &["subject", "body"]),
    ("AUTH0", "SEND_SMS", &["message"]),
    ("AUTH0", "MAKE_CALL", &["message"]),
];

impl Action {
    /// Reads an action; what is missing is empty, and known by nobody.
    pub(crate) fn read(action: &Value) -> Self {
        let text = |name: &str| action[name].as_str().unwrap_or_default().to_owned();
        let is = |name: &str| action[name] == Value::Bool(true);
        Self {
            id: text("id"),
            kind: text("type"),
            name: text("action"),
            allow_failure: is("allow_failure"),
            mask_output: is("mask_output"),
            params: action["params"].as_object().cloned().unwrap_or_default(),
        }
    }

    /// Resolves the expressions of the parameters.
    pub(crate) fn resolve(&self, evaluator: &Evaluator<'_>) -> Result<Parameters, Unevaluated> {
        if (self.kind.as_str(), self.name.as_str()) == ("FLOW", "BOOLEAN_CONDITION") {
            let condition = self.params.get("if").unwrap_or(&Value::Null);
            let taken = conditions::holds(condition, evaluator)?;
            let shown = kernel::object(serde_json::json!({"if": evaluator.resolve(condition)?.shown}));
            let branch = self.params.get(if taken { "then" } else { "else" }).and_then(Value::as_array);
            let branch = Some((taken, branch.cloned().unwrap_or_default()));
            return Ok(Parameters { params: Document::new(), shown, branch });
        }
        let verbatim = LIQUID.iter().find(|(kind, name, _)| *kind == self.kind && *name == self.name);
        let verbatim = verbatim.map_or(&[][..], |(.., names)| names);
        let (mut params, mut shown) = (Document::new(), Document::new());
        for (name, value) in &self.params {
            if verbatim.contains(&name.as_str()) {
                params.insert(name.clone(), value.clone());
                shown.insert(name.clone(), value.clone());
                continue;
            }
            let resolved = evaluator.resolve(value)?;
            if let (Some(value), Some(seen)) = (resolved.value, resolved.shown) {
                params.insert(name.clone(), value);
                shown.insert(name.clone(), seen);
            }
        }
        Ok(Parameters { params, shown, branch: None })
    }
}

impl Doing<'_> {
    /// Does an action.
    pub(crate) async fn perform(&mut self, action: &Action, params: Params<'_>) -> Result<Done, Failure> {
        match (action.kind.as_str(), action.name.as_str()) {
            ("FLOW", "DELAY_FLOW") => control::delay(params).map(Done::Wait),
            ("FLOW", "DO_NOTHING") => Ok(Done::Output(Value::Null)),
            ("FLOW", "ERROR_MESSAGE") => params.required("message").map(Done::Say),
            ("FLOW", "MAP_VALUE") => Ok(Done::Output(control::map(params))),
            ("FLOW", "RETURN_JSON") => params.object("payload").map(Done::Return),
            ("FLOW", "STORE_VARS") => control::vars(params).map(Done::Vars),
            ("JSON", "CREATE_JSON") => json::create(params).map(Done::Output),
            ("JSON", "PARSE_JSON") => json::parse(params).map(Done::Output),
            ("JSON", "SERIALIZE_JSON") => json::serialize(params).map(Done::Output),
            ("XML", "PARSE_XML") => xml::parse(params).map(Done::Output),
            ("XML", "SERIALIZE_XML") => xml::serialize(params).map(Done::Output),
            ("JWT", "DECODE_JWT") => jwt::decode(params).map(Done::Output),
            ("JWT", "SIGN_JWT") => self.sign(params).await.map(Done::Output),
            ("JWT", "VERIFY_JWT") => self.verify(params).await.map(Done::Output),
            ("OTP", "GENERATE_CODE") => self.generate_code(params).await.map(Done::Output),
            ("OTP", "VERIFY_CODE") => self.verify_code(params).await.map(Done::Output),
            ("EMAIL", "VERIFY_EMAIL") => self.verify_email(params).await.map(Done::Output),
            ("HTTP", "SEND_REQUEST") => self.send_request(params).await.map(Done::Output),
            ("AUTH0", "CREATE_USER") => self.create_user(params).await.map(Done::Output),
            ("AUTH0", "GET_USER") => self.get_user(params).await.map(Done::Output),
            ("AUTH0", "UPDATE_USER") => self.update_user(params).await.map(Done::Output),
            ("AUTH0", "SEND_REQUEST") => self.call_api(params).await.map(Done::Output),
            ("AUTH0", "SEND_EMAIL") => self.send_email(params).await.map(Done::Output),
            ("AUTH0", "SEND_SMS") => self.send_phone_message(params, false).await.map(Done::Output),
            ("AUTH0", "MAKE_CALL") => self.send_phone_message(params, true).await.map(Done::Output),
            (kind, name) => match vendors::row(kind, name) {
                Some(row) => self.call_vendor(row, params).await.map(Done::Output),
                None => Err(Failure::new("UNKNOWN_ACTION", format!("There is no action {kind}.{name}."))),
            },
        }
    }
}
