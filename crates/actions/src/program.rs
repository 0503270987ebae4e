//! What is run: a tenant's code, with everything that belongs to one version of it.

use std::fmt;

use kernel::{Document, TenantId};
use serde::{Deserialize, Serialize};

/// One version of an Action, a rule, a hook or a script of a custom database. It never changes: other content has another `id`.
#[derive(Clone)]
pub struct Program {
    /// Whose code it is. Workers serve one tenant each.
    pub tenant: TenantId,
    /// Identifies this content, secrets included, within the tenant: a version's id, or a digest.
    pub id: String,
    /// The name that its author gave; it stands in stack traces.
    pub name: String,
    /// How the code is called.
    pub kind: ProgramKind,
    /// The source, CommonJS.
    pub code: String,
    /// Actions modules that the code may `require('actions:<name>')`.
    pub modules: Vec<Module>,
    /// Packages of npm that the code may `require`.
    pub dependencies: Vec<Dependency>,
    /// `event.secrets` of Actions, `context.webtask.secrets` of hooks.
    pub secrets: Document,
    /// `event.configuration` of Actions, `configuration` of rules and of scripts of custom databases.
    pub configuration: Document,
}

/// Names the program without its secrets.
impl fmt::Debug for Program {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Program")
            .field("tenant", &self.tenant)
            .field("id", &self.id)
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl Program {
    /// Whether packages belong to it or to its modules.
    pub(crate) fn has_packages(&self) -> bool {
        !self.dependencies.is_empty() || self.modules.iter().any(|module| !module.dependencies.is_empty())
    }
}

/// How code is called.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ProgramKind {
    /// Handlers in `exports`, called with `event` and `api`.
    Action,
    /// A function expression, called with `user`, `context` and a callback.
    Rule,
    /// A function in `module.exports`, called with its arguments and a callback.
    Hook,
    /// A function expression of a custom database, called with its arguments and a callback.
    Database,
}

/// An Actions module at one version.
#[derive(Clone)]
pub struct Module {
    /// What `require('actions:<name>')` names.
    pub name: String,
    /// The source, CommonJS.
    pub code: String,
    /// `actions.secrets` inside the module.
    pub secrets: Document,
    /// Packages of npm that the module may `require`.
    pub dependencies: Vec<Dependency>,
}

/// Names the module without its secrets.
impl fmt::Debug for Module {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Module").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A package of npm.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Dependency {
    /// Its name in the registry, `lodash` or `@scope/name`.
    pub name: String,
    /// An exact version; before a build also `latest`, a range, or nothing.
    pub version: String,
}
