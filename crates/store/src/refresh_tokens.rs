//! Refresh tokens. A row stands for a whole family: the tokens that came of one login by rotation.
//!
//! What a client presents is `v1.` and 64 characters: a handle of 16 bytes, by which the row is found and which every token
//! of the family shares, and a secret of 32 bytes, which rotation replaces. So one that was spent long ago is still known
//! for what it is, though nothing of it is stored. The next secret is derived from the one presented: whoever presents the
//! same token twice within the leeway is given the same successor, and all who hold it stay logged in.

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Document, Secret, Timestamp};
use serde::{Deserialize, Serialize};

use crate::{
    Device, KeyedHash, Page, Paging, Snapshot, StoreError, StoreResult, Tx,
    connection::{Param, Row},
    expiry::hour_after,
    index::indexed,
    sql::Sql,
    tx::storable,
};

/// What every refresh token begins with.
const PREFIX: &str = "v1.";
/// What the parts of a token are hashed for.
const HANDLE: &str = "refresh token handle";
const SECRET: &str = "refresh token secret";
/// For what a secret is hashed to make the next one.
const SUCCESSOR: &str = "refresh token successor";
/// Stands for a time that never comes.
const NEVER: i64 = i64::MAX;

/// A refresh token, or a family of rotating ones.
#[derive(Clone, Debug, PartialEq)]
pub struct RefreshToken {
    /// The identifier, which is public and stays while the token rotates.
    pub id: String,
    /// Whose it is.
    pub user_id: String,
    /// The client that may exchange it.
    pub client_id: String,
    /// The session in which it was issued.
    pub session_id: Option<String>,
    /// When it was issued.
    pub created: Timestamp,
    /// When it was last exchanged.
    pub last_exchanged: Option<Timestamp>,
    /// It ends at this time unless it is exchanged before.
    pub idle_expires: Option<Timestamp>,
    /// It ends at this time in any case.
    pub expires: Option<Timestamp>,
    /// Whether each exchange replaces it.
    pub is_rotating: bool,
    /// Whether it ends together with its session.
    pub is_online: bool,
    /// What is read together with it.
    pub details: RefreshTokenDetails,
}

/// The part of a refresh token that nobody searches by.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RefreshTokenDetails {
    /// Who uses it.
    #[serde(rename = "d")]
    pub device: Device,
    /// What it gives access to.
    #[serde(rename = "r", default, skip_serializing_if = "Vec::is_empty")]
    pub resource_servers: Vec<Access>,
    /// What the login that issued it knew and each exchange needs again: organization, connection, time of authentication.
    #[serde(rename = "l", default, skip_serializing_if = "Document::is_empty")]
    pub login: Document,
    /// What Actions and the Management API noted.
    #[serde(rename = "x", default, skip_serializing_if = "Option::is_none")]
    pub metadata: Option<Document>,
}

/// A resource server and what may be done there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Access {
    /// Its identifier.
    #[serde(rename = "a")]
    pub audience: String,
    /// The scopes, separated by spaces.
    #[serde(rename = "s")]
    pub scope: String,
}

/// What somebody presented as a refresh token turned out to be.
#[derive(Clone, Debug, PartialEq)]
pub enum Presented {
    /// No token, or none any more.
    Unknown,
    /// The token to be exchanged now.
    Current(RefreshToken),
    /// The one before it, which was replaced at this time.
    Previous(RefreshToken, Timestamp),
    /// An earlier one: somebody kept a copy.
    Spent(RefreshToken),
}

/// What came of an exchange.
#[derive(Debug)]
pub enum Exchange {
    /// No token, or none any more.
    Unknown,
    /// A token that does not rotate, as it is now.
    Kept(RefreshToken),
    /// A token that rotates, as it is now, and what the client presents next time.
    Rotated(RefreshToken, Secret),
    /// A token that was replaced before. The whole family ended.
    Reused(RefreshToken),
}

/// Which refresh tokens are meant: those that fit all that is given.
#[derive(Clone, Copy, Debug, Default)]
pub struct Held<'a> {
    /// Of this user.
    pub user_id: Option<&'a str>,
    /// Of this client.
    pub client_id: Option<&'a str>,
    /// Issued in this session.
    pub session_id: Option<&'a str>,
}

