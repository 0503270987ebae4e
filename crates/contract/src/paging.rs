//! How lists are paged: what the parameters and the schemas of the answer tell, and what the overlay adds.

use crate::{operation::Operation, overlay::PagingSource, schema::Schema};

/// The paging of an operation. All `false` and no envelope: not a list, or one that always comes whole as an array.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[expect(clippy::struct_excessive_bools, reason = "independent facts of the contract, not states")]
pub struct Paging {
    /// Takes `page` and `per_page`.
    pub offset: bool,
    /// Takes `include_totals`.
    pub totals: bool,
    /// Takes `from` and `take`.
    pub checkpoint: bool,
    /// Answers with the envelope even when neither totals nor a checkpoint were asked for.
    pub always_object: bool,
    /// Leaves out the envelope's counters that are 0.
    pub omits_zeros: bool,
    /// Tells a total of 0 on a page without items, also when other pages have some.
    pub empty_page_totals_zero: bool,
    /// The key of the array within the envelope.
    pub envelope: Option<String>,
    /// How many items a page has when the caller does not say.
    pub default_size: u64,
    /// How many items a page may have.
    pub max_size: u64,
    /// The keys of an offset page's envelope, in the service's order.
    pub envelope_order: Vec<String>,
    /// The keys of a checkpoint page's envelope, in the service's order.
    pub checkpoint_order: Vec<String>,
}

const DEFAULT_SIZE: u64 = 50;
const MAX_SIZE: u64 = 100;

/// What may stand in an envelope beside its array.
const COUNTERS: [&str; 7] = ["start", "limit", "total", "length", "page", "per_page", "next"];

impl Paging {
    pub(crate) fn of(operation: &Operation, corrections: PagingSource) -> Paging {
        let takes = |name: &str| operation.query_schema(name).is_some();
        let may_be_list = takes("per_page") || takes("take") || !operation.path.ends_with('}');
        if !may_be_list && corrections.envelope.is_none() {
            return Paging::default();
        }
        let largest = |name: &str| operation.query_schema(name)?.maximum;
        let alternatives = alternatives(operation);
        let envelopes: Vec<_> = alternatives.iter().filter_map(|parts| envelope(operation, parts)).collect();
        let of_kind = |is_checkpoint: bool| {
            let has_next = |envelope: &&Envelope| envelope.keys.iter().any(|key| key == "next") == is_checkpoint;
            envelopes
                .iter()
                .find(has_next)
                .or(envelopes.first())
                .map(|envelope| envelope.keys.clone())
                .unwrap_or_default()
        };
        let max_size = largest("per_page").or_else(|| largest("take"));
        #[expect(
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "page sizes are small positive integers"
        )]
        let max_size = max_size.map_or(MAX_SIZE, |size| size as u64);
        let found = corrections.envelope.or_else(|| envelopes.first().map(|envelope| envelope.array.clone()));
        let may_be_array = alternatives.iter().any(|parts| parts.iter().any(|part| part.types.has("array")));
        let default_always = found.is_some() && !may_be_array;
        Paging {
            offset: corrections.offset.unwrap_or_else(|| takes("page") || takes("per_page")),
            totals: corrections.totals.unwrap_or_else(|| takes("include_totals")),
            checkpoint: corrections.checkpoint.unwrap_or_else(|| takes("take") || takes("from")),
            always_object: corrections.always_object.unwrap_or(default_always),
            omits_zeros: corrections.omits_zeros.unwrap_or(false),
            empty_page_totals_zero: corrections.empty_page_totals_zero.unwrap_or(false),
            envelope: found,
            default_size: corrections.default_size.unwrap_or(DEFAULT_SIZE),
            max_size: corrections.max_size.unwrap_or(max_size),
            envelope_order: corrections.envelope_order.unwrap_or_else(|| of_kind(false)),
            checkpoint_order: corrections.checkpoint_order.unwrap_or_else(|| of_kind(true)),
        }
    }
}

struct Envelope {
    array: String,
    keys: Vec<String>,
}

/// The whole answers that the response schema allows, each as the schemas that hold together.
fn alternatives(operation: &Operation) -> Vec<Vec<&Schema>> {
    let Some(response) = operation.response_schema() else { return Vec::new() };
    let parts = operation.schemas().parts(response);
    let branches: Vec<_> = parts.iter().flat_map(|part| part.one_of.iter().chain(&part.any_of)).collect();
    if branches.is_empty() {
        return vec![parts];
    }
    branches.into_iter().map(|branch| operation.schemas().parts(branch)).collect()
}

/// An object of one array and counters.
fn envelope(operation: &Operation, parts: &[&Schema]) -> Option<Envelope> {
    let members: Vec<_> = parts.iter().flat_map(|part| &part.properties).collect();
    let is_counter = |name: &str| COUNTERS.contains(&name);
    let mut others = members.iter().filter(|(name, _)| !is_counter(name));
    let (array, schema) = others.next()?;
    let is_list = operation.schemas().parts(schema).iter().any(|part| part.types.has("array"));
    let keys = members.iter().map(|(name, _)| (*name).clone()).collect();
    (is_list && others.next().is_none()).then(|| Envelope { array: (*array).clone(), keys })
}
