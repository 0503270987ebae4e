//! The grammar of expressions.
//!
//! ```text
//! expression = primary ("??" primary)*
//! primary    = text | number | true | false | null | undefined | array | "(" expression ")" | name step*
//! step       = "." name | "[" expression "]" | "(" arguments ")"
//! ```

/// How deep an expression may be; deeper ones are no expressions.
const DEPTH: usize = 32;

/// An expression.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Expression {
    Text(String),
    Number(f64),
    Bool(bool),
    Null,
    Undefined,
    Array(Vec<Expression>),
    /// A root name and the steps into it.
    Path(String, Vec<Step>),
    /// `functions.name(…)`.
    Call(String, Vec<Expression>),
    /// `t('key')`.
    Message(Box<Expression>),
    /// The first that is neither null nor undefined.
    Either(Vec<Expression>),
}

/// A step into a value.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Step {
    Name(String),
    Computed(Box<Expression>),
}

/// A piece of a text with expressions. What stands between braces and is no expression is undefined.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Part<'t> {
    Text(&'t str),
    Expression(Option<Expression>),
}

/// Takes a text apart. Braces that are never closed are text.
pub(super) fn template(text: &str) -> Vec<Part<'_>> {
    let mut parts = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find("{{") {
        let inner = &rest[start + 2..];
        let (expression, end) = match read(inner) {
            Some((expression, end)) => (Some(expression), end),
            None => match inner.find("}}") {
                Some(end) => (None, end + 2),
                None => break,
            },
        };
        if start > 0 {
            parts.push(Part::Text(&rest[..start]));
        }
        parts.push(Part::Expression(expression));
        rest = &inner[end..];
    }
    if !rest.is_empty() {
        parts.push(Part::Text(rest));
    }
    parts
}

/// An expression that is all of a text.
pub(super) fn whole(text: &str) -> Option<Expression> {
    let mut reader = Reader { text, at: 0 };
    let expression = reader.expression(0)?;
    reader.space();
    (reader.at == text.len()).then_some(expression)
}

/// Reads an expression and the braces that close it; where it ends.
fn read(text: &str) -> Option<(Expression, usize)> {
    let mut reader = Reader { text, at: 0 };
    let expression = reader.expression(0)?;
    reader.space();
    reader.take("}}")?;
    Some((expression, reader.at))
}

struct Reader<'t> {
    text: &'t str,
    at: usize,
}

impl Reader<'_> {
    fn rest(&self) -> &str {
        &self.text[self.at..]
    }

    fn space(&mut self) {
        self.at += self.rest().len() - self.rest().trim_start().len();
    }

    fn take(&mut self, token: &str) -> Option<()> {
        self.rest().starts_with(token).then(|| self.at += token.len())
    }

    fn expression(&mut self, depth: usize) -> Option<Expression> {
        let mut all = vec![self.primary(depth)?];
        loop {
            self.space();
            if self.take("??").is_none() {
                break;
            }
            all.push(self.primary(depth)?);
        }
        if all.len() == 1 { all.pop() } else { Some(Expression::Either(all)) }
    }

    fn primary(&mut self, depth: usize) -> Option<Expression> {
        if depth > DEPTH {
            return None;
        }
        self.space();
        match self.rest().chars().next()? {
            quote @ ('\'' | '"') => self.quoted(quote).map(Expression::Text),
            '[' => {
                self.at += 1;
                self.list(']', depth).map(Expression::Array)
            }
            '(' => {
                self.at += 1;
                let inner = self.expression(depth + 1)?;
                self.space();
                self.take(")")?;
                Some(inner)
            }
            first if first.is_ascii_digit() || first == '-' => self.number(),
            _ => self.named(depth),
        }
    }

    fn quoted(&mut self, quote: char) -> Option<String> {
        let mut text = String::new();
        let mut letters = self.rest().char_indices().skip(1);
        while let Some((at, letter)) = letters.next() {
            match letter {
                '\\' => match letters.next()?.1 {
                    'n' => text.push('\n'),
                    't' => text.push('\t'),
                    'r' => text.push('\r'),
                    other => text.push(other),
                },
                letter if letter == quote => {
                    self.at += at + quote.len_utf8();
                    return Some(text);
                }
                letter => text.push(letter),
            }
        }
        None
    }

    fn number(&mut self) -> Option<Expression> {
        let is_part = |letter: char| letter.is_ascii_digit() || letter == '.' || letter == '-';
        let length = self.rest().find(|letter| !is_part(letter)).unwrap_or(self.rest().len());
        let number = self.rest()[..length].parse().ok()?;
        self.at += length;
        Some(Expression::Number(number))
    }

    /// Expressions between commas, until `end`.
    fn list(&mut self, end: char, depth: usize) -> Option<Vec<Expression>> {
        let mut items = Vec::new();
        loop {
            self.space();
            if self.rest().starts_with(end) {
                self.at += 1;
                return Some(items);
            }
            items.push(self.expression(depth + 1)?);
            self.space();
            if self.take(",").is_none() && !self.rest().starts_with(end) {
                return None;
            }
        }
    }

    fn name(&mut self) -> Option<String> {
        let is_part = |letter: char| letter.is_alphanumeric() || matches!(letter, '_' | '$' | '-' | '#');
        let length = self.rest().find(|letter| !is_part(letter)).unwrap_or(self.rest().len());
        let name = self.rest()[..length].to_owned();
        self.at += length;
        (length > 0).then_some(name)
    }

    fn named(&mut self, depth: usize) -> Option<Expression> {
        let root = self.name()?;
        match root.as_str() {
            "true" => return Some(Expression::Bool(true)),
            "false" => return Some(Expression::Bool(false)),
            "null" => return Some(Expression::Null),
            "undefined" => return Some(Expression::Undefined),
            _ => {}
        }
        if root == "t" && self.take("(").is_some() {
            let [key] = <[_; 1]>::try_from(self.list(')', depth)?).ok()?;
            return Some(Expression::Message(Box::new(key)));
        }
        let mut steps = Vec::new();
        loop {
            if self.take("?.").is_some() || self.take(".").is_some() {
                steps.push(Step::Name(self.name()?));
            } else if self.take("[").is_some() {
                let key = self.expression(depth + 1)?;
                self.space();
                self.take("]")?;
                steps.push(Step::Computed(Box::new(key)));
            } else if self.rest().starts_with('(') {
                let [Step::Name(function)] = steps.as_slice() else { return None };
                if root != "functions" {
                    return None;
                }
                let function = function.clone();
                self.at += 1;
                return Some(Expression::Call(function, self.list(')', depth)?));
            } else {
                return Some(Expression::Path(root, steps));
            }
        }
    }
}
