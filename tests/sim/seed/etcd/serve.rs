//! The port of etcd: connections over the simulated network, each of which can be told to go away.

use std::net::{IpAddr, Ipv4Addr};

use hyper::server::conn::http2;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::service::TowerToHyperService;
use tonic::service::Routes;
use turmoil::net::{TcpListener, TcpStream};

use super::{Etcd, PORT};

/// Serves until it is crashed.
pub async fn serve(etcd: Etcd, routes: Routes) -> turmoil::Result {
    let listener = TcpListener::bind((IpAddr::from(Ipv4Addr::UNSPECIFIED), PORT)).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(speak(etcd.clone(), routes.clone(), stream));
    }
}

async fn speak(etcd: Etcd, routes: Routes, stream: TcpStream) {
    let mut builder = http2::Builder::new(TokioExecutor::new());
    builder.timer(TokioTimer::new());
    let service = TowerToHyperService::new(routes);
    let mut connection = std::pin::pin!(builder.serve_connection(TokioIo::new(stream), service));
    tokio::select! {
        // A connection that breaks has been noticed at its other end.
        _ended = connection.as_mut() => {}
        () = etcd.0.goaway.notified() => {
            connection.as_mut().graceful_shutdown();
            let _ended = connection.await;
        }
    }
}
