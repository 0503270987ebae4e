//! Texts from Liquid templates. What a template names and nobody told is empty, as in the service's engine, and no error. Whatever
//! a template does is counted, so none runs for long, makes much, or goes deep: see `budget`, `counted`, `loops` and `shape`.

mod budget;
mod counted;
mod escape;
mod loops;
mod macros;
mod parts;
mod shape;
#[cfg(test)]
mod tests;
mod view;

use std::{panic::AssertUnwindSafe, sync::LazyLock};

use kernel::Document;
use liquid::{Parser, ParserBuilder};
use liquid_lib::stdlib;

use self::{
    budget::{OUTPUT, Output},
    counted::{Counted, CountedBlock, CountedFilter},
    escape::{Escape, UrlEncode},
    view::View,
};

pub use escape::escaped;
pub(crate) use escape::unescaped;
pub(crate) use macros::without_macros;

/// The tags, blocks and filters of the service's engine that the library has.
static PARSER: LazyLock<Parser> = LazyLock::new(|| {
    let parser = ParserBuilder::new()
        .block(CountedBlock(loops::FOR))
        .block(CountedBlock(loops::TABLE_ROW))
        .block(CountedBlock(loops::CAPTURE))
        .block(CountedBlock(stdlib::RawBlock))
        .block(CountedBlock(stdlib::IfBlock))
        .block(CountedBlock(stdlib::UnlessBlock))
        .block(CountedBlock(stdlib::CommentBlock))
        .block(CountedBlock(stdlib::CaseBlock))
        .tag(Counted(stdlib::AssignTag))
        .tag(Counted(stdlib::BreakTag))
        .tag(Counted(stdlib::ContinueTag))
        .tag(Counted(stdlib::CycleTag))
        .tag(Counted(stdlib::IncludeTag))
        .tag(Counted(stdlib::IncrementTag))
        .tag(Counted(stdlib::DecrementTag))
        .tag(Counted(parts::PartTag));
    macro_rules! with_filters {
        ($parser:expr, $($filter:expr),* $(,)?) => { $parser$(.filter(CountedFilter($filter)))* };
    }
    let parser = with_filters!(
        parser,
        Escape,
        UrlEncode,
        stdlib::Abs,
        stdlib::Append,
        stdlib::AtLeast,
        stdlib::AtMost,
        stdlib::Capitalize,
        stdlib::Ceil,
        stdlib::Compact,
        stdlib::Concat,
        stdlib::Date,
        stdlib::Default,
        stdlib::DividedBy,
        stdlib::Downcase,
        stdlib::EscapeOnce,
        stdlib::First,
        stdlib::Floor,
        stdlib::Join,
        stdlib::Last,
        stdlib::Lstrip,
        stdlib::Map,
        stdlib::Minus,
        stdlib::Modulo,
        stdlib::NewlineToBr,
        stdlib::Plus,
        stdlib::Prepend,
        stdlib::Remove,
        stdlib::RemoveFirst,
        stdlib::Replace,
        stdlib::ReplaceFirst,
        stdlib::Reverse,
        stdlib::Round,
        stdlib::Rstrip,
        stdlib::Size,
        stdlib::Slice,
        stdlib::Sort,
        stdlib::SortNatural,
        stdlib::Split,
        stdlib::Strip,
        stdlib::StripHtml,
        stdlib::StripNewlines,
        stdlib::Times,
        stdlib::Truncate,
        stdlib::TruncateWords,
        stdlib::Uniq,
        stdlib::Upcase,
        stdlib::UrlDecode,
        stdlib::Where,
    );
    parser.build().expect("the tags and filters have names of their own")
});

/// Why there is no text.
#[derive(Debug, thiserror::Error)]
#[error("The template cannot be rendered: {0}")]
pub struct Unreadable(String);

impl Unreadable {
    /// Nobody knows why.
    pub(crate) fn failed() -> Self {
        Self("a filter cannot do what it is asked for".to_owned())
    }
}

/// The text of a template with what is known. It may take a while: not for async threads.
///
/// # Errors
/// What is no template, and what takes too long or makes too much.
pub fn render(template: &str, known: &Document) -> Result<String, Unreadable> {
    shape::check(template).map_err(|reason| Unreadable(reason.to_owned()))?;
    let in_words = |error: liquid::Error| Unreadable(error.to_string());
    let work = || {
        let template = PARSER.parse(template).map_err(in_words)?;
        let mut output = Output::new(OUTPUT);
        template.render_to(&mut output, &View::of(known)).map_err(in_words)?;
        Ok(output.into_text())
    };
    // The library panics where numbers are too large for it.
    let done = std::panic::catch_unwind(AssertUnwindSafe(|| budget::within(work)));
    done.unwrap_or_else(|_| Err(Unreadable::failed()))
}
