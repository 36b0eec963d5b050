//! Replies of Huawei TE and Box endpoints as values (HTTP API of TE10/TE20 V600R019 and IdeaHub). Total over any bytes.
//!
//! A reply is JSON whose `data` is JSON again, as a text; some versions write it as an object. What an endpoint
//! sends comes from the site, what it receives goes to the site.

use serde_json::Value;

use super::super::fault::Fault;
use super::super::fields::{flag, json, number, required, text, whole};
use super::figure;
use crate::observation::device::{Absent, Counted, Flow, Given, Medium, StreamSample, Way};

/// Most streams of one kind that are read: a multi-stream conference lists one per site that is seen.
const STREAMS_MAX: usize = 64;

/// The groups of a call's status.
const GROUPS: [(&str, Medium, Way); 6] = [
    ("stAudioParamSend", Medium::Audio, Way::FromSite),
    ("stAudioParamRecv", Medium::Audio, Way::ToSite),
    ("stVideoParamSend", Medium::Video, Way::FromSite),
    ("stVideoParamRecv", Medium::Video, Way::ToSite),
    ("stAuxParamSend", Medium::Content, Way::FromSite),
    ("stAuxParamRecv", Medium::Content, Way::ToSite),
];

/// The data of a reply whose `success` is 1; else what the endpoint said no with. Nothing within is null.
pub fn unwrapped(bytes: &[u8]) -> Result<Value, Fault> {
    let reply = json(bytes)?;
    if !required(flag(&reply, "success"), "success")? {
        return Err(refusal(&reply));
    }
    match reply.get("data") {
        Some(Value::String(inner)) if inner.trim().is_empty() => Ok(Value::Null),
        Some(Value::String(inner)) => json(inner.as_bytes()),
        Some(inner) => Ok(inner.clone()),
        None => Ok(Value::Null),
    }
}

fn refusal(reply: &Value) -> Fault {
    let error = reply.get("error").unwrap_or(&Value::Null);
    let code = text(error, "code").or_else(|| text(error, "id")).unwrap_or_else(|| "unknown".to_owned());
    Fault::Said { code, words: String::new() }
}

/// What a call's phase is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Phase {
    /// No call.
    Idle,
    /// Being set up.
    Calling,
    /// Under way.
    InCall,
    /// A code that the documents do not list.
    Other(i64),
}

/// The endpoint's call, and the handle by which it is hung up.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// Its phase.
    pub phase: Phase,
    /// `ucSiteHandle`; 1 is the first call's where it is not told.
    pub handle: String,
}

/// `WEB_GetMailboxDataAPI`. `callstate` is 0 idle, 1 calling, 2 in a call; a `conftype` of 0, no call, overrules the
/// last, for others read a 2 as a call that has ended.
pub fn call(data: &Value) -> Result<Call, Fault> {
    let state = required(data.get("state"), "state")?;
    let phase = match required(whole(state, "callstate"), "callstate")? {
        0 => Phase::Idle,
        1 => Phase::Calling,
        2 if whole(state, "conftype") == Some(0) => Phase::Idle,
        2 => Phase::InCall,
        other => Phase::Other(other),
    };
    let handle = text(state, "ucSiteHandle").unwrap_or_else(|| "1".to_owned());
    Ok(Call { phase, handle })
}

/// `WEB_InitAudioCtrlParamsAPI`: whether the microphone is muted. `MicSwitch` is 1 while it is open.
pub fn muted(data: &Value) -> Option<bool> {
    flag(data, "MicSwitch").map(|open| !open)
}

/// `WEB_GetMultiCallStatusInfoAPI`: every stream of the call.
pub fn streams(data: &Value, muted: Option<bool>) -> Result<Vec<StreamSample>, Fault> {
    if !GROUPS.iter().any(|(name, _, _)| data.get(name).is_some()) {
        return Err(Fault::Shape("no stream of a call".to_owned()));
    }
    let groups = GROUPS.iter().flat_map(|(name, medium, way)| {
        let group = data.get(name);
        let single = group.filter(|group| group.is_object()).into_iter();
        let many = group.and_then(Value::as_array).into_iter().flatten();
        single.chain(many).take(STREAMS_MAX).map(move |stream| sample(stream, *medium, *way, muted))
    });
    Ok(groups.collect())
}

fn sample(stream: &Value, medium: Medium, way: Way, muted: Option<bool>) -> StreamSample {
    let audio = medium == Medium::Audio;
    let of = |in_audio, in_video| text(stream, if audio { in_audio } else { in_video }).unwrap_or_default();
    let kbps = figure::kbps(&of("auxAudioRate", "videoRate"));
    let moves = kbps.value().is_some_and(|kbps| kbps > 0.0);
    let only_moving = |given| if moves { given } else { Given::Absent(Absent::NothingMoved) };
    let lost = whole(stream, if audio { "audioLossNum" } else { "videoLossNum" });
    let mut sample = StreamSample {
        codec: Some(of("audioProtocol", "videoProtocolPrefix")).filter(|codec| !codec.is_empty()),
        kbps,
        lost: Given::or_absent(lost.map(|count| Counted { epoch: 0, count }), Absent::Sentinel),
        loss_pct: only_moving(figure::percent(&of("audioLossPer", "videoLossPer"))),
        jitter_ms: only_moving(figure::ms(&of("valueAudioJitter", "valueVideoJitter"))),
        rtt_ms: only_moving(figure::ms(&of("valueNetDelayAudio", "valueNetDelayVideo"))),
        ..StreamSample::bare(medium, way, flow(kbps, medium, way, muted))
    };
    if !audio {
        (sample.width, sample.height) = figure::size(&of("", "videoProtocolPostfix"));
        sample.fps = figure::fps(number(stream, "videoFrame"));
    }
    sample
}

/// A rate above zero flows. A rate of zero is a stream that is open and still, unless it is our closed microphone.
/// Without any rate a content stream is switched off, and of another one nothing is known.
fn flow(kbps: Given<f64>, medium: Medium, way: Way, muted: Option<bool>) -> Flow {
    match kbps {
        Given::Value(kbps) if kbps > 0.0 => Flow::Flowing,
        Given::Value(_) if medium == Medium::Audio && way == Way::FromSite && muted == Some(true) => {
            Flow::Paused
        }
        Given::Value(_) => Flow::NoMedia { since: None },
        Given::Absent(_) if medium == Medium::Content => Flow::Paused,
        Given::Absent(_) => Flow::Unknown,
    }
}

#[cfg(test)]
mod tests;
