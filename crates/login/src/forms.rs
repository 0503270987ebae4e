//! Forms of the tenant as pages: what a step shows, as HTML.

mod card;
mod css;
mod field;
mod frame;
mod html;
mod view;

pub(crate) use frame::frame;
pub(crate) use html::Written;
pub(crate) use view::{PageTexts, Shown, destination, ending, page, state_of, waiting};
