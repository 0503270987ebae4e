//! What a server is told at its start: a file, the environment and flags, the later ones winning.

use std::{
    ffi::OsString,
    fmt::{self, Write as _},
    net::SocketAddr,
    path::{Path, PathBuf},
    time::Duration,
};

use actions::{Confinement, Engine};
use delivery::{Endpoints, EventBridge, EventGrid, Partners};
use figment::{
    Figment,
    providers::{Format, Serialized, Toml},
};
use kernel::{Context, Secret};
use outbound::Dns;
use serde::{Deserialize, Serialize};
use store::Database;

use crate::{
    Failure, certificates::TlsCertificate, connections::ConnectionLimits, files, forwarding::TrustedProxies, scripts,
};

/// What the configuration file may hold, and what flags and the environment put over it. The descriptions are those of
/// `--help`.
#[derive(Clone, Default, Deserialize, Serialize, clap::Args)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// Address and port to answer on, for http and https alike; port 0 takes a free one [default: 127.0.0.1:8080]
    #[arg(long, value_name = "ADDRESS:PORT", env = "AUGHT_LISTEN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<String>,

    /// Where the data is: a SQLite file, `memory:` (gone at the end), or a `postgres://` address [default: ./aught.db]
    // The address of a PostgreSQL database holds its password.
    #[arg(long, value_name = "PATH | memory: | postgres://…", env = "AUGHT_DATABASE", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    database: Option<String>,

    /// A file with the password of the PostgreSQL user, so that it stands in no address and no command line
    #[arg(long, value_name = "FILE", env = "AUGHT_DATABASE_PASSWORD_FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    database_password_file: Option<PathBuf>,

    /// For how many days entries of the tenant log are kept; 0 keeps them for ever [default: 30]
    #[arg(long, value_name = "DAYS", env = "AUGHT_LOG_RETENTION")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log_retention: Option<u32>,

    /// The host, with its port unless that is 443, under which clients reach the tenant: what they take as their
    /// Auth0 domain, and the issuer of its tokens [default: localhost and the port of --listen]
    #[arg(long, value_name = "HOST[:PORT]", env = "AUGHT_DOMAIN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    domain: Option<String>,

    /// Folder for the root key and the certificates [default: beside a SQLite file; ./aught-state for PostgreSQL]
    #[arg(long, value_name = "FOLDER", env = "AUGHT_STATE_DIR")]
    #[serde(skip_serializing_if = "Option::is_none")]
    state_dir: Option<PathBuf>,

    /// Proxies, by address or network (10.0.0.0/8), whose x-forwarded-for, x-forwarded-host and x-forwarded-proto are
    /// believed; separated by commas [default: none]
    #[arg(long, value_name = "ADDRESS | NETWORK", env = "AUGHT_TRUSTED_PROXIES", value_delimiter = ',')]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    trusted_proxies: Vec<String>,

    /// The header in which these proxies tell the client's country by its two letters, such as cf-ipcountry
    /// [default: none]
    #[arg(long, value_name = "HEADER", env = "AUGHT_COUNTRY_HEADER")]
    country_header: Option<String>,

    /// Where metrics are answered: an address and port of their own, or `public` for the port of --listen
    /// [default: nowhere]
    #[arg(long, value_name = "ADDRESS:PORT | public", env = "AUGHT_METRICS_LISTEN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    metrics_listen: Option<String>,

    /// The most connections at the same time, from one address an eighth of them [default: 8192]
    #[arg(long, value_name = "NUMBER", env = "AUGHT_MAX_CONNECTIONS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    max_connections: Option<usize>,

    /// A certificate of your own for https: a PEM file with the chain, and with the private key unless that has a file of
    /// its own; may be repeated [default: names of this machine and of the domain by a local authority]
    #[arg(long, value_name = "CHAIN[,KEY]", env = "AUGHT_TLS_CERTIFICATE", value_delimiter = ';')]
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    tls_certificate: Vec<String>,

    /// Whether webhooks, sinks of streams, scripts and metadata documents of tenants may call private networks and this
    /// machine
    /// [default: allow when listening on this machine only, else refuse]
    #[arg(long, value_name = "allow | refuse", env = "AUGHT_OUTBOUND_PRIVATE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    outbound_private: Option<OutboundPrivate>,

    /// Whether a custom domain is proven by its DNS record, or taken to be the tenant's [default: check]
    #[arg(long, value_name = "check | trust", env = "AUGHT_DNS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    dns: Option<DnsChecks>,
    /// The JavaScript engine of Actions, rules and hooks: Node, the engine within this program, or Node where it is
    /// found [default: auto]
    #[arg(long, value_name = "auto | node | embedded", env = "AUGHT_ACTIONS_ENGINE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    actions_engine: Option<ActionsEngine>,

    /// Where the kernel cannot keep the server's files from code: whether code that only it would keep from them is
    /// refused, or run by your explicit will (waive) [default: require]
    #[arg(long, value_name = "require | waive", env = "AUGHT_ACTIONS_CONFINEMENT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    actions_confinement: Option<ActionsConfinement>,

    /// Address of the registry of npm packages for Actions and hooks [default: the one that the npm client is set to]
    // It may hold a password.
    #[arg(long, value_name = "ADDRESS", env = "AUGHT_ACTIONS_REGISTRY", hide_env_values = true)]
    #[serde(skip_serializing_if = "Option::is_none")]
    actions_registry: Option<String>,

    /// Tools for developers under /_aught/: the outbox of messages, logins without pages, a start page [default: on where
    /// only this machine reaches the server, else off]
    #[arg(long, value_name = "on | off", env = "AUGHT_DEVELOPER_TOOLS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    developer_tools: Option<Switch>,

    /// The event bus, in the accounts that streams name, on which events for Amazon EventBridge are put; `aws.partner` where
    /// Amazon knows you as a partner [default: default]
    #[arg(long, value_name = "NAME", env = "AUGHT_EVENTBRIDGE_BUS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    eventbridge_bus: Option<String>,

    /// Where Amazon EventBridge is called [default: Amazon's own in the region of the stream]
    #[arg(long, value_name = "ADDRESS", env = "AUGHT_EVENTBRIDGE_ENDPOINT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    eventbridge_endpoint: Option<String>,

    /// The topic or partner namespace of Azure Event Grid that events are published to [default: none]
    #[arg(long, value_name = "ADDRESS", env = "AUGHT_EVENTGRID_ENDPOINT")]
    #[serde(skip_serializing_if = "Option::is_none")]
    eventgrid_endpoint: Option<String>,

    /// How long a stopping server waits for requests that it has begun to answer
    #[arg(
        long,
        value_name = "SECONDS",
        env = "AUGHT_DRAIN_SECONDS",
        help = "Seconds that a stopping server waits for requests it has begun to answer [default: 10]"
    )]
    #[serde(skip_serializing_if = "Option::is_none")]
    drain_seconds: Option<u64>,

    /// The least important level of log lines, overall or by part (`info,aught::requests=debug`) [default: info]
    #[arg(long, value_name = "FILTER", env = "AUGHT_LOG")]
    #[serde(skip_serializing_if = "Option::is_none")]
    log: Option<String>,

    // Secrets are no flags: every process of the machine can read a command line.
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    root_key: Option<String>,
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    database_password: Option<String>,
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_client_id: Option<String>,
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    initial_client_secret: Option<String>,
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    developer_secret: Option<String>,
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    eventbridge_access_key_id: Option<String>,
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    eventbridge_secret_access_key: Option<String>,
    #[arg(skip)]
    #[serde(skip_serializing_if = "Option::is_none")]
    eventgrid_key: Option<String>,
}

