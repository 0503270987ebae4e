//! The tenant log: what every database must do with events that are large.

use kernel::{Document, Timestamp, object};
use serde_json::json;

use super::Lab;
use crate::{LogQuery, Tx};

fn event(scopes: &[String]) -> Document {
    object(json!({
        "type": "sapi",
        "details": {"request": {"auth": {"credentials": {"jti": "1", "scopes": scopes}}, "channel": "api"}},
    }))
}

pub(super) async fn what_strangers_send_is_cut_in_the_log(lab: &mut Lab) {
    lab.write(|tx| {
        let hostile = "ü".repeat(50_000);
        let library = json!({"name": hostile, "more": vec![hostile.clone(); 10]});
        tx.append_log(object(json!({"type": "feccft", "audience": hostile, "scope": hostile, "auth0_client": library})))
    })
    .await;
    let stored = lab.read(|snapshot| {
        let sql = "SELECT document FROM logs WHERE tenant = $1";
        snapshot.connection.only(sql, &[snapshot.number()], |row| Ok(row.text(0)?.len()))
    });
    let stored = stored.await;
    assert!(stored < 6_000, "{stored}");
}

pub(super) async fn a_list_of_scopes_is_stored_once_and_shown_in_every_event(lab: &mut Lab) {
    let scopes: Vec<String> = (0..250).map(|number| format!("update:something_long_{number}")).collect();
    for tenant in [&lab.one, &lab.two] {
        for _ in 0..3 {
            let new = event(&scopes);
            lab.store.write(tenant, move |tx: &mut Tx| tx.append_log(new.clone())).await.unwrap();
        }
    }
    let few = event(&scopes[..3]);
    lab.write(move |tx| tx.append_log(few.clone())).await;
    let events = lab.read(|snapshot| snapshot.logs(&LogQuery::default())).await.items;
    let told = |event: &crate::LogEvent| {
        let mut document = event.document.clone();
        document.shift_remove("_id");
        document.shift_remove("log_id");
        serde_json::to_string(&document).unwrap()
    };
    let written = |scopes: &[String]| serde_json::to_string(&event(scopes)).unwrap();
    assert_eq!(told(&events[0]), written(&scopes[..3]));
    assert!(events[1..].iter().all(|event| told(event) == written(&scopes)) && events.len() == 4);
    let sizes = lab.read(|snapshot| {
        let sql = "SELECT length(document) FROM logs WHERE tenant = $1";
        let sizes = snapshot.connection.query(sql, &[snapshot.number()], |row| row.int(0))?;
        let sql = "SELECT count(*) FROM log_parts WHERE tenant = $1";
        Ok((sizes, snapshot.connection.only(sql, &[snapshot.number()], |row| row.int(0))?))
    });
    let (sizes, parts) = sizes.await;
    assert!(sizes.iter().all(|size| *size < 250), "{sizes:?}");
    assert_eq!(parts, 1);

    // What is in use stays.
    let now = lab.now();
    assert_eq!(lab.store.prune_log_parts(now, 9).await.unwrap(), 0);
    let later = Timestamp::from_seconds(now.seconds() + 3 * 86_400);
    assert_eq!(lab.store.prune_log_parts(later, 1).await.unwrap(), 1);
    assert_eq!(lab.store.prune_log_parts(later, 9).await.unwrap(), 1);
    lab.clock.advance(std::time::Duration::from_secs(3 * 86_400));
    let again = event(&scopes);
    lab.write(move |tx| tx.append_log(again.clone())).await;
    let events = lab.read(|snapshot| snapshot.logs(&LogQuery::default())).await.items;
    assert_eq!(told(&events[0]), written(&scopes));
}
