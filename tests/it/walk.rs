//! Random walks over the whole API: whatever is asked in whatever order, no answer is a failure of the server, and the
//! store stays sound.

use kernel::{Context, Random, SeededRandom};
use serde_json::{Value, json};

use crate::{
    script::{self, Names, Request},
    server::TestServer,
};

/// Requests of one walk.
const STEPS: usize = 200;

#[tokio::test]
async fn no_walk_over_the_api_breaks_anything() {
    for seed in 0..walks() {
        walk(seed).await;
    }
}

#[expect(clippy::disallowed_methods, reason = "who looks for defects asks for more walks")]
fn walks() -> u64 {
    std::env::var("AUGHT_WALKS").ok().map_or(3, |walks| walks.parse().expect("a number of walks"))
}

async fn walk(seed: u64) {
    let server = TestServer::with(Context::system()).await;
    let mut names = Names::of(&server);
    let lines: Vec<&str> = script::lines().collect();
    let dice = Dice(SeededRandom::new(seed));
    let mut history = Vec::new();
    // A tenant that has something of everything makes most requests reach their end.
    for line in &lines {
        if line.starts_with("POST") || line.starts_with("PUT") || line.starts_with("leave") {
            step(&server, line, &mut names, None, &mut history, seed).await;
        }
    }
    for _ in 0..STEPS {
        let line = lines[dice.below(lines.len())];
        if !line.starts_with("wait") {
            step(&server, line, &mut names, Some(&dice), &mut history, seed).await;
        }
    }
    server.end().await;
}

/// Sends the request of a line, changed by the dice.
async fn step(
    server: &TestServer,
    line: &str,
    names: &mut Names,
    dice: Option<&Dice>,
    history: &mut Vec<String>,
    seed: u64,
) {
    // What the walk's own token is verified with stays.
    if line.contains("/revoke") && line.contains("/keys/signing") || line.starts_with("DELETE /clients/{m2m}") {
        return;
    }
    let Some(mut request) = script::request(server, line, names).await else { return };
    if let Some(dice) = dice {
        dice.twist(&mut request);
    }
    history.push(format!("{} {} {}", request.method, request.path, request.body.clone().unwrap_or_default()));
    let (answer, wrong) = request.send(server).await;
    let is_known_gap = answer.status == 501;
    // A choice of fields leaves out what the contract requires.
    let keeps_contract = wrong.is_empty() || request.path.contains("fields=");
    assert!(
        (answer.status < 500 || is_known_gap) && keeps_contract,
        "walk {seed}: {} {} {wrong:?} after\n{}",
        answer.status,
        answer.body,
        history.join("\n")
    );
    request.keep(&answer, names);
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
