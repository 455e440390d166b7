//! Reading a request's body as a JSON object.
//!
//! Order: media type and encoding (415), size (413), JSON (400). No fault repeats what was sent.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, header};
use http_body_util::{BodyExt, combinators::UnsyncBoxBody};
#[cfg(feature = "dashboard")]
use percent_encoding::percent_decode;
#[cfg(feature = "dashboard")]
use serde_json::Value;

use super::json::Object;
#[cfg(feature = "dashboard")]
use super::{Field, FieldKind};
use crate::problem::Problem;

/// The most bytes of a body.
const MAX_BODY: usize = 64 * 1024;
/// The most bytes that are read and thrown away of a body which is too large. Where a caller is cut off who still sends, the answer is lost with
/// the connection.
const MAX_DISCARDED: usize = 1024 * 1024;

/// A request's body, whatever type its host has for it.
pub(crate) type RequestBody = UnsyncBoxBody<Bytes, Broken>;

/// A body did not come to its end; why, is the host's to know.
#[derive(Debug)]
pub(crate) struct Broken;

/// Reads a body that is to be a JSON object.
///
/// # Errors
/// 415, 413 and 400 for one that cannot be read.
pub(crate) async fn read_object(headers: &HeaderMap, body: RequestBody) -> Result<Object, Problem> {
    if !is_json(headers) {
        let detail = "Send JSON, with Content-Type: application/json.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    if is_encoded(headers) {
        let detail = "Send the body as it is, without a Content-Encoding.";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, detail));
    }
    if http_body::Body::size_hint(&body).lower() > MAX_DISCARDED as u64 {
        return Err(too_large());
    }
    let bytes = read_to_end(body).await?;
    serde_json::from_slice(&bytes).map_err(|error| {
        // Only the place is told: the text of serde_json's errors can repeat what was sent.
        let detail = format!(
            "The body is not a JSON object in UTF-8 with each key once; see line {}, column {}.",
            error.line(),
            error.column()
        );
        Problem::new(StatusCode::BAD_REQUEST, detail)
    })
}

/// Reads a body that is to be a form of a page, whose fields become those of an object. What was left empty was not sent.
///
/// # Errors
/// As [`read_object`].
#[cfg(feature = "dashboard")]
pub(crate) async fn read_form(
    headers: &HeaderMap,
    body: RequestBody,
    fields: &[Field],
) -> Result<Object, Problem> {
    let essence = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let essence = essence.split(';').next().unwrap_or_default().trim();
    if !essence.eq_ignore_ascii_case("application/x-www-form-urlencoded") || is_encoded(headers) {
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "Send the form of the page."));
    }
    let bytes = read_to_end(body).await?;
    let broken = || Problem::new(StatusCode::BAD_REQUEST, "The body is not a form in UTF-8.");
    // What is none would be read as something else.
    percent_decode(&bytes).decode_utf8().map_err(|_| broken())?;
    let pairs: Vec<(String, String)> = serde_urlencoded::from_bytes(&bytes).map_err(|_| broken())?;
    let mut object = Vec::<(String, Value)>::new();
    for (name, text) in pairs {
        if object.iter().any(|(known, _)| *known == name) {
            return Err(Problem::new(StatusCode::BAD_REQUEST, "A field of the form comes twice."));
        }
        if text.is_empty() {
            continue;
        }
        let kind = fields.iter().find(|field| field.name == name).map(|field| field.kind);
        let value = match kind {
            Some(FieldKind::Integer) => text.parse::<i64>().map_or(Value::String(text), Value::from),
            Some(FieldKind::Flag) => Value::Bool(text == "on" || text == "true"),
            _ => Value::String(text),
        };
        object.push((name, value));
    }
    Ok(Object(object))
}

/// Reads until the end, or until there is more than is worth throwing away.
async fn read_to_end(mut body: RequestBody) -> Result<Vec<u8>, Problem> {
    let (mut bytes, mut length) = (Vec::new(), 0);
    while let Some(frame) = body.frame().await {
        let frame = frame.map_err(|Broken| Problem::new(StatusCode::BAD_REQUEST, "The body broke off."))?;
        let Ok(data) = frame.into_data() else { continue };
        length += data.len();
        if length > MAX_DISCARDED {
            return Err(too_large());
        }
        if length <= MAX_BODY {
            bytes.extend_from_slice(&data);
        }
    }
    if length > MAX_BODY { Err(too_large()) } else { Ok(bytes) }
}

