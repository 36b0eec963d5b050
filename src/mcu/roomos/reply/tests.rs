//! A call with its channels from both sides, and every sentinel and wrong shape.

use proptest::prelude::*;

use super::*;

const MEDIA: &str = r#"<Status><MediaChannels><Call item="5" maxOccurrence="n">
    <Channel item="1"><Direction>Incoming</Direction><Type>Video</Type><Encryption>On</Encryption>
      <Video><ChannelRole>Main</ChannelRole><FrameRate>30</FrameRate><Protocol>H264</Protocol>
        <ResolutionX>1280</ResolutionX><ResolutionY>720</ResolutionY></Video>
      <Netstat><Bytes>1000</Bytes><ChannelRate>1920000</ChannelRate><Drop>0</Drop><Jitter>3</Jitter><MaxJitter>9</MaxJitter>
        <LastIntervalLost>5</LastIntervalLost><LastIntervalReceived>495</LastIntervalReceived><Loss>60</Loss>
        <Packets>12000</Packets></Netstat></Channel>
    <Channel item="2"><Direction>Outgoing</Direction><Type>Video</Type>
      <Video><ChannelRole>Main</ChannelRole><FrameRate>0</FrameRate><Protocol>H264</Protocol>
        <Resolution>1920x1080</Resolution></Video>
      <Netstat><ChannelRate>2048000</ChannelRate><Jitter>-1</Jitter><Loss>-1</Loss><Packets>9000</Packets>
        <LastIntervalLost>0</LastIntervalLost><LastIntervalReceived>0</LastIntervalReceived></Netstat></Channel>
    <Channel item="3"><Direction>Incoming</Direction><Type>Audio</Type><Audio><Protocol>AACLD</Protocol></Audio>
      <Netstat><ChannelRate>64000</ChannelRate><LastIntervalLost>0</LastIntervalLost>
        <LastIntervalReceived>0</LastIntervalReceived></Netstat></Channel>
    <Channel item="4"><Direction>Outgoing</Direction><Type>Audio</Type><Audio><Protocol>AACLD</Protocol></Audio>
      <Netstat><ChannelRate>0</ChannelRate></Netstat></Channel>
    <Channel item="5"><Direction>Incoming</Direction><Type>Video</Type>
      <Video><ChannelRole>Presentation</ChannelRole><Protocol>Off</Protocol></Video></Channel>
    <Channel item="6"><Direction>Incoming</Direction><Type>Data</Type></Channel>
  </Call><Call item="9"><Channel item="1"><Direction>Incoming</Direction><Type>Audio</Type><Audio/></Channel></Call>
  </MediaChannels></Status>"#;

fn channels(still: Still) -> Vec<StreamSample> {
    streams(&status(MEDIA.as_bytes()).unwrap(), "5", still).unwrap()
}

fn channel(still: Still, medium: Medium, way: Way) -> StreamSample {
    channels(still).into_iter().find(|found| found.medium == medium && found.way == way).unwrap()
}

#[test]
fn incoming_goes_to_the_site_and_outgoing_comes_from_it() {
    assert_eq!(channels(Still::default()).len(), 5, "data is neither sound nor picture");
    let received = channel(Still::default(), Medium::Video, Way::ToSite);
    assert_eq!(
        (received.kbps, received.height, received.fps),
        (Given::Value(1920.0), Given::Value(720), Given::Value(30.0))
    );
    assert_eq!((received.loss_pct, received.jitter_ms), (Given::Value(1.0), Given::Value(3.0)));
    assert_eq!(received.packets, Given::Value(Counted { epoch: 0, count: 12_000 }));
    assert_eq!((received.flow, received.rtt_ms), (Flow::Flowing, Given::Absent(Absent::NotProvided)));
    let sent = channel(Still::default(), Medium::Video, Way::FromSite);
    assert_eq!((sent.kbps, sent.width, sent.flow), (Given::Value(2048.0), Given::Value(1920), Flow::Flowing));
}

#[test]
fn what_is_not_measured_is_no_zero() {
    let sent = channel(Still::default(), Medium::Video, Way::FromSite);
    assert_eq!(
        (sent.jitter_ms, sent.fps),
        (Given::Absent(Absent::Sentinel), Given::Absent(Absent::Sentinel))
    );
    assert_eq!(sent.lost, Given::Absent(Absent::Sentinel));
    assert_eq!(sent.loss_pct, Given::Absent(Absent::NothingMoved));
    let sound = channel(Still::default(), Medium::Audio, Way::ToSite);
    assert_eq!(
        (sound.packets, sound.width),
        (Given::Absent(Absent::NotYet), Given::Absent(Absent::NotProvided))
    );
}

