//! `{% auth0:head %}` and `{% auth0:widget %}`: the parts of a login page that its template surrounds. Whoever renders a page gives
//! them as members of `auth0`; elsewhere they are empty.

use std::io::Write;

use liquid_core::{
    Error, Language, ParseTag, Renderable, Result, Runtime, TagReflection, TagTokenIter, ValueView, model::ScalarCow,
};

/// The name before the colon, under which the parts are given.
const NAME: &str = "auth0";

/// `auth0:…`.
#[derive(Clone)]
pub(super) struct PartTag;

impl TagReflection for PartTag {
    fn tag(&self) -> &'static str {
        NAME
    }

    fn description(&self) -> &'static str {
        "A part of a page."
    }
}

impl ParseTag for PartTag {
    fn parse(&self, mut arguments: TagTokenIter<'_>, _: &Language) -> Result<Box<dyn Renderable>> {
        arguments.expect_next("Expected a colon.")?.expect_str(":").into_result()?;
        let part = arguments.expect_next("Expected the name of a part.")?.expect_identifier().into_result()?.to_owned();
        arguments.expect_nothing()?;
        Ok(Box::new(Part(part)))
    }

    fn reflection(&self) -> &dyn TagReflection {
        self
    }
}

#[derive(Debug)]
struct Part(String);

impl Renderable for Part {
    fn render_to(&self, writer: &mut dyn Write, runtime: &dyn Runtime) -> Result<()> {
        let path = [ScalarCow::new(NAME), ScalarCow::new(self.0.as_str())];
        let Some(part) = runtime.try_get(&path) else { return Ok(()) };
        write!(writer, "{}", part.render()).map_err(|error| Error::with_msg(error.to_string()))
    }
}
