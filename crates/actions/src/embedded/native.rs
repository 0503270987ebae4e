//! What JavaScript in the embedded engine cannot do itself: messages, compilation, text, bytes, addresses, files of packages.
//!
//! Bytes come in as base64, because reading the engine's own byte arrays would need unsafe code; they go out as byte arrays.

use std::{
    cell::Cell,
    io::Write,
    path::{Path, PathBuf},
    rc::Rc,
};

use base64::{Engine as _, prelude::BASE64_STANDARD};
use kernel::{Random, SystemRandom};
use rquickjs::{Ctx, Exception, Function, Object, Result, TypedArray, context::EvalOptions, function::Opt};
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use url::{Url, quirks};

use super::{Limits, crypto};
use crate::prelude;

/// An array of bytes in JavaScript.
type Bytes<'js> = TypedArray<'js, u8>;

/// The object that the prelude knows as `native`.
pub(super) fn functions<'js>(
    ctx: &Ctx<'js>,
    limits: Limits,
    folders: Vec<PathBuf>,
    is_running: &Rc<Cell<bool>>,
) -> Result<Object<'js>> {
    let native = Object::new(ctx.clone())?;
    let sources = prelude::for_embedded();
    native.set("source", Function::new(ctx.clone(), move |name: String| sources.get(name.as_str()).copied())?)?;
    native.set(
        "limits",
        Function::new(ctx.clone(), move |ctx: Ctx<'js>| {
            let shown = Object::new(ctx)?;
            shown.set("console", limits.console)?;
            shown.set("result", limits.result)?;
            shown.set("memory", limits.memory)?;
            Result::Ok(shown)
        })?,
    )?;
    native.set("send", Function::new(ctx.clone(), |message: String| send(&message))?)?;
    let is_running = Rc::clone(is_running);
    let finish = move |message: String| {
        is_running.set(false);
        send(&message);
    };
    native.set("finish", Function::new(ctx.clone(), finish)?)?;
    native.set("compile", Function::new(ctx.clone(), compile)?)?;
    native.set("cpu", Function::new(ctx.clone(), processor_time)?)?;
    native.set("utf8Encode", Function::new(ctx.clone(), |ctx, text: String| Bytes::new_copy(ctx, text))?)?;
    native.set(
        "utf8Decode",
        Function::new(ctx.clone(), |text: String| String::from_utf8_lossy(&bytes(&text)).into_owned())?,
    )?;
    native.set("random", Function::new(ctx.clone(), random)?)?;
    native.set("url", Function::new(ctx.clone(), url)?)?;
    native.set("urlSet", Function::new(ctx.clone(), set_part)?)?;
    let folders: Rc<[PathBuf]> = folders.into();
    let readable = Rc::clone(&folders);
    let read = move |path: String| {
        let file = within(&readable, Path::new(&path));
        file.and_then(|file| std::fs::read_to_string(file).ok()).unwrap_or_default()
    };
    native.set("read", Function::new(ctx.clone(), read)?)?;
    let kind = move |path: String| within(&folders, Path::new(&path)).and_then(|path| kind(&path));
    native.set("kind", Function::new(ctx.clone(), kind)?)?;
    crypto::define(ctx, &native)?;
    Ok(native)
}

/// The bytes of base64 that the prelude made.
pub(super) fn bytes(text: &str) -> Vec<u8> {
    BASE64_STANDARD.decode(text).unwrap_or_default()
}

fn send(message: &str) {
    let length = u32::try_from(message.len()).unwrap_or(u32::MAX);
    let mut out = std::io::stdout().lock();
    // When the server is gone, the end of standard input tells.
    let _ = out.write_all(&length.to_le_bytes());
    let _ = out.write_all(message.as_bytes());
    let _ = out.flush();
}

