//! What all pages have in common: their frame, their headers, and the page that says what went wrong.

use askama::Template;
use flowmastery_core::{error::Error, model::user::Role};
use http::{HeaderValue, Response, StatusCode, header};

use super::{Dashboard, assets};
use crate::{body::ApiBody, problem::Problem, protection::protected, site::Site};

/// Pages load styles, scripts and pictures from here alone, send their forms here alone, and are nobody's frame.
const POLICY: HeaderValue = HeaderValue::from_static(
    "default-src 'none'; style-src 'self'; script-src 'self'; img-src 'self'; connect-src 'self'; form-action 'self'; \
     base-uri 'none'; frame-ancestors 'none'",
);

/// Which part of the navigation a page belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Section {
    /// None: before somebody is signed in.
    Outside,
    /// The numbers of all clients, or the own one's.
    Home,
    /// One client of an admin's.
    Client,
    /// Users and invitations.
    People,
    /// Who did what.
    Audit,
    /// The own account.
    Account,
}

/// A sentence on top of a page.
#[derive(Clone, Debug)]
pub(crate) struct Notice {
    /// How bad it is: `good`, `calm`, `warn` or `bad`.
    pub(crate) tone: &'static str,
    pub(crate) text: String,
}

impl Notice {
    /// Something was done.
    pub(crate) fn done(text: impl Into<String>) -> Self {
        Self { tone: "good", text: text.into() }
    }

    /// Something was not done.
    pub(crate) fn fault(text: impl Into<String>) -> Self {
        Self { tone: "bad", text: text.into() }
    }
}

/// The frame of a page.
#[derive(Clone, Debug)]
pub(crate) struct Chrome {
    /// Whose dashboard it is.
    pub(crate) agency: String,
    pub(crate) has_logo: bool,
    /// What the links of pages begin with.
    pub(crate) base: String,
    pub(crate) title: String,
    pub(crate) section: Section,
    /// The role of who is signed in.
    pub(crate) role: Option<Role>,
    pub(crate) notice: Option<Notice>,
}

impl Chrome {
    /// The frame of a page of this dashboard.
    pub(crate) fn new(dashboard: &Dashboard, site: &Site, title: impl Into<String>) -> Self {
        Self {
            agency: dashboard.agency().to_owned(),
            has_logo: dashboard.picture().is_some(),
            base: format!("{}{}", site.base_path(), dashboard.path()),
            title: title.into(),
            section: Section::Outside,
            role: None,
            notice: None,
        }
    }

    /// The same for somebody who is signed in.
    pub(crate) fn signed_in(self, role: Role, section: Section) -> Self {
        Self { role: Some(role), section, ..self }
    }

    /// The same with a sentence on top.
    pub(crate) fn notice(self, notice: Option<Notice>) -> Self {
        Self { notice, ..self }
    }

    /// Stands for all of it but the title.
    pub(crate) fn key(&self) -> String {
        let Self { agency, has_logo, base, section, role, notice, .. } = self;
        let notice = notice.as_ref().map_or("", |notice| &notice.text);
        let role = role.map_or("", Role::as_str);
        let section = *section as u8;
        format!("{}|{has_logo}|{base}|{agency}|{section}|{role}|{notice}|", self.version())
    }

    /// What stands behind the names of assets, so that a new version is loaded anew.
    pub(crate) fn version(&self) -> &'static str {
        assets::version()
    }

    pub(crate) fn is_admin(&self) -> bool {
        self.role == Some(Role::Admin)
    }

    pub(crate) fn is_in(&self, section: &str) -> bool {
        let own = match self.section {
            Section::Outside => "",
            Section::Home | Section::Client => "home",
            Section::People => "people",
            Section::Audit => "audit",
            Section::Account => "account",
        };
        own == section
    }
}

/// The answer that a page is.
///
/// # Errors
/// None that is known: templates are checked when they are compiled.
pub(crate) fn answer(status: StatusCode, page: &impl Template) -> Result<Response<ApiBody>, Problem> {
    Ok(html_of(status, rendered(page)?))
}

