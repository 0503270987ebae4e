//! What templates say, and what hostile ones cost.

use std::time::{Duration, Instant};

use kernel::object;
use serde_json::json;

use super::*;

fn known() -> Document {
    object(json!({
        "user": {"email": "<a@b.example>", "name": null, "roles": ["x", "y", "z"], "app": {"a": 1}},
        "code": "123456",
        "long": "x".repeat(1000),
    }))
}

fn rendered(template: &str) -> String {
    render(template, &known()).unwrap()
}

#[test]
fn a_template_takes_what_is_known() {
    assert_eq!(rendered("{{ code }} for {{ user.email | escape }}"), "123456 for &lt;a@b.example&gt;");
    assert_eq!(rendered("{% for role in user.roles %}{{ role | upcase }} {% endfor %}"), "X Y Z ");
    assert_eq!(rendered("{% assign who = user.email %}{{ who }}"), "<a@b.example>");
    assert_eq!(rendered("{% capture who %}{{ code }}!{% endcapture %}{{ who }}"), "123456!");
}

#[test]
fn parts_of_a_page_stand_where_its_template_says() {
    let page = object(json!({"auth0": {"head": "<link>", "widget": "<main></main>"}}));
    let template = "<head>{%- auth0:head -%}</head> <body>{% auth0:widget %}</body>";
    assert_eq!(render(template, &page).unwrap(), "<head><link></head> <body><main></main></body>");
    assert_eq!(rendered("{%-auth0:head-%}{% auth0 : nothing %}."), ".");
    assert!(render("{% auth0 head %}", &page).is_err() && render("{% auth0:head x %}", &page).is_err());
}

#[test]
fn what_nobody_told_is_empty() {
    assert_eq!(rendered("[{{ nobody }}{{ user.app_metadata.plan | escape }}{{ user.name.first }}]"), "[]");
    assert_eq!(rendered("{% if user.given_name %}a{% else %}b{% endif %}"), "b");
    assert_eq!(rendered("{{ user.name | default: 'you' }}{% for x in nothing %}x{% endfor %}"), "you");
    assert_eq!(rendered("{% for x in nothing %}x{% else %}none{% endfor %}"), "none");
}

#[test]
fn a_template_that_cannot_be_read_is_refused() {
    for template in ["{% if %}", "{% for %}", "{% nothing %}", "{{ code | nothing }}", "{% if code %}"] {
        assert!(render(template, &Document::new()).is_err(), "{template}");
    }
}

#[test]
fn loops_go_through_parts_and_ranges() {
    let cases = [
        ("{% for i in (1..4) %}{{ i }}{% endfor %}", "1234"),
        ("{% for i in (1..9) limit:3 offset:2 reversed %}{{ i }}{% endfor %}", "543"),
        ("{% for r in user.roles reversed %}{{ r }}{{ forloop.index }}{% endfor %}", "z1y2x3"),
        ("{% for r in user.roles limit:1, offset:1 %}{{ r }}{% endfor %}", "y"),
        (
            "{% for i in (1..9) %}{% if i == 2 %}{% continue %}{% endif %}{% if i > 3 %}{% break %}{% endif %}{{ i }}{% endfor %}",
            "13",
        ),
        ("{% for i in (3..1) %}{{ i }}{% else %}none{% endfor %}", "none"),
        ("{% for p in user.app %}{{ p[0] }}={{ p[1] }}{% endfor %}", "a=1"),
        (
            "{% tablerow r in user.roles cols:2 %}{{ r }}{% endtablerow %}",
            "<tr class=\"row1\"><td class=\"col1\">x</td><td class=\"col2\">y</td></tr><tr class=\"row2\"><td class=\"col1\">z</td></tr>",
        ),
        (
            "{% tablerow r in user.roles cols:0 %}{{ r }}{% endtablerow %}",
            "<tr class=\"row1\"><td class=\"col1\">x</td><td class=\"col2\">y</td><td class=\"col3\">z</td></tr>",
        ),
    ];
    for (template, text) in cases {
        assert_eq!(rendered(template), text, "{template}");
    }
}

#[test]
fn what_is_escaped_is_not_escaped_again() {
    assert_eq!(rendered("{{ 'a < b & \"c\"' | escape | escape }}"), "a &lt; b &amp; &#34;c&#34;");
    assert_eq!(rendered("{{ \"o'brien@x.example\" | escape | url_encode }}"), "o%27brien%40x.example");
}

