//! Tests of the reader, on small examples and on the whole contract.

use http::Method;
use proptest::prelude::*;
use serde_json::{Map, Value, json};

use crate::{
    Contract, Operation, PathValues, Refusal, Route, formats,
    pattern::Pattern,
    projection::Projection,
    schema::{Schema, Schemas},
    validation,
};

/// Judges a value by a schema: `text @ path`, or nothing for a good value.
fn judge(schema: &Value, value: &Value) -> String {
    let schemas = Schemas::default();
    match validation::check(&schemas, &schemas.parse(schema), value) {
        Ok(()) => String::new(),
        Err(violation) if violation.path().is_empty() => violation.text,
        Err(violation) => format!("{} @ {}", violation.text, violation.path()),
    }
}

fn operation(name: &str) -> &'static Operation {
    Contract::load().find(name).unwrap_or_else(|| panic!("no operation {name}"))
}

fn refusal<T: std::fmt::Debug>(result: Result<T, Refusal>) -> String {
    match result.expect_err("should be refused") {
        Refusal::Path(text) => format!("path: {text}"),
        Refusal::Query(text) => format!("query: {text}"),
        Refusal::Body(text) => format!("body: {text}"),
        Refusal::NotJson(_) => "not JSON".to_owned(),
        Refusal::MediaType => "media type".to_owned(),
    }
}

fn body(name: &str, value: &Value) -> Result<Option<Value>, Refusal> {
    operation(name).body(Some("application/json; charset=utf-8"), value.to_string().as_bytes())
}

fn arguments(name: &str, path: &[(&str, &str)], query: &str) -> Result<crate::Arguments, Refusal> {
    let values = path.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
    operation(name).arguments(&PathValues(values), Some(query))
}

#[test]
fn a_violation_is_told_in_the_services_words() {
    let table = [
        (json!({"type": "string"}), json!("a"), ""),
        (json!({"type": "string"}), json!(1), "Expected type string but found type integer"),
        (json!({"type": ["string", "null"]}), json!(null), ""),
        (json!({"type": ["string", "null"]}), json!(1.5), "Expected type string,null but found type number"),
        (json!({"type": "number"}), json!(1), ""),
        (json!({"type": "integer"}), json!(1.0), ""),
        (json!({"type": "integer"}), json!(1.5), "Expected type integer but found type number"),
        (json!({"type": "string", "minLength": 2}), json!("ä"), "String is too short (1 chars), minimum 2"),
        (json!({"type": "string", "maxLength": 2}), json!("äöü"), "String is too long (3 chars), maximum 2"),
        (json!({"type": "string", "pattern": "^[a-z]+$"}), json!("A"), "String does not match pattern ^[a-z]+$"),
        (json!({"format": "email"}), json!("x"), "Object didn't pass validation for format email: x"),
        (json!({"enum": ["a", "b"]}), json!("c"), "No enum match for: c"),
        (json!({"const": true}), json!(false), "No enum match for: false"),
        (json!({"minimum": 1}), json!(0), "Value 0 is less than minimum 1"),
        (json!({"maximum": 1}), json!(1.5), "Value 1.5 is greater than maximum 1"),
        (json!({"minItems": 1}), json!([]), "Array is too short (0), minimum 1"),
        (json!({"maxItems": 1}), json!([1, 2]), "Array is too long (2), maximum 1"),
        (json!({"uniqueItems": true}), json!([1, 2, 1]), "Array items are not unique (indexes 0 and 2)"),
        (json!({"contains": {"const": "a"}}), json!(["b"]), "Array does not contain the required item: a"),
        (json!({"required": ["a"]}), json!({}), "Missing required property: a"),
        (
            json!({"properties": {"a": {}}, "additionalProperties": false}),
            json!({"b": 1, "a": 1, "c": 1}),
            "Additional properties not allowed: b,c",
        ),
        (json!({"minProperties": 1}), json!({}), "Too few properties defined (0), minimum 1"),
        (json!({"maxProperties": 1}), json!({"a": 1, "b": 1}), "Too many properties defined (2), maximum 1"),
        (
            json!({"properties": {"groups": {"items": {"properties": {"email": {"format": "email"}}}}}}),
            json!({"groups": [{"email": "a@b.co"}, {"email": ""}]}),
            "Object didn't pass validation for format email:  @ groups[1].email",
        ),
        (
            json!({"additionalProperties": {"type": "string"}}),
            json!({"a": "x", "b": 1}),
            "Expected type string but found type integer @ b",
        ),
        (
            json!({"anyOf": [{"type": "string", "format": "ipv4"}, {"type": "string", "format": "ipv6"}]}),
            json!("x"),
            "None of the valid schemas were met",
        ),
        (
            json!({"oneOf": [{"type": "string", "minLength": 1}, {"type": "null"}]}),
            json!(""),
            "String is too short (0 chars), minimum 1",
        ),
    ];
    for (schema, value, expected) in table {
        assert_eq!(judge(&schema, &value), expected, "{value} by {schema}");
    }
}