/// A function of the code, whose first line keeps its number.
#[expect(clippy::needless_pass_by_value, reason = "JavaScript's values arrive owned")]
fn compile(ctx: Ctx<'_>, code: String, parameters: Vec<String>, filename: String) -> Result<Function<'_>> {
    let source = format!("(function ({}) {{{code}\n}})", parameters.join(", "));
    let mut options = EvalOptions::default();
    (options.strict, options.filename) = (false, Some(filename));
    ctx.eval_with_options(source, options)
}

/// Microseconds of processor time that the process has used.
fn processor_time() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    #[expect(clippy::cast_precision_loss, reason = "a process lives for less than centuries")]
    let micros = (time.tv_sec * 1_000_000 + time.tv_nsec / 1000) as f64;
    micros
}

fn random(ctx: Ctx<'_>, length: usize) -> Result<Bytes<'_>> {
    if length > 1 << 20 {
        return Err(Exception::throw_range(&ctx, "At most a megabyte of random bytes is made at a time."));
    }
    let mut made = vec![0; length];
    SystemRandom.fill(&mut made);
    Bytes::new(ctx, made)
}

/// The parts of an address as JSON, or nothing when it cannot be read.
#[expect(clippy::needless_pass_by_value, reason = "JavaScript's values arrive owned")]
fn url(address: String, base: Opt<Option<String>>) -> Option<String> {
    let parsed = match base.0.flatten() {
        None => Url::parse(&address),
        Some(base) => Url::parse(&base).and_then(|base| base.join(&address)),
    };
    parsed.ok().map(|url| parts(&url))
}

/// The address with one part set, as the URL standard has it: what cannot be set stays.
#[expect(clippy::needless_pass_by_value, reason = "JavaScript's values arrive owned")]
fn set_part(address: String, part: String, value: String) -> Option<String> {
    let mut url = Url::parse(&address).ok()?;
    let _ = match part.as_str() {
        "protocol" => quirks::set_protocol(&mut url, &value),
        "username" => quirks::set_username(&mut url, &value),
        "password" => quirks::set_password(&mut url, &value),
        "host" => quirks::set_host(&mut url, &value),
        "hostname" => quirks::set_hostname(&mut url, &value),
        "port" => quirks::set_port(&mut url, &value),
        _ => {
            match part.as_str() {
                "pathname" => quirks::set_pathname(&mut url, &value),
                "search" => quirks::set_search(&mut url, &value),
                "hash" => quirks::set_hash(&mut url, &value),
                _ => {}
            }
            Ok(())
        }
    };
    Some(parts(&url))
}

fn parts(url: &Url) -> String {
    json!({
        "href": quirks::href(url),
        "origin": quirks::origin(url),
        "protocol": quirks::protocol(url),
        "username": quirks::username(url),
        "password": quirks::password(url),
        "host": quirks::host(url),
        "hostname": quirks::hostname(url),
        "port": quirks::port(url),
        "pathname": quirks::pathname(url),
        "search": quirks::search(url),
        "hash": quirks::hash(url),
    })
    .to_string()
}

/// The path with all links resolved, if it lies in one of the folders. The prelude's own look at a path is not relied on.
fn within(folders: &[PathBuf], path: &Path) -> Option<PathBuf> {
    let path = path.canonicalize().ok()?;
    folders.iter().any(|folder| path.starts_with(folder)).then_some(path)
}

fn kind(path: &Path) -> Option<&'static str> {
    let found = path.metadata().ok()?;
    Some(if found.is_dir() { "folder" } else { "file" })
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use super::*;

    #[test]
    fn only_what_lies_in_the_folders_is_read() {
        let place = tempfile::tempdir().unwrap();
        let root = place.path().canonicalize().unwrap();
        fs::create_dir_all(root.join("set/lib")).unwrap();
        fs::create_dir_all(root.join("set-of-another")).unwrap();
        for file in ["set/lib/a.js", "set-of-another/b.js", "secret"] {
            fs::write(root.join(file), "").unwrap();
        }
        symlink(root.join("secret"), root.join("set/link.js")).unwrap();
        let folders = [root.join("set")];
        let is_read = |path: &str| within(&folders, &root.join(path)).is_some();
        assert!(is_read("set/lib/a.js") && is_read("set/lib/../lib/a.js"));
        for path in ["secret", "set/../secret", "set/link.js", "set-of-another/b.js", "SET/lib/a.js", "/etc/passwd"] {
            assert!(!is_read(path), "{path}");
        }
    }
}
