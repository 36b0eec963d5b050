//! Writing a reply: the base packet, then the probe's own extensions, filled where they are understood.

use super::tlv::{
    CLASS_OF_SERVICE, ClassOfService, EXTRA_PADDING, FOLLOW_UP, FollowUp, HEAD_BYTES, MALFORMED, SUMMARY,
    SUMMARY_FIXED_BYTES, Summary, Tlv, UNRECOGNISED,
};
use super::{BASE_BYTES, ErrorEstimate, Ntp, Probe};

/// What a reflector knows when it answers one probe.
#[derive(Debug, Clone, Copy)]
pub struct ReplyFacts<'a> {
    /// The reply's sequence number.
    pub seq: u32,
    /// T2, when the probe arrived.
    pub received: Ntp,
    /// The reflector's clock.
    pub error: ErrorEstimate,
    /// TTL or hop limit the probe arrived with; 0 when the system did not say.
    pub ttl: u8,
    /// The traffic class byte the probe arrived with (DSCP and ECN).
    pub tos: u8,
    /// The kernel's time of an earlier reply.
    pub follow_up: Option<FollowUp>,
    /// What is remembered of the session.
    pub summary: Option<SummaryFacts<'a>>,
}

/// The counts and the bitmap of a session, for [`Summary`].
#[derive(Debug, Clone, Copy, Default)]
pub struct SummaryFacts<'a> {
    /// Probes received, duplicates among them.
    pub received: u32,
    /// Probes received more than once.
    pub duplicates: u32,
    /// First copies that came after a higher number.
    pub reordered: u32,
    /// Probes not answered because of the rate limit.
    pub limited: u32,
    /// Replies sent.
    pub replies: u32,
    /// One bit per sequence number from 0, the lowest bit of a byte first.
    pub bitmap: &'a [u8],
}

/// Appends the reply to `probe`, exactly as long as the probe was. T3 is left zero for [`set_reply_sent`], which the
/// caller calls last, right before the packet leaves.
pub fn write_reply(probe: &Probe<'_>, facts: &ReplyFacts<'_>, out: &mut Vec<u8>) {
    out.extend_from_slice(&facts.seq.to_be_bytes());
    out.extend_from_slice(&[0; 8]);
    out.extend_from_slice(&facts.error.bits().to_be_bytes());
    out.extend_from_slice(&probe.ssid.to_be_bytes());
    out.extend_from_slice(&facts.received.0.to_be_bytes());
    out.extend_from_slice(&probe.seq.to_be_bytes());
    out.extend_from_slice(&probe.sent.0.to_be_bytes());
    out.extend_from_slice(&probe.error.bits().to_be_bytes());
    out.extend_from_slice(&[0, 0, facts.ttl, 0, 0, 0]);
    let tail_at = out.len();
    out.extend_from_slice(probe.tail);
    answer_tlvs(probe, facts, &mut out[tail_at..]);
}

/// Writes T3 into a reply that stands at the start of `reply`.
pub fn set_reply_sent(reply: &mut [u8], sent: Ntp) {
    if reply.len() >= BASE_BYTES {
        reply[4..12].copy_from_slice(&sent.0.to_be_bytes());
    }
}

fn answer_tlvs(probe: &Probe<'_>, facts: &ReplyFacts<'_>, tail: &mut [u8]) {
    for item in probe.tlvs() {
        match item {
            Ok(tlv) => {
                let whole = &mut tail[tlv.at..tlv.at + HEAD_BYTES + tlv.value.len()];
                whole[0] = answer_tlv(&tlv, facts, &mut whole[HEAD_BYTES..]);
            }
            Err(broken) => tail[broken.at] = MALFORMED,
        }
    }
}

/// Fills one value and gives the flags of the answer.
fn answer_tlv(tlv: &Tlv<'_>, facts: &ReplyFacts<'_>, value: &mut [u8]) -> u8 {
    match tlv.kind {
        EXTRA_PADDING => 0,
        CLASS_OF_SERVICE => fill_class_of_service(tlv, facts, value),
        FOLLOW_UP => fill_follow_up(facts, value),
        SUMMARY => fill_summary(tlv, facts, value),
        _ => UNRECOGNISED,
    }
}

fn fill_class_of_service(tlv: &Tlv<'_>, facts: &ReplyFacts<'_>, value: &mut [u8]) -> u8 {
    let Some(asked) = ClassOfService::parse(tlv.value) else {
        return MALFORMED;
    };
    let seen =
        ClassOfService { seen_dscp: facts.tos >> 2, seen_ecn: facts.tos & 3, reverse_path: 0, ..asked };
    value.copy_from_slice(&seen.bytes());
    0
}

fn fill_follow_up(facts: &ReplyFacts<'_>, value: &mut [u8]) -> u8 {
    if value.len() != 16 {
        return MALFORMED;
    }
    value.copy_from_slice(&facts.follow_up.map_or([0; 16], FollowUp::bytes));
    0
}

fn fill_summary(tlv: &Tlv<'_>, facts: &ReplyFacts<'_>, value: &mut [u8]) -> u8 {
    let (Some(asked), Some(session)) = (Summary::parse(tlv.value), facts.summary) else {
        return UNRECOGNISED;
    };
    let filled = Summary {
        filled: true,
        from_seq: asked.from_seq / 8 * 8,
        received: session.received,
        duplicates: session.duplicates,
        reordered: session.reordered,
        limited: session.limited,
        replies: session.replies,
        bitmap: &[],
    };
    value.fill(0);
    value[..SUMMARY_FIXED_BYTES].copy_from_slice(&filled.fixed_bytes());
    let from = session.bitmap.get(filled.from_seq as usize / 8..).unwrap_or(&[]);
    for (to, from) in value[SUMMARY_FIXED_BYTES..].iter_mut().zip(from) {
        *to = *from;
    }
    0
}