/// Replaces what may change of a refresh token.
const UPDATE_TOKEN: &str = "UPDATE refresh_tokens SET session_id = $1, exchanged = $2, idle_expires = $3, expires = $4, sweep = $5, \
                            is_rotating = $6, details = $7 WHERE tenant = $8 AND id = $9";

/// A select of the columns that [`token`] reads, and the texts given.
macro_rules! select_token {
    ($($text:literal),*) => {
        concat!(
            "SELECT seq, id, user_id, client_id, session_id, created, exchanged, idle_expires, expires, is_rotating, ",
            "is_online, details, secret, previous, rotated FROM refresh_tokens", $($text),*
        )
    };
}

impl Snapshot {
    /// The refresh token with this identifier.
    pub fn refresh_token(&self, id: &str) -> StoreResult<Option<RefreshToken>> {
        let sql = select_token!(" WHERE tenant = $1 AND id = $2 AND idle_expires > $3 AND expires > $4");
        let now = self.now.micros();
        let found = self.connection.first(sql, &[self.number(), indexed(id).into(), now.into(), now.into()], token)?;
        let Some((_, token)) = found else { return Ok(None) };
        Ok((!self.is_token_veiled(&token)?).then_some(token))
    }

    /// Whether the token's user or client is being deleted.
    fn is_token_veiled(&self, token: &RefreshToken) -> StoreResult<bool> {
        self.is_row_veiled("refresh_tokens", &[("user_id", &token.user_id), ("client_id", &token.client_id)])
    }

    /// What is presented as a refresh token.
    pub fn presented_refresh_token(&self, presented: &str) -> StoreResult<Presented> {
        let Some((handle, secret)) = parts(presented) else { return Ok(Presented::Unknown) };
        let handle = self.hash_of(HANDLE, &handle)?;
        let secret = self.hash_of(SECRET, &secret)?;
        let sql = select_token!(" WHERE tenant = $1 AND handle = $2 AND idle_expires > $3 AND expires > $4");
        let now = self.now.micros();
        let params = [self.number(), (&handle).into(), now.into(), now.into()];
        let found = self.connection.first(sql, &params, |row| {
            let (_, token) = token(row)?;
            Ok(if secret.is(row.bytes(12)?) {
                Presented::Current(token)
            } else if secret.is(row.bytes(13)?) {
                Presented::Previous(token, Timestamp::from_micros(row.int(14)?))
            } else {
                Presented::Spent(token)
            })
        })?;
        Ok(found.unwrap_or(Presented::Unknown))
    }

    /// Refresh tokens in the order in which they were issued; those that end with their session are left out.
    pub fn refresh_tokens(&self, held: Held<'_>, paging: &Paging, with_total: bool) -> StoreResult<Page<RefreshToken>> {
        let conditions = |sql: &mut Sql<'_>| {
            self.write_held(sql, held);
            sql.push(" AND is_online = 0");
        };
        let mut page = self.page_by_seq((select_token!(), "refresh_tokens"), conditions, paging, with_total, token)?;
        let mut shown = Vec::with_capacity(page.items.len());
        for token in page.items {
            if !self.is_token_veiled(&token)? {
                shown.push(token);
            }
        }
        page.items = shown;
        Ok(page)
    }

    /// All refresh tokens that are held, those too that end with their session.
    fn all_refresh_tokens(&self, held: Held<'_>) -> StoreResult<Vec<RefreshToken>> {
        let conditions = |sql: &mut Sql<'_>| self.write_held(sql, held);
        Ok(self.page_by_seq((select_token!(), "refresh_tokens"), conditions, &Paging::All, false, token)?.items)
    }

    /// How many refresh tokens are held, those too that end with their session.
    pub fn count_refresh_tokens(&self, held: Held<'_>) -> StoreResult<u64> {
        let mut sql = Sql::new("SELECT count(*) FROM refresh_tokens");
        self.write_held(&mut sql, held);
        let count = self.connection.only(&sql.text, &sql.params, |row| row.int(0))?;
        Ok(u64::try_from(count).unwrap_or(0))
    }

    fn write_held(&self, sql: &mut Sql<'_>, held: Held<'_>) {
        sql.push(" WHERE tenant = ").bind(self.number());
        for (column, value) in
            [("user_id", held.user_id), ("client_id", held.client_id), ("session_id", held.session_id)]
        {
            if let Some(value) = value {
                sql.push(" AND ").push(column).push(" = ").bind(indexed(value).into_owned());
            }
        }
        sql.push(" AND idle_expires > ").bind(self.now.micros()).push(" AND expires > ").bind(self.now.micros());
    }

    /// The parameters of [`UPDATE_TOKEN`].
    fn changed_token<'t>(&self, token: &'t RefreshToken) -> StoreResult<[Param<'t>; 9]> {
        Ok([
            token.session_id.as_deref().map(indexed).into(),
            token.last_exchanged.map(Timestamp::micros).into(),
            or_never(token.idle_expires).into(),
            or_never(token.expires).into(),
            sweep_of(token).into(),
            i64::from(token.is_rotating).into(),
            serde_json::to_string(&token.details)?.into(),
            self.number(),
            indexed(&token.id).into(),
        ])
    }

    /// The secret that replaces another.
    fn successor(&self, handle: &[u8; 16], secret: &[u8; 32]) -> StoreResult<[u8; 32]> {
        let tag = self.tag(SUCCESSOR, &[&handle[..], &secret[..]].concat())?;
        Ok(tag.as_ref().try_into().expect("the hash has 32 bytes"))
    }
}

