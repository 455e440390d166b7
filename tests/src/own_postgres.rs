//! A Postgres that belongs to one test: with settings of its own, on TCP where it is wanted, killed and started again at will.

use std::{
    net::TcpListener,
    path::PathBuf,
    sync::{Arc, Mutex},
};

use crate::supervised::Supervised;

/// Postgres refuses to run as root, so the script hands itself to another account first. It obeys the orders `kill` and `start`. Its certificate comes in variables, since the account that it runs as may not
/// read our files.
const SCRIPT: &str = r#"
serve='
dir=$(mktemp -d)
trap "rm -rf \"$dir\"" EXIT
for bin in /usr/lib/postgresql/*/bin; do PATH="$PATH:$bin"; done
initdb -D "$dir/data" -U flowmastery -A trust -E UTF8 --locale=C --no-sync >"$dir/log" 2>&1 || { cat "$dir/log" >&2; exit 1; }
(umask 077; echo "$CERTIFICATE" >"$dir/data/server.crt"; echo "$KEY" >"$dir/data/server.key")
options="-k $dir -c listen_addresses= -c fsync=off -c full_page_writes=off $OPTIONS"
start() {
    pg_ctl -D "$dir/data" -l "$dir/log" -w -o "$options" start >/dev/null || { cat "$dir/log" >&2; return 1; }
}
start
echo "$dir"
while read -r order; do
    case "$order" in
    kill)
        main=$(head -n 1 "$dir/data/postmaster.pid")
        kill -9 "$main" $(ps -o pid= --ppid "$main")
        while kill -0 "$main" 2>/dev/null; do sleep 0.01; done
        ;;
    start)
        # Until what is left of the server before has ended, its memory is taken.
        for try in 1 2 3 4 5; do if start; then break; fi; sleep 0.2; done
        ;;
    esac
    echo "$order"
done
pg_ctl -D "$dir/data" -m immediate -w stop >/dev/null
'
if [ "$(id -u)" != 0 ]; then
    exec sh -euc "$serve"
fi
user=nobody
if id postgres >/dev/null 2>&1; then user=postgres; fi
unset TMPDIR
exec setpriv --reuid="$(id -u "$user")" --regid="$(id -g "$user")" --clear-groups sh -euc "$serve"
"#;

/// A running server.
#[derive(Clone, Debug)]
pub struct OwnPostgres {
    server: Arc<Mutex<Supervised>>,
    directory: String,
    port: Option<u16>,
}

impl OwnPostgres {
    /// A server on a socket, with some settings.
    pub fn start(settings: &[&str]) -> Self {
        Self::run(settings, ("", ""), None)
    }

    /// A server on a free TCP port of this machine that speaks TLS, with a certificate and its key as PEM.
    pub fn with_tls(certificate: &str, key: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a port is free")
            .port();
        let port_setting = format!("port={port}");
        let settings = ["listen_addresses=127.0.0.1", "ssl=on", &port_setting];
        Self::run(&settings, (certificate, key), Some(port))
    }

    /// Where its database is, under a host name that leads to this machine.
    pub fn url(&self) -> String {
        match self.port {
            Some(port) => format!("postgres://flowmastery@localhost:{port}/postgres"),
            None => format!("postgres://flowmastery@localhost/postgres?host={}", self.directory),
        }
    }

    /// The directory of its data, with what it logs.
    pub fn data(&self) -> PathBuf {
        PathBuf::from(&self.directory).join("data")
    }

    /// Kills every process of it.
    pub async fn kill(&self) {
        self.order("kill").await;
    }

    /// Starts it again on the same data.
    pub async fn start_again(&self) {
        self.order("start").await;
    }

    async fn order(&self, order: &'static str) {
        let server = self.server.clone();
        let obey = move || server.lock().expect("one order after the other").order(order);
        tokio::task::spawn_blocking(obey).await.expect("the script obeys");
    }

    fn run(settings: &[&str], (certificate, key): (&str, &str), port: Option<u16>) -> Self {
        let options: Vec<_> = settings.iter().map(|setting| format!("-c {setting}")).collect();
        let options = options.join(" ");
        let given = format!("export OPTIONS='{options}' CERTIFICATE='{certificate}' KEY='{key}'");
        let server = Supervised::start(&format!("{given}\n{SCRIPT}"));
        Self { directory: server.place.clone(), server: Arc::new(Mutex::new(server)), port }
    }
}
