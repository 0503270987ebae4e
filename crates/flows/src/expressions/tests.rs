use kernel::{FixedClock, SeededRandom, Timestamp, object};
use serde_json::json;

use super::*;

fn context() -> Context {
    let clock = FixedClock::at(Timestamp::from_seconds(1_700_000_000));
    Context::new(std::sync::Arc::new(clock), std::sync::Arc::new(SeededRandom::new(1)))
}

fn scope() -> Scope {
    Scope {
        context: object(
            json!({"user": {"email": "ada@example.com", "name": "Ada", "identities": [{"provider": "auth0"}]}}),
        ),
        fields: object(
            json!({"age": 36, "price": 12.5, "topics": ["a", "b"], "on": true, "none": null, "pin": "4711"}),
        ),
        vars: object(json!({"plan": "m", "big": "x".repeat(200_000)})),
        actions: object(json!({"step": {"status": 200, "body": {"a-b": 1}}, "code": {"code": "123456"}})),
        messages: object(json!({"hello": "Hi"})),
        transient: ["pin".to_owned()].into(),
        masked: ["code".to_owned()].into(),
        ..Scope::default()
    }
}

fn resolved(value: &Value) -> Result<Resolved, Unevaluated> {
    Evaluator::new(&scope(), &context()).resolve(value)
}

fn check(text: &str, expected: &Value) {
    let value = resolved(&text.into()).unwrap().value;
    assert_eq!(value.unwrap_or_else(|| "undefined".into()), *expected, "{text}");
}

#[test]
fn one_expression_alone_keeps_its_type() {
    check("{{fields.age}}", &json!(36));
    check("{{ fields.topics }}", &json!(["a", "b"]));
    check("{{context.user.identities.0.provider}}", &json!("auth0"));
    check("{{context.user.identities[0]['provider']}}", &json!("auth0"));
    check("{{actions.step.body.a-b}}", &json!(1));
    check("{{fields.none}}", &json!(null));
    check("{{fields.absent.deeper}}", &json!("undefined"));
    check("{{unheard.of}}", &json!("undefined"));
    check("{{['a', 1, true, null]}}", &json!(["a", 1, true, null]));
    check("{{-2.50}}", &json!(-2.5));
}

