//! Universal login: its screens, their texts and HTML, and the login as a resumable state machine. It knows no OAuth.

pub mod accounts;
mod acul;
mod brand;
mod captcha;
mod carrier;
mod classic;
mod document;
pub mod form;
mod forms;
mod load;
pub mod machine;
mod named;
mod page;
pub mod paths;
mod policy;
pub mod preview;
mod reply;
mod router;
mod screens;
mod service;
pub mod step;
pub mod texts;
mod users;
pub mod world;

pub use paths::FORMS;
pub use reply::Reply;
pub use router::{PATHS, browser, router};
pub use service::{ErrorPage, LONGEST_FORM, Login};
pub use users::Users;
