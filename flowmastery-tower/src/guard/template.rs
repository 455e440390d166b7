//! Finding a client's id in a path.

use flowmastery_core::{
    error::{Error, FieldError, Result},
    id::ClientId,
};
use percent_encoding::percent_decode_str;

use crate::problem::Problem;

const CLIENT_ID: &str = "client_id";

/// A path with the place of a client's id in it; it covers what is below it, too.
#[derive(Debug)]
pub(crate) struct PathTemplate(matchit::Router<()>);

impl PathTemplate {
    /// The template that this text is.
    ///
    /// # Errors
    /// [`flowmastery_core::error::Kind::Invalid`] for one without `{client_id}`, and for what is no path.
    pub(crate) fn new(text: &str) -> Result<Self> {
        let path = text.strip_suffix('/').unwrap_or(text);
        let names_client = path.split('/').any(|segment| segment == format!("{{{CLIENT_ID}}}"));
        let mut router = matchit::Router::new();
        let places = [path.to_owned(), format!("{path}/"), format!("{path}/{{*below}}")];
        let fits = path.starts_with('/') && places.into_iter().all(|place| router.insert(place, ()).is_ok());
        if names_client && fits {
            return Ok(Self(router));
        }
        let message =
            "A template is a path with {client_id} as one of its segments, such as /customers/{client_id}.";
        Err(Error::invalid(vec![FieldError::new("template", message)]))
    }

    /// The client that a path names.
    ///
    /// # Errors
    /// 404 for a path that does not fit, and for what is no id.
    pub(crate) fn client_in(&self, path: &str) -> Result<ClientId, Problem> {
        let found = self.0.at(path).map_err(|_| Problem::no_route())?;
        let given = found.params.get(CLIENT_ID).unwrap_or_default();
        // Decoded as frameworks do for handlers, so that both read the same id.
        let given = percent_decode_str(given).decode_utf8().map_err(|_| Problem::no_route())?;
        id_in_path(&given).map(ClientId)
    }
}

/// An id as it stands in a path: digits only.
///
/// # Errors
/// 404 for anything else.
pub(crate) fn id_in_path(text: &str) -> Result<i64, Problem> {
    let digits = text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(Problem::no_route)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn client_in(template: &str, path: &str) -> Option<i64> {
        PathTemplate::new(template).unwrap().client_in(path).ok().map(|id| id.0)
    }

    #[test]
    fn the_client_of_a_path_is_found_at_the_template_and_below_it() {
        for path in [
            "/customers/7",
            "/customers/7/",
            "/customers/7/reports",
            "/customers/7/reports/3",
            "/customers/%37",
        ] {
            assert_eq!(client_in("/customers/{client_id}", path), Some(7), "{path}");
        }
        assert_eq!(client_in("/{lang}/customers/{client_id}/", "/de/customers/7"), Some(7));
        assert_eq!(client_in("/customers/{client_id}/reports/{report}", "/customers/7/reports/3"), Some(7));
    }

    #[test]
    fn other_paths_name_no_client() {
        for path in [
            "",
            "/",
            "/customers",
            "/customers/",
            "/customers//7",
            "/other/7",
            "/customers/+7",
            "/customers/-7",
            "/customers/7a",
            "/customers/%ff",
            "/customers/99999999999999999999",
            "/x/customers/7",
            "//customers/7",
        ] {
            assert_eq!(client_in("/customers/{client_id}", path), None, "{path}");
        }
    }

    #[test]
    fn what_is_no_template_is_refused() {
        for text in [
            "",
            "/",
            "/customers",
            "customers/{client_id}",
            "/customers/{id}",
            "/{client_id}/{*rest}",
            "/{client_id",
        ] {
            let error = PathTemplate::new(text).unwrap_err();
            assert_eq!(error.fields().first().unwrap().field, "template", "{text}");
        }
    }
}