/// Whether something is there.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
enum Switch {
    On,
    Off,
}

/// Whether DNS records are looked up.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub(crate) enum DnsChecks {
    Check,
    Trust,
}

impl From<DnsChecks> for Dns {
    fn from(checks: DnsChecks) -> Self {
        match checks {
            DnsChecks::Check => Self::default(),
            DnsChecks::Trust => Self::Trusting,
        }
    }
}

/// Whether calls to private networks are made.
#[derive(Clone, Copy, Debug, Deserialize, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum OutboundPrivate {
    /// They are.
    Allow,
    /// They fail, and say why.
    Refuse,
}

/// Where metrics are answered.
#[derive(Clone, Debug, PartialEq)]
pub enum Metrics {
    /// Nobody is told.
    Nowhere,
    /// On the port of everything else.
    Public,
    /// On an address and port of their own.
    At(String),
}

/// What happens to code that nothing keeps from the server's files.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ActionsConfinement {
    /// It is refused.
    #[default]
    Require,
    /// It is run: whoever may write code is trusted with the server's files.
    Waive,
}

impl From<ActionsConfinement> for Confinement {
    fn from(confinement: ActionsConfinement) -> Self {
        match confinement {
            ActionsConfinement::Require => Self::Required,
            ActionsConfinement::Waive => Self::Waived,
        }
    }
}

