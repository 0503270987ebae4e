//! Why a request does not keep to the contract.

/// What is wrong with a request, in the words that its caller reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// A path parameter breaks a rule.
    Path(String),
    /// A query parameter breaks a rule.
    Query(String),
    /// The body breaks a rule.
    Body(String),
    /// The body is not JSON; what the parser says is for the log.
    NotJson(String),
    /// The body has a media type that the operation does not take.
    MediaType,
}
