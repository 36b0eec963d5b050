//! The documents' example of a call word by word, the two dresses of `data`, and every wrong shape.

use proptest::prelude::*;

use super::*;

/// A call as the endpoint's documents show it: two video streams, no content.
fn documented() -> Value {
    serde_json::json!({
        "stAudioParamSend": {"audioProtocol": "AAC-LD MONO", "valueAudioJitter": "5ms", "valueNetDelayAudio": "5ms",
            "audioLossPer": "0.00%", "audioLossNum": 0, "auxAudioRate": "35.62k"},
        "stAudioParamRecv": {"audioProtocol": "AAC-LD MONO", "valueAudioJitter": "5ms", "valueNetDelayAudio": "5ms",
            "audioLossPer": "1.25%", "audioLossNum": 14, "auxAudioRate": "38.95k"},
        "stAuxParamSend": {"szName": "", "videoProtocolPrefix": "", "videoProtocolPostfix": "Unknown",
            "videoRate": "--", "videoFrame": 0, "valueVideoJitter": "--", "valueNetDelayVideo": "0ms",
            "videoLossPer": "--", "videoLossNum": 0},
        "stVideoParamSend": [{"szName": "", "videoProtocolPrefix": "H.264 EC", "videoProtocolPostfix": "320x180",
            "videoRate": "109.54k", "videoFrame": 15, "valueVideoJitter": "3ms", "valueNetDelayVideo": "5ms",
            "videoLossPer": "0.00%", "videoLossNum": 0}],
        "stVideoParamRecv": [{"szName": "site1", "videoProtocolPrefix": "H.264 EC", "videoProtocolPostfix": "720p",
            "videoRate": "962.76k", "videoFrame": 41, "valueVideoJitter": "2ms", "valueNetDelayVideo": "5ms",
            "videoLossPer": "0.00%", "videoLossNum": 0, "unheard_of": true}],
    })
}

fn stream(all: &[StreamSample], medium: Medium, way: Way) -> &StreamSample {
    all.iter().find(|stream| stream.medium == medium && stream.way == way).unwrap()
}

#[test]
fn what_the_endpoint_receives_goes_to_the_site() {
    let all = streams(&documented(), None).unwrap();
    let received = stream(&all, Medium::Video, Way::ToSite);
    assert_eq!(
        (received.kbps, received.width, received.height),
        (Given::Value(962.76), Given::Value(1280), Given::Value(720))
    );
    assert_eq!(
        (received.fps, received.jitter_ms, received.rtt_ms),
        (Given::Value(41.0), Given::Value(2.0), Given::Value(5.0))
    );
    assert_eq!(received.codec.as_deref(), Some("H.264 EC"));
    assert_eq!(stream(&all, Medium::Video, Way::FromSite).kbps, Given::Value(109.54));
    let sound = stream(&all, Medium::Audio, Way::ToSite);
    assert_eq!(
        (sound.loss_pct, sound.lost),
        (Given::Value(1.25), Given::Value(Counted { epoch: 0, count: 14 }))
    );
    assert_eq!(sound.flow, Flow::Flowing);
    assert_eq!(sound.fps, Given::Absent(Absent::NotProvided));
}

#[test]
fn two_dashes_are_no_zero() {
    let all = streams(&documented(), None).unwrap();
    let content = stream(&all, Medium::Content, Way::FromSite);
    assert_eq!((content.flow, content.kbps), (Flow::Paused, Given::Absent(Absent::Sentinel)));
    assert_eq!([content.loss_pct, content.rtt_ms], [Given::Absent(Absent::NothingMoved); 2]);
    assert_eq!(
        (content.width, content.fps),
        (Given::Absent(Absent::Sentinel), Given::Absent(Absent::Sentinel))
    );
}

#[test]
fn a_stream_at_a_standstill_has_no_loss_and_a_closed_microphone_is_no_fault() {
    let mut data = documented();
    for group in ["stAudioParamSend", "stAudioParamRecv"] {
        data[group]["auxAudioRate"] = "0.00k".into();
    }
    let all = streams(&data, Some(true)).unwrap();
    assert_eq!(stream(&all, Medium::Audio, Way::FromSite).flow, Flow::Paused);
    let received = stream(&all, Medium::Audio, Way::ToSite);
    assert_eq!(received.flow, Flow::NoMedia { since: None });
    assert_eq!(received.loss_pct, Given::Absent(Absent::NothingMoved));
    let open = streams(&data, Some(false)).unwrap();
    assert_eq!(stream(&open, Medium::Audio, Way::FromSite).flow, Flow::NoMedia { since: None });
}

#[test]
fn data_is_read_as_a_text_and_as_an_object() {
    let twice = serde_json::json!({"success": 1, "data": documented().to_string()}).to_string();
    let once = serde_json::json!({"success": 1, "data": documented()}).to_string();
    assert_eq!(unwrapped(twice.as_bytes()).unwrap(), unwrapped(once.as_bytes()).unwrap());
    assert_eq!(unwrapped(br#"{"success":1,"data":""}"#).unwrap(), Value::Null);
}

#[test]
fn phases_of_a_call() {
    let phase = |state: &str| call(&json(state.as_bytes()).unwrap()).map(|call| call.phase);
    assert_eq!(phase(r#"{"state":{"callstate":0}}"#), Ok(Phase::Idle));
    assert_eq!(phase(r#"{"state":{"callstate":1,"conftype":0}}"#), Ok(Phase::Calling));
    assert_eq!(phase(r#"{"state":{"callstate":2,"conftype":2}}"#), Ok(Phase::InCall));
    assert_eq!(phase(r#"{"state":{"callstate":2,"conftype":0}}"#), Ok(Phase::Idle));
    assert_eq!(phase(r#"{"state":{"callstate":7}}"#), Ok(Phase::Other(7)));
    for bad in [r#"{"state":{}}"#, r#"{"status":{"callstate":0}}"#, "null"] {
        assert!(matches!(phase(bad), Err(Fault::Shape(_))), "{bad}");
    }
}

#[test]
fn a_no_carries_its_code_and_another_shape_is_told() {
    let no = br#"{"success":0,"error":{"id":100666995,"code":33558532,"params":[]}}"#;
    assert_eq!(unwrapped(no), Err(Fault::Said { code: "33558532".into(), words: String::new() }));
    for bad in [&b""[..], b"[]", br#"{"data":"{}"}"#, br#"{"success":1,"data":"{broken"}"#] {
        assert!(matches!(unwrapped(bad), Err(Fault::Shape(_))), "{bad:?}");
    }
    assert!(matches!(streams(&serde_json::json!({"stAudio": {}}), None), Err(Fault::Shape(_))));
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = unwrapped(&bytes).map(|data| (call(&data), muted(&data), streams(&data, None)));
    }
}
