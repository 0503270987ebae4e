//! Packages that mean harm, from a registry that serves them: nothing but the registry is asked, nothing that they bring is run, and
//! nothing is read but what was unpacked.

use std::{
    fs,
    io::Write as _,
    sync::{Arc, Mutex},
    thread,
};

use aught_actions::{Confinement, Engine, Settings};
use axum::{Router, body::Bytes, extract::Request, http::StatusCode, response::IntoResponse};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use flate2::{Compression, write::GzEncoder};
use kernel::Value;
use serde_json::json;
use tokio::net::TcpListener;

use crate::support::{TestRuntime, action, console, runtime};

/// A package with its files: `(path, content)`.
struct Package {
    name: &'static str,
    manifest: Value,
    files: Vec<(&'static str, String)>,
}

/// A registry that remembers what it was asked.
struct Registry {
    address: String,
    asked: Arc<Mutex<Vec<String>>>,
}

impl Registry {
    async fn start(packages: impl FnOnce(&str) -> Vec<Package>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let address = format!("http://{}", listener.local_addr().expect("it is bound"));
        let asked: Arc<Mutex<Vec<String>>> = Arc::default();
        let served: Vec<(String, Bytes)> =
            packages(&address).into_iter().flat_map(|package| serve(&address, package)).collect();
        let noted = Arc::clone(&asked);
        let router = Router::new().fallback(move |request: Request| {
            let path = request.uri().path().to_owned();
            let found = served.iter().find(|(served, _)| *served == path).map(|(_, body)| body.clone());
            noted.lock().expect("nobody panics").push(path);
            async move { found.map_or_else(|| StatusCode::NOT_FOUND.into_response(), IntoResponse::into_response) }
        });
        tokio::spawn(async move { axum::serve(listener, router).await });
        Self { address, asked }
    }

    fn runtime(&self, engine: Engine, change: impl Fn(&mut Settings)) -> TestRuntime {
        runtime(engine, |settings| {
            settings.registry = Some(self.address.clone());
            settings.directory = settings.directory.join(self.address.rsplit(':').next().unwrap_or_default());
            change(settings);
        })
    }

    fn asked(&self) -> Vec<String> {
        let mut asked = self.asked.lock().expect("nobody panics").clone();
        asked.sort();
        asked.dedup();
        asked
    }
}

/// The metadata and the tarball of a package's one version.
fn serve(address: &str, package: Package) -> Vec<(String, Bytes)> {
    let Package { name, manifest, files } = package;
    let mut archive = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, content) in &files {
        let mut header = tar::Header::new_gnu();
        header.set_size(content.len() as u64);
        header.set_mode(0o755);
        archive.append_data(&mut header, format!("package/{path}"), content.as_bytes()).expect("it is a file");
    }
    let tarball = archive.into_inner().and_then(GzEncoder::finish).expect("it is written to memory");
    let hash = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA512, &tarball);
    let mut version = json!({
        "name": name,
        "version": "1.0.0",
        "dist": {
            "tarball": format!("{address}/{name}/-/{name}-1.0.0.tgz"),
            "integrity": format!("sha512-{}", BASE64_STANDARD.encode(hash)),
        },
    });
    version.as_object_mut().expect("it is one").extend(manifest.as_object().expect("it is one").clone());
    let metadata = json!({"name": name, "dist-tags": {"latest": "1.0.0"}, "versions": {"1.0.0": version}});
    vec![(format!("/{name}"), metadata.to_string().into()), (format!("/{name}/-/{name}-1.0.0.tgz"), tarball.into())]
}

fn plain(name: &'static str, code: &str) -> Package {
    Package { name, manifest: json!({}), files: vec![("index.js", code.to_owned())] }
}

