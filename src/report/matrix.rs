//! The rehearsal matrix: venues down, the checks that exist across.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::cell::{Cell, CellState, Context};
use super::view::Snapshot;
use crate::domain::check::{Check, CheckKey, ConfirmItem, RoomItem, RoundId, RoundKind};
use crate::domain::id::{EndpointId, LinkId, MeetingId, VenueId};
use crate::domain::inventory::{Inventory, LinkRole, Meeting, Phase};
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::input::Party;
use crate::engine::state::{Cell as EngineCell, Round};
use crate::engine::verdict::{QualityWord, Verdict};
use crate::engine::wording;

/// A round as a table.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Matrix {
    /// Which round.
    #[schema(value_type = u64)]
    pub round: RoundId,
    /// What kind.
    #[schema(value_type = String)]
    pub kind: RoundKind,
    /// The kind in words.
    pub kind_text: String,
    /// Whether a timer opened it.
    pub automatic: bool,
    /// Of which meeting.
    pub meeting: MeetingShown,
    /// When it began.
    #[schema(value_type = String)]
    pub opened: Utc,
    /// When it ended.
    #[schema(value_type = Option<String>)]
    pub ended: Option<Utc>,
    /// Whether it was closed by hand.
    pub closed: bool,
    /// How far it is.
    pub progress: Progress,
    /// Worst quality of its measurements.
    #[schema(value_type = Option<String>)]
    pub quality: Option<QualityWord>,
    /// Columns, left to right.
    pub columns: Vec<Column>,
    /// Venues, the main venue first, then in seating order.
    pub rows: Vec<Row>,
    /// How many venues stand where.
    pub counts: Counts,
    /// What keeps the round from being signed, as `venue · check`.
    pub open: Vec<String>,
    /// Who signed.
    pub signatures: Vec<Signature>,
    /// The round it is compared with.
    #[schema(value_type = Option<u64>)]
    pub compared_with: Option<RoundId>,
}

/// A meeting's head line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct MeetingShown {
    /// Identifier.
    #[schema(value_type = String)]
    pub id: MeetingId,
    /// Shown name.
    pub name: String,
    /// Shown name of its profile.
    pub profile: String,
    /// Shown name of the main venue.
    pub main_venue: String,
    /// Venues in all.
    pub venues: usize,
    /// First minute.
    #[schema(value_type = String)]
    pub starts: Utc,
    /// Planned end.
    #[schema(value_type = String)]
    pub ends: Utc,
    /// 点名.
    #[schema(value_type = String)]
    pub roll_call_at: Utc,
    /// Where it stands in time.
    #[schema(value_type = String)]
    pub phase: Phase,
    /// The phase in words.
    pub phase_text: String,
}

/// How far a round is.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Progress {
    /// Judged cells.
    pub cells_done: usize,
    /// Planned cells.
    pub cells: usize,
    /// Venues with every measured cell judged.
    pub venues_done: usize,
    /// Venues in the round.
    pub venues: usize,
    /// Seconds since it began, or that it took.
    pub elapsed_s: f64,
    /// Share of the measured work that is done, 0–1.
    pub share: f64,
}

/// One column.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Column {
    /// Stable name, such as `path.primary.1`.
    pub id: String,
    /// Heading.
    pub title: String,
    /// What stands in it.
    pub kind: ColumnKind,
}

/// What stands in a column.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum ColumnKind {
    /// 到岗.
    Presence,
    /// 时钟.
    Clock,
    /// 线路.
    Path,
    /// 现场核对.
    Room,
    /// 入会, 备用入会, 备用 MCU.
    Call,
    /// 看听确认.
    Confirm,
}

/// One venue.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, ToSchema)]
pub struct Row {
    /// Which.
    #[schema(value_type = String)]
    pub venue: VenueId,
    /// Shown name.
    pub name: String,
    /// Whether it is the main venue.
    pub main: bool,
    /// Its verdict; `None` while cells are open that could still worsen it.
    #[schema(value_type = Option<String>)]
    pub verdict: Option<Verdict>,
    /// The verdict in words, or how it stands.
    pub verdict_text: String,
    /// The column of the worst cell; `None` when nothing is wrong.
    pub because: Option<usize>,
    /// Cells in the order of the columns; `None` where the venue has no such check.
    pub cells: Vec<Option<Cell>>,
}