/// What runs the code of Actions, rules and hooks.
#[derive(Clone, Copy, Debug, Default, Deserialize, PartialEq, Serialize, clap::ValueEnum)]
#[serde(rename_all = "lowercase")]
pub enum ActionsEngine {
    /// Node where it is found, else the embedded one.
    #[default]
    Auto,
    /// Node, found on the search path.
    Node,
    /// The engine within this program.
    Embedded,
}

impl From<ActionsEngine> for Engine {
    fn from(engine: ActionsEngine) -> Self {
        match engine {
            ActionsEngine::Auto => Self::Auto,
            ActionsEngine::Node => Self::Node,
            ActionsEngine::Embedded => Self::Embedded,
        }
    }
}

impl Settings {
    /// The flags and variables that clap has read, over the variables that it does not know, over the file.
    pub(crate) fn resolve(mut self, file: Option<&Path>) -> Result<Self, Failure> {
        let secret = |name: &str| variable(name).and_then(|value| value.into_string().ok());
        self.root_key = secret("AUGHT_ROOT_KEY");
        self.database_password = secret("AUGHT_DATABASE_PASSWORD");
        self.initial_client_id = secret("AUGHT_INITIAL_CLIENT_ID");
        self.initial_client_secret = secret("AUGHT_INITIAL_CLIENT_SECRET");
        self.developer_secret = secret("AUGHT_DEVELOPER_SECRET").filter(|secret| !secret.is_empty());
        self.eventbridge_access_key_id = secret("AUGHT_EVENTBRIDGE_ACCESS_KEY_ID");
        self.eventbridge_secret_access_key = secret("AUGHT_EVENTBRIDGE_SECRET_ACCESS_KEY");
        self.eventgrid_key = secret("AUGHT_EVENTGRID_KEY");
        self.over(file)
    }

    fn over(mut self, file: Option<&Path>) -> Result<Self, Failure> {
        // A variable that is set to nothing means the same as one that is not set.
        for text in [&mut self.listen, &mut self.database, &mut self.domain, &mut self.log] {
            text.take_if(|text| text.is_empty());
        }
        self.state_dir.take_if(|folder| folder.as_os_str().is_empty());
        self.database_password_file.take_if(|file| file.as_os_str().is_empty());
        let mut figment = Figment::new();
        if let Some(path) = file {
            if !path.is_file() {
                return Err(Failure::new(path.display(), "there is no such configuration file"));
            }
            figment = figment.merge(Toml::file_exact(path));
        }
        figment.merge(Serialized::defaults(self)).extract().map_err(|error| Failure::new("the configuration", error))
    }

    /// The settings that tell where the data is; variables that are not asked for tell nothing.
    pub(crate) fn of_place(database: Option<String>, state_dir: Option<PathBuf>) -> Self {
        Self { database, state_dir, ..Self::default() }
    }

    /// The filter of the log, where one is set.
    pub(crate) fn log(&self) -> Option<&str> {
        self.log.as_deref()
    }

