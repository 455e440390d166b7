//! Pages of lists, and the cursor to the next one.

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::Serialize;

use super::{Answer, params::Params};

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Page<R> {
    data: Vec<R>,
    next_cursor: Option<String>,
}

pub(super) fn page<R: Serialize>(data: Vec<R>, next: Option<impl Serialize>) -> Answer {
    let encode = |cursor| serde_json::to_vec(&cursor).map(|json| STANDARD.encode(json));
    Answer::json(200, &Page { data, next_cursor: next.and_then(|cursor| encode(cursor).ok()) })
}

/// A page of a list whose cursor is an offset: workflows, users, tags.
pub(super) fn by_offset<T, R: Serialize>(
    params: &Params,
    rows: impl Iterator<Item = T>,
    row: impl FnMut(T) -> R,
) -> Answer {
    #[derive(Serialize)]
    struct Cursor {
        limit: i64,
        offset: usize,
    }
    let mut rest = rows.skip(params.offset());
    let data: Vec<R> = rest.by_ref().take(params.rows()).map(row).collect();
    let offset = params.offset() + data.len();
    let next = rest.next().map(|_| Cursor { limit: params.limit, offset });
    page(data, next)
}
