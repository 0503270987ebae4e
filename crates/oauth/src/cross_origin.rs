//! Logins from pages of another origin: a script hands in what its user entered and gets a ticket (`/co/authenticate`), with which it sends
//! the browser to `/authorize`. The ticket is of use once, for two minutes, to the client and in the browser that it was given to
//! (reference: authentication-api §8).

mod authenticate;
mod origin;
mod redeem;
mod ssodata;
mod ticket;

pub(crate) use authenticate::{endpoint, preflight};
pub(crate) use redeem::redeem;
pub(crate) use ssodata::ssodata;

/// The parameters of `/authorize` that are secrets of this login.
pub(crate) const SECRETS: [&str; 3] = [TICKET, VERIFIER, STATE];
/// The ticket.
pub(crate) const TICKET: &str = "login_ticket";
/// What the page that asked for the ticket has kept, for browsers that keep no cookies from it.
const VERIFIER: &str = "co_verifier";
/// What shows that the verifier was asked for by a page of ours in the same browser.
const STATE: &str = "co_state";