#[test]
fn within_text_expressions_are_written_out() {
    check("Hello {{context.user.name}}, {{fields.age}}!", &json!("Hello Ada, 36!"));
    check("{{fields.topics}} {{fields.on}} {{fields.price}}", &json!(r#"["a","b"] true 12.5"#));
    check("[{{fields.none}}{{fields.absent}}{{ no expression | at all }}]", &json!("[]"));
    check("open {{ fields.age", &json!("open {{ fields.age"));
    check("{{functions.replace('a}}b', '}}', '-')}}!", &json!("a-b!"));
}

#[test]
fn the_first_that_is_there_is_taken() {
    check("{{fields.absent ?? fields.none ?? fields.age}}", &json!(36));
    check("{{fields.absent ?? ''}}", &json!(""));
    check("{{fields.none ?? fields.absent}}", &json!("undefined"));
    check("{{(fields.none ?? 'x')}}", &json!("x"));
    check("{{t('hello')}} {{t('absent') ?? 'there'}}", &json!("Hi there"));
}

#[test]
fn each_function_does_what_its_name_says() {
    for (call, expected) in [
        ("toArray(fields.age)", json!([36])),
        ("toArray(fields.topics)", json!(["a", "b"])),
        ("toBoolean('false')", json!(false)),
        ("toBoolean(1)", json!(true)),
        ("toNumber('12.50')", json!(12.5)),
        ("toNumber('3.0')", json!(3)),
        ("toNumber('x')", json!("undefined")),
        ("toString(fields.age)", json!("36")),
        ("length('añ😀')", json!(4)),
        ("length(fields.topics)", json!(2)),
        ("mask('x')", json!("x")),
        ("random(7, 7)", json!(7)),
        ("slice('abcdef', -3, -1)", json!("de")),
        ("slice('abcdef', 3, 1)", json!("")),
        ("slice(fields.topics, 1)", json!(["b"])),
        ("substring('abcdef', 3, 1)", json!("bc")),
        ("substring('abcdef', -3)", json!("abcdef")),
        ("toTimestamp()", json!(1_700_000_000)),
        ("toTimestamp('1970-01-02')", json!(86_400)),
        ("toTimestamp('2023-11-14T22:13:20.500Z')", json!(1_700_000_000)),
        ("now()", json!("2023-11-14T22:13:20.000Z")),
        ("toLowerCase('ÄB')", json!("äb")),
        ("toUpperCase('äb')", json!("ÄB")),
        ("replace('aaa', 'a', 'b')", json!("baa")),
        ("replaceAll('aaa', 'a', '.')", json!("...")),
        ("split('a,b,c', ',', 2)", json!(["a", "b"])),
        ("split('abc', '')", json!(["a", "b", "c"])),
        ("includes(fields.topics, 'b')", json!(true)),
        ("includes('abc', 'a', 1)", json!(false)),
        ("indexOf('😀bc', 'c')", json!(3)),
        ("indexOf(fields.topics, 'z')", json!(-1)),
        ("merge(fields.topics, ['c'])", json!(["a", "b", "c"])),
        ("merge(context.user, actions.step.body).a-b", json!("undefined")),
        ("merge('a', 'b')", json!("ab")),
        ("md5('a')", json!("0cc175b9c0f1b6a831c399e269772661")),
        ("sha1('a')", json!("86f7e437faa5a7fce15d1ddcb9eaeaea377667b8")),
        ("sha256('a')", json!("ca978112ca1bbdcafac231b39a23dc4da786eff8147c4e72b9807785afee48bb")),
        ("encodeURIComponent('auth0|a/1+2 é')", json!("auth0%7Ca%2F1%2B2%20%C3%A9")),
        ("unheardOf(1)", json!("undefined")),
    ] {
        check(&format!("{{{{functions.{call}}}}}"), &expected);
    }
    let value = resolved(&"{{functions.uuid()}}".into()).unwrap().value.unwrap();
    assert_eq!(value.as_str().unwrap().len(), 36);
    let merged = resolved(&"{{functions.merge(context.user, actions.step.body)}}".into()).unwrap().value.unwrap();
    assert_eq!((&merged["name"], &merged["a-b"]), (&json!("Ada"), &json!(1)));
    let part = resolved(&"{{functions.random(0, 1, true)}}".into()).unwrap().value.unwrap();
    assert!((0.0..=1.0).contains(&part.as_f64().unwrap()));
}

#[test]
fn expressions_are_resolved_wherever_they_stand() {
    let value = json!({"a": ["{{fields.age}}", {"b": "x{{vars.plan}}"}], "gone": "{{fields.absent}}", "{{vars.plan}}": [1, "{{fields.absent}}"]});
    let Resolved { value, shown } = resolved(&value).unwrap();
    assert_eq!(value.unwrap(), json!({"a": [36, {"b": "xm"}], "m": [1, null]}));
    assert_eq!(shown.unwrap(), json!({"a": [36, {"b": format!("x{HIDDEN}")}], "m": [1, null]}));
}

#[test]
fn what_must_not_be_shown_is_hidden() {
    for text in
        ["{{vars.plan}}", "{{fields.pin}}", "{{actions.code.code}}", "{{functions.mask(fields.age)}}", "{{fields}}"]
    {
        assert_eq!(resolved(&text.into()).unwrap().shown, Some(HIDDEN.into()), "{text}");
    }
    let inside = "{{functions.toUpperCase(functions.replace(actions.code.code, '1', '2'))}}";
    assert_eq!(resolved(&inside.into()).unwrap().shown, Some(HIDDEN.into()));
    assert_eq!(resolved(&"{{fields.age}}".into()).unwrap().shown, Some(json!(36)));
}

#[test]
fn what_a_value_says_is_never_read_as_an_expression() {
    let scope = Scope { fields: object(json!({"evil": "{{vars.secret}} {{functions.now()}}"})), ..scope() };
    let context = context();
    let evaluator = Evaluator::new(&scope, &context);
    let text = "said: {{fields.evil}}";
    assert_eq!(evaluator.text(text).unwrap(), "said: {{vars.secret}} {{functions.now()}}");
}

#[test]
fn hostile_expressions_end_at_a_bound() {
    let error = |text: &str| resolved(&text.into()).map(|_| ()).unwrap_err();
    assert_eq!(error(&"{{vars.big}}".repeat(10)), Unevaluated::TooLarge);
    assert_eq!(error("{{functions.replaceAll(vars.big, 'x', vars.big)}}"), Unevaluated::TooLarge);
    assert_eq!(error("{{functions.split(vars.big, '')}}"), Unevaluated::TooLarge);
    assert_eq!(error(&"{{functions.sha512(vars.big)}}".repeat(1000)), Unevaluated::TooMuch);
    let doubled = (0..12).fold("vars.big".to_owned(), |text, _| format!("functions.merge({text}, vars.big)"));
    assert_eq!(error(&format!("{{{{{doubled}}}}}")), Unevaluated::TooLarge);
    check(&format!("{{{{{}1{}}}}}", "(".repeat(5000), ")".repeat(5000)), &json!("undefined"));
    check(&format!("{{{{{}}}}}", "[".repeat(5000)), &json!("undefined"));
    let deep = (0..200).fold(json!("{{fields.age}}"), |inner, _| json!([inner]));
    assert_eq!(resolved(&deep).map(|_| ()), Err(Unevaluated::TooDeep));
}
