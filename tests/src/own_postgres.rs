//! A Postgres that belongs to one test: with settings of its own, on TCP where it is wanted, killed and started again at will.

use std::{net::TcpListener, path::PathBuf, sync::Arc};

use crate::supervised::Supervised;

/// As in `postgres`; it obeys the words `kill` and `start`. Its certificate comes in variables, since the account that it runs as may not
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
while read -r word; do
    case "$word" in
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
    echo "$word"
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
    server: Arc<Supervised>,
    port: Option<u16>,
}

impl OwnPostgres {
    /// A server on a socket, with some settings.
    pub fn start(settings: &[&str]) -> Self {
        Self { server: Arc::new(run(settings, ("", ""))), port: None }
    }

    /// A server on a free TCP port of this machine that speaks TLS, with a certificate and its key as PEM.
    pub fn with_tls(certificate: &str, key: &str) -> Self {
        let port = TcpListener::bind("127.0.0.1:0")
            .and_then(|free| free.local_addr())
            .expect("a port is free")
            .port();
        let port_setting = format!("port={port}");
        let settings = ["listen_addresses=127.0.0.1", "ssl=on", &port_setting];
        Self { server: Arc::new(run(&settings, (certificate, key))), port: Some(port) }
    }

    /// Where its database is, under a host name that leads to this machine.
    pub fn url(&self) -> String {
        match self.port {
            Some(port) => format!("postgres://flowmastery@localhost:{port}/postgres"),
            None => format!("postgres://flowmastery@localhost/postgres?host={}", self.server.place),
        }
    }

    /// The directory of its data, with what it logs.
    pub fn data(&self) -> PathBuf {
        PathBuf::from(&self.server.place).join("data")
    }

    /// Kills every process of it.
    pub async fn kill(&self) {
        self.tell("kill").await;
    }

    /// Starts it again on the same data.
    pub async fn start_again(&self) {
        self.tell("start").await;
    }

    async fn tell(&self, word: &'static str) {
        let server = self.server.clone();
        tokio::task::spawn_blocking(move || server.tell(word)).await.expect("the script obeys");
    }
}

fn run(settings: &[&str], (certificate, key): (&str, &str)) -> Supervised {
    let options: Vec<_> = settings.iter().map(|setting| format!("-c {setting}")).collect();
    let options = options.join(" ");
    Supervised::start(&format!(
        "export OPTIONS='{options}' CERTIFICATE='{certificate}' KEY='{key}'\n{SCRIPT}"
    ))
}
