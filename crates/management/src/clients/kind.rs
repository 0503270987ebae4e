//! What the API must know of clients.

use rest::{Kind, ListFilter, Sorted};

/// Clients. The global client, which only holds the custom login page, comes last in lists.
pub(crate) static CLIENT: Kind = Kind::of(&model::CLIENT)
    .missing("The client does not exist", Some("inexistent_client"))
    .forgiving()
    .merged(&[
        "client_metadata",
        "jwt_configuration",
        "mobile",
        "refresh_token",
        "session_transfer",
        "signed_request_object",
    ])
    .revealed(model::ADDON_SECRETS)
    .filters(&[
        ("app_type", ListFilter::AnyOf("app_type")),
        ("is_global", ListFilter::Equals("global")),
        ("is_first_party", ListFilter::Equals("is_first_party")),
        ("external_client_id", ListFilter::Equals("external_client_id")),
    ])
    .order(Sorted::By("global"));
