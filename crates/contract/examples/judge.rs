//! ad hoc
use aught_contract::{Contract, Route};
use serde_json::Value;
use std::io::BufRead;
fn diff(path: &str, a: &Value, b: &Value, out: &mut Vec<String>) {
    match (a, b) {
        (Value::Object(a), Value::Object(b)) => {
            for (k, v) in a {
                match b.get(k) {
                    None => out.push(format!("{path}.{k}")),
                    Some(w) => diff(&format!("{path}.{k}"), v, w, out),
                }
            }
        }
        (Value::Array(a), Value::Array(b)) => {
            for (v, w) in a.iter().zip(b) {
                diff(&format!("{path}[]"), v, w, out)
            }
        }
        _ => {}
    }
}
fn main() {
    let c = Contract::load();
    let mut n = 0;
    let mut total = std::time::Duration::ZERO;
    for line in std::io::stdin().lock().lines() {
        let x: Value = serde_json::from_str(&line.unwrap()).unwrap();
        n += 1;
        let status = x["status"].as_u64().unwrap() as u16;
        let ok = status < 300;
        let method: http::Method = x["method"].as_str().unwrap().parse().unwrap();
        let path = x["path"].as_str().unwrap();
        let t0 = std::time::Instant::now();
        let (op, values) = match c.route(&method, path) {
            Route::Operation(o, v) => (o, v),
            Route::WrongMethod => {
                println!("WRONGMETHOD|{method} {path}");
                continue;
            }
            Route::Unknown => {
                println!("UNKNOWN|{method} {path}");
                continue;
            }
        };
        let name = op.name();
        match op.arguments(&values, x["query"].as_str()) {
            Err(e) => {
                if status != 400 {
                    println!("ARGS|{name}|{status}|{}|{path}?{}", e.message, x["query"].as_str().unwrap_or(""))
                }
            }
            Ok(_) => {
                if status == 400 {
                    println!("ARGS400|{name}|{}", x["response"])
                }
            }
        }
        if let Some(text) = x["text"].as_str() {
            match op.body(x["type"].as_str(), text.as_bytes()) {
                Err(e) => {
                    if status != 400 {
                        println!("BODY|{name}|{status}|{}|{}", e.message, text.chars().take(300).collect::<String>())
                    } else {
                        println!("GOOD400|{name}|{}|{}", e.message, x["response"])
                    }
                }
                Ok(b) => {
                    if status == 400 {
                        println!("BODY400|{name}|{}", x["response"])
                    }
                    if b.is_none() && !op.is_multipart() && text != "{}" {
                        println!("NOBODY|{name}|{text}")
                    }
                }
            }
        }
        total += t0.elapsed();
        if ok {
            if status != op.success {
                println!("STATUS|{name}|{status}|{}|{}", op.success, x["scenario"])
            }
            let r = &x["response"];
            let p = op.project(r.clone());
            let mut lost = vec![];
            diff("", r, &p, &mut lost);
            lost.sort();
            lost.dedup();
            if !lost.is_empty() {
                println!("LOST|{name}|{}", lost.join(" "))
            }
            if !r.is_null() {
                for w in op.verify_answer(status, Some(r)) {
                    println!("ANSWER|{w}|{}", x["scenario"])
                }
            }
        }
    }
    eprintln!("{n} {total:?}");
}
