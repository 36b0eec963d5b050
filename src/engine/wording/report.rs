//! 首报, 续报, 终报: reports to leaders as ready texts, to be copied as they are.

use std::collections::BTreeSet;

use jiff::tz::TimeZone;

use crate::domain::id::VenueId;
use crate::domain::inventory::Inventory;
use crate::domain::lang::Lang;
use crate::domain::time::Utc;
use crate::engine::state::{Incident, Run};

/// Venues that a line names; of more it says how many.
const NAMED_MAX: usize = 3;

/// Which report.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report {
    /// 首报: what happened.
    First,
    /// 续报: how it stands.
    Further,
    /// 终报: how it ended.
    Last,
}

impl Report {
    /// Every report, in the order in which they are given.
    pub const ALL: [Self; 3] = [Self::First, Self::Further, Self::Last];

    /// The stable word.
    pub fn code(self) -> &'static str {
        match self {
            Self::First => "first",
            Self::Further => "further",
            Self::Last => "last",
        }
    }
}

/// Venues in a few words: three by name, of more the number.
pub fn venues(inventory: &Inventory, venues: &BTreeSet<VenueId>, lang: Lang) -> String {
    let name = |id: &VenueId| inventory.venues.get(id).map_or(id.to_string(), |venue| venue.name.clone());
    let named: Vec<String> = venues.iter().take(NAMED_MAX).map(name).collect();
    match (venues.len(), lang) {
        (0, Lang::Zh) => "公共部分".to_owned(),
        (0, Lang::En) => "what venues share".to_owned(),
        (count, Lang::Zh) if count > NAMED_MAX => format!("{}等 {count} 个会场", named.join("、")),
        (count, Lang::En) if count > NAMED_MAX => format!("{} and others, {count} venues", named.join(", ")),
        (_, Lang::Zh) => named.join("、"),
        (_, Lang::En) => named.join(", "),
    }
}

/// What a report is about.
#[derive(Debug, Clone, Copy)]
pub struct About<'a> {
    /// The incident.
    pub incident: &'a Incident,
    /// The plan that it runs or ran.
    pub run: Option<&'a Run>,
    /// Where the names come from.
    pub inventory: &'a Inventory,
    /// The moment of the report.
    pub now: Utc,
    /// The zone of its times.
    pub zone: &'a TimeZone,
}

impl About<'_> {
    /// A report as a text to be copied.
    pub fn report(&self, which: Report, lang: Lang) -> String {
        match lang {
            Lang::Zh => self.zh(which),
            Lang::En => self.en(which),
        }
    }

    fn venues(&self, lang: Lang) -> String {
        let all = self.incident.venues().into_iter().cloned().collect();
        venues(self.inventory, &all, lang)
    }

    fn meeting(&self) -> Option<&str> {
        let id = self.incident.assessment.meeting.as_ref()?;
        self.inventory.meetings.get(id).map(|meeting| meeting.name.as_str())
    }

    fn minutes(&self, until: Utc) -> u64 {
        until.since(self.incident.times.onset).0.div_ceil(60_000_000)
    }

    fn step(&self) -> Option<&crate::domain::lang::Text> {
        self.run.and_then(Run::step).map(|step| &step.title)
    }

    fn done(&self, lang: Lang) -> Vec<String> {
        let Some(run) = self.run else { return Vec::new() };
        let mut left: Vec<_> = run.left.values().filter(|left| left.outcome.code() == "done").collect();
        left.sort_by_key(|left| left.at);
        let title = |step| run.plan.step(step).map(|step| step.title.pick(lang).to_owned());
        left.into_iter().filter_map(|left| title(&left.step)).collect()
    }

    fn zh(&self, which: Report) -> String {
        let assessment = &self.incident.assessment;
        let meeting = self.meeting().map(|name| format!("《{name}》")).unwrap_or_default();
        let (onset, class) = (self.incident.times.onset.clock(self.zone), assessment.class.zh());
        let head = format!("{onset}，{meeting}{}发生{class}。", self.venues(Lang::Zh));
        let done = self.done(Lang::Zh);
        let done =
            if done.is_empty() { "正在核实".to_owned() } else { format!("已{}", done.join("、已")) };
        let step = self.step().map(|step| format!("，正在{}", step.zh)).unwrap_or_default();
        match which {
            Report::First => {
                format!("【首报】{head}研判：{}。{done}{step}。后续情况续报。", assessment.reason.zh)
            }
            Report::Further => {
                let state = match self.incident.times.mitigated {
                    Some(at) => format!("{} 已临时恢复(备用)", at.clock(self.zone)),
                    None => format!(
                        "截至 {} 尚未恢复，已 {} 分钟",
                        self.now.clock(self.zone),
                        self.minutes(self.now)
                    ),
                };
                format!("【续报】{head}{state}。{done}{step}。")
            }
            Report::Last => match self.incident.times.resolved {
                Some(at) => format!(
                    "【终报】{head}{} 故障排除，历时 {} 分钟。{done}。详见故障分析报告。",
                    at.clock(self.zone),
                    self.minutes(at)
                ),
                None => format!("【终报】{head}尚未故障排除，暂不能终报。"),
            },
        }
    }

    fn en(&self, which: Report) -> String {
        let assessment = &self.incident.assessment;
        let meeting = self.meeting().map(|name| format!(" in \"{name}\"")).unwrap_or_default();
        let (onset, class) = (self.incident.times.onset.clock(self.zone), assessment.class.en());
        let head = format!("{onset}{meeting}, {}: {class}.", self.venues(Lang::En));
        let done = self.done(Lang::En);
        let done =
            if done.is_empty() { "being checked".to_owned() } else { format!("done: {}", done.join("; ")) };
        let step = self.step().map(|step| format!("; now: {}", step.en)).unwrap_or_default();
        match which {
            Report::First => {
                format!("[First report] {head} Why: {}. {done}{step}. More follows.", assessment.reason.en)
            }
            Report::Further => {
                let state = match self.incident.times.mitigated {
                    Some(at) => format!("By a makeshift since {}", at.clock(self.zone)),
                    None => format!("Not restored after {} min", self.minutes(self.now)),
                };
                format!("[Further report] {head} {state}. {done}{step}.")
            }
            Report::Last => match self.incident.times.resolved {
                Some(at) => format!(
                    "[Last report] {head} Resolved {} after {} min. {done}.",
                    at.clock(self.zone),
                    self.minutes(at)
                ),
                None => format!("[Last report] {head} Not resolved yet: no last report."),
            },
        }
    }
}
