//! Whether a device can be seen, from what its interface answered last and from signs of other kinds. Pure.
//!
//! What makes us blind says nothing about the device. That it is gone takes two signs that do not hang on each other.

use std::collections::BTreeSet;

use crate::mcu::fault::Fault;
use crate::observation::device::{Blindness, Sight, Signal};

/// So many questions in a row may go unasked for lack of budget before we no longer know how the device is.
const UNASKED_MAX: u32 = 3;

/// What the management interface said last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Interface {
    /// Nobody has asked yet.
    Unasked,
    /// It answers and can be read.
    Answers,
    /// It cannot be read, or not in time.
    Blind(Blindness),
    /// It refuses connections.
    Gone,
}

/// Everything that is known about seeing one device.
#[derive(Debug, Clone)]
pub(super) struct Sighting {
    interface: Interface,
    /// What its conferences said, while its health can be read.
    details: Option<Blindness>,
    signals: BTreeSet<Signal>,
    /// How often in a row it was not asked, because our budget was used up.
    unasked: u32,
}

impl Sighting {
    pub(super) fn new() -> Self {
        Self { interface: Interface::Unasked, details: None, signals: BTreeSet::new(), unasked: 0 }
    }

    /// Its health was asked for.
    ///
    /// A question for which there was no budget was not asked and changes nothing; only when that goes on do we no
    /// longer know.
    pub(super) fn asked(&mut self, fault: Option<&Fault>) {
        self.unasked = if fault == Some(&Fault::OverBudget) { self.unasked + 1 } else { 0 };
        if (1..UNASKED_MAX).contains(&self.unasked) && self.interface != Interface::Unasked {
            return;
        }
        self.interface = match fault.and_then(Fault::meaning) {
            // A refusal of the request is an answer too.
            None => Interface::Answers,
            Some(Ok(_)) => Interface::Gone,
            Some(Err(why)) => Interface::Blind(why),
        };
    }

    /// Something other than its health was asked for. Only what will not pass by itself makes blind: a right that is
    /// lacking, a shape that is unknown.
    pub(super) fn asked_details(&mut self, fault: Option<&Fault>) {
        self.details = match fault.and_then(Fault::meaning) {
            Some(Err(why @ (Blindness::Auth | Blindness::Shape))) => Some(why),
            Some(Err(
                Blindness::Tls
                | Blindness::Busy
                | Blindness::RateLimited
                | Blindness::Timeout
                | Blindness::NoCredential
                | Blindness::Ours
                | Blindness::OwnSide,
            ))
            | Some(Ok(_)) => self.details,
            None => None,
        };
    }

    /// A sign of another kind came or went.
    pub(super) fn sign(&mut self, signal: Signal, gone: bool) {
        if gone {
            self.signals.insert(signal);
        } else {
            self.signals.remove(&signal);
        }
    }

    /// Whether its interface answered the last time it was asked for its health.
    pub(super) fn answers(&self) -> bool {
        self.interface == Interface::Answers
    }

    /// Whether its interface refused us, or kept silent.
    pub(super) fn is_silent(&self) -> bool {
        matches!(self.interface, Interface::Gone | Interface::Blind(Blindness::Timeout))
    }

    /// What all of it comes to.
    pub(super) fn sight(&self) -> Sight {
        let counted = self.counted();
        if let [first, second, ..] = counted[..] {
            return Sight::Down { signals: [first, second] };
        }
        match (self.interface, counted.first()) {
            (Interface::Answers, _) => self.details.map_or(Sight::Seen, |why| Sight::Blind { why }),
            (Interface::Blind(why), _) if is_an_answer(why) => Sight::Blind { why },
            (_, Some(signal)) => Sight::Suspected { signal: *signal },
            (Interface::Blind(why), None) => Sight::Blind { why },
            (Interface::Unasked | Interface::Gone, None) => Sight::Unknown,
        }
    }

    /// The signs that count at the moment. A device that answers its manager may still be gone for its callers: then
    /// only what callers notice counts.
    fn counted(&self) -> Vec<Signal> {
        let answers = match self.interface {
            Interface::Answers => true,
            Interface::Blind(why) => is_an_answer(why),
            Interface::Unasked | Interface::Gone => false,
        };
        let counts = |signal: &&Signal| match signal {
            Signal::Signalling | Signal::Media => true,
            Signal::Interface | Signal::Events | Signal::Host => !answers,
        };
        let gone = (self.interface == Interface::Gone).then_some(Signal::Interface);
        gone.into_iter().chain(self.signals.iter().filter(counts).copied()).collect()
    }
}

