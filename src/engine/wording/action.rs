//! Actions in words: what one would do and whom it would touch, before anybody presses the button.

use super::device::does;
use crate::domain::lang::Lang;
use crate::observation::action::{Action, Force};

/// Most names in one sentence.
const NAMES_MAX: usize = 6;

/// How much an action disturbs.
pub fn force(force: Force, lang: Lang) -> &'static str {
    match force {
        Force::Gentle => lang.pick("会场无感", "nobody notices"),
        Force::OneSite => {
            lang.pick("只影响一个会场的画面或声音", "changes what one site sees or how it is heard")
        }
        Force::OneSiteLeaves => lang.pick("一个会场短暂离会", "one site leaves for a moment"),
        Force::Conference => lang.pick("全体会场可见", "every site sees it"),
        Force::ConferenceLeaves => lang.pick("全体会场短暂离会", "every site leaves for a moment"),
        Force::Device => lang.pick("影响该设备上的所有会议", "touches every conference on the device"),
    }
}

/// The blast radius in a sentence.
pub(in crate::engine) fn preview(action: &Action, touches: &[String], lang: Lang) -> String {
    let what = does(action.does(), lang);
    let how = force(action.force(), lang);
    let named: Vec<&str> = touches.iter().take(NAMES_MAX).map(String::as_str).collect();
    let (names, count) = (named.join(lang.pick("、", ", ")), touches.len());
    let more = if count > NAMES_MAX { lang.pick("等", " …") } else { "" };
    match (lang, count) {
        (Lang::Zh, 0) => format!("{what}：{how}"),
        (Lang::En, 0) => format!("{what}: {how}"),
        (Lang::Zh, _) => format!("{what}：{how}；涉及 {count} 个会场：{names}{more}"),
        (Lang::En, _) => format!("{what}: {how}; {count} sites: {names}{more}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::mcu::{ConferenceRef, ParticipantRef};

    #[test]
    fn the_blast_radius_reads() {
        let (conference, participant) = (ConferenceRef::new("c"), ParticipantRef::new("7"));
        let redial = Action::Redial { conference, participant };
        let names = ["桂东县".to_owned()];
        assert_eq!(preview(&redial, &names, Lang::Zh), "挂断、重呼：一个会场短暂离会；涉及 1 个会场：桂东县");
        let many: Vec<String> = (0..9).map(|n| format!("v{n}")).collect();
        let drain = Action::Drain { on: true };
        let text = preview(&drain, &many, Lang::En);
        assert_eq!(
            text,
            "take no new calls: touches every conference on the device; 9 sites: v0, v1, v2, v3, v4, v5 …"
        );
    }
}