#[tokio::test]
async fn packages_from_elsewhere_than_the_registry_are_refused_and_nobody_else_is_asked() {
    let place = tempfile::tempdir().expect("a folder");
    fs::write(place.path().join("package.json"), r#"{"name":"x","version":"1.0.0"}"#).expect("it is written");
    let folder = place.path().display().to_string();
    let registry = Registry::start(|address| {
        let of = |name, wanted: String| Package {
            name,
            manifest: json!({"dependencies": {"x": wanted}}),
            files: vec![("index.js", String::new())],
        };
        vec![
            // Whose repository brings an `.npmrc` and a `prepare` script.
            of("git", format!("git+{address}/repository.git")),
            of("address", format!("{address}/x.tgz")),
            of("folder", format!("file:{folder}")),
            of("link", format!("link:{folder}")),
            of("alias", "npm:../../x@1".into()),
            Package {
                name: "deep",
                manifest: json!({"dependencies": {"git": "^1.0.0"}}),
                files: vec![("index.js", String::new())],
            },
            Package {
                name: "out",
                manifest: json!({"dependencies": {"../../x": "1.0.0"}}),
                files: vec![("index.js", String::new())],
            },
        ]
    })
    .await;
    let node = registry.runtime(Engine::Embedded, |_| {});
    for name in ["git", "address", "folder", "link", "alias", "deep", "out"] {
        let refusal = node.runtime.build(&action("").depends(name, "1.0.0").0).await.expect_err(name).to_string();
        assert!(refusal.contains("only packages of the registry are installed"), "{name}: {refusal}");
    }
    // The registry is on the very host of the repository and the tarball: neither was asked for, and nothing was fetched.
    let expected = ["/address", "/alias", "/deep", "/folder", "/git", "/link", "/out"];
    assert_eq!(registry.asked(), expected);
}

#[tokio::test]
async fn scripts_of_packages_are_not_run_and_changed_packages_are_refused() {
    let place = tempfile::tempdir().expect("a folder");
    let mark = place.path().join("ran");
    let script = format!("touch {}", mark.display());
    let registry = Registry::start(|_| {
        let scripts = json!({"preinstall": script, "install": script, "postinstall": script, "prepare": script});
        let scripted = Package {
            name: "scripted",
            manifest: json!({"scripts": scripts, "hasInstallScript": true}),
            files: vec![
                ("index.js", "module.exports = 'loaded';".into()),
                (".npmrc", format!("git={}\n", mark.display())),
                ("package.json", json!({"name": "scripted", "version": "1.0.0", "scripts": scripts}).to_string()),
                ("binding.gyp", "{}".into()),
            ],
        };
        let changed = Package {
            name: "changed",
            manifest: json!({"dist": {"tarball": "http://localhost/scripted/-/scripted-1.0.0.tgz", "integrity": "sha512-AA=="}}),
            files: Vec::new(),
        };
        let unsigned = Package {
            name: "unsigned",
            manifest: json!({"dist": {"tarball": "http://localhost/scripted/-/scripted-1.0.0.tgz"}}),
            files: Vec::new(),
        };
        vec![scripted, changed, unsigned]
    })
    .await;
    let embedded = registry.runtime(Engine::Embedded, |_| {});
    let code = "const found = require('scripted'); exports.onExecutePostLogin = async () => { console.log(found); };";
    let program = action(code).depends("scripted", "");
    assert_eq!(embedded.runtime.build(&program.0).await.expect("it is sound")[0].version, "1.0.0");
    let outcome = embedded.run(action(code).depends("scripted", "1.0.0"), "post-login", json!({})).await;
    assert_eq!((outcome.error.clone(), console(&outcome)), (None, vec!["log loaded".into()]));
    assert!(!mark.exists());
    for name in ["changed", "unsigned"] {
        let refusal = embedded.runtime.build(&action("").depends(name, "1.0.0").0).await.expect_err(name).to_string();
        assert!(refusal.contains("is not what the registry's metadata says"), "{name}: {refusal}");
    }
}

#[tokio::test]
async fn versions_that_do_not_agree_stand_within_who_wants_them() {
    let registry = Registry::start(|_| {
        let mut packages = vec![
            Package {
                name: "one",
                manifest: json!({"dependencies": {"shared": "^1.0.0"}, "optionalDependencies": {"missing": "1"},
                    "peerDependencies": {"shared": "*"}}),
                files: vec![("index.js", "module.exports = 'one ' + require('shared');".into())],
            },
            Package {
                name: "cycle",
                manifest: json!({"dependencies": {"cycle": "1.0.0", "one": "1.x"}}),
                files: vec![
                    ("lib/start.js", "module.exports = require('one');".into()),
                    ("package.json", json!({"main": "lib/start"}).to_string()),
                ],
            },
        ];
        packages.push(plain("shared", "module.exports = 'shared';"));
        packages
    })
    .await;
    for engine in [Engine::Node, Engine::Embedded] {
        let runtime = registry.runtime(engine, |_| {});
        let code = "const found = require('cycle'); exports.onExecutePostLogin = async () => { console.log(found); };";
        let outcome = runtime.run(action(code).depends("cycle", "1.0.0"), "post-login", json!({})).await;
        match outcome.error.clone() {
            Some(error) if error.message.contains("not on the search path") => {}
            error => assert_eq!((error, console(&outcome)), (None, vec!["log one shared".into()]), "{runtime}"),
        }
    }
    let refusal = registry.runtime(Engine::Embedded, |_| {}).runtime.build(&action("").depends("one", "2").0).await;
    assert!(refusal.expect_err("there is no such version").to_string().contains("no version of one"));
}

/// A file outside of the packages, and an Action that tries to get it in every way `require` has.
fn reader(secret: &std::path::Path) -> (String, &'static str) {
    let code = format!(
        "const found = [];
         const attempt = (name) => {{ try {{ found.push(String(require(name))); }} catch (error) {{ found.push(error.code ?? error.message); }} }};
         const secret = {path};
         require('reader')(attempt, secret);
         for (const name of [secret, '/proc/self/environ', '/proc/self/maps', '../'.repeat(20) + secret.slice(1), './../package.json',
           './node_modules/../../../' + secret.split('/').at(-1)]) attempt(name);
         exports.onExecutePostLogin = async () => {{ console.log(found.join('|')); }};",
        path = json!(secret.display().to_string())
    );
    (
        code,
        "module.exports = (attempt, secret) => { try { require(secret); } catch {} attempt('reader/../../../../../../../../../..' + secret); };",
    )
}

#[tokio::test]
async fn require_reads_nothing_but_the_packages() {
    let place = tempfile::tempdir().expect("a folder");
    let secret = place.path().join("secret.js");
    fs::File::create(&secret)
        .and_then(|mut file| file.write_all(b"module.exports = 'ESCAPED';"))
        .expect("it is written");
    let (code, package) = reader(&secret);
    let registry = Registry::start(|_| vec![plain("reader", package)]).await;
    for engine in [Engine::Node, Engine::Embedded] {
        let runtime = registry.runtime(engine, |_| {});
        let outcome = runtime.run(action(&code).depends("reader", "1.0.0"), "post-login", json!({})).await;
        let told = format!("{outcome:?}");
        if told.contains("not on the search path") {
            continue;
        }
        assert_eq!(outcome.error, None, "{runtime}");
        assert!(!told.contains("ESCAPED") && !told.contains("private"), "{runtime}: {told}");
    }
}

/// What a kernel without Landlock does: the system call is not there, for this thread and all that it starts.
#[cfg(target_os = "linux")]
fn without_landlock<T: Send + 'static>(work: impl AsyncFnOnce() -> T + Send + 'static) -> T {
    let thread = thread::spawn(move || {
        let missing = seccompiler::SeccompAction::Errno(libc::ENOSYS.unsigned_abs());
        let calls = [(libc::SYS_landlock_create_ruleset, Vec::new())].into_iter().collect();
        let architecture = std::env::consts::ARCH.try_into().expect("it is a known one");
        let filter = seccompiler::SeccompFilter::new(calls, seccompiler::SeccompAction::Allow, missing, architecture);
        let filter: seccompiler::BpfProgram = filter.and_then(TryInto::try_into).expect("it is sound");
        seccompiler::apply_filter(&filter).expect("the kernel has seccomp");
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("it is started");
        runtime.block_on(work())
    });
    thread.join().expect("it does not panic")
}

