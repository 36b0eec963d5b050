//! Stories in virtual time: a text file says what happens and what is expected, a golden file beside it holds the
//! whole timeline. `UPDATE=1` writes the golden files anew.

use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use vcops::domain::actor::Actor;
use vcops::domain::check::{Check, RoomItem, RoundId, RoundKind};
use vcops::domain::id::{AgentId, LinkId, MeetingId, TrunkId, VenueId};
use vcops::domain::incident::IncidentId;
use vcops::domain::inventory::{Change, Inventory, Item};
use vcops::domain::lang::Lang;
use vcops::domain::notice::{Delivery, Recipient};
use vcops::domain::time::{Span, US_PER_S, Utc, Window};
use vcops::engine::effect::{Effect, Outcome};
use vcops::engine::escalation::PagingChange;
use vcops::engine::event::{Durable, Event, What};
use vcops::engine::input::{Command, Input, Party, RetestScope, RoomOutcome};
use vcops::engine::{record, wording};

use super::care;
use super::world::{Line, World, key, path};

/// Plays every story and compares its timeline.
#[test]
fn stories_go_as_told() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/scenarios");
    let mut stories: Vec<PathBuf> =
        std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    stories.retain(|path| path.extension().is_some_and(|ext| ext == "txt"));
    stories.sort();
    assert!(stories.len() >= 10, "the stories are gone");
    let update = std::env::var_os("UPDATE").is_some();
    let mut otherwise = Vec::new();
    for story in stories {
        // What went wrong is told where it went wrong; the other stories are played all the same.
        let Ok(timeline) = std::panic::catch_unwind(|| play(&story)) else {
            otherwise.push(story);
            continue;
        };
        let golden = story.with_extension("timeline");
        if update {
            std::fs::write(&golden, &timeline).unwrap();
        }
        let expected = std::fs::read_to_string(&golden).unwrap_or_default();
        if timeline != expected {
            let differs = timeline.lines().zip(expected.lines()).find(|(is, was)| is != was);
            println!("{}: {differs:?}; UPDATE=1 accepts it", story.display());
            otherwise.push(story);
        }
    }
    assert!(otherwise.is_empty(), "{otherwise:?} went otherwise");
}

struct Stage {
    world: World,
    told: usize,
    last: Outcome,
}

fn play(file: &Path) -> String {
    let text = std::fs::read_to_string(file).unwrap();
    let mut lines = text.lines().enumerate().map(|(n, line)| (n + 1, line.trim()));
    let mut told = lines.by_ref().filter(|(_, line)| !line.is_empty() && !line.starts_with('#'));
    let (_, first) = told.next().expect("a story begins");
    let starts = first.strip_prefix("start ").expect("a story begins with `start`");
    let world = World::new(&starts.replacen(' ', "T", 1));
    let mut stage = Stage { world, told: 0, last: Outcome::Done };
    let mut out = String::new();
    for (n, line) in told {
        let words: Vec<&str> = line.split_whitespace().collect();
        let went = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| stage.tell(&words, line)));
        assert!(went.is_ok(), "{}:{n}: {line}\nso far:\n{out}{}", file.display(), stage.timeline());
        writeln!(out, "> {line}").unwrap();
        out.push_str(&stage.timeline());
    }
    out
}

