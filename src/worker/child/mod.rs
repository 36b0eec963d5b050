//! The child's half: reads requests, does them one after another, answers. Knows sessions and elements; must not know
//! who asks.
//!
//! One thread works, another reads: so a request that never ends cannot keep the child from noticing that its parent
//! is gone.

mod limits;
mod pipe;
mod desk;
mod video;
mod shrink;
mod thumbnail;
mod sound;
mod meter;
mod encode;
mod coder;
mod fetch;
mod drive;

use std::process::ExitCode;
use std::sync::mpsc;
use std::time::Duration;

pub use limits::Limits;

use super::kind::SessionKind;
use super::protocol::{FLAG_DRAIN, Message, VERSION, Verb};
use desk::{Desk, Request};
use pipe::Voice;

/// Messages that wait for the working thread; the parent sends far fewer at once.
const WAITING_MAX: usize = 256;

/// Serves whoever holds the other ends of standard input and output, until they are closed.
pub fn run(limits: Limits) -> ExitCode {
    limits.apply();
    let (heard, messages) = mpsc::sync_channel(WAITING_MAX);
    pipe::listen(heard);
    let voice = Voice::new();
    if gstreamer::init().is_err() {
        return ExitCode::FAILURE;
    }
    voice.say(&Message::plain(Verb::Hello, 0, VERSION));
    let mut desk = Desk::default();
    for message in messages {
        obey(&voice, &mut desk, message);
    }
    ExitCode::SUCCESS
}

fn obey(voice: &Voice, desk: &mut Desk, message: Message) {
    match message.verb {
        Verb::Ping => voice.say(&Message::plain(Verb::Pong, 0, message.request)),
        Verb::Open => {
            if let Some(kind) = kind_of(&message) {
                desk.open(message.session, kind, voice);
            }
        }
        Verb::Close => desk.close(message.session),
        Verb::Work => voice.say(&work(desk, message)),
        // A parent never says these; what it means by them is its own affair.
        Verb::Hello | Verb::Done | Verb::Failed | Verb::Event | Verb::Ended | Verb::Pong => {}
    }
}

/// A session whose kind cannot be read stays unknown, and its requests say so.
fn kind_of(message: &Message) -> Option<SessionKind> {
    message.chunks.first().and_then(|chunk| serde_json::from_slice(&chunk.data).ok())
}

fn work(desk: &mut Desk, message: Message) -> Message {
    let (session, request) = (message.session, message.request);
    let before = cpu();
    let drain = message.flags & FLAG_DRAIN != 0;
    let done = desk.work(Request { session, chunks: message.chunks, drain });
    let cpu_us = u32::try_from(cpu().saturating_sub(before).as_micros()).unwrap_or(u32::MAX);
    match done {
        Ok(chunks) => {
            let answer = Message { cpu_us, chunks, ..Message::plain(Verb::Done, session, request) };
            if answer.fits() { answer } else { Message::text(Verb::Failed, session, request, "too large") }
        }
        Err(why) => Message { cpu_us, ..Message::text(Verb::Failed, session, request, &why) },
    }
}

/// Processor time of this thread.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    let part = |value: i64| u64::try_from(value).unwrap_or(0);
    Duration::from_secs(part(time.tv_sec)) + Duration::from_nanos(part(time.tv_nsec))
}
