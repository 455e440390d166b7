//! The direction of imports, as `docs/ARCHITECTURE.md` draws it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

/// The rooms of the core, left to right; a module imports only from its own room and those left of it.
const CORE: &[&[&str]] = &[
    &["error", "id", "clock", "digest", "entropy", "outage", "page", "request", "secret"],
    &["model"],
    &["access"],
    &["store", "cache", "mail", "n8n", "sync"],
    &["feed", "audit", "throttle"],
    &["service"],
    &["app"],
];

/// The rooms of the tower, likewise.
const TOWER: &[&[&str]] = &[
    &["body", "denial", "problem", "protection", "request_id", "peer", "site"],
    &["auth", "dashboard", "guard"],
    &["require", "tenant", "trace"],
    &["route"],
    &["openapi"],
    &["api"],
    &["axum", "poem"],
];

/// What only `app` and hosts may name.
const ADAPTERS: &[&str] = &[
    "SqlStore",
    "LayeredCache",
    "PythonSource",
    "MemoryCache",
    "RedisCache",
    "SmtpMailer",
    "LogMailer",
    "HttpN8n",
    "sqlx::query",
    "reqwest::",
];

#[test]
fn core_imports_from_the_left_only() {
    assert_eq!(violations(&root().join("flowmastery-core/src"), CORE), BTreeSet::new());
}

#[test]
fn tower_imports_from_the_left_only() {
    assert_eq!(violations(&root().join("flowmastery-tower/src"), TOWER), BTreeSet::new());
}

#[test]
fn services_know_no_adapter_and_no_other_service() {
    let services = root().join("flowmastery-core/src/service");
    let mut found = BTreeSet::new();
    for (file, text) in sources(&services) {
        let code = code_of(&text);
        found.extend(
            ADAPTERS.iter().filter(|name| code.contains(**name)).map(|name| format!("{file}: {name}")),
        );
        let imports = imports(&code, "crate::");
        found.extend(
            imports.iter().filter(|path| path.starts_with("service")).map(|path| format!("{file}: {path}")),
        );
    }
    assert_eq!(found, BTreeSet::new());
}

#[test]
fn core_knows_no_http_server_and_tower_no_sql() {
    for (crate_name, banned) in [
        ("flowmastery-core", ["http::", "hyper::", "axum", "poem", "std::env"]),
        ("flowmastery-tower", ["sqlx", "redis::", "lettre", "reqwest", "std::env"]),
    ] {
        let source = root().join(crate_name).join("src");
        for (file, text) in sources(&source) {
            let code = code_of(&text);
            let own_client = file.starts_with("n8n/") && crate_name == "flowmastery-core";
            for name in banned.iter().filter(|name| !own_client || !["http::", "hyper::"].contains(*name)) {
                let names_it = code.match_indices(name).any(|(at, _)| {
                    !code
                        .split_at(at)
                        .0
                        .ends_with(|before: char| before.is_alphanumeric() || before == '_' || before == ':')
                });
                assert!(!names_it, "{crate_name}/src/{file} names {name}");
            }
        }
    }
}

#[test]
fn every_feature_of_a_library_is_documented_in_it() {
    for library in ["flowmastery-core", "flowmastery-tower"] {
        let manifest = fs::read_to_string(root().join(library).join("Cargo.toml")).unwrap();
        let documentation = fs::read_to_string(root().join(library).join("src/lib.rs")).unwrap();
        let table = manifest.split("[features]\n").nth(1).unwrap().split("\n[").next().unwrap();
        let features: Vec<_> = table.lines().filter_map(|line| line.split_once(" = ")).collect();
        assert!(features.len() > 1, "{library} has features");
        for (feature, _) in features.iter().filter(|(feature, _)| *feature != "default") {
            let is_named = documentation
                .lines()
                .any(|line| line.starts_with("//!") && line.contains(&format!("`{feature}`")));
            assert!(is_named, "{library}: {feature}");
        }
    }
}

#[test]
fn the_readme_says_why_each_direct_dependency_is_there() {
    let readme = fs::read_to_string(root().join("README.md")).unwrap();
    let reasons = readme.split("## Dependencies\n").nth(1).unwrap().split("\n## ").next().unwrap();
    let mut seen = 0;
    for library in ["flowmastery-core", "flowmastery-tower"] {
        let manifest = fs::read_to_string(root().join(library).join("Cargo.toml")).unwrap();
        let table = manifest.split("[dependencies]\n").nth(1).unwrap().split("\n[").next().unwrap();
        let names = table.lines().map(|line| line.split(['.', ' ']).next().unwrap());
        for name in names.filter(|name| !name.is_empty() && !name.starts_with("flowmastery-")) {
            assert!(reasons.contains(&format!("`{name}`")), "{library}: {name}");
            seen += 1;
        }
    }
    assert!(seen > 40, "{seen}");
}

fn violations(source: &Path, rooms: &[&[&str]]) -> BTreeSet<String> {
    let rank = |module: &str| rooms.iter().position(|room| room.contains(&module));
    let mut found = BTreeSet::new();
    for (file, text) in sources(source) {
        let own = file.split(['/', '.']).next().unwrap();
        if own == "lib" || own == "testing" {
            continue;
        }
        let Some(own_rank) = rank(own) else {
            found.insert(format!("{file} stands in no room"));
            continue;
        };
        for path in imports(&code_of(&text), "crate::") {
            let module = path.split("::").next().unwrap();
            if rank(module).is_some_and(|rank| rank > own_rank) {
                found.insert(format!("{file} imports {path}"));
            }
        }
    }
    found
}

/// The code of a file without its comments and without its tests.
fn code_of(text: &str) -> String {
    let text = text.split("#[cfg(test)]").next().unwrap();
    text.lines().map(|line| line.split("//").next().unwrap()).collect::<Vec<_>>().join("\n")
}

/// Every path below `prefix` that a file names, with the branches of `use` trees taken apart at their first level.
fn imports(code: &str, prefix: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (at, _) in code.match_indices(prefix) {
        let (_, rest) = code.split_at(at + prefix.len());
        match rest.strip_prefix('{') {
            Some(tree) => found.extend(branches(tree)),
            None => found.push(path_at(rest)),
        }
    }
    found
}

fn branches(tree: &str) -> Vec<String> {
    let (mut depth, mut start, mut found) = (1, 0, Vec::new());
    for (at, character) in tree.char_indices() {
        match character {
            '{' => depth += 1,
            '}' => depth -= 1,
            _ => {}
        }
        if depth == 0 || (depth == 1 && character == ',') {
            found.push(path_at(tree.get(start..at).unwrap().trim()));
            start = at + 1;
        }
        if depth == 0 {
            break;
        }
    }
    found.retain(|path| !path.is_empty());
    found
}

fn path_at(text: &str) -> String {
    text.chars().take_while(|c| c.is_alphanumeric() || *c == '_' || *c == ':').collect()
}

fn sources(folder: &Path) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                let name = path.strip_prefix(folder).unwrap().to_str().unwrap().to_owned();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no source in {}", folder.display());
    found
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

#[test]
fn use_trees_are_taken_apart() {
    let code = "use crate::{a::{b, c}, d::e, f};\nlet x = crate::g::h();";
    assert_eq!(imports(code, "crate::"), ["a::", "d::e", "f", "g::h"]);
}
