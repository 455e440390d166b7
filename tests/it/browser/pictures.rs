//! Pictures of every page at the widths of a phone and a desk, light and dark, below `target/browser`; none is wider than its window.

use std::path::PathBuf;

use flowmastery_tests::chromium::Tab;

use super::tour::tour;

#[tokio::test(flavor = "multi_thread")]
async fn every_page_fits_a_phone_and_a_desk() {
    tour(take).await;
}

async fn take(tab: &Tab, name: &str) {
    for width in [390, 1280] {
        for scheme in ["light", "dark"] {
            tab.look(width, scheme).await;
            let wide = tab.ask("document.documentElement.scrollWidth").await;
            assert!(wide.as_i64().unwrap() <= width, "{name} is {wide} wide where there are {width}");
            tab.picture(&folder().join(format!("{name}-{width}-{scheme}.png"))).await;
        }
    }
}

/// `browser` beside the folder of the profile that is built.
fn folder() -> PathBuf {
    std::env::current_exe().unwrap().ancestors().nth(3).unwrap().join("browser")
}