    /// What the operator has at Amazon and Microsoft, for streams of events and logs to them.
    fn partners(&mut self) -> Partners {
        let given = |text: &mut Option<String>| text.take().filter(|text| !text.is_empty());
        let (bus, endpoint) = (given(&mut self.eventbridge_bus), given(&mut self.eventbridge_endpoint));
        let key = given(&mut self.eventbridge_access_key_id).zip(given(&mut self.eventbridge_secret_access_key));
        let topic = given(&mut self.eventgrid_endpoint).zip(given(&mut self.eventgrid_key));
        Partners {
            eventbridge: key.map(|(key_id, secret)| EventBridge { key_id, secret: Secret::new(secret), bus, endpoint }),
            eventgrid: topic.map(|(endpoint, key)| EventGrid { endpoint, key: Secret::new(key) }),
        }
    }

    /// What a server needs to know.
    pub(crate) fn config(mut self) -> Result<Config, Failure> {
        let database = self.database.as_deref().unwrap_or("aught.db");
        let Ok(database) = database.parse::<Database>();
        let partners = self.partners();
        let state = State::of(&database, self.state_dir);
        let password = match (self.database_password, self.database_password_file) {
            (Some(password), _) => Some(password),
            (None, Some(file)) => Some(read_password(&file)?),
            (None, None) => None,
        };
        let database = match password {
            Some(password) => with_password(database, &password)?,
            None => database,
        };
        if let Some(domain) = &self.domain {
            check_domain(domain)?;
        }
        Ok(Config {
            listen: self.listen.unwrap_or_else(|| "127.0.0.1:8080".to_owned()),
            database,
            domain: self.domain.map(|domain| domain.to_ascii_lowercase()),
            state,
            root_key: self.root_key.map(Secret::new),
            initial_client: InitialClient {
                id: self.initial_client_id,
                secret: self.initial_client_secret.map(Secret::new),
            },
            trusted_proxies: TrustedProxies::parse(&self.trusted_proxies)?
                .telling_country(self.country_header.as_deref().filter(|name| !name.is_empty()))?,
            metrics: match self.metrics_listen.filter(|place| !place.is_empty()) {
                None => Metrics::Nowhere,
                Some(place) if place == "public" => Metrics::Public,
                Some(place) => Metrics::At(place),
            },
            connections: ConnectionLimits {
                total: self.max_connections.unwrap_or(ConnectionLimits::default().total),
                ..ConnectionLimits::default()
            },
            tls_certificates: self.tls_certificate.iter().map(|text| TlsCertificate::parse(text)).collect(),
            outbound_private: self.outbound_private,
            dns: self.dns.map(Dns::from).unwrap_or_default(),
            actions_engine: self.actions_engine.unwrap_or_default(),
            actions_confinement: self.actions_confinement.unwrap_or_default(),
            actions_registry: self.actions_registry.filter(|address| !address.is_empty()).map(Secret::new),
            developer_tools: self.developer_tools.map(|switch| switch == Switch::On),
            developer_secret: self.developer_secret.map(Secret::new),
            message_endpoints: Endpoints::default(),
            partners,
            drain: Duration::from_secs(self.drain_seconds.unwrap_or(10)),
            log_retention: days(self.log_retention.unwrap_or(LOG_RETENTION)),
            context: Context::system(),
        })
    }
}

impl fmt::Debug for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Settings(…)")
    }
}

