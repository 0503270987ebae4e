//! `aught forms preview`: the steps of a form, made from its file, and again whenever it changes.

use std::{path::PathBuf, process::ExitCode, sync::Arc};

use axum::{
    Router,
    body::Bytes,
    extract::{Path as Within, State},
    response::{IntoResponse, Response},
    routing::get,
};
use clap::Args;
use delivery::liquid::escaped;
use http::StatusCode;
use kernel::{Context, Document, Value};
use login::preview;

use crate::{Failure, files, pages};

/// What is looked at.
#[derive(Clone, Debug, Args)]
pub(crate) struct Preview {
    /// The form in JSON: the body of POST /forms, or an export of it
    #[arg(value_name = "FILE")]
    file: PathBuf,

    /// The language of the form [default: its own]
    #[arg(long, value_name = "LANGUAGE", hide_default_value = true)]
    lang: Option<String>,

    /// The port on this machine [default: a free one]
    #[arg(long, value_name = "PORT", default_value_t = 0, hide_default_value = true)]
    port: u16,
}

/// What every page of a preview is made with.
#[derive(Clone)]
struct Shown {
    asked: Arc<Preview>,
    context: Context,
}

/// Serves the steps until the person at the terminal has seen enough.
pub(crate) async fn preview(asked: Preview) -> Result<ExitCode, Failure> {
    // What cannot be read is told at once, not on a page.
    asked.form()?;
    let (port, what) = (asked.port, format!("The steps of {}", asked.file.display()));
    let shown = Shown { asked: Arc::new(asked), context: Context::system() };
    pages::serve(port, &what, |_| router(shown)).await
}

fn router(shown: Shown) -> Router {
    Router::new()
        .route("/", get(list))
        .route(pages::CHANGES, get(changes))
        .merge(pages::files())
        .route("/u/preview/step/{step}", get(page).post(send))
        .fallback(list)
        .with_state(shown)
}

impl Preview {
    /// What stands in the file now.
    fn form(&self) -> Result<Document, Failure> {
        let mut document: Document = files::json(&self.file)?;
        Ok(match document.shift_remove("form") {
            Some(Value::Object(form)) => form,
            _ => document,
        })
    }

    /// Tells whether the file has changed.
    fn version(&self) -> String {
        format!("{:?}", files::written([self.file.as_path()]))
    }
}

/// The steps.
async fn list(State(shown): State<Shown>) -> Response {
    let form = match shown.asked.form() {
        Ok(form) => form,
        Err(failure) => return pages::told(&failure),
    };
    let lines = preview::form_steps(&form).into_iter().map(|step| {
        let step = escaped(&step);
        format!("<li><a href=\"/u/preview/step/{step}\">{step}</a></li>")
    });
    let name = escaped(form.get("name").and_then(Value::as_str).unwrap_or("Form"));
    pages::listed(&name, &format!("<ul>{}</ul>", lines.collect::<String>()))
}

/// A step, as nobody has entered anything.
async fn page(State(shown): State<Shown>, Within(step): Within<String>) -> Response {
    answer(&shown, &step, None)
}

/// A step that was filled in: what is wrong with it, or the step after it.
async fn send(State(shown): State<Shown>, Within(step): Within<String>, body: Bytes) -> Response {
    answer(&shown, &step, Some(&body))
}

fn answer(shown: &Shown, step: &str, sent: Option<&[u8]>) -> Response {
    let form = match shown.asked.form() {
        Ok(form) => form,
        Err(failure) => return pages::told(&failure),
    };
    match preview::form_page(&shown.context, &form, shown.asked.lang.as_deref(), step, sent) {
        Some(reply) => pages::live(reply),
        None => StatusCode::NOT_FOUND.into_response(),
    }
}

async fn changes(State(shown): State<Shown>) -> String {
    shown.asked.version()
}

#[cfg(test)]
mod tests {
    use std::fs;

    use axum::body::{Body, to_bytes};
    use tower::ServiceExt;

    use super::*;

    async fn ask(routes: &Router, method: &str, path: &str, body: &str) -> (StatusCode, String) {
        let request = http::Request::builder().method(method).uri(path);
        let request = request.header("content-type", "application/x-www-form-urlencoded");
        let response = routes.clone().oneshot(request.body(Body::from(body.to_owned())).unwrap()).await.unwrap();
        let (status, location) = (response.status(), response.headers().get("location").cloned());
        let body = to_bytes(response.into_body(), 1 << 20).await.unwrap();
        let text =
            location.map_or_else(|| String::from_utf8(body.to_vec()).unwrap(), |to| to.to_str().unwrap().to_owned());
        (status, text)
    }

    #[tokio::test]
    async fn the_steps_of_a_form_are_shown_from_a_file_and_anew_when_it_changes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("form.json");
        let write = |label: &str| {
            let form = serde_json::json!({"form": {"name": "Profile", "start": {"next_node": "one"}, "nodes": [
                {"id": "one", "type": "STEP", "config": {"next_node": "two", "components": [
                    {"id": "a", "category": "FIELD", "type": "TEXT", "label": label, "required": true, "config": {}}]}},
                {"id": "two", "type": "STEP", "config": {"next_node": "$ending", "components": []}},
            ]}});
            fs::write(&file, form.to_string()).unwrap();
        };
        write("First");
        let asked = Preview { file: file.clone(), lang: None, port: 0 };
        let routes = router(Shown { asked: Arc::new(asked), context: Context::system() });
        let (_, list) = ask(&routes, "GET", "/", "").await;
        assert!(list.contains("Profile") && list.contains("/u/preview/step/two"), "{list}");
        let (status, page) = ask(&routes, "GET", "/u/preview/step/one", "").await;
        assert!(status == StatusCode::OK && page.contains(">First<"), "{page}");
        let (_, faulty) = ask(&routes, "POST", "/u/preview/step/one", "action=next").await;
        assert!(faulty.contains("ERR_REQUIRED_PROPERTY"), "{faulty}");
        let next = ask(&routes, "POST", "/u/preview/step/one", "action=next&field-a=x").await;
        assert_eq!(next, (StatusCode::FOUND, "/u/preview/step/two".to_owned()));
        write("Second");
        assert!(ask(&routes, "GET", "/u/preview/step/one", "").await.1.contains(">Second<"));
        fs::remove_file(&file).unwrap();
        assert!(ask(&routes, "GET", "/", "").await.1.contains("form.json"));
    }
}
