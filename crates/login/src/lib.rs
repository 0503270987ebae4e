//! Universal login: its screens, their texts and HTML, and the login as a resumable state machine. It knows no OAuth.

mod brand;
mod captcha;
pub mod machine;
mod page;
mod screens;
pub mod texts;
pub mod world;
