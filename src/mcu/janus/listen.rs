//! Follows a source of events: remembers what helps the next read, and passes on what the controller must know.

use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::Janus;
use super::event::{Follower, Told};
use super::source::{EventSource, Message};
use crate::mcu::Pushed;
use crate::mcu::fault::Fault;

/// Messages between the source and the one who follows it.
const BETWEEN: usize = 64;
/// How often silence is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

impl Janus {
    pub(super) async fn follow(
        &self,
        pushed: mpsc::Sender<Pushed>,
        stop: CancellationToken,
    ) -> Result<(), Fault> {
        let Some(source) = &self.events else { return Err(Fault::NotSupported) };
        let (to, from) = mpsc::channel(BETWEEN);
        let read = async {
            match source {
                EventSource::Mqtt(source) => source.read(&to, &stop).await,
                EventSource::Http(source) => source.read(&to, &stop).await,
            }
        };
        tokio::select! {
            ended = read => ended,
            () = self.pass_on(from, &pushed) => Ok(()),
        }
    }

    /// Ends when nobody listens any more.
    async fn pass_on(&self, mut from: mpsc::Receiver<Message>, pushed: &mpsc::Sender<Pushed>) {
        let mut follower = Follower::new(self.stats_period, self.moment().mono);
        let mut overflowed = false;
        let mut look = tokio::time::interval(LOOK_EVERY);
        loop {
            let told = tokio::select! {
                message = from.recv() => match message {
                    Some(message) => self.heard(&mut follower, &message).await,
                    None => return,
                },
                _ = look.tick() => follower.silence(self.moment().mono),
            };
            for told in told {
                if let Some(told) = self.remember_told(told) {
                    overflowed |= pushed.try_send(told).is_err();
                }
            }
            // What did not fit is made up for by reading everything anew.
            if overflowed && pushed.try_send(Pushed::Gap).is_ok() {
                overflowed = false;
            }
            if pushed.is_closed() {
                return;
            }
        }
    }

    async fn heard(&self, follower: &mut Follower, message: &Message) -> Vec<Told> {
        if !message.status {
            return follower.take(&message.body, self.moment());
        }
        // A greeting that the broker kept is believed only when Janus itself answers.
        let kept_greeting = message.retained && message.body["event"] == "connected";
        let retained = message.retained && !(kept_greeting && self.answers().await);
        follower.status(&message.body, retained, self.moment())
    }

    async fn answers(&self) -> bool {
        self.line.admin("", "ping").await.is_ok()
    }

    fn remember_told(&self, told: Told) -> Option<Pushed> {
        let mut state = self.state();
        match told {
            Told::Pushed(pushed) => return Some(pushed),
            Told::Joined { at, room, party, private } => state.handles.joined(at, room, party, private),
            Told::Gone(at) => state.handles.forget(at),
            Told::Started(boot) => state.boot = Some(boot),
        }
        None
    }
}
