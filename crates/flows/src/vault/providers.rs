//! Services that give tokens for authorization codes (RFC 6749 §4.1), as a table.

use delivery::Endpoints;
use http::Method;
use kernel::{Document, Value};
use url::Url;

use crate::{
    Failure,
    outgoing::{Auth, Body, Outgoing},
    params::Params,
};

/// A service that gives tokens for authorization codes.
#[derive(Debug)]
pub(super) struct Provider {
    /// `app_id`.
    app: &'static str,
    /// The address that whoever permits it is sent to.
    authorize: &'static str,
    /// The address that gives tokens.
    tokens: &'static str,
    /// What `environment` of a set-up means: its value, and the host in place of that of both addresses.
    environment: Option<(&'static str, &'static str)>,
    /// What is asked for where a set-up names no `scope`.
    scope: &'static str,
    /// Further parameters of the first address.
    more: &'static [(&'static str, &'static str)],
    /// Whether the application shows itself by HTTP's basic authentication, rather than in the form.
    is_basic: bool,
    /// Whether it takes a code challenge (RFC 7636).
    pub(super) has_challenge: bool,
    /// Members of the response that are kept in the set-up, and where they stand.
    pub(super) kept: &'static [(&'static str, &'static str)],
    /// Where the response names the account.
    pub(super) account: &'static str,
    /// An address that tells more of the account, by what stands in `authorization` before the token.
    described_at: Option<(&'static str, &'static str)>,
}

const PLAIN: Provider = Provider {
    app: "",
    authorize: "",
    tokens: "",
    environment: None,
    scope: "",
    more: &[],
    is_basic: false,
    has_challenge: false,
    kept: &[],
    account: "",
    described_at: None,
};

static PROVIDERS: &[Provider] = &[
    Provider {
        app: "HUBSPOT",
        authorize: "https://app.hubspot.com/oauth/authorize",
        tokens: "https://api.hubapi.com/oauth/v1/token",
        scope: "oauth crm.objects.contacts.read crm.objects.contacts.write automation",
        ..PLAIN
    },
    // Its tokens do not expire; which data centre they are for it tells at an address of its own.
    Provider {
        app: "MAILCHIMP",
        authorize: "https://login.mailchimp.com/oauth2/authorize",
        tokens: "https://login.mailchimp.com/oauth2/token",
        kept: &[("dc", "/dc")],
        account: "/accountname",
        described_at: Some(("https://login.mailchimp.com/oauth2/metadata", "OAuth")),
        ..PLAIN
    },
    Provider {
        app: "PIPEDRIVE",
        authorize: "https://oauth.pipedrive.com/oauth/authorize",
        tokens: "https://oauth.pipedrive.com/oauth/token",
        is_basic: true,
        kept: &[("api_domain", "/api_domain")],
        account: "/api_domain",
        ..PLAIN
    },
    Provider {
        app: "STRIPE",
        authorize: "https://connect.stripe.com/oauth/authorize",
        tokens: "https://connect.stripe.com/oauth/token",
        scope: "read_write",
        account: "/stripe_user_id",
        ..PLAIN
    },
    // Messages go to the webhook of the channel that was chosen.
    Provider {
        app: "SLACK",
        authorize: "https://slack.com/oauth/v2/authorize",
        tokens: "https://slack.com/api/oauth.v2.access",
        scope: "incoming-webhook",
        kept: &[("url", "/incoming_webhook/url")],
        account: "/team/name",
        ..PLAIN
    },
    Provider {
        app: "DOCUSIGN",
        authorize: "https://account.docusign.com/oauth/auth",
        tokens: "https://account.docusign.com/oauth/token",
        environment: Some(("demo", "account-d.docusign.com")),
        scope: "signature extended",
        is_basic: true,
        ..PLAIN
    },
    Provider {
        app: "GOOGLE_SHEETS",
        authorize: "https://accounts.google.com/o/oauth2/v2/auth",
        tokens: "https://oauth2.googleapis.com/token",
        scope: "https://www.googleapis.com/auth/spreadsheets",
        // Without these there is no token to renew with.
        more: &[("access_type", "offline"), ("prompt", "consent")],
        has_challenge: true,
        ..PLAIN
    },
    Provider {
        app: "SALESFORCE",
        authorize: "https://login.salesforce.com/services/oauth2/authorize",
        tokens: "https://login.salesforce.com/services/oauth2/token",
        environment: Some(("sandbox", "test.salesforce.com")),
        scope: "api refresh_token",
        has_challenge: true,
        kept: &[("instance_url", "/instance_url")],
        account: "/instance_url",
        ..PLAIN
    },
];

