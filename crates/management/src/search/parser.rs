//! The grammar: terms, phrases, ranges and patterns, joined by AND, OR, NOT, `+`, `-` and parentheses.
//!
//! NOT binds closer than AND, AND closer than OR; clauses that only stand beside one another are joined by OR, except
//! that one with `+` must match and one with `-` or NOT must not.

use std::{iter::Peekable, ops::Bound, str::Chars};

use super::Refusal;

/// A query, without knowledge of its fields.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    /// `*:*`
    Everything,
    /// A field and what it is asked for.
    Field(String, Match),
    /// What is asked for in no particular field.
    Bare(Match),
    /// All of these.
    And(Vec<Expression>),
    /// Any of these.
    Or(Vec<Expression>),
    /// Not this.
    Not(Box<Expression>),
}

/// What a field is asked for.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Match {
    /// Any value.
    Exists,
    /// Exactly this value.
    Exact(String),
    /// A value that fits the pattern.
    Pattern(Vec<Piece>),
    /// A value between bounds.
    Range(Bound<String>, Bound<String>),
}

/// A piece of a pattern.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Piece {
    /// This character.
    Literal(char),
    /// Any characters.
    Star,
}

/// Reads a query.
pub(super) fn parse(query: &str) -> Result<Expression, Refusal> {
    let mut parser = Parser { rest: query.chars().peekable(), depth: 0, field: None };
    let expression = parser.query()?;
    match parser.rest.next() {
        None => Ok(expression),
        Some(character) => Err(format!("Unexpected {character}").into()),
    }
}

/// Parentheses within parentheses; deeper queries are refused before they can exhaust a stack.
const DEEPEST: usize = 40;

struct Parser<'q> {
    rest: Peekable<Chars<'q>>,
    depth: usize,
    /// The field before the parentheses that are being read.
    field: Option<String>,
}

/// What stands between two clauses.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Joint {
    Nothing,
    And,
    Or,
}

/// What stands before a clause.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Mark {
    Plain,
    Required,
    Prohibited,
    Negated,
}

/// Clauses joined by AND, and what stands before them.
struct Group {
    joint: Joint,
    clauses: Vec<(Mark, Expression)>,
}

/// A run of characters outside of quotes.
struct Word {
    pieces: Vec<Piece>,
    /// Whether a backslash stood in it: then it is no operator.
    is_escaped: bool,
}

