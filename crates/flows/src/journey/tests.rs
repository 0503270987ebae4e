use kernel::{Context, FixedClock, SeededRandom, object};
use serde_json::json;
use std::{sync::Arc, time::Duration};

use super::*;

struct World {
    form: Form,
    journey: Journey,
    context: Document,
    of: Context,
    clock: Arc<FixedClock>,
}

fn world(form: Value, begun: Value) -> World {
    let clock = Arc::new(FixedClock::at(Timestamp::from_seconds(1_000)));
    let context = object(json!({"user": {"given_name": "Ada"}, "client": {"name": "Shop"}}));
    World {
        form: Form::of("ap_1", &object(form), "en"),
        journey: Journey::of(serde_json::from_value(begun).unwrap()),
        context,
        of: Context::new(Arc::clone(&clock) as _, Arc::new(SeededRandom::new(1))),
        clock,
    }
}

impl World {
    fn begin(&mut self) -> Next {
        let known = Known { context: &self.context, of: &self.of };
        self.journey.begin(&self.form, &known)
    }

    fn act(&mut self, action: &str, fields: &[(&str, &str)]) -> Result<Next, Vec<String>> {
        let known = Known { context: &self.context, of: &self.of };
        let entered = Entered::of(fields.iter().map(|(name, value)| (name_of(name), (*value).to_owned())));
        let faults = |faults: Vec<FieldFault>| faults.into_iter().map(|fault| format!("{} {}", fault.id, fault.code));
        self.journey.act(&self.form, &Act::of(action), &entered, &known).map_err(|found| faults(found).collect())
    }

    fn ran(&mut self, outcome: Outcome) -> Next {
        let known = Known { context: &self.context, of: &self.of };
        self.journey.ran(&self.form, outcome, &known)
    }

    fn paid(&mut self, paid: Paid) -> Next {
        self.journey.paid(&self.form, paid, self.of.now())
    }

    fn at(&self) -> &str {
        self.journey.at.as_deref().unwrap_or_default()
    }
}

fn step(id: &str, components: impl Into<Value>, next: &str) -> Value {
    let components: Value = components.into();
    json!({"id": id, "type": "STEP", "config": {"components": components, "next_node": next}})
}

fn field(id: &str, kind: &str, config: impl Into<Value>) -> Value {
    let config: Value = config.into();
    json!({"id": id, "category": "FIELD", "type": kind, "config": config})
}

fn back() -> Value {
    json!({"id": "back", "category": "BLOCK", "type": "PREVIOUS_BUTTON", "config": {"text": "Back"}})
}

fn completed(vars: Value) -> Outcome {
    Outcome::Completed { vars: object(vars), returned: None }
}

fn routed() -> Value {
    let is =
        |field: &str, value: &str| json!({"operator": "EQ", "operands": [format!("{{{{fields.{field}}}}}"), value]});
    json!({
        "start": {"next_node": "kind", "hidden_fields": [{"key": "source", "value": "at {{context.client.name}}"}, {"key": "unset"}]},
        "nodes": [
            step("kind", json!([field("who", "TEXT", json!({})), field("secret", "PASSWORD", json!({}))]), "router"),
            {"id": "router", "type": "ROUTER", "config": {"fallback": "other", "rules": [
                {"id": "r1", "condition": is("who", "person"), "next_node": "person"},
                {"id": "r2", "condition": is("who", "person"), "next_node": "other"},
                {"id": "r3", "condition": is("who", "circle"), "next_node": "router"},
                {"id": "r4", "condition": is("who", "nowhere")},
            ]}},
            step("person", json!([
                {"id": "name", "category": "FIELD", "type": "TEXT", "required": true, "config": {"min_length": 3}},
                back(),
                {"id": "skip", "category": "BLOCK", "type": "JUMP_BUTTON", "config": {"text": "Skip", "next_node": "other"}},
            ]), "other"),
            step("other", json!([back()]), "$ending"),
        ],
        "ending": {"resume_flow": true},
    })
}

