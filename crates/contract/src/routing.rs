//! From method and path to the operation: a tree of path segments.

use std::collections::HashMap;

use http::Method;
use percent_encoding::percent_decode_str;

use crate::{Operation, PathValues};

/// What a request is for.
#[derive(Debug)]
pub enum Route<'c> {
    /// An operation, with the values of its path.
    Operation(&'c Operation, PathValues),
    /// The path exists, with other methods.
    WrongMethod,
    /// No such path.
    Unknown,
}

/// A tree of segments; a literal one is tried before a `{parameter}`.
#[derive(Debug, Default)]
pub(crate) struct Routes {
    literals: HashMap<String, Routes>,
    parameter: Option<Box<Routes>>,
    /// The operations whose path ends here, by their index.
    operations: Vec<usize>,
}

impl Routes {
    pub(crate) fn new(operations: &[Operation]) -> Routes {
        let mut root = Routes::default();
        for (index, operation) in operations.iter().enumerate() {
            let mut node = &mut root;
            for segment in segments(&operation.path) {
                node = if is_parameter(segment) {
                    node.parameter.get_or_insert_default()
                } else {
                    node.literals.entry(segment.to_owned()).or_default()
                };
            }
            node.operations.push(index);
        }
        root
    }

    pub(crate) fn find<'c>(&self, operations: &'c [Operation], method: &Method, path: &str) -> Route<'c> {
        let Some(path) = path.strip_prefix('/') else { return Route::Unknown };
        let path = path.strip_suffix('/').unwrap_or(path);
        let segments: Vec<&str> = path.split('/').collect();
        let mut exists = false;
        match self.search(operations, method, &segments, &mut exists) {
            Some(operation) => match values(operation, &segments) {
                Some(values) => Route::Operation(operation, values),
                None => Route::Unknown,
            },
            None if exists => Route::WrongMethod,
            None => Route::Unknown,
        }
    }

    fn search<'c>(
        &self,
        operations: &'c [Operation],
        method: &Method,
        rest: &[&str],
        exists: &mut bool,
    ) -> Option<&'c Operation> {
        let Some((first, rest)) = rest.split_first() else {
            *exists |= !self.operations.is_empty();
            return self
                .operations
                .iter()
                .map(|&index| &operations[index])
                .find(|operation| operation.method == *method);
        };
        let literal = self.literals.get(*first).and_then(|node| node.search(operations, method, rest, exists));
        if literal.is_some() || first.is_empty() {
            return literal;
        }
        self.parameter.as_ref()?.search(operations, method, rest, exists)
    }
}

/// The path's values by the operation's names; `None` when they are not text.
fn values(operation: &Operation, given: &[&str]) -> Option<PathValues> {
    segments(&operation.path)
        .zip(given)
        .filter(|(segment, _)| is_parameter(segment))
        .map(|(segment, given)| {
            let value = percent_decode_str(given).decode_utf8().ok()?;
            Some((segment[1..segment.len() - 1].to_owned(), value.into_owned()))
        })
        .collect::<Option<Vec<_>>>()
        .map(PathValues)
}

fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').skip(1)
}

fn is_parameter(segment: &str) -> bool {
    segment.starts_with('{') && segment.ends_with('}')
}
