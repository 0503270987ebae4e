//! What protocols and login pages tell one another: what is asked of a login, how far it is, and what came of it.

use std::collections::BTreeMap;

use kernel::{Country, Document, TenantId, Timestamp, Value};
use serde::{Deserialize, Serialize};
use store::{StoreError, StoreResult, Tx};

/// The kind under which transactions are stored, as things of single use that are about their user once that is known.
pub const TRANSACTION: &str = "login_transaction";

/// The future of an operation of [`Pages`].
pub type BoxFuture<'a, T> = std::pin::Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// What a protocol asks of a login.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct LoginRequest {
    /// The client that its user signs in to.
    pub client_id: String,
    /// Name of the only connection to be used.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connection: Option<String>,
    /// Values of `prompt`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub prompt: Vec<String>,
    /// The oldest authentication that is good enough, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub max_age: Option<u64>,
    /// Whom the client expects.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub login_hint: Option<String>,
    /// The screen that the client expects: `signup`, `login`, `reset-password` …
    #[serde(skip_serializing_if = "Option::is_none")]
    pub screen_hint: Option<String>,
    /// What the client wants to be sent to whoever logs in without a password: `code` or `link`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub send: Option<String>,
    /// Languages, the preferred one first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub ui_locales: Vec<String>,
    /// Values of `acr_values`.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub acr_values: Vec<String>,
    /// The organization that the user signs in to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization: Option<String>,
    /// What is asked about the organization before the login, until that is answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub organization_prompt: Option<OrganizationPrompt>,
    /// The invitation that the user accepts.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub invitation: Option<String>,
    /// Whether the user is still to be asked to accept it.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub asks_to_accept: bool,
    /// By what the client finds this login again elsewhere.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub correlation_id: Option<String>,
    /// The parameters `ext-…`, with that prefix.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub extensions: BTreeMap<String, String>,
    /// Scopes that are asked for.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub scope: Vec<String>,
    /// The API for which a token is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub audience: Option<String>,
    /// Where the protocol sends the browser in the end.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub redirect_uri: Option<String>,
    /// What the protocol wants to be given back. Pages that tenants wrote and their code are told of its `parameters`; nobody else reads
    /// it.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub protocol: Value,
}

impl LoginRequest {
    /// Whether the login has to do with an organization: it is named, asked about, or invites the user.
    pub fn is_of_organization(&self) -> bool {
        self.organization.is_some() || self.organization_prompt.is_some() || self.invitation.is_some()
    }
}

/// How users tell to which organization they want to sign in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct OrganizationPrompt {
    /// By its name.
    pub by_name: bool,
    /// By their e-mail address, whose domain belongs to it.
    pub by_email: bool,
    /// Whether they may sign in to none.
    pub may_skip: bool,
}

/// An organization among which a user chooses.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OrganizationChoice {
    /// Its identifier.
    pub id: String,
    /// What it is called.
    pub name: String,
}

/// A login that has begun in a browser.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Transaction {
    /// Its identifier, which begins each `state` of it.
    pub id: String,
    /// What is asked.
    pub request: LoginRequest,
    /// How far it is.
    pub progress: Progress,
    /// When it began.
    pub created: Timestamp,
    /// When it ends.
    pub expires: Timestamp,
}

impl Transaction {
    /// Whether a `state` is the one of the present step. What must come back once checks it: an Action's redirect.
    pub fn is_at(&self, state: &str) -> bool {
        let step = state.strip_prefix(self.id.as_str()).and_then(|step| u16::from_str_radix(step, 16).ok());
        step == Some(self.progress.step)
    }
}

/// How far a login is.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Progress {
    /// Where it stands.
    pub stage: Stage,
    /// The screen to be shown at this stage.
    pub screen: String,
    /// Grows with each prompt after the login, so that each has a `state` of its own.
    pub step: u16,
    /// What the user is known by, as far as the user said so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub identifier: Option<GivenIdentifier>,
    /// Who it is, once that is proven.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub authentication: Option<Authentication>,
    /// Why it ended without a user.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<Refusal>,
    /// Screens that the user has completed, in order.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub completed: Vec<String>,
    /// Answers of prompts after the login, such as `consent` → `accept`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub answers: BTreeMap<String, String>,
    /// The language that the user chose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub language: Option<String>,
    /// Fields that were entered and are needed later; never a password.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub fields: BTreeMap<String, String>,
    /// What the present prompt shows.
    #[serde(skip_serializing_if = "Value::is_null")]
    pub shown: Value,
    /// What came of the form that the tenant's code had shown last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub form: Option<Box<FormAnswers>>,
    /// The puzzle that is to be solved.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub captcha: Option<Puzzle>,
}

