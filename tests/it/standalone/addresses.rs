//! The address of a caller over a port, behind proxies and not: what is noted of it, and what is counted.

use serde_json::json;

use super::harness::{PASSWORD, Place, Server};

/// Fails to sign in with these addresses in the proxies' header; the status, and the address in the access log.
fn fail(server: &Server, forwarded: &str) -> (u16, String) {
    let body = json!({ "email": "nobody@agency.com", "password": PASSWORD });
    let id = format!("of-{}", forwarded.replace([',', ' '], "-"));
    let headers = format!("X-Forwarded-For: {forwarded}\r\nX-Request-Id: {id}\r\n");
    let (status, _) = server.send("POST /api/v1/auth/login", &headers, Some(&body));
    (status, server.access_line(&id)["address"].as_str().unwrap().to_owned())
}

#[test]
fn without_proxies_a_forged_address_is_neither_noted_nor_counted() {
    let place = Place::new();
    let server = place.serve(&[("TRUSTED_PROXY_HOPS", "0")]);
    for number in 0..10 {
        assert_eq!(fail(&server, &format!("203.0.113.{number}")), (401, "127.0.0.1".to_owned()));
    }
    assert_eq!(fail(&server, "203.0.113.10").0, 429);
}

#[test]
fn behind_a_proxy_the_address_that_it_saw_counts_and_what_stands_left_of_it_does_not() {
    let place = Place::new();
    let server = place.serve(&[("TRUSTED_PROXY_HOPS", "1")]);
    for number in 0..10 {
        let forwarded = format!("198.51.100.{number}, 203.0.113.7");
        assert_eq!(fail(&server, &forwarded), (401, "203.0.113.7".to_owned()));
    }
    assert_eq!(fail(&server, "198.51.100.10, 203.0.113.7").0, 429);
    assert_eq!(fail(&server, "203.0.113.7, 203.0.113.8"), (401, "203.0.113.8".to_owned()));
}
