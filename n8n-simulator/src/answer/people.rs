//! Lists that collection does not read: tags, users, credentials.

use serde_json::{Value, json};

use super::{Answered, pages, params::Params, workflows::USER};
use crate::{instant::Iso, quirks::Dialect, state::State};

const KNOWN: [&str; 2] = ["limit", "cursor"];

pub(super) fn tags(state: &State, query: &str) -> Answered {
    let params = Params::of_list(state.dialect, query, &KNOWN)?;
    let at = Iso(state.now());
    let tag = json!({ "id": "x1upx1JaHrh7efl4", "name": "prod", "createdAt": at, "updatedAt": at });
    Ok(pages::by_offset(&params, [tag].into_iter(), |tag| tag))
}

pub(super) fn users(state: &State, query: &str) -> Answered {
    let params = Params::of_list(state.dialect, query, &["limit", "cursor", "includeRole", "projectId"])?;
    let at = Iso(state.now());
    let mut owner = json!({ "id": USER, "email": "owner@example.test", "firstName": "Olivia", "lastName": "Owner",
        "createdAt": at, "updatedAt": at, "isPending": false });
    if let Value::Object(owner) = &mut owner {
        if state.dialect == Dialect::V2 {
            owner.insert("mfaEnabled".to_owned(), json!(false));
        }
        if params.boolean("includeRole")? == Some(true) {
            owner.insert("role".to_owned(), json!("global:owner"));
        }
    }
    Ok(pages::by_offset(&params, [owner].into_iter(), |owner| owner))
}

pub(super) fn credentials(state: &State, query: &str) -> Answered {
    let params = Params::of_list(state.dialect, query, &KNOWN)?;
    Ok(pages::by_offset(&params, std::iter::empty::<Value>(), |row| row))
}
