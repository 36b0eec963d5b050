//! The text of a message, within the length that a channel permits.
//!
//! What marks a drill, what names the notice and how to answer are never cut; the body is cut first, then the reason
//! is left out, then the title is cut.

use super::channel::TextLimit;
use super::message::{Answering, Message};
use crate::domain::lang::Lang;
use crate::domain::notice::Urgency;

/// Put where something was cut.
const CUT: &str = "…";

/// How much room a channel has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// Lines: robots, mail, log.
    Full,
    /// One paragraph: text messages.
    Short,
}

/// The text of a message.
pub fn compose(message: &Message, style: Style, limit: TextLimit) -> String {
    let whole = Parts::of(message, style);
    let fits = |text: &str| limit.length(text) <= limit.most();
    let full = whole.join(style, &message.body, Some(&message.why));
    if fits(&full) {
        return full;
    }
    let bare = whole.join(style, "", None);
    let room = limit.most().saturating_sub(limit.length(&bare) + 2);
    let body = cut(&message.body, limit, room);
    let text = whole.join(style, &body, None);
    if fits(&text) {
        return text;
    }
    let over = limit.length(&bare).saturating_sub(limit.most());
    let title = cut(&whole.title, limit, limit.length(&whole.title).saturating_sub(over));
    Parts { title, ..whole }.join(style, "", None)
}

/// The title with its marks, for a subject line.
pub fn subject(message: &Message) -> String {
    let parts = Parts::of(message, Style::Full);
    format!("{}{} ({})", parts.marks, parts.title, message.key.0)
}

/// The first characters of a text that fit, with a sign where something was cut.
pub fn cut(text: &str, limit: TextLimit, most: usize) -> String {
    if limit.length(text) <= most {
        return text.to_owned();
    }
    let most = most.saturating_sub(limit.length(CUT));
    let mut kept = String::new();
    let mut length = 0;
    for c in text.chars() {
        length += limit.length(c.encode_utf8(&mut [0; 4]));
        if length > most {
            break;
        }
        kept.push(c);
    }
    if kept.is_empty() { kept } else { kept + CUT }
}

#[derive(Debug)]
struct Parts {
    marks: String,
    title: String,
    answer: String,
    name: String,
    why_word: &'static str,
}

impl Parts {
    fn of(message: &Message, style: Style) -> Self {
        let lang = message.lang;
        let mut marks = String::new();
        if message.drill {
            marks.push_str(lang.pick("【演练】", "[DRILL] "));
        }
        if message.unrecorded {
            marks.push_str(lang.pick("【未记录】", "[NOT RECORDED] "));
        }
        if message.urgency == Urgency::Urgent {
            marks.push_str(lang.pick("【紧急】", "[URGENT] "));
        }
        let name = match (style, &message.site) {
            (Style::Full, site) if !site.is_empty() => format!("{site} {}", message.key.0),
            (Style::Full | Style::Short, _) => message.key.0.clone(),
        };
        Self {
            marks,
            title: message.title.clone(),
            answer: message.answer.as_ref().map(|answer| answering(answer, lang, style)).unwrap_or_default(),
            name,
            why_word: lang.pick("发送原因：", "Why you: "),
        }
    }

    fn join(&self, style: Style, body: &str, why: Option<&str>) -> String {
        let head = format!("{}{}", self.marks, self.title);
        let why = why.filter(|why| !why.is_empty()).map(|why| format!("{}{why}", self.why_word));
        let (line, name) = match style {
            Style::Full => ("\n", self.name.clone()),
            Style::Short => (" ", format!("[{}]", self.name)),
        };
        let parts = [head.as_str(), body, why.as_deref().unwrap_or_default(), &self.answer, &name];
        parts.into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(line)
    }
}

fn answering(answer: &Answering, lang: Lang, style: Style) -> String {
    let code = answer.code.as_ref().map(|code| match style {
        Style::Full => lang.pick(
            format!("短信回复 {code} 表示收到，回复 {code} 0 表示无法处理。"),
            format!("Reply {code} by text message to take it, {code} 0 if you cannot."),
        ),
        Style::Short => lang
            .pick(format!("收到回{code}，无法处理回{code} 0"), format!("Reply {code}=ok, {code} 0=cannot")),
    });
    let link =
        answer.link.as_ref().map(|link| lang.pick(format!("确认：{link}"), format!("Confirm: {link}")));
    let line = if style == Style::Full { "\n" } else { " " };
    [code, link].into_iter().flatten().collect::<Vec<_>>().join(line)
}

#[cfg(test)]
mod tests {
    use super::super::message::tests::message;
    use super::*;

    #[test]
    fn a_full_text_says_what_why_how_to_answer_and_its_name() {
        let mut message = message();
        message.answer = Some(Answering { code: Some("3817".into()), link: Some("https://hub/a/x".into()) });
        assert_eq!(
            compose(&message, Style::Full, TextLimit::Bytes(2048)),
            "【紧急】主用 MCU 失联\n13 个分会场无图像无声音\n发送原因：您是今天的值班员\n\
             短信回复 3817 表示收到，回复 3817 0 表示无法处理。\n确认：https://hub/a/x\n市视联 12-3"
        );
    }

    #[test]
    fn what_names_the_notice_and_how_to_answer_is_never_cut() {
        let mut message = message();
        message.drill = true;
        message.body = "很长的正文".repeat(100);
        message.answer = Some(Answering { code: Some("3817".into()), link: None });
        for most in [50, 55, 70, 140, 210] {
            let limit = TextLimit::Units(most);
            let text = compose(&message, Style::Short, limit);
            assert!(limit.length(&text) <= most, "{most}: {text}");
            assert!(text.starts_with("【演练】【紧急】主"), "{text}");
            assert!(text.ends_with("收到回3817，无法处理回3817 0 [12-3]"), "{text}");
        }
        let tight = compose(&message, Style::Short, TextLimit::Units(42));
        assert_eq!(tight, "【演练】【紧急】主用 MCU… 收到回3817，无法处理回3817 0 [12-3]");
    }

    #[test]
    fn a_cut_falls_between_characters() {
        for most in 0..30 {
            let text = cut("甲乙😀丙", TextLimit::Bytes(most), most);
            assert!(text.len() <= most.max(13), "{most} {text}");
            let text = cut("甲乙😀丙", TextLimit::Units(most), most);
            assert!(text.encode_utf16().count() <= most, "{most} {text}");
        }
    }
}
