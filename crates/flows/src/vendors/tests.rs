use kernel::object;

use super::*;

#[test]
fn every_row_is_named_once_and_its_templates_are_json() {
    let mut names: Vec<_> = table::ROWS.iter().map(|row| (row.kind, row.name)).collect();
    names.sort_unstable();
    names.dedup();
    assert_eq!(names.len(), table::ROWS.len());
    for row in table::ROWS {
        if let Shape::Json(template) | Shape::Form(template) = row.body {
            serde_json::from_str::<Value>(template).unwrap();
        }
        Method::from_bytes(row.method.as_bytes()).unwrap();
    }
}

#[test]
fn a_template_leaves_out_what_is_not_given() {
    let known = object(json!({"to": "x", "kind": "text", "payload": {"body": "hi"}, "fields": {"a": 1}, "none": null}));
    let template = json!({"to": "$to", "cc": "$cc", "none": "$none", "$kind": "$payload", "...": "$fields", "is": "kept", "in": {"x": "$x"}});
    let expected = json!({"to": "x", "text": {"body": "hi"}, "a": 1, "is": "kept"});
    assert_eq!(template::filled(&template, &known), Some(expected));
}

#[test]
fn a_form_writes_members_within_members() {
    let pairs = template::form(
        &json!({"name": "Ann", "address": {"city": "Rome"}, "tax_id_data": [{"type": "eu_vat"}], "no": null}),
    );
    let pairs: Vec<_> = pairs.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(pairs, [("name", "Ann"), ("address[city]", "Rome"), ("tax_id_data[0][type]", "eu_vat")]);
}