#[test]
fn what_is_missing_or_too_much_is_told_before_what_is_wrong_inside() {
    let schema = json!({
        "type": "object", "additionalProperties": false, "required": ["name"],
        "properties": {"age": {"type": "integer"}, "name": {"type": "string"}}
    });
    assert_eq!(judge(&schema, &json!({"age": "x", "other": 1})), "Missing required property: name");
    assert_eq!(judge(&schema, &json!({"name": 1, "other": 1})), "Additional properties not allowed: other");
    assert_eq!(judge(&schema, &json!({"name": 1, "age": "x"})), "Expected type integer but found type string @ age");
}

#[test]
fn a_constant_chooses_the_branch_that_is_judged() {
    let branch = |kind: &str, field: &str| {
        json!({"type": "object", "additionalProperties": false, "required": ["type", field],
               "properties": {"type": {"const": kind}, field: {"type": "string"}}})
    };
    let union = json!({"oneOf": [branch("http", "url"), branch("mail", "to")]});
    assert_eq!(judge(&union, &json!({"type": "mail", "to": "x"})), "");
    assert_eq!(judge(&union, &json!({"type": "mail", "to": 1})), "Expected type string but found type integer @ to");
    assert_eq!(judge(&union, &json!({"type": "http", "to": "x"})), "Missing required property: url");
    assert_eq!(judge(&union, &json!({"type": "fax"})), "No enum match for: fax @ type");
    assert_eq!(judge(&union, &json!({"to": "x"})), "Missing required property: type");
    assert_eq!(judge(&union, &json!(1)), "Data does not match any schemas from 'oneOf'");
    let nested =
        json!({"oneOf": [{"properties": {"at": branch("http", "url")}}, {"properties": {"at": branch("mail", "to")}}]});
    assert_eq!(
        judge(&nested, &json!({"at": {"type": "mail", "to": 1}})),
        "Expected type string but found type integer @ at.to"
    );
}

#[test]
fn overlapping_branches_of_a_nullable_union_take_null() {
    assert_eq!(
        judge(&json!({"oneOf": [{"type": ["string", "null"]}, {"type": ["object", "null"]}]}), &json!(null)),
        ""
    );
}

#[test]
fn schemas_that_hold_together_know_the_union_of_their_properties() {
    let both = json!({"allOf": [
        {"type": "object", "additionalProperties": false, "properties": {"a": {"type": "string"}}},
        {"type": "object", "properties": {"b": {"type": "string"}}, "required": ["b"]}
    ]});
    assert_eq!(judge(&both, &json!({"a": "x", "b": "y"})), "");
    assert_eq!(judge(&both, &json!({"a": "x"})), "Missing required property: b");
    assert_eq!(judge(&both, &json!({"b": "y", "c": "z"})), "Additional properties not allowed: c");
}

#[test]
fn absent_null_and_a_value_are_three_things() {
    assert!(body("PATCH /roles/{id}", &json!({"name": "x"})).is_ok());
    assert_eq!(
        refusal(body("PATCH /roles/{id}", &json!({"name": null}))),
        "body: Payload validation error: 'Expected type string but found type null' on property name."
    );
    assert_eq!(body("PATCH /users/{id}", &json!({"given_name": null})).unwrap(), Some(json!({"given_name": null})));
}

#[test]
fn defaults_of_schemas_are_examples_and_never_filled_in() {
    let role = json!({"name": "x"});
    assert_eq!(body("POST /roles", &role).unwrap(), Some(role));
    let user = json!({"connection": "c"});
    assert_eq!(body("POST /users", &user).unwrap(), Some(user));
}

