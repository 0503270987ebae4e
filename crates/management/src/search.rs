//! The query language of user and log searches: text → expression → filter (reference: user search).

mod date;
mod parser;

use std::{borrow::Cow, ops::Bound};

use parser::{Expression, Match, Piece};
use rest::{ApiError, ApiResult};
use store::{Filter, RelationKind, Side, Term};

/// What can be searched for, and how the values of a field are compared.
pub(crate) struct Language {
    /// The query parameter, for messages.
    pub(crate) parameter: &'static str,
    /// Fields in which a term without a field is looked for.
    pub(crate) bare: &'static [&'static str],
    /// The values of a field.
    pub(crate) values: fn(&str) -> Values,
    /// What has anything in a field.
    pub(crate) exists: fn(&str) -> Filter,
}

/// The values of a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Values {
    /// Texts, compared as they are.
    Text,
    /// Texts that are indexed in lower case.
    Folded,
    /// Points in time.
    Date,
    /// Numbers.
    Number,
    /// `true` and `false`.
    Bool,
    /// Whatever was stored: texts, numbers, truth values.
    Any,
    /// Whatever was stored, found by whole values only.
    Whole,
    /// The other side of a relation, by its identifier.
    Related(&'static RelationKind),
}

/// Fewest literal characters of a pattern that does not begin with them alone.
const FEWEST_LITERALS: usize = 3;

impl Language {
    /// The filter that a query asks for.
    ///
    /// # Errors
    /// 400 when the query is malformed or asks for what its fields do not offer.
    pub(crate) fn filter(&self, query: &str) -> ApiResult<Filter> {
        let filter = parser::parse(query).and_then(|expression| self.lower(&expression));
        filter.map_err(|reason| {
            ApiError::invalid_query(format!("Query validation error: '{reason}' on property {}.", self.parameter))
        })
    }

    fn lower(&self, expression: &Expression) -> Result<Filter, Refusal> {
        let all = |parts: &[Expression]| parts.iter().map(|part| self.lower(part)).collect::<Result<Vec<_>, _>>();
        Ok(match expression {
            Expression::Everything => Filter::All,
            Expression::And(parts) => Filter::And(all(parts)?),
            Expression::Or(parts) => Filter::Or(all(parts)?),
            Expression::Not(part) => Filter::Not(Box::new(self.lower(part)?)),
            Expression::Field(field, asked) => self.field(field, asked)?,
            // A field that cannot hold what a bare term asks for does not make the query wrong.
            Expression::Bare(asked) => {
                let fields = self.bare.iter().map(|field| self.field(field, asked));
                let (found, mut refused): (Vec<_>, Vec<_>) = fields.partition(Result::is_ok);
                match refused.pop() {
                    Some(refusal) if found.is_empty() => return refusal,
                    _ => Filter::Or(found.into_iter().flatten().collect()),
                }
            }
        })
    }

    fn field(&self, field: &str, asked: &Match) -> Result<Filter, Refusal> {
        let values = (self.values)(field);
        match asked {
            Match::Exists | Match::Range(Bound::Unbounded, Bound::Unbounded) => Ok((self.exists)(field)),
            Match::Pattern(pieces) if pieces.iter().all(|piece| *piece == Piece::Star) => Ok((self.exists)(field)),
            Match::Exact(text) => values.equal(field, text),
            Match::Pattern(pieces) => values.fitting(field, pieces),
            Match::Range(from, to) => values.between(field, from, to),
        }
    }
}

/// Why a query is refused, in words for the caller.
type Refusal = Cow<'static, str>;

