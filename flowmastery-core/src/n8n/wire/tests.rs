//! What is read of n8n's answers, and what is refused.

use proptest::prelude::*;

use super::*;

/// A row as both versions send it, with one field put in place of its own.
fn row(field: &str, value: &str) -> String {
    let mut fields: Vec<(&str, &str)> = vec![
        ("id", r#""631""#),
        ("finished", "false"),
        ("mode", r#""webhook""#),
        ("retryOf", "null"),
        ("retrySuccessId", r#""633""#),
        ("status", r#""error""#),
        ("startedAt", r#""2026-11-22T23:22:02.212Z""#),
        ("stoppedAt", r#""2026-11-22T23:22:02.228Z""#),
        ("workflowId", r#""FAyM9moHUWms91fs""#),
        ("waitTill", "null"),
    ];
    fields.retain(|(name, _)| *name != field || !value.is_empty());
    let fields = fields
        .into_iter()
        .map(|(name, own)| format!(r#""{name}":{}"#, if name == field { value } else { own }));
    format!("{{{}}}", fields.collect::<Vec<_>>().join(","))
}

fn page(rows: &[String]) -> String {
    format!(r#"{{"data":[{}],"nextCursor":"eyJsYXN0SWQiOiI2OTkiLCJsaW1pdCI6MX0="}}"#, rows.join(","))
}

fn decoded(field: &str, value: &str) -> Result<Execution, WireError> {
    decode_execution(row(field, value).as_bytes()).map(|single| single.execution)
}

#[test]
fn a_page_of_executions_is_read() {
    let page = decode_executions(page(&[row("", ""), row("id", "7")]).as_bytes()).unwrap();
    assert_eq!(page.next, Some(N8nCursor("eyJsYXN0SWQiOiI2OTkiLCJsaW1pdCI6MX0=".to_owned())));
    assert_eq!(page.items.len(), 2);
    assert_eq!(page.items[1].id, ExecutionId(7));
    let expected = Execution {
        id: ExecutionId(631),
        workflow_id: "FAyM9moHUWms91fs".into(),
        status: Status::Error,
        mode: "webhook".into(),
        started_at: Timestamp::parse("2026-11-22T23:22:02.212Z"),
        stopped_at: Timestamp::parse("2026-11-22T23:22:02.228Z"),
        retry_of: None,
        retry_success_id: Some(ExecutionId(633)),
    };
    assert_eq!(page.items[0], expected);
}

#[test]
fn the_last_page_has_no_cursor() {
    for body in [r#"{"data":[],"nextCursor":null}"#, r#"{"data":[]}"#, r#"{"nextCursor":"","data":[]}"#] {
        assert_eq!(
            decode_executions(body.as_bytes()).unwrap(),
            N8nPage { items: vec![], next: None },
            "{body}"
        );
    }
}

#[test]
fn ids_come_as_text_or_as_numbers() {
    assert_eq!(decoded("id", "631").unwrap().id, ExecutionId(631));
    assert_eq!(decoded("retryOf", "10").unwrap().retry_of, Some(ExecutionId(10)));
    assert_eq!(decoded("retryOf", r#""10""#).unwrap().retry_of, Some(ExecutionId(10)));
    assert_eq!(decoded("workflowId", "12").unwrap().workflow_id, "12".into());
}

#[test]
fn a_row_without_a_usable_id_fails_the_page() {
    for value in
        ["", "null", r#""abc""#, r#""""#, "-1", "1.5", r#""-1""#, r#""9223372036854775808""#, "{}", "true"]
    {
        assert!(decoded("id", value).is_err(), "id {value}");
        assert!(decode_executions(page(&[row("", ""), row("id", value)]).as_bytes()).is_err(), "id {value}");
    }
    let long = format!("\"{}\"", "a".repeat(MAX_WORD_BYTES + 1));
    for value in ["", "null", r#""""#, r#""a\u0000""#, "[]", &long] {
        assert!(decoded("workflowId", value).is_err(), "workflowId {value}");
    }
}

#[test]
fn statuses_and_modes_are_open_sets() {
    assert_eq!(decoded("status", r#""paused""#).unwrap().status, Status::Unknown);
    assert_eq!(decoded("status", "").unwrap().status, Status::Unknown);
    assert_eq!(decoded("mode", r#""agent""#).unwrap().mode, "agent");
    assert_eq!(decoded("mode", "null").unwrap().mode, "");
}

#[test]
fn a_queued_row_has_no_times_and_a_wrong_time_is_a_fault() {
    assert_eq!(decoded("startedAt", "null").unwrap().started_at, None);
    assert!(decoded("startedAt", r#""2026-02-30T00:00:00.000Z""#).is_err());
    assert!(decoded("stoppedAt", "5").is_err());
}

#[test]
fn fields_that_a_newer_version_adds_are_skipped() {
    let with_more =
        row("", "").replacen('{', r#"{"storedAt":"db","tracingContext":{"a":[1]},"jsonSizeBytes":3556,"#, 1);
    assert_eq!(decode_execution(with_more.as_bytes()).unwrap().execution, decoded("", "").unwrap());
}

#[test]
fn bytes_that_are_no_text_are_a_fault_only_where_they_are_read() {
    let with = |field: &str| {
        let page = page(&[row(field, "\"x\"")]).replace("\"x\"", "\"\0\"");
        page.bytes().map(|byte| if byte == 0 { 0xff } else { byte }).collect::<Vec<_>>()
    };
    assert_eq!(decode_executions(&with("waitTill")).unwrap().items, [decoded("", "").unwrap()]);
    assert!(decode_executions(&with("mode")).is_err());
}

#[test]
fn what_is_no_page_is_a_fault_that_quotes_nothing() {
    for body in [
        "",
        "[]",
        "{}",
        r#"{"data":{}}"#,
        r#"{"message":"secret"}"#,
        r#"{"data":["secret"]}"#,
        r#"{"data":[]"#,
    ] {
        let error = decode_executions(body.as_bytes()).expect_err(body);
        assert!(!error.to_string().contains("secret") && !format!("{error:?}").contains("secret"));
    }
}

#[test]
fn of_workflows_only_four_fields_are_read() {
    let body = r#"{"data":[
        {"updatedAt":"x","id":"1wpHdRqGF2BxAyOe","name":"Draft: \"a\"","active":false,"isArchived":true,"nodes":[{"id":"a1"}]},
        {"id":7,"name":"a\u0000b","active":true,"pinData":{"Webhook":[{"json":{}}]}}],"nextCursor":null}"#;
    let page = decode_workflows(body.as_bytes()).unwrap();
    let expected = [
        Workflow {
            id: "1wpHdRqGF2BxAyOe".into(),
            name: "Draft: \"a\"".to_owned(),
            active: false,
            archived: true,
        },
        Workflow { id: "7".into(), name: "a\0b".to_owned(), active: true, archived: false },
    ];
    assert_eq!(page.items, expected);
    assert!(decode_workflows(br#"{"data":[{"name":"a","active":true}]}"#).is_err());
}

#[test]
fn other_forms_of_times_are_read_too() {
    for text in ["2026-11-22T23:22:02Z", "2026-11-23T00:22:02.000+01:00", "2026-11-22T23:22:02.000000Z"] {
        assert_eq!(
            Instant::from_text(text).map(|instant| instant.0),
            Timestamp::parse("2026-11-22T23:22:02.000Z")
        );
    }
    assert!(Instant::from_text("now").is_none());
}

#[test]
fn only_a_message_is_n8n_s_refusal() {
    assert!(is_refusal(br#"{"message":"Not Found"}"#));
    assert!(!is_refusal(br#"{"error":"no route"}"#));
    assert!(!is_refusal(b"404"));
}

proptest! {
    #[test]
    fn the_fast_parser_agrees_with_the_full_one(millis in -62_135_596_800_000_i64..253_402_300_799_999) {
        let text = Timestamp::from_millis(millis).to_string();
        prop_assert_eq!(iso_millis(text.as_bytes()), Some(millis));
    }

    #[test]
    fn the_fast_parser_accepts_nothing_that_the_full_one_refuses(
        text in "[0-9]{4}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]\\.[0-9]{3}Z",
    ) {
        if let Some(millis) = iso_millis(text.as_bytes()) {
            prop_assert_eq!(Timestamp::parse(&text), Some(Timestamp::from_millis(millis)));
        }
    }
}
