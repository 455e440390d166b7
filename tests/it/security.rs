//! What `docs/SECURITY.md` promises is there: every test that it names, and what holds of the code as a whole.

use flowmastery_core::{Config, Flowmastery, error::Kind};
use flowmastery_tests::backend::Backend;
use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn read(path: &str) -> String {
    fs::read_to_string(root().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// What stands in backquotes in a text.
fn quoted(text: &str) -> impl Iterator<Item = &str> {
    text.lines().flat_map(|line| line.split('`').skip(1).step_by(2))
}

/// Whether a source has a test of this name: by its attribute, or in a list that a macro makes tests of.
fn has_test(source: &str, name: &str) -> bool {
    let lines: Vec<_> = source.lines().map(str::trim).collect();
    let is_marked = lines.windows(2).any(|two| {
        (two[0] == "#[test]" || two[0].starts_with("#[tokio::test"))
            && two[1].split_once("fn ").is_some_and(|(_, rest)| rest.starts_with(&format!("{name}(")))
    });
    let is_defined = source.contains(&format!("async fn {name}("));
    let is_listed = lines.iter().any(|line| line.trim_end_matches(',') == name);
    is_marked || is_defined && is_listed
}

#[test]
fn every_test_that_the_document_names_is_there() {
    let document = read("docs/SECURITY.md");
    let named: BTreeSet<_> = quoted(&document).filter_map(|text| text.split_once(".rs::")).collect();
    assert!(named.len() > 80, "only {} tests are named", named.len());
    let missing: Vec<_> = named
        .into_iter()
        .filter(|(path, name)| {
            let path = root().join(format!("{path}.rs"));
            !fs::read_to_string(path).is_ok_and(|source| has_test(&source, name))
        })
        .collect();
    assert!(missing.is_empty(), "no such tests: {missing:#?}");
}

#[test]
fn every_requirement_has_a_test() {
    let document = read("docs/SECURITY.md");
    let rows: Vec<_> = document
        .lines()
        .skip_while(|line| !line.starts_with("## Requirements"))
        .filter(|line| line.starts_with("| ") && !line.contains(" | test |"))
        .collect();
    assert!(rows.len() > 60, "only {} requirements", rows.len());
    let without: Vec<_> = rows.into_iter().filter(|row| !row.contains(".rs::")).collect();
    assert!(without.is_empty(), "{without:#?}");
}

#[test]
fn unsafe_and_panics_are_forbidden_by_lint() {
    let manifest = read("Cargo.toml");
    for line in [
        "unsafe_code = \"forbid\"",
        "unwrap_used = \"deny\"",
        "expect_used = \"deny\"",
        "panic = \"deny\"",
        "indexing_slicing = \"deny\"",
    ] {
        assert!(manifest.contains(line), "{line}");
    }
    for member in ["flowmastery-core", "flowmastery-tower", "examples/poem-standalone"] {
        assert!(read(&format!("{member}/Cargo.toml")).contains("[lints]\nworkspace = true"), "{member}");
    }
}

#[test]
fn the_lock_file_is_committed_and_has_no_openssl() {
    assert!(!read(".gitignore").contains("Cargo.lock"));
    let lock = read("Cargo.lock");
    for banned in ["\"openssl\"", "\"openssl-sys\"", "\"native-tls\""] {
        assert!(!lock.contains(&format!("name = {banned}")), "{banned}");
    }
}

#[test]
fn tokens_have_256_random_bits() {
    use flowmastery_core::{entropy::OsEntropy, model::session::OpaqueToken};
    let tokens: BTreeSet<_> =
        (0..1000).map(|_| OpaqueToken::generate(&OsEntropy).unwrap().expose().to_owned()).collect();
    assert_eq!(tokens.len(), 1000);
    // 43 characters of six bits, the last of which has four.
    assert!(tokens.iter().all(|token| token.len() == 43));
}

/// Methods of the store's traits whose first argument is a scope.
fn scoped_methods() -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for file in fs::read_dir(root().join("flowmastery-core/src/store")).unwrap() {
        let path = file.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "rs") {
            let source = fs::read_to_string(path).unwrap();
            let methods = source.split("async fn ").skip(1).filter_map(|method| {
                let (name, rest) = method.split_once('(')?;
                let (arguments, _) = rest.split_once(')')?;
                arguments.contains("scope: TenantScope").then(|| name.to_owned())
            });
            found.extend(methods);
        }
    }
    assert!(found.len() > 35, "{found:?}");
    found
}

#[test]
fn every_store_method_that_takes_a_scope_is_in_the_isolation_suite() {
    let suite: String = ["isolation", "import", "sealed"]
        .map(|suite| read(&format!("flowmastery-core/src/testing/contract/{suite}.rs")))
        .concat();
    let is_tried = |method: &str| {
        [".{}(scope", ".{}(other"].iter().any(|call| suite.contains(&call.replace("{}", method)))
    };
    let missing: Vec<_> = scoped_methods().into_iter().filter(|method| !is_tried(method)).collect();
    assert!(missing.is_empty(), "tried in the scope of another client by no case: {missing:?}");
}

#[tokio::test]
async fn a_secret_key_that_can_be_guessed_is_refused_unless_that_is_said() {
    let store = Backend::Sqlite.store().await.store;
    let built = |key: &str, allowed: bool| {
        let mut config = Config::new(key.into(), "https://agency.com");
        config.allow_short_secret_key = allowed;
        Flowmastery::builder(config, store.clone()).build().map(drop).map_err(|error| error.kind())
    };
    assert_eq!(built("", false), Err(Kind::Invalid));
    assert_eq!(built(&"x".repeat(31), false), Err(Kind::Invalid));
    assert_eq!(built(&"x".repeat(31), true), Ok(()));
    assert_eq!(built(&"x".repeat(32), false), Ok(()));
}
