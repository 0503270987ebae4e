//! A form as it is stored, read leniently: what is missing leads nowhere, and nothing here fails.

use kernel::{Document, Value, value_at};

use super::{Component, translation};

/// The pointer to the end.
pub const ENDING: &str = "$ending";

/// A form in one language.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Form {
    /// Its identifier.
    pub id: String,
    /// Its name.
    pub name: String,
    /// The language that it is in.
    pub language: String,
    /// What visitors do not see.
    pub hidden: Vec<Hidden>,
    /// Where it begins.
    pub first: Option<String>,
    nodes: Vec<(String, Node)>,
    /// Its end.
    pub ending: Ending,
    /// Texts of faults, by code.
    pub errors: Document,
    /// Texts that expressions name by `t('…')`.
    pub messages: Document,
    /// Style sheet of the tenant.
    pub css: Option<String>,
}

/// A hidden field.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hidden {
    /// Its name.
    pub key: String,
    /// Its value, with expressions.
    pub value: Option<String>,
}

/// What a form leads to in the end.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ending {
    /// The flow that runs before it.
    pub flow: Option<String>,
    /// Where the visitor is sent, with expressions, and after how many seconds.
    pub redirection: Option<(String, u64)>,
}

/// A node.
#[derive(Clone, Debug, PartialEq)]
pub enum Node {
    /// A page.
    Step(Step),
    /// A flow.
    Flow {
        /// The flow.
        flow: String,
        /// The node after it.
        next: Option<String>,
    },
    /// A decision.
    Router {
        /// The first one that holds counts.
        rules: Vec<Rule>,
        /// The node where none does.
        fallback: Option<String>,
    },
}

/// A page.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Step {
    /// What is on it.
    pub components: Vec<Component>,
    /// The node after it.
    pub next: Option<String>,
}

/// A rule of a router.
#[derive(Clone, Debug, PartialEq)]
pub struct Rule {
    /// When it counts.
    pub condition: Value,
    /// Where it leads.
    pub next: Option<String>,
}

impl Form {
    /// A form with the texts of a language.
    pub fn of(id: &str, document: &Document, language: &str) -> Self {
        let document = translation::translated(document, language);
        let at = |path: &str| value_at(&document, path);
        let text = |path: &str| at(path).and_then(Value::as_str).map(str::to_owned);
        let members = |path: &str| at(path).and_then(Value::as_object).cloned().unwrap_or_default();
        let items = |path: &str| at(path).and_then(Value::as_array).into_iter().flatten();
        let hidden = items("start.hidden_fields").filter_map(|hidden| {
            let text = |name: &str| hidden.get(name).and_then(Value::as_str).map(str::to_owned);
            Some(Hidden { key: text("key")?, value: text("value") })
        });
        let nodes = items("nodes").filter_map(|node| Some((node.get("id")?.as_str()?.to_owned(), Node::of(node)?)));
        let delay = at("ending.redirection.delay").and_then(Value::as_u64).unwrap_or(0).min(10);
        Self {
            id: id.to_owned(),
            name: text("name").unwrap_or_default(),
            language: language.to_owned(),
            hidden: hidden.collect(),
            first: text("start.next_node"),
            nodes: nodes.collect(),
            ending: Ending {
                flow: text("ending.after_submit.flow_id"),
                redirection: text("ending.redirection.target").map(|target| (target, delay)),
            },
            errors: members("messages.errors"),
            messages: members("messages.custom"),
            css: text("style.css"),
        }
    }

    /// A node.
    pub fn node(&self, id: &str) -> Option<&Node> {
        self.nodes.iter().find(|(known, _)| known == id).map(|(_, node)| node)
    }

    /// A step.
    pub fn step(&self, id: &str) -> Option<&Step> {
        match self.node(id) {
            Some(Node::Step(step)) => Some(step),
            _ => None,
        }
    }

    /// All steps.
    pub fn steps(&self) -> impl Iterator<Item = (&str, &Step)> {
        self.nodes.iter().filter_map(|(id, node)| match node {
            Node::Step(step) => Some((id.as_str(), step)),
            _ => None,
        })
    }

    /// All fields.
    pub fn fields(&self) -> impl Iterator<Item = &Component> {
        self.steps().flat_map(|(_, step)| step.fields())
    }

    /// The step that a field stands on.
    pub fn step_of(&self, field: &str) -> Option<&str> {
        self.steps().find(|(_, step)| step.fields().any(|known| known.id == field)).map(|(id, _)| id)
    }

    /// Whether there is such a field or hidden field.
    pub fn knows(&self, id: &str) -> bool {
        self.hidden.iter().any(|hidden| hidden.key == id) || self.fields().any(|field| field.id == id)
    }

    /// Whether the tenant's code is told of a field: of all but those that are transient.
    pub(crate) fn tells(&self, id: &str) -> bool {
        self.fields().any(|field| field.id == id) && !self.fields().any(|field| field.id == id && field.is_transient())
    }
}

impl Node {
    fn of(node: &Value) -> Option<Self> {
        let text = |name: &str| node.get("config")?.get(name)?.as_str().map(str::to_owned);
        let items =
            |name: &str| node.get("config").and_then(|config| config.get(name)?.as_array()).into_iter().flatten();
        Some(match node.get("type")?.as_str()? {
            "STEP" => Self::Step(Step {
                components: items("components").filter_map(Component::of).collect(),
                next: text("next_node"),
            }),
            "FLOW" => Self::Flow { flow: text("flow_id")?, next: text("next_node") },
            "ROUTER" => {
                let rule = |rule: &Value| Rule {
                    condition: rule.get("condition").cloned().unwrap_or_default(),
                    next: rule.get("next_node").and_then(Value::as_str).map(str::to_owned),
                };
                Self::Router { rules: items("rules").map(rule).collect(), fallback: text("fallback") }
            }
            _ => return None,
        })
    }
}

impl Step {
    /// Its fields, also those of other services.
    pub fn fields(&self) -> impl Iterator<Item = &Component> {
        self.components.iter().filter(|component| component.category != "BLOCK")
    }

    /// Whether it has a component of this type.
    pub fn has(&self, kind: &str) -> bool {
        self.components.iter().any(|component| component.kind == kind)
    }

    /// A button of it.
    pub(crate) fn button(&self, id: &str, kind: &str) -> Option<&Component> {
        self.components.iter().find(|component| component.id == id && component.kind == kind)
    }
}