impl Progress {
    /// What the user entered into fields that the tenant has added to the pages: `ulp-…`.
    pub fn own_fields(&self) -> Document {
        let own = self.fields.iter().filter(|(name, _)| name.starts_with("ulp-"));
        own.map(|(name, value)| (name.clone(), value.as_str().into())).collect()
    }
}

/// A form with its fields and variables: as the tenant's code has it shown, or as the user left it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct FormAnswers {
    /// Its identifier.
    pub id: String,
    /// Values of fields and hidden fields.
    #[serde(skip_serializing_if = "Document::is_empty")]
    pub fields: Document,
    /// Variables that its flows share.
    #[serde(skip_serializing_if = "Document::is_empty")]
    pub vars: Document,
}

/// Where a login stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Stage {
    /// The user is unknown; the pages of login, sign-up and reset may be visited in any order.
    #[default]
    Entry,
    /// A step that cannot be left, such as a code or a prompt after the login.
    Prompt,
    /// The protocol has its turn: `/authorize/resume`.
    Resume,
    /// The protocol has given its response.
    Finished,
}

/// What a user is known by.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GivenIdentifier {
    /// The name of the field: `email`, `username`, `phone_number`; `None` where it may be any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// As it was entered.
    pub value: String,
}

/// Who a user is, and how that was proven.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Authentication {
    /// The user.
    pub user_id: String,
    /// Identifier of the connection.
    pub connection_id: String,
    /// Name of the connection.
    pub connection: String,
    /// Strategy of the connection.
    pub strategy: String,
    /// How it was proven, in order.
    pub methods: Vec<Method>,
    /// When the primary proof was given: `auth_time`.
    pub at: Timestamp,
    /// Whether the user signed up in this transaction.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub is_new: bool,
    /// The session that the proof comes from, when it was not given in this transaction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub session_id: Option<String>,
}

/// A way in which a user has proven who it is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Method {
    /// `pwd`, `federated`, `passkey`, `sms`, `email`, `mfa` …
    pub name: String,
    /// When.
    pub timestamp: Timestamp,
}

/// Why a login ended without a user: what the protocol tells the client.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refusal {
    /// `access_denied`, `unauthorized` …
    pub error: String,
    /// In words.
    pub description: String,
}

/// A puzzle whose solution only a person is likely to find.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Puzzle {
    /// Its identifier: each is used once.
    pub id: String,
    /// Its solution.
    pub solution: String,
}

/// What a request says about the browser that sent it.
#[derive(Clone, Debug, Default)]
pub struct Browser {
    /// The `Cookie` header.
    pub cookies: String,
    /// Address of the client.
    pub ip: String,
    /// Its country, where a trusted proxy tells it.
    pub country: Option<Country>,
    /// `User-Agent`.
    pub user_agent: String,
    /// `Accept-Language`.
    pub language: String,
    /// The host that was asked, with its port.
    pub host: String,
    /// Whether it came by https.
    pub is_secure: bool,
}

impl Browser {
    /// The value of a cookie.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        self.all_cookies().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// The value of a cookie that is a text of ours: so many characters of Base64 for addresses.
    pub fn secret(&self, name: &str, length: usize) -> Option<&str> {
        let is_ours = |letter: u8| letter.is_ascii_alphanumeric() || b"-_".contains(&letter);
        self.cookie(name).filter(|value| value.len() == length && value.bytes().all(is_ours))
    }

    /// All cookies.
    pub fn all_cookies(&self) -> impl Iterator<Item = (&str, &str)> {
        self.cookies.split(';').filter_map(|cookie| cookie.trim().split_once('='))
    }
}

/// A response that sends the browser elsewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Redirect {
    /// Where to.
    pub location: String,
    /// Values of `Set-Cookie`.
    pub cookies: Vec<String>,
}

/// How a login stands when the protocol resumes.
#[derive(Clone, Debug, PartialEq)]
pub enum Outcome {
    /// It is not finished: the browser goes to a page.
    Pending(Redirect),
    /// The user is known, and has answered what was asked so far. The protocol goes on with the steps after the login.
    Authenticated(Box<Transaction>),
    /// It ended without a user.
    Refused(Box<Transaction>, Refusal),
    /// The protocol has given its response before.
    Finished(Box<Transaction>),
    /// There is no such login in this browser, or no more.
    Unknown,
}

