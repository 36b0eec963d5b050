//! What is said to a renegotiation of a running call. Our media are set for its length: a refresh of the session
//! (RFC 4028) is agreed to, a change is declined and the session stays as it was (RFC 3261 §14.2). Pure.

use crate::wire::sdp::{self, Media, Session};

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Renewal {
    /// Agreed, with our unchanged description.
    Same(Vec<u8>),
    /// Agreed; there is nothing to describe.
    Bare,
    /// 488: cannot follow.
    Declined,
}

/// What is said to a request with this body. `ours` is what we offered, `theirs` what was answered.
pub(super) fn renewal(ours: &Session, theirs: &Session, body: &[u8], is_invite: bool) -> Renewal {
    let same = || Renewal::Same(ours.write().into_bytes());
    if body.iter().all(u8::is_ascii_whitespace) {
        // An INVITE without an offer wants one.
        return if is_invite { same() } else { Renewal::Bare };
    }
    let wanted = std::str::from_utf8(body).ok().and_then(|text| sdp::parse(text).ok());
    match wanted {
        Some(wanted) if alike(&wanted, theirs) => same(),
        Some(_) | None => Renewal::Declined,
    }
}

fn alike(one: &Session, other: &Session) -> bool {
    let media = |session: &Session, media: &Media| {
        let types: Vec<u8> = media.formats.iter().map(|format| format.payload_type).collect();
        (media.kind.clone(), media.port, session.address(media), media.direction, types)
    };
    one.media.len() == other.media.len()
        && one.media.iter().zip(&other.media).all(|(a, b)| media(one, a) == media(other, b))
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\nc=IN IP4 10.0.0.2\r\nm=audio 4000 RTP/AVP 8\r\na=rtpmap:8 PCMA/8000\r\n";

    fn said(body: &str, is_invite: bool) -> Renewal {
        let theirs = sdp::parse(ANSWER).unwrap();
        let ours = sdp::parse(&ANSWER.replace("10.0.0.2", "10.0.0.1")).unwrap();
        renewal(&ours, &theirs, body.as_bytes(), is_invite)
    }

    #[test]
    fn a_refresh_is_agreed_to_and_a_change_is_not() {
        assert_eq!(said("", false), Renewal::Bare);
        assert!(matches!(said("", true), Renewal::Same(body) if body.starts_with(b"v=0")));
        assert!(matches!(said(&format!("{ANSWER}a=ptime:20\r\n"), true), Renewal::Same(_)));
        for changed in [
            ANSWER.replace("10.0.0.2", "10.0.0.3"),
            ANSWER.replace("4000", "4002"),
            ANSWER.replace("AVP 8", "AVP 0"),
            format!("{ANSWER}a=sendonly\r\n"),
            format!("{ANSWER}m=video 5000 RTP/AVP 96\r\n"),
            "no description".to_owned(),
        ] {
            assert_eq!(said(&changed, true), Renewal::Declined, "{changed}");
        }
    }
}
