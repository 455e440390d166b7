//! A Redis for tests: `FLOWMASTERY_TEST_REDIS` where it is set, else our own on a socket in a temporary directory; and one that a test
//! may kill.

use std::sync::OnceLock;

use crate::supervised::{Supervised, given};

const SCRIPT: &str = r#"
dir=$(mktemp -d)
pid=''
start() {
    redis-server --port 0 --unixsocket "$dir/redis.sock" --save '' --appendonly no --dir "$dir" >"$dir/log" 2>&1 </dev/null &
    pid=$!
    until redis-cli -s "$dir/redis.sock" ping >/dev/null 2>&1; do
        kill -0 "$pid" || { cat "$dir/log" >&2; exit 1; }
        sleep 0.02
    done
}
stop() {
    kill -KILL "$pid" 2>/dev/null || true
    wait "$pid" 2>/dev/null || true
}
trap 'stop; rm -rf "$dir"' EXIT
start
echo "$dir/redis.sock"
while read -r order; do
    case "$order" in
    start) start ;;
    kill) stop ;;
    *) kill -s "$order" "$pid" ;;
    esac
    echo done
done
"#;

/// A server of one test, on a socket that stays the same.
#[derive(Debug)]
pub struct Own(Supervised);

impl Own {
    /// A server that runs.
    #[expect(clippy::new_without_default, reason = "it starts a process")]
    pub fn new() -> Self {
        Self(Supervised::start(SCRIPT))
    }

    /// Its URL.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.0.place)
    }

    /// Kills it.
    pub fn kill(&mut self) {
        self.0.order("kill");
    }

    /// Starts it again, empty.
    pub fn start(&mut self) {
        self.0.order("start");
    }

    /// Lets it hang.
    pub fn freeze(&mut self) {
        self.0.order("STOP");
    }

    /// Lets it go on.
    pub fn thaw(&mut self) {
        self.0.order("CONT");
    }
}

/// The URL of the server. It is shared: take keys that nobody else takes.
pub fn url() -> String {
    static OWN: OnceLock<Supervised> = OnceLock::new();
    given("FLOWMASTERY_TEST_REDIS")
        .unwrap_or_else(|| format!("redis+unix://{}", OWN.get_or_init(|| Supervised::start(SCRIPT)).place))
}
