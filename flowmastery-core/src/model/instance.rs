//! The address of an n8n instance, as people paste it and as it is kept.
//!
//! What is refused is refused on the text as it came, before the parser could repair it: a repaired address is not the one that
//! somebody read and approved. Reading a kept address again changes nothing.

use std::fmt;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use url::Url;

use crate::{error::FieldError, id::ExecutionId, model::workflow::WorkflowId};

/// Where n8n's public API lies under the base address.
const API_PATH: &str = "/api/v1";

/// What does not stand for itself in a segment of a path.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// Base address of an n8n instance: scheme, host, port and path prefix, without `/api/v1` and without a trailing slash.
#[derive(Clone, PartialEq, Eq, Hash, Serialize)]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(transparent)]
pub struct InstanceUrl(String);

impl InstanceUrl {
    /// The most characters of an address, as given and as kept.
    pub const MAX_CHARS: usize = 2048;

    /// Reads an address as people paste it: with or without `/api/v1`, in any case, with or without trailing slashes.
    ///
    /// # Errors
    /// A fault of `n8n_api_url` when it is too long, is not http or https, or has credentials, a query, a fragment, white space,
    /// backslashes or control characters.
    pub fn parse(text: &str) -> Result<Self, FieldError> {
        check_text(text)?;
        let url = Url::parse(text).map_err(|_| fault("The address is not a valid URL."))?;
        let mut path = url.path().trim_end_matches('/');
        while let Some(prefix) = path.strip_suffix(API_PATH) {
            path = prefix.trim_end_matches('/');
        }
        let kept = format!("{}{path}", url.origin().ascii_serialization());
        check_length(&kept)?;
        Ok(Self(kept))
    }

    /// The address without `/api/v1`.
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Scheme, host and port: what one slot of requests and one key belong to.
    pub fn origin(&self) -> &str {
        let authority = self.0.find("://").map_or(0, |at| at + "://".len());
        let end =
            self.0.get(authority..).and_then(|rest| rest.find('/')).map_or(self.0.len(), |at| authority + at);
        self.0.get(..end).unwrap_or(&self.0)
    }

    /// The address of a resource of n8n's public API, for example of `executions/7`.
    pub fn endpoint(&self, resource: &str) -> String {
        format!("{}{API_PATH}/{resource}", self.0)
    }

    /// The page of n8n's editor that shows a workflow.
    pub fn workflow_page(&self, workflow: &WorkflowId) -> String {
        format!("{}/workflow/{}", self.0, utf8_percent_encode(workflow.as_str(), RESERVED))
    }

    /// The page of n8n's editor that shows an execution.
    pub fn execution_page(&self, workflow: &WorkflowId, execution: ExecutionId) -> String {
        format!("{}/executions/{execution}", self.workflow_page(workflow))
    }

    /// An address that was checked before it was stored, for stores.
    pub fn stored(text: String) -> Self {
        Self(text)
    }
}

impl fmt::Display for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for InstanceUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

fn fault(message: &str) -> FieldError {
    FieldError::new("n8n_api_url", message)
}

fn check_length(text: &str) -> Result<(), FieldError> {
    if text.chars().count() > InstanceUrl::MAX_CHARS {
        return Err(fault("The address has 2,048 characters at most."));
    }
    Ok(())
}

