//! From what a probe counted to its figures, each way seen from the probe. Pure.

use super::offer::Agreed;
use super::tally::Tally;
use crate::domain::time::{Mono, Span, Utc};
use crate::observation::device::{Absent, Counted, Flow, Given, Medium, StreamSample, Way};
use crate::wire::coding::Coding;

/// Media whose last packet is older than this at the end of the call have stopped.
const STOPPED: Span = Span::seconds(1);

/// The moments of a call.
#[derive(Debug, Clone, Copy)]
pub(super) struct Talk {
    pub(super) until: Mono,
    /// The wall clock at the beginning.
    pub(super) since: Utc,
}

/// A medium that was refused: nothing is meant to flow.
pub(super) fn refused(medium: Medium) -> [StreamSample; 2] {
    [Way::FromSite, Way::ToSite].map(|way| StreamSample::bare(medium, way, Flow::Paused))
}

/// Both ways of a medium.
pub(super) fn samples(medium: Medium, agreed: &Agreed, tally: &Tally, talk: Talk) -> [StreamSample; 2] {
    [sent(medium, agreed, tally), came(medium, agreed, tally, talk)]
}

/// What we sent, as the far side reports it.
fn sent(medium: Medium, agreed: &Agreed, tally: &Tally) -> StreamSample {
    let far = &tally.far;
    let flow = match (agreed.receives, far.about_us, far.reports) {
        (false, _, _) => Flow::Paused,
        (true, 0, 0) => Flow::Unknown,
        // It reports, and never on us: nothing of ours comes to it.
        (true, 0, _) => Flow::NoMedia { since: None },
        (true, _, _) if far.advanced => Flow::Flowing,
        (true, _, _) => Flow::NoMedia { since: None },
    };
    let bare = StreamSample {
        codec: Some(codec(&agreed.coding)),
        ..StreamSample::bare(medium, Way::FromSite, flow)
    };
    let counts = tally.ours.and_then(|ours| far.counts(ours));
    let (Some((expected, lost)), Some(block)) = (counts, far.newest) else {
        return absent(bare, if far.reports == 0 { Absent::NotYet } else { Absent::NothingMoved });
    };
    let counted = |count| Given::Value(Counted { epoch: 0, count });
    let loss = lost as f64 * 100.0 / expected as f64;
    StreamSample {
        packets: counted((expected - lost).max(0)),
        lost: counted(lost),
        loss_pct: Given::or_absent(Some(loss.max(0.0)).filter(|loss| *loss <= 100.0), Absent::OutOfRange),
        jitter_ms: Given::Value(f64::from(block.jitter) * 1e3 / f64::from(tally.clock_hz)),
        rtt_ms: Given::or_absent(far.rtt_ms, Absent::NotYet),
        ..bare
    }
}

/// What came to us, as we counted it.
fn came(medium: Medium, agreed: &Agreed, tally: &Tally, talk: Talk) -> StreamSample {
    let flow = match (agreed.sends, tally.last) {
        (false, _) => Flow::Paused,
        (true, None) => Flow::NoMedia { since: Some(talk.since) },
        (true, Some((last, at))) if talk.until.since(last) > STOPPED => Flow::NoMedia { since: Some(at) },
        (true, Some(_)) => Flow::Flowing,
    };
    let bare =
        StreamSample { codec: Some(codec(&agreed.coding)), ..StreamSample::bare(medium, Way::ToSite, flow) };
    let counts = tally.reception.counts();
    if counts.expected == 0 {
        return absent(bare, Absent::NothingMoved);
    }
    let counted =
        |count: u64| Given::Value(Counted { epoch: 0, count: i64::try_from(count).unwrap_or(i64::MAX) });
    let over =
        tally.first.zip(tally.last).map(|(first, (last, _))| last.since(first)).filter(|over| over.0 > 0);
    StreamSample {
        kbps: Given::or_absent(over.map(|over| tally.bytes as f64 * 8.0 / over.as_ms()), Absent::NotYet),
        packets: counted(counts.received),
        lost: counted(counts.lost),
        loss_pct: Given::Value(counts.lost as f64 * 100.0 / counts.expected as f64),
        jitter_ms: Given::Value(tally.reception.jitter_ms()),
        rtt_ms: Given::Absent(Absent::NotProvided),
        ..bare
    }
}

fn absent(bare: StreamSample, why: Absent) -> StreamSample {
    let (none, count) = (Given::Absent(why), Given::Absent(why));
    StreamSample {
        kbps: none,
        packets: count,
        lost: count,
        loss_pct: none,
        jitter_ms: none,
        rtt_ms: none,
        ..bare
    }
}