#[cfg(target_os = "linux")]
#[test]
fn where_the_kernel_confines_nothing_packages_need_the_operators_yes_and_read_no_file_even_then() {
    without_landlock(async || {
        let place = tempfile::tempdir().expect("a folder");
        let secret = place.path().join("secret.js");
        fs::write(&secret, "module.exports = 'ESCAPED';").expect("it is written");
        let (code, package) = reader(&secret);
        let registry = Registry::start(|_| vec![plain("reader", package)]).await;
        assert!(!aught_actions::can_confine());
        let strict = registry.runtime(Engine::Embedded, |_| {});
        let program = action(&code).depends("reader", "1.0.0");
        let refusal = strict.runtime.build(&program.0).await.expect_err("nothing confines it").to_string();
        assert!(refusal.contains("the operator has not allowed it"), "{refusal}");
        let refused = strict.run(program.clone(), "post-login", json!({})).await.error.expect("nothing confines it");
        assert!(refused.message.contains("the operator has not allowed it"), "{refused:?}");
        let without = strict.run(action("exports.onExecutePostLogin = async () => {};"), "post-login", json!({})).await;
        assert_eq!(without.error, None, "code without packages reads no files on this engine");
        let waived = registry.runtime(Engine::Embedded, |settings| settings.confinement = Confinement::Waived);
        let outcome = waived.run(program, "post-login", json!({})).await;
        assert_eq!(outcome.error, None);
        assert!(!format!("{outcome:?}").contains("ESCAPED"), "{outcome:?}");
    });
}
