//! The state: what the journal tells (`durable`) and what is only seen now (`picture`).
//!
//! It changes through events alone. Indices live in the picture: they follow from the durable half and are made
//! anew whenever a state is built from one.

pub mod action;
mod agent;
pub mod alarm;
pub mod call;
pub mod device;
pub mod durable;
pub mod incident;
mod index;
pub mod listed;
mod membership;
pub mod paging;
pub mod run;
pub mod part;
pub mod picture;
pub mod round;
pub mod stream;

pub use action::{ActionRecord, Freeze, Progress};
pub use agent::{AgentPicture, HubPicture};
pub use alarm::{Acked, Alarm, Annunciation, OutOfService, Shelf};
pub use call::{CallRecord, ProofPicture};
pub use device::{DEVICE_FRESH, DevicePicture, DevicesPicture, McuRole};
pub use durable::{Baseline, ConsentRecord, DurableState, Enrolment, Finding, Invitation, RollCall};
pub use incident::{Correction, Entry, Incident, Member, Note, Review, Times};
pub use paging::{Answered, Digest, DutyState, Handover, Paging, Told};
pub use part::{Floor, Part};
pub use picture::{Hold, PictureState, RunningTest, Timer};
pub use round::{Cell, Evidence, Judged, RoomRecord, Round, RoundEnd, Signature, Waiver, weighed};
pub use run::{Attempt, Ended, Left, Run, RunKey};
pub use stream::{STREAM_FRESH, StreamPicture, StreamSeen, StreamsPicture};

use crate::domain::check::TestId;
use crate::domain::id::AgentId;
use crate::domain::time::{Mono, Span};
use crate::engine::event::Event;
use crate::observation::device::{Blindness, Device, Sight};
use device::mostly;

/// Agents of which the last was heard within this time of one another fell silent together.
const OWN_SIDE_TOGETHER: Span = Span::seconds(60);
/// Agents that have all been silent for longer were switched off, and say nothing about our own side.
const OWN_SIDE_MAX: Span = Span::minutes(10);
/// An agent heard within this time is there; a heartbeat comes each second.
pub const AGENT_FRESH: Span = Span::seconds(3);

/// Everything the engine knows.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct State {
    /// The fold of the journal.
    pub durable: DurableState,
    /// What is seen now; gone with the process.
    pub picture: PictureState,
}

impl State {
    /// A state whose durable half is known and whose picture is still unknown, as after a restart.
    pub fn new(durable: DurableState) -> Self {
        let picture = PictureState::from_durable(&durable);
        Self { durable, picture }
    }

    /// Goes back to what the journal has, when it could not take what was decided since. Agents stay as they are
    /// seen; a test whose cell no longer waits is forgotten, and its late result will count for nothing.
    pub fn roll_back(&mut self, durable: DurableState) {
        self.picture.rebuild(&durable);
        self.durable = durable;
    }

    /// Whether an agent was heard within [`AGENT_FRESH`].
    pub fn agent_fresh(&self, agent: &AgentId, now: Mono) -> bool {
        self.picture.agents.get(agent).and_then(|seen| seen.at).is_some_and(|at| now.since(at) < AGENT_FRESH)
    }

    /// Whether a device can be seen, as the engine takes it.
    pub fn sight(&self, device: &Device, now: Mono) -> Sight {
        let sight = self.picture.devices.sight(device, &self.picture.streams, now);
        match sight {
            // Whatever is seen from here comes over our own side: while that is cut, no sign is one.
            Sight::Down { .. } | Sight::Suspected { .. } if self.own_side_is_cut(device, now) => {
                Sight::Blind { why: Blindness::OwnSide }
            }
            Sight::Unknown
            | Sight::Seen
            | Sight::Blind { .. }
            | Sight::Suspected { .. }
            | Sight::Down { .. } => sight,
        }
    }

    /// Whether nothing is heard of anything else either, as far as there is enough of it to tell: agents that fell
    /// silent about the same time a while ago, or streams that do not leave this device.
    fn own_side_is_cut(&self, device: &Device, now: Mono) -> bool {
        let heard: Vec<Mono> = self.picture.agents.values().filter_map(|agent| agent.at).collect();
        let last = heard.iter().copied().max().filter(|last| now.since(*last) < OWN_SIDE_MAX);
        let Some(last) = last else {
            let (lost, all) = self.picture.streams.lost_beside(device);
            return mostly(lost, all);
        };
        let with_it = heard.iter().filter(|at| last.since(**at) < OWN_SIDE_TOGETHER);
        let silent = with_it.clone().filter(|at| now.since(**at) >= AGENT_FRESH).count();
        mostly(silent, with_it.count())
    }

    /// The indices in words, to compare those kept up step by step with those made anew.
    pub fn indices(&self) -> String {
        let picture = &self.picture;
        format!("{:?} {:?} {:?} {:?}", picture.open_rounds, picture.queue, picture.lines, picture.index)
    }

    /// The test that runs for a cell now, with its progress.
    pub fn running(
        &self,
        round: crate::domain::check::RoundId,
        key: &crate::domain::check::CheckKey,
    ) -> Option<(TestId, &RunningTest)> {
        let crate::domain::check::Check::Path { link } = &key.check else { return None };
        let test = self.picture.testing.get(link)?;
        let running = self.picture.tests.get(test)?;
        (running.round == round && &running.key == key).then_some((*test, running))
    }
}

/// Makes an event so.
pub fn apply(state: &mut State, event: &Event) {
    match event {
        Event::Durable(durable) => {
            state.durable.apply(durable);
            state.picture.follow(&state.durable, durable);
        }
        Event::Picture(picture) => state.picture.apply(&state.durable, picture),
    }
}