impl Stage {
    fn tell(&mut self, words: &[&str], line: &str) {
        if self.world.tell_streams(words) {
            return;
        }
        if let Some(outcome) = self.world.tell_devices(words).or_else(|| self.world.tell_plans(words, line)) {
            self.last = outcome;
            return;
        }
        if self.tell_meeting(words) || self.world.tell_own(words) {
            return;
        }
        match words {
            ["city", starts, venues @ ..] => self.world.city(venues, starts, |inventory| {
                inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = false);
            }),
            ["trunk", id, links @ ..] => self.trunk(id, links),
            ["room", items @ ..] => self.edit(|inventory| {
                let profile = inventory.profiles.values_mut().next().unwrap();
                profile.room = items.iter().map(|item| room_item(item)).collect();
            }),
            ["no_test", venue, from, until] => self.edit(|inventory| {
                let window = Window { from: Utc::parse(from).unwrap(), until: Utc::parse(until).unwrap() };
                inventory.venues.get_mut(&VenueId::parse(venue).unwrap()).unwrap().no_test.push(window);
            }),
            ["meeting", starts] => self.edit(|inventory| {
                inventory
                    .meetings
                    .values_mut()
                    .for_each(|meeting| meeting.starts = Utc::parse(starts).unwrap());
            }),
            ["automatic", "rounds"] => self.edit(|inventory| {
                inventory.meetings.values_mut().for_each(|meeting| meeting.automatic_rounds = true);
            }),
            ["beat", agents @ ..] => self.world.beating.extend(agents.iter().map(ToString::to_string)),
            ["silence", agents @ ..] => agents.iter().for_each(|agent| {
                self.world.beating.remove(*agent);
            }),
            ["line", link, how @ ..] => {
                self.world.lines.insert((*link).to_owned(), line_of(how));
            }
            ["pass", seconds] => self.world.pass(Span::seconds(seconds.parse().unwrap())),
            ["until", at] => {
                let span = Utc::parse(at).unwrap().since(self.world.now.utc);
                self.world.pass(span);
            }
            ["step", seconds] => {
                let by_us = seconds.parse::<i64>().unwrap() * US_PER_S;
                self.world.now.utc = Utc(self.world.now.utc.0 + by_us);
                self.world.input(Input::ClockStepped { by_us });
            }
            ["restart"] => self.world.restart(),
            ["off", seconds] => {
                self.world.now.utc = self.world.now.utc + Span::seconds(seconds.parse().unwrap());
                self.world.restart();
            }
            ["expect", rest @ ..] => self.expect(rest),
            _ => {
                let command = command(words, line);
                let actor = Actor::Local { uid: 1000, name: "tech".to_owned() };
                self.last = self.world.command_as(actor, command);
            }
        }
    }

    /// Tells what the meeting is like and which network a venue is on; whether it was about that.
    fn tell_meeting(&mut self, words: &[&str]) -> bool {
        match words {
            ["agenda", items @ ..] => {
                let item = |item: &&str| {
                    let (venue, at) = item.split_once('@').unwrap_or((item, ""));
                    serde_json::json!({"venue": venue, "at": Utc::parse(at), "title": ""})
                };
                let agenda: Vec<serde_json::Value> = items.iter().map(item).collect();
                let agenda = serde_json::from_value(agenda.into()).unwrap();
                self.edit(|inventory| inventory.meetings.values_mut().next().unwrap().agenda = agenda);
            }
            ["class", class] => self.edit(|inventory| {
                inventory.meetings.values_mut().next().unwrap().class = word(class);
            }),
            ["owner", owner] => self.edit(|inventory| {
                inventory.meetings.values_mut().next().unwrap().owner = word(owner);
            }),
            ["network", venue, network] => self.edit(|inventory| {
                let venue = VenueId::parse(venue).unwrap();
                let links = inventory.links.values_mut().filter(|link| link.venue == venue);
                links.for_each(|link| link.network = word(network));
            }),
            _ => return false,
        }
        true
    }

    fn edit(&mut self, edit: impl FnOnce(&mut Inventory)) {
        let base = self.world.state.durable.inventory.version;
        let mut after = self.world.state.durable.inventory.clone();
        edit(&mut after);
        let changes: Vec<Change> = after.items().map(Change::Put).collect();
        self.last =
            self.world.command(Command::SubmitInventory { base, changes, origin: "story".to_owned() });
        assert_eq!(self.last, Outcome::Version(base + 1));
    }

    fn trunk(&mut self, id: &str, links: &[&str]) {
        let trunk: Item =
            serde_json::from_value(serde_json::json!({"trunk": {"id": id, "name": id}})).unwrap();
        self.edit(|inventory| {
            inventory.apply(&Change::Put(trunk));
            for link in links {
                let link = inventory.links.get_mut(&LinkId::parse(link).unwrap()).unwrap();
                link.trunk = Some(TrunkId::parse(id).unwrap());
            }
        });
    }

    fn expect(&self, words: &[&str]) {
        let durable = &self.world.state.durable;
        let round = durable.rounds.values().next_back();
        match words {
            ["done"] => assert_eq!(self.last, Outcome::Done),
            ["ordered", key] => {
                let Outcome::Ordered(found) = &self.last else { panic!("{:?}", self.last) };
                assert!(found.0.starts_with(&format!("{key}-")), "{found:?}");
            }
            ["refused", code] => {
                let Outcome::Refused(refusal) = &self.last else { panic!("{:?}", self.last) };
                assert_eq!(serde_json::to_value(refusal).unwrap()["code"], *code);
            }
            ["cell", venue, check, rest @ ..] => {
                let key = key(venue, check_of(check));
                let judged = round.unwrap().cells[&key].latest.as_ref().expect("judged").judgement.clone();
                let direction = judged.direction.map(|way| tag(&way));
                let words = [Some(tag(&judged.verdict)), Some(tag(&judged.reason)), direction];
                assert_eq!(words.into_iter().flatten().collect::<Vec<_>>(), rest);
            }
            ["venue", venue, verdict] => {
                let venue = VenueId::parse(venue).unwrap();
                let found = round.unwrap().venue_verdict(&venue, &durable.inventory).expect("judged");
                assert_eq!(tag(&found), *verdict);
            }
            ["round", number, "open"] => assert!(durable.rounds[&RoundId(number.parse().unwrap())].is_open()),
            ["round", number, "ended"] => {
                assert!(!durable.rounds[&RoundId(number.parse().unwrap())].is_open())
            }
            ["rounds", count] => assert_eq!(durable.rounds.len(), count.parse::<usize>().unwrap()),
            ["findings", count] => assert_eq!(durable.findings.len(), count.parse::<usize>().unwrap()),
            ["cause", "of", rule, stream, rest @ ..] => {
                let cause = self.world.finding(rule, stream).expect("raised").cause.as_ref();
                let cause = cause.map_or_else(|| "none".to_owned(), ToString::to_string);
                assert_eq!(cause, rest.join(" "));
            }
            ["cause", rest @ ..] => {
                let named = |cause: &str| cause == rest.join(" ");
                let causes = durable.findings.values().filter_map(|finding| finding.cause.as_ref());
                let shown: Vec<String> = causes.map(ToString::to_string).collect();
                assert!(!shown.is_empty() && shown.iter().all(|cause| named(cause)), "{shown:?}");
            }
            ["calls", count] => assert_eq!(self.world.calls().to_string(), *count),
            ["found", rest @ ..] => assert!(self.found(rest), "{:?}", durable.findings.keys()),
            ["nothing", rest @ ..] => assert!(!self.found(rest), "{rest:?} is raised"),
            ["no", rule, stream] => assert!(self.world.finding(rule, stream).is_none(), "{rule} {stream}"),
            ["fresh", stream, yes] => {
                let stream = &self.world.state.picture.streams.each[&stream.parse().unwrap()];
                assert_eq!(stream.fresh(self.world.now.mono).to_string(), *yes);
            }
            [severity @ ("information" | "warning" | "severe" | "critical"), rule, stream] => {
                let found = self.world.finding(rule, stream).expect("raised");
                assert_eq!(found.severity.code(), *severity);
            }
            ["plan" | "at" | "over", ..] => self.world.expect_plan(words),
            ["running", count] => {
                assert_eq!(self.world.state.picture.tests.len(), count.parse::<usize>().unwrap());
            }
            other => {
                assert!(care::expected(&self.world, other), "nothing is known about expecting {other:?}")
            }
        }
    }

    /// Whether a finding of that rule and subject is raised, as the journal writes them.
    fn found(&self, words: &[&str]) -> bool {
        let named = words.join(" ");
        self.world.state.durable.findings.keys().any(|key| key.to_string() == named)
    }

    /// What was decided since the last call, a line each.
    fn timeline(&mut self) -> String {
        let zone = jiff::tz::TimeZone::get("Asia/Shanghai").unwrap();
        let mut out = String::new();
        let steps = self.world.recording.iter().zip(&self.world.decisions).skip(self.told);
        for ((now, _), decision) in steps {
            for event in &decision.events {
                if let Event::Durable(event) = event {
                    writeln!(out, "{} {}", now.utc.clock(&zone), self.event(event)).unwrap();
                }
            }
            for line in decision.effects.iter().filter_map(effect) {
                writeln!(out, "{} {line}", now.utc.clock(&zone)).unwrap();
            }
        }
        self.told = self.world.recording.len();
        out
    }

    fn event(&self, event: &Durable) -> String {
        let inventory = &self.world.state.durable.inventory;
        let record = record::encode(event);
        let head = format!("{} {}", record.kind, record.subject);
        match &event.what {
            What::CheckJudged { judgement, .. } => {
                let verdict = wording::verdict(judgement.verdict, Lang::Zh);
                let text = wording::text(judgement, inventory, Lang::Zh);
                format!("{head} #{} {verdict}: {text}", judgement.attempt)
            }
            What::RoundOpened { round_kind, automatic, plan, .. } => {
                let how = if *automatic { "automatic" } else { "asked" };
                format!("{head} {} {how}, {} cells", tag(round_kind), plan.len())
            }
            What::RetestAsked { keys, .. } => format!("{head} {} cells", keys.len()),
            What::RoundEnded { closed, .. } => format!("{head} closed={closed}"),
            What::FindingRaised { finding, .. } if finding.rule.is_stream() || finding.rule.is_device() => {
                format!("{head} {}", care::raised(event, inventory))
            }
            What::FindingWeighed { severity, proof, .. } => {
                let sure = proof.as_ref().map(|proof| tag(&proof.sure)).unwrap_or_default();
                let pictures = proof.as_ref().is_some_and(|proof| proof.evidence.is_some());
                format!("{head} {} {sure} pictures={pictures}", wording::severity(*severity, Lang::Zh))
            }
            What::CauseParted { members, .. } => format!("{head} for {} findings", members.len()),
            What::CauseFound { members, .. } => format!("{head} for {} findings", members.len()),
            What::FindingRaised { finding, .. } => {
                let raised = self.world.state.durable.findings.get(finding);
                let cause = raised.and_then(|raised| wording::cause(raised, inventory, Lang::En));
                format!("{head} {}", cause.unwrap_or_else(|| "alone".to_owned()))
            }
            What::IncidentOpened { opening, .. } => format!("{head}{}", care::opened(opening)),
            What::IncidentChanged { change, .. } => format!("{head}{}", care::told(change)),
            What::AlarmsChanged { alarms, change } => {
                format!("{head} {} 项{}", alarms.len(), care::put(change))
            }
            What::FloodChanged { flood, count } => format!("{head} flood={flood} {count} in 10 min"),
            What::PlanBegun { plan, why, first, .. } => {
                let first = first.step.as_ref().map(ToString::to_string).unwrap_or_default();
                format!("{head} v{}: {} → {first}", plan.version, why.zh)
            }
            What::StepChanged { change, .. } => {
                format!("{head}: {}", vcops::report::changed(change, Lang::Zh))
            }
            What::PlanEnded { why, .. } => format!("{head}: {}", why.zh),
            What::PagingChanged { change, .. } => format!("{head} {}", paging(change, event.at)),
            What::DutyChanged { .. } => head,
            What::SignedOff { party, person, .. } => format!("{head} {} {person}", tag(party)),
            What::CheckWaived { why, .. } => format!("{head} {why}"),
            What::RoomRecorded { outcome, note, .. } => format!("{head} {} {note}", tag(outcome)),
            What::RollCalled { answer, .. } => format!("{head} {}", tag(answer)),
            What::Started { .. }
            | What::InventoryChanged { .. }
            | What::FindingCleared { .. }
            | What::ConsentGiven { .. }
            | What::AgentInvited { .. }
            | What::AgentEnrolled { .. }
            | What::AgentRevoked { .. }
            | What::EvidenceKept { .. }
            | What::ConfirmRecorded { .. }
            | What::CallOrdered { .. }
            | What::CallEnded { .. }
            | What::ActionOrdered { .. }
            | What::ActionReported { .. }
            | What::ActionDecided { .. }
            | What::ActionFrozen { .. }
            | What::ActionThawed { .. }
            | What::IdentityChanged { .. }
            | What::Gap { .. } => head,
        }
    }
}

