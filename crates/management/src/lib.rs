//! The Management API: one module per tag of version 2's contract, and `v1`, the translation of the deprecated one. It knows no HTTP: a rule is a function on records
//! inside a transaction.

mod actions;
mod actor;
mod anomaly;
mod attack_protection;
mod blacklists;
mod branding;
mod client_grants;
mod clients;
mod connection_profiles;
mod connections;
mod connections_directory_provisionings;
mod connections_scim_configurations;
mod custom_domains;
mod device_credentials;
mod email_templates;
mod emails;
mod event_streams;
mod events;
mod flows;
mod forms;
mod grants;
mod groups;
mod guardian;
mod hooks;
mod jobs;
mod keys;
mod log_streams;
mod logs;
mod network_acls;
mod organizations;
mod permissions;
mod prompts;
mod provision;
mod rate_limit_policies;
mod refresh_tokens;
mod registration;
mod resource_servers;
mod risk_assessments;
mod roles;
mod rules;
mod rules_configs;
mod search;
mod self_service_profiles;
mod services;
mod sessions;
mod stats;
mod supplemental_signals;
mod tenants;
#[cfg(test)]
mod tests;
mod tickets;
mod tidy;
mod token_exchange_profiles;
mod trial;
mod user_attribute_profiles;
mod user_blocks;
mod users;
mod users_by_email;
mod v1;
mod verifiable_credentials;

pub use jobs::{download, work};
pub use provision::{Fresh, move_to, provision};
pub use registration::{Applicant, Registration, Unregistered};
pub use services::Services;
pub use tidy::work as tidy;
pub use trial::trial_client;
pub use v1::{Endpoint as V1Endpoint, Request as V1Request, V1};

use rest::Area;

/// All areas, in alphabetical order.
pub fn areas(services: &Services) -> Vec<Area> {
    vec![
        actions::area(services),
        anomaly::area(services),
        attack_protection::area(services),
        blacklists::area(services),
        branding::area(services),
        client_grants::area(services),
        clients::area(services),
        connection_profiles::area(services),
        connections::area(services),
        connections_directory_provisionings::area(services),
        connections_scim_configurations::area(services),
        custom_domains::area(services),
        device_credentials::area(services),
        email_templates::area(services),
        emails::area(services),
        event_streams::area(services),
        events::area(services),
        flows::area(services),
        forms::area(services),
        grants::area(services),
        groups::area(services),
        guardian::area(services),
        hooks::area(services),
        jobs::area(services),
        keys::area(services),
        log_streams::area(services),
        logs::area(services),
        network_acls::area(services),
        organizations::area(services),
        prompts::area(services),
        rate_limit_policies::area(services),
        refresh_tokens::area(services),
        resource_servers::area(services),
        risk_assessments::area(services),
        roles::area(services),
        rules::area(services),
        rules_configs::area(services),
        self_service_profiles::area(services),
        sessions::area(services),
        stats::area(services),
        supplemental_signals::area(services),
        tenants::area(services),
        tickets::area(services),
        token_exchange_profiles::area(services),
        user_attribute_profiles::area(services),
        user_blocks::area(services),
        users::area(services),
        users_by_email::area(services),
        verifiable_credentials::area(services),
    ]
}