/// Whether this blindness proves that something answers there.
fn is_an_answer(why: Blindness) -> bool {
    match why {
        Blindness::Auth | Blindness::Tls | Blindness::Busy | Blindness::RateLimited | Blindness::Shape => {
            true
        }
        Blindness::Timeout | Blindness::NoCredential | Blindness::Ours | Blindness::OwnSide => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::fault::AuthWhy;

    fn refused() -> Fault {
        Fault::Unreachable("refused".into())
    }

    fn blind(why: Blindness) -> Sight {
        Sight::Blind { why }
    }

    #[test]
    fn blind_is_never_down_and_down_takes_two() {
        use Signal::{Events, Host, Interface, Media, Signalling};
        let timeout = Fault::Timeout { sent: true };
        let suspected = |signal| Sight::Suspected { signal };
        let down = |first, second| Sight::Down { signals: [first, second] };
        let cases: [(Option<Fault>, &[Signal], Sight); 19] = [
            (None, &[], Sight::Seen),
            (None, &[Events], Sight::Seen),
            (None, &[Host, Events], Sight::Seen),
            (None, &[Media], Sight::Seen),
            (None, &[Signalling, Media], down(Signalling, Media)),
            (Some(refused()), &[], suspected(Interface)),
            (Some(refused()), &[Events], down(Interface, Events)),
            (Some(refused()), &[Signalling], down(Interface, Signalling)),
            (Some(refused()), &[Media], down(Interface, Media)),
            (Some(refused()), &[Host], down(Interface, Host)),
            (Some(timeout.clone()), &[], blind(Blindness::Timeout)),
            (Some(timeout.clone()), &[Media], suspected(Media)),
            (Some(timeout), &[Media, Events], down(Events, Media)),
            (Some(Fault::Busy("503".into())), &[Media], blind(Blindness::Busy)),
            (Some(Fault::Auth(AuthWhy::Wrong)), &[Events, Host], blind(Blindness::Auth)),
            (Some(Fault::Tls("1.0".into())), &[], blind(Blindness::Tls)),
            (Some(Fault::Shape("x".into())), &[Events], blind(Blindness::Shape)),
            (Some(Fault::RateLimited { retry_after: None }), &[], blind(Blindness::RateLimited)),
            (Some(Fault::Said { code: "485".into(), words: String::new() }), &[], Sight::Seen),
        ];
        for (fault, signals, expected) in cases {
            let mut sighting = Sighting::new();
            sighting.asked(fault.as_ref());
            signals.iter().for_each(|signal| sighting.sign(*signal, true));
            assert_eq!(sighting.sight(), expected, "{fault:?} {signals:?}");
        }
    }

    #[test]
    fn nobody_asked_is_unknown_and_a_sign_that_goes_is_forgotten() {
        let mut sighting = Sighting::new();
        assert_eq!(sighting.sight(), Sight::Unknown);
        sighting.sign(Signal::Media, true);
        assert_eq!(sighting.sight(), Sight::Suspected { signal: Signal::Media });
        sighting.sign(Signal::Media, false);
        assert_eq!(sighting.sight(), Sight::Unknown);
        sighting.asked(Some(&Fault::NoCredential));
        assert_eq!(sighting.sight(), blind(Blindness::NoCredential));
    }

    #[test]
    fn a_question_that_was_not_asked_tells_nothing_until_that_goes_on() {
        let mut sighting = Sighting::new();
        sighting.asked(None);
        for _ in 1..UNASKED_MAX {
            sighting.asked(Some(&Fault::OverBudget));
            assert_eq!(sighting.sight(), Sight::Seen);
        }
        sighting.asked(Some(&Fault::OverBudget));
        assert_eq!(sighting.sight(), blind(Blindness::Ours));
        sighting.asked(None);
        assert_eq!(sighting.sight(), Sight::Seen);
        let mut sighting = Sighting::new();
        sighting.asked(Some(&refused()));
        sighting.asked(Some(&Fault::OverBudget));
        assert_eq!(
            sighting.sight(),
            Sight::Suspected { signal: Signal::Interface },
            "nothing is mended by it"
        );
    }

    #[test]
    fn a_roster_that_cannot_be_read_blinds_though_the_health_can() {
        let mut sighting = Sighting::new();
        sighting.asked(None);
        sighting.asked_details(Some(&Fault::Shape("no items".into())));
        assert_eq!(sighting.sight(), blind(Blindness::Shape));
        sighting.asked_details(Some(&Fault::Timeout { sent: true }));
        assert_eq!(sighting.sight(), blind(Blindness::Shape), "a slow answer mends nothing");
        sighting.asked_details(None);
        assert_eq!(sighting.sight(), Sight::Seen);
    }
}
