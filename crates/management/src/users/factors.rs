//! Authentication methods of a user: the second factors and passkeys that are enrolled, and the ways to be rid of them.

use identity::discard;
use kernel::{Document, Record, Value, id::Form, object};
use model::user::BROWSERS_FORGOTTEN;
use rest::{Answer, ApiError, ApiResult, Area, Call, Change, Kind, Resource, Times, Unique};
use serde_json::json;
use store::{Filter, Query, Snapshot, Tx};

use super::{USER, user, user_not_found};
use crate::actor::actor;

/// Claims the operations on factors.
pub(super) fn claim(area: Area) -> Area {
    area.collection("/users/{id}/authentication-methods", Methods)
        .write("PUT /users/{id}/authentication-methods", replace)
        .write("DELETE /users/{id}/authentication-methods", remove_all)
        .write("DELETE /users/{id}/authenticators", remove_authenticators)
        .read("GET /users/{id}/enrollments", enrollments)
        .write("POST /users/{id}/recovery-code-regeneration", regenerate_recovery_code)
        .write("DELETE /users/{id}/multifactor/{provider}", remove_provider)
        .write("POST /users/{id}/multifactor/actions/invalidate-remember-browser", forget_browsers)
}

/// Authentication methods; identifiers are the type, a bar and `dev_…`.
pub(crate) static METHOD: Kind = Kind::of(&model::AUTHENTICATION_METHOD)
    .unique(&[Unique { field: "equal", message: "Authentication method already exists.", code: None }])
    .missing("The authentication method could not be found.", None)
    .hidden(&["equal", "updated_at"])
    .times(Times::Millis)
    .under(&USER);

/// Types that DELETE of all authenticators removes.
const AUTHENTICATORS: &[&str] = &["totp", "email", "phone", "push", "guardian"];
/// Types of methods that are factors, and what enrollments call them.
const WAYS: [(&str, &str); 6] = [
    ("totp", "authenticator"),
    ("phone", "sms"),
    ("push", "guardian"),
    ("guardian", "guardian"),
    ("webauthn-roaming", "webauthn-roaming"),
    ("webauthn-platform", "webauthn-platform"),
];
/// Characters of recovery codes.
const OF_CODES: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";

struct Methods;

impl Resource for Methods {
    fn kind(&self) -> &'static Kind {
        &METHOD
    }

    fn prepare(&self, _: &mut Tx, call: &Call, old: Option<&Record>, new: &mut Record) -> ApiResult {
        if old.is_none() {
            let user = call.path("id").to_owned();
            complete(new, &user);
        } else if new.text("type") == Some("phone") {
            prefer(new);
        }
        Ok(())
    }

    fn follow(&self, tx: &mut Tx, call: &Call, change: &Change<'_>) -> ApiResult {
        match change {
            Change::Delete { .. } => unenrolled(tx, call, &user(tx, call)?),
            _ => Ok(()),
        }
    }
}

/// Completes a new method: identifier, confirmation, what it must not be equal to.
fn complete(method: &mut Record, user: &str) {
    let kind = method.text("type").unwrap_or_default().to_owned();
    method.id = format!("{kind}|{}", method.id);
    method.document.insert("id".into(), method.id.as_str().into());
    method.document.insert("user_id".into(), user.into());
    // What an administrator enters needs no confirmation by the user.
    method.document.insert("confirmed".into(), true.into());
    let value = ["phone_number", "email", "key_id"].iter().find_map(|field| method.text(field));
    if let Some(equal) = value.map(|value| format!("{user} {kind} {}", value.to_lowercase())) {
        method.document.insert("equal".into(), equal.into());
    }
    if kind == "phone" {
        method.document.entry("preferred_authentication_method").or_insert_with(|| "sms".into());
        prefer(method);
    }
}

