//! Every page × every kind of caller. A page without a row here fails.

use std::collections::BTreeSet;

use flowmastery_tests::{
    visitor::Visitor,
    world::{ADMIN, Answer},
};
use http::{HeaderValue, Method, header};

use super::{Callers, Row, rows_of};

/// Method and page; then what nobody in particular, a user of the client that the path names, one of another client, and an admin are
/// answered who send the page's own form with nothing in it.
const PAGES: &str = "
    GET  /dashboard/assets/{file}                              200 200 200 200
    GET  /dashboard/sign-in                                    200 200 200 200
    POST /dashboard/sign-in                                    401 401 401 401
    POST /dashboard/sign-out                                   303 303 303 303
    GET  /dashboard/accept-invitation                          404 404 404 404
    POST /dashboard/accept-invitation                          404 404 404 404
    GET  /dashboard/forgot-password                            200 200 200 200
    POST /dashboard/forgot-password                            422 422 422 422
    GET  /dashboard/reset-password                             200 200 200 200
    POST /dashboard/reset-password                             422 422 422 422
    GET  /dashboard                                            303 200 200 200
    GET  /dashboard/live                                       303 200 200 200
    GET  /dashboard/account                                    303 200 200 200
    POST /dashboard/account/password                           303 422 422 422
    POST /dashboard/account/sessions/{session_id}/end          303 303 404 404
    GET  /dashboard/clients/{client_id}                        303 200 404 200
    GET  /dashboard/clients/{client_id}/live                   303 200 404 200
    GET  /dashboard/clients/{client_id}/workflows.csv          303 200 404 200
    GET  /dashboard/clients/{client_id}/series.csv             303 200 404 200
    GET  /dashboard/clients/{client_id}/executions.csv         303 200 404 200
    GET  /dashboard/clients/{client_id}/report                 303 200 404 200
    GET  /dashboard/clients/new                                303 403 403 200
    POST /dashboard/clients/new                                303 403 403 422
    GET  /dashboard/clients/{client_id}/settings               303 403 403 200
    POST /dashboard/clients/{client_id}/rename                 303 403 403 422
    POST /dashboard/clients/{client_id}/n8n                    303 403 403 422
    POST /dashboard/clients/{client_id}/disconnect             303 403 403 303
    POST /dashboard/clients/{client_id}/test                   303 403 403 409
    POST /dashboard/clients/{client_id}/collect                303 403 403 409
    POST /dashboard/clients/{client_id}/delete                 303 403 403 422
    GET  /dashboard/people                                     303 403 403 200
    POST /dashboard/people/invite                              303 403 403 422
    POST /dashboard/people/{user_id}/lock                      303 403 403 303
    POST /dashboard/people/{user_id}/unlock                    303 403 403 303
    POST /dashboard/people/{user_id}/delete                    303 403 403 303
    POST /dashboard/people/invitations/{invitation_id}/resend  303 403 403 200
    POST /dashboard/people/invitations/{invitation_id}/revoke  303 403 403 303
    GET  /dashboard/audit                                      303 403 403 200
";

/// Pages of everybody; the others lead nobody to where one signs in.
const PUBLIC: [&str; 5] = ["assets", "sign-in", "accept-invitation", "forgot-password", "reset-password"];

impl Row {
    fn is_public(&self) -> bool {
        PUBLIC.contains(&self.route.trim_start_matches("/dashboard/").split('/').next().unwrap())
    }
}

#[tokio::test]
async fn every_page_has_a_row() {
    let (world, _) = super::super::world().await;
    let routes: BTreeSet<_> = world.api.routes().map(|(method, path)| format!("{method} {path}")).collect();
    let rows = rows_of(super::ROWS).into_iter().chain(rows_of(PAGES));
    let named: BTreeSet<_> = rows.map(|row| format!("{} {}", row.method, row.route)).collect();
    let named = named.into_iter().map(|row| row.replace("{token_or_invitation_id}", "{invitation_id}"));
    let routes: Vec<_> = routes
        .into_iter()
        .map(|row| row.replace("/invitations/{token}", "/invitations/{invitation_id}"))
        .collect();
    assert_eq!(routes.into_iter().collect::<BTreeSet<_>>(), named.collect());
}

#[tokio::test]
async fn every_kind_of_caller_is_answered_with_the_page_that_the_matrix_says() {
    let cases: Vec<_> = rows_of(PAGES).into_iter().map(|row| tokio::spawn(check(row))).collect();
    let mut wrong = Vec::new();
    for case in cases {
        wrong.extend(case.await.err());
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A world of its own for each page: some of them take away what others need.
async fn check(row: Row) {
    let callers = Callers::new().await;
    let path = callers.path(row.route);
    let ask = async |who: &str, token: Option<&str>, at: usize| {
        let mut request = form(&Visitor::new(&callers.world), &row.method, &path);
        let token = token.map(|token| HeaderValue::try_from(format!("Bearer {token}")).unwrap());
        request.headers_mut().extend(token.map(|token| (header::AUTHORIZATION, token)));
        // Events do not end.
        let (response, _) = callers.world.open(request).await;
        let place = response.headers().get(header::LOCATION).map(|place| place.to_str().unwrap());
        assert_eq!(
            response.status().as_u16(),
            row.statuses[at],
            "{} {path} as {who}, who is led to {place:?}",
            row.method
        );
        if !row.is_public() {
            let is_led_away =
                place.is_some_and(|place| place.starts_with("/dashboard/sign-in?next=%2Fdashboard"));
            assert_eq!(is_led_away, at == 0, "{} {path} as {who}: {place:?}", row.method);
        }
    };
    ask("nobody", None, 0).await;
    for (who, token) in &callers.refused {
        ask(who, Some(token), 0).await;
    }
    // The admin comes last: the row may be a deletion.
    let [a, b, admin] = &callers.good;
    ask("a user of another client", Some(b), 2).await;
    ask("a user of the client", Some(a), 1).await;
    ask("an admin", Some(admin), 3).await;
}

fn form(visitor: &Visitor, method: &Method, path: &str) -> http::Request<http_body_util::Full<bytes::Bytes>> {
    visitor.request(method.clone(), path, (method == Method::POST).then_some(&[]))
}

#[tokio::test]
async fn no_page_of_another_site_changes_anything_for_an_admin_with_cookies() {
    let callers = Callers::new().await;
    let mut admin = Visitor::signed_in(&callers.world, ADMIN).await;
    for site in ["cross-site", "same-site", "none"] {
        admin.site = site;
        let forms = rows_of(PAGES).into_iter().filter(|row| row.method == Method::POST);
        let mut seen = 0;
        for row in forms {
            let path = callers.path(row.route);
            let refused: Answer = admin.submit(&path, &[]).await;
            assert_eq!(refused.status, 403, "{path} from {site}");
            assert!(refused.text().contains("<h1>This is not for you</h1>"), "{path}");
            seen += 1;
        }
        assert!(seen > 15, "{seen}");
    }
    admin.site = "same-origin";
    let client = format!("/dashboard/clients/{}", callers.client);
    assert_eq!(admin.get(&client).await.status, 200, "nothing was taken away, and the session goes on");
}
