//! Which packages a set is made of, and where each stands: one tree of `node_modules`, found before anything is fetched.

use std::{
    collections::{BTreeMap, HashMap, VecDeque},
    path::PathBuf,
    sync::Arc,
};

use futures::{FutureExt, StreamExt, future::BoxFuture, stream};
use nodejs_semver::Version;

use super::{
    BuildError,
    registry::{Manifest, Package, Registry, Wanted, wanted},
};

/// Packages of one set.
const PACKAGES: usize = 2_000;
/// How deep packages stand within one another.
const DEPTH: usize = 24;
/// Packages whose metadata is asked for at a time.
const AT_A_TIME: usize = 8;

/// A package at its place.
pub(super) struct Placed {
    /// The name in the registry.
    pub(super) name: String,
    /// The folder within the set.
    pub(super) folder: PathBuf,
    pub(super) manifest: Manifest,
    /// The package in whose folder this one stands.
    parent: Option<usize>,
    pub(super) depth: usize,
    children: BTreeMap<String, usize>,
}

impl Placed {
    /// The name under which code requires it.
    pub(super) fn given(&self) -> &str {
        let folder = self.folder.to_str().unwrap_or_default();
        folder.rsplit_once("node_modules/").map_or(folder, |(_, given)| given)
    }
}

/// The tree under construction.
pub(super) struct Tree<'a> {
    registry: &'a Registry,
    known: HashMap<String, Arc<Package>>,
    /// All packages in the order in which they were found.
    placed: Vec<Placed>,
    top: BTreeMap<String, usize>,
}

/// One thing that a package, or the set itself, asks for.
struct Demand {
    /// Under what the code requires it.
    given: String,
    real: String,
    wanted: Wanted,
    is_optional: bool,
    is_peer: bool,
}

impl<'a> Tree<'a> {
    /// Finds all packages that these need, each by its name and the version that is wanted of it.
    pub(super) async fn grow(registry: &'a Registry, wished: &[(String, String)]) -> Result<Vec<Placed>, BuildError> {
        let mut tree = Tree { registry, known: HashMap::new(), placed: Vec::new(), top: BTreeMap::new() };
        let mut demands = Vec::new();
        for (given, spec) in wished {
            let (real, wanted) = wanted(given, spec)?;
            demands.push(Demand { given: given.clone(), real, wanted, is_optional: false, is_peer: false });
        }
        let mut open = VecDeque::new();
        tree.settle(None, demands, &mut open).await?;
        // Breadth first: what a package itself asks for stands before what its dependencies ask for, so that nothing that is
        // placed later comes between a package and what it has found already.
        while let Some(at) = open.pop_front() {
            let demands = demands_of(&tree.placed[at].manifest)?;
            tree.settle(Some(at), demands, &mut open).await?;
        }
        Ok(tree.placed)
    }

    /// Finds or places what one package asks for.
    async fn settle(
        &mut self,
        of: Option<usize>,
        demands: Vec<Demand>,
        open: &mut VecDeque<usize>,
    ) -> Result<(), BuildError> {
        self.learn(&demands).await?;
        for demand in demands {
            let visible = self.visible(of, &demand.given);
            if visible.is_some_and(|at| demand.is_peer || demand.is_met_by(&self.placed[at])) {
                continue;
            }
            let Some(package) = self.known.get(&demand.real) else {
                if demand.is_optional {
                    continue;
                }
                let name = &demand.real;
                return Err(BuildError(format!(
                    "The dependencies cannot be installed: {name} is not in the registry."
                )));
            };
            let manifest = match package.choose(&demand.real, &demand.wanted) {
                Ok(manifest) if demand.is_optional && manifest.is_native() => continue,
                Ok(manifest) => manifest,
                Err(_) if demand.is_optional => continue,
                Err(error) => return Err(error),
            };
            // At the top where the place is free, else within the package that asks.
            let parent = if visible.is_none() { None } else { of };
            open.push_back(self.place(parent, demand, manifest)?);
        }
        Ok(())
    }

