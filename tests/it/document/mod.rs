//! The OpenAPI document: kept whole, so that every change of the contract shows, with examples that are what the API really answers.
//!
//! After a change that is meant: `FLOWMASTERY_WRITE_SNAPSHOTS=1 scripts/test -p flowmastery-tests --test it -- document::` twice, since the document
//! holds the examples; then read what `git diff` shows.

mod story;

use std::path::Path;

use flowmastery_tests::snapshot;
use serde_json::{Map, Value, json};

/// The examples, which the document takes in.
fn examples() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../flowmastery-tower/src/openapi/examples.json"))
}

fn kept() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/it/document/openapi.json"))
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

#[tokio::test]
async fn examples_are_what_the_api_answers() {
    let told = story::told().await;
    snapshot::assert_kept(examples(), &pretty(&told));
}

#[tokio::test]
async fn a_change_of_the_contract_shows() {
    snapshot::assert_kept(kept(), &pretty(&story::document().await));
}

/// Every operation of the document, by its id.
fn operations(document: &Value) -> Map<String, Value> {
    let paths = document["paths"].as_object().unwrap().values();
    let operations = paths.flat_map(|path| path.as_object().unwrap().values());
    operations
        .map(|operation| (operation["operationId"].as_str().unwrap().to_owned(), operation.clone()))
        .collect()
}

#[tokio::test]
async fn every_body_and_every_answer_has_an_example_that_fits_its_schema() {
    let document = story::document().await;
    let mut checked = 0;
    for (id, operation) in operations(&document) {
        let mut contents = vec![("the body".to_owned(), operation["requestBody"]["content"].clone())];
        let responses = operation["responses"].as_object().unwrap();
        contents.extend(responses.iter().map(|(status, response)| {
            let referred =
                response["$ref"].as_str().and_then(|to| document.pointer(to.trim_start_matches('#')));
            (status.clone(), referred.unwrap_or(response)["content"].clone())
        }));
        for (of, content) in contents {
            for (media_type, content) in content.as_object().into_iter().flatten() {
                // Pages and the document itself are no examples; what is broken on our side is made for none.
                if !media_type.ends_with("json") || id == "get_openapi_json" || of.starts_with('5') {
                    continue;
                }
                let example = content.get("example");
                let example = example.unwrap_or_else(|| panic!("{id} has no example of {of}"));
                let mut schema = json!({ "components": document["components"] });
                schema["allOf"] = json!([content["schema"]]);
                let faults: Vec<_> = jsonschema::validator_for(&schema)
                    .unwrap()
                    .iter_errors(example)
                    .map(|f| f.to_string())
                    .collect();
                assert!(faults.is_empty(), "{id}, {of}: {faults:?}\n{example:#}");
                checked += 1;
            }
        }
    }
    assert!(checked > 150, "{checked}");
}
