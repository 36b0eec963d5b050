//! A relay that keeps its answers back on command, with a proxy beside it: it speaks ng, carries one recorded call, and
//! counts who told it to end that call. The real one cannot be made to keep an answer back.

use std::collections::BTreeSet;
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use serde_json::{Value as Json, json};
use tokio::net::UdpSocket;
use tokio::task::JoinHandle;
use vcops::domain::mcu::{ConferenceRef, Interface, ParticipantRef};
use vcops::mcu::Bridge as _;
use vcops::mcu::sip::SipRtpengine;
use vcops::mcu::sip::bencode::Value;
use vcops::observation::action::Action;

use super::rig::budget;
use super::seat::{Mood, Seat};
use crate::mcu::killed::{self, Told};

/// A call as a real rtpengine told it.
const CALL: &[u8] = include_bytes!("../../../data/mcu/rtpengine/query_reports.bencode");
const CALL_ID: &str = "a-call";

#[derive(Debug, Default)]
struct Kept {
    /// Sockets from which it was told to end the call. A repeated datagram comes from the same one.
    told_by: BTreeSet<SocketAddr>,
    held: Option<Duration>,
}

/// Relay and proxy on ports of their own; end with their value.
#[derive(Debug)]
struct Relay {
    proxy: Seat,
    ng: SocketAddr,
    kept: Arc<Mutex<Kept>>,
    participant: ParticipantRef,
    task: JoinHandle<()>,
}

impl Drop for Relay {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(socket: Arc<UdpSocket>, kept: Arc<Mutex<Kept>>) {
    let mut buffer = vec![0; 65_535];
    loop {
        let (length, from) = socket.recv_from(&mut buffer).await.unwrap();
        let blank = buffer[..length].iter().position(|byte| *byte == b' ').unwrap();
        let mut reply = buffer[..=blank].to_vec();
        let asked = Value::parse(&buffer[blank + 1..length]).unwrap();
        let held = {
            let mut kept = kept.lock().unwrap();
            reply.extend(answer(&mut kept, &asked, from));
            kept.held
        };
        let socket = Arc::clone(&socket);
        tokio::spawn(async move {
            tokio::time::sleep(held.unwrap_or_default()).await;
            socket.send_to(&reply, from).await.unwrap();
        });
    }
}

fn answer(kept: &mut Kept, asked: &Value, from: SocketAddr) -> Vec<u8> {
    let ended = !kept.told_by.is_empty();
    match asked.str("command") {
        Some("ping") => b"d6:result4:ponge".to_vec(),
        Some("statistics") => {
            b"d6:result2:ok10:statisticsd17:currentstatisticsd13:sessionstotali1eeee".to_vec()
        }
        Some("list") if ended => b"d5:callsle6:result2:oke".to_vec(),
        Some("list") => format!("d5:callsl{}:{CALL_ID}e6:result2:oke", CALL_ID.len()).into_bytes(),
        Some("delete") => {
            kept.told_by.insert(from);
            b"d6:result2:oke".to_vec()
        }
        Some("query") if !ended => CALL.to_vec(),
        Some("query") => b"d12:error-reason15:Unknown call-id6:result5:errore".to_vec(),
        other => panic!("nobody asks for {other:?}"),
    }
}

#[async_trait]
impl Told for Relay {
    const LOOK_TELLS: bool = true;

    async fn start() -> Self {
        let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
        let (ng, proxy) = (socket.local_addr().unwrap(), Seat::open(Mood::Takes).await);
        let kept = Arc::<Mutex<Kept>>::default();
        let task = tokio::spawn(serve(socket, Arc::clone(&kept)));
        let bridge = SipRtpengine::new(&format!("sip:{};ng={ng}", proxy.address), budget()).unwrap();
        let seen = bridge.roster(&ConferenceRef::new(CALL_ID)).await.unwrap();
        let participant = seen.present[0].participant.clone();
        Self { proxy, ng, kept, participant, task }
    }

    fn control(&self) -> Json {
        json!({"interface": Interface::SipRtpengine, "address": format!("sip:{}", self.proxy.address),
            "beside": self.ng.to_string()})
    }

    fn credential(&self) -> (&'static str, String) {
        ("nobody", "nothing".to_owned())
    }

    fn action(&self) -> Action {
        let (conference, participant) = (ConferenceRef::new(CALL_ID), self.participant.clone());
        Action::Disconnect { conference, participant }
    }

    fn carried_out(&self) -> usize {
        self.kept.lock().unwrap().told_by.len()
    }

    fn hold(&self, answers: Option<Duration>) {
        self.kept.lock().unwrap().held = answers;
    }
}

killed::suite!(Relay);
