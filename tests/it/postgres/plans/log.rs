//! The plans that a server logs of every statement it has run.

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

use flowmastery_tests::own_postgres::OwnPostgres;
use serde_json::Value;
use sqlx::{Executor, PgConnection};

/// `auto_explain` logs the plan of whatever runs, statements inside of triggers too.
pub(super) const SETTINGS: &[&str] = &[
    "session_preload_libraries=auto_explain",
    "auto_explain.log_min_duration=0",
    "auto_explain.log_nested_statements=on",
    "auto_explain.log_format=json",
    "logging_collector=on",
    "log_destination=jsonlog",
    "log_filename=plans.log",
    "log_rotation_size=0",
    "log_rotation_age=0",
];

/// A statement and how it was run.
pub(super) struct Plan {
    query: String,
    root: Value,
}

impl Plan {
    /// Every place where a table that is not small is read from one end to the other.
    pub(super) fn reads_through(&self, small: &[&str]) -> Vec<String> {
        let mut faults = Vec::new();
        // The feed keeps ten minutes, of which this removes a good part, once in a while.
        if self.query.starts_with("DELETE FROM changes") {
            return faults;
        }
        self.visit(&self.root, false, &mut |node, limited| {
            let kind = node["Node Type"].as_str().unwrap_or_default();
            // An index from its beginning on is as long, save for a page of it.
            let through = match kind {
                "Seq Scan" => true,
                "Index Scan" | "Index Only Scan" | "Bitmap Index Scan" => {
                    node["Index Cond"].is_null() && !limited
                }
                _ => false,
            };
            let names =
                [&node["Relation Name"], &node["Index Name"]].map(|name| name.as_str().unwrap_or_default());
            let is_small = names.iter().any(|name| small.contains(name) || name.starts_with("pg_"));
            if through && !is_small {
                faults.push(format!("{kind} of {names:?} in {}\n{}", self.query, self.root));
            }
        });
        faults
    }

    fn visit(&self, node: &Value, limited: bool, each: &mut impl FnMut(&Value, bool)) {
        each(node, limited);
        let limited = limited || node["Node Type"] == "Limit";
        for child in node["Plans"].as_array().into_iter().flatten() {
            self.visit(child, limited, each);
        }
    }
}

/// What is logged from here on is asked for by [`plans`].
pub(super) async fn begin(admin: &mut PgConnection) {
    admin.execute("SELECT 'the beginning of the log'").await.unwrap();
}

/// One plan of each shape of every statement that the store has run since the beginning.
pub(super) async fn plans(server: &OwnPostgres, admin: &mut PgConnection) -> Vec<Plan> {
    const END: &str = "SELECT 'the end of the log'";
    admin.execute(END).await.unwrap();
    let file = server.data().join("log/plans.json");
    let deadline = Instant::now() + Duration::from_secs(10);
    let text = loop {
        let text = fs::read_to_string(&file).unwrap_or_default();
        if text.contains("the end of the log") && text.ends_with('\n') {
            break text;
        }
        assert!(Instant::now() < deadline, "the server has not logged the end");
        tokio::task::yield_now().await;
    };
    let mut plans = BTreeMap::new();
    for line in text.lines().skip_while(|line| !line.contains("the beginning of the log")) {
        let entry: Value = serde_json::from_str(line).unwrap();
        let message = entry["message"].as_str().unwrap_or_default();
        let Some((_, plan)) = message.split_once("plan:\n") else { continue };
        if entry["application_name"] != "flowmastery" {
            continue;
        }
        let mut plan: Value = serde_json::from_str(plan).unwrap();
        let (query, root) = (plan["Query Text"].as_str().unwrap().to_owned(), plan["Plan"].take());
        let mut shape = String::new();
        Plan { query: String::new(), root: Value::Null }.visit(&root, false, &mut |node, _| {
            shape.push_str(&format!(
                "{} {} {};",
                node["Node Type"], node["Relation Name"], node["Index Cond"]
            ));
        });
        plans.insert((query.clone(), shape), Plan { query, root });
    }
    plans.into_values().collect()
}