    fn place(&mut self, parent: Option<usize>, demand: Demand, manifest: Manifest) -> Result<usize, BuildError> {
        let depth = parent.map_or(0, |parent| self.placed[parent].depth + 1);
        if self.placed.len() >= PACKAGES || depth > DEPTH {
            return Err(BuildError("The dependencies cannot be installed: they are too many, or too deep.".into()));
        }
        let mut folder = parent.map_or_else(PathBuf::new, |parent| self.placed[parent].folder.clone());
        folder.push("node_modules");
        folder.push(&demand.given);
        let at = self.placed.len();
        let beside = match parent {
            None => &mut self.top,
            Some(parent) => &mut self.placed[parent].children,
        };
        beside.insert(demand.given, at);
        let children = BTreeMap::new();
        self.placed.push(Placed { name: demand.real, folder, manifest, parent, depth, children });
        Ok(at)
    }

    /// What a package finds under a name, as Node looks for it.
    fn visible(&self, from: Option<usize>, name: &str) -> Option<usize> {
        let mut at = from;
        while let Some(package) = at.map(|at| &self.placed[at]) {
            if let Some(found) = package.children.get(name) {
                return Some(*found);
            }
            at = package.parent;
        }
        self.top.get(name).copied()
    }

    /// Asks the registry for the metadata that is missing.
    async fn learn(&mut self, demands: &[Demand]) -> Result<(), BuildError> {
        let mut missing: Vec<(&str, bool)> = demands
            .iter()
            .filter(|demand| !self.known.contains_key(&demand.real))
            .map(|demand| (demand.real.as_str(), demand.is_optional))
            .collect();
        missing.sort_unstable();
        missing.dedup_by_key(|(name, _)| *name);
        let asked: Vec<BoxFuture<'_, _>> =
            missing.into_iter().map(|(name, is_optional)| ask(self.registry, name, is_optional).boxed()).collect();
        let answers: Vec<_> = stream::iter(asked).buffer_unordered(AT_A_TIME).collect().await;
        for (name, is_optional, answer) in answers {
            match answer {
                Ok(package) => drop(self.known.insert(name.to_owned(), Arc::new(package))),
                Err(_) if is_optional => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}

async fn ask<'n>(
    registry: &Registry,
    name: &'n str,
    is_optional: bool,
) -> (&'n str, bool, Result<Package, BuildError>) {
    (name, is_optional, registry.package(name).await)
}

impl Demand {
    fn is_met_by(&self, placed: &Placed) -> bool {
        placed.name == self.real
            && match &self.wanted {
                // A tag means one version; whoever asks for it takes what another has been given for it.
                Wanted::Tag(_) => true,
                Wanted::Range(range) => {
                    Version::parse(&placed.manifest.version).is_ok_and(|version| range.satisfies(&version))
                }
            }
    }
}

/// What a package asks for beside itself. What it cannot do without must be a package of the registry.
fn demands_of(manifest: &Manifest) -> Result<Vec<Demand>, BuildError> {
    let mut demands = Vec::new();
    let mut add = |given: &String, spec: &String, is_optional: bool, is_peer: bool| match wanted(given, spec) {
        Ok((real, wanted)) => {
            demands.push(Demand { given: given.clone(), real, wanted, is_optional, is_peer });
            Ok(())
        }
        Err(_) if is_optional => Ok(()),
        Err(error) => Err(error),
    };
    // Registries list optional ones among the others, too.
    let plain = manifest.dependencies.iter().filter(|(name, _)| !manifest.optional_dependencies.contains_key(*name));
    for (given, spec) in plain.filter(|(name, _)| !manifest.carries(name)) {
        add(given, spec, false, false)?;
    }
    for (given, spec) in manifest.optional_dependencies.iter().filter(|(name, _)| !manifest.carries(name)) {
        add(given, spec, true, false)?;
    }
    for (given, spec) in manifest.peer_dependencies.iter().filter(|(name, _)| !manifest.can_miss(name)) {
        add(given, spec, false, true)?;
    }
    Ok(demands)
}
