//! `OTP`: codes that hold for five minutes and are good once.

use std::time::Duration;

use kernel::{Timestamp, Value, object};
use serde_json::json;
use store::{StoreError, Tx};
use subtle::ConstantTimeEq;

use crate::{Failure, doing::Doing, expressions::text_of, params::Params};

/// What codes are kept as.
const CODE: &str = "flow_code";
/// How long a code holds.
const LIFETIME: Duration = Duration::from_secs(300);
/// How long it is known that one has expired.
const REMEMBERED: Duration = Duration::from_secs(3_600);
/// Wrong tries after which a code no longer counts: the shortest have ten values.
const TRIES: u64 = 10;

impl Doing<'_> {
    pub(super) async fn generate_code(&self, params: Params<'_>) -> Result<Value, Failure> {
        let reference = reference(params)?;
        let length = usize::try_from(params.whole("length", 1, 10)?).unwrap_or(10);
        let store = &self.services.store;
        let code = store.context().text(b"0123456789", length);
        let kept = code.clone();
        let work = move |tx: &mut Tx| {
            // The newest code of a reference is the one that counts.
            tx.consume_single_use(CODE, &reference)?;
            let payload = object(json!({"code": kept, "expires": tx.now() + LIFETIME, "tries": 0}));
            let until = tx.now() + REMEMBERED;
            tx.put_single_use(CODE, &reference, payload, None, until)
        };
        store.write::<(), StoreError>(self.tenant.id(), work).await?;
        Ok(json!({"code": code}))
    }

    pub(super) async fn verify_code(&self, params: Params<'_>) -> Result<Value, Failure> {
        let reference = reference(params)?;
        let given = params.value("code").map(text_of).unwrap_or_default().trim().to_owned();
        let store = &self.services.store;
        let work = move |tx: &mut Tx| judge(tx, &reference, &given);
        let result = store.write::<_, StoreError>(self.tenant.id(), work).await?;
        Ok(json!({"valid": result == "VALID", "result": result}))
    }
}

fn reference(params: Params<'_>) -> Result<String, Failure> {
    let reference = params.required("reference")?;
    if reference.len() > 2_000 { Err(Failure::invalid("reference", "shorter")) } else { Ok(reference) }
}

fn judge(tx: &mut Tx, reference: &str, given: &str) -> Result<&'static str, StoreError> {
    let Some(mut kept) = tx.peek_single_use(CODE, reference)? else { return Ok("MISSING") };
    let expires = kept.payload.get("expires").and_then(Value::as_str).and_then(|time| time.parse::<Timestamp>().ok());
    if expires.is_none_or(|expires| expires <= tx.now()) {
        return Ok("EXPIRED");
    }
    let code = kept.payload.get("code").and_then(Value::as_str).unwrap_or_default();
    if code.as_bytes().ct_eq(given.as_bytes()).into() {
        tx.consume_single_use(CODE, reference)?;
        return Ok("VALID");
    }
    let tries = kept.payload.get("tries").and_then(Value::as_u64).unwrap_or(0) + 1;
    if tries >= TRIES {
        tx.consume_single_use(CODE, reference)?;
    } else {
        kept.payload.insert("tries".into(), tries.into());
        tx.update_single_use(CODE, reference, kept.payload)?;
    }
    Ok("UNEQUAL")
}