impl Values {
    fn equal(self, field: &str, text: &str) -> Result<Filter, Refusal> {
        let is = |term: Term| Filter::Equals(named(field), term);
        Ok(match self {
            Self::Text => is(Term::Text(text.to_owned())),
            Self::Folded => is(Term::Text(text.to_lowercase())),
            Self::Number => is(Term::Number(number(field, text)?)),
            Self::Bool => is(Term::Bool(truth(text).ok_or_else(|| format!("{field} is either true or false"))?)),
            Self::Date => {
                let (start, end) = date::period(field, text)?;
                Filter::Range { field: named(field), from: Bound::Included(start), to: Bound::Excluded(end) }
            }
            Self::Any | Self::Whole => {
                let mut terms = vec![Term::Text(text.to_owned())];
                terms.extend(finite(text).map(Term::Number));
                terms.extend(truth(text).map(Term::Bool));
                match terms.len() {
                    1 => is(terms.remove(0)),
                    _ => Filter::Or(terms.into_iter().map(is).collect()),
                }
            }
            Self::Related(relation) => Filter::related(relation, Side::Left(text)),
        })
    }

    fn fitting(self, field: &str, pieces: &[Piece]) -> Result<Filter, Refusal> {
        let literals = pieces.iter().filter(|piece| **piece != Piece::Star).count();
        if !matches!(self, Self::Text | Self::Folded | Self::Any) {
            return Err(format!("Wildcards are not supported on {field}").into());
        }
        let first = pieces.iter().position(|piece| *piece == Piece::Star).unwrap_or(pieces.len());
        let is_prefix = pieces[first..].iter().all(|piece| *piece == Piece::Star);
        if !is_prefix && literals < FEWEST_LITERALS {
            return Err("Wildcards need three or more characters unless they stand at the end of a term".into());
        }
        let fold = |piece: &Piece| match piece {
            Piece::Literal(character) if self == Self::Folded => character.to_lowercase().collect(),
            Piece::Literal(character) => character.to_string(),
            Piece::Star => "*".to_owned(),
        };
        if is_prefix {
            return Ok(Filter::Prefix(named(field), pieces[..first].iter().map(fold).collect()));
        }
        if pieces.contains(&Piece::Literal('*')) {
            return Err("An escaped asterisk cannot stand beside a wildcard".into());
        }
        Ok(Filter::Glob(named(field), pieces.iter().map(fold).collect()))
    }

    fn between(self, field: &str, from: &Bound<String>, to: &Bound<String>) -> Result<Filter, Refusal> {
        let range = |from, to| Filter::Range { field: named(field), from, to };
        let texts = |bound: &Bound<String>| bound.as_ref().map(|text| Term::Text(text.clone()));
        Ok(match self {
            Self::Bool | Self::Whole | Self::Related(_) => {
                return Err(format!("Ranges are not supported on {field}").into());
            }
            Self::Text => range(texts(from), texts(to)),
            Self::Folded => {
                let folded = |bound: &Bound<String>| bound.as_ref().map(|text| Term::Text(text.to_lowercase()));
                range(folded(from), folded(to))
            }
            Self::Number => {
                let numbers = |bound| try_bound(bound, |text| number(field, text).map(Term::Number));
                range(numbers(from)?, numbers(to)?)
            }
            Self::Date => range(date::lower(field, from)?, date::upper(field, to)?),
            Self::Any => {
                let numbers = |bound| try_bound(bound, |text| finite(text).map(Term::Number).ok_or(()));
                match (numbers(from), numbers(to)) {
                    (Ok(low), Ok(high)) => Filter::Or(vec![range(low, high), range(texts(from), texts(to))]),
                    _ => range(texts(from), texts(to)),
                }
            }
        })
    }
}

/// Whatever has a value in the field itself.
pub(crate) fn has_value(field: &str) -> Filter {
    Filter::Exists(named(field))
}

fn named(field: &str) -> store::Field {
    Cow::Owned(field.to_owned())
}

fn finite(text: &str) -> Option<f64> {
    text.parse().ok().filter(|number: &f64| number.is_finite())
}

fn number(field: &str, text: &str) -> Result<f64, Refusal> {
    finite(text).ok_or_else(|| format!("{field} is a number").into())
}

fn truth(text: &str) -> Option<bool> {
    text.parse().ok()
}