/// Who was told on which rung, and when the next is due.
fn paging(change: &PagingChange, at: Utc) -> String {
    match change {
        PagingChange::Paged { rung, told, next, .. } => {
            let told: Vec<String> = told
                .iter()
                .map(|it| format!("{}{}", it.to, if it.digest { " (digest)" } else { "" }))
                .collect();
            let told = if told.is_empty() { "nobody".to_owned() } else { told.join(" and ") };
            let next = next.map(|next| format!(", next in {} s", next.since(at).0 / 1_000_000));
            format!("rung {rung}: {told}{}", next.unwrap_or_default())
        }
        PagingChange::Delivered { notice, delivery } => format!("{} {}", notice.0, delivered(delivery)),
        PagingChange::Answered { person, means, answer, .. } => {
            format!("{person} by {}: {}", tag(means), tag(answer))
        }
        PagingChange::Stopped { why } => format!("stopped: {}", why.zh),
    }
}

fn delivered(delivery: &Delivery) -> String {
    match delivery {
        Delivery::Accepted { channel } => format!("accepted by {channel}"),
        Delivery::Failed { channel, code, .. } => format!("given up, last by {channel}: {code}"),
        Delivery::Nowhere => "has no channel".to_owned(),
    }
}

fn effect(effect: &Effect) -> Option<String> {
    match effect {
        Effect::Reply { outcome: Outcome::Refused(refusal), .. } => {
            Some(format!("  refused: {}", wording::refusal(refusal, Lang::Zh)))
        }
        Effect::Reply { .. } | Effect::TellAgent { .. } => None,
        Effect::Act { order } => Some(format!("  act {} on {}", order.key.0, order.device)),
        Effect::LookAt { order } => Some(format!("  look whether {} happened", order.key.0)),
        Effect::CallCodec { order } => {
            Some(format!("  call {} {} from {}", order.test, order.endpoint, order.mcu))
        }
        Effect::EndCall { order } => Some(format!("  hang up {} {}", order.test, order.endpoint)),
        Effect::Prove { order } => Some(format!("  prove {} {}", order.test, order.mcu)),
        Effect::Notify { notice } => {
            let to = match &notice.to {
                Recipient::Person(person) => person.to_string(),
                Recipient::Channel => "channel".to_owned(),
            };
            Some(format!("  notify {to}: {} · {}", notice.title.zh, notice.why.zh))
        }
        Effect::TestPath { order, after_ms } => {
            Some(format!("  test {} {} +{after_ms} ms", order.test, order.link))
        }
        Effect::CancelTest { test } => Some(format!("  cancel {test}")),
    }
}

