//! A notice as its recipient reads it: in one language, with the numbers of the side table and the ways to answer.

use std::sync::Arc;

use super::Channels;
use crate::domain::id::PersonId;
use crate::domain::lang::{Lang, Text};
use crate::domain::notice::{Notice, NoticeKey, NoticeKind, Recipient, Urgency};
use crate::domain::time::{Span, Utc};
use crate::notify::answer::Links;
use crate::notify::channel::Channel;
use crate::notify::message::{Addressee, Answering, Message};
use crate::store::Store;
use crate::store::chain::Hash;
use crate::store::identity::OneTimeToken;
use crate::store::people::{MAIL, MOBILE};
use sha2::{Digest as _, Sha256};

/// What one-time tokens of links and of reply codes are called in the store.
pub(super) const LINK: &str = "notice_link";
/// See [`LINK`].
pub(super) const CODE: &str = "notice_code";
/// Attempts to find a code that the person does not have yet.
const CODE_TRIES: usize = 8;
/// How long a test may wait.
const TEST_LIFE: Span = Span::minutes(5);

/// Makes texts of notices.
#[derive(Debug, Clone)]
pub(in crate::controller) struct Renderer {
    pub(in crate::controller) channels: Arc<Channels>,
    pub(in crate::controller) store: Store,
    pub(in crate::controller) links: Links,
    pub(in crate::controller) lang: Lang,
    pub(in crate::controller) site: String,
}

impl Renderer {
    /// One notice.
    pub(super) async fn message(&self, notice: &Notice, channel: &Arc<dyn Channel>) -> Message {
        let answer = if notice.answer { self.answering(notice, channel).await } else { None };
        Message { answer, ..self.bare(notice, self.addressee(&notice.to).await) }
    }

    /// One notice while nothing can be recorded: an answer could not be either.
    pub(super) async fn unrecorded(&self, notice: &Notice, _: &Arc<dyn Channel>) -> Message {
        Message { unrecorded: true, ..self.bare(notice, self.addressee(&notice.to).await) }
    }

    /// Several notices for one recipient in one text.
    pub(super) async fn digest(&self, notices: &[&Notice], _: &Arc<dyn Channel>) -> Message {
        let lang = self.lang;
        let lines = notices.iter().map(|notice| format!("· {} [{}]", notice.title.pick(lang), notice.key.0));
        let count = notices.len();
        let title = lang.pick(format!("{count} 条通知合并发送"), format!("{count} notices in one"));
        let newest = notices.iter().max_by_key(|notice| notice.at);
        let keys = notices.first().map(|notice| notice.key.0.as_str()).unwrap_or_default();
        let (to, drill) = notices.first().map_or((Recipient::Channel, false), |it| (it.to.clone(), it.drill));
        Message {
            key: NoticeKey(format!("{keys}+{}", count.saturating_sub(1))),
            incident: None,
            kind: NoticeKind::Digest,
            urgency: notices.iter().map(|notice| notice.urgency).max().unwrap_or(Urgency::Routine),
            drill,
            unrecorded: false,
            at: newest.map(|notice| notice.at).unwrap_or_default(),
            expires: notices.iter().map(|notice| notice.expires).max().unwrap_or_default(),
            lang,
            site: self.site.clone(),
            title,
            body: lines.collect::<Vec<_>>().join("\n"),
            why: lang.pick(
                "同时有多条，为免刷屏合并".to_owned(),
                "many at once, joined so that they are read".to_owned(),
            ),
            to: self.addressee(&to).await,
            answer: None,
        }
    }

    /// A test of a channel.
    pub(super) async fn test(
        &self,
        person: Option<&PersonId>,
        channel: &Arc<dyn Channel>,
        now: Utc,
    ) -> Message {
        let id = channel.id();
        let notice = Notice {
            key: NoticeKey(format!("test-{}", now.0 / 1_000_000)),
            incident: None,
            kind: NoticeKind::Test,
            urgency: Urgency::Routine,
            to: person.map_or(Recipient::Channel, |person| Recipient::Person(person.clone())),
            channels: vec![id.clone()],
            title: Text::new(format!("渠道测试：{id}"), format!("Test of the channel {id}")),
            body: Text::new("收到本条即渠道正常，不需要处理。", "This channel works. Nothing is to be done."),
            why: Text::new("有人要求测试此渠道", "somebody asked for a test of this channel"),
            answer: false,
            drill: false,
            at: now,
            expires: now + TEST_LIFE,
        };
        self.bare(&notice, self.addressee(&notice.to).await)
    }