#[test]
fn a_hostile_template_stops_itself() {
    let nested = |open: &str, close: &str, depth: usize| open.repeat(depth) + &close.repeat(depth);
    let doubled = "{% assign a = long %}".to_owned() + &"{% assign a = a | append: a %}".repeat(60) + "{{ a }}";
    let hostile = [
        "{% for i in (1..200000000) %}{% endfor %}".to_owned(),
        "{% for i in (1..200000000) %}{{ i }}{% endfor %}".to_owned(),
        "{% for i in (-9223372036854775808..9223372036854775807) %}{% endfor %}".to_owned(),
        "{% for i in (1..9000000000000000000) reversed offset: 3 %}x{% endfor %}".to_owned(),
        "{% tablerow i in (1..200000000) cols:3 %}x{% endtablerow %}".to_owned(),
        "{% for i in (1..2000) %}{% for j in (1..2000) %}{% for k in (1..2000) %}{% endfor %}{% endfor %}{% endfor %}"
            .to_owned(),
        format!("{{% for i in (1..50000) %}}{}{{% endfor %}}", "{{ nobody }}".repeat(2000)),
        format!("{{% for i in (1..50000) %}}{}{{% endfor %}}", "{% if nobody %}{% endif %}".repeat(2000)),
        "{% for i in (1..50000) %}{{ long }}{% endfor %}".to_owned(),
        "{% capture a %}{% for i in (1..50000) %}{{ long }}{% endfor %}{% endcapture %}".to_owned(),
        "{% assign a = 'x' %}{% for i in (1..100000) %}{% capture a %}{{ a }}{{ a }}{% endcapture %}{% endfor %}"
            .to_owned(),
        doubled.clone(),
        doubled.replace("append: a", "prepend: a"),
        "{% assign a = long | replace: 'x', long | replace: 'x', long | replace: 'x', long %}{{ a }}".to_owned(),
        "{% assign a = long | replace: '', long %}{% assign a = a | replace: '', a %}{{ a }}".to_owned(),
        "{% assign a = long | split: '' | join: long | split: '' | join: long %}{{ a }}".to_owned(),
        "{% assign a = long | split: '' %}".to_owned() + &"{% assign a = a | concat: a %}".repeat(40),
        "{% assign a = long | split: '' | concat: b %}{% for i in (1..1000) %}{% assign b = a | uniq %}{% endfor %}"
            .to_owned(),
        "{{ 'now' | date: '%2000000000d' }}".to_owned(),
        "{{ '2020-01-01' | date: '%-_^2000000000Y' }}".to_owned(),
        "{{ '2020-01-01 00:00:00 +0000' | date: '%0000002000000000Y' }}".to_owned(),
        nested("{% if true %}", "{% endif %}", 20_000),
        nested("{%- for i in (1..2) -%}", "{%- endfor -%}", 200),
        "{% if true %}".to_owned() + &"{% elsif true %}".repeat(20_000) + "{% endif %}",
        format!("{{% if true{} %}}x{{% endif %}}", " and true".repeat(50_000)),
        format!("{{{{ {}1{} }}}}", "user[".repeat(20_000), "]".repeat(20_000)),
        "x".repeat(2 << 20),
    ];
    for template in hostile {
        let started = Instant::now();
        let outcome = render(&template, &known());
        let shown = template.chars().take(90).collect::<String>();
        assert!(outcome.is_err(), "{shown}");
        // No figure of a machine: without bounds these take hours, or all memory.
        assert!(started.elapsed() < Duration::from_secs(60), "{shown}");
    }
}

#[test]
fn a_panic_of_the_library_is_an_error() {
    for template in
        ["{{ -9223372036854775808 | abs }}", "{{ 9223372036854775807 | plus: 1 }}", "{{ 1 | divided_by: 0 }}"]
    {
        let _ = render(template, &known());
    }
    assert_eq!(rendered("{{ code }}"), "123456");
}

#[test]
fn as_deep_as_allowed_is_rendered() {
    let template = "{% if code %}".repeat(120) + "x" + &"{% endif %}".repeat(120);
    // The stack of the threads that render.
    let work = move || rendered(&template);
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).unwrap();
    assert_eq!(thread.join().unwrap(), "x");
}
