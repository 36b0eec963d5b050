//! What the agent's monitors see and show, on its way up: never kept, never repeated.

use super::Agent;
use super::session::{Session, raw};
use crate::domain::time::Span;
use crate::observation::StreamReport;
use crate::uplink::envelope::Kind;
use crate::uplink::live::{LiveBody, REPORTS_MAX, StreamsBody};

/// A report that is older than this says nothing any more.
const REPORT_LIFE: Span = Span::seconds(3);
const LIVE_LIFE: Span = Span::seconds(5);

impl Agent<'_> {
    /// Sends a report with the others that wait. Without a connection they are dropped: the next second brings all.
    pub(super) fn tell(&mut self, session: &Session, first: StreamReport) {
        let mut reports = vec![first];
        while reports.len() < REPORTS_MAX
            && let Ok(report) = self.channels.reports.try_recv()
        {
            reports.push(report);
        }
        if !session.ready {
            return;
        }
        self.streams = self.streams.next();
        let sealed = raw(&StreamsBody { reports })
            .and_then(|body| self.seal(Kind::Streams, self.streams, REPORT_LIFE, &body));
        match sealed {
            Ok(bytes) => drop(session.connection.publish_freely(&session.topics.streams, bytes)),
            Err(error) => tracing::error!(%error, "a stream's report could not be written"),
        }
    }

    /// Sends a picture, or all levels that wait.
    pub(super) fn show(&mut self, session: &Session, first: LiveBody) {
        let mut next = Some(first);
        while let Some(mut body) = next.take() {
            while next.is_none()
                && let Ok(other) = self.channels.live.try_recv()
            {
                next = body.join(other);
            }
            if session.ready {
                self.send_live(session, &body);
            }
        }
    }

    fn send_live(&mut self, session: &Session, body: &LiveBody) {
        self.live = self.live.next();
        let sealed = raw(body).and_then(|body| self.seal(Kind::Live, self.live, LIVE_LIFE, &body));
        match sealed {
            Ok(bytes) => drop(session.connection.publish_freely(&session.topics.live, bytes)),
            Err(error) => tracing::error!(%error, "a picture could not be written"),
        }
    }
}
