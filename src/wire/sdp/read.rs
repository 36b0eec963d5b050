//! From text to a session description.

use std::net::IpAddr;

use super::{Direction, FORMATS_MAX, Format, MEDIA_MAX, Media, MediaKind, NotSdp, Session};

/// Reads a description. Lines may end in CRLF, LF or CR; unknown ones are stepped over.
pub fn parse(text: &str) -> Result<Session, NotSdp> {
    let mut session = Session::default();
    let (mut begun, mut direction) = (false, Direction::default());
    for (number, line) in text.split(['\r', '\n']).map(str::trim_start).enumerate() {
        let Some((kind, value)) = line.split_once('=') else { continue };
        let value = value.trim_end();
        if !begun {
            begun = (kind, value) == ("v", "0");
            if !begun {
                return Err(NotSdp::Version);
            }
        }
        match session.media.last_mut() {
            _ if kind == "m" => session.open(value, number, direction)?,
            Some(media) => media.line(kind, value),
            None => {
                // Of the whole session: for every media that says nothing else.
                let said = Direction::of_name(value).filter(|_| kind == "a");
                direction = said.unwrap_or(direction);
                session.line(kind, value);
            }
        }
    }
    if begun { Ok(session) } else { Err(NotSdp::Version) }
}

impl Session {
    fn open(&mut self, value: &str, number: usize, direction: Direction) -> Result<(), NotSdp> {
        if self.media.len() == MEDIA_MAX {
            return Err(NotSdp::TooMany);
        }
        let media = Media::open(value).ok_or(NotSdp::Media(number + 1))?;
        self.media.push(Media { direction, ..media });
        Ok(())
    }

    fn line(&mut self, kind: &str, value: &str) {
        match (kind, attribute(value)) {
            ("s", _) => value.clone_into(&mut self.name),
            ("c", _) => self.connection = connection(value),
            ("a", ("control", url)) => self.control = Some(url.to_owned()),
            (_, _) => {}
        }
    }
}

impl Media {
    fn open(value: &str) -> Option<Self> {
        let mut words = value.split_ascii_whitespace();
        let (kind, port, protocol) = (words.next()?, words.next()?, words.next()?);
        if !is_token(kind) || !protocol.split('/').all(is_token) {
            return None;
        }
        let kind = match kind {
            "video" => MediaKind::Video,
            "audio" => MediaKind::Audio,
            other => MediaKind::Other(other.to_owned()),
        };
        // A port may be followed by a count: `5004/2`.
        let port = port.split('/').next()?.parse().ok()?;
        let types = words.filter_map(|word| word.parse().ok()).filter(|number| *number < 128);
        Some(Self {
            kind,
            port,
            protocol: protocol.to_owned(),
            connection: None,
            control: None,
            content: None,
            bandwidth_kbps: None,
            rtcp_port: None,
            direction: Direction::default(),
            framerate: None,
            formats: types.take(FORMATS_MAX).map(Format::of_type).collect(),
            extensions: Vec::new(),
        })
    }

    fn line(&mut self, kind: &str, value: &str) {
        match kind {
            "c" => self.connection = connection(value),
            "b" => {
                let kbps = value.strip_prefix("AS:").and_then(|kbps| kbps.trim().parse().ok());
                self.bandwidth_kbps = kbps.or(self.bandwidth_kbps);
            }
            "a" => self.attribute(attribute(value)),
            _ => {}
        }
    }

    fn attribute(&mut self, (name, value): (&str, &str)) {
        match name {
            "control" => self.control = Some(value.to_owned()),
            "content" => self.content = Some(value.to_owned()),
            "framerate" | "x-framerate" => self.framerate = Some(value.to_owned()),
            "rtpmap" => self.format(value, Format::take_map),
            "fmtp" => self.format(value, Format::take_parameters),
            "extmap" => self.extension(value),
            "rtcp" => {
                self.rtcp_port = value.split_ascii_whitespace().next().and_then(|port| port.parse().ok())
            }
            _ => self.direction = Direction::of_name(name).unwrap_or(self.direction),
        }
    }

    /// Hands the words after a payload type to its format. Some cameras describe types that `m=` forgot.
    fn format(&mut self, value: &str, take: impl FnOnce(&mut Format, &str)) {
        let (number, rest) = value.split_once(char::is_whitespace).unwrap_or((value, ""));
        let Some(payload_type) = number.parse().ok().filter(|number| *number < 128) else { return };
        let place = self.formats.iter().position(|format| format.payload_type == payload_type);
        match place {
            Some(place) => take(&mut self.formats[place], rest.trim()),
            None if self.formats.len() < FORMATS_MAX => {
                let mut format = Format::of_type(payload_type);
                take(&mut format, rest.trim());
                self.formats.push(format);
            }
            None => {}
        }
    }

    fn extension(&mut self, value: &str) {
        let mut words = value.split_ascii_whitespace();
        let id = words.next().and_then(|id| id.split('/').next()).and_then(|id| id.parse().ok());
        if let (Some(id), Some(uri), true) = (id, words.next(), self.extensions.len() < FORMATS_MAX) {
            self.extensions.push((id, uri.to_owned()));
        }
    }
}

/// A word of RFC 8866 §9: what else stands there would be another word, or none, when it is written again.
fn is_token(word: &str) -> bool {
    let fits = |byte: u8| byte.is_ascii_graphic() && !b"\"(),/:;<=>?@[\\]".contains(&byte);
    !word.is_empty() && word.bytes().all(fits)
}

fn attribute(value: &str) -> (&str, &str) {
    let (name, value) = value.split_once(':').unwrap_or((value, ""));
    (name.trim(), value.trim())
}

/// `IN IP4 239.1.1.1/127`: the address without its scope.
fn connection(value: &str) -> Option<IpAddr> {
    let address = value.split_ascii_whitespace().nth(2)?;
    address.split('/').next()?.parse().ok()
}
