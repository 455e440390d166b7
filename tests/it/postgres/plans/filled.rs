//! A database as a busy agency has it: 200 clients, 100,000 executions, 60,000 rollups, 4,000 users and what hangs on them.

use flowmastery_core::{
    id::ClientId,
    model::execution::Status,
    store::{Batch, ExecutionStore, sql::SqlStore},
};
use flowmastery_tests::executions::success;
use sqlx::{Executor, PgConnection};

use super::super::{NOW, client, everything, lease};

pub(super) const CLIENTS: i64 = 200;
pub(super) const EXECUTIONS: i64 = 500;

/// One client is made by the store, and the others after it.
pub(super) async fn fill(store: &SqlStore, admin: &mut PgConnection) {
    let first = client(store).await;
    assert_eq!(first, ClientId(1));
    let turn = lease(store, first).await;
    store.begin_collection(everything(), turn, NOW, NOW).await.unwrap().unwrap();
    let run = success(1, "w0", NOW, 1000);
    assert_eq!(run.status, Status::Success);
    store.apply_executions(everything(), turn, Batch::of(vec![run], NOW)).await.unwrap();
    let sql = FILL
        .replace(":clients", &CLIENTS.to_string())
        .replace(":executions", &EXECUTIONS.to_string())
        .replace(":now", &NOW.as_millis().to_string());
    admin.execute(sqlx::raw_sql(sqlx::AssertSqlSafe(sql))).await.unwrap();
}

/// Runs are spread over 90 days, a hundredth is unfinished; five workflows take turns; one sketch serves for all.
const FILL: &str = "
SET search_path = flowmastery;
INSERT INTO clients (name, n8n_api_url, n8n_api_key_encrypted, created_at, updated_at)
SELECT 'Client ' || n, 'https://n8n.example.com', 'v1:test:key', :now, :now FROM generate_series(2, :clients) n;
INSERT INTO collections (client_id, identified, back_filled, complete_to, last_success_at, next_attempt_at)
SELECT n, TRUE, TRUE, :executions, :now, :now FROM generate_series(2, :clients) n;
UPDATE collections SET leased_until = NULL, identified = TRUE, back_filled = TRUE, complete_to = :executions, last_success_at = :now;
INSERT INTO workflows (client_id, workflow_id, name, status)
SELECT c, 'w' || w, 'Workflow ' || w, 'active' FROM generate_series(1, :clients) c, generate_series(0, 4) w ON CONFLICT DO NOTHING;
INSERT INTO epochs (client_id, epoch) SELECT n, 0 FROM generate_series(1, :clients) n;

INSERT INTO executions (client_id, epoch, execution_id, workflow_id, status, mode, started_at, stopped_at, bucket, seen_at)
SELECT c, 0, n, 'w' || n % 5, CASE WHEN n % 100 = 99 THEN 1 ELSE 3 + n % 2 END, 'webhook', at, at + 1000, at / 900000 * 900000, :now
FROM generate_series(1, :clients) c, generate_series(1, :executions) n,
     LATERAL (SELECT :now - (:executions - n) * (90 * 86400000::BIGINT / :executions)) t (at)
ON CONFLICT DO NOTHING;

INSERT INTO rollups (client_id, width, bucket, workflow_id, class, new_count, running_count, waiting_count, success_count,
                     error_count, crashed_count, canceled_count, unknown_count, duration_sum_ms, sketch)
SELECT c, w, (:now - (n * 90 * 86400000::BIGINT / 200)) / (w * 60000::BIGINT) * (w * 60000::BIGINT), 'w' || n % 5, 0,
       0, 0, 0, 1, 0, 0, 0, 0, 1000, s.sketch
FROM generate_series(1, :clients) c, UNNEST(ARRAY[15, 60, 1440]) w, generate_series(1, 200) n,
     (SELECT sketch FROM rollups WHERE client_id = 1 AND width = 15) s
ON CONFLICT DO NOTHING;

INSERT INTO users (email, hashed_password, role, is_active, client_id, created_at, updated_at)
SELECT 'user' || n || '@example.com', 'hash', CASE WHEN n <= 20 THEN 'admin' ELSE 'client' END, TRUE,
       CASE WHEN n > 20 THEN 1 + n % :clients END, :now, :now FROM generate_series(1, 4000) n;
INSERT INTO sessions (user_id, created_at, expires_at)
SELECT 1 + n % 4000, :now, :now + 604800000 FROM generate_series(1, 12000) n;
INSERT INTO known_addresses (user_id, network, last_at)
SELECT 1 + n % 4000, '198.51.100.' || n / 4000, :now - 86400000 FROM generate_series(1, 40000) n;
INSERT INTO refresh_tokens (hash, session_id, parent, expires_at)
SELECT 'hash ' || n, 1 + n % 12000, 'hash ' || n - 12000, :now + 604800000 FROM generate_series(1, 24000) n;
INSERT INTO invitations (email, role, token, status, expiry_date, client_id, invited_by_admin_id, accepted_user_id, created_at,
                         email_status)
SELECT 'user' || n || '@example.com', 'client', 'token ' || n, CASE WHEN n % 4 = 0 THEN 'pending' ELSE 'accepted' END, :now,
       1 + n % :clients, 1 + n % 20, n, :now, 'sent'
FROM generate_series(21, 4000) n;
INSERT INTO audit_log (at, action, actor_id, client_id, detail)
SELECT :now - n * 60000::BIGINT, CASE n % 3 WHEN 0 THEN 'denied' ELSE 'signed_in' END, 1 + n % 40, 1 + n % :clients, '{}' FROM generate_series(1, 40000) n;
INSERT INTO audit_log (at, action, detail) SELECT 1577836800000 + n, 'left_out', '{}' FROM generate_series(1, 2000) n;
INSERT INTO changes (position, kind, subject, at)
SELECT p::TEXT::XID8, 2, n, :now - 172800000 FROM generate_series(1, 500) p, generate_series(1, 40) n;
ANALYZE;";
