//! How often a transaction on another machine waits for an answer.

use serde_json::json;

use super::{Index, Lab, StoreError, THING, Tx, record};

/// Puts in a record that is found by three terms, with a log event and an event.
fn insert(id: &'static str) -> impl Fn(&mut Tx) -> Result<(), StoreError> + Send + 'static {
    move |tx| {
        let index = Index::new().key("email", id).term("name", id).term("city", "Ulm").term("age", 7.0);
        tx.insert_indexed(&THING, record(id, json!({})), &index)?;
        tx.append_log(kernel::object(json!({"type": "sapi"})))?;
        tx.append_event("thing.created", &kernel::object(json!({})))
    }
}

pub(super) async fn few_answers_are_waited_for(lab: &mut Lab) {
    // Statements are prepared and names known, as they are a moment after a start.
    for id in ["1", "2", "3"] {
        lab.write(insert(id)).await;
        lab.read(|snapshot| snapshot.get(&THING, "1")).await;
    }
    let trips = || lab.store.round_trips();
    let before = trips();
    lab.read(|snapshot| snapshot.get(&THING, "1")).await;
    assert_eq!(trips() - before, 1, "of a read");
    let before = trips();
    lab.write(insert("4")).await;
    // The beginning, the record, its key, the log event, the commit with all else.
    assert_eq!(trips() - before, 5, "of a write");
    let before = trips();
    lab.read(|_| Ok(())).await;
    assert_eq!(trips() - before, 0, "of a transaction without a statement");
}