fn check_text(text: &str) -> Result<(), FieldError> {
    check_length(text)?;
    if text.chars().any(|char| char.is_whitespace() || char.is_control()) {
        return Err(fault("The address has no white space and no control characters."));
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return Err(fault("The address starts with http:// or https://."));
    };
    if !["http", "https"].iter().any(|known| scheme.eq_ignore_ascii_case(known)) {
        return Err(fault("The address starts with http:// or https://."));
    }
    // The parser reads a backslash as a slash and skips leading slashes, so that the host would not be the one that is seen.
    if rest.contains('\\') || rest.starts_with('/') {
        return Err(fault("The address is not a valid URL."));
    }
    if rest.contains(['?', '#']) {
        return Err(fault("The address has no query and no fragment."));
    }
    if rest.split('/').next().is_some_and(|authority| authority.contains('@')) {
        return Err(fault("The address has no user name and no password."));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn kept(text: &str) -> String {
        InstanceUrl::parse(text).unwrap().as_str().to_owned()
    }

    #[test]
    fn an_address_is_kept_in_one_form() {
        for text in [
            "https://n8n.acme.com",
            "https://n8n.acme.com/",
            "https://n8n.acme.com//",
            "https://n8n.acme.com/api/v1",
            "https://n8n.acme.com/api/v1/",
            "HTTPS://N8N.Acme.com:443/api/v1",
        ] {
            assert_eq!(kept(text), "https://n8n.acme.com", "{text}");
        }
    }

    #[test]
    fn port_and_path_prefix_are_kept() {
        assert_eq!(kept("http://acme.com:5678/n8n/api/v1/"), "http://acme.com:5678/n8n");
        assert_eq!(kept("https://acme.com/api/v2"), "https://acme.com/api/v2");
        assert_eq!(kept("https://acme.com/Team%20A/"), "https://acme.com/Team%20A");
        assert_eq!(kept("http://[::1]:80/x"), "http://[::1]/x");
    }

    #[test]
    fn odd_spellings_of_addresses_are_written_out() {
        for odd in ["2130706433", "0x7f.1", "0177.0.0.1", "127.1", "0x7f000001", "127.0.0.1"] {
            assert_eq!(kept(&format!("http://{odd}")), "http://127.0.0.1", "{odd}");
        }
        assert_eq!(kept("http://[::ffff:7f00:1]"), "http://[::ffff:7f00:1]");
        assert_eq!(kept("https://①②7.0.0.1"), "https://127.0.0.1");
    }

    #[test]
    fn what_is_no_plain_base_address_is_refused() {
        for text in [
            "",
            "n8n.acme.com",
            "ftp://acme.com",
            "file:///etc/passwd",
            "https:acme.com",
            "https:///acme.com",
            "https://",
            "https://user@acme.com",
            "https://user:secret@acme.com",
            "https://@acme.com",
            "https://acme.com\\@evil.com",
            "https://acme.com?x=1",
            "https://acme.com/?",
            "https://acme.com/#top",
            " https://acme.com",
            "https://acme.com ",
            "https://ac\tme.com",
            "https://acme.com/a\u{a0}b",
            "https://acme.com\u{0}",
            "https://acme.com:99999",
            "https://[::1",
            "https://256.1.1.1",
        ] {
            let fault = InstanceUrl::parse(text).expect_err(text);
            assert_eq!(fault.field, "n8n_api_url");
        }
    }

    #[test]
    fn an_address_that_is_too_long_as_given_or_as_kept_is_refused() {
        let base = "https://acme.com/";
        let longest = format!("{base}{}", "a".repeat(InstanceUrl::MAX_CHARS - base.len()));
        assert_eq!(kept(&longest), longest);
        assert!(InstanceUrl::parse(&format!("{longest}a")).is_err());
        assert!(InstanceUrl::parse(&format!("{base}{}", "ä".repeat(1000))).is_err());
    }

    #[test]
    fn origin_and_endpoints_follow_from_the_address() {
        let url = InstanceUrl::parse("http://Acme.com:5678/n8n/api/v1").unwrap();
        assert_eq!(url.origin(), "http://acme.com:5678");
        assert_eq!(url.endpoint("executions/7"), "http://acme.com:5678/n8n/api/v1/executions/7");
        assert_eq!(InstanceUrl::parse("https://[::1]/").unwrap().origin(), "https://[::1]");
    }

    #[test]
    fn pages_of_executions_lie_under_the_base_address_whatever_the_id_of_a_workflow_holds() {
        let url = InstanceUrl::parse("https://acme.com/n8n/api/v1").unwrap();
        let page = |workflow: &str| url.execution_page(&workflow.into(), ExecutionId(7));
        assert_eq!(page("aB3_x-9"), "https://acme.com/n8n/workflow/aB3_x-9/executions/7");
        assert_eq!(page("a/?#ü"), "https://acme.com/n8n/workflow/a%2F%3F%23%C3%BC/executions/7");
    }

    proptest! {
        #[test]
        fn reading_a_kept_address_again_changes_nothing(
            text in "https?://[a-zA-Z0-9.ä-]{1,12}(:[0-9]{1,5})?(/(api|v1|api/v1|\\.\\.|%2e|[a-zÄ%;:@]{0,4})){0,6}/{0,2}",
        ) {
            if let Ok(url) = InstanceUrl::parse(&text) {
                prop_assert_eq!(InstanceUrl::parse(url.as_str()), Ok(url.clone()));
                prop_assert!(url.as_str().starts_with(url.origin()));
            }
        }
    }
}
