//! Somebody before the pages of a world, without a browser: cookies that are kept, links that are followed, forms that are sent.

use http::{Method, Request, header};
use http_body_util::Full;

use crate::{
    cookies::{self, Cookies},
    world::{Answer, PASSWORD, World},
};

/// A visitor of pages.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Where the pages are from.
    pub world: World,
    /// Where a browser says that requests come from.
    pub site: &'static str,
    /// What a browser would send along.
    pub cookies: Cookies,
}

impl Visitor {
    /// Nobody, on a page of the dashboard itself.
    pub fn new(world: &World) -> Self {
        Self { world: world.clone(), site: "same-origin", cookies: Vec::new() }
    }

    /// Somebody who has signed in on the page.
    pub async fn signed_in(world: &World, email: &str) -> Self {
        let mut visitor = Self::new(world);
        let answer = visitor.submit("/dashboard/sign-in", &[("email", email), ("password", PASSWORD)]).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (303, Some("/dashboard")));
        visitor
    }

    /// The value of the cookie whose name ends like this.
    pub fn cookie(&self, name: &str) -> Option<&str> {
        let mut cookies = self.cookies.iter();
        cookies.find(|(known, _)| known.ends_with(name)).map(|(_, value)| value.as_str())
    }

    /// Loses the cookie whose name ends like this, as when it is too old.
    pub fn forget(&mut self, name: &str) {
        self.cookies.retain(|(known, _)| !known.ends_with(name));
    }

    /// A request with the cookies; a form where there are fields.
    pub fn request(
        &self,
        method: Method,
        path: &str,
        form: Option<&[(&str, &str)]>,
    ) -> Request<Full<bytes::Bytes>> {
        let mut request = Request::builder().method(method).uri(path).header("sec-fetch-site", self.site);
        if !self.cookies.is_empty() {
            request = request.header(header::COOKIE, cookies::sent(&self.cookies));
        }
        let Some(fields) = form else { return request.body(Full::default()).unwrap() };
        request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        let body = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(fields).finish();
        request.body(Full::from(body)).unwrap()
    }

    /// Sends a request and keeps the cookies of its answer.
    pub async fn send(&mut self, request: Request<Full<bytes::Bytes>>) -> Answer {
        let answer = self.world.send(request).await;
        cookies::keep(&mut self.cookies, &answer.headers);
        answer
    }

    /// Opens a page.
    pub async fn get(&mut self, path: &str) -> Answer {
        self.send(self.request(Method::GET, path, None)).await
    }

    /// Sends a form.
    pub async fn submit(&mut self, path: &str, fields: &[(&str, &str)]) -> Answer {
        self.send(self.request(Method::POST, path, Some(fields))).await
    }

    /// Opens a page and goes where it leads.
    pub async fn follow(&mut self, path: &str) -> Answer {
        let mut answer = self.get(path).await;
        for _ in 0..5 {
            let Some(next) = answer.header("location").map(ToOwned::to_owned) else { return answer };
            answer = self.get(&next).await;
        }
        panic!("{path} leads on and on");
    }
}