/// What begins an authorization, as the service is told.
pub(super) struct Asked<'a> {
    pub(super) redirect_uri: &'a str,
    pub(super) state: &'a str,
    /// The code challenge, where the service takes one.
    pub(super) challenge: Option<&'a str>,
}

impl Provider {
    /// The service of an app.
    pub(super) fn of(app: &str) -> Option<&'static Self> {
        PROVIDERS.iter().find(|provider| provider.app == app)
    }

    /// Where whoever permits it is sent.
    pub(super) fn authorization_url(
        &self,
        setup: Params<'_>,
        asked: &Asked<'_>,
        vendors: &Endpoints,
    ) -> Result<String, Failure> {
        let mut url = Url::parse(&self.address(self.authorize, setup, vendors)?)
            .map_err(|_| Failure::invalid("setup", "one of a service that can be reached"))?;
        let scope = setup.text("scope").unwrap_or_else(|| self.scope.to_owned());
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("response_type", "code");
            query.append_pair("client_id", &setup.required("client_id")?);
            query.append_pair("redirect_uri", asked.redirect_uri);
            if !scope.is_empty() {
                query.append_pair("scope", &scope);
            }
            query.append_pair("state", asked.state);
            query.extend_pairs(self.more);
            if let Some(challenge) = asked.challenge {
                query.append_pair("code_challenge", challenge).append_pair("code_challenge_method", "S256");
            }
        }
        Ok(url.into())
    }

    /// What asks for tokens with this grant, as the set-up's application.
    pub(super) fn token_request(
        &self,
        setup: Params<'_>,
        grant: &[(&str, &str)],
        vendors: &Endpoints,
    ) -> Result<Outgoing, Failure> {
        let mut outgoing = Outgoing::new(Method::POST, &self.address(self.tokens, setup, vendors)?)?;
        outgoing.header("accept", "application/json");
        let (client, secret) = (setup.required("client_id")?, setup.required("client_secret")?);
        let mut form: Vec<(String, String)> =
            grant.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        if self.is_basic {
            outgoing.authorize(Auth::Basic(client, kernel::Secret::new(secret)));
        } else {
            form.extend([("client_id".to_owned(), client), ("client_secret".to_owned(), secret)]);
        }
        outgoing.body = Body::Form(form);
        Ok(outgoing)
    }

    /// What asks for more of the account that a token is for, where the service tells it elsewhere.
    pub(super) fn description_request(&self, token: &str, vendors: &Endpoints) -> Result<Option<Outgoing>, Failure> {
        let Some((address, scheme)) = self.described_at else { return Ok(None) };
        let address = self.address(address, Params(&Document::new()), vendors)?;
        let mut outgoing = Outgoing::new(Method::GET, &address)?;
        outgoing.header("authorization", format!("{scheme} {token}"));
        Ok(Some(outgoing))
    }

    /// An address of the service: that of the set-up's environment, or of a table of vendors that says that they are elsewhere.
    fn address(&self, own: &str, setup: Params<'_>, vendors: &Endpoints) -> Result<String, Failure> {
        let environment = setup.text("environment").unwrap_or_default();
        let mut url = Url::parse(own).expect("the table holds addresses");
        match self.environment {
            Some((name, host)) if environment.eq_ignore_ascii_case(name) => {
                url.set_host(Some(host)).expect("the table holds hosts");
            }
            _ if environment.is_empty() || environment.eq_ignore_ascii_case("production") => {}
            _ => return Err(Failure::invalid("setup.environment", "one that the service has")),
        }
        let origin = url.origin().ascii_serialization();
        Ok(format!("{}{}", vendors.of(self.app, &origin), url.path()))
    }
}

/// A text at a place of a response.
pub(super) fn told(response: &Value, place: &str) -> Option<String> {
    let text = response.pointer(place).filter(|_| !place.is_empty())?.as_str()?;
    (!text.is_empty()).then(|| text.chars().take(2_000).collect())
}