    fn bare(&self, notice: &Notice, to: Addressee) -> Message {
        let pick = |text: &Text| text.pick(self.lang).to_owned();
        Message {
            key: notice.key.clone(),
            incident: notice.incident,
            kind: notice.kind,
            urgency: notice.urgency,
            drill: notice.drill,
            unrecorded: false,
            at: notice.at,
            expires: notice.expires,
            lang: self.lang,
            site: self.site.clone(),
            title: pick(&notice.title),
            body: pick(&notice.body),
            why: pick(&notice.why),
            to,
            answer: None,
        }
    }

    /// Numbers of a person. One who cannot be read has none: the channel says so, and the next one is tried.
    async fn addressee(&self, to: &Recipient) -> Addressee {
        let Recipient::Person(id) = to else { return Addressee::Group };
        let people = self.store.people().await.unwrap_or_else(|error| {
            tracing::warn!(%error, "names and numbers cannot be read");
            Vec::new()
        });
        let numbers =
            people.into_iter().find(|person| person.id == *id).map(|it| it.numbers).unwrap_or_default();
        let first = |kind| numbers.iter().find(|it| it.kind == kind).map(|it| it.number.clone());
        let mobile = first(MOBILE).map(|number| number.replace([' ', '-', '(', ')'], ""));
        Addressee::Person { mobile, mail: first(MAIL) }
    }

    /// A code for a channel whose answers arrive here, else a link. Both are stored before they leave.
    async fn answering(&self, notice: &Notice, channel: &Arc<dyn Channel>) -> Option<Answering> {
        let person = match &notice.to {
            Recipient::Person(person) => Some(person),
            Recipient::Channel => None,
        };
        let code = match person.filter(|_| self.channels.hears(channel.id())) {
            Some(person) => self.code(notice, person).await,
            None => None,
        };
        // Gateways refuse addresses in their texts, and a code is shorter.
        let link = if code.is_none() { self.link(notice, person).await } else { None };
        (code.is_some() || link.is_some()).then_some(Answering { code, link })
    }

    async fn code(&self, notice: &Notice, person: &PersonId) -> Option<String> {
        for _ in 0..CODE_TRIES {
            let code = format!("{:04}", rand::random_range(0..10_000u32));
            let token = self.token(code_hash(person, &code), CODE, notice, Some(person));
            // A code that the person has already is refused by the table's key.
            if self.store.put_token(&token).await.is_ok() {
                return Some(code);
            }
        }
        None
    }

    async fn link(&self, notice: &Notice, person: Option<&PersonId>) -> Option<String> {
        let (token, link) = self.links.make()?;
        let stored = self.token(token.hash(), LINK, notice, person);
        self.store.put_token(&stored).await.is_ok().then_some(link)
    }

    fn token(
        &self,
        token_hash: Hash,
        purpose: &str,
        notice: &Notice,
        person: Option<&PersonId>,
    ) -> OneTimeToken {
        let subject = Subject { notice: notice.key.clone(), person: person.cloned(), mark: rand::random() };
        let subject = serde_json::to_string(&subject).expect("texts and numbers are JSON");
        OneTimeToken { token_hash, purpose: purpose.to_owned(), subject, expires: notice.expires }
    }
}

/// For what a token is.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct Subject {
    /// The notice it answers.
    pub(super) notice: NoticeKey,
    /// Whose it is.
    pub(super) person: Option<PersonId>,
    /// Tells it from others of the same notice, so that an earlier one stays good.
    mark: u64,
}

/// A code is known by its person: what counts is the number that sends it.
pub(super) fn code_hash(person: &PersonId, code: &str) -> Hash {
    Sha256::digest(format!("{person}:{code}")).into()
}
