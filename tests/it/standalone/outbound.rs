//! What the program calls outside, and by which way.

use std::net::TcpListener;

use n8n_simulator::FakeN8n;
use serde_json::json;

use super::harness::{PASSWORD, Place};

#[tokio::test(flavor = "multi_thread")]
async fn no_proxy_of_the_environment_is_asked() {
    let n8n = FakeN8n::start().await;
    let proxy = TcpListener::bind("127.0.0.1:0").unwrap();
    proxy.set_nonblocking(true).unwrap();
    let url = format!("http://{}", proxy.local_addr().unwrap());
    let names = ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
    let settings = names.map(|name| (name, url.as_str()));
    let place = Place::new();
    let server = place.serve(&settings);
    let args = ["create-admin", "--email", "admin@agency.com"];
    assert!(place.run(&args, &settings, PASSWORD).status.success());
    let body = json!({ "email": "admin@agency.com", "password": PASSWORD });
    let (_, signed_in) = server.request("POST /api/v1/auth/login", Some(&body));
    let admin = signed_in["access_token"].as_str().unwrap();
    server.request_as(admin, "POST /api/v1/clients/", Some(&json!({ "name": "Acme Corp" })));
    let config = json!({ "n8n_api_url": n8n.url(), "n8n_api_key": n8n.key() });
    let configured = server.request_as(admin, "POST /api/v1/clients/1/n8n-config", Some(&config));
    assert_eq!(configured["connection"]["status"], "ok", "{configured}");
    assert!(proxy.accept().is_err(), "nobody called");
}