/// The page as it is sent.
///
/// # Errors
/// As [`answer`].
pub(crate) fn rendered(page: &impl Template) -> Result<bytes::Bytes, Error> {
    Ok(page.render().map_err(Error::internal)?.into_bytes().into())
}

/// The answer of a page that is rendered already.
pub(crate) fn html_of(status: StatusCode, html: bytes::Bytes) -> Response<ApiBody> {
    let mut response = protected(status, ApiBody::from(html));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
    headers.insert(header::CONTENT_SECURITY_POLICY, POLICY);
    response
}

#[derive(Template)]
#[template(path = "problem.html")]
struct ProblemPage<'p> {
    chrome: Chrome,
    status: u16,
    detail: &'p str,
    faults: Vec<String>,
    request_id: String,
}

/// The page that a problem is answered with, in the place of its document.
pub(crate) fn problem(chrome: Chrome, problem: &Problem, request_id: &str) -> Response<ApiBody> {
    // It is logged as the document of the API would be, whose headers it has, too.
    let document = problem.response();
    let faults = problem.errors().iter().map(|fault| format!("{}: {}", fault.field, fault.message));
    let page = ProblemPage {
        chrome,
        status: problem.status().as_u16(),
        detail: problem.detail(),
        faults: faults.collect(),
        request_id: request_id.to_owned(),
    };
    let mut response = match answer(problem.status(), &page) {
        Ok(response) => response,
        Err(_) => return document,
    };
    for (name, value) in document.headers() {
        if !response.headers().contains_key(name) {
            response.headers_mut().insert(name, value.clone());
        }
    }
    response
}

#[cfg(test)]
mod tests {
    use std::{fs, path::Path};

    use http_body_util::BodyExt;

    use super::*;

    /// What others may call themselves: markup, the end of an attribute, and marks that turn the direction of what follows.
    const HOSTILE: &str = "</title><script>alert(1)</script>\"' onload=x \u{202e}😀";

    async fn text_of(response: Response<ApiBody>) -> String {
        let bytes = response.into_body().collect().await.unwrap().to_bytes();
        String::from_utf8(bytes.to_vec()).unwrap()
    }

    #[tokio::test]
    async fn what_is_put_into_a_page_is_text() {
        let dashboard = Dashboard::default().name(HOSTILE);
        let chrome = Chrome::new(&dashboard, &Site::default(), HOSTILE).notice(Some(Notice::fault(HOSTILE)));
        let refused = problem(chrome, &Problem::new(StatusCode::CONFLICT, HOSTILE), HOSTILE);
        assert_eq!(refused.status(), StatusCode::CONFLICT);
        let page = text_of(refused).await;
        assert!(page.matches("&#60;script&#62;").count() >= 4, "{page}");
        assert!(!page.contains("<script>") && !page.contains("\"' onload"), "{page}");
    }

    #[test]
    fn pages_load_and_run_nothing_but_their_own_files() {
        let response = html_of(StatusCode::OK, "".into());
        let policy = response.headers()[header::CONTENT_SECURITY_POLICY].to_str().unwrap();
        assert!(
            policy.starts_with("default-src 'none'; ") && policy.contains("form-action 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe") && !policy.contains("http") && !policy.contains('*'), "{policy}");
        // What the policy would stop is not there to begin with.
        for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("templates")).unwrap() {
            let path = file.unwrap().path();
            let text = fs::read_to_string(&path).unwrap();
            for inline in
                [" style=", "<style", "<script>", " onclick", " onchange", " onsubmit", "javascript:"]
            {
                assert!(!text.contains(inline), "{inline} in {}", path.display());
            }
            let address =
                text.split(['\'', '"']).find(|part| part.starts_with("http") && part.contains("://"));
            assert!(address.is_none_or(|address| address.ends_with("example.com")), "{address:?}");
            assert_eq!(text.matches("|safe").count(), text.matches("svg|safe").count(), "{}", path.display());
        }
    }
}