#[test]
fn rules_choose_the_step_and_the_first_that_holds_counts() {
    let mut world =
        world(routed(), json!({"id": "ap_1", "fields": {"who": "robot", "unheard_of": 1}, "vars": {"plan": "trial"}}));
    assert_eq!((world.begin(), world.at()), (Next::Show, "kind"));
    assert_eq!(json!(world.journey.fields), json!({"who": "robot", "source": "at Shop"}));
    assert_eq!(
        (world.act("next", &[("who", "person"), ("secret", "s")]), world.journey.at.as_deref()),
        (Ok(Next::Show), Some("person"))
    );
    assert_eq!(world.act("next", &[("name", "Al")]), Err(vec!["name ERR_TOO_SHORT_STRING".to_owned()]));
    assert_eq!(world.act("next", &[]), Err(vec!["name ERR_REQUIRED_PROPERTY".to_owned()]));
    assert_eq!((world.act("previous", &[("name", "Zed")]), world.at()), (Ok(Next::Show), "kind"));
    assert_eq!(world.journey.fields["name"], "Zed");
    world.act("next", &[("who", "person")]).unwrap();
    // What the step holds is dropped, and nothing of it validated.
    assert_eq!((world.act("jump:skip", &[("name", "Zo")]), world.at()), (Ok(Next::Show), "other"));
    assert_eq!(world.journey.fields.get("name"), None);
    assert_eq!(world.act("default", &[]), Ok(Next::Done));
    let answers = world.journey.answers(&world.form);
    assert_eq!(
        json!(answers),
        json!({"id": "ap_1", "fields": {"source": "at Shop", "who": "person"}, "vars": {"plan": "trial"}})
    );
    assert_eq!(world.act("next", &[]), Ok(Next::Done));
    assert_eq!(Journey::from_value(&world.journey.to_value()).as_ref(), Some(&world.journey));
}

#[test]
fn a_form_that_leads_nowhere_breaks_off() {
    for (who, reason) in [("circle", "its routers and flows lead in circles"), ("nowhere", "a node leads nowhere")] {
        let mut world = world(routed(), json!({"id": "ap_1"}));
        world.begin();
        assert_eq!(world.act("next", &[("who", who)]), Ok(Next::Broken(reason)));
        assert_eq!((world.at(), &world.journey.fault), ("kind", &Some(Fault::Failed)));
        // The visitor can choose another way.
        assert_eq!(world.act("next", &[("who", "person")]), Ok(Next::Show));
    }
    let mut gone = world(json!({}), json!({"id": "ap_1"}));
    assert_eq!(gone.begin(), Next::Broken("a node leads nowhere"));
}

#[test]
fn a_button_that_no_step_has_leads_nowhere() {
    let mut world = world(routed(), json!({"id": "ap_1"}));
    world.begin();
    for action in ["jump:skip", "resend:skip", "previous"] {
        assert_eq!((world.act(action, &[("who", "person")]), world.at()), (Ok(Next::Show), "kind"), "{action}");
    }
}

fn flowing() -> Value {
    json!({
        "start": {"next_node": "address"},
        "nodes": [
            step("address", json!([field("to", "EMAIL", json!({}))]), "send"),
            {"id": "send", "type": "FLOW", "config": {"flow_id": "af_1", "next_node": "code"}},
            step("code", json!([
                {"id": "again", "category": "BLOCK", "type": "RESEND_BUTTON", "config": {"flow_id": "af_1", "max_attempts": 1, "waiting_time": 5}},
            ]), "$ending"),
        ],
        "ending": {"after_submit": {"flow_id": "af_2"}},
    })
}

#[test]
fn flows_run_between_steps_and_what_goes_wrong_is_told_where_the_visitor_was() {
    let mut world = world(flowing(), json!({"id": "ap_1"}));
    world.begin();
    for (outcome, fault) in [
        (Outcome::Failed, Fault::Failed),
        (
            Outcome::ErrorMessage { message: "No".to_owned(), vars: object(json!({"a": 1})) },
            Fault::Told("No".to_owned()),
        ),
    ] {
        assert_eq!(world.act("next", &[("to", "a@b.example")]), Ok(Next::Run("af_1".to_owned())));
        assert_eq!(world.act("next", &[("to", "a@b.example")]), Ok(Next::Wait));
        assert_eq!((world.ran(outcome), world.at()), (Next::Show, "address"));
        assert_eq!(world.journey.fault, Some(fault));
    }
    world.act("next", &[]).unwrap();
    assert_eq!(world.ran(Outcome::Waiting { execution_id: "e".to_owned() }), Next::Wait);
    assert_eq!((world.ran(completed(json!({"a": 2}))), world.at()), (Next::Show, "code"));
    assert_eq!((&world.journey.fault, json!(world.journey.vars)), (&None, json!({"a": 2})));
    assert_eq!(world.act("next", &[]), Ok(Next::Run("af_2".to_owned())));
    assert!(world.journey.is_ending());
    assert_eq!((world.ran(Outcome::Failed), world.at()), (Next::Show, "code"));
    world.act("next", &[]).unwrap();
    assert_eq!(world.ran(completed(json!({}))), Next::Done);
}

