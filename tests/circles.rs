//! Which files of a crate import one another in a circle. A module and the modules under it are one thing: what a file takes
//! from a module above itself makes no circle.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

/// A module's path; the crate's own is empty.
type Module = Vec<String>;

/// What a file says of others.
#[derive(Default)]
struct Imports {
    /// Paths that it takes something from, and whether it passes that on.
    used: Vec<(bool, Module)>,
    submodules: BTreeSet<String>,
}

/// The circles of the files under a crate's `src`, as lists of modules.
pub(crate) fn of(src: &Path) -> Vec<Vec<String>> {
    let mut files = BTreeMap::new();
    read(src, &mut Vec::new(), &mut files);
    let imports: BTreeMap<Module, Imports> =
        files.iter().map(|(module, text)| (module.clone(), imports(text))).collect();
    let mut arrows: BTreeMap<&Module, BTreeSet<&Module>> = BTreeMap::new();
    for (module, of_module) in &imports {
        let targets = of_module.used.iter().filter(|(is_passed_on, _)| !is_passed_on);
        let targets = targets.filter_map(|(_, path)| resolve(&imports, &absolute(module, path, of_module)?, 0));
        let targets = targets.filter(|target| !module.starts_with(target)).collect();
        arrows.insert(module, targets);
    }
    let reach: BTreeMap<&Module, BTreeSet<&Module>> =
        arrows.keys().map(|module| (*module, reached(module, &arrows))).collect();
    let mut circles = BTreeSet::new();
    for (module, from_here) in &reach {
        let circle: Vec<String> =
            from_here.iter().filter(|other| reach[**other].contains(module)).map(|other| other.join("::")).collect();
        if circle.len() > 1 {
            circles.insert(circle);
        }
    }
    circles.into_iter().collect()
}

fn read(folder: &Path, module: &mut Module, files: &mut BTreeMap<Module, String>) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        if path.is_dir() {
            module.push(name);
            read(&path, module, files);
            module.pop();
        } else if path.extension().is_some_and(|extension| extension == "rs") && name != "tests" {
            let is_root = module.is_empty() && (name == "lib" || name == "main");
            let own = if is_root { Vec::new() } else { module.iter().cloned().chain([name]).collect() };
            files.entry(own).or_default().push_str(&fs::read_to_string(&path).unwrap_or_default());
        }
    }
}

fn imports(text: &str) -> Imports {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
    let lines = text.lines().map(|line| line.split_once("//").map_or(line, |(code, _)| code));
    let text = lines.collect::<Vec<_>>().join("\n");
    let mut imports = Imports::default();
    let mut rest = String::new();
    for statement in text.split_inclusive(';') {
        let start = statement.rfind("\n\n").map_or(0, |place| place + 2);
        let last = statement[start..].trim();
        let words: Vec<&str> = last.trim_end_matches(';').split_whitespace().collect();
        let place = words.iter().position(|word| *word == "use" || *word == "mod");
        match place.map(|place| (words[place], &words[..place], words[place + 1..].join(" "))) {
            Some(("mod", before, name)) if is_visibility(before) => drop(imports.submodules.insert(name)),
            Some(("use", before, path)) if is_visibility(before) => {
                let paths = expanded(&path.replace(' ', ""));
                let is_passed_on = before.iter().any(|word| word.starts_with("pub"));
                imports.used.extend(paths.into_iter().map(|path| (is_passed_on, path)));
            }
            _ => rest.push_str(statement),
        }
    }
    let word = |character: char| character.is_alphanumeric() || character == '_' || character == ':';
    for path in rest.split(|character| !word(character)).filter(|path| path.contains("::")) {
        let path: Module = path.split("::").map(str::to_owned).collect();
        let is_ours = ["crate", "super", "self"].contains(&path[0].as_str()) || imports.submodules.contains(&path[0]);
        if is_ours {
            imports.used.push((false, path));
        }
    }
    imports
}

/// Whether nothing but attributes and a visibility stands before a word.
fn is_visibility(words: &[&str]) -> bool {
    words.iter().all(|word| word.starts_with("pub") || word.starts_with("#[") || word.ends_with(']'))
}

/// The single paths of an import: `a::{b,c}` is `a::b` and `a::c`.
fn expanded(path: &str) -> Vec<Module> {
    let Some((before, inner)) = path.split_once('{') else {
        // What `as` joins on is not part of the name.
        return vec![path.split("::").map(str::to_owned).collect()];
    };
    let inner = inner.strip_suffix('}').unwrap_or(inner);
    let (mut depth, mut parts) = (0, vec![String::new()]);
    for character in inner.chars() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if character == ',' && depth == 0 {
            parts.push(String::new());
        } else if let Some(last) = parts.last_mut() {
            last.push(character);
        }
    }
    parts.iter().filter(|part| !part.is_empty()).flat_map(|part| expanded(&format!("{before}{part}"))).collect()
}

/// A path from the crate's root on; none for one that leads to another crate.
fn absolute(module: &Module, path: &Module, imports: &Imports) -> Option<Module> {
    let mut base = module.clone();
    let mut steps = path.iter();
    match path.first()?.as_str() {
        "crate" => {
            steps.next();
            base.clear();
        }
        "super" | "self" => {}
        first if imports.submodules.contains(first) => {}
        _ => return None,
    }
    let mut steps = steps.peekable();
    while let Some(step) = steps.peek().filter(|step| **step == "super" || **step == "self") {
        if *step == "super" {
            base.pop();
        }
        steps.next();
    }
    base.extend(steps.cloned());
    Some(base)
}

/// The file that a path leads to, through what modules pass on.
fn resolve<'m>(all: &'m BTreeMap<Module, Imports>, path: &[String], depth: u8) -> Option<&'m Module> {
    for length in (0..=path.len()).rev() {
        let Some((module, imports)) = all.get_key_value(&path[..length]) else { continue };
        let name = path.get(length);
        let passed_on = imports.used.iter().find(|(is_passed_on, used)| *is_passed_on && used.last() == name);
        if let Some((_, used)) = passed_on.filter(|_| depth < 5 && name.is_some())
            && let Some(further) = absolute(module, used, imports)
        {
            return resolve(all, &further, depth + 1);
        }
        return Some(module);
    }
    None
}

fn reached<'a>(from: &Module, arrows: &BTreeMap<&'a Module, BTreeSet<&'a Module>>) -> BTreeSet<&'a Module> {
    let mut found = BTreeSet::new();
    let mut next: Vec<&Module> = arrows[from].iter().copied().collect();
    while let Some(module) = next.pop() {
        if found.insert(module) {
            next.extend(arrows.get(module).into_iter().flatten());
        }
    }
    found
}
