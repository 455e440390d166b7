//! What axe-core finds on every page, light and dark; `scripts/check-axe` has it from npm and says where it is.

use flowmastery_tests::{chromium::Tab, supervised::given};
use serde_json::Value;

use super::tour::tour;

#[tokio::test(flavor = "multi_thread")]
#[ignore = "it needs axe-core: scripts/check-axe"]
async fn axe_finds_nothing_serious_on_any_page() {
    let file = given("FLOWMASTERY_TEST_AXE").expect("FLOWMASTERY_TEST_AXE names axe.min.js");
    let axe = std::fs::read_to_string(file).unwrap();
    tour(async |tab: &Tab, name: &str| {
        for (width, scheme) in [(1280, "light"), (1280, "dark"), (390, "light")] {
            tab.look(width, scheme).await;
            tab.ask(&format!("{axe}; 0")).await;
            let found = tab.ask("axe.run(document).then((found) => found.violations)").await;
            let serious: Vec<_> = found
                .as_array()
                .unwrap()
                .iter()
                .filter(|finding| ["serious", "critical"].contains(&finding["impact"].as_str().unwrap()))
                .map(told)
                .collect();
            assert!(serious.is_empty(), "{name}, {width}, {scheme}:\n{}", serious.join("\n"));
        }
    })
    .await;
}

/// A finding and where it is.
fn told(finding: &Value) -> String {
    let places = finding["nodes"].as_array().unwrap().iter();
    let places: Vec<_> = places.map(|node| format!("{} {}", node["html"], node["failureSummary"])).collect();
    format!("{}: {}", finding["help"], places.join("\n  "))
}
