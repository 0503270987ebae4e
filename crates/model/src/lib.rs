//! What is stored: every kind of record, every relation and every queue, once, with what the store must know of it;
//! and the typed views through which rules read records. Facts only: no rule stands here.

mod actions;
mod applications;
mod connections;
mod flows;
mod keys;
pub mod languages;
pub mod login;
mod organizations;
pub mod queues;
pub mod references;
pub mod rendering;
mod roles;
pub mod screens;
mod streams;
mod tenant;
pub mod user;
pub mod views;

pub use actions::*;
pub use applications::*;
pub use connections::*;
pub use flows::*;
pub use keys::*;
pub use organizations::*;
pub use roles::*;
pub use streams::*;
pub use tenant::*;
pub use user::{
    AUTHENTICATION_METHOD, BLACKLISTED_TOKEN, CONNECTED_ACCOUNT, IP_BLOCK, JOB, TICKET, TOKEN_SET, USER, USER_BLOCK,
    USER_EXPORT,
};

use store::{Kind, RelationKind};

/// A deletion that is under way.
pub use store::DELETION;

/// Every kind of record.
pub static KINDS: &[&[&Kind]] = &[
    actions::KINDS,
    applications::KINDS,
    connections::KINDS,
    flows::KINDS,
    keys::KINDS,
    organizations::KINDS,
    roles::KINDS,
    streams::KINDS,
    tenant::KINDS,
    user::KINDS,
    &[&DELETION],
];

/// Every relation between records.
pub static RELATIONS: &[&RelationKind] = &[
    &CONNECTION_CLIENTS,
    &GROUP_MEMBERS,
    &MEMBER_ROLES,
    &ORGANIZATION_CLIENTS,
    &ORGANIZATION_CONNECTIONS,
    &ORGANIZATION_GRANTS,
    &ORGANIZATION_MEMBERS,
    &ROLE_PERMISSIONS,
    &SYNCHRONIZED_GROUPS,
    &USER_PERMISSIONS,
    &USER_ROLES,
];

/// Every kind of record, one after the other.
pub fn kinds() -> impl Iterator<Item = &'static Kind> {
    KINDS.iter().flat_map(|kinds| kinds.iter().copied())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    #[test]
    fn every_name_is_taken_once() {
        let mut names = BTreeSet::new();
        let all = super::kinds().map(|kind| kind.name).chain(super::RELATIONS.iter().map(|relation| relation.name));
        for name in all {
            assert!(names.insert(name), "{name} names two things");
        }
    }
}