/// Lists the way in which codes reach a telephone.
fn prefer(method: &mut Record) {
    let way = method.text("preferred_authentication_method").unwrap_or("sms").to_owned();
    let device = method.id.rsplit('|').next().unwrap_or_default();
    let nested = json!([{"id": format!("{way}|{device}"), "type": way}]);
    method.document.insert("authentication_methods".into(), nested);
}

/// Enrolls the factors that an import brings: `totp`, `phone` or `email` each.
pub(crate) fn enroll(tx: &mut Tx, user: &str, factors: &[Value]) -> ApiResult {
    for factor in factors {
        let members =
            match (factor.pointer("/totp/secret"), factor.pointer("/phone/value"), factor.pointer("/email/value")) {
                (Some(secret), ..) => json!({"id": null, "type": "totp", "totp_secret": secret}),
                (_, Some(phone), _) => json!({"id": null, "type": "phone", "phone_number": phone}),
                (.., Some(email)) => json!({"id": null, "type": "email", "email": email}),
                _ => continue,
            };
        let mut method = Record::new(tx.context().id(Form::Alnum16("dev_")), object(members), tx.now());
        method.document.insert("created_at".into(), tx.now().into());
        complete(&mut method, user);
        rest::insert(tx, &METHOD, method)?;
    }
    Ok(())
}

/// All methods of a user.
pub(crate) fn of_user(reader: &Snapshot, user: &str) -> ApiResult<Vec<Record>> {
    Ok(reader.list(&METHOD, &Query::of(Filter::equals("user_id", user)))?.items)
}

fn remove(tx: &mut Tx, user: &str, is_meant: impl Fn(&Record) -> bool) -> ApiResult {
    for method in of_user(tx, user)?.iter().filter(|method| is_meant(method)) {
        discard(tx, &METHOD, &method.id)?;
    }
    Ok(())
}

/// Refuses to touch all methods at once of a user with a passkey.
fn refuse_passkeys(reader: &Snapshot, user: &str) -> ApiResult {
    if of_user(reader, user)?.iter().any(|method| method.text("type") == Some("passkey")) {
        return Err(ApiError::forbidden("Operation not permitted when the user has registered at least 1 passkey"));
    }
    Ok(())
}

/// `PUT /users/{id}/authentication-methods`: these instead of those there are.
fn replace(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let user = user(tx, call)?;
    refuse_passkeys(tx, &user.id)?;
    remove(tx, &user.id, |_| true)?;
    let mut shown = Vec::new();
    for item in call.body().as_array().into_iter().flatten().filter_map(Value::as_object) {
        let mut document = object(json!({"id": null}));
        document.extend(item.clone());
        document.insert("created_at".into(), tx.now().into());
        let mut method = Record::new(tx.context().id(Form::Alnum16("dev_")), document, tx.now());
        complete(&mut method, &user.id);
        let method = rest::insert(tx, &METHOD, method)?;
        shown.push(rest::presented(tx, call, &Methods, &method)?);
    }
    Ok(Answer::list(shown))
}

fn remove_all(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let user = user(tx, call)?;
    refuse_passkeys(tx, &user.id)?;
    remove(tx, &user.id, |_| true)?;
    Ok(Answer::empty())
}

fn remove_authenticators(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let user = user(tx, call)?;
    remove(tx, &user.id, |method| AUTHENTICATORS.contains(&method.text("type").unwrap_or_default()))?;
    Ok(Answer::empty())
}

/// `GET /users/{id}/enrollments`: the first confirmed factor.
fn enrollments(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let user = reader.get(&USER, call.path("id"))?.ok_or_else(user_not_found)?;
    let methods = of_user(reader, &user.id)?;
    let first = methods.iter().filter(|method| method.is("confirmed")).find_map(as_enrollment);
    Ok(Answer::list(first.into_iter().collect()))
}

/// `GET /guardian/enrollments/{id}`.
pub(crate) fn enrollment(reader: &Snapshot, call: &Call) -> ApiResult<Answer> {
    let method = enrolled(reader, call.path("id"))?;
    as_enrollment(&method).map(Answer::json).ok_or_else(not_enrolled)
}

