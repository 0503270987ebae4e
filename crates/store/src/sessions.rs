//! Sessions: what a browser's cookie stands for. One that has expired is not there any more, though its row may be.

use kernel::{Document, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Device, Page, Paging, Snapshot, StoreError, StoreResult, Tx,
    connection::Row,
    expiry::{hour_after, this_hour},
    index::indexed,
    sql::Sql,
    tx::storable,
};

/// What a session's secret is hashed for.
const SECRET: &str = "session";

/// A session of a user in a browser.
#[derive(Clone, Debug, PartialEq)]
pub struct Session {
    /// The identifier, which is public: the `sid` of tokens.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// When it was created.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// When the user last proved who they are.
    pub authenticated: Timestamp,
    /// When it was last used.
    pub last_interacted: Timestamp,
    /// It ends at this time unless it is used before.
    pub idle_expires: Timestamp,
    /// It ends at this time in any case.
    pub expires: Timestamp,
    /// Whether the browser keeps it when it is closed.
    pub is_persistent: bool,
    /// What is read together with it.
    pub details: SessionDetails,
}

/// The part of a session that nobody searches by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct SessionDetails {
    /// Who uses it.
    #[serde(rename = "d")]
    pub device: Device,
    /// The clients that were given an ID token in it.
    #[serde(rename = "c", default, skip_serializing_if = "Vec::is_empty")]
    pub clients: Vec<String>,
    /// How the user proved who they are.
    #[serde(rename = "m", default, skip_serializing_if = "Vec::is_empty")]
    pub methods: Vec<AuthenticationMethod>,
    /// The connection through which the user logged in.
    #[serde(rename = "n", default, skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// The organizations that the user logged in to, the last one last.
    #[serde(rename = "o", default, skip_serializing_if = "Vec::is_empty")]
    pub organizations: Vec<String>,
    /// What Actions and the Management API noted.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Document>,
}

/// One way in which a user proved who they are.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AuthenticationMethod {
    /// Its name: `pwd`, `mfa`, `federated` …
    #[serde(rename = "n")]
    pub name: String,
    /// When.
    #[serde(rename = "t", with = "micros")]
    pub at: Timestamp,
    /// Which factor, of `mfa`.
    #[serde(rename = "y", default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
}

mod micros {
    use kernel::Timestamp;
    use serde::{Deserialize, Deserializer, Serialize, Serializer};

    pub(super) fn serialize<S: Serializer>(time: &Timestamp, to: S) -> Result<S::Ok, S::Error> {
        time.micros().serialize(to)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(from: D) -> Result<Timestamp, D::Error> {
        i64::deserialize(from).map(Timestamp::from_micros)
    }
}

/// A select of the columns that [`session`] reads, and the texts given.
macro_rules! select_session {
    ($($text:literal),*) => {
        concat!(
            "SELECT seq, id, user_id, created, updated, authenticated, interacted, idle_expires, expires, is_persistent, ",
            "details FROM sessions", $($text),*
        )
    };
}

impl Snapshot {
    /// The session with this identifier.
    pub fn session(&self, id: &str) -> StoreResult<Option<Session>> {
        let sql = select_session!(" WHERE tenant = $1 AND id = $2 AND idle_expires > $3 AND expires > $4");
        let now = self.now.micros();
        let found =
            self.connection.first(sql, &[self.number(), indexed(id).into(), now.into(), now.into()], session)?;
        self.unless_user_veiled(found)
    }

    /// The session, unless its user is being deleted.
    fn unless_user_veiled(&self, found: Option<(i64, Session)>) -> StoreResult<Option<Session>> {
        let Some((_, session)) = found else { return Ok(None) };
        Ok((!self.is_row_veiled("sessions", &[("user_id", &session.user_id)])?).then_some(session))
    }

    /// The session whose secret a browser presents.
    pub fn session_by_secret(&self, secret: &str) -> StoreResult<Option<Session>> {
        let sql = select_session!(" WHERE tenant = $1 AND secret = $2 AND idle_expires > $3 AND expires > $4");
        let (hash, now) = (self.keyed_hash(SECRET, secret)?, self.now.micros());
        let found = self.connection.first(sql, &[self.number(), (&hash).into(), now.into(), now.into()], session)?;
        self.unless_user_veiled(found)
    }

    /// The sessions of a user, as they were created.
    pub fn sessions_of(&self, user_id: &str, paging: &Paging, with_total: bool) -> StoreResult<Page<Session>> {
        let conditions = |sql: &mut Sql<'_>| {
            sql.push(" WHERE tenant = ")
                .bind(self.number())
                .push(" AND user_id = ")
                .bind(indexed(user_id).into_owned());
            sql.push(" AND idle_expires > ").bind(self.now.micros()).push(" AND expires > ").bind(self.now.micros());
        };
        self.page_by_seq((select_session!(), "sessions"), conditions, paging, with_total, session)
    }
}