impl Parser<'_> {
    fn query(&mut self) -> Result<Expression, Refusal> {
        self.depth += 1;
        if self.depth > DEEPEST {
            return Err("The query is nested too deeply".into());
        }
        let mut groups: Vec<Group> = Vec::new();
        let mut joint = Joint::Nothing;
        loop {
            self.skip_space();
            match self.rest.peek() {
                None | Some(')') if groups.is_empty() || joint != Joint::Nothing => {
                    return Err("A term is missing".into());
                }
                None | Some(')') => break,
                Some(_) => {}
            }
            if let Some(next) = self.operator() {
                if groups.is_empty() || joint != Joint::Nothing {
                    return Err("A term is missing before an operator".into());
                }
                joint = next;
                continue;
            }
            let clause = self.clause()?;
            match groups.last_mut() {
                Some(group) if joint == Joint::And => group.clauses.push(clause),
                _ => groups.push(Group { joint, clauses: vec![clause] }),
            }
            joint = Joint::Nothing;
        }
        self.depth -= 1;
        Ok(joined(groups))
    }

    /// AND, OR, `&&` or `||`.
    fn operator(&mut self) -> Option<Joint> {
        for (word, joint) in [("AND", Joint::And), ("OR", Joint::Or), ("&&", Joint::And), ("||", Joint::Or)] {
            if self.takes_word(word) {
                return Some(joint);
            }
        }
        None
    }

    /// A clause with the marks before it.
    fn clause(&mut self) -> Result<(Mark, Expression), Refusal> {
        let mut mark = Mark::Plain;
        let mut is_negated = false;
        loop {
            self.skip_space();
            match self.rest.peek().copied() {
                Some('+') => mark = Mark::Required,
                Some('-') => mark = Mark::Prohibited,
                Some('!') => is_negated = !is_negated,
                _ if self.takes_word("NOT") => {
                    is_negated = !is_negated;
                    continue;
                }
                _ => break,
            }
            self.rest.next();
        }
        let expression = self.primary()?;
        Ok(match (mark, is_negated) {
            (Mark::Plain, true) => (Mark::Negated, expression),
            (mark, true) => (mark, Expression::Not(Box::new(expression))),
            (mark, false) => (mark, expression),
        })
    }

    fn primary(&mut self) -> Result<Expression, Refusal> {
        match self.rest.peek() {
            None => Err("A term is missing".into()),
            Some('(') => self.parentheses(),
            Some('"' | '[' | '{') => self.value(),
            Some(_) => {
                let word = self.word()?;
                if self.rest.next_if_eq(&':').is_some() { self.fielded(&word) } else { self.asked(word.into_match()) }
            }
        }
    }

    /// What follows `field:`.
    fn fielded(&mut self, name: &Word) -> Result<Expression, Refusal> {
        self.skip_space();
        if name.is_star() {
            let value = self.word()?;
            return if value.is_star() {
                Ok(Expression::Everything)
            } else {
                Err("A field is missing before a colon".into())
            };
        }
        let name = name.literal().ok_or("Wildcards are not supported in field names")?;
        if name == "_exists_" {
            let field = match self.rest.peek() {
                Some('"') => self.phrase()?,
                _ => self.word()?.literal().ok_or("Wildcards are not supported in field names")?,
            };
            return Ok(Expression::Field(field, Match::Exists));
        }
        let outer = self.field.replace(name);
        let expression = match self.rest.peek() {
            Some('(') => self.parentheses(),
            Some('<' | '>') => Err("Comparisons are not supported, use a range".into()),
            _ => self.value(),
        };
        self.field = outer;
        expression
    }

    fn parentheses(&mut self) -> Result<Expression, Refusal> {
        self.rest.next();
        let expression = self.query()?;
        self.rest.next_if_eq(&')').ok_or("A closing parenthesis is missing")?;
        Ok(expression)
    }

    fn value(&mut self) -> Result<Expression, Refusal> {
        let asked = match self.rest.peek() {
            Some('"') => Match::Exact(self.phrase()?),
            Some('[' | '{') => self.range()?,
            _ => self.word()?.into_match(),
        };
        self.asked(asked)
    }

    fn asked(&self, asked: Match) -> Result<Expression, Refusal> {
        match (&self.field, asked) {
            (Some(field), asked) => Ok(Expression::Field(field.clone(), asked)),
            (None, Match::Range(..)) => Err("A range needs a field".into()),
            (None, Match::Pattern(pieces)) if pieces.iter().all(|piece| *piece == Piece::Star) => {
                Ok(Expression::Everything)
            }
            (None, asked) => Ok(Expression::Bare(asked)),
        }
    }

    fn phrase(&mut self) -> Result<String, Refusal> {
        self.rest.next();
        let mut text = String::new();
        loop {
            match self.rest.next().ok_or("A closing quotation mark is missing")? {
                '"' => break,
                '\\' => text.push(self.escaped()?),
                character => text.push(character),
            }
        }
        self.refuse_suffix()?;
        Ok(text)
    }

    fn range(&mut self) -> Result<Match, Refusal> {
        let is_from_included = self.rest.next() == Some('[');
        let from = self.bound()?;
        self.skip_space();
        if !self.takes_word("TO") {
            return Err("A range has the form [a TO b]".into());
        }
        let to = self.bound()?;
        self.skip_space();
        let is_to_included = match self.rest.next() {
            Some(']') => true,
            Some('}') => false,
            _ => return Err("A closing bracket is missing".into()),
        };
        let bound = |text: Option<String>, is_included| match (text, is_included) {
            (None, _) => Bound::Unbounded,
            (Some(text), true) => Bound::Included(text),
            (Some(text), false) => Bound::Excluded(text),
        };
        self.refuse_suffix()?;
        Ok(Match::Range(bound(from, is_from_included), bound(to, is_to_included)))
    }

    /// One bound of a range; `None` when it is open.
    fn bound(&mut self) -> Result<Option<String>, Refusal> {
        self.skip_space();
        if self.rest.peek() == Some(&'"') {
            return self.phrase().map(Some);
        }
        let mut text = String::new();
        while let Some(character) = self.rest.next_if(|next| !next.is_whitespace() && !"[]{}\"".contains(*next)) {
            text.push(if character == '\\' { self.escaped()? } else { character });
        }
        match text.as_str() {
            "" => Err("A range has the form [a TO b]".into()),
            "*" => Ok(None),
            _ => Ok(Some(text)),
        }
    }

    fn word(&mut self) -> Result<Word, Refusal> {
        let mut word = Word { pieces: Vec::new(), is_escaped: false };
        if self.rest.peek() == Some(&'/') {
            return Err("Regular expressions are not supported".into());
        }
        while let Some(character) = self.rest.next_if(|next| !next.is_whitespace() && !"()[]{}\":^~".contains(*next)) {
            word.pieces.push(match character {
                '\\' => {
                    word.is_escaped = true;
                    Piece::Literal(self.escaped()?)
                }
                '*' => Piece::Star,
                '?' => return Err("The wildcard ? is not supported".into()),
                character => Piece::Literal(character),
            });
        }
        self.refuse_suffix()?;
        if word.pieces.is_empty() {
            return Err(match self.rest.peek() {
                Some(character) => format!("Unexpected {character}").into(),
                None => "A term is missing".into(),
            });
        }
        let is_operator = |operator: &&str| !word.is_escaped && word.literal().as_deref() == Some(*operator);
        match ["AND", "OR", "NOT"].iter().find(|operator| is_operator(operator)) {
            Some(operator) => Err(format!("Unexpected {operator}").into()),
            None => Ok(word),
        }
    }

    fn escaped(&mut self) -> Result<char, Refusal> {
        self.rest.next().ok_or_else(|| "A character is missing after a backslash".into())
    }

    fn refuse_suffix(&mut self) -> Result<(), Refusal> {
        match self.rest.peek() {
            Some('~') => Err("Fuzzy and proximity searches are not supported".into()),
            Some('^') => Err("Boosts are not supported".into()),
            _ => Ok(()),
        }
    }

    fn skip_space(&mut self) {
        while self.rest.next_if(|next| next.is_whitespace()).is_some() {}
    }

    /// Takes this word if it comes next and ends there.
    fn takes_word(&mut self, word: &str) -> bool {
        let mut ahead = self.rest.clone();
        let is_next = word.chars().all(|character| ahead.next() == Some(character));
        let is_symbol = !word.starts_with(char::is_alphabetic);
        let ends = is_symbol || ahead.peek().is_none_or(|next| next.is_whitespace() || "()[]{}\"".contains(*next));
        if is_next && ends {
            self.rest = ahead;
        }
        is_next && ends
    }
}

