//! The runtime from outside, on each engine: what programs see, what they can ask for, what they may not do.

mod commands;
mod hostile;
mod isolation;
mod language;
mod legacy;
mod limits;
mod modules;
mod packages;
mod pool;
mod support;
mod triggers;
