//! A WebSocket client (RFC 6455) that does as little as a hostile or lazy reader may.

use std::net::SocketAddr;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// One end of a WebSocket.
pub(crate) struct Socket(TcpStream);

/// What came.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Came {
    Text(serde_json::Value),
    Binary(Vec<u8>),
    /// The other side closed, with this code.
    Closed(u16),
}

impl Socket {
    /// Asks for a socket; gives the answer's head as well.
    pub(crate) async fn open(address: SocketAddr, path: &str, cookie: &str) -> (Self, String) {
        let mut stream = TcpStream::connect(address).await.unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: {address}\r\nOrigin: http://{address}\r\nCookie: {cookie}\r\n\
             Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
             Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            head.push(stream.read_u8().await.unwrap());
        }
        (Self(stream), String::from_utf8(head).unwrap())
    }

    /// The next message.
    pub(crate) async fn next(&mut self) -> Came {
        loop {
            let mut head = [0u8; 2];
            self.0.read_exact(&mut head).await.unwrap();
            let length = match head[1] & 0x7f {
                126 => u64::from(self.0.read_u16().await.unwrap()),
                127 => self.0.read_u64().await.unwrap(),
                short => u64::from(short),
            };
            let mut payload = vec![0; usize::try_from(length).unwrap()];
            self.0.read_exact(&mut payload).await.unwrap();
            match head[0] & 0x0f {
                1 => return Came::Text(serde_json::from_slice(&payload).unwrap()),
                2 => return Came::Binary(payload),
                8 => {
                    return Came::Closed(
                        payload.first_chunk().map_or(1005, |code| u16::from_be_bytes(*code)),
                    );
                }
                _ => {}
            }
        }
    }

    /// The next message that fits.
    pub(crate) async fn until(&mut self, fits: impl Fn(&Came) -> bool) -> Came {
        let found = async {
            loop {
                let came = self.next().await;
                if fits(&came) {
                    return came;
                }
            }
        };
        tokio::time::timeout(std::time::Duration::from_secs(20), found).await.expect("it comes")
    }

    /// Sends text, masked with zeros.
    pub(crate) async fn say(&mut self, text: &str) {
        let length = u16::try_from(text.len()).unwrap();
        let mut frame = vec![0x81, 0x80 | 126];
        frame.extend(length.to_be_bytes());
        frame.extend([0; 4]);
        frame.extend(text.as_bytes());
        self.0.write_all(&frame).await.unwrap();
    }
}