impl Word {
    fn is_star(&self) -> bool {
        self.pieces == [Piece::Star]
    }

    /// The text, when there is no wildcard in it.
    fn literal(&self) -> Option<String> {
        let literal = |piece: &Piece| match piece {
            Piece::Literal(character) => Some(*character),
            Piece::Star => None,
        };
        self.pieces.iter().map(literal).collect()
    }

    fn into_match(self) -> Match {
        self.literal().map_or(Match::Pattern(self.pieces), Match::Exact)
    }
}

/// What the groups mean together.
fn joined(groups: Vec<Group>) -> Expression {
    let is_alone = groups.len() == 1;
    let next_joints: Vec<Joint> = groups.iter().skip(1).map(|group| group.joint).chain([Joint::Nothing]).collect();
    let (mut required, mut optional, mut prohibited) = (Vec::new(), Vec::new(), Vec::new());
    for (mut group, next) in groups.into_iter().zip(next_joints) {
        let stands_free = !is_alone && group.joint == Joint::Nothing && next == Joint::Nothing;
        if group.clauses.len() > 1 {
            let parts = group.clauses.into_iter().map(|(mark, expression)| mark.applied(expression));
            optional.push(Expression::And(parts.collect()));
            continue;
        }
        let Some((mark, expression)) = group.clauses.pop() else { continue };
        match mark {
            Mark::Required => required.push(expression),
            Mark::Prohibited => prohibited.push(expression),
            Mark::Negated if stands_free => prohibited.push(expression),
            mark => optional.push(mark.applied(expression)),
        }
    }
    let mut all = required;
    if all.is_empty() && !optional.is_empty() {
        all.push(one_or(optional, Expression::Or));
    }
    all.extend(prohibited.into_iter().map(|expression| Expression::Not(Box::new(expression))));
    one_or(all, Expression::And)
}

impl Mark {
    fn applied(self, expression: Expression) -> Expression {
        match self {
            Self::Plain | Self::Required => expression,
            Self::Prohibited | Self::Negated => Expression::Not(Box::new(expression)),
        }
    }
}