#[test]
fn a_resend_button_waits_and_counts() {
    let mut world = world(flowing(), json!({"id": "ap_1"}));
    world.begin();
    world.act("next", &[]).unwrap();
    world.ran(completed(json!({})));
    assert_eq!(world.act("resend:again", &[]), Ok(Next::Show));
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.act("resend:again", &[]), Ok(Next::Run("af_1".to_owned())));
    assert_eq!((world.ran(completed(json!({}))), world.at()), (Next::Show, "code"));
    world.clock.advance(Duration::from_secs(5));
    assert_eq!(world.act("resend:again", &[]), Ok(Next::Show));
}

#[test]
fn flows_in_circles_end() {
    let mut world = world(
        json!({
            "start": {"next_node": "one"},
            "nodes": [{"id": "one", "type": "FLOW", "config": {"flow_id": "af_1", "next_node": "one"}}],
        }),
        json!({"id": "ap_1"}),
    );
    let mut next = world.begin();
    let mut runs = 0;
    while let Next::Run(_) = next {
        runs += 1;
        next = world.ran(completed(json!({})));
    }
    assert_eq!((runs, next), (50, Next::Broken("its routers and flows lead in circles")));
}

#[test]
fn values_are_of_their_types() {
    let options = json!({"options": [{"value": "a", "label": "A"}, {"value": "b", "label": "B"}]});
    let mut several = options.clone();
    several["multiple"] = true.into();
    let mut other = options.clone();
    other["allow_other"] = json!({"enabled": true, "label": "Else"});
    for (kind, config, sent, expected) in [
        ("TEXT", json!({"multiline": true}), vec!["a\r\nb "], Ok(json!("a\nb"))),
        ("TEXT", json!({"max_length": 2}), vec!["äöü"], Err("ERR_TOO_LONG_STRING")),
        ("TEXT", json!({}), vec!["a\u{0}b"], Err("ERR_INVALID_VALUE")),
        ("EMAIL", json!({}), vec!["nobody"], Err("ERR_EMAIL_EXPECTED")),
        ("EMAIL", json!({}), vec![" a@b.example "], Ok(json!("a@b.example"))),
        ("URL", json!({}), vec!["javascript:alert(1)"], Err("ERR_URL_EXPECTED")),
        ("URL", json!({}), vec!["https://a.example/x"], Ok(json!("https://a.example/x"))),
        ("TEL", json!({}), vec!["call me"], Err("ERR_TEL_EXPECTED")),
        ("TEL", json!({}), vec!["+49 30 1234567"], Ok(json!("+49 30 1234567"))),
        ("NUMBER", json!({"min_value": 0, "max_value": 150}), vec!["151"], Err("ERR_TOO_LARGE_NUMBER")),
        ("NUMBER", json!({}), vec!["NaN"], Err("ERR_NUMBER_EXPECTED")),
        ("NUMBER", json!({}), vec!["30"], Ok(json!(30))),
        ("NUMBER", json!({}), vec!["1.5"], Ok(json!(1.5))),
        ("BOOLEAN", json!({}), vec!["false"], Ok(json!(false))),
        ("BOOLEAN", json!({}), vec!["maybe"], Err("ERR_BOOLEAN_EXPECTED")),
        ("DATE", json!({"format": "DATE"}), vec!["2026-02-30"], Err("ERR_DATE_EXPECTED")),
        ("DATE", json!({"format": "DATE"}), vec!["2026-02-28"], Ok(json!("2026-02-28"))),
        ("DATE", json!({"format": "TIME"}), vec!["23:59"], Ok(json!("23:59"))),
        ("DROPDOWN", options.clone(), vec!["xl"], Err("ERR_OPTION_EXPECTED")),
        ("CHOICE", options, vec!["b"], Ok(json!("b"))),
        ("CARDS", several, vec!["b", "a", "b"], Ok(json!(["b", "a"]))),
        ("CHOICE", other, vec!["$other"], Ok(json!("mine"))),
        ("LEGAL", json!({}), vec!["true"], Ok(json!(true))),
        (
            "PASSWORD",
            json!({"hash": "SHA256"}),
            vec!["abc"],
            Ok(json!("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad")),
        ),
        ("PASSWORD", json!({"complexity": true}), vec!["abcdefgh"], Err("ERR_PASSWORD_COMPLEXITY")),
        ("PASSWORD", json!({"nist": true}), vec!["Password1"], Err("ERR_PASSWORD_COMMON")),
        (
            "CUSTOM",
            json!({"schema": {"type": "object", "required": ["x"]}}),
            vec!["{\"y\":1}"],
            Err("ERR_INVALID_VALUE"),
        ),
        ("CUSTOM", json!({"schema": {"type": "object"}}), vec!["{\"x\":1}"], Ok(json!({"x": 1}))),
    ] {
        let form = json!({
            "start": {"next_node": "one"}, "nodes": [step("one", json!([field("x", kind, config.clone())]), "$ending")],
        });
        let mut world = world(form, json!({"id": "ap_1"}));
        world.begin();
        let mut fields: Vec<(&str, &str)> = sent.iter().map(|value| ("x", *value)).collect();
        fields.push(("x.other", "mine"));
        let got = world.act("next", &fields).map(|_| world.journey.fields["x"].clone());
        assert_eq!(got, expected.map_err(|code| vec![format!("x {code}")]), "{kind} {config} {sent:?}");
    }
}

