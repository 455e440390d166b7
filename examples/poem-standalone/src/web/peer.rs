//! The address of the connection's other end, which poem keeps to itself, for the API.

use flowmastery_tower::PeerAddress;
use poem::{Request, Result};

/// The same request, with the address of who is at the other end of its connection.
pub(super) async fn with_peer(mut request: Request) -> Result<Request> {
    if let Some(address) = request.remote_addr().as_socket_addr().copied() {
        request.extensions_mut().insert(PeerAddress(address.ip()));
    }
    Ok(request)
}