/// How many venues stand where.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize, ToSchema)]
pub struct Counts {
    /// 通过.
    pub pass: usize,
    /// 告警.
    pub warn: usize,
    /// 不通过.
    pub fail: usize,
    /// 测试未完成.
    pub test_broke: usize,
    /// 未应答.
    pub no_answer: usize,
    /// 免测.
    pub waived: usize,
    /// Not judged yet.
    pub open: usize,
}

/// One of the three signatures.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
pub struct Signature {
    /// For which party.
    #[schema(value_type = String)]
    pub party: Party,
    /// The party in words.
    pub party_text: String,
    /// Who; `None` while missing.
    pub person: Option<String>,
    /// When.
    #[schema(value_type = Option<String>)]
    pub at: Option<Utc>,
}

/// The matrix of a round; `None` when there is no such round, or its meeting has gone from the inventory.
/// `visible` says which venues the reader may see.
pub fn matrix(
    snapshot: &Snapshot,
    round: RoundId,
    lang: Lang,
    visible: impl Fn(&VenueId) -> bool,
) -> Option<Matrix> {
    let round = snapshot.round(round)?;
    let inventory = &*snapshot.inventory;
    let meeting = inventory.meetings.get(&round.meeting)?;
    let before = snapshot.round_before(round);
    let context = Context { inventory, before: before.map(|before| &**before), lang };
    let slots = slots(round, inventory);
    let rows: Vec<Row> = order(round, meeting)
        .into_iter()
        .filter(|venue| visible(venue))
        .map(|venue| row(&context, (snapshot, round), &slots, meeting, venue))
        .collect();
    Some(Matrix {
        round: round.id,
        kind: round.kind,
        kind_text: wording::round_kind(round.kind, lang).to_owned(),
        automatic: round.automatic,
        meeting: meeting_shown(inventory, meeting, snapshot.at, lang),
        opened: round.opened,
        ended: round.ended.map(|end| end.at),
        closed: round.ended.is_some_and(|end| end.closed),
        progress: progress(&rows, round, snapshot.at),
        quality: rows.iter().flat_map(|row| row.cells.iter().flatten()).filter_map(|cell| cell.quality).max(),
        columns: slots.iter().map(|slot| slot.column(lang)).collect(),
        counts: counts(&rows),
        open: open(&rows),
        signatures: signatures(round, lang),
        compared_with: before.map(|before| before.id),
        rows,
    })
}

/// A meeting's head line at a moment.
pub fn meeting_shown(inventory: &Inventory, meeting: &Meeting, at: Utc, lang: Lang) -> MeetingShown {
    let phase = meeting.phase(at);
    MeetingShown {
        id: meeting.id.clone(),
        name: meeting.name.clone(),
        profile: inventory
            .profiles
            .get(&meeting.profile)
            .map_or_else(|| meeting.profile.to_string(), |profile| profile.name.clone()),
        main_venue: venue_name(inventory, &meeting.main_venue),
        venues: meeting.all_venues().count(),
        starts: meeting.starts,
        ends: meeting.ends,
        roll_call_at: meeting.roll_call_at(),
        phase,
        phase_text: wording::phase(phase, lang).to_owned(),
    }
}

fn venue_name(inventory: &Inventory, venue: &VenueId) -> String {
    inventory.venues.get(venue).map_or_else(|| venue.to_string(), |venue| venue.name.clone())
}

/// A place for a column. The order of the variants is the order of the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Slot {
    Presence,
    Clock,
    /// The n-th link of a role, from 1: a venue may have two backups.
    Path(LinkRole, usize),
    Room(RoomItem),
    /// The n-th codec, called by the MCU or, as backup, by the standby.
    Call(bool, usize),
    Standby,
    Confirm(ConfirmItem),
}