impl Tx {
    /// Adds a session and gives the secret that stands for it, which is known to nobody else. `Taken` when its identifier
    /// is there already.
    pub fn insert_session(&mut self, session: &Session) -> StoreResult<Secret> {
        storable(&session.id, "identifier")?;
        storable(&session.user_id, "identifier")?;
        let secret = self.new_secret();
        let hash = self.keyed_hash(SECRET, secret.reveal())?;
        let sql = "INSERT INTO sessions (tenant, id, secret, user_id, created, updated, authenticated, interacted, \
                   idle_expires, expires, sweep, is_persistent, details) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13) ON CONFLICT (tenant, id) DO NOTHING";
        let params = [
            self.number(),
            indexed(&session.id).into(),
            (&hash).into(),
            indexed(&session.user_id).into(),
            session.created.micros().into(),
            session.updated.micros().into(),
            session.authenticated.micros().into(),
            session.last_interacted.micros().into(),
            session.idle_expires.micros().into(),
            session.expires.micros().into(),
            hour_after(session.idle_expires.min(session.expires)).into(),
            i64::from(session.is_persistent).into(),
            serde_json::to_string(&session.details)?.into(),
        ];
        if self.connection.execute(sql, &params)? == 0 {
            return Err(StoreError::Taken { key: "id".to_owned() });
        }
        Ok(secret)
    }

    /// Replaces what may change of a session that was read in this transaction: everything but its identifier, its user and
    /// its creation. `false` when it is not there any more.
    pub fn update_session(&mut self, session: &Session) -> StoreResult<bool> {
        let sql = "UPDATE sessions SET updated = $1, authenticated = $2, interacted = $3, idle_expires = $4, expires = $5, \
                   sweep = $6, is_persistent = $7, details = $8 WHERE tenant = $9 AND id = $10";
        let params = [
            session.updated.micros().into(),
            session.authenticated.micros().into(),
            session.last_interacted.micros().into(),
            session.idle_expires.micros().into(),
            session.expires.micros().into(),
            hour_after(session.idle_expires.min(session.expires)).into(),
            i64::from(session.is_persistent).into(),
            serde_json::to_string(&session.details)?.into(),
            self.number(),
            indexed(&session.id).into(),
        ];
        Ok(self.connection.execute(sql, &params)? > 0)
    }

    /// Gives a session a new secret: the one before stands for nothing any more. None when there is no such session.
    pub fn renew_session_secret(&mut self, id: &str) -> StoreResult<Option<Secret>> {
        let secret = self.new_secret();
        let hash = self.keyed_hash(SECRET, secret.reveal())?;
        let sql = "UPDATE sessions SET secret = $1 WHERE tenant = $2 AND id = $3";
        let changed = self.connection.execute(sql, &[(&hash).into(), self.number(), indexed(id).into()])?;
        Ok((changed > 0).then_some(secret))
    }

    /// Ends a session and returns it.
    pub fn delete_session(&mut self, id: &str) -> StoreResult<Option<Session>> {
        let Some(session) = self.session(id)? else { return Ok(None) };
        let sql = "DELETE FROM sessions WHERE tenant = $1 AND id = $2";
        self.connection.later(sql, &[self.number(), indexed(id).into()])?;
        Ok(Some(session))
    }

    /// Ends all sessions of a user and returns them.
    pub fn delete_sessions_of(&mut self, user_id: &str) -> StoreResult<Vec<Session>> {
        let sessions = self.sessions_of(user_id, &Paging::All, false)?.items;
        let sql = "DELETE FROM sessions WHERE tenant = $1 AND user_id = $2";
        self.connection.later(sql, &[self.number(), indexed(user_id).into()])?;
        Ok(sessions)
    }

    /// Removes some sessions that expired more than an hour ago, and returns them for whoever must be told.
    pub fn take_expired_sessions(&mut self, most: u32) -> StoreResult<Vec<Session>> {
        let sql = select_session!(" WHERE tenant = $1 AND sweep <= $2 ORDER BY sweep LIMIT $3");
        let params = [self.number(), this_hour(self.now).into(), i64::from(most).into()];
        let expired = self.connection.query(sql, &params, session)?;
        for (seq, _) in &expired {
            self.connection.later("DELETE FROM sessions WHERE seq = $1", &[(*seq).into()])?;
        }
        Ok(expired.into_iter().map(|(_, session)| session).collect())
    }
}

fn session(row: &Row<'_>) -> StoreResult<(i64, Session)> {
    let time = |column| row.int(column).map(Timestamp::from_micros);
    let session = Session {
        id: row.text(1)?.to_owned(),
        user_id: row.text(2)?.to_owned(),
        created: time(3)?,
        updated: time(4)?,
        authenticated: time(5)?,
        last_interacted: time(6)?,
        idle_expires: time(7)?,
        expires: time(8)?,
        is_persistent: row.int(9)? != 0,
        details: serde_json::from_str(row.text(10)?)?,
    };
    Ok((row.int(0)?, session))
}
