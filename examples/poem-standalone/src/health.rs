//! `health`: asks the running server whether it is alive, as a container without a shell or curl has to.
//!
//! It speaks plain HTTP only, to the server itself and not through its proxy, under a host name that `ALLOWED_HOSTS` lets through.

use std::time::Duration;

use http_body_util::Empty;
use hyper::{Request, StatusCode, body::Bytes, client::conn::http1, header};
use hyper_util::rt::TokioIo;
use tokio::net::TcpStream;
use url::{Position, Url};

use crate::{
    cli::HealthArgs,
    failure::{Failure, Outcome},
    settings::{self, ServerSettings, Vars, reachable},
    terminal::say,
};

/// The longest that an answer may take; `/health` itself takes two seconds at most.
const PATIENCE: Duration = Duration::from_secs(5);

/// Runs the command.
///
/// # Errors
/// When a setting or the URL is not valid, or the answer is not 200 or does not come.
pub(crate) async fn run(vars: &Vars, args: HealthArgs) -> Outcome {
    let server = settings::read_for_health(vars).map_err(|faults| Failure::new(faults.to_string()))?;
    let url = args.url.unwrap_or_else(|| format!("http://{}/health/live", reachable(server.bind)));
    let parsed = Url::parse(&url).ok().filter(|url| url.scheme() == "http" && url.has_host());
    let Some(parsed) = parsed else {
        return Err(Failure::new("--url: an http:// URL is accepted, since this asks the server itself."));
    };
    let answered = tokio::time::timeout(PATIENCE, ask(&parsed, &server)).await;
    let late = |_| Failure::new(format!("{parsed} gives no answer within {} s.", PATIENCE.as_secs()));
    match answered.map_err(late)?? {
        StatusCode::OK => say("ok"),
        status => return Err(Failure::new(format!("{parsed} answers {status}."))),
    }
    Ok(())
}

async fn ask(url: &Url, server: &ServerSettings) -> Outcome<StatusCode> {
    let failed = || Failure::new(format!("{url} does not answer."));
    let port = url.port_or_known_default().unwrap_or_default();
    let address = format!("{}:{port}", url.host_str().unwrap_or_default());
    let host = server.allowed_hosts.example().unwrap_or_else(|| address.clone());
    let request = Request::get(&url[Position::BeforePath..Position::AfterQuery])
        .header(header::HOST, host)
        .body(Empty::<Bytes>::new())
        .map_err(|error| failed().because(error))?;
    let stream = TcpStream::connect(address).await.map_err(|error| failed().because(error))?;
    let (mut sender, connection) =
        http1::handshake(TokioIo::new(stream)).await.map_err(|error| failed().because(error))?;
    // It ends with the process; what goes wrong on it is in the answer, too.
    tokio::spawn(connection);
    let response = sender.send_request(request).await.map_err(|error| failed().because(error))?;
    Ok(response.status())
}
