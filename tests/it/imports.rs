//! Imports of users: what a row may hold, and what becomes of users who are there.

use serde_json::{Value, json};

use crate::server::TestServer;

const DATABASE: &str = "Username-Password-Authentication";
/// Of "correct horse".
const HASH: &str = "$2b$10$CwTycUXWue0Thq9StjUM0uJ8l1v9yZ5Xr3rM0m5y6cIu1sH8R0aZu";

/// Imports a file; gives the counts of the job, and what is wrong with the rows that failed.
pub(crate) async fn import(server: &TestServer, rows: Value, upsert: &str) -> (Value, Vec<Value>) {
    let connections = server.get(&format!("/connections?name={DATABASE}")).await.body;
    import_into(server, connections[0]["id"].as_str().unwrap(), &rows, upsert).await
}

/// As [`import`], into any database.
pub(crate) async fn import_into(
    server: &TestServer,
    connection: &str,
    rows: &Value,
    upsert: &str,
) -> (Value, Vec<Value>) {
    let part =
        |name: &str, text: &str| format!("--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{text}\r\n");
    let id = part("connection_id", connection);
    let body = id + &part("upsert", upsert) + &part("users", &rows.to_string()) + "--x--\r\n";
    let request = server.http.post(server.url("/api/v2/jobs/users-imports"));
    let request = request.bearer_auth(server.token_for("").await);
    let request = request.header("content-type", "multipart/form-data; boundary=x").body(body);
    let job: Value = request.send().await.unwrap().json().await.unwrap();
    let job = format!("/jobs/{}", job["id"].as_str().unwrap_or_else(|| panic!("no job: {job}")));
    let done = loop {
        let state = server.get(&job).await.body;
        if state["status"] == "completed" || state["status"] == "failed" {
            break state;
        }
        tokio::task::yield_now().await;
    };
    let errors = server.get(&format!("{job}/errors")).await.body;
    let errors = errors.as_array().into_iter().flatten().map(|row| row["errors"][0].clone()).collect();
    (done["summary"].clone(), errors)
}

#[tokio::test]
async fn an_import_takes_every_row_once() {
    let server = TestServer::start().await;
    let row = |number: usize| json!({"email": format!("u{number}@example.com"), "user_metadata": {"n": number}});
    let mut rows: Vec<Value> = (0..450).map(row).collect();
    rows.extend([row(3), json!({"email": "none"})]);
    let (summary, errors) = import(&server, rows.into(), "false").await;
    assert_eq!(summary, json!({"failed": 2, "updated": 0, "inserted": 450, "total": 452}));
    let of_double = json!({"code": "DUPLICATED_USER", "message": "A user with this email was already provided."});
    assert_eq!((&errors[0], &errors[1]["code"]), (&of_double, &json!("INVALID_FORMAT")));
    let found = server.get("/users?q=user_metadata.n:449").await.body;
    assert_eq!(found[0]["email"], "u449@example.com");
    server.end().await;
}

#[tokio::test]
async fn the_schema_of_users_holds_at_every_depth() {
    let server = TestServer::start().await;
    let totp = || json!({"totp": {"secret": "JBSWY3DPEHPK3PXP"}});
    let with = |factors: Value| json!({"mfa_factors": factors});
    let hash = |hash: Value| json!({"custom_password_hash": hash});
    let cases = [
        (with(json!([totp()])), ""),
        (with(json!([])), "mfa_factors"),
        (with(json!([{"totp": {"secret": "abc1"}}])), "mfa_factors[0].totp.secret"),
        (with(json!([{"phone": {"value": "555"}}])), "mfa_factors[0].phone.value"),
        (with(json!([{"phone": {"value": "+15551112233"}, "email": {"value": "a@x.example"}}])), "mfa_factors[0]"),
        (with(json!([{"sms": {"value": "+15551112233"}}])), "mfa_factors[0]"),
        (with(json!([{"email": {"value": "nope"}}])), "mfa_factors[0].email.value"),
        (with((0..11).map(|_| totp()).collect()), "mfa_factors"),
        (with(json!([totp(), {"totp": {"secret": "JBSWY3DPEHPK3PXP", "name": "x"}}])), "mfa_factors[1].totp"),
        (hash(json!({"algorithm": "md5", "hash": {"value": "x"}})), "custom_password_hash.hash"),
        (hash(json!({"algorithm": "rot13", "hash": {"value": "x"}})), "custom_password_hash.algorithm"),
        (
            hash(json!({"algorithm": "md5", "hash": {"value": "x", "encoding": "octal"}})),
            "custom_password_hash.hash.encoding",
        ),
        (
            hash(json!({"algorithm": "hmac", "hash": {"value": "x", "encoding": "hex", "digest": "md5", "key": {}}})),
            "custom_password_hash.hash.key",
        ),
        (
            hash(
                json!({"algorithm": "sha1", "hash": {"value": "x", "encoding": "hex"}, "salt": {"value": "s", "position": "middle"}}),
            ),
            "custom_password_hash.salt.position",
        ),
    ];
    let rows = cases.iter().enumerate().map(|(number, (row, _))| {
        let mut row = row.clone();
        row["email"] = format!("row{number}@x.example").into();
        row
    });
    let (summary, errors) = import(&server, rows.collect(), "false").await;
    assert_eq!(summary, json!({"failed": 13, "updated": 0, "inserted": 1, "total": 14}));
    let paths: Vec<&str> = errors.iter().map(|error| error["path"].as_str().unwrap_or_default()).collect();
    assert_eq!(paths, cases[1..].iter().map(|(_, path)| *path).collect::<Vec<_>>());
    let text = "Error in mfa_factors[0].totp.secret property - String does not match pattern ^[A-Z2-7]+$";
    assert_eq!((&errors[1]["code"], &errors[1]["message"]), (&json!("PATTERN"), &json!(text)));
    assert_eq!(server.get("/users").await.body.as_array().unwrap().len(), 1);
    server.end().await;
}

