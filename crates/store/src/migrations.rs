//! The schema's numbered steps, one list for both databases, and how a database is brought to the newest.

use crate::{
    StoreError, StoreResult,
    connection::{Connection, Words},
};

/// Every step, oldest first; a released step never changes.
const STEPS: &[&str] = &[
    include_str!("migrations/v1.sql"),
    include_str!("migrations/v2.sql"),
    include_str!("migrations/v3.sql"),
    include_str!("migrations/v4.sql"),
    include_str!("migrations/v5.sql"),
];

/// Brings the database to the newest schema. The caller holds the database's migration lock and commits.
pub(crate) fn run(connection: &Connection) -> StoreResult {
    run_to(connection, STEPS.len())
}

fn run_to(connection: &Connection, newest: usize) -> StoreResult {
    connection.batch("CREATE TABLE IF NOT EXISTS schema_steps (step INTEGER PRIMARY KEY)")?;
    let done = connection.only("SELECT coalesce(max(step), 0) FROM schema_steps", &[], |row| row.int(0))?;
    let done = usize::try_from(done).unwrap_or(usize::MAX);
    if done > STEPS.len() {
        return Err(StoreError::Database(format!(
            "its schema has step {done}, this program knows {}: it was written by a newer version",
            STEPS.len()
        )));
    }
    for (index, step) in STEPS.iter().enumerate().take(newest).skip(done) {
        connection.batch(&in_words(step, connection.words()))?;
        let number = i64::try_from(index + 1).expect("steps are few");
        connection.execute("INSERT INTO schema_steps (step) VALUES ($1)", &[number.into()])?;
    }
    Ok(())
}

fn in_words(step: &str, words: &Words) -> String {
    words.iter().fold(step.to_owned(), |text, (word, meaning)| text.replace(word, meaning))
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use kernel::{Context, FixedClock, SystemRandom, TenantId, Timestamp};

    use super::*;
    use crate::{
        Database, Filter, Kind, LogQuery, Options, Query, RelationKind, RelationQuery, RootKey, Side, Snapshot, Store,
        StoreError, Tx,
    };

    static THING: Kind = Kind::new("thing");
    static LIKES: RelationKind = RelationKind::new("likes");

    /// The rows that each released schema's program wrote.
    const RELEASED: &[&str] = &[
        include_str!("migrations/v1.rows.sql"),
        include_str!("migrations/v2.rows.sql"),
        include_str!("migrations/v3.rows.sql"),
        include_str!("migrations/v4.rows.sql"),
        // Step 5 adds indexes alone.
        include_str!("migrations/v4.rows.sql"),
    ];
    /// The root key under which they were written.
    const ROOT_KEY: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
    /// What stands for the session and the refresh token of schema 4.
    const SECRET: &str = "fLMsITr6vNMR_tF1ot_s-oBPhE_6McCVgAVGWMbhexY";
    const TOKEN: &str = "v1.P_k6AekRcAB3XNKAz-8fyINoBQMSLHzm54XdKid9lDgC1Ru7Ikx4eJ1AldSJZi-h";

    async fn open(path: &std::path::Path) -> Store {
        let clock = FixedClock::at(Timestamp::from_seconds(1_800_000_000));
        let context = Context::new(Arc::new(clock), Arc::new(SystemRandom));
        let root_key = RootKey::parse(ROOT_KEY).unwrap();
        Store::open(Options { database: Database::File(path.to_owned()), root_key, context }).await.unwrap()
    }

    #[tokio::test]
    async fn rows_of_every_released_schema_are_still_read() {
        assert_eq!(RELEASED.len(), STEPS.len(), "every step has its rows");
        for (index, rows) in RELEASED.iter().enumerate() {
            let directory = tempfile::tempdir().unwrap();
            let path = directory.path().join("a.db");
            let connection = Connection::from(rusqlite::Connection::open(&path).unwrap());
            run_to(&connection, index + 1).unwrap();
            connection.batch(rows).unwrap();
            drop(connection);

            let store = open(&path).await;
            let tenant = TenantId::new("released");
            assert_eq!(store.verify(&tenant).await.unwrap(), Vec::<String>::new());
            let read = |snapshot: &Snapshot| {
                let found = snapshot.find(&THING, "name", "N")?.unwrap();
                assert_eq!((found.id.as_str(), found.version, found.sealed.text("secret")), ("1", 2, Some("hidden")));
                let filter =
                    Filter::equals("number", 1.5).and(Filter::equals("text", "t")).and(Filter::equals("flag", true));
                assert_eq!(snapshot.list(&THING, &Query::of(filter).with_total())?.total, Some(1));
                assert_eq!(snapshot.related(&LIKES, Side::Left("1"), &RelationQuery::default())?.items.len(), 1);
                assert_eq!(
                    snapshot
                        .logs(&LogQuery { filter: Filter::equals("type", "s"), ..LogQuery::default() })?
                        .items
                        .len(),
                    1
                );
                assert_eq!(snapshot.job("job_1")?.unwrap().sealed.text("secret"), Some("hidden"));
                Ok::<_, StoreError>(())
            };
            store.read(&tenant, read).await.unwrap();
            let write = |tx: &mut Tx| {
                assert_eq!(tx.next("counter")?, 2);
                let record = tx.get(&THING, "1")?.unwrap();
                tx.update(&THING, record)
            };
            store.write(&tenant, write).await.unwrap();
            if index >= 3 {
                store.write(&tenant, bearers_are_known).await.unwrap();
            }
            assert_eq!(store.verify(&tenant).await.unwrap(), Vec::<String>::new());
            store.close().await;
        }
    }

    /// What bearers present, and what was counted, in the rows since schema 4.
    fn bearers_are_known(tx: &mut Tx) -> Result<(), StoreError> {
        let session = tx.session_by_secret(SECRET)?.unwrap();
        assert_eq!((session.id.as_str(), session.details.organizations), ("sid", vec!["org_1".to_owned()]));
        assert_eq!(session.details.device.last().ip, "10.1.2.3");
        let exchanged = tx.exchange_refresh_token(TOKEN, std::time::Duration::ZERO, |_| ())?;
        assert!(matches!(exchanged, crate::Exchange::Rotated(token, _) if token.details.login["auth_time"] == 1));
        assert_eq!(tx.consume_single_use("code", "hidden")?.unwrap().payload["a"], "b");
        assert_eq!(tx.tally("failures", "jane")?.unwrap().value, 1);
        let query = LogQuery { filter: Filter::equals("type", "sapi"), ..LogQuery::default() };
        let credentials = &tx.logs(&query)?.items[0].document["details"]["request"]["auth"]["credentials"];
        assert_eq!(credentials.to_string(), r#"{"jti":"1","scopes":["read:users"]}"#);
        Ok(())
    }

    #[tokio::test]
    async fn a_newer_schema_is_refused() {
        let connection = Connection::from(rusqlite::Connection::open_in_memory().unwrap());
        run(&connection).unwrap();
        connection.batch("INSERT INTO schema_steps (step) VALUES (99)").unwrap();
        assert!(matches!(run(&connection), Err(StoreError::Database(text)) if text.contains("newer version")));
    }
}