/// `DELETE /guardian/enrollments/{id}`: the user may enrol anew.
pub(crate) fn unenroll(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let method = enrolled(tx, call.path("id"))?;
    discard(tx, &METHOD, &method.id)?;
    if let Some(user) = tx.get(&USER, method.text("user_id").unwrap_or_default())? {
        unenrolled(tx, call, &user)?;
    }
    Ok(Answer::empty())
}

/// Leaves the entry about a factor that is gone.
fn unenrolled(tx: &mut Tx, call: &Call, user: &Record) -> ApiResult {
    Ok(identity::log::about(tx, &actor(call), "gd_unenroll", user)?)
}

/// The factor that an enrolment's identifier means by its `dev_…` part, whatever stands before that.
fn enrolled(reader: &Snapshot, id: &str) -> ApiResult<Record> {
    let device = id.rsplit('|').next().unwrap_or(id);
    for (kind, _) in WAYS {
        if let Some(method) = reader.get(&METHOD, &format!("{kind}|{device}"))? {
            return Ok(method);
        }
    }
    Err(not_enrolled())
}

fn not_enrolled() -> ApiError {
    ApiError::not_found("Enrollment not found").code("enrollment_not_found")
}

/// A method as an enrollment; none for types that are no factors.
fn as_enrollment(method: &Record) -> Option<Document> {
    let kind = method.text("type")?;
    let (_, way) = WAYS.iter().find(|(known, _)| *known == kind)?;
    let id = method.id.rsplit('|').next().unwrap_or(&method.id);
    let mut shown = object(json!({"id": id, "status": "confirmed", "type": kind}));
    for field in ["name", "phone_number"] {
        if let Some(value) = method.document.get(field) {
            shown.insert(field.into(), value.clone());
        }
    }
    shown.insert("auth_method".into(), (*way).into());
    shown.insert(
        "enrolled_at".into(),
        method.document.get("enrolled_at").or(method.document.get("created_at"))?.clone(),
    );
    if let Some(last) = method.document.get("last_auth_at") {
        shown.insert("last_auth".into(), last.clone());
    }
    Some(shown)
}

fn regenerate_recovery_code(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let user = user(tx, call)?;
    remove(tx, &user.id, |method| method.text("type") == Some("recovery-code"))?;
    let code = tx.context().text(OF_CODES, 24);
    let document = object(json!({"id": null, "type": "recovery-code", "created_at": tx.now()}));
    let mut method = Record::new(tx.context().id(Form::Alnum16("dev_")), document, tx.now());
    complete(&mut method, &user.id);
    method.sealed.set("recovery_code", code.as_str());
    rest::insert(tx, &METHOD, method)?;
    Ok(Answer::json(json!({"recovery_code": code})))
}

/// `DELETE /users/{id}/multifactor/{provider}`: the provider leaves the user's list, its factors go.
fn remove_provider(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut user = tx.get(&USER, call.path("id"))?.ok_or_else(user_not_found)?;
    let provider = call.path("provider");
    if provider == "google-authenticator" {
        remove(tx, &user.id, |method| method.text("type") == Some("totp"))?;
    }
    let Some(Value::Array(providers)) = user.document.get_mut("multifactor") else { return Ok(Answer::empty()) };
    providers.retain(|other| other != provider);
    if providers.is_empty() {
        user.document.shift_remove("multifactor");
    }
    store(tx, user)?;
    Ok(Answer::empty())
}

fn forget_browsers(tx: &mut Tx, call: &Call) -> ApiResult<Answer> {
    let mut user = user(tx, call)?;
    user.document.insert(BROWSERS_FORGOTTEN.into(), tx.now().into());
    store(tx, user)?;
    Ok(Answer::empty())
}

fn store(tx: &mut Tx, user: Record) -> ApiResult {
    tx.update(&USER, user)?;
    Ok(())
}
