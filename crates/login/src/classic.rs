//! The classic pages: a login page that the tenant wrote itself, on which Lock or auth0.js speak to endpoints of ours, the page for new
//! passwords beside it, and our own page for classic tenants that wrote none. Who logs in, and what follows, is universal login's: the same
//! transaction, the same limits, the same way back (reference: universal-login §8).

mod callback;
mod clients;
pub(crate) mod config;
mod default_page;
mod dictionary;
mod own_page;
mod policy;
mod reset;
mod routes;
pub(crate) mod settings;
mod sign_in;

pub(crate) use routes::{PATHS, routes};
