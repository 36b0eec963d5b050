//! Streams as they are seen now, what each stands on, and which of them are in trouble together.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::durable::DurableState;
use super::part::{Part, Stage, next_turn};
use crate::domain::id::{AgentId, LinkId, StreamId, VenueId};
use crate::domain::inventory::{
    Change, Inventory, ItemRef, PictureKind, Resource, SoundKind, Stream, StreamRole, Watcher,
};
use crate::domain::time::{Mono, Span, US_PER_S, Utc};
use crate::engine::finding::{FindingKey, RuleCode, Subject};
use crate::observation::device::Device;
use crate::observation::{Order, Reception, StreamReport};

/// A report is the truth for so long; one comes each second. Older, and nothing is known.
pub const STREAM_FRESH: Span = Span::seconds(3);
/// A finding that comes back within this time of its end relapses, and takes longer to be over each time.
const RELAPSE_WITHIN: Span = Span::seconds(60);

/// All streams of the inventory.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct StreamsPicture {
    /// Each, watched or not.
    pub each: BTreeMap<StreamId, StreamPicture>,
    /// The streams that show a venue.
    pub(in crate::engine) of_venue: BTreeMap<VenueId, Vec<StreamId>>,
    /// As of when the parts hold.
    pub(in crate::engine) turned: Utc,
    /// When they have to be worked out anew.
    pub(in crate::engine) next_turn: Option<Utc>,
    /// When all are looked over for monitors that say nothing.
    pub(in crate::engine) patrol: Option<Mono>,
    /// How many expected streams stand on a resource.
    pub(in crate::engine) standing: BTreeMap<Resource, usize>,
    /// The onsets of what is raised, by rule and what it stands on.
    pub(in crate::engine) raised_on: BTreeMap<(RuleCode, Resource), Onsets>,
    /// Causes that were named, with an onset under each: what began with it is known to share it.
    pub(in crate::engine) named: BTreeMap<(RuleCode, Resource), Utc>,
    /// Findings that were over and may come back.
    pub(in crate::engine) relapses: BTreeMap<FindingKey, Relapse>,
}

/// One stream.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamPicture {
    /// What its monitor said last; `None` when nothing since the start.
    pub seen: Option<StreamSeen>,
    /// The part it plays; `None` while no meeting of its own is near.
    pub part: Option<Part>,
    /// What it carries.
    pub role: StreamRole,
    /// The venue it shows.
    pub(in crate::engine) venue: Option<VenueId>,
    /// Who watches it; `None` when nobody can, for want of a source.
    pub(in crate::engine) watcher: Option<Watcher>,
    pub(in crate::engine) picture: PictureKind,
    pub(in crate::engine) sound: SoundKind,
    /// What it stands on, nearest first.
    pub(in crate::engine) beneath: Arc<[Resource]>,
    /// Rules with a hold, a finding, or one that clears.
    pub(in crate::engine) active: RuleSet,
    /// When media last flowed.
    pub(in crate::engine) flowed: Option<Mono>,
}

/// A report and when it came.
#[derive(Debug, Clone, PartialEq)]
pub struct StreamSeen {
    /// Receipt, monotonic.
    pub at: Mono,
    /// When it was sent, by the watcher's clock: onsets in it count from here.
    pub sent: Utc,
    /// Its order.
    pub order: Order,
    /// The report.
    pub report: Arc<StreamReport>,
}

/// When faults of one kind on one resource began: by stream, and counted by second so that no count looks at all.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(in crate::engine) struct Onsets {
    by_stream: BTreeMap<StreamId, Utc>,
    by_second: BTreeMap<i64, usize>,
}

impl Onsets {
    pub(in crate::engine) fn insert(&mut self, stream: StreamId, at: Utc) {
        self.remove(&stream);
        *self.by_second.entry(second(at)).or_default() += 1;
        self.by_stream.insert(stream, at);
    }

    pub(in crate::engine) fn remove(&mut self, stream: &StreamId) {
        let Some(at) = self.by_stream.remove(stream) else { return };
        if let Some(count) = self.by_second.get_mut(&second(at)) {
            *count -= 1;
            if *count == 0 {
                self.by_second.remove(&second(at));
            }
        }
    }

    pub(in crate::engine) fn is_empty(&self) -> bool {
        self.by_stream.is_empty()
    }

    /// How many there are, whenever they began.
    pub(in crate::engine) fn len(&self) -> usize {
        self.by_stream.len()
    }

    /// How many began about `at`, whole seconds either way.
    pub(in crate::engine) fn count(&self, at: Utc, within: Span) -> usize {
        self.by_second.range(second(at - within)..=second(at + within)).map(|(_, count)| count).sum()
    }