/// Everything that a server is told at its start.
#[derive(Clone)]
pub struct Config {
    /// Address and port; port 0 takes a free one.
    pub listen: String,
    /// Where the data is.
    pub database: Database,
    /// The tenant's domain; without one it is `localhost` and the port that the server listens on.
    pub domain: Option<String>,
    /// Where the root key and the certificates are kept.
    pub state: State,
    /// The root key; without one it is read from the state, or made there.
    pub root_key: Option<Secret>,
    /// The client that an empty database gets.
    pub initial_client: InitialClient,
    /// Whose word is taken for the client behind it.
    pub trusted_proxies: TrustedProxies,
    /// Where metrics are answered.
    pub metrics: Metrics,
    /// How many connections there may be.
    pub connections: ConnectionLimits,
    /// The operator's certificates.
    pub tls_certificates: Vec<TlsCertificate>,
    /// Whether tenants can make the server call private networks; `None` decides by the address listened on.
    pub outbound_private: Option<OutboundPrivate>,
    /// Where the records are looked up that prove whose a custom domain is.
    pub dns: Dns,
    /// What runs the code of Actions, rules and hooks.
    pub actions_engine: ActionsEngine,
    /// Whether code is run that nothing keeps from the server's files.
    pub actions_confinement: ActionsConfinement,
    /// The registry of packages, with its password if it has one; without one it is the npm client's.
    pub actions_registry: Option<Secret>,
    /// Whether there are tools for developers; `None` decides by who can reach the server.
    pub developer_tools: Option<bool>,
    /// What logins without pages ask for; without one it is made at the start.
    pub developer_secret: Option<Secret>,
    /// Where services that deliver messages, or take logs, are called in place of their own addresses: for tests.
    pub message_endpoints: Endpoints,
    /// What the operator has at Amazon and Microsoft, for streams of events and logs to them.
    pub partners: Partners,
    /// How long a stopping server waits for requests that it has begun to answer.
    pub drain: Duration,
    /// How long the tenant log is kept; without a time, for ever.
    pub log_retention: Option<Duration>,
    /// Time and randomness of everything that the server keeps.
    pub context: Context,
}

impl fmt::Debug for Config {
    /// Without the database, whose address may hold a password.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("listen", &self.listen).field("domain", &self.domain).finish_non_exhaustive()
    }
}

impl Config {
    /// A server in memory on a free port of this machine: for `aught run` and for tests.
    pub fn in_memory() -> Self {
        Self {
            listen: "127.0.0.1:0".to_owned(),
            database: Database::Memory,
            domain: None,
            state: State::Memory,
            root_key: None,
            initial_client: InitialClient::default(),
            trusted_proxies: TrustedProxies::default(),
            metrics: Metrics::Public,
            connections: ConnectionLimits::default(),
            tls_certificates: Vec::new(),
            outbound_private: None,
            dns: Dns::default(),
            actions_engine: ActionsEngine::default(),
            actions_confinement: ActionsConfinement::default(),
            actions_registry: None,
            developer_tools: None,
            developer_secret: None,
            message_endpoints: Endpoints::default(),
            partners: Partners::default(),
            drain: Duration::from_secs(10),
            log_retention: days(LOG_RETENTION),
            context: Context::system(),
        }
    }

    /// The client for outbound calls: a server that only this machine reaches may reach this machine's network too.
    pub(crate) fn outbound(&self, is_of_this_machine: bool) -> outbound::Client {
        outbound::Client::new(self.allows_private(is_of_this_machine))
    }

    fn allows_private(&self, is_of_this_machine: bool) -> bool {
        match self.outbound_private {
            Some(choice) => choice == OutboundPrivate::Allow,
            None => is_of_this_machine,
        }
    }

    /// Whether there are tools for developers, which a server has that only this machine reaches.
    pub(crate) fn has_developer_tools(&self, is_of_this_machine: bool) -> bool {
        self.developer_tools.unwrap_or(is_of_this_machine)
    }

    /// Whether only this machine reaches a server that listens on `addr`. A proxy in front of it, or a host that others can
    /// look up, shows that others reach it.
    pub(crate) fn is_of_this_machine(&self, addr: SocketAddr, has_other_hosts: bool) -> bool {
        addr.ip().is_loopback() && self.trusted_proxies.is_empty() && !has_other_hosts
    }

    /// How the code of tenants is run.
    pub(crate) fn scripts(&self, packages: PathBuf) -> actions::Settings {
        let mut settings = scripts::settings(self.actions_engine.into(), packages);
        settings.confinement = self.actions_confinement.into();
        if let Some(registry) = &self.actions_registry {
            settings.registry = Some(registry.reveal().to_owned());
        }
        settings
    }
}

