//! `GET /insights/summary` of n8n 2, by n8n's own definition of a production execution.

use std::time::Duration;

use serde_json::{Value, json};

use super::{Answer, Answered, params::Params};
use crate::{
    run::{Gone, Record, Run},
    state::State,
};

/// "Default 7 days; longer than licence -> 403", which is what a server without a licence keeps. Seen were
/// one day, the default and 52 days; that the border lies at seven is assumed.
const WEEK: Duration = Duration::from_secs(7 * 86_400);

/// What n8n counts over the time between `startDate` and `endDate`, else over the seven days before [`State::now`]. Real servers add
/// it up once an hour ("Values stay 0 until hourly compaction"), this one at once. Deviations are null, as seen without a past.
pub(super) fn summary(state: &State, query: &str) -> Answered {
    let params = Params::parse(state.dialect, query, &[])?;
    let end = params.instant("endDate")?.unwrap_or(state.now());
    let start = params.instant("startDate")?.unwrap_or(end.minus(WEEK));
    if end.since(start) > WEEK {
        let message = "The selected date range exceeds the maximum history allowed by your license";
        return Err(Answer::refusal(403, message));
    }
    // Pruned and unsaved ones are in it; what an earlier database held is not.
    let of_this_database = |record: &&Record| !matches!(record.gone, Some(Gone::Reset | Gone::Restored));
    let stopped = |run: &&Run| run.stopped_at.is_some_and(|stop| (start..=end).contains(&stop));
    let runs = state.log().iter().filter(of_this_database).map(|record| &record.run);
    let (mut total, mut failed, mut millis) = (0_u32, 0_u32, 0_u64);
    for run in runs.filter(|run| is_production(run)).filter(stopped) {
        total += 1;
        failed += u32::from(run.status != "success");
        let span = run.stopped_at.zip(run.started_at).map(|(stop, start)| stop.since(start));
        millis += span.and_then(|span| u64::try_from(span.as_millis()).ok()).unwrap_or(0);
    }
    let share = |sum: f64, digits: i32| {
        let scale = 10_f64.powi(digits);
        if total == 0 { 0.0 } else { (sum / f64::from(total) * scale).round() / scale }
    };
    #[expect(clippy::cast_precision_loss, reason = "a sum of times, for an average of two decimals")]
    let average = share(millis as f64, 2);
    Ok(Answer::json(
        200,
        &json!({
            "total": value(json!(total), "count"),
            "failed": value(json!(failed), "count"),
            "failureRate": value(number(share(f64::from(failed), 3)), "ratio"),
            "timeSaved": value(json!(0), "minute"),
            "averageRunTime": value(number(average), "millisecond"),
        }),
    ))
}

/// "status in success/error/crashed […]; modes webhook, trigger, retry, error, cli, evaluation counted; manual, integrated, internal,
/// chat (agent) not."
fn is_production(run: &Run) -> bool {
    matches!(run.status.as_str(), "success" | "error" | "crashed")
        && matches!(run.mode.as_str(), "webhook" | "trigger" | "retry" | "error" | "cli" | "evaluation")
}

fn value(value: Value, unit: &str) -> Value {
    json!({ "value": value, "deviation": null, "unit": unit })
}

/// JavaScript writes a whole number without a fraction.
fn number(value: f64) -> Value {
    if value.fract() == 0.0 { json!(format!("{value:.0}").parse::<i64>().unwrap_or(0)) } else { json!(value) }
}
