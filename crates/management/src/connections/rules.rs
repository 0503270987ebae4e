//! Rules of connections that look beyond the options of a strategy (reference: connections §1, §8).

use extensibility::versions;
use kernel::{Document, Record, Value};
use model::{ACTION, CONNECTION, USER, views::Strategy};
use rest::{ApiError, ApiResult};
use store::{Filter, Query, Snapshot};

use super::{deletion, strategies};

/// Strategies whose connections can be asked for access to other applications.
const CROSS_APP: &[Strategy] =
    &[Strategy::Oidc, Strategy::Okta, Strategy::GoogleOAuth2, Strategy::Waad, Strategy::Samlp];

/// Judges a connection that is made or changed.
pub(super) fn check(reader: &Snapshot, old: Option<&Record>, new: &Record) -> ApiResult {
    if old.is_none() {
        deletion::check_name(reader, new.text("name").unwrap_or_default())?;
    }
    check_cross_app(new)?;
    check_realms(reader, old, new)?;
    check_domain_connection(reader, old, new)?;
    let Some(options) = new.document.get("options").and_then(Value::as_object) else { return Ok(()) };
    check_root_attributes(new, options)?;
    check_customization(reader, old, options)?;
    check_password_hash(reader, new, options)
}

/// Who holds the users of a database cannot change while there are any.
fn check_customization(reader: &Snapshot, old: Option<&Record>, options: &Document) -> ApiResult {
    const SETTING: &str = "enabledDatabaseCustomization";
    let Some(old) = old.filter(|old| Strategy::of(old) == Some(Strategy::Database)) else { return Ok(()) };
    let is_own = |value: Option<&Value>| value == Some(&Value::Bool(true));
    let was_own = is_own(old.document.get("options").and_then(|options| options.get(SETTING)));
    if !options.contains_key(SETTING) || is_own(options.get(SETTING)) == was_own {
        return Ok(());
    }
    let users = Filter::equals("identities.connection", old.text("name").unwrap_or_default());
    if reader.count(&USER, &users)? == 0 {
        return Ok(());
    }
    let text = "This database contains users. You cannot change \"options.enabledDatabaseCustomization\" setting.";
    Err(ApiError::bad_request(text))
}

fn check_cross_app(new: &Record) -> ApiResult {
    let is_wanted = new.document.get("cross_app_access_requesting_app").is_some_and(|app| app["active"] == true);
    if is_wanted && !Strategy::of(new).is_some_and(|strategy| CROSS_APP.contains(&strategy)) {
        let text = "Cross App Access Requesting App is not supported for this connection.";
        return Err(ApiError::bad_request(text).code("operation_not_supported"));
    }
    Ok(())
}

fn realms(connection: &Record) -> impl Iterator<Item = &str> {
    connection.document.get("realms").and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str)
}

/// A realm names one connection. A name that is taken is told as such by the unique name, not as the realm it brings.
fn check_realms(reader: &Snapshot, old: Option<&Record>, new: &Record) -> ApiResult {
    let had: Vec<&str> = old.into_iter().flat_map(realms).collect();
    for realm in realms(new).filter(|realm| !had.contains(realm)) {
        let holders = reader.list(&CONNECTION, &Query::of(Filter::equals("realms", realm)))?.items;
        let is_foreign = |holder: &Record| holder.id != new.id && holder.text("name") != new.text("name");
        if holders.iter().any(is_foreign) {
            let text = "There is already another connection with some realms from \"realms\" parameter";
            return Err(ApiError::conflict(text));
        }
    }
    Ok(())
}

/// One connection of a strategy is there for the whole domain.
fn check_domain_connection(reader: &Snapshot, old: Option<&Record>, new: &Record) -> ApiResult {
    let is_one = |connection: &Record| connection.document.get("is_domain_connection") == Some(&true.into());
    if !is_one(new) || old.is_some_and(is_one) {
        return Ok(());
    }
    let strategy = new.text("strategy").unwrap_or_default();
    let others = reader.list(&CONNECTION, &Query::of(Filter::equals("strategy", strategy)))?.items;
    if others.iter().any(|other| other.id != new.id && is_one(other)) {
        return Err(ApiError::conflict("There is already a domain connection enabled for strategy"));
    }
    Ok(())
}

/// Users of our own database have no provider whose attributes could be taken over.
fn check_root_attributes(new: &Record, options: &Document) -> ApiResult {
    let is_own = Strategy::of(new) == Some(Strategy::Database) && !strategies::is_custom_database(options);
    if is_own && options.get("set_user_root_attributes").is_some_and(|value| !value.is_null()) {
        return Err(ApiError::bad_request(
            "options.set_user_root_attributes can be set only for enterprise connections, social connections or \
             custom database connections (using external users store)",
        ));
    }
    Ok(())
}

/// The Action that verifies passwords whose hashes are of another system.
fn check_password_hash(reader: &Snapshot, new: &Record, options: &Document) -> ApiResult {
    let Some(hash) = options.get("custom_password_hash").filter(|hash| !hash.is_null()) else { return Ok(()) };
    let refuse = |text: &'static str| Err(ApiError::bad_request(text));
    if Strategy::of(new) != Some(Strategy::Database) {
        return refuse("The custom_password_hash option is only available for database connections");
    }
    let Some(id) = hash["action_id"].as_str().filter(|id| !id.is_empty()) else {
        return refuse("The action_id field value cannot be empty, null or undefined");
    };
    let Some(action) = reader.get(&ACTION, id)? else {
        return refuse("The provided custom password hash action id does not exist");
    };
    let triggers = action.document.get("supported_triggers").and_then(Value::as_array).into_iter().flatten();
    if !triggers.into_iter().any(|trigger| trigger["id"] == "password-hash-migration") {
        return refuse("The provided action does not support the password hash migration trigger");
    }
    if versions::deployed(reader, &action)?.is_none() {
        return refuse("The provided action must be deployed to be used for password hash migration");
    }
    Ok(())
}
