//! A SIP endpoint or bridge of which nothing but SIP is known: whether it answers, and in which words.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::{PATIENCE, answer_of, service_of};
use crate::domain::mcu::{ConferenceRef, Interface};
use crate::mcu::budget::Budget;
use crate::mcu::fault::Fault;
use crate::mcu::{Abilities, Bridge, Pushed};
use crate::observation::action::{Action, ActionKey, ActionOutcome, Looked, Plan, Refused};
use crate::observation::device::{
    Absent, Capacity, ConferenceSeen, DeviceAlarm, Given, NodeHealth, SiteSeen, StreamSample,
};
use crate::sip::options::{Answer, options};
use crate::sip::target::{NotATarget, Target};

/// An endpoint that is asked with OPTIONS and never told anything.
#[derive(Debug)]
pub struct SipEndpoint {
    target: Target,
    budget: Arc<Budget>,
}

impl SipEndpoint {
    /// The endpoint at a SIP URI or `host:port`.
    ///
    /// # Errors
    /// When the address is none.
    pub fn new(address: &str, budget: Arc<Budget>) -> Result<Self, NotATarget> {
        Ok(Self { target: Target::parse(address)?, budget })
    }

    /// Asks whether it answers.
    ///
    /// # Errors
    /// A [`Fault`] when no final answer came; 503 is [`Fault::Busy`].
    pub async fn ask(&self) -> Result<Answer, Fault> {
        self.budget.read().await?;
        answer_of(options(&self.target, PATIENCE).await)
    }
}

/// Health of which only the answer to OPTIONS is known.
pub(super) fn health_of(answer: &Answer) -> NodeHealth {
    NodeHealth {
        service: service_of(answer),
        load_pct: Given::Absent(Absent::NotProvided),
        uptime: Given::Absent(Absent::NotProvided),
        version: answer.server.clone(),
        boot: None,
        clock_skew_ms: Given::Absent(Absent::NotProvided),
        nodes: Vec::new(),
    }
}

#[async_trait]
impl Bridge for SipEndpoint {
    fn interface(&self) -> Interface {
        Interface::Sip
    }

    fn abilities(&self) -> Abilities {
        Abilities { tried_on_a_real_device: true, ..Abilities::default() }
    }

    async fn health(&self) -> Result<NodeHealth, Fault> {
        self.ask().await.map(|answer| health_of(&answer))
    }

    async fn capacity(&self) -> Result<Vec<Capacity>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn alarms(&self) -> Result<Vec<DeviceAlarm>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn conferences(&self) -> Result<Vec<ConferenceSeen>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn roster(&self, _: &ConferenceRef) -> Result<ConferenceSeen, Fault> {
        Err(Fault::NotSupported)
    }

    async fn streams(&self, _: &ConferenceRef, _: &SiteSeen) -> Result<Vec<StreamSample>, Fault> {
        Err(Fault::NotSupported)
    }

    async fn listen(&self, _: mpsc::Sender<Pushed>, _: CancellationToken) -> Result<(), Fault> {
        Err(Fault::NotSupported)
    }

    fn plan(&self, _: &Action, _: Option<&ConferenceSeen>) -> Result<Plan, Refused> {
        Err(Refused::NotProvided)
    }

    async fn execute(&self, _: &Plan, _: &ActionKey) -> ActionOutcome {
        ActionOutcome::Rejected { code: "not_provided".to_owned(), retryable: false }
    }

    async fn look(&self, _: &Plan, _: &ActionKey) -> Result<Looked, Fault> {
        Ok(Looked::CannotTell)
    }
}
