//! Conditions of flows and routers: comparisons, joined by AND and OR.
//!
//! Their JSON is not published. What is read is `{"operator": "AND", "operands": [{"operator": "EQ", "operands": ["{{…}}", value]}]}`,
//! with the operators' names as the editor words them too (`is equal to`), and a text or truth in the place of any condition.

use kernel::Value;

use crate::expressions::{Evaluator, Unevaluated, number_of, text_of};

/// Conditions of one condition; one with more is refused.
const MOST: usize = 500;
/// How deep they may lie in one another.
const DEPTH: usize = 24;

/// Whether a condition holds. One that cannot be read does not.
///
/// # Errors
/// When its expressions reach a bound.
pub fn holds(condition: &Value, evaluator: &Evaluator<'_>) -> Result<bool, Unevaluated> {
    judge(condition, evaluator, 0, &mut 0)
}

fn judge(condition: &Value, evaluator: &Evaluator<'_>, depth: usize, seen: &mut usize) -> Result<bool, Unevaluated> {
    *seen += 1;
    if depth > DEPTH || *seen > MOST {
        return Err(Unevaluated::TooDeep);
    }
    let members = match condition {
        Value::Object(members) => members,
        Value::Array(all) => return all_hold(all, evaluator, depth, seen),
        plain => return Ok(is_true(evaluator.resolve(plain)?.value.as_ref())),
    };
    let empty = Vec::new();
    let operands = ["operands", "conditions", "rules"].iter().find_map(|name| members.get(*name)?.as_array());
    let operands = operands.unwrap_or(&empty);
    let operator = ["operator", "type"].iter().find_map(|name| members.get(*name)?.as_str()).unwrap_or("AND");
    match Operator::named(operator) {
        Some(Operator::And) => all_hold(operands, evaluator, depth, seen),
        Some(Operator::Or) => {
            for operand in operands {
                if judge(operand, evaluator, depth + 1, seen)? {
                    return Ok(true);
                }
            }
            Ok(false)
        }
        Some(Operator::Not) => match operands.first() {
            Some(operand) => Ok(!judge(operand, evaluator, depth + 1, seen)?),
            None => Ok(false),
        },
        Some(operator) => {
            let operand = |at: usize| operands.get(at).map_or(Ok(None), |one| Ok(evaluator.resolve(one)?.value));
            Ok(operator.compare(operand(0)?.as_ref(), operand(1)?.as_ref()))
        }
        None => Ok(false),
    }
}

