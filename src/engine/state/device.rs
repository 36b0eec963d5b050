//! Devices as they are seen now: what each said last, and when.

use std::collections::BTreeMap;
use std::sync::Arc;

use crate::domain::time::{Mono, Span};
use crate::observation::Order;
use crate::observation::device::{Device, DeviceReport};

/// A report is the truth for so long: a device that nothing pushes is asked every 5 to 15 seconds.
pub const DEVICE_FRESH: Span = Span::seconds(45);

/// All devices of which something was heard since the start.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct DevicesPicture {
    /// Each.
    pub each: BTreeMap<Device, DevicePicture>,
}

/// One device.
#[derive(Debug, Clone, PartialEq)]
pub struct DevicePicture {
    /// Receipt of its newest report, monotonic.
    pub at: Mono,
    /// That report's order.
    pub order: Order,
    /// The report.
    pub report: Arc<DeviceReport>,
}

impl DevicesPicture {
    /// What a device said last, while it still counts.
    pub fn fresh(&self, device: &Device, now: Mono) -> Option<&DeviceReport> {
        let known = self.each.get(device).filter(|known| now.since(known.at) < DEVICE_FRESH);
        known.map(|known| &*known.report)
    }
}