/// A prompt between the login and the protocol's response.
#[derive(Clone, Debug, PartialEq)]
pub enum Prompt {
    /// Whether the client may have what it asks for. The answer is `consent`: `accept` or `deny`.
    Consent {
        /// What is asked for, as the page lists it.
        scopes: Vec<ConsentScope>,
    },
    /// Whether the user wants to sign in to an application on this device. The answer is `confirmation`: `accept`
    /// or `deny`.
    Confirmation,
    /// To which of their organizations the users want to sign in. The chosen one stands in the request of the transaction;
    /// of those who want none, the answer `organization` is empty.
    Organization {
        /// The organizations.
        choices: Vec<OrganizationChoice>,
        /// Whether users may sign in to none.
        may_skip: bool,
    },
    /// The same, where users name the organization themselves.
    OrganizationName(OrganizationPrompt),
    /// A form of the tenant. When it has ended, the browser comes back to `/continue` with the `state`, and what the user entered stands
    /// in the progress of the transaction.
    Form(FormAnswers),
    /// A page of somebody else, from where the browser comes back with the `state`: an Action's redirect.
    Elsewhere {
        /// Its address; the `state` is added to it.
        url: String,
    },
}

/// A line of the consent page.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsentScope {
    /// The scope, or what it gives access to.
    pub name: String,
    /// In words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
}

/// The pages of universal login, as a protocol uses them.
pub trait Pages: Send + Sync {
    /// Begins a login: the browser goes to its first page. Nothing is stored.
    fn begin<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: LoginRequest,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>>;

    /// Begins a login at a connection without passwords whose code the browser has brought. Its page shows whose account it opens, and waits
    /// for the user to go on.
    fn begin_with_code<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: LoginRequest,
        identifier: &'a str,
        code: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>>;

    /// Begins a transaction of a user who is signed in already, and asks what is to be asked before the response.
    fn begin_with<'a>(
        &'a self,
        tenant: &'a TenantId,
        request: LoginRequest,
        authentication: Authentication,
        prompt: Prompt,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>>;

    /// Asks whether the user wants to log out. The browser comes back to `/oidc/logout/resume`, where
    /// [`Pages::outcome`] gives the answer `logout`: `accept` or `deny`.
    fn begin_logout<'a>(
        &'a self,
        tenant: &'a TenantId,
        protocol: Value,
        client_id: Option<String>,
        user: Option<String>,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>>;

    /// How the login with this `state` stands.
    fn outcome<'a>(
        &'a self,
        tenant: &'a TenantId,
        state: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Outcome, PagesError>>;

    /// Asks something of the user of a transaction that [`Pages::outcome`] gave, whose `protocol` may have changed.
    /// When it is answered, the browser comes back to `/authorize/resume`.
    fn ask<'a>(
        &'a self,
        tenant: &'a TenantId,
        transaction: Transaction,
        prompt: Prompt,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Redirect, PagesError>>;

    /// Goes on with what waits on the pages for this `state` to come back from elsewhere, such as a reset of a password; `sent` is what came
    /// with it, in the address and in the body. `None` where nothing does.
    fn come_back<'a>(
        &'a self,
        tenant: &'a TenantId,
        state: &'a str,
        sent: (Document, Document),
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<Option<Redirect>, PagesError>>;

    /// Ends a transaction, within the one that stores what the response promises; `false` when that was done before,
    /// and nothing may be promised again.
    fn finish(&self, tx: &mut Tx, transaction: &Transaction) -> StoreResult<bool>;

    /// Whether what was entered solves the puzzle that the browser was shown for its login. It is used up either way.
    fn solves<'a>(
        &'a self,
        tenant: &'a TenantId,
        state: &'a str,
        entered: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, Result<bool, PagesError>>;

    /// The page that tells of an error which no application can be told of; of the client that asked, where it is known.
    fn error<'a>(
        &'a self,
        tenant: &'a TenantId,
        client_id: Option<&'a str>,
        error: &'a str,
        description: &'a str,
        browser: &'a Browser,
    ) -> BoxFuture<'a, http::Response<String>>;

    /// The response to a `state` that [`Pages::outcome`] does not know.
    fn lost<'a>(&'a self, tenant: &'a TenantId, browser: &'a Browser) -> BoxFuture<'a, http::Response<String>>;

    /// Values of `Set-Cookie` that take a transaction out of the browser. Without them a second visit of its end is told
    /// that it is [`Outcome::Finished`].
    fn forget(&self, transaction: &Transaction, browser: &Browser) -> Vec<String>;
}

/// Why pages could not be prepared.
#[derive(Debug, thiserror::Error)]
pub enum PagesError {
    /// The request is larger than what a browser can carry.
    #[error("the login request is too long")]
    TooLong,
    /// The store failed.
    #[error(transparent)]
    Store(#[from] StoreError),
}