/// What is wished for the machine-to-machine client of a new tenant; what is missing is made up.
#[derive(Clone, Debug, Default)]
pub struct InitialClient {
    /// Its client id.
    pub id: Option<String>,
    /// Its client secret.
    pub secret: Option<Secret>,
}

/// Where an installation keeps what is not in its database: the root key and the certificates.
#[derive(Clone, Debug, PartialEq)]
pub enum State {
    /// Nowhere: it is gone when the server stops.
    Memory,
    /// In files whose names begin with the database's.
    Beside(PathBuf),
    /// In a folder of its own.
    Folder(PathBuf),
}

impl State {
    /// The place for this database, unless a folder is wished.
    fn of(database: &Database, folder: Option<PathBuf>) -> Self {
        match (folder, database) {
            (Some(folder), _) => Self::Folder(folder),
            (None, Database::Memory) => Self::Memory,
            (None, Database::Postgres(_)) => Self::Folder("aught-state".into()),
            (None, Database::File(path)) => Self::Beside(path.clone()),
        }
    }

    /// The file for one thing, such as `root-key`.
    pub(crate) fn file(&self, name: &str) -> Option<PathBuf> {
        match self {
            Self::Memory => None,
            Self::Beside(database) => {
                let mut path = database.as_os_str().to_owned();
                path.push(format!(".{name}"));
                Some(path.into())
            }
            Self::Folder(folder) => Some(folder.join(name)),
        }
    }
}

/// Days for which the tenant log is kept, unless another number is set.
const LOG_RETENTION: u32 = 30;

fn days(number: u32) -> Option<Duration> {
    (number > 0).then(|| Duration::from_secs(u64::from(number) * 86_400))
}

