//! Every page with something on it, one after the other.

use flowmastery_tests::{
    chromium::{Chromium, Tab},
    world::ADMIN,
};

use super::hosts::Host;

/// Pages of an admin, by what their pictures are called.
const PAGES: [(&str, &str); 9] = [
    ("overview", ""),
    ("client", "/clients/1"),
    ("client-week", "/clients/1?period=7d&sort=saved"),
    ("client-without", "/clients/2"),
    ("settings", "/clients/1/settings"),
    ("new-client", "/clients/new"),
    ("people", "/people"),
    ("audit", "/audit"),
    ("account", "/account"),
];

/// Opens each page and looks at it; the look is told what to call it.
pub(super) async fn tour(look: impl AsyncFn(&Tab, &str)) {
    let mut host = Host::standalone().await;
    let chromium = Chromium::start().await;
    let (admin, nobody) = (chromium.person().await, chromium.person().await);
    host.sign_in(&admin).await;
    host.connect(&admin, "Contoso Logistics").await;
    host.open(&admin, "/clients/1").await;
    admin.until("document.querySelector('table.workflows tbody tr') !== null").await;
    host.make(&admin, "A customer whose name is so long that it has to be broken somewhere, GmbH & Co. KG")
        .await;
    let link = host.invite(&admin, "carl@contoso.example").await;
    nobody.open(&link).await;
    look(&nobody, "accept-invitation").await;
    for path in ["sign-in", "forgot-password", "reset-password"] {
        host.open(&nobody, &format!("/{path}")).await;
        look(&nobody, path).await;
    }
    for (name, path) in PAGES {
        host.open(&admin, path).await;
        look(&admin, name).await;
    }
    host.open(&admin, "/none").await;
    look(&admin, "problem").await;
    assert!(admin.text().await.contains("nothing here"), "{ADMIN} is still signed in");
    chromium.close().await;
}