    /// The streams that began about `at`.
    pub(in crate::engine) fn about(&self, at: Utc, within: Span) -> impl Iterator<Item = &StreamId> {
        let seconds = second(at - within)..=second(at + within);
        self.by_stream.iter().filter(move |(_, at)| seconds.contains(&second(**at))).map(|(id, _)| id)
    }
}

fn second(at: Utc) -> i64 {
    at.0.div_euclid(US_PER_S)
}

/// Times that a finding came back, and when it was over last.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::engine) struct Relapse {
    pub(in crate::engine) times: u32,
    pub(in crate::engine) over: Mono,
}

/// A set of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(in crate::engine) struct RuleSet(u64);

impl RuleSet {
    pub(in crate::engine) fn insert(&mut self, rule: RuleCode) {
        self.0 |= bit(rule);
    }

    pub(in crate::engine) fn remove(&mut self, rule: RuleCode) {
        self.0 &= !bit(rule);
    }

    pub(in crate::engine) fn contains(self, rule: RuleCode) -> bool {
        self.0 & bit(rule) != 0
    }

    pub(in crate::engine) fn is_empty(self) -> bool {
        self.0 == 0
    }

    pub(in crate::engine) fn iter(self) -> impl Iterator<Item = RuleCode> {
        RuleCode::ALL.iter().copied().filter(move |rule| self.contains(*rule))
    }
}

/// There are fewer rules than bits.
fn bit(rule: RuleCode) -> u64 {
    1_u64.checked_shl(rule as u32).unwrap_or(0)
}

impl StreamsPicture {
    /// Of the streams that come to the hub and do not leave this device, how many are lost, and how many there are.
    pub(super) fn lost_beside(&self, device: &Device) -> (usize, usize) {
        let on = |resource: &Resource| {
            let lost = self.raised_on.get(&(RuleCode::StreamLost, resource.clone())).map_or(0, Onsets::len);
            (lost, self.standing.get(resource).copied().unwrap_or(0))
        };
        let (lost, all) = on(&Resource::Hub);
        let (own_lost, own) = match device {
            Device::Mcu(mcu) => on(&Resource::Mcu(mcu.clone())),
            Device::Endpoint(_) | Device::Equipment(_) => (0, 0),
        };
        (lost.saturating_sub(own_lost), all.saturating_sub(own))
    }

    /// Works out anew which streams there are, what they stand on and which part each plays at `at`.
    pub(super) fn turn(
        &mut self,
        durable: &DurableState,
        links_of: &BTreeMap<VenueId, Vec<LinkId>>,
        at: Utc,
    ) {
        let inventory = &durable.inventory;
        let stage = Stage::of(inventory, at);
        let mut before = std::mem::take(&mut self.each);
        self.of_venue.clear();
        for stream in inventory.streams.values() {
            let mut known = before.remove(&stream.id).unwrap_or_else(|| StreamPicture::unseen(stream));
            known.follow(stream, stage.part(stream), beneath(inventory, links_of, stream));
            if let Some(venue) = &stream.venue {
                self.of_venue.entry(venue.clone()).or_default().push(stream.id.clone());
            }
            self.each.insert(stream.id.clone(), known);
        }
        self.turned = at;
        self.next_turn = next_turn(inventory, at);
        self.count(durable);
    }

    /// A stream that was put anew may be received from elsewhere: what was seen of it is of another stream.
    pub(super) fn forget(&mut self, changes: &[Change]) {
        for change in changes {
            if let ItemRef::Stream(id) = change.subject()
                && let Some(stream) = self.each.get_mut(&id)
            {
                stream.seen = None;
                stream.flowed = None;
            }
        }
    }

    /// A new key may come with a new start counter.
    pub(super) fn new_key(&mut self, agent: &AgentId) {
        for stream in self.each.values_mut() {
            if stream.watcher.as_ref() == Some(&Watcher::Agent(agent.clone()))
                && let Some(seen) = &mut stream.seen
            {
                seen.order = Order::default();
            }
        }
    }

    pub(super) fn seen(&mut self, stream: &StreamId, seen: StreamSeen) {
        let Some(known) = self.each.get_mut(stream) else { return };
        if seen.report.reception == Reception::Flowing {
            known.flowed = Some(seen.at);
        }
        known.seen = Some(seen);
    }

    pub(super) fn raised(&mut self, key: &FindingKey, since: Utc) {
        let Subject::Stream(stream) = &key.subject else { return };
        let Some(known) = self.each.get_mut(stream) else { return };
        known.active.insert(key.rule);
        for resource in known.beneath.iter() {
            let on = self.raised_on.entry((key.rule, resource.clone())).or_default();
            on.insert(stream.clone(), since);
        }
    }

    /// What shares a cause, when one was named.
    pub(super) fn shares(&mut self, key: &FindingKey, cause: &Resource, since: Utc) {
        if key.rule.is_stream() {
            self.named.insert((key.rule, cause.clone()), since);
        }
    }

