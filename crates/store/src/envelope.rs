//! What others carry for us: encrypted under a tenant's keys, readable only for the purpose and under the name it was
//! encrypted for.

use std::fmt;

use base64::{Engine as _, engine::general_purpose::URL_SAFE_NO_PAD};
use kernel::{Context, TenantId};
use zeroize::Zeroizing;

use crate::{
    Snapshot, StoreError, StoreResult,
    seal::{DataKeys, Place},
};

/// Encrypts what a browser is to carry. Holds keys of the tenant, and is of use for one request.
#[derive(Clone)]
pub struct Envelope {
    keys: DataKeys,
    tenant: TenantId,
    context: Context,
}

impl Envelope {
    /// The bytes as text that only [`Snapshot::open_envelope`] reads, for the same purpose and name.
    pub fn close(&self, purpose: &str, name: &str, bytes: &[u8]) -> StoreResult<String> {
        let place = Place { tenant: self.tenant.as_str(), kind: purpose, id: name };
        Ok(URL_SAFE_NO_PAD.encode(self.keys.seal_bytes(&self.context, &place, bytes)?))
    }
}

impl fmt::Debug for Envelope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Envelope(…)")
    }
}

impl Snapshot {
    /// What encrypts for this tenant.
    pub fn envelope(&self) -> StoreResult<Envelope> {
        let known = self.known.as_ref().ok_or_else(|| StoreError::Corrupt("no tenant to encrypt for".to_owned()))?;
        Ok(Envelope { keys: known.keys.clone(), tenant: self.tenant.clone(), context: self.context().clone() })
    }

    /// Reads what [`Envelope::close`] wrote; `None` for everything else, whoever wrote it.
    pub fn open_envelope(&self, purpose: &str, name: &str, text: &str) -> StoreResult<Option<Zeroizing<Vec<u8>>>> {
        let Ok(bytes) = URL_SAFE_NO_PAD.decode(text) else { return Ok(None) };
        let place = Place { tenant: self.tenant.as_str(), kind: purpose, id: name };
        let Some(known) = &self.known else { return Ok(None) };
        Ok(known.keys.open_bytes(&place, &bytes))
    }
}
