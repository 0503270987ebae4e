//! What areas need beside the store: the engines that work outside of transactions.

/// Services that are shared by all areas. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Services {}

impl Services {
    /// Services that can be listed but not called: enough to know which operations are claimed.
    #[cfg(test)]
    pub(crate) fn for_listing() -> Self {
        Self {}
    }
}
