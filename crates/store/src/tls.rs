//! TLS towards PostgreSQL.

/// How connections are encrypted.
pub(crate) fn connector() -> postgres::NoTls {
    postgres::NoTls
}
