//! How other resources show an organization.

use kernel::{Document, Record};

/// What organizations of a user are listed as: everything but what only the organization's own pages show.
pub(crate) fn summary(organization: &Record) -> Document {
    let fields = [
        "id",
        "name",
        "display_name",
        "branding",
        "metadata",
        "token_quota",
        "third_party_client_access",
        "is_app_entitlement_active",
    ];
    let present = |field: &&str| Some(((*field).to_owned(), organization.document.get(*field)?.clone()));
    fields.iter().filter_map(present).collect()
}
