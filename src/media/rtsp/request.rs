//! RTSP requests (RFC 2326) out of a connection's bytes: total and bounded, for whoever may connect.
//!
//! Knows the shape of requests; must not know sessions, sockets or who is allowed what.

/// Longest head of a request, bytes.
pub const HEAD_BYTES_MAX: usize = 8 * 1024;
/// Longest body that is stepped over, bytes.
pub const BODY_BYTES_MAX: usize = 64 * 1024;
/// Most header lines.
pub const HEADERS_MAX: usize = 64;

/// What the bytes begin with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Begin {
    /// More bytes are needed.
    Incomplete,
    /// A request.
    Request(Request, Used),
    /// A packet between requests (RFC 2326 §10.12): what a player reports.
    Interleaved {
        /// Its channel.
        channel: u8,
        /// Bytes it takes.
        used: Used,
    },
    /// Nothing that RTSP allows: the connection cannot go on.
    Bad(BadRequest),
}

/// Bytes that belong to what was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Used(pub usize);

/// One request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// What is asked.
    pub method: Method,
    /// Of what: an absolute address or `*`.
    pub uri: String,
    /// `CSeq`, which the answer repeats.
    pub cseq: Option<u32>,
    headers: Vec<(String, String)>,
}

/// What is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Method {
    /// What can be asked.
    Options,
    /// What there is.
    Describe,
    /// How a track shall travel.
    Setup,
    /// Begin.
    Play,
    /// Hold on.
    Pause,
    /// End.
    Teardown,
    /// I am still here.
    GetParameter,
    /// Anything else.
    Other,
}

/// Why bytes are no request.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, thiserror::Error)]
pub enum BadRequest {
    /// A head longer than [`HEAD_BYTES_MAX`].
    #[error("the head of a request is too long")]
    HeadTooLong,
    /// A body longer than [`BODY_BYTES_MAX`], or a length that is no number.
    #[error("the body of a request is too long")]
    BodyTooLong,
    /// More headers than [`HEADERS_MAX`].
    #[error("a request has too many headers")]
    TooManyHeaders,
    /// Not text in UTF-8.
    #[error("a request is not text")]
    NotText,
    /// The first line is not a method, an address and a version.
    #[error("the first line of a request is not one of RTSP/1.0")]
    FirstLine,
    /// A line without a colon.
    #[error("a header has no colon")]
    Header,
}

/// How a track shall travel (RFC 2326 §12.39).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Transport {
    /// Inside the connection, on these channels.
    Interleaved {
        /// RTP.
        rtp: u8,
        /// RTCP.
        rtcp: u8,
    },
    /// Over UDP to these ports of the client.
    Udp {
        /// RTP.
        rtp: u16,
        /// RTCP.
        rtcp: u16,
    },
}

/// Reads what the bytes of a connection begin with.
pub fn begin(bytes: &[u8]) -> Begin {
    match bytes.first() {
        None => Begin::Incomplete,
        Some(b'$') => interleaved(bytes),
        Some(_) => request(bytes).unwrap_or_else(Begin::Bad),
    }
}

/// The first transport of a `Transport` header that can be served; ports and channels that are not named are 0 and 1.
pub fn transport(header: &str) -> Option<Transport> {
    header.split(',').find_map(|offer| {
        let mut parts = offer.split(';').map(str::trim);
        let profile = parts.next()?.to_ascii_uppercase();
        let parameters: Vec<&str> = parts.collect();
        let named = |name| parameters.iter().find_map(|part| part.strip_prefix(name)?.strip_prefix('='));
        if parameters.contains(&"multicast") {
            return None;
        }
        match profile.as_str() {
            "RTP/AVP/TCP" => {
                let (rtp, rtcp) = pair::<u8>(named("interleaved").unwrap_or("0-1"))?;
                Some(Transport::Interleaved { rtp, rtcp })
            }
            "RTP/AVP" | "RTP/AVP/UDP" => {
                let (rtp, rtcp) = pair::<u16>(named("client_port")?)?;
                (rtp != 0 && rtcp != 0).then_some(Transport::Udp { rtp, rtcp })
            }
            _ => None,
        }
    })
}

impl Request {
    /// A header's value; `name` in any case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    }

    /// The path of the address, without the server's name, query or slashes at its ends.
    pub fn path(&self) -> &str {
        let rest = self
            .uri
            .split_once("://")
            .map_or(self.uri.as_str(), |(_, rest)| rest.split_once('/').map_or("", |(_, path)| path));
        rest.split('?').next().unwrap_or_default().trim_matches('/')
    }
}

impl Method {
    /// As it stands in a request; empty for those that are not known.
    pub fn word(self) -> &'static str {
        match self {
            Self::Options => "OPTIONS",
            Self::Describe => "DESCRIBE",
            Self::Setup => "SETUP",
            Self::Play => "PLAY",
            Self::Pause => "PAUSE",
            Self::Teardown => "TEARDOWN",
            Self::GetParameter => "GET_PARAMETER",
            Self::Other => "",
        }
    }

    fn of(word: &str) -> Self {
        let all = [
            Self::Options,
            Self::Describe,
            Self::Setup,
            Self::Play,
            Self::Pause,
            Self::Teardown,
            Self::GetParameter,
        ];
        all.into_iter().find(|method| method.word() == word).unwrap_or(Self::Other)
    }
}

fn interleaved(bytes: &[u8]) -> Begin {
    let [_, channel, high, low, ..] = bytes else { return Begin::Incomplete };
    let used = 4 + usize::from(u16::from_be_bytes([*high, *low]));
    if bytes.len() < used {
        return Begin::Incomplete;
    }
    Begin::Interleaved { channel: *channel, used: Used(used) }
}