fn one_or(mut parts: Vec<Expression>, join: fn(Vec<Expression>) -> Expression) -> Expression {
    if parts.len() == 1 { parts.remove(0) } else { join(parts) }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// An expression in a short form: `(a|b)&!c`.
    fn short(expression: &Expression) -> String {
        let list =
            |parts: &[Expression], sign: &str| format!("({})", parts.iter().map(short).collect::<Vec<_>>().join(sign));
        let value = |asked: &Match| match asked {
            Match::Exists => "?".to_owned(),
            Match::Exact(text) => text.clone(),
            Match::Pattern(pieces) => {
                let character = |piece: &Piece| if let Piece::Literal(character) = piece { *character } else { '*' };
                pieces.iter().map(character).collect()
            }
            Match::Range(from, to) => format!("{from:?}..{to:?}"),
        };
        match expression {
            Expression::Everything => "*".into(),
            Expression::Field(field, asked) => format!("{field}={}", value(asked)),
            Expression::Bare(asked) => value(asked),
            Expression::And(parts) => list(parts, "&"),
            Expression::Or(parts) => list(parts, "|"),
            Expression::Not(part) => format!("!{}", short(part)),
        }
    }

    #[test]
    fn queries_are_read() {
        let cases = [
            ("a", "a"),
            ("email:a.b@c.d", "email=a.b@c.d"),
            ("user_id:\"auth0|abc\"", "user_id=auth0|abc"),
            ("user_id:auth0|abc", "user_id=auth0|abc"),
            ("name:John\\ Doe", "name=John Doe"),
            ("name: jane", "name=jane"),
            ("a:1 b:2", "(a=1|b=2)"),
            ("a:1 AND b:2 OR c:3", "((a=1&b=2)|c=3)"),
            ("a:1 OR b:2 AND NOT c:3", "(a=1|(b=2&!c=3))"),
            ("a:1 && !b:2 || c:3", "((a=1&!b=2)|c=3)"),
            ("(a:1 OR b:2) AND c:3", "((a=1|b=2)&c=3)"),
            ("name:(\"a b\" OR \"c d\")", "(name=a b|name=c d)"),
            ("name:(a OR x:b)", "(name=a|x=b)"),
            ("NOT _exists_:logins_count OR logins_count:0", "(!logins_count=?|logins_count=0)"),
            ("_exists_:a.b", "a.b=?"),
            ("a:1 NOT b:2", "(a=1&!b=2)"),
            ("NOT a:1", "!a=1"),
            ("NOT NOT a:1", "a=1"),
            ("+a:1 b:2 -c:3", "(a=1&!c=3)"),
            ("a:1 b:2 -c:3", "((a=1|b=2)&!c=3)"),
            ("-a:1", "!a=1"),
            ("a-b:c-d+e", "a-b=c-d+e"),
            ("a:and or", "(a=and|or)"),
            ("a:\"AND\"", "a=AND"),
            ("a:\\AND", "a=AND"),
            ("*:*", "*"),
            ("*", "*"),
            ("a:j*", "a=j*"),
            ("a:[1 TO *]", "a=Included(\"1\")..Unbounded"),
            ("a:{2020-01-01T10:00:00 TO \"b c\"]", "a=Excluded(\"2020-01-01T10:00:00\")..Included(\"b c\")"),
            ("(a:1)AND(b:2)", "(a=1&b=2)"),
            ("ANDROID", "ANDROID"),
        ];
        for (query, expected) in cases {
            assert_eq!(short(&parse(query).unwrap_or_else(|reason| panic!("{query}: {reason}"))), expected, "{query}");
        }
    }

    #[test]
    fn malformed_queries_are_refused() {
        let queries = [
            "",
            " ",
            "(",
            ")",
            "()",
            "a:",
            "a:(",
            "a:1)",
            ":a",
            "a:b:c",
            "AND",
            "a AND",
            "OR a",
            "a AND OR b",
            "NOT",
            "\"a",
            "a:\"b",
            "a:[1 TO 2",
            "a:[1 2]",
            "a:[TO 2]",
            "[1 TO 2]",
            "a:b~",
            "a:b^2",
            "a:\"b\"~2",
            "a:/x/",
            "a:b?",
            "a:>5",
            "a:\\",
            "a*:b",
            "*:a",
            "+",
            "a:1 ]",
        ];
        for query in queries {
            assert!(parse(query).is_err(), "{query}");
        }
        assert!(parse(&"(".repeat(10_000)).is_err());
        assert!(parse(&"a:(".repeat(10_000)).is_err());
    }

    proptest::proptest! {
        #[test]
        fn no_query_panics(query in "[a-c:()\\[\\]{}\"*?~^+!\\\\/ -]{0,40}|.{0,40}") {
            let _ = parse(&query);
        }
    }
}
