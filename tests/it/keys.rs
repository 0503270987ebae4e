//! Encryption keys: the hierarchy through its changes, and what it encrypts meanwhile.

use aws_lc_rs::{
    key_wrap::{AES_256, AesKek, KeyWrapPadded},
    rsa::{OAEP_SHA256_MGF1SHA256, OaepPublicEncryptingKey, PublicEncryptingKey},
};
use base64::{Engine as _, prelude::BASE64_STANDARD};
use serde_json::{Value, json};

use crate::server::TestServer;

const KEYS: &str = "/keys/encryption";

/// `CKM_RSA_AES_KEY_WRAP`, as a customer's security module does it.
pub(crate) fn wrap(public_key: &str, key: &[u8]) -> String {
    let der: String = public_key.lines().filter(|line| !line.starts_with('-')).collect();
    let public = PublicEncryptingKey::from_der(&BASE64_STANDARD.decode(der).unwrap()).unwrap();
    let public = OaepPublicEncryptingKey::new(public).unwrap();
    let temporary = [9; 32];
    let mut wrapped = vec![0; public.ciphertext_size()];
    public.encrypt(&OAEP_SHA256_MGF1SHA256, &temporary, &mut wrapped, None).unwrap();
    let mut buffer = [0; 64];
    wrapped.extend_from_slice(AesKek::new(&AES_256, &temporary).unwrap().wrap_with_padding(key, &mut buffer).unwrap());
    BASE64_STANDARD.encode(wrapped)
}

/// Type and state of all keys, the newest first.
async fn states(server: &TestServer) -> Vec<String> {
    let listed = server.get(KEYS).await;
    assert_eq!(listed.status, 200, "{listed:?}");
    let text = |key: &Value, name: &str| key[name].as_str().unwrap().to_owned();
    listed.body.as_array().unwrap().iter().map(|key| text(key, "type") + " " + &text(key, "state")).collect()
}

/// Which key wraps the active master key.
async fn parent(server: &TestServer) -> String {
    let listed = server.get(KEYS).await.body;
    let is_master = |key: &&Value| key["type"] == "tenant-master-key" && key["state"] == "active";
    let masters: Vec<&Value> = listed.as_array().unwrap().iter().filter(is_master).collect();
    assert_eq!(masters.len(), 1);
    masters[0]["parent_kid"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn a_customers_root_key_takes_the_environments_place_until_it_is_deleted() {
    let server = TestServer::start().await;
    assert_eq!(states(&server).await, ["tenant-master-key active", "environment-root-key active"]);
    let client = server.post("/clients", json!({"name": "A"})).await.body;
    let client_path = format!("/clients/{}", client["client_id"].as_str().unwrap());

    let made = server.post(KEYS, json!({"type": "customer-provided-root-key"})).await;
    assert_eq!((made.status, &made.body["state"]), (201, &json!("pre-activation")));
    let kid = made.body["kid"].as_str().unwrap().to_owned();
    let again = server.post(KEYS, json!({"type": "customer-provided-root-key"})).await;
    assert_eq!((again.status, &again.body["message"]), (409, &json!("Encryption key has already been created.")));

    let (path, wrapping) = (format!("{KEYS}/{kid}"), format!("{KEYS}/{kid}/wrapping-key"));
    assert_eq!(server.post(&path, json!({"wrapped_key": "AAAA"})).await.status, 409);
    let for_wrapping = server.post(&wrapping, json!({})).await;
    assert_eq!((for_wrapping.status, &for_wrapping.body["algorithm"]), (201, &json!("CKM_RSA_AES_KEY_WRAP")));
    let public_key = for_wrapping.body["public_key"].as_str().unwrap();
    let short = server.post(&path, json!({"wrapped_key": wrap(public_key, &[1; 16])})).await;
    assert_eq!(short.status, 400);
    let imported = server.post(&path, json!({"wrapped_key": wrap(public_key, &[1; 32])})).await;
    assert_eq!((imported.status, &imported.body["state"]), (201, &json!("active")));
    assert_eq!(imported.body["created_at"], made.body["created_at"]);
    assert_eq!(parent(&server).await, kid);
    assert_eq!(
        states(&server).await,
        [
            "tenant-master-key active",
            "customer-provided-root-key active",
            "tenant-master-key destroyed",
            "environment-root-key destroyed"
        ]
    );
    assert_eq!(server.get(&client_path).await.body["client_secret"], client["client_secret"]);
    assert_eq!(server.post(&wrapping, json!({})).await.status, 409);

    assert_eq!(server.delete(&path).await.status, 204);
    assert_eq!(server.get(&path).await.body["state"], "destroyed");
    assert_ne!(parent(&server).await, kid);
    assert_eq!(server.get(&client_path).await.body["client_secret"], client["client_secret"]);
    server.end().await;
}

#[tokio::test]
async fn rekeying_makes_a_new_master_key_and_loses_nothing() {
    let server = TestServer::start().await;
    let client = server.post("/clients", json!({"name": "A"})).await.body;
    let path = format!("/clients/{}", client["client_id"].as_str().unwrap());
    for _ in 0..3 {
        assert_eq!(server.post(&format!("{KEYS}/rekey"), json!({})).await.status, 204);
    }
    let left = states(&server).await;
    assert_eq!(left.iter().filter(|state| *state == "tenant-master-key destroyed").count(), 3);
    assert_eq!(left[0], "tenant-master-key active");
    assert_eq!(server.get(&path).await.body["client_secret"], client["client_secret"]);
    let counted = async |page: usize| {
        let mut answer = server.get(&format!("{KEYS}?page={page}&per_page=2&include_totals=true")).await.body;
        let keys = answer.as_object_mut().unwrap().shift_remove("keys").unwrap();
        (keys.as_array().unwrap().len(), answer)
    };
    assert_eq!(counted(0).await, (2, json!({"start": 0, "limit": 2, "total": 5})));
    assert_eq!(counted(2).await, (1, json!({"start": 4, "limit": 2, "total": 5})));
    assert_eq!(counted(3).await, (0, json!({"start": 6, "limit": 2, "total": 5})));
    server.end().await;
}

#[tokio::test]
async fn a_key_is_named_by_its_uuid_and_only_the_customers_can_be_deleted() {
    let server = TestServer::start().await;
    let listed = server.get(KEYS).await.body;
    let unknown = format!("{KEYS}/00000000-0000-4000-8000-000000000000");
    for (path, message) in [
        (format!("{KEYS}/abc"), "Invalid UUID format in uri."),
        (unknown.clone(), "Invalid key id or unsupported key type."),
        (format!("{KEYS}/{}", listed[0]["kid"].as_str().unwrap()), "Invalid key id or unsupported key type."),
        (format!("{KEYS}/{}", listed[1]["kid"].as_str().unwrap()), "Invalid key id or unsupported key type."),
    ] {
        let refused = server.delete(&path).await;
        assert_eq!((refused.status, &refused.body["message"]), (400, &json!(message)), "{path}");
    }
    let missing = server.get(&unknown).await;
    assert_eq!((missing.status, &missing.body["message"]), (404, &json!("The key does not exist.")));
    let made = server.post(KEYS, json!({"type": "tenant-encryption-key"})).await;
    assert_eq!((made.status, &made.body["parent_kid"]), (201, &listed[0]["kid"]));
    assert!(made.body["public_key"].as_str().unwrap().starts_with("-----BEGIN PUBLIC KEY-----\n"));
    server.end().await;
}