impl Slot {
    fn column(self, lang: Lang) -> Column {
        let (id, title, kind) = match self {
            Self::Presence => {
                ("presence".to_owned(), lang.pick("到岗", "Present").to_owned(), ColumnKind::Presence)
            }
            Self::Clock => ("clock".to_owned(), lang.pick("时钟", "Clock").to_owned(), ColumnKind::Clock),
            Self::Path(role, n) => {
                let number = if n > 1 { format!(" {n}") } else { String::new() };
                let word = if role == LinkRole::Primary { "primary" } else { "backup" };
                (format!("path.{word}.{n}"), format!("{}{number}", heading(role, lang)), ColumnKind::Path)
            }
            Self::Room(item) => {
                (format!("room.{}", item.code()), wording::room_item(item, lang).to_owned(), ColumnKind::Room)
            }
            Self::Call(backup, n) => {
                let number = if n > 1 { format!(" {n}") } else { String::new() };
                let word = if backup { "backup_call" } else { "call" };
                let title = if backup {
                    lang.pick("备用入会", "Backup call")
                } else {
                    lang.pick("入会", "Codec call")
                };
                (format!("{word}.{n}"), format!("{title}{number}"), ColumnKind::Call)
            }
            Self::Standby => {
                ("standby".to_owned(), lang.pick("备用 MCU", "Standby MCU").to_owned(), ColumnKind::Call)
            }
            Self::Confirm(item) => {
                let title = wording::confirm_item(item, lang).to_owned();
                (format!("confirm.{}", item.code()), title, ColumnKind::Confirm)
            }
        };
        Column { id, title, kind }
    }

    fn of(key: &CheckKey, inventory: &Inventory) -> Self {
        match &key.check {
            Check::Presence => Self::Presence,
            Check::Clock => Self::Clock,
            Check::Room { item } => Self::Room(*item),
            Check::Confirm { item } => Self::Confirm(*item),
            Check::Standby => Self::Standby,
            Check::CodecCall { endpoint } => Self::Call(false, nth(inventory, &key.venue, endpoint)),
            Check::BackupCall { endpoint } => Self::Call(true, nth(inventory, &key.venue, endpoint)),
            Check::Path { link } => {
                let role = inventory.links.get(link).map_or(LinkRole::Primary, |link| link.role);
                let peers = inventory.links_of(&key.venue);
                let peers = peers.iter().filter(|peer| peer.role == role).map(|peer| &peer.id);
                Self::Path(role, position(peers, link))
            }
        }
    }
}

/// Which of a venue's codecs it is, from 1.
fn nth(inventory: &Inventory, venue: &VenueId, endpoint: &EndpointId) -> usize {
    let mut own = inventory.endpoints.values().filter(|own| &own.venue == venue).map(|own| &own.id);
    own.position(|own| own == endpoint).map_or(1, |index| index + 1)
}

fn heading(role: LinkRole, lang: Lang) -> &'static str {
    match role {
        LinkRole::Primary => lang.pick("主用线路", "Primary link"),
        LinkRole::Backup => lang.pick("备用线路", "Backup link"),
    }
}

fn position<'a>(mut peers: impl Iterator<Item = &'a LinkId>, link: &LinkId) -> usize {
    peers.position(|peer| peer == link).map_or(1, |index| index + 1)
}

fn slots(round: &Round, inventory: &Inventory) -> Vec<Slot> {
    let slots: BTreeSet<Slot> = round.cells.keys().map(|key| Slot::of(key, inventory)).collect();
    slots.into_iter().collect()
}

/// The round's venues in seating order; one that has left the meeting since comes last.
fn order<'a>(round: &'a Round, meeting: &'a Meeting) -> Vec<&'a VenueId> {
    let planned: BTreeSet<&VenueId> = round.cells.keys().map(|key| &key.venue).collect();
    let mut order: Vec<&VenueId> = meeting.all_venues().filter(|venue| planned.contains(venue)).collect();
    let gone: Vec<&VenueId> = planned.into_iter().filter(|venue| !order.contains(venue)).collect();
    order.extend(gone);
    order
}

fn row(
    context: &Context<'_>,
    (snapshot, round): (&Snapshot, &Round),
    slots: &[Slot],
    meeting: &Meeting,
    venue: &VenueId,
) -> Row {
    let own: BTreeMap<Slot, &EngineCell> =
        round.cells_of(venue).map(|cell| (Slot::of(&cell.key, context.inventory), cell)).collect();
    let running = |cell: &EngineCell| snapshot.running.get(&(round.id, cell.key.clone())).copied();
    let cells: Vec<Option<Cell>> =
        slots.iter().map(|slot| own.get(slot).map(|cell| context.cell(cell, running(cell)))).collect();
    let standing = round.venue_verdict(venue, context.inventory);
    // An open cell leaves the verdict undecided, unless it is as bad already as a venue can be.
    let settled = !round.venue_awaits(venue) || standing >= Some(Verdict::Fail);
    let verdict = standing.filter(|_| settled);
    Row {
        venue: venue.clone(),
        name: venue_name(context.inventory, venue),
        main: &meeting.main_venue == venue,
        verdict,
        verdict_text: standing_word(&cells, verdict, context.lang),
        because: because(&cells),
        cells,
    }
}