impl Tx {
    /// Adds a refresh token and gives what its client presents, which is known to nobody else. `Taken` when its identifier
    /// is there already.
    pub fn insert_refresh_token(&mut self, token: &RefreshToken) -> StoreResult<Secret> {
        for identifier in [&token.id, &token.user_id, &token.client_id].into_iter().chain(&token.session_id) {
            storable(identifier, "identifier")?;
        }
        let (handle, secret) = (self.context().bytes::<16>(), self.context().bytes::<32>());
        let (handle_hash, secret_hash) = (self.hash_of(HANDLE, &handle)?, self.hash_of(SECRET, &secret)?);
        let sql = "INSERT INTO refresh_tokens (tenant, id, handle, secret, user_id, client_id, session_id, created, \
                   exchanged, idle_expires, expires, sweep, is_rotating, is_online, details) \
                   VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15) \
                   ON CONFLICT (tenant, id) DO NOTHING";
        let params = [
            self.number(),
            indexed(&token.id).into(),
            (&handle_hash).into(),
            (&secret_hash).into(),
            indexed(&token.user_id).into(),
            indexed(&token.client_id).into(),
            token.session_id.as_deref().map(indexed).into(),
            token.created.micros().into(),
            token.last_exchanged.map(Timestamp::micros).into(),
            or_never(token.idle_expires).into(),
            or_never(token.expires).into(),
            sweep_of(token).into(),
            i64::from(token.is_rotating).into(),
            i64::from(token.is_online).into(),
            serde_json::to_string(&token.details)?.into(),
        ];
        if self.connection.execute(sql, &params)? == 0 {
            return Err(StoreError::Taken { key: "id".to_owned() });
        }
        Ok(text_of(&handle, &secret))
    }

    /// Exchanges what is presented as a refresh token: one that rotates is replaced, and stays valid for `leeway` after it
    /// was. Presented later than that, or after its successor was exchanged, it ends the family. `change` says what the
    /// exchange changes of the token: its times, its device.
    pub fn exchange_refresh_token(
        &mut self,
        presented: &str,
        leeway: std::time::Duration,
        change: impl FnOnce(&mut RefreshToken),
    ) -> StoreResult<Exchange> {
        let Some((handle, secret)) = parts(presented) else { return Ok(Exchange::Unknown) };
        let (mut token, is_current) = match self.presented_refresh_token(presented)? {
            Presented::Unknown => return Ok(Exchange::Unknown),
            Presented::Current(token) => (token, true),
            Presented::Previous(token, rotated) if token.is_rotating && self.now < rotated + leeway => (token, false),
            Presented::Previous(token, _) | Presented::Spent(token) => {
                self.delete_refresh_token(&token.id)?;
                return Ok(Exchange::Reused(token));
            }
        };
        change(&mut token);
        self.connection.later(UPDATE_TOKEN, &self.changed_token(&token)?)?;
        if !token.is_rotating {
            return Ok(Exchange::Kept(token));
        }
        let next = self.successor(&handle, &secret)?;
        if is_current {
            let sql =
                "UPDATE refresh_tokens SET secret = $1, previous = $2, rotated = $3 WHERE tenant = $4 AND id = $5";
            let (next_hash, previous) = (self.hash_of(SECRET, &next)?, self.hash_of(SECRET, &secret)?);
            let rotated = self.now.micros().into();
            let params = [(&next_hash).into(), (&previous).into(), rotated, self.number(), indexed(&token.id).into()];
            self.connection.later(sql, &params)?;
        }
        Ok(Exchange::Rotated(token, text_of(&handle, &next)))
    }

