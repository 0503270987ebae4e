//! The Management API as data: the published contract with our corrections, read once and asked by everything else.

mod body;
mod branches;
mod formats;
mod operation;
mod overlay;
mod paging;
mod parameters;
mod pattern;
mod projection;
mod refusal;
mod routing;
mod schema;
mod secrets;
mod titles;
mod validation;

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

pub use operation::Operation;
pub use paging::Paging;
pub use parameters::{Arguments, PathValues};
pub use refusal::Refusal;
pub use routing::Route;
pub use validation::Breach;

use overlay::Overlay;
use routing::Routes;
use schema::Schemas;

const PUBLISHED: &str = include_str!("../../../contract/management-v2.json");
const CORRECTIONS: &str = include_str!("../../../contract/overlay.json");

/// The published file with the overlay applied. Schemas, patterns and projections are prepared when first needed.
#[derive(Debug)]
pub struct Contract {
    operations: Vec<Operation>,
    by_name: HashMap<String, usize>,
    routes: Routes,
    schemas: Arc<Schemas>,
}

impl Contract {
    /// The contract that is built in, read on the first call.
    pub fn load() -> &'static Contract {
        static CONTRACT: LazyLock<Contract> = LazyLock::new(|| {
            Contract::parse(PUBLISHED, CORRECTIONS).expect("the built-in contract is tested to be readable")
        });
        &CONTRACT
    }

    /// Reads a contract and the corrections to it.
    fn parse(published: &'static str, corrections: &str) -> serde_json::Result<Contract> {
        let published: overlay::Published = serde_json::from_str(published)?;
        let overlay: Overlay = serde_json::from_str(corrections)?;
        let schemas = Arc::new(Schemas::new(&published, &overlay));
        let operations = overlay
            .operations(&published)?
            .into_iter()
            .map(|(method, path, source)| Operation::new(&method, path, source, Arc::clone(&schemas)))
            .collect::<serde_json::Result<Vec<_>>>()?;
        let by_name = operations.iter().enumerate().map(|(index, operation)| (operation.name(), index)).collect();
        let routes = Routes::new(&operations);
        Ok(Contract { operations, by_name, routes, schemas })
    }

    /// Every operation, in the order of the published file, then those that only the overlay knows.
    pub fn operations(&self) -> &[Operation] {
        &self.operations
    }

    /// The operation of a name like `PATCH /roles/{id}`.
    pub fn find(&self, name: &str) -> Option<&Operation> {
        self.by_name.get(name).map(|&index| &self.operations[index])
    }

    /// How a value breaks a named schema, for what no operation takes as its body; `None` when it does not.
    ///
    /// # Panics
    /// When the contract has no such schema: a mistake in our own source.
    pub fn breach(&self, schema: &str, value: &serde_json::Value) -> Option<Breach> {
        let schema = self.schemas.named(schema).unwrap_or_else(|| panic!("the contract has no schema {schema}"));
        validation::check(&self.schemas, schema, value).err().map(Breach::from)
    }

    /// The operation that a request is for. `path` is what follows `/api/v2`, still percent-encoded.
    pub fn route(&self, method: &http::Method, path: &str) -> Route<'_> {
        self.routes.find(&self.operations, method, path)
    }
}

#[cfg(test)]
mod tests;
