//! What reaches the judge: inputs with what must come back to their senders.

use std::time::Duration;

use tokio::sync::{mpsc, oneshot};

use crate::domain::actor::Actor;
use crate::engine::effect::{Outcome, Refusal};
use crate::engine::input::Command;
use crate::observation::Observation;
use crate::store::marks::SeqMark;
use crate::uplink::hub::Receipt;
use crate::web::CommandRequest;

/// How many arrivals may wait. Observations beyond it are refused to their sender, commands answered "busy".
pub(super) const WAITING_MAX: usize = 4096;

/// One thing for the judge.
#[derive(Debug)]
pub(super) enum Arrival {
    /// Something was seen by the hub.
    Seen(Observation),
    /// Something was seen by the hub, which must know when that is safe.
    SeenAndSaved {
        /// What.
        observation: Observation,
        /// Told once what follows from it is committed.
        saved: oneshot::Sender<()>,
    },
    /// Something was seen by an agent, to be counted once and acknowledged.
    FromAgent {
        /// What.
        observation: Observation,
        /// Its place in the agent's own numbering, if it must be counted once.
        credit: Option<Credit>,
    },
    /// Somebody wants something.
    Asked(CommandRequest),
}

/// An agent's event that is to be counted once: its place, and the right to acknowledge it.
#[derive(Debug)]
pub(super) struct Credit {
    /// What is stored in the same transaction.
    pub(super) mark: SeqMark,
    /// What the line is given back afterwards.
    pub(super) receipt: Receipt,
}

/// The judge's door. Cheap to clone.
#[derive(Debug, Clone)]
pub(super) struct Door(mpsc::Sender<Arrival>);

/// The door and the end that the judge reads.
pub(super) fn door() -> (Door, mpsc::Receiver<Arrival>) {
    let (sender, receiver) = mpsc::channel(WAITING_MAX);
    (Door(sender), receiver)
}

impl Door {
    /// How many more arrivals may wait, and how many may in all.
    pub(super) fn room(&self) -> (usize, usize) {
        (self.0.capacity(), self.0.max_capacity())
    }

    /// Tells what the hub saw; waits for room, because a result must not be lost.
    pub(super) async fn saw(&self, observation: Observation) {
        // The judge is gone only while everything stops.
        let _ = self.0.send(Arrival::Seen(observation)).await;
    }

    /// Tells what the hub saw and waits until what follows from it is safe; `false` when it is not within that time.
    pub(super) async fn saw_and_saved(&self, observation: Observation, within: Duration) -> bool {
        let (saved, safe) = oneshot::channel();
        let told = async {
            let _ = self.0.send(Arrival::SeenAndSaved { observation, saved }).await;
            safe.await
        };
        tokio::time::timeout(within, told).await.is_ok_and(|safe| safe.is_ok())
    }

    /// Tells what the hub saw if there is room: for progress, which the next one replaces.
    pub(super) fn saw_if_room(&self, observation: Observation) {
        let _ = self.0.try_send(Arrival::Seen(observation));
    }

    /// Tells what an agent saw; waits for room, which slows the agents' line only.
    pub(super) async fn heard(&self, observation: Observation, credit: Option<Credit>) {
        let _ = self.0.send(Arrival::FromAgent { observation, credit }).await;
    }

    /// Passes a command on; a full house answers at once.
    pub(super) fn ask(&self, request: CommandRequest) {
        if let Err(refused) = self.0.try_send(Arrival::Asked(request))
            && let Arrival::Asked(request) = refused.into_inner()
        {
            let _ = request.reply.send(Outcome::Refused(Refusal::Busy));
        }
    }

    /// Asks for something and waits for the answer, which comes after the commit.
    pub(super) async fn ask_and_wait(&self, actor: Actor, command: Command) -> Outcome {
        let (reply, answered) = oneshot::channel();
        self.ask(CommandRequest { actor, command, reply });
        answered.await.unwrap_or(Outcome::Refused(Refusal::Unrecorded))
    }
}
