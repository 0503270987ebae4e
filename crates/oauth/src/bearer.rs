//! Bearer authentication of the Management API: the `Authorization` header becomes a caller.

use std::sync::Arc;

use identity::{AccessToken, SigningKeys, TokenError, Verifier};
use kernel::Tenant;
use memchr::memchr3_iter;
use rest::{ApiError, ApiResult, Authenticate, BoxFuture, Caller, Scopes};
use store::Store;

/// Authenticates the callers of tenants' Management APIs by the access tokens that each tenant issues for its own.
pub struct Bearer(Verifier<Caller>);

impl Bearer {
    /// The authentication of the tenants in this store.
    pub fn new(store: Store, keys: SigningKeys) -> Self {
        Self(Verifier::new(store, keys, |tenant, _| tenant.management_audience().to_owned(), caller))
    }

    /// The caller that the header stands for: 400 or 401 in the service's words otherwise.
    pub async fn caller(&self, tenant: &Tenant, authorization: Option<&str>) -> ApiResult<Caller> {
        let token = bearer_token(authorization)?;
        let verified = self.0.verify(tenant, token).await.map_err(refusal)?;
        Ok(Caller::clone(&verified))
    }
}

impl Authenticate for Bearer {
    fn authenticate<'a>(
        &'a self,
        tenant: &'a Tenant,
        authorization: Option<&'a str>,
    ) -> BoxFuture<'a, ApiResult<Caller>> {
        Box::pin(self.caller(tenant, authorization))
    }
}

fn caller(token: &AccessToken) -> Caller {
    Caller {
        tenant: token.tenant.clone(),
        subject: token.subject.clone(),
        client_id: token.client_id.clone(),
        token_id: token.token_id.clone(),
        scopes: Arc::new(Scopes::parse(&token.scopes.join(" "))),
        is_user: token.is_user,
    }
}

/// The token of a header. The service tells a malformed header (400) from one that is absent or of another scheme.
fn bearer_token(authorization: Option<&str>) -> ApiResult<&str> {
    let missing = || ApiError::new(http::StatusCode::UNAUTHORIZED, "Missing authentication");
    let malformed = || ApiError::bad_request("Bad HTTP authentication header format").code("Bearer");
    let header = authorization.map(str::trim_ascii).filter(|header| !header.is_empty()).ok_or_else(missing)?;
    let (scheme, token) = header.split_once([' ', '\t']).ok_or_else(malformed)?;
    let token = token.trim_ascii_start();
    // A token may be some kilobytes long: it is looked through once.
    let bytes = token.as_bytes();
    let mut dots = 0;
    for place in memchr3_iter(b'.', b' ', b'\t', bytes) {
        if bytes[place] != b'.' {
            return Err(malformed());
        }
        dots += 1;
    }
    if !scheme.eq_ignore_ascii_case("bearer") {
        return Err(missing());
    }
    if dots != 2 {
        return Err(malformed());
    }
    Ok(token)
}

fn refusal(error: TokenError) -> ApiError {
    match error {
        TokenError::Invalid => ApiError::unauthorized("Invalid token"),
        TokenError::BadSignature => ApiError::unauthorized("Invalid signature received for JSON Web Token validation"),
        TokenError::Expired => ApiError::unauthorized("Expired token received for JSON Web Token validation"),
        TokenError::Failed(error) => error.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outcome(header: Option<&str>) -> Result<&str, (u16, String)> {
        bearer_token(header).map_err(|error| (error.status.as_u16(), error.message.to_string()))
    }

    #[test]
    fn only_a_bearer_header_with_a_jwt_is_looked_at() {
        assert_eq!(outcome(Some("Bearer a.b.c")), Ok("a.b.c"));
        assert_eq!(outcome(Some("bearer  a.b.c ")), Ok("a.b.c"));
        let missing = Err((401, "Missing authentication".to_owned()));
        let malformed = Err((400, "Bad HTTP authentication header format".to_owned()));
        assert_eq!(outcome(None), missing);
        assert_eq!(outcome(Some("")), missing);
        assert_eq!(outcome(Some("Basic YTpi")), missing);
        for header in ["Bearer", "Bearer opaque", "Bearer a.b.c d", "a.b.c"] {
            assert_eq!(outcome(Some(header)), malformed, "{header}");
        }
    }
}
