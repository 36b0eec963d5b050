//! Calls to codecs and proofs of MCUs that run now: how many at once, and which end before their time.

use std::collections::BTreeMap;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures_util::FutureExt as _;
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::caller::Caller;
use super::prover::{Prover, Voices};
use super::steps::Steps;
use crate::config::devices::DevicesSettings;
use crate::controller::errands::Voice;
use crate::domain::check::TestId;
use crate::domain::id::McuId;
use crate::domain::inventory::Mcu;
use crate::domain::mcu::{Control, Interface};
use crate::mcu::Bridge;
use crate::mcu::budget::Budget;
use crate::mcu::desk::Tray;
use crate::mcu::janus;
use crate::observation::Fact;
use crate::observation::action::Does;
use crate::observation::call::{CallBroke, CallOrder, CallOutcome, ProofOrder, ProofOutcome};
use crate::report::Snapshot;
use crate::sip::call::Account;
use crate::sip::target::Target;

/// Calls and proofs at once, over all MCUs: far more than rehearsals of a whole province order.
const RUNNING_MAX: usize = 256;

/// What runs.
pub(super) struct Trials {
    voice: Voice,
    view: watch::Receiver<Arc<Snapshot>>,
    /// Reports on our own orders.
    pub(super) steps: Steps,
    voices: Voices,
    running: JoinSet<TestId>,
    calls: BTreeMap<TestId, CancellationToken>,
    proofs: BTreeMap<TestId, (McuId, CancellationToken)>,
}

/// How one MCU is spoken to, for a test.
pub(super) struct Means {
    pub(super) bridge: Arc<dyn Bridge>,
    pub(super) tray: Tray,
}

impl Trials {
    pub(super) fn new(voice: Voice, view: watch::Receiver<Arc<Snapshot>>) -> Self {
        Self {
            voice,
            view,
            steps: Steps::default(),
            voices: Voices::default(),
            running: JoinSet::new(),
            calls: BTreeMap::new(),
            proofs: BTreeMap::new(),
        }
    }

    /// The next of them that has ended; waits for ever while nothing runs.
    pub(super) async fn ended(&mut self) {
        match self.running.join_next().await {
            Some(Ok(test)) => {
                self.calls.remove(&test);
                self.proofs.remove(&test);
            }
            Some(Err(error)) => tracing::error!(%error, "a test call panicked"),
            None => std::future::pending().await,
        }
    }

    /// Calls a codec, or says why not.
    pub(super) async fn call(&mut self, order: CallOrder, means: Option<Means>) {
        let test = order.test;
        let able = means.filter(|means| {
            let does = means.bridge.abilities().does;
            does.contains(&Does::Dial) && does.contains(&Does::Disconnect)
        });
        let caller = able.map(|means| self.caller(order, means).ok_or(CallBroke::NoConference));
        let why = match caller.unwrap_or(Err(CallBroke::NotProvided)) {
            Ok(caller) if self.running.len() < RUNNING_MAX => {
                let (voice, cancel) = (self.voice.clone(), CancellationToken::new());
                self.calls.insert(test, cancel.clone());
                self.running.spawn(async move {
                    let tell = async |outcome| voice.tell(Fact::CodecCalled { test, outcome }).await;
                    let calling = AssertUnwindSafe(caller.call(&cancel, tell)).catch_unwind();
                    if calling.await.is_err() {
                        // The engine misses its end in time, and has it hung up.
                        tracing::error!(?test, "a call to a codec panicked");
                    }
                    test
                });
                return;
            }
            Ok(_) => CallBroke::NoRoom,
            Err(why) => why,
        };
        self.voice.tell(Fact::CodecCalled { test, outcome: CallOutcome::Broke(why) }).await;
    }

    /// Hangs a call up at once: one that runs, or one that an earlier process left open.
    pub(super) fn end_call(&mut self, order: CallOrder, means: Option<Means>) {
        let test = order.test;
        if let Some(cancel) = self.calls.get(&test) {
            return cancel.cancel();
        }
        let Some(caller) = means.and_then(|means| self.caller(order, means)) else { return };
        self.running.spawn(async move {
            caller.hang_up().await;
            test
        });
    }

    fn caller(&self, order: CallOrder, means: Means) -> Option<Caller> {
        let view = self.view.borrow();
        let test = view.inventory.mcus.get(&order.mcu)?.test.as_ref()?;
        let conference = test.conference.clone()?;
        let Means { bridge, tray } = means;
        let (steps, view) = (self.steps.clone(), self.view.clone());
        Some(Caller { order, conference, bridge, tray, steps, view })
    }

    /// Proves an MCU, or says why not.
    pub(super) async fn prove(&mut self, order: ProofOrder, prover: Prover) {
        let ProofOrder { test, mcu } = order;
        let at_once = match &prover {
            Prover::None => Some(ProofOutcome::NotProvided),
            Prover::Janus { .. } | Prover::Sip { .. } if self.running.len() >= RUNNING_MAX => {
                Some(ProofOutcome::Broke(CallBroke::NoRoom))
            }
            Prover::Janus { .. } | Prover::Sip { .. } => None,
        };
        if let Some(outcome) = at_once {
            return self.voice.tell(Fact::Proved { test, outcome }).await;
        }
        let (voice, voices, cancel) = (self.voice.clone(), self.voices.clone(), CancellationToken::new());
        self.proofs.insert(test, (mcu, cancel.clone()));
        self.running.spawn(async move {
            let outcome = match voices.get().await {
                Ok(transmitter) => tokio::select! {
                    outcome = prover.prove(transmitter) => outcome,
                    () = cancel.cancelled() => ProofOutcome::Broke(CallBroke::Cancelled),
                },
                Err(_) => ProofOutcome::Broke(CallBroke::Refused),
            };
            voice.tell(Fact::Proved { test, outcome }).await;
            test
        });
    }

    /// Calls off the proofs of MCUs that are wanted for a meeting now.
    pub(super) fn make_way(&self, is_wanted: impl Fn(&McuId) -> bool) {
        for (mcu, cancel) in self.proofs.values() {
            if is_wanted(mcu) {
                cancel.cancel();
            }
        }
    }
}

/// How an MCU can be proved by what inventory and settings say.
pub(super) fn prover(settings: &DevicesSettings, mcu: &Mcu, budget: &Arc<Budget>) -> Prover {
    let (Some(control), Some(test)) = (&mcu.control, &mcu.test) else { return Prover::None };
    if control.interface == Interface::Janus {
        let made = janus_settings(settings, control, budget);
        return made.map_or(Prover::None, |made| Prover::janus(made, test));
    }
    let target = test.address.as_deref().filter(|address| settings.permits_address(address));
    match target.map(Target::parse) {
        Some(Ok(target)) => Prover::Sip { target, account: account(settings, control) },
        Some(Err(_)) | None => Prover::None,
    }
}

fn janus_settings(
    settings: &DevicesSettings,
    control: &Control,
    budget: &Arc<Budget>,
) -> Option<janus::Settings> {
    let login = settings.login(control.credential.as_ref()?)?.ok()?;
    let trust = settings.trust(&control.address).ok()?;
    janus::Settings::new(control, login, trust, Arc::clone(budget)).ok().filter(|_| settings.permits(control))
}

/// A SIP bridge is called with the account by which it is spoken to; other makes' accounts are not for calls.
fn account(settings: &DevicesSettings, control: &Control) -> Option<Account> {
    if !matches!(control.interface, Interface::Sip | Interface::SipRtpengine) {
        return None;
    }
    let login = settings.login(control.credential.as_ref()?)?.ok()?;
    Some(Account { user: login.user.clone(), secret: login.secret })
}
