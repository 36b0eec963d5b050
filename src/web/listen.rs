//! Listening for browsers and programs, with TLS or explicitly without.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum_server::Handle;
use axum_server::tls_rustls::{RustlsAcceptor, RustlsConfig};
use hyper_util::rt::TokioTimer;
use tokio_util::sync::CancellationToken;

use super::places::Places;
use super::tls::Certificate;

/// How long a client may take to send its request's head.
const HEAD_PATIENCE: Duration = Duration::from_secs(10);
/// How long open requests may still take when the daemon stops.
const FAREWELL: Duration = Duration::from_secs(3);
/// Connections at once where nobody says otherwise. All may come from one address: that of a proxy.
const CONNECTIONS_MAX: usize = 8192;

/// Serves until `stop`. `certificate` is `None` only by explicit setting: then everything goes in the clear.
pub async fn serve(
    listener: TcpListener,
    certificate: Option<Certificate>,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    let places = Places::new(CONNECTIONS_MAX, CONNECTIONS_MAX, None);
    serve_within(places, listener, certificate, router, stop).await
}

/// The same, with so many connections at once.
pub async fn serve_within(
    places: Places,
    listener: TcpListener,
    certificate: Option<Certificate>,
    router: Router,
    stop: CancellationToken,
) -> io::Result<()> {
    listener.set_nonblocking(true)?;
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    let handle = Handle::new();
    let stopping = handle.clone();
    let watch = tokio::spawn(async move {
        stop.cancelled().await;
        stopping.graceful_shutdown(Some(FAREWELL));
    });
    let served = match certificate {
        Some(certificate) => {
            let config = RustlsConfig::from_config(Arc::clone(&certificate.config));
            let tls = RustlsAcceptor::new(config).acceptor(places);
            let mut server = axum_server::from_tcp(listener)?.acceptor(tls).handle(handle);
            let _ = server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
            server.serve(service).await
        }
        None => {
            let mut server = axum_server::from_tcp(listener)?.acceptor(places).handle(handle);
            let _ = server.http_builder().http1().timer(TokioTimer::new()).header_read_timeout(HEAD_PATIENCE);
            server.serve(service).await
        }
    };
    watch.abort();
    served
}
