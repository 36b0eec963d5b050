//! Where answers come in: links, text messages, alerts of others.

use std::sync::Arc;

use async_trait::async_trait;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::TELL_WITHIN;
use super::render::{CODE, LINK, Subject, code_hash};
use crate::controller::clock::wall;
use crate::controller::errands::Voice;
use crate::controller::ledger::NOTICE;
use crate::domain::id::PersonId;
use crate::domain::notice::{Answer, AnswerMeans, Notice, NoticeAnswer};
use crate::metrics::Counters;
use crate::metrics::failpoint::{Failpoint, hit};
use crate::notify::alertmanager::OutsideAlert;
use crate::notify::answer::{Desk, Question, Token, Unanswerable, parse_reply, same_number};
use crate::notify::modem::Incoming;
use crate::observation::Fact;
use crate::store::Store;
use crate::store::error::StoreError;
use crate::store::identity::Redeemed;

/// The desk of the controller.
#[derive(Debug, Clone)]
pub(in crate::controller) struct AnswerDesk {
    pub(in crate::controller) store: Store,
    pub(in crate::controller) voice: Voice,
    pub(in crate::controller) counters: Arc<Counters>,
}

#[async_trait]
impl Desk for AnswerDesk {
    async fn question(&self, token: &Token) -> Result<Question, Unanswerable> {
        let redeemed = self.store.peek_token(&token.hash(), LINK, wall()).await;
        self.asked(&subject(redeemed)?).await
    }

    /// First the engine, then the token: a crash between lets the link be used again, and answering twice is nothing
    /// new.
    async fn answer(&self, token: &Token, answer: Answer) -> Result<Question, Unanswerable> {
        let subject = subject(self.store.peek_token(&token.hash(), LINK, wall()).await)?;
        let question = self.asked(&subject).await?;
        if !self.tell(&subject, AnswerMeans::Link, answer).await {
            return Err(Unanswerable::Ours);
        }
        if let Err(error) = self.store.redeem_token(&token.hash(), LINK, wall()).await {
            tracing::warn!(%error, "a link was answered and cannot be marked as used");
        }
        Ok(question)
    }

    async fn reply(&self, from: &str, text: &str) {
        if let Err(error) = self.replied(from, text).await {
            tracing::warn!(%error, "a reply by text message could not be taken");
        }
    }

    async fn alerts(&self, alerts: Vec<OutsideAlert>) -> bool {
        // The engine has no word for an alert of somebody else's: it is said in the log and counted.
        for alert in alerts {
            let name = alert.labels.get("alertname").map(String::as_str).unwrap_or_default();
            tracing::warn!(name, firing = alert.firing, fingerprint = alert.fingerprint, "an outside alert");
        }
        true
    }
}

/// Hands on what modems receive, until told to stop.
pub(in crate::controller) async fn hear(
    mut incoming: mpsc::Receiver<Incoming>,
    desk: AnswerDesk,
    stop: CancellationToken,
) -> anyhow::Result<()> {
    loop {
        tokio::select! {
            () = stop.cancelled() => return Ok(()),
            Some(message) = incoming.recv() => desk.reply(&message.from, &message.text).await,
            else => {
                // No modem is there to be heard.
                stop.cancelled().await;
                return Ok(());
            }
        }
    }
}

impl AnswerDesk {
    async fn replied(&self, from: &str, text: &str) -> Result<(), StoreError> {
        let Some(reply) = parse_reply(text) else {
            self.count("unreadable");
            tracing::info!("a text message without a reply code");
            return Ok(());
        };
        for person in self.whose(from).await? {
            let found = self.store.peek_token(&code_hash(&person, &reply.code), CODE, wall()).await?;
            if let Ok(subject) = subject(Ok(found)) {
                self.tell(&subject, AnswerMeans::Sms, reply.answer).await;
                return Ok(());
            }
        }
        self.count("unreadable");
        tracing::info!("a reply code that is not known, or from another number");
        Ok(())
    }

    async fn whose(&self, from: &str) -> Result<Vec<PersonId>, StoreError> {
        let people = self.store.people().await?;
        let has = |numbers: &[crate::store::people::PersonNumber]| {
            numbers.iter().any(|number| same_number(&number.number, from))
        };
        Ok(people.into_iter().filter(|person| has(&person.numbers)).map(|person| person.id).collect())
    }

    async fn asked(&self, subject: &Subject) -> Result<Question, Unanswerable> {
        let body =
            self.store.delivery_body(NOTICE, &subject.notice.0).await.map_err(|_| Unanswerable::Ours)?;
        let notice: Notice =
            body.and_then(|body| serde_json::from_slice(&body).ok()).ok_or(Unanswerable::Unknown)?;
        Ok(Question { notice: notice.key, title: notice.title, body: notice.body })
    }

    async fn tell(&self, subject: &Subject, means: AnswerMeans, answer: Answer) -> bool {
        self.count(match means {
            AnswerMeans::Sms => "sms",
            AnswerMeans::Link => "link",
            AnswerMeans::Telephone => "telephone",
        });
        let (notice, person) = (subject.notice.clone(), subject.person.clone());
        let answer = NoticeAnswer { notice, person, means, answer };
        hit(Failpoint::NotifyAnswerBeforeTell);
        let told = self.voice.tell_and_save(Fact::NoticeAnswered { answer }, TELL_WITHIN).await;
        hit(Failpoint::NotifyAnswerAfterTell);
        told
    }

    fn count(&self, means: &str) {
        self.counters.notice.answers.with_label_values(&[means]).inc();
    }
}

fn subject(redeemed: Result<Redeemed, StoreError>) -> Result<Subject, Unanswerable> {
    match redeemed.map_err(|_| Unanswerable::Ours)? {
        Redeemed::Good { subject } => serde_json::from_str(&subject).map_err(|_| Unanswerable::Unknown),
        Redeemed::Unknown => Err(Unanswerable::Unknown),
        Redeemed::Used => Err(Unanswerable::Used),
        Redeemed::Expired => Err(Unanswerable::Expired),
    }
}
