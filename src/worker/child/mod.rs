//! The child's half: reads requests, does them one after another, answers. Knows sessions and elements; must not know
//! who asks.
//!
//! One thread works, another reads: so a request that never ends cannot keep the child from noticing that its parent
//! is gone.

mod limits;
mod pipe;

use std::process::ExitCode;
use std::sync::mpsc;

pub use limits::Limits;

use super::protocol::{Message, VERSION, Verb};
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
    for message in messages {
        obey(&voice, &message);
    }
    ExitCode::SUCCESS
}

fn obey(voice: &Voice, message: &Message) {
    match message.verb {
        Verb::Ping => voice.say(&Message::plain(Verb::Pong, 0, message.request)),
        Verb::Work => {
            voice.say(&Message::text(Verb::Failed, message.session, message.request, "no such session"))
        }
        // A parent never says the rest; what it means by it is its own affair.
        _ => {}
    }
}
