//! A run of a flow: what goes in, and what comes out.

use std::pin::Pin;

use kernel::{Document, Tenant};
use serde::{Deserialize, Serialize};

use crate::{
    Scope,
    vouching::{Paid, Payment, Solved},
};

/// The future of a run.
pub type BoxFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// Who a flow runs for: the request of a visitor, as messages and log entries tell it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Caller {
    /// Address of the visitor on the network.
    pub ip: String,
    /// `User-Agent`.
    pub user_agent: String,
    /// The client that the visitor signs in to.
    pub client_id: Option<String>,
    /// The organization of the login.
    pub organization_id: Option<String>,
    /// The user, where known.
    pub user_id: Option<String>,
    /// The language that the pages are shown in.
    pub language: Option<String>,
}

/// A flow to run.
#[derive(Clone, Debug)]
pub struct Run<'a> {
    /// The tenant, as reached by the visitor.
    pub tenant: &'a Tenant,
    /// The flow.
    pub flow_id: &'a str,
    /// The journey that it is part of, by whatever identifies it.
    pub journey_id: Option<&'a str>,
    /// What its expressions may name; `actions` is empty.
    pub scope: Scope,
    /// Who it runs for.
    pub caller: Caller,
}

/// What became of a flow.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// All of it ran.
    Completed {
        /// The variables of the journey from now on.
        vars: Document,
        /// What the flow returned, where it returned something.
        returned: Option<Document>,
    },
    /// The visitor is to be told something and stays where they are. What was stored before stays stored.
    ErrorMessage {
        /// What they are told.
        message: String,
        /// The variables of the journey from now on.
        vars: Document,
    },
    /// An action failed; the execution tells why. Visitors are told in general words. The variables are as before.
    Failed,
    /// It waits, and goes on by itself: ask [`Flows::outcome`] again.
    Waiting {
        /// The execution that waits.
        execution_id: String,
    },
}

/// Runs flows, and asks other services what forms need of them.
pub trait Flows: Send + Sync {
    /// Runs a flow until it ends or waits. Not within a transaction: actions take their time and reach out. A flow that is not there
    /// has failed.
    ///
    /// # Errors
    /// What the store fails with.
    fn run<'a>(&'a self, run: Run<'a>) -> BoxFuture<'a, identity::Result<Outcome>>;

    /// What has become of an execution that waited; [`Outcome::Failed`] where it is not there (any more).
    ///
    /// # Errors
    /// What the store fails with.
    fn outcome<'a>(&'a self, tenant: &'a Tenant, execution_id: &'a str) -> BoxFuture<'a, identity::Result<Outcome>>;

    /// Whether the service that made a puzzle says that it was solved. Not within a transaction.
    fn solved(&self, solved: Solved) -> BoxFuture<'_, bool>;

    /// Makes a payment. Not within a transaction.
    fn pay(&self, payment: Payment) -> BoxFuture<'_, Paid>;
}

impl std::fmt::Debug for dyn Flows {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Flows")
    }
}
