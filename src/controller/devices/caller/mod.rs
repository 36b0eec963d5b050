//! Calls a venue's codec into the MCU's test conference, looks at its media, and hangs up.
//!
//! Dialling and hanging up go through the MCU's desk, which paces calls and gives each order at most once. Whatever
//! becomes of a call, it is hung up: after its time, when it is called off, and after a restart that found it open.
//! Whether what was seen is enough is the engine's to say.

#[cfg(test)]
mod tests;

use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, sleep_until, timeout};
use tokio_util::sync::CancellationToken;

use super::lanes::{self, Seen};
use super::steps::Steps;
use crate::domain::mcu::{ConferenceRef, ParticipantRef};
use crate::mcu::Bridge;
use crate::mcu::desk::{Task, Tray, WITHDRAWN, same_address};
use crate::mcu::fault::Fault;
use crate::observation::action::{Action, ActionKey, ActionOutcome, DeviceOrder, Refused, Step};
use crate::observation::call::{CallBroke, CallFailed, CallFigures, CallOrder, CallOutcome};
use crate::observation::device::{Device, Presence, SiteSeen};
use crate::report::Snapshot;

/// Longest time from the order to the connection: the turn at the desk, ringing, an answer by hand.
const CONNECTED_WITHIN: Duration = Duration::from_secs(42);
/// A site that is listed as gone before it was ever seen to be called may be so from an earlier call.
const OLD_NEWS: Duration = Duration::from_secs(10);
/// Distance of looks at the roster while it rings, and while it is connected.
const RING_LOOK: Duration = Duration::from_secs(1);
const TALK_LOOK: Duration = Duration::from_secs(3);
/// Longest wait for one look.
const LOOK_PATIENCE: Duration = Duration::from_secs(8);
/// A hang-up that takes longer goes on while the outcome is told.
const FAREWELL: Duration = Duration::from_secs(12);
/// So long it is tried to hang up a call whose MCU cannot be read.
const HANG_UP_WITHIN: Duration = Duration::from_secs(300);
/// Longest wait for what the desk says of a hang-up.
const TOLD_WITHIN: Duration = Duration::from_secs(30);
/// Looks without the site in a row, after which it is believed to be gone: a call may just be coming about.
const GONE_LOOKS: u32 = 2;
/// Times that one call is hung up.
const HANG_UPS_MAX: u32 = 5;

/// Who calls, for one order.
#[derive(Debug)]
pub(super) struct Caller {
    pub(super) order: CallOrder,
    pub(super) conference: ConferenceRef,
    pub(super) bridge: Arc<dyn Bridge>,
    pub(super) tray: Tray,
    pub(super) steps: Steps,
    pub(super) view: watch::Receiver<Arc<Snapshot>>,
}

impl Caller {
    /// Calls, looks, hangs up, and tells what came of it, once.
    pub(super) async fn call(self, cancel: &CancellationToken, tell: impl AsyncFnOnce(CallOutcome) + Send) {
        let outcome = match self.connect(cancel).await {
            Ok(setup) => self.stay(setup, cancel).await,
            Err(Failed { outcome, sent: false }) => return tell(outcome).await,
            Err(Failed { outcome, sent: true }) => outcome,
        };
        let mut hanging_up = std::pin::pin!(self.hang_up());
        let is_over = timeout(FAREWELL, &mut hanging_up).await.is_ok();
        tell(outcome).await;
        if !is_over {
            hanging_up.await;
        }
    }

    /// Waits until the codec has taken the call; how long that took.
    async fn connect(&self, cancel: &CancellationToken) -> Result<Duration, Failed> {
        let begun = Instant::now();
        let deadline = begun + CONNECTED_WITHIN;
        let key = self.key("");
        let mut steps = self.steps.follow(&key);
        self.give(&key, self.dial());
        let told = tokio::select! {
            told = told(&mut steps) => told,
            () = cancel.cancelled() => return Err(self.withdrawn(&key, &mut steps, CallBroke::Cancelled).await),
            () = sleep_until(deadline) => {
                return Err(self.withdrawn(&key, &mut steps, CallBroke::TimedOut).await);
            }
        };
        let is_unknown = match told {
            Told::Sent { is_unknown } => is_unknown,
            Told::Not(why) => return Err(Failed { outcome: CallOutcome::Broke(why), sent: false }),
        };
        let outcome = tokio::select! {
            rung = self.ring(Instant::now(), deadline) => match rung {
                Ok(()) => return Ok(begun.elapsed()),
                // It may never have been called.
                Err(_) if is_unknown => CallOutcome::Broke(CallBroke::Unknown),
                Err(outcome) => outcome,
            },
            () = cancel.cancelled() => CallOutcome::Broke(CallBroke::Cancelled),
        };
        Err(Failed { outcome, sent: true })
    }

