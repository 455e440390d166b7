//! A Redis for tests: `FLOWMASTERY_TEST_REDIS` where it is set, else our own on a socket in a temporary directory.

use std::sync::OnceLock;

use crate::supervised::{Supervised, given};

const SCRIPT: &str = r#"
dir=$(mktemp -d)
redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --appendonly no --dir "$dir" >"$dir/log" 2>&1 </dev/null &
pid=$!
trap 'kill "$pid" 2>/dev/null || true; wait "$pid" || true; rm -rf "$dir"' EXIT
until redis-cli -s "$dir/redis.sock" ping >/dev/null 2>&1; do
    kill -0 "$pid" || { cat "$dir/log" >&2; exit 1; }
    sleep 0.02
done
echo "$dir/redis.sock"
cat >/dev/null
"#;

/// The URL of the server. It is shared: take keys that nobody else takes.
pub fn url() -> String {
    static OWN: OnceLock<Supervised> = OnceLock::new();
    given("FLOWMASTERY_TEST_REDIS")
        .unwrap_or_else(|| format!("redis+unix://{}", OWN.get_or_init(|| Supervised::start(SCRIPT)).place))
}
