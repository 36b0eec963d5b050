//! Streams as agents report and show them: passed on as they come, never acknowledged.

use super::session::{Desk, Proved};
use super::{Content, Delivery};
use crate::domain::time::Utc;
use crate::uplink::live::{LiveBody, REPORTS_MAX, StreamsBody};

impl Desk {
    /// Reports of an agent's monitors.
    pub(super) fn take_reports(&mut self, proved: &Proved<'_>, timely: bool) {
        let Ok(body) = serde_json::from_str::<StreamsBody>(proved.body.get()) else {
            return self.refuse_body(proved);
        };
        if body.reports.len() > REPORTS_MAX {
            return self.refuse_body(proved);
        }
        let Some(peer) = self.peers.get_mut(proved.key) else { return };
        peer.streams = proved.header.mark;
        let agent = peer.enrolled.agent.clone();
        if timely {
            let verified = self.verified(proved, agent, Content::Streams(body.reports));
            self.deliver(Delivery::Verified(verified));
        }
    }

    /// Pictures and levels.
    pub(super) fn take_live(&mut self, proved: &Proved<'_>, timely: bool) {
        let Ok(body) = serde_json::from_str::<LiveBody>(proved.body.get()) else {
            return self.refuse_body(proved);
        };
        let Some(peer) = self.peers.get_mut(proved.key) else { return };
        peer.live = proved.header.mark;
        let agent = peer.enrolled.agent.clone();
        if timely && is_recent(&body, proved.received) {
            let verified = self.verified(proved, agent, Content::Live(Box::new(body)));
            self.deliver(Delivery::Verified(verified));
        }
    }
}

/// A picture claims the moment it was taken: one from the future would never be replaced by a newer.
fn is_recent(body: &LiveBody, received: Utc) -> bool {
    let ahead = |at: Utc| at.since(received) > crate::uplink::envelope::SKEW_MAX;
    match body {
        LiveBody::Picture { at, .. } => !ahead(*at),
        LiveBody::Levels { levels } => levels.iter().all(|level| !ahead(level.at)),
        LiveBody::Evidence { .. } => true,
    }
}