fn all_hold(all: &[Value], evaluator: &Evaluator<'_>, depth: usize, seen: &mut usize) -> Result<bool, Unevaluated> {
    for one in all {
        if !judge(one, evaluator, depth + 1, seen)? {
            return Ok(false);
        }
    }
    Ok(true)
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Operator {
    And,
    Or,
    Not,
    Equal,
    Different,
    Greater,
    GreaterOrEqual,
    Less,
    LessOrEqual,
    Includes,
    NotIncludes,
    StartsWith,
    EndsWith,
    Exists,
    NotExists,
    Null,
    NotNull,
    NoValue,
    True,
    False,
}

impl Operator {
    /// Operators with the names that they go by.
    const NAMES: &[(Self, &[&str])] = &[
        (Self::And, &["AND", "ALL"]),
        (Self::Or, &["OR", "ANY"]),
        (Self::Not, &["NOT"]),
        (Self::Equal, &["EQ", "EQUAL", "EQUALS", "EQUAL_TO", "IS_EQUAL", "IS_EQUAL_TO"]),
        (Self::Different, &["NEQ", "NE", "NOT_EQUAL", "NOT_EQUALS", "DIFFERENT_TO", "IS_DIFFERENT_TO"]),
        (Self::Greater, &["GT", "GREATER_THAN", "IS_GREATER_THAN"]),
        (
            Self::GreaterOrEqual,
            &["GTE", "GREATER_THAN_OR_EQUAL", "IS_GREATER_OR_EQUAL_THAN", "IS_GREATER_THAN_OR_EQUAL"],
        ),
        (Self::Less, &["LT", "LESS_THAN", "IS_LESS_THAN"]),
        (Self::LessOrEqual, &["LTE", "LESS_THAN_OR_EQUAL", "IS_LESS_THAN_OR_EQUAL", "IS_LESS_OR_EQUAL_THAN"]),
        (Self::Includes, &["INCLUDES", "CONTAINS"]),
        (Self::NotIncludes, &["NOT_INCLUDES", "DOES_NOT_INCLUDE", "NOT_CONTAINS"]),
        (Self::StartsWith, &["STARTS_WITH"]),
        (Self::EndsWith, &["ENDS_WITH"]),
        (Self::Exists, &["EXISTS"]),
        (Self::NotExists, &["NOT_EXISTS", "DOES_NOT_EXIST"]),
        (Self::Null, &["IS_NULL"]),
        (Self::NotNull, &["IS_NOT_NULL", "NOT_NULL"]),
        (Self::NoValue, &["HAS_NOT_VALUE", "HAS_NO_VALUE"]),
        (Self::True, &["IS_TRUE"]),
        (Self::False, &["IS_FALSE"]),
    ];

    fn named(name: &str) -> Option<Self> {
        let name = name.trim().to_ascii_uppercase().replace(' ', "_");
        Self::NAMES.iter().find(|(_, names)| names.contains(&name.as_str())).map(|(operator, _)| *operator)
    }

    fn compare(self, left: Option<&Value>, right: Option<&Value>) -> bool {
        let is_null = left.is_none_or(Value::is_null);
        let ordered = |wanted: fn(std::cmp::Ordering) -> bool| order(left, right).is_some_and(wanted);
        match self {
            Self::Equal => is_equal(left, right),
            Self::Different => !is_equal(left, right),
            Self::Greater => ordered(std::cmp::Ordering::is_gt),
            Self::GreaterOrEqual => ordered(std::cmp::Ordering::is_ge),
            Self::Less => ordered(std::cmp::Ordering::is_lt),
            Self::LessOrEqual => ordered(std::cmp::Ordering::is_le),
            Self::Includes => includes(left, right),
            Self::NotIncludes => !includes(left, right),
            Self::StartsWith => texts(left, right).is_some_and(|(text, start)| text.starts_with(&start)),
            Self::EndsWith => texts(left, right).is_some_and(|(text, end)| text.ends_with(&end)),
            Self::Exists => left.is_some(),
            Self::NotExists => left.is_none(),
            Self::Null => is_null,
            Self::NotNull => !is_null,
            Self::NoValue => left.is_none_or(is_empty),
            Self::True => is_true(left),
            Self::False => left.is_some_and(|value| *value == Value::Bool(false) || text_of(value) == "false"),
            Self::And | Self::Or | Self::Not => false,
        }
    }
}

fn is_true(value: Option<&Value>) -> bool {
    value.is_some_and(|value| *value == Value::Bool(true) || text_of(value) == "true")
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(members) => members.is_empty(),
        _ => false,
    }
}

/// Numbers are equal as numbers, also where one is written as text; everything else as it is written. Nothing equals null.
fn is_equal(left: Option<&Value>, right: Option<&Value>) -> bool {
    let (Some(left), Some(right)) = (left.filter(|one| !one.is_null()), right.filter(|one| !one.is_null())) else {
        return left.is_none_or(Value::is_null) && right.is_none_or(Value::is_null);
    };
    if left == right {
        return true;
    }
    match (left, right) {
        (Value::Array(_) | Value::Object(_), _) | (_, Value::Array(_) | Value::Object(_)) => false,
        _ => match numbers(left, right) {
            Some((left, right)) => left.total_cmp(&right).is_eq(),
            None => text_of(left) == text_of(right),
        },
    }
}

/// Both as numbers, where both are some. Truths are not.
fn numbers(left: &Value, right: &Value) -> Option<(f64, f64)> {
    let number = |value: &Value| if value.is_boolean() { None } else { number_of(value) };
    Some((number(left)? + 0.0, number(right)? + 0.0))
}

/// How two values are ordered: as numbers where both are, else as texts. What is missing has no order.
fn order(left: Option<&Value>, right: Option<&Value>) -> Option<std::cmp::Ordering> {
    let (left, right) = (left.filter(|one| !is_empty(one))?, right.filter(|one| !is_empty(one))?);
    match numbers(left, right) {
        Some((left, right)) => left.partial_cmp(&right),
        None => Some(text_of(left).cmp(&text_of(right))),
    }
}

fn texts(left: Option<&Value>, right: Option<&Value>) -> Option<(String, String)> {
    Some((text_of(left.filter(|one| !one.is_null())?), text_of(right?)))
}