/// The password in a file, without the end of its line.
fn read_password(file: &Path) -> Result<String, Failure> {
    let text = files::read(file)?.ok_or_else(|| Failure::new(file.display(), "there is no such file"))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// The address of a PostgreSQL database with a password, which stands nowhere else.
fn with_password(database: Database, password: &str) -> Result<Database, Failure> {
    let Database::Postgres(mut address) = database else {
        return Err(Failure::new("the database password", "only a postgres:// database has one"));
    };
    address.push(if address.contains('?') { '&' } else { '?' });
    address.push_str("password=");
    for byte in password.bytes() {
        if byte.is_ascii_alphanumeric() {
            address.push(char::from(byte));
        } else {
            write!(address, "%{byte:02X}").expect("a String takes all");
        }
    }
    Ok(Database::Postgres(address))
}

/// A variable of the environment, unless it is set to nothing.
#[expect(clippy::disallowed_methods, reason = "this crate reads the environment for all others")]
pub(crate) fn variable(name: &str) -> Option<OsString> {
    std::env::var_os(name).filter(|value| !value.is_empty())
}

/// Refuses what is no host with an optional port; the commonest slip is a whole address.
pub(crate) fn check_domain(domain: &str) -> Result<(), Failure> {
    let authority: Result<http::uri::Authority, _> = domain.parse();
    let is_plain = authority.is_ok_and(|authority| !authority.host().is_empty() && !domain.contains('@'));
    if is_plain {
        return Ok(());
    }
    Err(Failure::new(
        format!("the domain {domain:?}"),
        "expected a host with an optional port, such as login.example.com",
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(file: &str, flags: Settings) -> Result<Config, Failure> {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("aught.toml");
        std::fs::write(&path, file).unwrap();
        flags.over(Some(&path))?.config()
    }

    #[test]
    fn flags_win_over_the_file_and_the_file_over_defaults() {
        let flags = Settings { listen: Some("127.0.0.1:1".into()), ..Settings::default() };
        let config = settings("listen = \"127.0.0.1:2\"\ndomain = \"Login.Example.com\"", flags).unwrap();
        assert_eq!(config.listen, "127.0.0.1:1");
        assert_eq!(config.domain.as_deref(), Some("login.example.com"));
        assert_eq!(config.database, Database::File("aught.db".into()));
        assert_eq!(config.drain, Duration::from_secs(10));
    }

    #[test]
    fn private_networks_are_open_where_nobody_else_reaches_the_server() {
        let allows = |addr: &str, has_other_hosts: bool, change: fn(&mut Config)| {
            let mut config = Config::in_memory();
            change(&mut config);
            config.allows_private(config.is_of_this_machine(addr.parse().unwrap(), has_other_hosts))
        };
        assert!(allows("127.0.0.1:80", false, |_| {}));
        assert!(!allows("127.0.0.1:80", true, |_| {}));
        assert!(!allows("0.0.0.0:80", false, |_| {}));
        let behind_proxy = |config: &mut Config| {
            config.trusted_proxies = TrustedProxies::parse(&["127.0.0.1".to_owned()]).unwrap();
        };
        assert!(!allows("127.0.0.1:80", false, behind_proxy));
        let wished = |config: &mut Config| config.outbound_private = Some(OutboundPrivate::Allow);
        assert!(allows("0.0.0.0:80", true, wished));
    }

    #[test]
    fn a_slip_in_the_file_is_named() {
        let error = settings("listn = \"127.0.0.1:2\"", Settings::default()).unwrap_err();
        assert!(error.to_string().contains("listn"), "{error}");
    }

    #[test]
    fn a_domain_is_a_host_and_no_address() {
        for domain in ["https://login.example.com", "login.example.com/", "", "me@example.com", "a b"] {
            assert!(check_domain(domain).is_err(), "{domain}");
        }
        for domain in ["localhost", "localhost:8080", "login.example.com", "[::1]:80"] {
            assert!(check_domain(domain).is_ok(), "{domain}");
        }
    }

    #[test]
    fn state_stands_beside_the_database() {
        let name = |database: &str| State::of(&database.parse().unwrap(), None).file("root-key");
        assert_eq!(name("data/aught.db"), Some("data/aught.db.root-key".into()));
        assert_eq!(name("postgres://me@db/aught"), Some("aught-state/root-key".into()));
        assert_eq!(name("memory:"), None);
        assert_eq!(State::of(&Database::Memory, Some("x".into())).file("root-key"), Some("x/root-key".into()));
    }

    #[test]
    fn a_database_password_comes_from_a_file_or_the_environment() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "p@ss/w\u{f6}rd\n").unwrap();
        let database = Some("postgres://me@db/aught".to_owned());
        let flags = Settings { database: database.clone(), database_password_file: Some(file), ..Settings::default() };
        let with = |end: &str| Database::Postgres(format!("postgres://me@db/aught{end}"));
        assert_eq!(settings("", flags).unwrap().database, with("?password=p%40ss%2Fw%C3%B6rd"));
        let secret = Some("b c".to_owned());
        let flags = Settings { database, database_password: secret.clone(), ..Settings::default() };
        assert_eq!(settings("", flags).unwrap().database, with("?password=b%20c"));
        let flags = Settings { database_password: secret, ..Settings::default() };
        assert!(settings("", flags).unwrap_err().to_string().contains("password"));
    }

    #[test]
    fn the_tenant_log_is_kept_for_a_month_unless_told_otherwise() {
        let kept = |file: &str| settings(file, Settings::default()).unwrap().log_retention;
        let day = Duration::from_secs(86_400);
        assert_eq!(
            (kept(""), kept("log_retention = 7"), kept("log_retention = 0")),
            (Some(30 * day), Some(7 * day), None)
        );
    }

    #[test]
    fn an_empty_variable_is_none() {
        let flags = Settings { listen: Some(String::new()), ..Settings::default() };
        assert_eq!(settings("", flags).unwrap().listen, "127.0.0.1:8080");
    }

    #[test]
    fn secrets_do_not_print() {
        let flags = Settings {
            root_key: Some("hidden".into()),
            database: Some("postgres://u:hidden@h".into()),
            database_password: Some("hidden".into()),
            ..Settings::default()
        };
        assert!(!format!("{flags:?}").contains("hidden"));
    }
}