fn too_large() -> Problem {
    Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "A body has at most 64 KiB.")
}

/// Whether the one content type is JSON in UTF-8.
fn is_json(headers: &HeaderMap) -> bool {
    let mut types = headers.get_all(header::CONTENT_TYPE).iter();
    let (Some(Ok(media_type)), None) = (types.next().map(|value| value.to_str()), types.next()) else {
        return false;
    };
    let media_type = media_type.to_ascii_lowercase();
    let mut parts = media_type.split(';').map(str::trim);
    let essence = parts.next().unwrap_or_default();
    let json = essence == "application/json" || (essence.contains('/') && essence.ends_with("+json"));
    json && parts.filter_map(|part| part.strip_prefix("charset=")).all(|set| set.trim_matches('"') == "utf-8")
}

/// Whether the body is compressed, or otherwise not what it says.
fn is_encoded(headers: &HeaderMap) -> bool {
    let mut encodings = headers.get_all(header::CONTENT_ENCODING).iter();
    encodings.any(|encoding| !encoding.as_bytes().eq_ignore_ascii_case(b"identity"))
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;
    use http::HeaderValue;
    use http_body_util::Full;

    use super::*;

    fn read(media_type: &'static str, body: &[u8]) -> Result<Object, Problem> {
        read_encoded(media_type, None, body)
    }

    fn read_encoded(
        media_type: &'static str,
        encoding: Option<&'static str>,
        body: &[u8],
    ) -> Result<Object, Problem> {
        let mut headers =
            HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media_type))]);
        headers
            .extend(encoding.map(|encoding| (header::CONTENT_ENCODING, HeaderValue::from_static(encoding))));
        let body = Full::from(body.to_vec()).map_err(|never| match never {}).boxed_unsync();
        read_object(&headers, body).now_or_never().unwrap()
    }

    #[test]
    fn encoded_bodies_are_not_taken() {
        for encoding in [None, Some("identity"), Some("Identity")] {
            assert!(read_encoded("application/json", encoding, b"{}").is_ok(), "{encoding:?}");
        }
        for encoding in ["gzip", "identity, gzip", "br", "", "aws-chunked"] {
            let refused = read_encoded("application/json", Some(encoding), b"{}").unwrap_err();
            assert_eq!(refused.status(), 415, "{encoding}");
        }
    }

    #[test]
    fn faults_of_json_never_repeat_what_was_sent() {
        let broken = read("application/json", b"{\"name\":\"hunter2\" x").unwrap_err();
        assert!(!format!("{broken:?}").contains("hunter2"));
    }

    #[test]
    fn json_is_known_by_its_media_type() {
        for good in [
            "application/json",
            "Application/JSON; charset=UTF-8",
            "application/problem+json",
            "application/json;charset=\"utf-8\"",
        ] {
            assert!(read(good, b"{}").is_ok(), "{good}");
        }
        for bad in ["text/plain", "application/jsonx", "+json", "", "application/json; charset=latin1"] {
            assert_eq!(read(bad, b"{}").unwrap_err().status(), 415, "{bad}");
        }
    }

    #[test]
    fn bodies_have_at_most_64_kib() {
        let mut body = b"{}".to_vec();
        body.resize(MAX_BODY, b' ');
        assert!(read("application/json", &body).is_ok());
        body.push(b' ');
        assert_eq!(read("application/json", &body).unwrap_err().status(), 413);
    }

    #[test]
    fn a_body_of_unknown_length_is_read_only_up_to_the_bound() {
        let frames = futures_util::stream::iter((0..).map(|part: usize| {
            assert!(part * 8192 <= MAX_DISCARDED, "read on behind the bound");
            Ok::<_, Broken>(http_body::Frame::data(Bytes::from_static(&[b' '; 8192])))
        }));
        let body = http_body_util::StreamBody::new(frames).boxed_unsync();
        assert_eq!(read_to_end(body).now_or_never().unwrap().unwrap_err().status(), 413);
    }

    #[test]
    fn only_objects_with_each_key_once_are_read() {
        let cases: [&[u8]; 8] = [
            b"",
            b"{",
            b"[]",
            b"null",
            b"{} {}",
            b"{\"a\":1,\"a\":1}",
            b"{\"a\":\"\xff\"}",
            b"{\"a\":\"\\ud800\"}",
        ];
        for body in cases {
            assert_eq!(read("application/json", body).unwrap_err().status(), 400, "{body:?}");
        }
    }
}
