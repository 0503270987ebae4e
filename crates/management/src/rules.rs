//! Rules: scripts of the older kind that run at login, in order.

use kernel::Record;
use rest::{ApiError, ApiResult, Area, Call, Kind, ListFilter, Resource, Sorted, Unique};
use store::{Query, Tx};

use crate::Services;

/// What is served of `rules`.
pub(crate) fn area(_: &Services) -> Area {
    Area::new("rules").collection("/rules", Rules)
}

/// Rules. Those that run first come first.
pub(crate) static RULE: Kind = Kind::of(&model::RULE)
    .unique(&[
        Unique { field: "name", message: "A rule with the same name already exists.", code: None },
        Unique { field: "place", message: "A rule with the same order already exists.", code: None },
    ])
    .missing("Rule not found.", None)
    .forgiving()
    .hidden(&["place"])
    .filters(&[("enabled", ListFilter::Equals("enabled"))])
    .order(Sorted::By("order"));

struct Rules;

impl Resource for Rules {
    fn kind(&self) -> &'static Kind {
        &RULE
    }

    fn prepare(&self, tx: &mut Tx, _: &Call, _: Option<&Record>, new: &mut Record) -> ApiResult {
        new.document.entry("enabled").or_insert_with(|| true.into());
        new.document.entry("stage").or_insert_with(|| extensibility::LOGIN.into());
        let stage = new.text("stage").unwrap_or_default().to_owned();
        if !new.document.contains_key("order") {
            let rules = tx.list(&RULE, &Query::default())?.items;
            let of_stage = rules.iter().filter(|rule| rule.text("stage") == Some(&stage));
            let last = of_stage.filter_map(|rule| rule.document.get("order")?.as_i64()).max().unwrap_or(0);
            new.document.insert("order".into(), (last + 1).into());
        }
        // Two rules of one stage cannot run at the same place.
        let place = format!("{stage} {}", new.document["order"]);
        new.document.insert("place".into(), place.into());
        Ok(())
    }

    fn check(&self, _: &mut Tx, _: &Call, _: Option<&Record>, new: &Record) -> ApiResult {
        match new.text("script") {
            Some("") => Err(ApiError::invalid_body("A rule needs a script.")),
            _ => Ok(()),
        }
    }
}
