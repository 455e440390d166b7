//! `flowmastery health` as a container's health check runs it.

use std::net::TcpListener;

use super::harness::{Place, failed};

#[test]
fn a_server_that_is_alive_is_healthy_whatever_names_it_answers_for() {
    let place = Place::new();
    for names in ["*", "api.acme.com", "*.acme.com"] {
        let settings = [("ALLOWED_HOSTS", names)];
        let server = place.serve(&settings);
        let bind = [settings[0], ("BIND", server.address.as_str())];
        let asked = place.run(&["health"], &bind, "");
        assert!(asked.status.success(), "{names}: {asked:?}");
        let url = format!("http://{}/health", server.address);
        assert!(place.run(&["health", "--url", &url], &settings, "").status.success(), "{names}");
        let elsewhere = format!("http://{}/nowhere", server.address);
        let refused = failed(&place.run(&["health", "--url", &elsewhere], &settings, ""));
        assert!(refused.contains("404"), "{refused}");
    }
}

#[test]
fn a_server_that_is_away_is_not_healthy() {
    let place = Place::new();
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = failed(&place.run(&["health"], &[("BIND", &format!("0.0.0.0:{port}"))], ""));
    assert!(away.contains(&format!("http://127.0.0.1:{port}/health/live does not answer")), "{away}");
    let foreign = failed(&place.run(&["health", "--url", "https://acme.com/"], &[], ""));
    assert!(foreign.contains("--url"), "{foreign}");
    let unset = failed(&place.run(&["health"], &[("BIND", "8000")], ""));
    assert!(unset.contains("BIND"), "{unset}");
}
