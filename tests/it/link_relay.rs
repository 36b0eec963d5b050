//! The relay for connections: what a broker's line can do to them.

use std::net::SocketAddr;
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::timeout;

use vcops::relay::tcp::{TcpMode, TcpRelay};

/// Long enough for loopback, short enough to wait for what must not come.
const MOMENT: Duration = Duration::from_millis(300);

/// A server that sends everything back.
async fn echo() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = stream.into_split();
                let _ = tokio::io::copy(&mut from, &mut to).await;
            });
        }
    });
    address
}

async fn through() -> (TcpRelay, TcpStream) {
    let relay = TcpRelay::start("127.0.0.1:0".parse().unwrap(), echo().await).await.unwrap();
    let client = TcpStream::connect(relay.local_addr()).await.unwrap();
    (relay, client)
}

/// Sends a word and waits for it to come back.
async fn said(client: &mut TcpStream, word: &[u8]) -> Option<Vec<u8>> {
    client.write_all(word).await.ok()?;
    let mut heard = vec![0; word.len()];
    timeout(MOMENT, client.read_exact(&mut heard)).await.ok()?.ok()?;
    Some(heard)
}

/// Whether the other end is gone.
async fn ended(client: &mut TcpStream) -> bool {
    match timeout(Duration::from_secs(5), client.read(&mut [0; 16])).await {
        Ok(Ok(bytes)) => bytes == 0,
        Ok(Err(_)) => true,
        Err(_) => false,
    }
}

#[tokio::test]
async fn bytes_pass_both_ways_and_so_does_the_end() {
    let (_relay, mut client) = through().await;
    assert_eq!(said(&mut client, b"hello").await.as_deref(), Some(&b"hello"[..]));
    client.write_all(b"last words").await.unwrap();
    client.shutdown().await.unwrap();
    let mut rest = Vec::new();
    timeout(Duration::from_secs(5), client.read_to_end(&mut rest)).await.unwrap().unwrap();
    assert_eq!(rest, b"last words");
}

#[tokio::test]
async fn a_stalled_line_keeps_its_bytes() {
    let (relay, mut client) = through().await;
    assert!(said(&mut client, b"0").await.is_some());
    relay.set_mode(TcpMode::Stall);
    assert_eq!(said(&mut client, b"held").await, None);
    relay.set_mode(TcpMode::Forward);
    let mut heard = [0; 4];
    timeout(Duration::from_secs(5), client.read_exact(&mut heard)).await.unwrap().unwrap();
    assert_eq!(&heard, b"held");
}

#[tokio::test]
async fn a_black_hole_swallows_bytes_and_keeps_the_connection() {
    let (relay, mut client) = through().await;
    assert!(said(&mut client, b"0").await.is_some());
    relay.set_mode(TcpMode::BlackHole);
    assert_eq!(said(&mut client, b"gone").await, None);
    relay.set_mode(TcpMode::Forward);
    assert_eq!(said(&mut client, b"kept").await.as_deref(), Some(&b"kept"[..]));
}

#[tokio::test]
async fn a_cut_ends_old_connections_and_refusal_new_ones_too() {
    let (relay, mut client) = through().await;
    assert!(said(&mut client, b"0").await.is_some());
    relay.cut();
    assert!(ended(&mut client).await);
    let mut client = TcpStream::connect(relay.local_addr()).await.unwrap();
    assert!(said(&mut client, b"1").await.is_some());
    relay.set_mode(TcpMode::Refuse);
    assert!(ended(&mut client).await);
    let late = TcpStream::connect(relay.local_addr()).await;
    assert!(match late {
        Ok(mut client) => ended(&mut client).await,
        Err(_) => true,
    });
}
