//! A browser without script: cookies, redirects and forms.

use std::collections::BTreeMap;

use http::{Method, StatusCode};
use reqwest::{Client, RequestBuilder, Response, header, redirect::Policy};
use serde_json::Value;

/// A browser with a jar of its own.
pub(crate) struct Browser {
    http: Client,
    base: String,
    /// The host that it asks for, where that is not the one of the address.
    host: Option<String>,
    pub(crate) jar: BTreeMap<String, String>,
    /// What it says that its user understands.
    pub(crate) languages: String,
}

/// What a browser shows.
#[derive(Debug)]
pub(crate) struct Page {
    pub(crate) status: u16,
    /// The address, without the server's own origin.
    pub(crate) address: String,
    pub(crate) headers: http::HeaderMap,
    pub(crate) html: String,
}

impl Browser {
    /// A browser that visits the server at this origin.
    pub(crate) fn at(base: &str) -> Self {
        let http = Client::builder().no_proxy().redirect(Policy::none()).build().unwrap();
        Self { http, base: base.to_owned(), host: None, jar: BTreeMap::new(), languages: "en-GB,en;q=0.8".to_owned() }
    }

    /// The same for a server that answers for this host.
    pub(crate) fn of(self, host: &str) -> Self {
        Self { host: Some(host.to_owned()), ..self }
    }

    /// Visits an address and follows redirects within the server.
    pub(crate) async fn visit(&mut self, address: &str) -> Page {
        let page = self.fetch(Method::GET, address, None).await;
        self.follow(page).await
    }

    /// Sends the first form of a page with these fields and its hidden ones, and follows redirects within the server.
    pub(crate) async fn submit(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let sent = self.send(page, fields).await;
        self.follow(sent).await
    }

    /// As [`Browser::submit`], without following.
    pub(crate) async fn send(&mut self, page: &Page, fields: &[(&str, &str)]) -> Page {
        let mut all: Vec<(String, String)> = page.hidden();
        let given = |name: &str| fields.iter().any(|(field, _)| *field == name);
        all.retain(|(name, _)| !given(name));
        all.extend(fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        self.fetch(Method::POST, &page.address, Some(&all)).await
    }

    async fn follow(&mut self, mut page: Page) -> Page {
        for _ in 0..10 {
            if page.status != StatusCode::FOUND.as_u16() {
                return page;
            }
            let location = page.location();
            let own = location.strip_prefix(&self.base).unwrap_or(&location);
            let host = self.host.as_ref().and_then(|host| own.strip_prefix("https://")?.strip_prefix(host.as_str()));
            let own = host.unwrap_or(own).to_owned();
            if !own.starts_with('/') {
                // Somebody else's: the address tells what they are told.
                page.address = location;
                return page;
            }
            page = self.fetch(Method::GET, &own, None).await;
        }
        panic!("a circle of redirects: {page:?}");
    }

    /// One request, as it is.
    pub(crate) async fn fetch(&mut self, method: Method, address: &str, form: Option<&[(String, String)]>) -> Page {
        let mut request = self.request(method, address);
        if let Some(form) = form {
            request = request.form(form);
        }
        self.answer(address, request).await
    }

    /// What a script of a page of this origin sends, in JSON.
    pub(crate) async fn call(&mut self, address: &str, origin: &str, body: &Value) -> Page {
        let request = self.request(Method::POST, address).header(header::ORIGIN, origin).json(body);
        self.answer(address, request).await
    }

    fn request(&self, method: Method, address: &str) -> RequestBuilder {
        let url = format!("{}{}", self.base, address.split('#').next().unwrap_or_default());
        let cookies: Vec<String> = self.jar.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let request = self.http.request(method, url).header(header::ACCEPT_LANGUAGE, &self.languages);
        let request = if cookies.is_empty() { request } else { request.header(header::COOKIE, cookies.join("; ")) };
        match &self.host {
            Some(host) => request.header(header::HOST, host),
            None => request,
        }
    }

    async fn answer(&mut self, address: &str, request: RequestBuilder) -> Page {
        let response = request.send().await.unwrap();
        self.keep(&response);
        let (status, headers) = (response.status().as_u16(), response.headers().clone());
        Page { status, address: address.to_owned(), headers, html: response.text().await.unwrap() }
    }

    fn keep(&mut self, response: &Response) {
        for cookie in response.headers().get_all(header::SET_COOKIE) {
            let cookie = cookie.to_str().unwrap();
            let (name, rest) = cookie.split_once('=').unwrap();
            let value = rest.split(';').next().unwrap();
            assert!(cookie.contains("; HttpOnly"), "{cookie}");
            assert!(cookie.len() < 4096, "{}", cookie.len());
            if value.is_empty() || cookie.contains("; Max-Age=0") {
                self.jar.remove(name);
            } else {
                self.jar.insert(name.to_owned(), value.to_owned());
            }
        }
    }
}

impl Page {
    /// What a script reads.
    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.html).unwrap_or_else(|_| panic!("no JSON: {self:?}"))
    }

    /// Where the response sends the browser.
    pub(crate) fn location(&self) -> String {
        let location = self.headers.get(header::LOCATION);
        location.unwrap_or_else(|| panic!("no redirect: {self:?}")).to_str().unwrap().to_owned()
    }

    /// A parameter of the address.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        let (_, query) = self.address.split_once(['?', '#'])?;
        let found = query.split('&').find_map(|pair| pair.strip_prefix(&format!("{name}=")))?;
        Some(found.to_owned())
    }

    /// The hidden fields of the first form.
    fn hidden(&self) -> Vec<(String, String)> {
        let Some(form) = self.html.split("<form").nth(1) else { return Vec::new() };
        let form = form.split("</form>").next().unwrap();
        let inputs = form.split("<input ").skip(1).map(|input| input.split('>').next().unwrap());
        let fields = inputs.filter(|input| input.contains("type=\"hidden\"") || input.contains("readonly"));
        fields.map(|input| (attribute(input, "name").unwrap(), attribute(input, "value").unwrap_or_default())).collect()
    }

    /// The codes of the faults that the page shows, with their places.
    pub(crate) fn faults(&self) -> Vec<String> {
        let tags = self
            .html
            .split('<')
            .filter(|tag| tag.contains("data-error-code=") && tag.contains(" id=\"") && !tag.starts_with("li"));
        tags.map(|tag| {
            let place = attribute(tag, "id").unwrap_or_default().replace("error-element-", "");
            format!("{place} {}", attribute(tag, "data-error-code").unwrap_or_default())
        })
        .collect()
    }

    /// The heading.
    pub(crate) fn heading(&self) -> &str {
        let rest = self.html.split("<h1>").nth(1).unwrap_or_default();
        rest.split("</h1>").next().unwrap_or_default()
    }
}

fn attribute(tag: &str, name: &str) -> Option<String> {
    let rest = tag.split(&format!("{name}=\"")).nth(1)?;
    let value = rest.split('"').next()?;
    Some(
        value
            .replace("&#34;", "\"")
            .replace("&#60;", "<")
            .replace("&#62;", ">")
            .replace("&#38;", "&")
            .replace("&#39;", "'"),
    )
}
