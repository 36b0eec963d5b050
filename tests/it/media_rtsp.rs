//! The RTSP server before real players, with good manners and bad.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use futures_util::StreamExt as _;
use retina::client::{
    Credentials, PacketItem, PlayOptions, Playing, Session, SessionOptions, SetupOptions,
    TcpTransportOptions, Transport, UdpTransportOptions,
};
use tokio::time::timeout;

use crate::media_clip::pool;
use crate::media_rig::{pictures, sound, spec, transmitter};
use vcops::domain::stream::AudioCodec;
use vcops::media::clip::recipe::{AudioRecipe, VideoRecipe};
use vcops::media::clip::studio::Studio;
use vcops::media::picture::Size;
use vcops::media::rtsp::auth::Account;
use vcops::media::rtsp::{Manner, Mount, RtspServer};
use vcops::media::scene::Look;
use vcops::media::sender::packed::Packed;
use vcops::media::sound::Voice;

const SOON: Duration = Duration::from_secs(10);

fn account() -> Account {
    Account { user: "watcher".into(), password: "geheim".into() }
}

/// A server with one mount, `live`, of these tracks.
fn serve(tracks: Vec<Arc<Packed>>, account: Option<Account>) -> RtspServer {
    let sender = transmitter().send(spec(Some(Arc::clone(&tracks[0])), tracks.get(1).cloned())).unwrap();
    let mount = Mount { sender: Arc::new(sender), tracks };
    let mounts = BTreeMap::from([("live".to_owned(), mount)]);
    RtspServer::start("127.0.0.1:0".parse().unwrap(), mounts, account).unwrap()
}

fn numbered(account: Option<Account>) -> RtspServer {
    serve(vec![pictures(1, 20, None), sound(200)], account)
}

async fn play(server: SocketAddr, password: &str, udp: bool) -> Result<Session<Playing>, retina::Error> {
    let url = format!("rtsp://{server}/live").parse().unwrap();
    let creds = Credentials { username: "watcher".into(), password: password.into() };
    let mut session = Session::describe(url, SessionOptions::default().creds(Some(creds))).await?;
    for track in 0..session.streams().len() {
        let transport = if udp {
            Transport::Udp(UdpTransportOptions::default())
        } else {
            Transport::Tcp(TcpTransportOptions::default())
        };
        session.setup(track, SetupOptions::default().transport(transport)).await?;
    }
    session.play(PlayOptions::default()).await
}

/// RTP packets of each track until there are so many in all.
async fn packets(session: &mut Session<Playing>, many: usize) -> [Vec<u16>; 2] {
    let mut sequences = [Vec::new(), Vec::new()];
    while sequences.iter().map(Vec::len).sum::<usize>() < many {
        if let PacketItem::Rtp(packet) = timeout(SOON, session.next()).await.unwrap().unwrap().unwrap() {
            sequences[packet.stream_id()].push(packet.sequence_number());
        }
    }
    sequences
}

#[tokio::test]
async fn a_player_with_the_password_gets_every_packet_over_tcp_and_udp() {
    let server = numbered(Some(account()));
    for udp in [false, true] {
        let mut session = play(server.local_addr(), "geheim", udp).await.unwrap();
        let [video, audio] = packets(&mut session, 200).await;
        for sequences in [&video, &audio] {
            assert!(sequences.len() > 50, "{udp}");
            assert!(sequences.windows(2).all(|two| two[1].wrapping_sub(two[0]) == 1), "{udp}: {sequences:?}");
        }
    }
}

#[tokio::test]
async fn a_player_without_the_password_gets_nothing() {
    let server = numbered(Some(account()));
    let refused = play(server.local_addr(), "falsch", false).await.err().unwrap().to_string();
    assert!(refused.contains("401"), "{refused}");
    assert!(play(numbered(None).local_addr(), "any", false).await.is_ok());
}

#[tokio::test]
async fn manners_show() {
    let server = numbered(None);
    let at = server.local_addr();
    server.behave(Manner::Forgetful);
    assert!(play(at, "", false).await.err().unwrap().to_string().contains("404"));
    server.behave(Manner::Redirecting);
    assert!(timeout(SOON, play(at, "", false)).await.unwrap().is_err());
    server.behave(Manner::Babbling);
    assert!(timeout(SOON, play(at, "", false)).await.unwrap().is_err());
    server.behave(Manner::Slow { ms: 150 });
    let began = tokio::time::Instant::now();
    assert!(play(at, "", false).await.is_ok());
    assert!(began.elapsed() >= Duration::from_millis(150 * 4));
    server.behave(Manner::OddCodec);
    let url = format!("rtsp://{at}/live").parse().unwrap();
    let session = Session::describe(url, SessionOptions::default()).await.unwrap();
    assert_eq!(session.streams()[0].encoding_name(), "x-unknown");
    server.behave(Manner::Hung);
    assert!(timeout(Duration::from_millis(500), play(at, "", false)).await.is_err());
}

#[tokio::test]
async fn a_server_that_hangs_while_it_plays_falls_silent_and_one_that_dies_closes() {
    let server = numbered(None);
    let mut session = play(server.local_addr(), "", false).await.unwrap();
    packets(&mut session, 20).await;
    server.behave(Manner::Hung);
    let silent = async {
        // What was under way arrives; then nothing does.
        while timeout(Duration::from_millis(400), session.next()).await.is_ok() {}
    };
    timeout(SOON, silent).await.unwrap();
    server.behave(Manner::Fine);
    packets(&mut session, 20).await;
    server.behave(Manner::Dying { ms: 1 });
    let ended = async { while let Some(Ok(_)) = session.next().await {} };
    timeout(SOON, ended).await.unwrap();
}

#[tokio::test]
async fn connections_end_with_their_server() {
    let server = numbered(None);
    let mut session = play(server.local_addr(), "", false).await.unwrap();
    packets(&mut session, 20).await;
    let at = server.local_addr();
    drop(server);
    let ended = async { while let Some(Ok(_)) = session.next().await {} };
    timeout(SOON, ended).await.unwrap();
    assert!(play(at, "", false).await.is_err());
}

#[tokio::test]
async fn ffmpeg_plays_pictures_and_sound_over_tcp_and_udp() {
    let pool = pool();
    let studio = Studio::new(pool, None);
    let video = studio.video(&VideoRecipe::live(Look::Talker, Size::P180, 300, 1)).await.unwrap();
    let audio = studio.audio(&AudioRecipe::of(Voice::Speech, AudioCodec::Aac, 1)).await.unwrap();
    let server = serve(vec![Packed::video(&video), Packed::audio(&audio)], Some(account()));
    for transport in ["tcp", "udp"] {
        let address = format!("rtsp://watcher:geheim@{}/live", server.local_addr());
        let mut command = tokio::process::Command::new("ffmpeg");
        command.args(["-nostdin", "-v", "error", "-rtsp_transport", transport, "-i", &address, "-t", "3"]);
        command.args(["-map", "0:v", "-map", "0:a", "-f", "framemd5", "-"]);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
        let done = timeout(SOON * 4, command.output()).await.unwrap().unwrap();
        let (out, log) = (String::from_utf8_lossy(&done.stdout), String::from_utf8_lossy(&done.stderr));
        let frames = |track: &str| out.lines().filter(|line| line.starts_with(track)).count();
        assert!(frames("0,") > 20 && frames("1,") > 60, "{transport}: {out}\n{log}");
    }
}
