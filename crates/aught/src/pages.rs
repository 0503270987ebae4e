//! `aught pages preview`: a screen in each of its states, made from files, and again whenever one of them changes.

use std::{
    convert::Infallible,
    net::{Ipv4Addr, SocketAddr},
    path::PathBuf,
    process::ExitCode,
    sync::Arc,
};

use axum::{
    Router,
    extract::{Path as Within, Query, State},
    response::{Html, IntoResponse, Response},
    routing::get,
};
use clap::Args;
use delivery::liquid::escaped;
use http::{HeaderValue, StatusCode, header};
use hyper::{Request, body::Incoming};
use hyper_util::{
    rt::{TokioExecutor, TokioIo},
    server::conn::auto::Builder,
};
use kernel::Context;
use login::preview::{self, Draft};
use serde::Deserialize;
use tokio::net::TcpListener;
use tower::ServiceExt;

use crate::{Failure, files, signals::Stop, telemetry};

/// What the pages of a preview ask for, to learn whether to be loaded anew.
pub(crate) const CHANGES: &str = "/u/preview/changes";
const SCRIPT: &str = "(function () {
  var seen;
  setInterval(function () {
    fetch('/u/preview/changes').then(function (answer) { return answer.text(); }).then(function (now) {
      if (seen !== undefined && seen !== now) location.reload();
      seen = now;
    }, function () {});
  }, 500);
})();";
const SCRIPT_PATH: &str = "/u/preview/live.js";

/// What is looked at.
#[derive(Clone, Debug, Args)]
pub(crate) struct Preview {
    /// The screen, such as login-id [default: all]
    #[arg(value_name = "SCREEN", value_parser = screen)]
    screen: Option<String>,

    /// The language of the page
    #[arg(long, value_name = "LANGUAGE", default_value = "en")]
    lang: String,

    /// A page template: the body of PUT /branding/templates/universal-login
    #[arg(long, value_name = "FILE")]
    template: Option<PathBuf>,

    /// The branding in JSON: the body of PATCH /branding
    #[arg(long, value_name = "FILE")]
    branding: Option<PathBuf>,

    /// An organization in JSON, for its branding: the body of POST /organizations
    #[arg(long, value_name = "FILE")]
    organization: Option<PathBuf>,

    /// A theme in JSON: the body of POST /branding/themes
    #[arg(long, value_name = "FILE")]
    theme: Option<PathBuf>,

    /// Texts in JSON: the body of PUT /prompts/{prompt}/custom-text/{language}
    #[arg(long, value_name = "FILE")]
    text: Option<PathBuf>,

    /// Partials in JSON: the body of PUT /prompts/{prompt}/partials
    #[arg(long, value_name = "FILE")]
    partials: Option<PathBuf>,

    /// The port on this machine [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
}

fn screen(name: &str) -> Result<String, String> {
    let mut known: Vec<&str> = preview::screens().collect();
    known.sort_unstable();
    if known.contains(&name) { Ok(name.to_owned()) } else { Err(format!("expected one of {}", known.join(", "))) }
}

/// What every page of a preview is made with.
#[derive(Clone)]
struct Shown {
    asked: Arc<Preview>,
    context: Context,
    host: String,
}

/// Serves the pages until the person at the terminal has seen enough.
pub(crate) async fn preview(asked: Preview) -> Result<ExitCode, Failure> {
    // What cannot be read is told at once, not on a page.
    asked.draft()?;
    let screen = asked.screen.as_deref().unwrap_or("Every screen");
    let (port, what) = (asked.port, format!("{screen} in each of its states"));
    serve(port, &what, |host| router(Shown { asked: Arc::new(asked), context: Context::system(), host })).await
}