fn request(bytes: &[u8]) -> Result<Begin, BadRequest> {
    let head = &bytes[..bytes.len().min(HEAD_BYTES_MAX)];
    let Some(end) = head.windows(4).position(|four| four == b"\r\n\r\n") else {
        return if bytes.len() < HEAD_BYTES_MAX {
            Ok(Begin::Incomplete)
        } else {
            Err(BadRequest::HeadTooLong)
        };
    };
    let text = std::str::from_utf8(&head[..end]).map_err(|_| BadRequest::NotText)?;
    let mut lines = text.split("\r\n");
    let (method, uri) = first_line(lines.next().unwrap_or_default()).ok_or(BadRequest::FirstLine)?;
    let headers = headers(lines)?;
    let mut request = Request { method, uri, cseq: None, headers };
    request.cseq = request.header("CSeq").and_then(|value| value.parse().ok());
    let body = request.header("Content-Length").map_or(Ok(0), str::parse::<usize>);
    let body = body.ok().filter(|body| *body <= BODY_BYTES_MAX).ok_or(BadRequest::BodyTooLong)?;
    let used = end + 4 + body;
    Ok(if bytes.len() < used { Begin::Incomplete } else { Begin::Request(request, Used(used)) })
}

fn first_line(line: &str) -> Option<(Method, String)> {
    let mut words = line.split(' ');
    let (method, uri, version) = (words.next()?, words.next()?, words.next()?);
    let good = version == "RTSP/1.0" && words.next().is_none() && !method.is_empty() && !uri.is_empty();
    good.then(|| (Method::of(method), uri.to_owned()))
}

fn headers<'a>(lines: impl Iterator<Item = &'a str>) -> Result<Vec<(String, String)>, BadRequest> {
    let mut headers = Vec::new();
    for line in lines {
        if headers.len() >= HEADERS_MAX {
            return Err(BadRequest::TooManyHeaders);
        }
        let (name, value) = line.split_once(':').ok_or(BadRequest::Header)?;
        headers.push((name.trim().to_owned(), value.trim().to_owned()));
    }
    Ok(headers)
}

fn pair<N: std::str::FromStr>(text: &str) -> Option<(N, N)> {
    let (first, second) = text.split_once('-')?;
    Some((first.parse().ok()?, second.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const SETUP: &str = "SETUP rtsp://127.0.0.1:554/live/trackID=0?x=1 RTSP/1.0\r\nCSeq: 3\r\n\
        transport: RTP/AVP;unicast;client_port=5000-5001\r\nContent-Length: 2\r\n\r\nab";

    #[test]
    fn a_request_is_read_whole_or_not_at_all() {
        for cut in 1..SETUP.len() {
            assert_eq!(begin(&SETUP.as_bytes()[..cut]), Begin::Incomplete, "{cut}");
        }
        let Begin::Request(request, used) = begin(format!("{SETUP}OPTIONS").as_bytes()) else { panic!() };
        assert_eq!((request.method, request.cseq, used), (Method::Setup, Some(3), Used(SETUP.len())));
        assert_eq!((request.path(), request.header("cseq")), ("live/trackID=0", Some("3")));
        let wanted = Transport::Udp { rtp: 5000, rtcp: 5001 };
        assert_eq!(request.header("Transport").and_then(transport), Some(wanted));
    }

    #[test]
    fn packets_between_requests_are_stepped_over() {
        assert_eq!(begin(b"$\x01\0\x02a"), Begin::Incomplete);
        assert_eq!(begin(b"$\x01\0\x02abPLAY"), Begin::Interleaved { channel: 1, used: Used(6) });
    }

    #[test]
    fn what_is_no_request_is_named() {
        let long = format!("PLAY * RTSP/1.0\r\nX: {}\r\n\r\n", "x".repeat(HEAD_BYTES_MAX));
        let many = format!("PLAY * RTSP/1.0\r\n{}\r\n", "X: y\r\n".repeat(HEADERS_MAX + 1));
        let cases: [(&[u8], BadRequest); 7] = [
            (b"GET / HTTP/1.1\r\n\r\n", BadRequest::FirstLine),
            (b"PLAY RTSP/1.0\r\n\r\n", BadRequest::FirstLine),
            (b"PLAY * RTSP/1.0\r\nCSeq 1\r\n\r\n", BadRequest::Header),
            (b"PLAY * RTSP/1.0\r\nContent-Length: -1\r\n\r\n", BadRequest::BodyTooLong),
            (b"PLAY \xff RTSP/1.0\r\n\r\n", BadRequest::NotText),
            (long.as_bytes(), BadRequest::HeadTooLong),
            (many.as_bytes(), BadRequest::TooManyHeaders),
        ];
        for (bytes, bad) in cases {
            assert_eq!(begin(bytes), Begin::Bad(bad), "{}", String::from_utf8_lossy(bytes));
        }
    }

    #[test]
    fn the_first_transport_that_can_be_served_is_taken() {
        let tcp = Some(Transport::Interleaved { rtp: 2, rtcp: 3 });
        for (header, wanted) in [
            ("RTP/AVP/TCP;unicast;interleaved=2-3", tcp),
            ("RTP/SAVP;unicast;client_port=1-2, RTP/AVP/TCP;interleaved=2-3;mode=play", tcp),
            ("RTP/AVP;multicast;client_port=1-2", None),
            ("RTP/AVP;unicast;client_port=0-1", None),
            ("RTP/AVP;unicast;client_port=70000-70001", None),
            ("RTP/AVP/TCP;unicast", Some(Transport::Interleaved { rtp: 0, rtcp: 1 })),
            ("", None),
        ] {
            assert_eq!(transport(header), wanted, "{header}");
        }
    }
}
