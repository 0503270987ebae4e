//! What an action is done with. The services that it may use are implemented on it, each where it belongs.

use kernel::Tenant;

use crate::{Caller, Services, token_cache::Tokens, veil::Veil};

/// What an action is done with.
pub(crate) struct Doing<'a> {
    pub(crate) services: &'a Services,
    pub(crate) tokens: &'a Tokens,
    pub(crate) tenant: &'a Tenant,
    pub(crate) caller: &'a Caller,
    pub(crate) veil: &'a mut Veil,
}