    /// Replaces what may change of a refresh token that was read in this transaction: its times, whether it rotates, its
    /// session and its details. `false` when it is not there any more.
    pub fn update_refresh_token(&mut self, token: &RefreshToken) -> StoreResult<bool> {
        Ok(self.connection.execute(UPDATE_TOKEN, &self.changed_token(token)?)? > 0)
    }

    /// Ends a refresh token, with its family, and returns it.
    pub fn delete_refresh_token(&mut self, id: &str) -> StoreResult<Option<RefreshToken>> {
        let Some(token) = self.refresh_token(id)? else { return Ok(None) };
        let sql = "DELETE FROM refresh_tokens WHERE tenant = $1 AND id = $2";
        self.connection.later(sql, &[self.number(), indexed(id).into()])?;
        Ok(Some(token))
    }

    /// Ends at most so many of the refresh tokens that are held, and tells how many.
    pub fn delete_some_refresh_tokens(&mut self, held: Held<'_>, most: u64) -> StoreResult<u64> {
        let mut sql = Sql::new("DELETE FROM refresh_tokens WHERE seq IN (SELECT seq FROM refresh_tokens");
        self.write_held(&mut sql, held);
        sql.push(" LIMIT ").bind(i64::try_from(most).unwrap_or(i64::MAX)).push(")");
        let (text, params) = (sql.text, sql.params);
        self.connection.execute(&text, &params)
    }

    /// Ends the refresh tokens that are held and fit a condition, and returns them.
    pub fn delete_refresh_tokens(
        &mut self,
        held: Held<'_>,
        is_meant: impl Fn(&RefreshToken) -> bool,
    ) -> StoreResult<Vec<RefreshToken>> {
        let mut tokens = self.all_refresh_tokens(held)?;
        tokens.retain(|token| is_meant(token));
        for token in &tokens {
            let sql = "DELETE FROM refresh_tokens WHERE tenant = $1 AND id = $2";
            self.connection.later(sql, &[self.number(), indexed(&token.id).into()])?;
        }
        Ok(tokens)
    }
}

impl Snapshot {
    fn hash_of(&self, purpose: &str, bytes: &[u8]) -> StoreResult<KeyedHash> {
        self.tag(purpose, bytes).map(|tag| KeyedHash::of(&tag))
    }
}

/// Handle and secret of what is presented; none when it has not the form of a token.
fn parts(presented: &str) -> Option<([u8; 16], [u8; 32])> {
    let mut bytes = [0; 48];
    let length = URL_SAFE_NO_PAD.decode_slice(presented.strip_prefix(PREFIX)?, &mut bytes).ok()?;
    let (handle, secret) = bytes[..length].split_first_chunk::<16>()?;
    Some((*handle, secret.try_into().ok()?))
}

fn text_of(handle: &[u8; 16], secret: &[u8; 32]) -> Secret {
    Secret::new(format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode([&handle[..], &secret[..]].concat())))
}

fn or_never(time: Option<Timestamp>) -> i64 {
    time.map_or(NEVER, Timestamp::micros)
}

fn sweep_of(token: &RefreshToken) -> i64 {
    hour_after(Timestamp::from_micros(or_never(token.idle_expires).min(or_never(token.expires))))
}

fn token(row: &Row<'_>) -> StoreResult<(i64, RefreshToken)> {
    let time = |column| Ok::<_, StoreError>(Some(row.int(column)?).filter(|time| *time != NEVER));
    let token = RefreshToken {
        id: row.text(1)?.to_owned(),
        user_id: row.text(2)?.to_owned(),
        client_id: row.text(3)?.to_owned(),
        session_id: row.optional_text(4)?.map(str::to_owned),
        created: Timestamp::from_micros(row.int(5)?),
        last_exchanged: row.optional_int(6)?.map(Timestamp::from_micros),
        idle_expires: time(7)?.map(Timestamp::from_micros),
        expires: time(8)?.map(Timestamp::from_micros),
        is_rotating: row.int(9)? != 0,
        is_online: row.int(10)? != 0,
        details: serde_json::from_str(row.text(11)?)?,
    };
    Ok((row.int(0)?, token))
}