#[test]
fn a_description_stands_in_parentheses() {
    let name = "POST /connections/{id}/directory-provisioning/synchronized-groups";
    assert_eq!(
        refusal(body(
            name,
            &json!({"groups": [{"id": "group1abc", "name": "", "email": "", "direct_members_count": 0}]})
        )),
        "body: Payload validation error: 'Object didn't pass validation for format email: ' on property \
         groups[0].email (Google Workspace Directory group email)."
    );
}

#[test]
fn a_body_that_cannot_be_read_is_refused() {
    let create = operation("POST /roles");
    let refused = |kind, bytes: &[u8]| refusal(create.body(kind, bytes));
    assert_eq!(refused(Some("application/json"), b"{"), "not JSON");
    assert_eq!(refused(None, b"\xff"), "not JSON");
    assert_eq!(refused(Some("image/png"), b"{}"), "media type");
    assert_eq!(
        refused(Some("application/json"), b""),
        "body: Payload validation error: 'Expected type object but found type null'."
    );
    assert_eq!(
        refused(Some("application/json"), b"[]"),
        "body: Payload validation error: 'Expected type object but found type array'."
    );
    assert_eq!(refused(None, b"{}"), "body: Payload validation error: 'Missing required property: name'.");
    let deep = "[".repeat(100_000);
    assert_eq!(refused(None, deep.as_bytes()), "not JSON");
}

#[test]
fn a_body_may_be_left_out_where_nothing_is_required() {
    assert_eq!(operation("POST /clients/{id}/rotate-secret").body(None, b"").unwrap(), None);
    assert_eq!(operation("POST /connections/{id}/scim-configuration").body(None, b" \n").unwrap(), None);
    assert_eq!(operation("DELETE /roles/{id}").body(None, b"whatever").unwrap(), None);
}

#[test]
fn a_form_is_typed_by_the_schema() {
    let form =
        |name: &str, text: &str| operation(name).body(Some("application/x-www-form-urlencoded"), text.as_bytes());
    assert_eq!(
        form("POST /users", "connection=c&email=a%40b.co&blocked=true&user_metadata%5Bage%5D=7&user_metadata[a][b]=x")
            .unwrap(),
        Some(
            json!({"connection": "c", "email": "a@b.co", "blocked": true, "user_metadata": {"age": "7", "a": {"b": "x"}}})
        )
    );
    assert_eq!(
        form("POST /resource-servers", "identifier=1&token_lifetime=60&scopes[0][value]=a&scopes[1][value]=b").unwrap(),
        Some(json!({"identifier": "1", "token_lifetime": 60, "scopes": [{"value": "a"}, {"value": "b"}]}))
    );
    assert_eq!(
        form("POST /clients", "name=x&callbacks[]=https://a.co&callbacks[]=https://b.co&grant_types=implicit").unwrap(),
        Some(json!({"name": "x", "callbacks": ["https://a.co", "https://b.co"], "grant_types": ["implicit"]}))
    );
    assert_eq!(
        refusal(form("POST /users", "connection=c&blocked=maybe")),
        "body: Payload validation error: 'Expected type boolean but found type string' on property blocked."
    );
}

