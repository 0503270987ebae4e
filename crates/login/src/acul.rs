//! Screens that a tenant's own scripts draw, by the settings of their rendering: for which logins, what their pages are told, and
//! the document that has nothing but that.

mod connection;
mod context;
mod document;
mod head;
mod known;
mod screen;

pub(crate) use self::{
    context::{Facts, of as context},
    document::{Parts, ROOT},
    head::{head, variables},
    known::{Known, read},
};