fn try_bound<T, E>(bound: &Bound<String>, read: impl Fn(&str) -> Result<T, E>) -> Result<Bound<T>, E> {
    Ok(match bound {
        Bound::Included(text) => Bound::Included(read(text)?),
        Bound::Excluded(text) => Bound::Excluded(read(text)?),
        Bound::Unbounded => Bound::Unbounded,
    })
}

#[cfg(test)]
mod tests {
    use model::GROUP_MEMBERS;
    use store::OwnedSide;

    use super::*;

    const LANGUAGE: Language = Language {
        parameter: "q",
        bare: &["name", "at"],
        values: |field| match field {
            "name" => Values::Folded,
            "at" => Values::Date,
            "count" => Values::Number,
            "is" => Values::Bool,
            "group" => Values::Related(&GROUP_MEMBERS),
            field if field.starts_with("meta.") => Values::Whole,
            field if field.starts_with("any.") => Values::Any,
            _ => Values::Text,
        },
        exists: has_value,
    };

    fn filter(query: &str) -> Filter {
        LANGUAGE.filter(query).unwrap()
    }

    fn text(field: &'static str, value: &str) -> Filter {
        Filter::Equals(field.into(), Term::Text(value.into()))
    }

    #[test]
    fn values_are_compared_as_their_field_wants() {
        assert_eq!(filter("name:Jane"), text("name", "jane"));
        assert_eq!(filter("city:Paris"), text("city", "Paris"));
        assert_eq!(filter("is:true"), Filter::Equals("is".into(), Term::Bool(true)));
        assert_eq!(filter("count:7"), Filter::Equals("count".into(), Term::Number(7.0)));
        let any = Filter::Equals("meta.age".into(), Term::Number(7.0));
        assert_eq!(filter("meta.age:7"), Filter::Or(vec![text("meta.age", "7"), any]));
        let side = OwnedSide::Left("org_1".into());
        assert_eq!(filter("group:org_1"), Filter::Related { relation: "group_members", side });
    }

    #[test]
    fn wildcards_have_their_rules() {
        assert_eq!(filter("name:J*"), Filter::Prefix("name".into(), "j".into()));
        assert_eq!(filter("city:*ari*"), Filter::Glob("city".into(), "*ari*".into()));
        assert_eq!(filter("city:P*is"), Filter::Glob("city".into(), "P*is".into()));
        assert_eq!(filter("meta.x:*"), Filter::Exists("meta.x".into()));
        for query in ["name:*ab", "name:a*b", "meta.x:ab*", "at:2020*", "is:t*", "group:org*"] {
            assert!(LANGUAGE.filter(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_day_is_all_of_its_seconds() {
        let (start, end) = (Term::Number(1_577_836_800.0), Term::Number(1_577_923_200.0));
        let range = |from, to| Filter::Range { field: "at".into(), from, to };
        let day = range(Bound::Included(start.clone()), Bound::Excluded(end.clone()));
        assert_eq!(filter("at:2020-01-01"), day);
        assert_eq!(filter("at:[2020-01-01 TO 2020-01-01]"), day);
        assert_eq!(filter("at:{2020-01-01 TO *]"), range(Bound::Included(end), Bound::Unbounded));
        assert_eq!(filter("at:[* TO 2020-01-01}"), range(Bound::Unbounded, Bound::Excluded(start)));
    }

    #[test]
    fn ranges_have_their_rules() {
        let number = |number: f64| Bound::Included(Term::Number(number));
        let range = |from, to| Filter::Range { field: "count".into(), from, to };
        assert_eq!(filter("count:[1 TO 2]"), range(number(1.0), number(2.0)));
        assert_eq!(filter("count:[* TO *]"), Filter::Exists("count".into()));
        for query in ["count:[a TO b]", "meta.age:[1 TO 2]", "is:[false TO true]", "at:[x TO *]"] {
            assert!(LANGUAGE.filter(query).is_err(), "{query}");
        }
    }

    #[test]
    fn a_bare_term_is_looked_for_where_it_can_stand() {
        assert_eq!(filter("Jane"), Filter::Or(vec![text("name", "jane")]));
        assert_eq!(filter("*:*"), Filter::All);
    }
}