    /// Takes the dial back; one that was sent meanwhile must be hung up.
    async fn withdrawn(&self, key: &ActionKey, steps: &mut mpsc::Receiver<Step>, why: CallBroke) -> Failed {
        self.tray.withdraw(key);
        let sent = !matches!(timeout(TOLD_WITHIN, told(steps)).await, Ok(Told::Not(_)));
        Failed { outcome: CallOutcome::Broke(why), sent }
    }

    /// Looks until the site is there, or is seen not to come.
    async fn ring(&self, dialled: Instant, deadline: Instant) -> Result<(), CallOutcome> {
        let (mut was_calling, mut was_read) = (false, false);
        loop {
            match self.find().await {
                Ok(None) => was_read = true,
                Ok(Some(site)) => match site.presence {
                    Presence::Connected | Presence::OnHold => return Ok(()),
                    Presence::Left { cause } if was_calling || dialled.elapsed() >= OLD_NEWS => {
                        return Err(CallOutcome::NotConnected(lanes::failed(&cause)));
                    }
                    Presence::Calling => (was_calling, was_read) = (true, true),
                    Presence::Left { .. } | Presence::Unknown => was_read = true,
                },
                Err(_) => {}
            }
            if Instant::now() + RING_LOOK > deadline {
                let blind = CallOutcome::Broke(CallBroke::Blind);
                return Err(if was_read { CallOutcome::NotConnected(CallFailed::NoAnswer) } else { blind });
            }
            sleep(RING_LOOK).await;
        }
    }

    /// Looks at the media for as long as ordered, or until the codec hangs up.
    async fn stay(&self, setup: Duration, cancel: &CancellationToken) -> CallOutcome {
        let until = Instant::now() + Duration::from_micros(self.order.stay.0);
        let (mut seen, mut gone) = (Seen::default(), 0);
        let (mut was_read, mut held) = (false, true);
        while Instant::now() < until && held {
            match self.look(&mut seen).await {
                Ok(true) => (gone, was_read) = (0, true),
                Ok(false) => gone += 1,
                Err(_) => {}
            }
            held = gone < GONE_LOOKS;
            let pause = if gone == 0 { TALK_LOOK } else { RING_LOOK };
            tokio::select! {
                () = sleep(pause) => {}
                () = cancel.cancelled() => return CallOutcome::Broke(CallBroke::Cancelled),
            }
        }
        if !was_read && held {
            return CallOutcome::Broke(CallBroke::Blind);
        }
        let (lanes, kbps) = seen.figures();
        let setup_ms = setup.as_secs_f64() * 1e3;
        CallOutcome::Measured(Box::new(CallFigures { setup_ms, kbps, held, lanes }))
    }

    /// One look at the media; whether the site is there.
    async fn look(&self, seen: &mut Seen) -> Result<bool, Fault> {
        let Some(mut site) = self.find().await?.filter(is_there) else { return Ok(false) };
        if site.streams.is_empty() {
            let read = timeout(LOOK_PATIENCE, self.bridge.streams(&self.conference, &site)).await;
            site.streams = read.unwrap_or(Err(Fault::Timeout { sent: true })).unwrap_or_default();
        }
        let (venue, mcu) = (&self.order.venue, &self.order.mcu);
        let monitors = lanes::monitored(&self.view.borrow(), venue, mcu);
        seen.look(&site.streams, monitors);
        Ok(true)
    }

    /// Hangs up until the site is seen to be gone. Where there is no such call nothing is done.
    pub(super) async fn hang_up(&self) {
        let deadline = Instant::now() + HANG_UP_WITHIN;
        let (mut gone, mut told) = (0, 0);
        while gone < GONE_LOOKS {
            match self.find().await {
                Ok(Some(site)) if is_there(&site) || site.presence == Presence::Calling => {
                    gone = 0;
                    if told == HANG_UPS_MAX {
                        break;
                    }
                    told += 1;
                    self.disconnect(site.participant, told).await;
                }
                Ok(_) => gone += 1,
                Err(_) => {}
            }
            if Instant::now() >= deadline {
                break;
            }
            sleep(RING_LOOK).await;
        }
        if gone < GONE_LOOKS {
            let (mcu, address) = (&self.order.mcu, &self.order.address);
            tracing::warn!(%mcu, address, "a test call could not be hung up");
        }
    }