#[test]
fn a_number_with_its_country_has_parts() {
    let form = json!({
        "start": {"next_node": "one"}, "nodes": [step("one", json!([field("x", "TEL", json!({"country_picker": true}))]), "$ending")],
    });
    let mut world = world(form, json!({"id": "ap_1"}));
    world.begin();
    assert!(world.act("next", &[("x", "12"), ("x.country", "DE")]).is_err());
    world.act("next", &[("x", "030 123456"), ("x.country", "DE")]).unwrap();
    let value = &world.journey.fields["x"];
    assert_eq!(
        (&value["international_number"], &value["country_code_iso"], &value["country_code_number"]),
        (&json!("+4930123456"), &json!("DE"), &json!(49))
    );
    assert!(countries().iter().any(|(iso, code)| (iso.as_str(), *code) == ("DE", 49)));
}

#[test]
fn files_are_as_many_and_as_large_as_they_may() {
    let form = json!({
        "start": {"next_node": "one"},
        "nodes": [step("one", json!([field("x", "FILE", json!({"categories": ["IMAGE"], "maxSize": 1024}))]), "$ending")],
    });
    let upload = |name: &str, length: usize| Upload {
        id: "file_1".to_owned(),
        url: "https://a.example/1".to_owned(),
        name: name.to_owned(),
        media_type: "image/png".to_owned(),
        content: vec![1; length],
    };
    for (files, expected) in [
        (vec![upload("a.PNG", 10)], Ok(())),
        (vec![upload("a.exe", 10)], Err("ERR_FILE_TYPE")),
        (vec![upload("a.png", 1025)], Err("ERR_FILE_TOO_LARGE")),
        (vec![upload("a.png", 1), upload("b.png", 1)], Err("ERR_TOO_MANY_FILES")),
    ] {
        let mut world = world(form.clone(), json!({"id": "ap_1"}));
        world.begin();
        let mut entered = Entered::default();
        for file in files {
            entered.upload(name_of("x"), file);
        }
        let known = Known { context: &world.context, of: &world.of };
        let got = world.journey.act(&world.form, &Act::Next, &entered, &known);
        assert_eq!(got.map(drop).map_err(|faults| faults[0].code), expected);
        if expected.is_ok() {
            let value = &world.journey.fields["x"];
            assert_eq!(
                *value,
                json!([{"id": "file_1", "name": "a.PNG", "type": "image/png", "size": 10, "url": "https://a.example/1"}])
            );
            assert_eq!(entered.uploads_of(value).len(), 1);
        }
    }
}