#[tokio::test]
async fn a_password_hash_has_ten_rounds() {
    let server = TestServer::start().await;
    let row = |number: usize, hash: &str| json!({"email": format!("{number}@x.example"), "password_hash": hash});
    let costly = HASH.replace("$10$", "$31$");
    let rows = json!([row(1, HASH), row(2, &costly), row(3, "$2b$10$short")]);
    let (summary, errors) = import(&server, rows, "false").await;
    assert_eq!(summary, json!({"failed": 2, "updated": 0, "inserted": 1, "total": 3}));
    for error in errors {
        let begins = "Error in passwordHash property - String does not match pattern ";
        assert!(error["message"].as_str().unwrap().starts_with(begins), "{error}");
    }
    server.end().await;
}

#[tokio::test]
async fn users_who_are_there_keep_their_passwords() {
    let server = TestServer::start().await;
    let row = |more: Value| {
        let mut row = json!({"email": "jane@x.example"});
        row.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        json!([row])
    };
    let (summary, _) = import(&server, row(json!({"password_hash": HASH})), "false").await;
    assert_eq!(summary["inserted"], 1);
    let (_, errors) = import(&server, row(json!({"name": "Jane"})), "false").await;
    assert_eq!(errors[0]["message"], "The user already exist and upsert parameter is false");
    let (summary, _) = import(&server, row(json!({"name": "Jane"})), "true").await;
    assert_eq!(summary["updated"], 1);
    let custom = json!({"custom_password_hash": {"algorithm": "md5", "hash": {"value": "00", "encoding": "hex"}}, "name": "Joan"});
    for hash in [json!({"password_hash": HASH, "name": "Joan"}), custom] {
        let (summary, errors) = import(&server, row(hash), "true").await;
        assert_eq!((&summary["failed"], &errors[0]["code"]), (&json!(1), &json!("CONFLICT")));
        assert!(errors[0]["message"].as_str().unwrap().contains("password hash"), "{errors:?}");
    }
    assert_eq!(server.get("/users").await.body[0]["name"], "Jane");
    server.end().await;
}

#[tokio::test]
async fn an_imported_hash_does_not_bring_its_own_cost() {
    let server = TestServer::start().await;
    let digits = "a".repeat(53);
    let custom = |algorithm: &str, value: &str| json!({"algorithm": algorithm, "hash": {"value": value}});
    let hashes = [
        json!({"password_hash": format!("$2b$31${digits}")}),
        json!({"password_hash": format!("$2b$12${digits}")}),
        json!({"custom_password_hash": custom("bcrypt", &format!("$2b$31${digits}"))}),
        json!({"custom_password_hash": custom("argon2", "$argon2id$v=19$m=4194304,t=100,p=1$c2FsdHNhbHQ$aGFzaA")}),
        json!({"custom_password_hash": custom("pbkdf2", "$pbkdf2-sha512$i=4294967295,l=64$c2FsdA$aGFzaA")}),
        json!({"password_hash": format!("$2b$10${digits}")}),
        json!({"custom_password_hash": custom("pbkdf2", "$pbkdf2-sha512$i=100000,l=64$c2FsdA$aGFzaA")}),
    ];
    let rows = hashes.into_iter().enumerate().map(|(number, mut row)| {
        row["email"] = format!("u{number}@example.com").into();
        row
    });
    let (summary, errors) = import(&server, rows.collect(), "false").await;
    assert_eq!(summary, json!({"failed": 5, "updated": 0, "inserted": 2, "total": 7}));
    let codes: Vec<_> = errors.iter().map(|error| &error["code"]).collect();
    assert_eq!(codes, ["PATTERN"; 5]);
    server.end().await;
}