    async fn disconnect(&self, participant: ParticipantRef, count: u32) {
        let key = self.key(&format!("-end-{count}"));
        let mut steps = self.steps.follow(&key);
        self.give(&key, Action::Disconnect { conference: self.conference.clone(), participant });
        // What came of it shows in the roster.
        let _ = timeout(TOLD_WITHIN, told(&mut steps)).await;
    }

    /// The site of this call, as the test conference has it now.
    async fn find(&self) -> Result<Option<SiteSeen>, Fault> {
        let reading = timeout(LOOK_PATIENCE, self.bridge.roster(&self.conference)).await;
        let seen = match reading.unwrap_or(Err(Fault::Timeout { sent: true })) {
            // A conference that nobody is in may not exist at all.
            Err(Fault::Said { .. }) => return Ok(None),
            seen => seen?,
        };
        // Nobody else is in it: where the MCU writes addresses in its own way, the name that we gave tells.
        let ours = |site: &SiteSeen| {
            let called = site.address.as_deref().is_some_and(|at| same_address(at, &self.order.address));
            called || site.name == self.order.name
        };
        let mut found: Vec<SiteSeen> =
            seen.present.into_iter().filter(|site| !site.probe && ours(site)).collect();
        found.sort_by_key(|site| !is_there(site));
        Ok(found.into_iter().next())
    }

    fn dial(&self) -> Action {
        let CallOrder { address, name, kbps, .. } = &self.order;
        Action::Dial {
            conference: self.conference.clone(),
            address: address.clone(),
            name: name.clone(),
            kbps: (*kbps > 0).then_some(*kbps),
            via: None,
        }
    }

    fn give(&self, key: &ActionKey, action: Action) {
        let device = Device::Mcu(self.order.mcu.clone());
        self.tray.give(Task::Act(DeviceOrder { key: key.clone(), device, action }));
    }

    fn key(&self, what: &str) -> ActionKey {
        let test = self.order.test;
        ActionKey(format!("call-{}-{}{what}", test.boot, test.n))
    }
}

/// A call that did not come about.
struct Failed {
    outcome: CallOutcome,
    /// Whether the MCU was told to call, so that there may be something to hang up.
    sent: bool,
}

/// What the desk says first that matters.
enum Told {
    /// The MCU was told.
    Sent { is_unknown: bool },
    /// It was not, or said no.
    Not(CallBroke),
}

async fn told(steps: &mut mpsc::Receiver<Step>) -> Told {
    while let Some(step) = steps.recv().await {
        let outcome = match step {
            Step::Queued => continue,
            Step::Refused { why: Refused::NotProvided } => return Told::Not(CallBroke::NotProvided),
            Step::Refused { .. } => return Told::Not(CallBroke::Refused),
            Step::Told { outcome } | Step::Ended { outcome, .. } => outcome,
        };
        return match outcome {
            ActionOutcome::Applied | ActionOutcome::Accepted { .. } => Told::Sent { is_unknown: false },
            ActionOutcome::Unknown | ActionOutcome::Partial { .. } => Told::Sent { is_unknown: true },
            ActionOutcome::Rejected { code, .. } => Told::Not(broke(&code)),
        };
    }
    // The desk is gone: the device left the inventory, or everything stops.
    Told::Sent { is_unknown: true }
}

/// What a desk's or an MCU's *no* means for a call. Total over any code.
fn broke(code: &str) -> CallBroke {
    const BLIND: [&str; 12] = [
        "not_seen",
        "unreachable",
        "own_side",
        "tls",
        "auth",
        "rate_limited",
        "busy",
        "shape",
        "timeout",
        "over_budget",
        "no_credential",
        "ours",
    ];
    const FULL: [&str; 6] = ["full", "room", "resource", "licen", "capacity", "port"];
    match code {
        "not_provided" => CallBroke::NotProvided,
        WITHDRAWN => CallBroke::Cancelled,
        "queue_full" | "too_often" | "waited_too_long" => CallBroke::Refused,
        code if BLIND.contains(&code) => CallBroke::Blind,
        code if FULL.iter().any(|word| code.to_lowercase().contains(word)) => CallBroke::NoRoom,
        _ => CallBroke::Refused,
    }
}

fn is_there(site: &SiteSeen) -> bool {
    matches!(site.presence, Presence::Connected | Presence::OnHold)
}
