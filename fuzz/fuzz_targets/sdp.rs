//! Any text as a session description: never a panic, and what is written of it reads again with the same media.
#![no_main]

use libfuzzer_sys::fuzz_target;
use vcops::wire::sdp;

fuzz_target!(|text: &str| {
    let Ok(session) = sdp::parse(text) else { return };
    assert!(session.media.len() <= sdp::MEDIA_MAX);
    for media in &session.media {
        let _ = (session.address(media), media.fps(), media.audio_level_id());
        assert!(media.formats.len() <= sdp::FORMATS_MAX);
        for format in &media.formats {
            let _ = (format.coding(), format.parameter_sets());
        }
    }
    let again = sdp::parse(&session.write()).expect("what we write reads");
    let ports = |session: &sdp::Session| session.media.iter().map(|media| media.port).collect::<Vec<_>>();
    assert_eq!(ports(&again), ports(&session));
});
