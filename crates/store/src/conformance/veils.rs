//! What must hold of deletions that take many steps.

use kernel::Document;

use super::*;
use crate::{Covered, Veil};

static CHILD: Kind = Kind::new("child").indexed(&["parents"]);
static PARENT: Kind = Kind::new("parent").unique(&["name"]);

fn veils() -> [Veil; 3] {
    let veil = |of: &str, covered| Veil { of: of.to_owned(), covered };
    [
        veil("parent", Covered::Id("p".to_owned())),
        veil("child", Covered::Only("parents".to_owned(), "p".to_owned())),
        veil("sessions", Covered::Field("user_id".to_owned(), "p".to_owned())),
    ]
}

async fn family(lab: &Lab) {
    let now = lab.now();
    lab.write(move |tx| {
        tx.insert(&PARENT, record("p", json!({"name": "n"})))?;
        tx.insert(&PARENT, record("q", json!({"name": "m"})))?;
        for (id, parents) in [("a", json!(["p"])), ("b", json!(["p", "q"])), ("c", json!(["q"]))] {
            tx.insert(&CHILD, record(id, json!({ "parents": parents })))?;
        }
        tx.insert_session(&super::bearers::session("s", "p", now)).map(drop)
    })
    .await;
}

pub(super) async fn what_is_being_deleted_is_seen_by_nobody_and_holds_its_names(lab: &mut Lab) {
    family(lab).await;
    assert!(lab.store.cached(&lab.one, &CHILD, "a").await.unwrap().is_some());
    let begin = |tx: &mut Tx| {
        tx.begin_deletion("d", Document::new(), &veils())?;
        // Also within the transaction that begins it.
        Ok((tx.get(&PARENT, "p")?.is_none(), tx.count(&CHILD, &Filter::All)?))
    };
    assert_eq!(lab.write(begin).await, (true, 2));
    let seen = lab.read(|reader| {
        let children = reader.list(&CHILD, &Query { with_total: true, ..Query::default() })?;
        let of_parent = reader.list(&CHILD, &Query::of(Filter::equals("parents", "p")))?;
        let named = reader.find(&PARENT, "name", "n")?.is_none() && reader.holder(&PARENT, "name", "n")?.is_some();
        let found = (ids(&children).join(" "), children.total, ids(&of_parent).join(" "));
        Ok((found, named, reader.get(&CHILD, "a")?.is_none(), reader.session("s")?.is_none()))
    });
    assert_eq!(seen.await, (("b c".to_owned(), Some(2), "b".to_owned()), true, true, true));
    assert!(lab.store.cached(&lab.one, &CHILD, "a").await.unwrap().is_none());
    let taken = lab.store.write(&lab.one, |tx: &mut Tx| tx.insert(&PARENT, record("r", json!({"name": "n"}))));
    assert!(matches!(taken.await, Err(StoreError::Taken { .. })));

    let end = |tx: &mut Tx| {
        tx.see_all();
        let all = tx.list(&CHILD, &Query::default())?.items.len();
        tx.delete(&CHILD, "a")?;
        tx.delete(&PARENT, "p")?;
        tx.end_deletion("d")?;
        Ok(all)
    };
    assert_eq!(lab.write(end).await, 3);
    let left = lab.read(|reader| {
        let children = reader.list(&CHILD, &Query::default())?;
        Ok((ids(&children).join(" "), reader.get(&PARENT, "p")?.is_none(), reader.session("s")?.is_some()))
    });
    assert_eq!(left.await, ("b c".to_owned(), true, true));
    lab.write(|tx| tx.insert(&PARENT, record("p", json!({"name": "n"})))).await;
}

pub(super) async fn another_node_hears_of_a_deletion(lab: &mut Lab) {
    family(lab).await;
    let other = lab.another().await.unwrap();
    assert!(other.cached(&lab.one, &CHILD, "a").await.unwrap().is_some());
    lab.write(|tx| tx.begin_deletion("d", Document::new(), &veils()).map(drop)).await;
    let gone = async {
        while other.cached(&lab.one, &CHILD, "a").await.unwrap().is_some() {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.unwrap();
    other.close().await;
}
