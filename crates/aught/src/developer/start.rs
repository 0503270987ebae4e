//! The start page of a tenant: what an application has to know, and where a developer looks.

use axum::{
    extract::{Extension, State},
    response::{IntoResponse, Response},
};
use kernel::{Record, Tenant};
use model::{CLIENT, RESOURCE_SERVER};
use rest::ApiError;
use store::{Query, Snapshot, StoreError};

use super::{
    Tools,
    html::{Page, escaped},
    trial::PATH as TRIAL,
};
use crate::edge;

/// `GET /`.
pub(super) async fn show(State(tools): State<Tools>, Extension(tenant): Extension<Tenant>) -> Response {
    let read = |reader: &Snapshot| {
        let all = Query::default();
        Ok((reader.list(&CLIENT, &all)?.items, reader.list(&RESOURCE_SERVER, &all)?.items))
    };
    let (clients, apis) = match tools.store.read(tenant.id(), read).await {
        Ok(found) => found,
        Err::<_, StoreError>(error) => return edge::refusal(&ApiError::from(error)),
    };
    let of_kind = |kinds: &[&str]| {
        clients.iter().find(|client| client.text("app_type").is_some_and(|kind| kinds.contains(&kind)))
    };
    let id = |client: Option<&Record>| client.map_or("YOUR_CLIENT_ID", |client| client.id.as_str()).to_owned();
    let (spa, web) = (id(of_kind(&["spa"])), id(of_kind(&["regular_web"])));
    let domain = tenant.host();
    let snippets = [
        (
            "A single-page app (auth0-spa-js)",
            format!(
                "const auth0 = await createAuth0Client({{\n  domain: \"{domain}\",\n  clientId: \"{spa}\",\n  authorizationParams: {{ redirect_uri: location.origin }},\n}});\nawait auth0.loginWithRedirect();"
            ),
        ),
        (
            "A web app (express-openid-connect)",
            format!(
                "app.use(auth({{\n  issuerBaseURL: \"https://{domain}\",\n  clientID: \"{web}\",\n  baseURL: \"http://localhost:3000\",\n  secret: process.env.SESSION_SECRET,\n}}));"
            ),
        ),
        (
            "An API (express-oauth2-jwt-bearer)",
            format!("app.use(auth({{ issuerBaseURL: \"https://{domain}\", audience: \"https://api.example.com\" }}));"),
        ),
        (
            "The Management API (node-auth0)",
            format!(
                "const management = new ManagementClient({{\n  domain: \"{domain}\",\n  clientId: process.env.AUTH0_CLIENT_ID,\n  clientSecret: process.env.AUTH0_CLIENT_SECRET,\n}});"
            ),
        ),
    ];
    let snippet = |(name, code): &(&str, String)| format!("<h3>{name}</h3><pre tabindex=\"0\">{}</pre>", escaped(code));
    let snippets = snippets.iter().map(snippet).collect::<Vec<_>>().concat();
    let client = |client: &Record| {
        let part = |name: &str| escaped(client.text(name).unwrap_or_default());
        format!("<dt>{} ({})</dt><dd><code>{}</code></dd>", part("name"), part("app_type"), escaped(&client.id))
    };
    let shown = clients.iter().filter(|client| !client.is("global")).take(50);
    let shown = shown.map(client).collect::<Vec<_>>().concat();
    let own = apis.iter().filter(|api| !api.is("is_system")).filter_map(|api| api.text("identifier")).take(50);
    let options = own.map(|api| format!("<option>{}</option>", escaped(api))).collect::<Vec<_>>().concat();
    let title = domain;
    let domain = escaped(domain);
    let body = format!(
        "<header><h1>{domain}</h1></header><main><nav aria-label=\"Tools\"><ul>\
         <li><a href=\"/_aught/outbox\">Outbox: what was sent to users</a></li>\
         <li><a href=\"/.well-known/openid-configuration\">OpenID configuration</a></li>\
         <li><a href=\"/.well-known/jwks.json\">Signing keys</a></li></ul></nav>\
         <article><h2>This tenant</h2><dl><dt>Domain</dt><dd><code>{domain}</code></dd>\
         <dt>Issuer</dt><dd><code>{issuer}</code></dd><dt>Management API</dt><dd><code>{audience}</code></dd></dl>\
         <h2>Try login</h2><p>An application of this tenant logs you in by the code flow, and shows its tokens explained.</p>\
         <form method=\"post\" action=\"{TRIAL}?page={token}\"><label for=\"audience\">Access token for</label> <select id=\"audience\" name=\"audience\">\
         <option value=\"\">the profile alone</option>{options}</select> <button>Try login</button></form>\
         <h2>Applications</h2><dl>{shown}</dl><h2>Use it</h2>{snippets}</article></main>",
        token = tools.page_token(),
        issuer = escaped(tenant.issuer()),
        audience = escaped(tenant.management_audience()),
    );
    Page { title, body: &body, may: &["form-action 'self'"], ..Page::default() }.into_response()
}