    /// `since` is when it began to look clear.
    pub(super) fn cleared(&mut self, key: &FindingKey, since: Option<Mono>) {
        let Subject::Stream(stream) = &key.subject else { return };
        let Some(known) = self.each.get_mut(stream) else { return };
        known.active.remove(key.rule);
        for resource in known.beneath.iter() {
            let at = (key.rule, resource.clone());
            if let Some(on) = self.raised_on.get_mut(&at) {
                on.remove(stream);
                if on.is_empty() {
                    self.raised_on.remove(&at);
                    self.named.remove(&at);
                }
            }
        }
        if let Some(over) = since {
            let times = self.relapses.get(key).map_or(0, |relapse| relapse.times);
            self.relapses.insert(key.clone(), Relapse { times: times.saturating_add(1), over });
        }
    }

    pub(super) fn held(&mut self, key: &FindingKey, since: Mono) {
        let Subject::Stream(stream) = &key.subject else { return };
        if self.relapses.get(key).is_some_and(|relapse| since.since(relapse.over) > RELAPSE_WITHIN) {
            self.relapses.remove(key);
        }
        if let Some(known) = self.each.get_mut(stream) {
            known.active.insert(key.rule);
        }
    }

    pub(super) fn hold_ended(&mut self, key: &FindingKey, raised: bool) {
        let Subject::Stream(stream) = &key.subject else { return };
        if let Some(known) = self.each.get_mut(stream)
            && !raised
        {
            known.active.remove(key.rule);
        }
    }

    /// How often a finding has come back.
    pub(in crate::engine) fn relapsed(&self, key: &FindingKey) -> u32 {
        self.relapses.get(key).map_or(0, |relapse| relapse.times)
    }

    fn count(&mut self, durable: &DurableState) {
        self.standing.clear();
        for stream in self.each.values_mut() {
            stream.active = RuleSet::default();
            // Content is there only while somebody shows something.
            let expected = stream.watcher.is_some() && stream.part.is_some();
            if expected && stream.role != StreamRole::Content {
                for resource in stream.beneath.iter() {
                    *self.standing.entry(resource.clone()).or_default() += 1;
                }
            }
        }
        self.raised_on.clear();
        self.named.clear();
        for finding in durable.findings.values() {
            self.raised(&finding.key, finding.since);
        }
        let each = &self.each;
        self.relapses.retain(|key, _| matches!(&key.subject, Subject::Stream(id) if each.contains_key(id)));
    }
}

impl StreamPicture {
    fn unseen(stream: &Stream) -> Self {
        Self {
            seen: None,
            part: None,
            role: stream.role,
            venue: None,
            watcher: None,
            picture: stream.picture,
            sound: stream.sound,
            beneath: Arc::new([]),
            active: RuleSet::default(),
            flowed: None,
        }
    }

    fn follow(&mut self, stream: &Stream, part: Option<Part>, beneath: Vec<Resource>) {
        self.part = part;
        self.role = stream.role;
        self.venue.clone_from(&stream.venue);
        self.watcher = stream.source.as_ref().map(|_| stream.watcher.clone());
        self.picture = stream.picture;
        self.sound = stream.sound;
        self.beneath = beneath.into();
    }

    /// Whether what was seen last still says how it is.
    pub fn fresh(&self, now: Mono) -> bool {
        self.seen.as_ref().is_some_and(|seen| now.since(seen.at) < STREAM_FRESH)
    }

    /// Whether it shows slides, or what people put beside the picture: things that stand still by design.
    pub(in crate::engine) fn is_still(&self) -> bool {
        self.picture == PictureKind::Slides || self.role == StreamRole::Content
    }
}

/// What a stream stands on, nearest first: its MCU, its venue, the trunks and carriers of the venue's first link,
/// the regions above, and the controller's side if that is where it is received.
fn beneath(
    inventory: &Inventory,
    links_of: &BTreeMap<VenueId, Vec<LinkId>>,
    stream: &Stream,
) -> Vec<Resource> {
    let mut found: Vec<Resource> = stream.mcu.iter().cloned().map(Resource::Mcu).collect();
    let hub = stream.watcher == Watcher::Hub;
    if let Some(venue) = &stream.venue {
        found.push(Resource::Venue(venue.clone()));
        // An agent in the venue sees its stream before any line.
        let link = links_of.get(venue).and_then(|links| links.first()).filter(|_| hub);
        let under = link.map(|link| inventory.beneath_link(link)).unwrap_or_default();
        found.extend(under.into_iter().skip(1).filter(|resource| *resource != Resource::Hub));
        found.extend(inventory.regions_of(venue));
    }
    found.extend(hub.then_some(Resource::Hub));
    found
}