fn command(words: &[&str], line: &str) -> Command {
    let round = RoundId(words.get(1).and_then(|word| word.parse().ok()).unwrap_or(0));
    let after = |word: &str| line.split_once(word).map_or("", |(_, rest)| rest).trim().to_owned();
    match words {
        ["open", kind] => Command::OpenRound {
            meeting: MeetingId::parse("m").unwrap(),
            kind: round_kind(kind),
            venues: Vec::new(),
        },
        ["close", _] => Command::CloseRound { round },
        ["retest", _, "not_passed"] => Command::Retest { round, scope: RetestScope::NotPassed },
        ["retest", _, venue] => {
            Command::Retest { round, scope: RetestScope::Venue(VenueId::parse(venue).unwrap()) }
        }
        ["waive", _, venue, check, ..] => {
            Command::Waive { round, key: key(venue, check_of(check)), why: after(" because") }
        }
        ["record", _, venue, item, outcome, ..] => Command::RecordRoom {
            round,
            venue: VenueId::parse(venue).unwrap(),
            item: room_item(item),
            outcome: word::<RoomOutcome>(outcome),
            note: after(" note"),
            photo: None,
            by_telephone_from: None,
        },
        ["sign", _, party, person] => {
            Command::SignOff { round, party: word::<Party>(party), person: (*person).to_owned() }
        }
        ["roll_call", venue, answer] => Command::RecordRollCall {
            meeting: MeetingId::parse("m").unwrap(),
            venue: VenueId::parse(venue).unwrap(),
            answer: word(answer),
        },
        ["consent", venue] => {
            let from = Utc::parse("2026-11-01T00:00:00Z").unwrap();
            let window = Window { from, until: Utc::parse("2026-12-01T00:00:00Z").unwrap() };
            Command::GiveConsent { venue: VenueId::parse(venue).unwrap(), window }
        }
        ["incident", id, ask @ ..] => Command::Incident {
            incident: IncidentId(id.parse().unwrap()),
            ask: care::incident_ask(ask, &after(" because")),
        },
        ["alarm", ask @ ..] => care::alarm_ask(ask, &after(" because")),
        ["revoke", agent] => {
            Command::RevokeAgent { agent: AgentId::parse(agent).unwrap(), why: "故事".to_owned() }
        }
        other => panic!("nobody knows how to {other:?}"),
    }
}