/// Serves a preview on this machine until the person at the terminal has seen enough.
pub(crate) async fn serve(port: u16, what: &str, routes: impl FnOnce(String) -> Router) -> Result<ExitCode, Failure> {
    let mut stop = Stop::listen()?;
    let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
    let failed = |error| Failure::new(format!("listening on {address}"), error);
    let listener = TcpListener::bind(address).await.map_err(failed)?;
    let port = listener.local_addr().map_err(failed)?.port();
    let host = format!("localhost:{port}");
    telemetry::say(&format!("{what}: http://{host}/\n"));
    let routes = routes(host);
    loop {
        tokio::select! {
            () = stop.requested() => return Ok(ExitCode::SUCCESS),
            accepted = listener.accept() => {
                let Ok((stream, _)) = accepted else { continue };
                let routes = routes.clone();
                tokio::spawn(async move {
                    let service = hyper::service::service_fn(move |request: Request<Incoming>| {
                        let routes = routes.clone();
                        async move { Ok::<_, Infallible>(routes.oneshot(request).await.unwrap_or_else(|never| match never {})) }
                    });
                    // A browser that goes away is no fault.
                    let _ = Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
                });
            }
        }
    }
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/", get(list))
        .route(CHANGES, get(changes))
        .merge(files())
        .route("/u/preview/{screen}/{state}", get(page).post(list))
        // Forms and links lead nowhere.
        .fallback(list)
        .with_state(shown)
}

/// What all pages of previews have beside them.
pub(crate) fn files<S: Clone + Send + Sync + 'static>() -> Router<S> {
    Router::new()
        .route(SCRIPT_PATH, get(|| async { typed(SCRIPT.to_owned(), "text/javascript") }))
        .route("/u/assets/{hash}/{name}", get(asset))
}

impl Preview {
    /// What stands in the files now.
    fn draft(&self) -> Result<Draft, Failure> {
        let document = |path: &Option<PathBuf>| path.as_deref().map(files::json).transpose();
        Ok(Draft {
            language: self.lang.clone(),
            template: self.template.as_deref().map(files::text).transpose()?,
            branding: document(&self.branding)?,
            organization: document(&self.organization)?,
            theme: document(&self.theme)?,
            texts: document(&self.text)?,
            partials: document(&self.partials)?,
        })
    }

    /// Tells whether the files have changed: the times of their last changes.
    fn version(&self) -> String {
        let files = [&self.template, &self.branding, &self.organization, &self.theme, &self.text, &self.partials];
        format!("{:?}", files::written(files.into_iter().flatten().map(PathBuf::as_path)))
    }
}

/// The states of the screens.
async fn list(State(shown): State<Shown>) -> Response {
    let draft = match shown.asked.draft() {
        Ok(draft) => draft,
        Err(failure) => return told(&failure),
    };
    let screens: Vec<&str> = match &shown.asked.screen {
        Some(screen) => vec![screen],
        None => preview::screens().collect(),
    };
    let sections = screens.iter().map(|screen| {
        let states = preview::states(&shown.context, &draft, screen);
        let lines = states.iter().map(|state| {
            let state = escaped(state);
            format!("<li><a href=\"/u/preview/{screen}/{state}\">{state}</a></li>")
        });
        format!("<h2>{screen}</h2><ul>{}</ul>", lines.collect::<String>())
    });
    listed("Screens", &sections.collect::<String>())
}

/// Lists under a heading.
pub(crate) fn listed(heading: &str, lists: &str) -> Response {
    Html(format!(
        "<!DOCTYPE html><html lang=\"en\"><head><meta charset=\"utf-8\"><title>{heading}</title></head><body><main><h1>{heading}</h1>{lists}\
         </main><script src=\"{SCRIPT_PATH}\"></script></body></html>"
    ))
    .into_response()
}

/// What an address may say of a page.
#[derive(Deserialize)]
struct Wish {
    /// The language, in place of the one that the command names.
    lang: Option<String>,
}

/// One state.
async fn page(
    State(shown): State<Shown>,
    Within((screen, state)): Within<(String, String)>,
    Query(wish): Query<Wish>,
) -> Response {
    let mut draft = match shown.asked.draft() {
        Ok(draft) => draft,
        Err(failure) => return told(&failure),
    };
    draft.language = wish.lang.unwrap_or(draft.language);
    let reply = preview::show(&shown.context, draft, &screen, &state, &shown.host).await;
    let Some(reply) = reply else { return StatusCode::NOT_FOUND.into_response() };
    live(reply)
}