fn codec(coding: &Coding) -> String {
    match coding {
        Coding::Video(codec) => format!("{codec:?}").to_uppercase(),
        Coding::Audio(format) => format!("{:?}", format.codec).to_uppercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::super::tally::Ours;
    use super::*;
    use crate::domain::stream::AudioCodec;
    use crate::wire::coding::AudioFormat;
    use crate::wire::rtcp::ReportBlock;
    use crate::wire::rtp::RtpPacket;

    fn agreed() -> Agreed {
        Agreed {
            coding: Coding::Audio(AudioFormat::telephone(AudioCodec::Pcma)),
            payload_type: 8,
            to: [([10, 0, 0, 2], 5000).into(), ([10, 0, 0, 2], 5001).into()],
            sends: true,
            receives: true,
        }
    }

    const TALK: Talk = Talk { until: Mono(10_000_000), since: Utc(0) };

    /// A call of ten seconds in which each tenth packet was lost on its way to us, until the `last`.
    fn tally(last: u16) -> Tally {
        let mut tally = Tally::new(8, 8_000, None);
        for sequence in (0..last).filter(|sequence| sequence % 10 != 5) {
            let timestamp = u32::from(sequence) * 160;
            let packet = RtpPacket {
                marker: false,
                payload_type: 8,
                sequence,
                timestamp,
                ssrc: 9,
                extension: None,
                payload: &[0xd5; 160],
            };
            let mut bytes = Vec::new();
            packet.write(&mut bytes);
            let ms = Span::millis(u64::from(sequence) * 20);
            tally.take(&bytes, ([10, 0, 0, 2], 5000).into(), (Mono(0) + ms, Utc(0) + ms));
        }
        tally
    }

    #[test]
    fn what_came_is_counted_and_what_stopped_is_said() {
        let [_, came] = samples(Medium::Audio, &agreed(), &tally(500), TALK);
        assert_eq!(
            (came.flow, came.packets),
            (Flow::Flowing, Given::Value(Counted { epoch: 0, count: 450 }))
        );
        assert_eq!((came.loss_pct, came.codec.as_deref()), (Given::Value(10.0), Some("PCMA")));
        let kbps = came.kbps.value().unwrap();
        assert!((61.0..63.0).contains(&kbps), "{kbps}");
        let [_, stopped] = samples(Medium::Audio, &agreed(), &tally(100), TALK);
        assert_eq!(stopped.flow, Flow::NoMedia { since: Some(Utc(99 * 20_000)) });
        let [_, nothing] = samples(Medium::Audio, &agreed(), &tally(0), TALK);
        assert_eq!(nothing.flow, Flow::NoMedia { since: Some(Utc(0)) });
        assert_eq!(nothing.loss_pct, Given::Absent(Absent::NothingMoved), "an outage is not 0 % loss");
    }

    #[test]
    fn what_was_sent_is_what_the_far_side_reports() {
        let mut tally = tally(500);
        let flow = |tally: &Tally| samples(Medium::Audio, &agreed(), tally, TALK)[0].clone();
        assert_eq!((flow(&tally).flow, flow(&tally).packets), (Flow::Unknown, Given::Absent(Absent::NotYet)));
        tally.far.reports = 2;
        assert_eq!(flow(&tally).flow, Flow::NoMedia { since: None }, "it reports, and not on us");
        tally.ours = Some(Ours { ssrc: 7, first_sequence: 1000 });
        tally.far.about_us = 1;
        tally.far.advanced = true;
        tally.far.newest =
            Some(ReportBlock { highest_sequence: 1399, lost: 20, jitter: 16, ..ReportBlock::default() });
        let sent = flow(&tally);
        assert_eq!(
            (sent.flow, sent.packets),
            (Flow::Flowing, Given::Value(Counted { epoch: 0, count: 380 }))
        );
        assert_eq!(
            (sent.loss_pct, sent.jitter_ms, sent.rtt_ms),
            (Given::Value(5.0), Given::Value(2.0), Given::Absent(Absent::NotYet))
        );
        tally.far.advanced = false;
        assert_eq!(flow(&tally).flow, Flow::NoMedia { since: None });
    }

    #[test]
    fn what_is_not_meant_to_flow_is_paused() {
        let held = Agreed { sends: false, receives: false, ..agreed() };
        for sample in samples(Medium::Audio, &held, &tally(0), TALK).iter().chain(&refused(Medium::Video)) {
            assert_eq!(sample.flow, Flow::Paused, "{sample:?}");
        }
    }
}
