//! An area of the contract: which operations are served, by which shape.

use std::sync::Arc;

use contract::Contract;
use http::Method;

use store::{Snapshot, Store, Tx};

use crate::{Answer, ApiResult, BoxFuture, Call, Related, Resource, relation, shapes};

pub(crate) type Read = dyn Fn(&Snapshot, &Call) -> ApiResult<Answer> + Send + Sync;
pub(crate) type Write = dyn Fn(&mut Tx, &Call) -> ApiResult<Answer> + Send + Sync;
pub(crate) type Run = dyn Fn(Task) -> BoxFuture<'static, ApiResult<Answer>> + Send + Sync;

/// How an operation is served.
#[derive(Clone)]
pub(crate) enum Handler {
    /// On a snapshot.
    Read(Arc<Read>),
    /// One record by its id: as `Read`, and its answer may be kept.
    Get(Arc<dyn Resource>),
    /// A page of the records: as `Read`, and what is shown of each may be kept.
    List(Arc<dyn Resource>),
    /// In a write transaction, after the resource has gathered what it needs.
    Write(Option<Arc<dyn Resource>>, Arc<Write>),
    /// Asynchronously; opens transactions through its [`Task`].
    Run(Arc<Run>),
}

/// An operation's claim: who serves it.
pub(crate) struct Claim {
    pub(crate) operation: &'static str,
    pub(crate) handler: Handler,
    /// Name of the shape, for the listing of operations.
    pub(crate) shape: &'static str,
}

/// What an asynchronous operation works with.
#[derive(Clone)]
pub struct Task {
    /// The store; transactions that change something belong into [`Task::write`].
    pub store: Store,
    /// The call.
    pub call: Arc<Call>,
}

impl Task {
    /// Reads in one snapshot.
    pub async fn read<T, F>(&self, work: F) -> ApiResult<T>
    where
        T: Send + 'static,
        F: Fn(&Snapshot, &Call) -> ApiResult<T> + Send + 'static,
    {
        let call = Arc::clone(&self.call);
        self.store.read(&self.call.caller.tenant, move |reader| work(reader, &call)).await
    }

    /// The one transaction that does what the call asks for; it leaves the tenant log entry.
    pub async fn write<F>(&self, work: F) -> ApiResult<Answer>
    where
        F: Fn(&mut Tx, &Call) -> ApiResult<Answer> + Send + 'static,
    {
        let call = Arc::clone(&self.call);
        let work = move |tx: &mut Tx| {
            let answer = work(tx, &call)?;
            crate::log::audit(tx, &call, &answer, &[])?;
            Ok(answer)
        };
        self.store.write(&self.call.caller.tenant, work).await
    }
}

/// The claims of one area.
pub struct Area {
    pub(crate) tag: &'static str,
    pub(crate) claims: Vec<Claim>,
}

impl Area {
    /// An area that claims nothing yet.
    pub fn new(tag: &'static str) -> Self {
        Self { tag, claims: Vec::new() }
    }

    /// Claims list, create, get, update, replace and delete of a collection, as far as the contract has them:
    /// GET and POST of `path`; GET, PATCH, PUT and DELETE of `path/{…}`.
    pub fn collection(mut self, path: &str, resource: impl Resource + 'static) -> Self {
        let resource: Arc<dyn Resource> = Arc::new(resource);
        for operation in Contract::load().operations() {
            let is_item = operation
                .path
                .strip_prefix(path)
                .is_some_and(|rest| rest.starts_with("/{") && rest.ends_with('}') && rest[1..].find('/').is_none());
            let is_collection = operation.path == path;
            let (shape, handler) = match operation.method {
                Method::GET if is_collection => ("list", Handler::List(Arc::clone(&resource))),
                Method::POST if is_collection => ("create", shapes::creator(&resource)),
                Method::GET if is_item => ("get", Handler::Get(Arc::clone(&resource))),
                Method::PATCH if is_item => ("update", shapes::updater(&resource)),
                Method::PUT if is_item => ("replace", shapes::replacer(&resource)),
                Method::DELETE if is_item => ("delete", shapes::deleter(&resource)),
                _ => continue,
            };
            self.claims.push(Claim { operation: &operation.id, handler, shape });
        }
        self
    }

    /// Claims GET, PATCH, PUT, POST and DELETE of a resource of which there is one, as far as the contract has them.
    pub fn singleton(mut self, path: &str, resource: impl Resource + 'static) -> Self {
        let resource: Arc<dyn Resource> = Arc::new(resource);
        for operation in Contract::load().operations().iter().filter(|operation| operation.path == path) {
            let handler = match operation.method {
                Method::GET => shapes::single_getter(&resource),
                Method::PATCH => shapes::single_updater(&resource),
                Method::PUT => shapes::single_replacer(&resource),
                Method::POST => shapes::single_creator(&resource),
                Method::DELETE => shapes::single_deleter(&resource),
                _ => continue,
            };
            self.claims.push(Claim { operation: &operation.id, handler, shape: "singleton" });
        }
        self
    }

    /// Claims GET, POST and DELETE of `path` as a relation between records.
    pub fn relation(mut self, path: &str, related: impl Related + 'static) -> Self {
        let related: Arc<dyn Related> = Arc::new(related);
        for operation in Contract::load().operations().iter().filter(|operation| operation.path == path) {
            let handler = match operation.method {
                Method::GET => relation::lister(&related),
                Method::POST => relation::adder(&related),
                Method::DELETE => relation::remover(&related),
                _ => continue,
            };
            self.claims.push(Claim { operation: &operation.id, handler, shape: "relation" });
        }
        self
    }

    /// Claims an operation (`GET /users/{id}/logs`) with a function on a snapshot.
    pub fn read<F>(self, operation: &str, work: F) -> Self
    where
        F: Fn(&Snapshot, &Call) -> ApiResult<Answer> + Send + Sync + 'static,
    {
        self.claim(operation, "read", Handler::Read(Arc::new(work)))
    }

    /// Claims an operation with a function in a write transaction.
    pub fn write<F>(self, operation: &str, work: F) -> Self
    where
        F: Fn(&mut Tx, &Call) -> ApiResult<Answer> + Send + Sync + 'static,
    {
        self.claim(operation, "write", Handler::Write(None, Arc::new(work)))
    }

    /// Claims an operation with an asynchronous function, for what must happen outside a transaction.
    pub fn task<F, R>(self, operation: &str, work: F) -> Self
    where
        F: Fn(Task) -> R + Send + Sync + 'static,
        R: Future<Output = ApiResult<Answer>> + Send + 'static,
    {
        self.claim(operation, "task", Handler::Run(Arc::new(move |task| Box::pin(work(task)))))
    }

    /// Takes back what a shape claimed, so that an operation can be served otherwise.
    ///
    /// # Panics
    /// When nothing had claimed it.
    pub fn except(mut self, operation: &str) -> Self {
        let id = id_of(operation);
        let before = self.claims.len();
        self.claims.retain(|claim| claim.operation != id);
        assert_ne!(before, self.claims.len(), "{operation} is not claimed");
        self
    }

    fn claim(mut self, operation: &str, shape: &'static str, handler: Handler) -> Self {
        self.claims.push(Claim { operation: id_of(operation), handler, shape });
        self
    }
}

fn id_of(operation: &str) -> &'static str {
    let found = Contract::load().find(operation);
    &found.unwrap_or_else(|| panic!("the contract has no operation {operation}")).id
}
