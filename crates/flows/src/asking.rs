//! Asks the services that vouch for something in a form: Google for puzzles, Stripe for payments.

use http::Method;
use kernel::Value;
use serde_json::json;

use crate::{
    Failure, Services,
    outgoing::{Auth, Body, Outgoing, read_body},
    vendors,
    vouching::{Charge, Paid, Payment, Solved},
};

/// Where Google says whether a visitor has solved its puzzle.
const RECAPTCHA: &str = "https://www.google.com";
/// Where payments are made.
const STRIPE: &str = "https://api.stripe.com";

impl Services {
    /// Whether Google says that a puzzle was solved. Where it says nothing, it was not.
    pub(crate) async fn is_solved(&self, solved: Solved) -> bool {
        let asked = async {
            let base = self.vendors.of("RECAPTCHA", RECAPTCHA);
            let mut outgoing = Outgoing::new(Method::POST, &format!("{base}/recaptcha/api/siteverify"))?;
            outgoing.body = Body::Form(vec![
                ("secret".to_owned(), solved.secret_key.reveal().to_owned()),
                ("response".to_owned(), solved.response),
                ("remoteip".to_owned(), solved.ip),
            ]);
            let response = outgoing.send(&self.outbound).await?;
            Ok::<_, Failure>(response.status().is_success() && read_body(&response)["success"] == json!(true))
        };
        asked.await.unwrap_or_else(|failure| {
            tracing::warn!(cause = %failure.shown(), "a puzzle could not be verified");
            false
        })
    }

    /// Makes a payment.
    pub(crate) async fn paid(&self, payment: Payment) -> Paid {
        self.pay_by_card(payment).await.unwrap_or_else(|failure| Paid::Failed(failure.message))
    }

    async fn pay_by_card(&self, payment: Payment) -> Result<Paid, Failure> {
        let mut payer = payment.customer.get("id").and_then(Value::as_str).map(str::to_owned);
        let is_noted = !payment.customer.is_empty() || matches!(payment.charge, Charge::Subscription(_));
        if payer.is_none() && is_noted {
            let mut customer = payment.customer.clone();
            customer.insert("payment_method".into(), payment.method.as_str().into());
            customer.insert("invoice_settings".into(), json!({"default_payment_method": payment.method}));
            let (is_made, made) = self.stripe(&payment, "customers", customer.into()).await?;
            if !is_made {
                return refused(&made);
            }
            payer = made["id"].as_str().map(str::to_owned);
        }
        let (path, asked) = match &payment.charge {
            Charge::OneOff { amount, currency } => (
                "payment_intents",
                json!({
                    "amount": amount, "currency": currency, "payment_method": payment.method, "customer": payer,
                    "payment_method_types": ["card"], "confirm": true, "error_on_requires_action": true,
                }),
            ),
            Charge::Subscription(subscription) => {
                let mut asked = subscription.clone();
                asked.insert("customer".into(), payer.into());
                asked.insert("default_payment_method".into(), payment.method.as_str().into());
                asked.insert("payment_behavior".into(), "error_if_incomplete".into());
                ("subscriptions", asked.into())
            }
        };
        let (is_made, made) = self.stripe(&payment, path, asked).await?;
        let is_settled = matches!(made["status"].as_str(), Some("succeeded" | "processing" | "active" | "trialing"));
        if !is_made || !is_settled {
            return refused(&made);
        }
        let told = [
            "id",
            "object",
            "status",
            "amount",
            "currency",
            "customer",
            "payment_method",
            "latest_charge",
            "latest_invoice",
        ];
        let told = told.into_iter().filter_map(|name| Some((name.to_owned(), made.get(name)?.clone())));
        Ok(Paid::Made(Value::Object(told.filter(|(_, value)| value.is_string() || value.is_number()).collect())))
    }

    /// Asks Stripe for something; whether it was done, and what it says.
    async fn stripe(&self, payment: &Payment, path: &str, asked: Value) -> Result<(bool, Value), Failure> {
        let base = self.vendors.of("STRIPE", STRIPE);
        let mut outgoing = Outgoing::new(Method::POST, &format!("{base}/v1/{path}"))?;
        outgoing.body = Body::Form(vendors::form(&asked));
        outgoing.header("idempotency-key", format!("{}-{path}", payment.key));
        outgoing.authorize(Auth::Bearer(payment.private_key.clone()));
        let response = outgoing.send(&self.outbound).await?;
        Ok((response.status().is_success(), read_body(&response)))
    }
}

/// What Stripe tells the owners of cards is written for them; the rest is for the author of the form.
fn refused(said: &Value) -> Result<Paid, Failure> {
    let error = &said["error"];
    match error["message"].as_str() {
        Some(message) if error["type"] == "card_error" => Ok(Paid::Refused(message.chars().take(500).collect())),
        _ => {
            let code = error["code"].as_str().or(said["status"].as_str()).unwrap_or("no code");
            Err(Failure::new(
                "REQUEST_REFUSED",
                format!("Stripe refused the payment: {}.", code.chars().take(100).collect::<String>()),
            ))
        }
    }
}
