//! The engine of the Management API: one request from bytes to answer. It knows no resource by name.
//!
//! A request makes nine stops: matched operation → caller (401) → scopes (403) → validated call (400) → shape on a
//! transaction → the resource's hooks → tenant log → commit → presented, projected answer. [`Engine`] holds the first
//! four and the last, `shapes` the others.

mod answer;
mod area;
mod call;
mod engine;
mod error;
mod kept;
mod kind;
mod listing;
mod log;
mod relation;
mod resource;
mod shapes;

pub use answer::{Answer, Content};
pub use area::{Area, Task};
pub use call::{Call, Caller, Origin, Scopes};
pub use engine::{Authenticate, Claims, Engine, Request, Served};
pub use error::{ApiError, ApiResult};
pub use kind::{Kind, ListFilter, Sorted, Times, Unique};
pub use listing::{envelope, order_of, page_of, paging_of, rows, select_fields};
pub use relation::Related;
pub use resource::{Change, Resource};
pub use shapes::{create, delete, insert, load, presented, save, unique_error, upsert};

/// The future of an asynchronous hook.
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;
