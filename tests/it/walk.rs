//! Random walks over the whole API: whatever is asked in whatever order, no answer is a failure of the server, and the
//! store stays sound.

use std::collections::BTreeMap;

use kernel::{Context, Random, SeededRandom};
use serde_json::{Value, json};

use crate::{
    script::{self, Names, Request},
    server::TestServer,
};

/// Requests of one walk.
const STEPS: usize = 200;

/// Parts of the lines that would take away what the walk's own token is verified with, or that wait.
const LEFT_ALONE: &[&str] = &["/keys/signing/{key}/revoke", "wait "];

#[tokio::test]
async fn no_walk_over_the_api_breaks_anything() {
    let mut defects = BTreeMap::new();
    for seed in 0..walks() {
        walk(seed, &mut defects).await;
    }
    let report: Vec<String> = defects.iter().map(|(defect, example)| format!("{defect}\n    {example}")).collect();
    assert!(report.is_empty(), "{}", report.join("\n"));
}

#[expect(clippy::disallowed_methods, reason = "who looks for defects asks for more walks")]
fn walks() -> u64 {
    std::env::var("AUGHT_WALKS").ok().map_or(3, |walks| walks.parse().expect("a number of walks"))
}

/// One walk; what it finds is kept with an example of each.
async fn walk(seed: u64, defects: &mut BTreeMap<String, String>) {
    let server = TestServer::with(Context::system()).await;
    let mut names = Names::of(&server);
    let lines: Vec<&str> = script::lines().filter(|line| !LEFT_ALONE.iter().any(|part| line.contains(part))).collect();
    let dice = Dice(SeededRandom::new(seed));
    // A tenant that has something of everything makes most requests reach their end.
    let made = lines.iter().filter(|line| ["POST", "PUT", "leave"].iter().any(|word| line.starts_with(word)));
    let steps = made.copied().map(|line| (line, false));
    let steps = steps.chain((0..STEPS).map(|_| (lines[dice.below(lines.len())], true)));
    // What is left there without the API is left once: what it names may be deleted on the way.
    for (line, is_twisted) in steps.filter(|(line, is_twisted)| !is_twisted || !line.starts_with("leave")) {
        let Some(mut request) = script::request(&server, line, &mut names).await else { continue };
        if is_twisted {
            dice.twist(&mut request);
        }
        let (answer, wrong) = request.send(&server).await;
        request.keep(&answer, &mut names);
        // A choice of fields leaves out what the contract requires.
        let wrong = wrong.first().filter(|_| !request.path.contains("fields="));
        let defect = match (answer.status, wrong) {
            (501, _) => continue,
            (500.., _) => format!("{} at {line}", answer.status),
            (_, Some(wrong)) => wrong.clone(),
            _ => continue,
        };
        let example = format!("walk {seed}: {} {} {:?} {}", request.method, request.path, request.body, answer.body);
        defects.entry(defect).or_insert(example);
    }
    server.end().await;
}

struct Dice(SeededRandom);

impl Dice {
    fn below(&self, bound: usize) -> usize {
        let mut bytes = [0; 8];
        self.0.fill(&mut bytes);
        usize::try_from(u64::from_le_bytes(bytes) % u64::try_from(bound).unwrap()).unwrap()
    }

    /// Changes about every second request: something of its body is replaced, missing or new, or its path is odd.
    fn twist(&self, request: &mut Request) {
        match self.below(12) {
            0..=3 => {
                if let Some(body) = &mut request.body {
                    self.change(body);
                }
            }
            4 => request.body = Some(self.value()),
            5 => request.path.push_str("%00"),
            6 => request.path.push_str("?page=0&per_page=1&include_totals=true&fields=a&include_fields=true&take=1"),
            _ => {}
        }
    }

    /// Replaces, removes or adds one value somewhere in the body.
    fn change(&self, value: &mut Value) {
        match value {
            Value::Object(members) if !members.is_empty() => {
                let at = self.below(members.len());
                let name = members.keys().nth(at).unwrap().clone();
                match self.below(6) {
                    0 => drop(members.shift_remove(&name)),
                    1 => drop(members.insert("unheard_of".into(), self.value())),
                    2 => drop(members.insert(name, self.value())),
                    _ => self.change(&mut members[&name]),
                }
            }
            Value::Array(items) if !items.is_empty() => {
                let at = self.below(items.len());
                match self.below(4) {
                    0 => drop(items.remove(at)),
                    1 => items.push(items[at].clone()),
                    _ => self.change(&mut items[at]),
                }
            }
            value => *value = self.value(),
        }
    }

    fn value(&self) -> Value {
        let values = [
            json!(null),
            json!(true),
            json!(-1),
            json!(9_007_199_254_740_993_i64),
            json!(0.5),
            json!(""),
            json!("\u{0}"),
            json!("{{ x | y }} <script> ' OR 1=1 --"),
            json!("ﷺ🦀".repeat(300)),
            json!([]),
            json!([null, {}]),
            json!({}),
            json!({"a": {"b": {"c": []}}}),
        ];
        values[self.below(values.len())].clone()
    }
}