/// A page that loads itself anew.
pub(crate) fn live(reply: login::Reply) -> Response {
    let mut response = reply.response();
    if !response.status().is_redirection() {
        response = response.map(|html| format!("{html}<script src=\"{SCRIPT_PATH}\"></script>"));
        // Whatever the state's status: a browser shows the page.
        *response.status_mut() = StatusCode::OK;
    }
    response.map(axum::body::Body::from)
}

async fn changes(State(shown): State<Shown>) -> String {
    shown.asked.version()
}

async fn asset(request: axum::extract::Request) -> Response {
    match preview::asset(request.uri().path()) {
        Some((content, kind)) => typed(content.to_owned(), kind),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

/// A file that cannot be read is looked for again as soon as it changes.
pub(crate) fn told(failure: &Failure) -> Response {
    let text = escaped(&failure.to_string());
    Html(format!("<!DOCTYPE html><title>Preview</title><pre>{text}</pre><script src=\"{SCRIPT_PATH}\"></script>"))
        .into_response()
}

fn typed(content: String, kind: &'static str) -> Response {
    ([(header::CONTENT_TYPE, HeaderValue::from_static(kind))], content).into_response()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::body::{Body, to_bytes};

    use super::*;

    async fn get(routes: &Router, path: &str) -> (StatusCode, String) {
        let request = http::Request::get(path).body(Body::empty()).unwrap();
        let response = routes.clone().oneshot(request).await.unwrap();
        let status = response.status();
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        (status, String::from_utf8(body.to_vec()).unwrap())
    }

    #[tokio::test]
    async fn a_screen_is_shown_from_files_and_anew_when_they_change() {
        let folder = tempfile::tempdir().unwrap();
        let template = folder.path().join("page.html");
        let write = |text: &str| fs::write(&template, format!("{text}{{% auth0:head %}}{{% auth0:widget %}}")).unwrap();
        write("<p>first</p>");
        let asked = Preview {
            screen: Some("login-id".to_owned()),
            lang: "en".to_owned(),
            template: Some(template.clone()),
            branding: None,
            organization: None,
            theme: None,
            text: None,
            partials: None,
            port: 0,
        };
        let routes =
            router(Shown { asked: Arc::new(asked), context: Context::system(), host: "localhost:1".to_owned() });
        let (status, list) = get(&routes, "/").await;
        assert!(
            status == StatusCode::OK
                && list.contains("/u/preview/login-id/invalid-email-format")
                && !list.contains("/u/preview/signup/"),
            "{list}"
        );
        let (status, page) = get(&routes, "/u/preview/login-id/invalid-email-format").await;
        assert!(status == StatusCode::OK && page.starts_with("<p>first</p>"), "{page}");
        assert!(page.contains("data-error-code=\"invalid-email-format\"") && page.contains(SCRIPT_PATH), "{page}");
        let (_, before) = get(&routes, CHANGES).await;
        write("<p>second</p>");
        let later = fs::metadata(&template).unwrap().modified().unwrap() + std::time::Duration::from_secs(5);
        fs::File::options().write(true).open(&template).unwrap().set_modified(later).unwrap();
        assert_ne!(get(&routes, CHANGES).await.1, before);
        assert!(get(&routes, "/u/preview/login-id/plain?lang=de").await.1.starts_with("<p>second</p>"));
        fs::remove_file(&template).unwrap();
        assert!(get(&routes, "/u/preview/login-id/plain").await.1.contains("page.html"));
    }

    #[test]
    fn only_screens_that_there_are_can_be_named() {
        assert_eq!(screen("login-id").as_deref(), Ok("login-id"));
        assert!(screen("nothing").unwrap_err().contains("login-password"));
    }
}