fn line_of(how: &[&str]) -> Line {
    match how {
        ["clean"] => Line::Clean { rtt_ms: 4.0 },
        ["rtt", ms] => Line::Clean { rtt_ms: ms.parse().unwrap() },
        ["loses", lost, "in", "runs", "of", run, "at", second] => Line::Lossy {
            lost: lost.parse().unwrap(),
            run: run.parse().unwrap(),
            second: second.parse().unwrap(),
        },
        ["dead"] => Line::Dead,
        ["no", "socket"] => Line::NoSocket,
        other => panic!("no line is {other:?}"),
    }
}

fn check_of(word: &str) -> Check {
    match word.split_once(':') {
        None if word == "presence" => Check::Presence,
        None if word == "clock" => Check::Clock,
        None if word == "standby" => Check::Standby,
        Some(("path", link)) => path(link),
        Some(("call", endpoint)) => Check::CodecCall { endpoint: endpoint.parse().unwrap() },
        Some(("backup_call", endpoint)) => Check::BackupCall { endpoint: endpoint.parse().unwrap() },
        Some(("room", item)) => Check::Room { item: room_item(item) },
        Some(_) | None => panic!("no check is {word}"),
    }
}

fn round_kind(text: &str) -> RoundKind {
    word(text)
}

fn room_item(text: &str) -> RoomItem {
    word(text)
}

pub(super) fn word<T: serde::de::DeserializeOwned>(text: &str) -> T {
    serde_json::from_value(serde_json::Value::String(text.to_owned())).unwrap()
}

pub(super) fn tag(value: &impl serde::Serialize) -> String {
    serde_json::to_value(value).unwrap().as_str().unwrap().to_owned()
}