#[test]
fn texts_are_in_the_language_of_the_visitor() {
    let form = object(json!({
        "languages": {"primary": "en", "default": "es"},
        "messages": {"errors": {"ERR_REQUIRED_PROPERTY": "Required"}},
        "nodes": [step("one", json!([field("x", "CHOICE", json!({"options": [{"value": "a", "label": "Yes"}]}))]), "$ending")],
        "translations": {
            "es": {
                "components": {"x": {"label": "Qué", "type": "CUSTOM", "config": {"options": [{"value": "a", "label": "Sí"}], "multiple": true}}},
                "messages": {"errors": {"ERR_REQUIRED_PROPERTY": "Obligatorio"}}, "ending": null,
            },
        },
    }));
    assert_eq!(languages_of(&form), ["es", "en"]);
    let spanish = Form::of("ap_1", &form, "es");
    let field = spanish.fields().next().unwrap();
    assert_eq!((field.kind.as_str(), field.label.as_deref()), ("CHOICE", Some("Qué")));
    assert_eq!((field.choices()[0].label.as_str(), field.is("multiple")), ("Sí", false));
    assert_eq!(spanish.errors["ERR_REQUIRED_PROPERTY"], "Obligatorio");
    assert_eq!(Form::of("ap_1", &form, "en").errors["ERR_REQUIRED_PROPERTY"], "Required");
}

#[test]
fn a_payment_is_made_once_at_the_end() {
    let form = json!({
        "start": {"next_node": "card"},
        "nodes": [
            step("card", json!([field("pay", "PAYMENT", json!({}))]), "last"),
            step("last", json!([field("note", "TEXT", json!({}))]), "$ending"),
        ],
        "ending": {"after_submit": {"flow_id": "af_1"}},
    });
    let mut world = world(form, json!({"id": "ap_1"}));
    world.begin();
    assert_eq!(world.act("next", &[("pay", "4242 4242")]), Err(vec!["pay ERR_INVALID_VALUE".to_owned()]));
    assert_eq!((world.act("next", &[("pay", "pm_1")]), world.at()), (Ok(Next::Show), "last"));
    assert_eq!(world.act("next", &[]), Ok(Next::Pay("pay".to_owned())));
    // A card that is refused is asked for anew.
    let refused = Paid::Refused("Your card was declined.".to_owned());
    assert_eq!((world.paid(refused), world.at()), (Next::Show, "card"));
    assert_eq!(world.journey.fault, Some(Fault::Told("Your card was declined.".to_owned())));
    world.act("next", &[("pay", "pm_2")]).unwrap();
    assert_eq!(world.act("next", &[]), Ok(Next::Pay("pay".to_owned())));
    // What a crash cut short is paid with the same card again.
    assert_eq!(world.ran(Outcome::Failed), Next::Show);
    assert_eq!(world.act("next", &[]), Ok(Next::Pay("pay".to_owned())));
    let made = Paid::Made(json!({"id": "pi_1", "status": "succeeded"}));
    assert_eq!(world.paid(made), Next::Run("af_1".to_owned()));
    assert_eq!(world.ran(Outcome::Failed), Next::Show);
    assert_eq!(world.act("next", &[]), Ok(Next::Run("af_1".to_owned())));
    assert_eq!(world.journey.fields["pay"]["id"], "pi_1");
}

#[test]
fn hidden_fields_are_set_by_components_that_say_so() {
    let custom = |code: &str| json!([field("own", "CUSTOM", json!({"code": code}))]);
    let form = json!({
        "start": {"next_node": "one", "hidden_fields": [{"key": "plan", "value": "none"}]},
        "nodes": [
            step("one", custom("() => ({})"), "two"),
            step("two", custom("(context) => context.form.setHiddenField('plan', 1)"), "$ending"),
        ],
    });
    let mut world = world(form, json!({"id": "ap_1"}));
    world.begin();
    let set =
        Entered::of([("hidden-plan".to_owned(), "\"paid\"".to_owned()), ("hidden-other".to_owned(), "1".to_owned())]);
    for expected in ["none", "paid"] {
        let known = Known { context: &world.context, of: &world.of };
        world.journey.act(&world.form, &Act::Next, &set, &known).unwrap();
        assert_eq!(world.journey.fields, object(json!({"plan": expected})));
    }
}

#[test]
fn a_puzzle_is_not_left_out() {
    let form = json!({
        "start": {"next_node": "one"}, "nodes": [step("one", json!([field("robot", "RECAPTCHA", json!({}))]), "$ending")],
    });
    let mut world = world(form, json!({"id": "ap_1"}));
    world.begin();
    assert_eq!(world.act("next", &[]), Err(vec!["robot ERR_REQUIRED_PROPERTY".to_owned()]));
    assert_eq!(world.act("next", &[("robot", "token")]), Ok(Next::Done));
}