/// Whether an array holds an item, a text a text, or an object a member.
fn includes(left: Option<&Value>, right: Option<&Value>) -> bool {
    let Some(right) = right else { return false };
    match left {
        Some(Value::Array(items)) => items.iter().any(|item| is_equal(Some(item), Some(right))),
        Some(Value::Object(members)) => members.contains_key(&text_of(right)),
        Some(Value::Null) | None => false,
        Some(other) => text_of(other).contains(&text_of(right)),
    }
}

#[cfg(test)]
mod tests {
    use kernel::{Context, object};
    use serde_json::json;

    use super::*;
    use crate::Scope;

    fn check(condition: &Value) -> bool {
        let scope = Scope {
            fields: object(json!({
                "age": 9, "typed": "18", "kind": "person", "topics": ["news", "invoices"], "empty": "", "null": null, "yes": true,
                "no": "false",
            })),
            ..Scope::default()
        };
        holds(condition, &Evaluator::new(&scope, &Context::system())).unwrap()
    }

    #[test]
    fn each_operator_compares_as_it_says() {
        for (operator, operands, expected) in [
            ("EQ", json!(["{{fields.kind}}", "person"]), true),
            ("EQ", json!(["{{fields.typed}}", 18]), true),
            ("EQ", json!(["{{fields.absent}}", ""]), false),
            ("is equal to", json!(["{{fields.age}}", "9.0"]), true),
            ("NEQ", json!(["{{fields.absent}}", "x"]), true),
            ("LT", json!(["{{fields.age}}", "18"]), true),
            ("LT", json!(["{{fields.absent}}", 18]), false),
            ("GTE", json!(["{{fields.typed}}", "{{fields.typed}}"]), true),
            ("GT", json!(["b", "a"]), true),
            ("LTE", json!(["2026-01-02", "2026-01-01"]), false),
            ("INCLUDES", json!(["{{fields.topics}}", "invoices"]), true),
            ("INCLUDES", json!(["{{fields.topics}}", "invoice"]), false),
            ("INCLUDES", json!(["{{fields.absent}}", "x"]), false),
            ("does not include", json!(["{{fields.kind}}", "pet"]), true),
            ("STARTS_WITH", json!(["{{fields.kind}}", "per"]), true),
            ("ENDS_WITH", json!(["{{fields.kind}}", "per"]), false),
            ("EXISTS", json!(["{{fields.null}}"]), true),
            ("NOT_EXISTS", json!(["{{fields.absent.deeper}}"]), true),
            ("IS_NULL", json!(["{{fields.null}}"]), true),
            ("IS_NOT_NULL", json!(["{{fields.absent}}"]), false),
            ("HAS_NOT_VALUE", json!(["{{fields.empty}}"]), true),
            ("HAS_NOT_VALUE", json!(["{{fields.age}}"]), false),
            ("IS_TRUE", json!(["{{fields.yes}}"]), true),
            ("IS_FALSE", json!(["{{fields.no}}"]), true),
            ("IS_FALSE", json!(["{{fields.absent}}"]), false),
            ("unheard of", json!(["{{fields.age}}"]), false),
        ] {
            let condition = json!({"operator": operator, "operands": operands});
            assert_eq!(check(&condition), expected, "{condition}");
        }
    }

    #[test]
    fn conditions_are_joined_by_and_and_or_at_any_depth() {
        let leaf = |truth: bool| json!({"operator": "IS_TRUE", "operands": [truth]});
        let or = json!({"operator": "OR", "operands": [leaf(false), leaf(true)]});
        assert!(check(&json!({"operator": "AND", "operands": [leaf(true), or]})));
        assert!(!check(&json!({"operator": "AND", "operands": [leaf(false), or]})));
        assert!(!check(&json!({"operator": "OR", "operands": []})));
        assert!(check(&json!({"operator": "AND", "operands": []})) && check(&json!("{{fields.yes}}")));
    }

    #[test]
    fn a_condition_of_too_many_conditions_is_refused() {
        let scope = Scope::default();
        let context = Context::system();
        let mut deep = json!(true);
        for _ in 0..100 {
            deep = json!({"operator": "AND", "operands": [deep]});
        }
        assert_eq!(holds(&deep, &Evaluator::new(&scope, &context)), Err(Unevaluated::TooDeep));
        let wide = json!({"operator": "AND", "operands": vec![true; 1000]});
        assert_eq!(holds(&wide, &Evaluator::new(&scope, &context)), Err(Unevaluated::TooDeep));
    }
}