#[test]
fn a_channel_that_stands_still_is_dead_unless_it_is_meant_to() {
    let flow = |still, way| channel(still, Medium::Audio, way).flow;
    let (none, muted) = (Still::default(), Still { muted: true, on_hold: false });
    assert_eq!(flow(none, Way::ToSite), Flow::NoMedia { since: None }, "a rate without a packet is none");
    assert_eq!(flow(none, Way::FromSite), Flow::NoMedia { since: None });
    assert_eq!(
        (flow(muted, Way::FromSite), flow(muted, Way::ToSite)),
        (Flow::Paused, Flow::NoMedia { since: None })
    );
    assert_eq!(flow(Still { on_hold: true, muted: false }, Way::ToSite), Flow::Paused);
    assert_eq!(channel(none, Medium::Content, Way::ToSite).flow, Flow::Paused, "a protocol that is off");
}

#[test]
fn calls_are_read_by_their_number_and_state() {
    let text = r#"<Status><Call item="5" maxOccurrence="n"><Status>Connected</Status><RemoteNumber>sip:9001@mcu</RemoteNumber>
        <DisplayName>全市例会</DisplayName><Whatever/></Call><Call item="6"><Status>Dialling</Status></Call>
        <Call item="4" ghost="True"/><Call item="7"><Status>Preserved</Status></Call></Status>"#;
    let all = calls(&status(text.as_bytes()).unwrap()).unwrap();
    let found: Vec<_> = all.iter().map(|call| (call.id.as_str(), call.presence.clone())).collect();
    assert_eq!(found, [("5", Presence::Connected), ("6", Presence::Calling), ("7", Presence::Unknown)]);
    assert_eq!((all[0].name.as_str(), all[0].remote.as_deref()), ("全市例会", Some("sip:9001@mcu")));
    assert!(calls(&status(b"<EmptyResult/>").unwrap()).unwrap().is_empty());
}

#[test]
fn messages_of_the_diagnostics_are_alarms() {
    let text = r#"<Status><Diagnostics><Message item="1"><Description>No camera</Description><Level>Error</Level>
        <References>connector=1</References><Type>CameraId</Type></Message>
        <Message item="2"><Level>OK</Level><Type>TempHigh</Type></Message>
        <Message item="3"><Level>Warning</Level><Type>NTPStatus</Type></Message></Diagnostics></Status>"#;
    let all = alarms(&status(text.as_bytes()).unwrap());
    assert_eq!(all.len(), 2);
    assert_eq!((all[0].id.as_str(), all[0].level), ("CameraId connector=1", AlarmLevel::Major));
    assert_eq!((all[1].detail.as_str(), all[1].level), ("", AlarmLevel::Minor));
}

#[test]
fn answers_to_commands_are_told_apart() {
    let ok =
        br#"<?xml version="1.0"?><Command><DialResult status="OK"><CallId>3</CallId></DialResult></Command>"#;
    assert_eq!(commanded(ok), Ok(Some("3".into())));
    assert_eq!(commanded(b"<Command><CallDisconnectResult status='OK'/></Command>"), Ok(None));
    let no = b"<Command><DialResult status='Error'><Cause>17</Cause><Description>Busy</Description></DialResult></Command>";
    assert_eq!(commanded(no), Err(Fault::Said { code: "17".into(), words: "Busy".into() }));
    for bad in [&b"<Command/>"[..], b"<Command><A/></Command>", b"<html/>", b""] {
        assert!(matches!(commanded(bad), Err(Fault::Shape(_))), "{bad:?}");
    }
}

#[test]
fn events_name_their_call() {
    let named = br#"<Event><Call item="5"><Status>Connected</Status></Call></Event>"#;
    assert_eq!(posted(named), Ok(Some("5".into())));
    assert_eq!(posted(b"<Status><Audio/></Status>"), Ok(None));
    assert!(posted(b"<html/>").is_err());
}

#[test]
fn another_shape_is_told_as_such() {
    for bad in [
        "<html/>",
        "<Status><Call><Status>Idle</Status></Call></Status>",
        "<Status><Call item='1'/></Status>",
    ] {
        let read = status(bad.as_bytes()).and_then(|status| calls(&status));
        assert!(matches!(read, Err(Fault::Shape(_))), "{bad}: {read:?}");
    }
    assert!(unit(&status(b"<Status/>").unwrap()).is_err());
    let sideways = MEDIA.replace("Incoming", "Sideways");
    assert!(streams(&status(sideways.as_bytes()).unwrap(), "5", Still::default()).is_err());
}

proptest! {
    #[test]
    fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = (status(&bytes).map(|all| (unit(&all), calls(&all))), commanded(&bytes), posted(&bytes));
    }

    #[test]
    fn any_figures_leave_loss_in_its_range(received in any::<i64>(), lost in any::<f64>(), rate in ".{0,8}") {
        let text = MEDIA.replace(">495<", &format!(">{received}<")).replace(">5</LastIntervalLost", &format!(">{lost}</LastIntervalLost"))
            .replace("1920000", &xml::escaped(&rate));
        for stream in streams(&status(text.as_bytes()).unwrap(), "5", Still::default()).unwrap() {
            prop_assert!(stream.loss_pct.value().is_none_or(|loss| (0.0..=100.0).contains(&loss)), "{:?}", stream);
        }
    }
}
