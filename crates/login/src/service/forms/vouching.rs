//! What a form needs of other services: the proof that its visitor is a person, and payments.

use flows::{
    Charge, Paid, Payment, Solved,
    journey::{Act, FieldFault, RECAPTCHA, Step, name_of},
};
use kernel::{Document, Secret, Value};

use super::{Sent, Standing};
use crate::{forms::Written, router::Visit, service::Login};

/// Longest answer of a puzzle.
const LONGEST: usize = 8 * 1024;

impl Login {
    /// The puzzles of the step that were not solved. Nobody goes on where the service that made one says nothing.
    pub(super) async fn unsolved(&self, visit: &Visit, standing: &Standing, act: &Act, sent: &Sent) -> Vec<FieldFault> {
        let step = standing.journey.step(&standing.form).filter(|_| *act == Act::Next);
        let mut faults = Vec::new();
        for field in step.into_iter().flat_map(Step::fields).filter(|field| field.kind == RECAPTCHA) {
            let response = sent.entered.first(&name_of(&field.id));
            let is_solved = match standing.secret(&field.id, "secret_key") {
                Some(secret_key) if response.len() <= LONGEST => {
                    let ip = visit.browser.ip.clone();
                    self.flows.solved(Solved { secret_key, response: response.to_owned(), ip }).await
                }
                _ => false,
            };
            if !is_solved {
                faults.push(FieldFault::new(&field.id, "ERR_CAPTCHA"));
            }
        }
        faults
    }

    /// Makes the payment of a field.
    pub(super) async fn pay(&self, standing: &Standing, id: &str) -> Paid {
        match standing.payment(id, self.store.context()) {
            Ok(payment) => self.flows.pay(payment).await,
            Err(reason) => Paid::Failed(reason.to_owned()),
        }
    }
}

impl Standing {
    fn payment(&self, id: &str, context: &kernel::Context) -> Result<Payment, &'static str> {
        let known = self.known(context);
        let written = Written::of(&known, &self.journey, &self.form);
        let field = self.form.fields().find(|field| field.id == id).ok_or("The field of the payment is not there")?;
        let method = self.journey.fields.get(id).and_then(Value::as_str).ok_or("There is no card")?;
        let private_key = self.secret(id, "credentials.private_key").ok_or("There is no private key")?;
        let charge = written.value(field.config("charge").unwrap_or(&Value::Null));
        let charge = if charge["type"] == "SUBSCRIPTION" {
            let subscription = charge["subscription"].as_object().filter(|subscription| !subscription.is_empty());
            Charge::Subscription(subscription.ok_or("The subscription is empty")?.clone())
        } else {
            let amount = match &charge["one_off"]["amount"] {
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            let currency = charge["one_off"]["currency"].as_str().unwrap_or_default();
            Charge::one_off(&amount, currency).ok_or("The amount cannot be paid")?
        };
        let customer = match written.value(field.config("customer").unwrap_or(&Value::Null)) {
            Value::Object(customer) => customer,
            _ => Document::new(),
        };
        // The same login pays with the same card once, however often a crash cuts it short.
        let key = kernel::digest(&format!("{} {id} {method}", self.found.transaction.id));
        Ok(Payment { private_key, key, method: method.to_owned(), charge, customer })
    }

    /// A key of another service that a component is set up with.
    fn secret(&self, component: &str, name: &str) -> Option<Secret> {
        Some(Secret::new(configured(&self.record.as_ref()?.revealed(), component, name)?))
    }

    /// By what Google knows the form's author, by component: a key that is in the page.
    pub(super) fn maps_keys(&self) -> Document {
        let step = self.journey.step(&self.form);
        let fields = step.into_iter().flat_map(Step::fields).filter(|field| field.kind == "GMAPS_ADDRESS");
        let ids: Vec<&str> = fields.map(|field| field.id.as_str()).collect();
        let Some(record) = self.record.as_ref().filter(|_| !ids.is_empty()) else { return Document::new() };
        let revealed = record.revealed();
        let keys = ids.into_iter().filter_map(|id| Some((id.to_owned(), configured(&revealed, id, "api_key")?.into())));
        keys.collect()
    }
}

/// A text of a component's configuration.
fn configured(form: &Document, component: &str, name: &str) -> Option<String> {
    let nodes = form.get("nodes").and_then(Value::as_array).into_iter().flatten();
    let components = nodes.filter_map(|node| node.pointer("/config/components")?.as_array()).flatten();
    let mut named = components.filter(|known| known.get("id").is_some_and(|id| id == component));
    let config = named.next()?.get("config")?.as_object()?;
    let text = kernel::value_at(config, name)?.as_str()?;
    (!text.is_empty()).then(|| text.to_owned())
}