/// The column of the worst cell, the first of equals; `None` when nothing is wrong.
fn because(cells: &[Option<Cell>]) -> Option<usize> {
    let verdicts =
        cells.iter().enumerate().filter_map(|(index, cell)| Some((cell.as_ref()?.verdict?, index)));
    let worst = verdicts.max_by_key(|(verdict, index)| (*verdict, std::cmp::Reverse(*index)))?;
    (worst.0 > Verdict::Pass).then_some(worst.1)
}

fn standing_word(cells: &[Option<Cell>], verdict: Option<Verdict>, lang: Lang) -> String {
    let runs = cells.iter().flatten().any(|cell| cell.state == CellState::Running);
    match verdict {
        Some(verdict) => wording::verdict(verdict, lang).to_owned(),
        None if runs => lang.pick("测试中", "testing").to_owned(),
        None => lang.pick("等待", "waiting").to_owned(),
    }
}

fn progress(rows: &[Row], round: &Round, at: Utc) -> Progress {
    let cells: Vec<&Cell> = rows.iter().flat_map(|row| row.cells.iter().flatten()).collect();
    let measured = |cell: &&&Cell| !matches!(cell.key.check, Check::Room { .. } | Check::Confirm { .. });
    let share = |cell: &Cell| match cell.state {
        CellState::Done => 1.0,
        CellState::Running => cell.progress.unwrap_or(0.0),
        CellState::Waiting => 0.0,
    };
    let work = cells.iter().filter(measured).count();
    let done: f64 = cells.iter().filter(measured).map(|cell| share(cell)).sum();
    let finished = |row: &&Row| {
        row.cells.iter().flatten().all(|cell| cell.state == CellState::Done || !measured(&&cell))
    };
    Progress {
        cells_done: cells.iter().filter(|cell| cell.state == CellState::Done).count(),
        cells: cells.len(),
        venues_done: rows.iter().filter(finished).count(),
        venues: rows.len(),
        elapsed_s: round.ended.map_or(at, |end| end.at).since(round.opened).as_s(),
        share: if work == 0 { 1.0 } else { done / work as f64 },
    }
}

fn counts(rows: &[Row]) -> Counts {
    let mut counts = Counts::default();
    for row in rows {
        let count = match row.verdict {
            Some(Verdict::Pass) => &mut counts.pass,
            Some(Verdict::Warn) => &mut counts.warn,
            Some(Verdict::Fail) => &mut counts.fail,
            Some(Verdict::TestBroke) => &mut counts.test_broke,
            Some(Verdict::NoAnswer) => &mut counts.no_answer,
            Some(Verdict::Waived) => &mut counts.waived,
            None => &mut counts.open,
        };
        *count += 1;
    }
    counts
}

/// What is not settled: cells that are not judged, failed, broke or were not answered, and were not waived.
fn open(rows: &[Row]) -> Vec<String> {
    let settled = |cell: &Cell| {
        cell.state == CellState::Done
            && matches!(cell.verdict, Some(Verdict::Pass | Verdict::Warn | Verdict::Waived))
    };
    rows.iter()
        .flat_map(|row| row.cells.iter().flatten().map(move |cell| (row, cell)))
        .filter(|(_, cell)| !settled(cell))
        .map(|(row, cell)| {
            format!("{} · {}", row.name, cell.link.clone().unwrap_or_else(|| cell.check.clone()))
        })
        .collect()
}

fn signatures(round: &Round, lang: Lang) -> Vec<Signature> {
    [Party::Technical, Party::Organiser, Party::User]
        .into_iter()
        .map(|party| {
            let signed = round.signatures.get(&party);
            Signature {
                party,
                party_text: wording::party(party, lang).to_owned(),
                person: signed.map(|signature| signature.person.clone()),
                at: signed.map(|signature| signature.at),
            }
        })
        .collect()
}