#[test]
fn a_page_template_may_be_text() {
    let put = operation("PUT /branding/templates/universal-login");
    assert_eq!(put.body(Some("text/html"), b"<html>").unwrap(), Some(json!("<html>")));
    assert_eq!(put.body(Some("application/json"), br#"{"template": "x"}"#).unwrap(), Some(json!({"template": "x"})));
}

#[test]
fn a_multipart_body_is_left_to_the_operation() {
    let import = operation("POST /jobs/users-imports");
    assert!(import.is_multipart() && import.has_body());
    assert_eq!(import.body(Some("multipart/form-data; boundary=x"), b"--x--").unwrap(), None);
}

#[test]
fn query_parameters_are_typed_and_checked() {
    let got =
        arguments("GET /clients", &[], "page=2&per_page=10&include_totals=true&fields=name%2Cclient_id&unknown=1")
            .unwrap();
    assert_eq!((got.integer("page"), got.flag("include_totals")), (Some(2), Some(true)));
    assert_eq!((got.text("fields"), got.has("unknown"), got.has("take")), (Some("name,client_id"), false, false));
    let refused = |query| refusal(arguments("GET /clients", &[], query));
    assert_eq!(
        refused("per_page=101"),
        "query: Query validation error: 'Value 101 is greater than maximum 100' on property per_page."
    );
    assert_eq!(
        refused("page=x"),
        "query: Query validation error: 'Expected type integer but found type string' on property page."
    );
    assert_eq!(
        refused("page=1&page=2"),
        "query: Query validation error: 'Expected type integer but found type array' on property page."
    );
    assert!(refused("fields=name,nonsense").contains("String does not match pattern ^((name)|"));
    assert!(!arguments("GET /clients", &[], "fields=&page=").unwrap().has("fields"));
    assert_eq!(
        refusal(arguments("GET /users-by-email", &[], "")),
        "query: Query validation error: 'Missing required property: email'."
    );
}

#[test]
fn lists_are_repeated_parameters_and_may_be_joined_where_that_is_clear() {
    let strategies = |query| {
        arguments("GET /connections", &[], query)
            .map(|got| got.list("strategy").into_iter().map(str::to_owned).collect::<Vec<_>>())
    };
    assert_eq!(strategies("strategy=auth0&strategy=samlp").unwrap(), ["auth0", "samlp"]);
    assert_eq!(strategies("strategy=auth0,samlp").unwrap(), ["auth0", "samlp"]);
    assert_eq!(
        refusal(strategies("strategy=auth0&strategy=x")),
        "query: Query validation error: 'No enum match for: x' on property strategy[1]."
    );
    let got = arguments("GET /resource-servers", &[], "identifiers=https%3A%2F%2Fa%2Cb").unwrap();
    assert_eq!(got.list("identifiers"), ["https://a,b"]);
}

#[test]
fn path_values_are_checked() {
    assert_eq!(
        arguments("GET /rules/{id}", &[("id", "rul_0123456789abcdef")], "").unwrap().text("id"),
        Some("rul_0123456789abcdef")
    );
    assert_eq!(
        refusal(arguments("GET /rules/{id}", &[("id", "x")], "")),
        "path: Path validation error: 'String does not match pattern ^rul_[A-Za-z0-9]{16}$' on property id."
    );
    assert!(arguments("GET /anomaly/blocks/ips/{id}", &[("id", "::1")], "").is_ok());
    assert!(arguments("GET /anomaly/blocks/ips/{id}", &[("id", "nowhere")], "").is_err());
}

#[test]
fn literal_segments_win_and_methods_are_told_from_paths() {
    let contract = Contract::load();
    let found = |method: Method, path: &str| match contract.route(&method, path) {
        Route::Operation(operation, values) => {
            let values: Vec<_> = values.iter().map(|(name, value)| format!("{name}={value}")).collect();
            format!("{} {}", operation.path, values.join(" ")).trim_end().to_owned()
        }
        Route::WrongMethod => "wrong method".into(),
        Route::Unknown => "unknown".into(),
    };
    assert_eq!(found(Method::GET, "/users/auth0%7C1%2F2"), "/users/{id} id=auth0|1/2");
    assert_eq!(found(Method::GET, "/custom-domains/default"), "/custom-domains/default");
    assert_eq!(found(Method::DELETE, "/custom-domains/default"), "/custom-domains/{id} id=default");
    assert_eq!(found(Method::GET, "/clients/a/credentials"), "/clients/{client_id}/credentials client_id=a");
    assert_eq!(found(Method::GET, "/clients/a/connections/"), "/clients/{id}/connections id=a");
    assert_eq!(found(Method::PUT, "/roles"), "wrong method");
    assert_eq!(found(Method::GET, "/nonsense"), "unknown");
    assert_eq!(found(Method::GET, "/users//roles"), "unknown");
    assert_eq!(found(Method::GET, "/users/%ff"), "unknown");
    assert_eq!(found(Method::GET, ""), "unknown");
}

#[test]
fn statuses_and_scopes_are_the_services() {
    let of = |name| operation(name).success;
    assert_eq!((of("POST /roles"), of("POST /users"), of("DELETE /roles/{id}")), (200, 201, 200));
    assert_eq!((of("PATCH /resource-servers/{id}"), of("POST /organizations/{id}/invitations")), (200, 201));
    assert_eq!((of("DELETE /connections/{id}"), of("DELETE /users/{id}")), (202, 204));
    assert_eq!(operation("POST /keys/signing/rotate").scopes.len(), 2);
    // (A and B) or C is (A or C) and (B or C).
    assert_eq!(
        operation("GET /users/{id}/roles").scopes,
        [["read:users", "read:role_members"], ["read:roles", "read:role_members"]]
    );
    assert_eq!(operation("GET /users").other_scopes, ["read:user_idp_tokens"]);
}

#[test]
fn paging_is_what_parameters_and_answers_tell() {
    let paging = &operation("GET /clients").paging;
    assert!(paging.offset && paging.totals && paging.checkpoint && !paging.always_object);
    assert_eq!(paging.envelope.as_deref(), Some("clients"));
    assert_eq!((paging.default_size, paging.max_size), (50, 100));
    assert_eq!(paging.envelope_order, ["total", "start", "limit", "clients"]);
    assert_eq!(paging.checkpoint_order, ["clients", "next"]);
    let actions = &operation("GET /actions/actions").paging;
    assert!(actions.always_object && actions.default_size == 20 && !actions.checkpoint);
    assert_eq!(operation("GET /connections").paging.default_size, 100);
    assert_eq!(operation("GET /event-streams").paging.envelope.as_deref(), Some("eventStreams"));
    assert_eq!(operation("GET /guardian/factors").paging.envelope, None);
    assert_eq!(operation("GET /branding/phone/providers").paging.envelope.as_deref(), Some("providers"));
}

#[test]
fn titles_are_those_of_the_log() {
    assert_eq!(operation("DELETE /users/{id}").title, "Delete a User");
    assert_eq!(operation("PATCH /clients/{id}").title, "Update a Client");
}

fn projected(schema: &Value, mut value: Value) -> Value {
    let schemas = Schemas::default();
    Projection::of(&schemas, &schemas.parse(schema)).apply(&schemas, &mut value);
    value
}

#[test]
fn a_closed_answer_loses_what_it_does_not_know_and_an_open_one_nothing() {
    let closed = json!({"type": "object", "additionalProperties": false, "properties": {
        "a": {"type": "object", "additionalProperties": false, "properties": {"x": {}}},
        "open": {"type": "object", "properties": {"x": {}}},
        "list": {"type": "array", "items": {"type": "object", "additionalProperties": false, "properties": {"x": {}}}}
    }});
    let value = json!({"b": 1, "a": {"x": 1, "y": 2}, "open": {"x": 1, "y": 2}, "list": [{"y": 1, "x": 2}, null]});
    let kept = json!({"a": {"x": 1}, "open": {"x": 1, "y": 2}, "list": [{"x": 2}, null]});
    assert_eq!(projected(&closed, value.clone()), kept);
    assert_eq!(projected(&json!({"type": "array", "items": closed}), json!([value])), json!([kept]));
    assert_eq!(projected(&json!({}), value.clone()), value);
}

#[test]
fn a_union_keeps_what_one_of_its_branches_knows() {
    let branch = |name: &str| json!({"type": "object", "additionalProperties": false, "properties": {name: {}}});
    let union = json!({"oneOf": [branch("a"), branch("b"), {"type": "null"}]});
    assert_eq!(projected(&union, json!({"a": 1, "b": 2, "c": 3})), json!({"a": 1, "b": 2}));
    let list = json!({"oneOf": [{"type": "array", "items": branch("a")}, branch("items")]});
    assert_eq!(projected(&list, json!([{"a": 1, "c": 2}])), json!([{"a": 1}]));
    let open = json!({"oneOf": [branch("a"), {"type": "object", "additionalProperties": true}]});
    assert_eq!(projected(&open, json!({"c": 3})), json!({"c": 3}));
}

#[test]
fn an_operation_projects_onto_its_answer() {
    let role = operation("GET /roles/{id}").project(json!({"id": "rol_1", "secret": 1, "name": "x"}));
    assert_eq!(role, json!({"id": "rol_1", "name": "x"}));
    let page = json!({"roles": [{"id": "rol_1", "secret": 1}], "start": 0, "limit": 50, "total": 1});
    let kept = json!({"roles": [{"id": "rol_1"}], "start": 0, "limit": 50, "total": 1});
    assert_eq!(operation("GET /roles").project(page), kept);
}

#[test]
fn our_own_answers_can_be_verified() {
    let get = operation("GET /roles/{id}");
    assert!(get.verify_answer(200, Some(&json!({"id": "rol_1", "name": "x"}))).is_empty());
    assert_eq!(get.verify_answer(200, Some(&json!({"secret": 1}))).len(), 1);
    assert_eq!(get.verify_answer(201, None).len(), 1);
    assert_eq!(get.verify_answer(404, Some(&json!({"message": "x"}))).len(), 1);
    assert!(get.verify_answer(404, Some(&json!({"statusCode": 404, "error": "Not Found", "message": "x"}))).is_empty());
}

#[test]
fn corrections_patch_and_add_operations_and_schemas() {
    const PUBLISHED: &str = r##"{
        "paths": {"/things": {"post": {"operationId": "post_things", "tag": "things", "sdk": "things.create", "scopes": [["create:things"]],
            "requestBody": {"content": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}},
            "responses": {"201": {"application/json": {"schema": {"$ref": "#/components/schemas/Thing"}}}, "400": {}}}}},
        "schemas": {"Thing": {"type": "object", "additionalProperties": false, "properties": {"a": {"oneOf": [{"maxLength": 1}]}}}}
    }"##;
    const CORRECTIONS: &str = r##"{"things": [{
        "reason": "r", "source": "s",
        "operations": {
            "POST /things": {"success": 200, "title": "Make a Thing"},
            "DELETE /things/{id}": {"operationId": "delete_thing", "tag": "things", "sdk": "things.delete", "scopes": [["delete:things"]],
                "parameters": [{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}], "responses": {"204": {}}}
        },
        "schemas": {"Thing": {"properties": {"b": {"$ref": "#/components/schemas/New"}}}, "Thing/properties/a/oneOf/0": {"maxLength": 2},
            "New": {"type": "integer"}}
    }]}"##;
    let contract = Contract::parse(PUBLISHED, CORRECTIONS).unwrap();
    let create = contract.find("POST /things").unwrap();
    assert_eq!((create.success, create.title.as_str()), (200, "Make a Thing"));
    assert!(create.body(None, br#"{"a": "xx", "b": 1}"#).is_ok());
    assert!(create.body(None, br#"{"a": "xxx"}"#).is_err() && create.body(None, br#"{"b": "x"}"#).is_err());
    assert!(matches!(contract.route(&Method::DELETE, "/things/1"), Route::Operation(found, _) if found.success == 204));
    let unknown = CORRECTIONS.replace("POST /things", "PUT /things");
    assert!(
        Contract::parse(PUBLISHED, &unknown).is_err(),
        "a correction of what does not exist describes no operation"
    );
}

/// Calls `visit` with every schema node of the contract, as written in the file and in the overlay.
fn each_schema_node(value: &Value, visit: &mut impl FnMut(&Map<String, Value>)) {
    let Some(node) = value.as_object() else { return };
    visit(node);
    for (keyword, value) in node {
        match keyword.as_str() {
            "properties" => value.as_object().into_iter().flatten().for_each(|(_, each)| each_schema_node(each, visit)),
            "allOf" | "anyOf" | "oneOf" => {
                value.as_array().into_iter().flatten().for_each(|each| each_schema_node(each, visit));
            }
            "items" | "additionalProperties" | "contains" => each_schema_node(value, visit),
            _ => {}
        }
    }
}

#[test]
fn every_schema_of_the_contract_is_understood() {
    const UNDERSTOOD: &[&str] = &[
        "$ref",
        "type",
        "description",
        "const",
        "enum",
        "minLength",
        "maxLength",
        "pattern",
        "format",
        "minimum",
        "maximum",
        "items",
        "minItems",
        "maxItems",
        "uniqueItems",
        "contains",
        "properties",
        "additionalProperties",
        "required",
        "minProperties",
        "maxProperties",
        "allOf",
        "anyOf",
        "oneOf",
    ];
    // Examples and remarks, which restrict nothing.
    const REMARKS: &[&str] =
        &["default", "deprecated", "readOnly", "writeOnly", "contentMediaType", "discriminator", "x-release-lifecycle"];
    let published: Value = serde_json::from_str(crate::PUBLISHED).unwrap();
    let overlay: Value = serde_json::from_str(crate::CORRECTIONS).unwrap();
    let corrections = overlay.as_object().unwrap().values().flat_map(|list| list.as_array().unwrap());
    let added: Map<String, Value> =
        corrections.flat_map(|one| one["schemas"].as_object().cloned().unwrap_or_default()).collect();
    let names: Vec<&String> = published["schemas"].as_object().unwrap().keys().chain(added.keys()).collect();
    let mut wrong = Vec::new();
    let mut judge = |node: &Map<String, Value>| {
        for (keyword, value) in node.iter().filter(|(_, value)| !value.is_null()) {
            let text = value.as_str().unwrap_or_default();
            let is_fine = match keyword.as_str() {
                "format" => formats::named(text).is_some(),
                "pattern" => !Pattern::new(text).is_broken(),
                "$ref" => text
                    .strip_prefix("#/components/schemas/")
                    .is_some_and(|name| names.iter().any(|known| *known == name)),
                other => UNDERSTOOD.contains(&other) || REMARKS.contains(&other),
            };
            if !is_fine {
                wrong.push(format!("{keyword}: {value}"));
            }
        }
    };
    for schema in published["schemas"].as_object().unwrap().values().chain(added.values()) {
        each_schema_node(schema, &mut judge);
    }
    for operation in
        published["paths"].as_object().unwrap().values().flat_map(|methods| methods.as_object().unwrap().values())
    {
        for parameter in operation["parameters"].as_array().into_iter().flatten() {
            each_schema_node(&parameter["schema"], &mut judge);
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_operation_can_be_called_and_answered() {
    let contract = Contract::load();
    assert!(contract.operations().len() > 406);
    contract.operations()[0].schemas().parse_all();
    for operation in contract.operations() {
        let name = operation.name();
        assert!(
            !operation.scopes.is_empty() && !operation.title.is_empty() && (200..300).contains(&operation.success),
            "{name}"
        );
        let path = operation.path.replace(['{', '}'], "");
        assert!(
            matches!(contract.route(&operation.method, &path), Route::Operation(found, _) if found.name() == name),
            "{name}"
        );
        // Prepares schemas, patterns and projections; none may be missing or endless.
        let _ = operation.body(None, b"{}");
        let _ = operation.arguments(&PathValues::default(), Some("page=0&fields=x&sort=x:1"));
        let _ = operation.project(json!([{"a": {"b": [1]}}]));
        let _ = operation.verify_answer(operation.success, Some(&json!({})));
    }
}

fn any_json() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        ".{0,12}".prop_map(Value::from),
        prop::sample::select(vec!["", "webhook", "auth0", "{{", "#", "a@b", "http://", "con_1", "1/2"])
            .prop_map(Value::from),
    ];
    let key = prop_oneof![
        ".{0,6}",
        prop::sample::select(vec![
            "name",
            "type",
            "options",
            "destination",
            "configuration",
            "actions",
            "nodes",
            "id",
            "config",
            "params"
        ])
        .prop_map(str::to_owned),
    ];
    leaf.prop_recursive(4, 24, 4, move |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
            prop::collection::vec((key.clone(), inner), 0..4)
                .prop_map(|members| Value::Object(members.into_iter().collect())),
        ]
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn no_body_and_no_answer_makes_the_contract_panic(value in any_json()) {
        let text = value.to_string();
        for operation in Contract::load().operations() {
            let _ = operation.body(Some("application/json"), text.as_bytes());
            let _ = operation.project(value.clone());
            let _ = operation.verify_answer(operation.success, Some(&value));
        }
    }

    #[test]
    fn no_text_makes_the_contract_panic(text in "\\PC{0,40}", form in "[a-z&=%+\\[\\]0-9]{0,40}") {
        for operation in Contract::load().operations() {
            let _ = operation.arguments(&PathValues(vec![("id".into(), text.clone())]), Some(&form));
            let _ = operation.body(Some("application/x-www-form-urlencoded"), form.as_bytes());
            let _ = operation.body(None, text.as_bytes());
        }
        let _ = Contract::load().route(&Method::GET, &text);
    }
}

#[test]
fn the_contract_can_be_shared_between_threads() {
    fn is_shared<T: Send + Sync>() {}
    is_shared::<Contract>();
    is_shared::<Schema>();
}
