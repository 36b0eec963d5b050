//! Drives a chain of elements from our own pads: what is pushed in comes out before the push returns, on this thread.
//!
//! No pipeline, no queue, no clock, no thread of GStreamer's own: nothing can be stuck between states, and the order
//! is always the same. Knows elements and pads; must not know what flows through them.

use gstreamer as gst;
use gstreamer::prelude::*;
use gstreamer_video as gst_video;

/// What comes out of a chain.
pub(super) enum Item<'a> {
    /// The format from here on.
    Caps(&'a gst::CapsRef),
    /// How times map to those that were pushed in.
    Segment(&'a gst::Segment),
    /// Data.
    Buffer(gst::Buffer),
}

/// A chain of elements between two pads of ours.
#[derive(Debug)]
pub(super) struct Drive {
    elements: Vec<gst::Element>,
    input: gst::Pad,
    output: gst::Pad,
    caps: Option<gst::Caps>,
}

impl Drive {
    /// Joins the elements; `accepts` is what may come out, `take` gets it.
    pub(super) fn new(
        elements: Vec<gst::Element>,
        accepts: &gst::Caps,
        take: impl Fn(Item<'_>) + Send + Sync + 'static,
    ) -> Result<Self, String> {
        let input = gst::Pad::builder(gst::PadDirection::Src).name("input").build();
        let output = output_pad(accepts, take);
        let first = elements.first().and_then(|element| element.static_pad("sink")).ok_or("no first pad")?;
        let last = elements.last().and_then(|element| element.static_pad("src")).ok_or("no last pad")?;
        for pad in [&output, &input] {
            pad.set_active(true).map_err(|error| error.to_string())?;
        }
        join(&last, &output)?;
        for pair in elements.windows(2) {
            let (Some(from), Some(to)) = (pair[0].static_pad("src"), pair[1].static_pad("sink")) else {
                return Err("elements that do not join".to_owned());
            };
            join(&from, &to)?;
        }
        join(&input, &first)?;
        for element in elements.iter().rev() {
            element.set_state(gst::State::Paused).map_err(|error| error.to_string())?;
        }
        Ok(Self { elements, input, output, caps: None })
    }

    /// Says what will be pushed. Costs nothing when it is what was said before.
    pub(super) fn begin(&mut self, caps: &gst::Caps) {
        if self.caps.as_ref() == Some(caps) {
            return;
        }
        self.input.push_event(gst::event::StreamStart::new("worker"));
        self.input.push_event(gst::event::Caps::new(caps));
        self.input.push_event(gst::event::Segment::new(&gst::FormattedSegment::<gst::ClockTime>::new()));
        self.caps = Some(caps.clone());
    }

    /// Pushes data through; what it gives has been taken when this returns.
    pub(super) fn push(&self, buffer: gst::Buffer) -> Result<(), String> {
        self.input.push(buffer).map(drop).map_err(|error| error.to_string())
    }

    /// Makes the chain give out all that it holds back, and forget it; the next push must begin anew.
    pub(super) fn drain(&mut self) {
        self.input.push_event(gst::event::Eos::new());
        self.input.push_event(gst::event::FlushStart::new());
        self.input.push_event(gst::event::FlushStop::new(true));
        self.caps = None;
    }
}

impl Drop for Drive {
    fn drop(&mut self) {
        let _ = self.input.set_active(false);
        for element in &self.elements {
            let _ = element.set_state(gst::State::Null);
        }
        let _ = self.output.set_active(false);
    }
}

/// An element by its name, or that it is missing.
pub(super) fn element(name: &str) -> Result<gst::Element, String> {
    gst::ElementFactory::make(name).build().map_err(|_| format!("no element {name}"))
}

/// Data with a time, without copying it.
pub(super) fn buffer(data: impl AsRef<[u8]> + Send + 'static, pts: gst::ClockTime) -> gst::Buffer {
    let mut buffer = gst::Buffer::from_slice(data);
    if let Some(buffer) = buffer.get_mut() {
        buffer.set_pts(pts);
    }
    buffer
}

fn join(from: &gst::Pad, to: &gst::Pad) -> Result<(), String> {
    // Elements outside a bin have no common parent to check for.
    let checks = gst::PadLinkCheck::CAPS | gst::PadLinkCheck::TEMPLATE_CAPS;
    from.link_full(to, checks).map(drop).map_err(|error| error.to_string())
}

#[expect(
    clippy::wildcard_enum_match_arm,
    reason = "GStreamer's events and queries are many; the rest has defaults"
)]
fn output_pad(accepts: &gst::Caps, take: impl Fn(Item<'_>) + Send + Sync + 'static) -> gst::Pad {
    let take = std::sync::Arc::new(take);
    let (on_data, on_event) = (std::sync::Arc::clone(&take), take);
    let accepts = accepts.clone();
    gst::Pad::builder(gst::PadDirection::Sink)
        .name("output")
        .chain_function(move |_, _, buffer| {
            on_data(Item::Buffer(buffer));
            Ok(gst::FlowSuccess::Ok)
        })
        .event_function(move |_, _, event| {
            match event.view() {
                gst::EventView::Caps(caps) => on_event(Item::Caps(caps.caps())),
                gst::EventView::Segment(segment) => on_event(Item::Segment(segment.segment())),
                _ => {}
            }
            true
        })
        .query_function(move |pad, parent, query| match query.view_mut() {
            gst::QueryViewMut::Allocation(allocation) => {
                // Rows may keep the decoder's own padding: no copy of the picture.
                allocation.add_allocation_meta::<gst_video::VideoMeta>(None);
                true
            }
            gst::QueryViewMut::Caps(caps) => {
                let answer = caps.filter_owned().map_or_else(
                    || accepts.clone(),
                    |filter| filter.intersect_with_mode(&accepts, gst::CapsIntersectMode::First),
                );
                caps.set_result(&answer);
                true
            }
            gst::QueryViewMut::AcceptCaps(caps) => {
                let fits = caps.caps_owned().can_intersect(&accepts);
                caps.set_result(fits);
                true
            }
            _ => gst::Pad::query_default(pad, parent, query),
        })
        .build()
}
