//! A gateway's request, with places to be filled in: `{mobile}`, `{text}`, `{key}`, `{user}`, `{secret}`, `{time}`,
//! `{millis}`, `{sign}`.
//!
//! What is filled in is escaped for where it stands: in the URL and in forms by percent signs, in JSON and XML as these
//! want it. So a text can never become an instruction to the gateway.

use encoding_rs::{Encoding, GB18030, UTF_8};
use jiff::Timestamp;
use jiff::tz::{Offset, TimeZone};
use md5::{Digest as _, Md5};
use reqwest::Method;
use sha2::Sha256;
use url::Url;

use super::Account;
use crate::notify::fault::{Class, Code, Fault};

/// The places there are.
const PLACES: &[&str] = &["mobile", "text", "key", "user", "secret", "time", "millis", "sign"];

/// What the body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// `application/json`.
    Json,
    /// `application/x-www-form-urlencoded`.
    Form,
    /// `text/xml`.
    Xml,
}

/// In which characters the gateway wants to be spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    /// UTF-8.
    Utf8,
    /// GBK, in its newest form GB 18030.
    Gbk,
}

/// How `{sign}` is made of its own template, as lower-case hexadecimal digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Digesting {
    /// MD5, which many gateways still ask for.
    Md5,
    /// SHA-256.
    Sha256,
}

/// A template as the settings write it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TemplateText {
    /// `GET` or `POST`.
    pub post: bool,
    /// The URL.
    pub url: String,
    /// Further headers.
    pub headers: Vec<(String, String)>,
    /// The body; empty for none.
    pub body: String,
    /// What the body is.
    pub kind: Kind,
    /// In which characters.
    pub charset: Charset,
    /// What `{sign}` is made of, if the gateway wants one.
    pub sign: Option<(Digesting, String)>,
}

/// Why a template cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum BadTemplate {
    /// A place of that name does not exist.
    #[error("no place is called {{{0}}}")]
    Place(String),
    /// Neither URL nor body have this place.
    #[error("{{{0}}} stands nowhere")]
    Missing(&'static str),
    /// The URL is none, or is neither http nor https.
    #[error("not a URL of http or https")]
    Url,
    /// `{sign}` is used and not described, or described by itself.
    #[error("{{sign}} is not described")]
    Sign,
}

/// A template that can be used.
#[derive(Clone, PartialEq, Eq)]
pub struct Template(TemplateText);

impl std::fmt::Debug for Template {
    /// The URL may hold a secret that was not put in by its place.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Template(…)")
    }
}

/// What is filled in.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fill<'a> {
    pub(super) mobile: &'a str,
    pub(super) text: &'a str,
    pub(super) key: &'a str,
    pub(super) account: &'a Account,
    pub(super) now: Timestamp,
}

/// A request.
#[derive(Debug)]
pub(super) struct Filled {
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Escape {
    Percent,
    Json,
    Xml,
    None,
}

impl Template {
    /// Checks that every place exists and that number and text stand somewhere.
    pub fn new(text: TemplateText) -> Result<Self, BadTemplate> {
        let headers = text.headers.iter().map(|(_, value)| value.as_str());
        let parts: Vec<&str> = headers.chain([text.url.as_str(), &text.body]).collect();
        let sign = text.sign.as_ref().map(|(_, sign)| sign.as_str()).unwrap_or_default();
        for place in parts.iter().chain([&sign]).flat_map(|part| places(part)) {
            if !PLACES.contains(&place) {
                return Err(BadTemplate::Place(place.to_owned()));
            }
        }
        let stands = |place: &str| parts.iter().any(|part| places(part).any(|found| found == place));
        if let Some(missing) = ["mobile", "text"].into_iter().find(|place| !stands(place)) {
            return Err(BadTemplate::Missing(missing));
        }
        if (stands("sign") && text.sign.is_none()) || places(sign).any(|place| place == "sign") {
            return Err(BadTemplate::Sign);
        }
        let plain = replace(&text.url, |_| "0".to_owned());
        let url: Url = plain.parse().map_err(|_| BadTemplate::Url)?;
        let spoken = matches!(url.scheme(), "http" | "https") && url.has_host();
        if spoken { Ok(Self(text)) } else { Err(BadTemplate::Url) }
    }

    pub(super) fn fill(&self, fill: &Fill<'_>) -> Result<Filled, Fault> {
        let template = &self.0;
        let sign = template.sign.as_ref().map(|(digesting, text)| self.sign(*digesting, text, fill));
        let sign = sign.unwrap_or_default();
        let put =
            |text: &str, escape| replace(text, |place| self.escaped(&value(place, fill, &sign), escape));
        let url = put(&template.url, Escape::Percent);
        let url = url.parse().map_err(|_| Fault::new(Class::Final, Code::Ours, "the URL cannot be built"))?;
        let (escape, content_type) = match template.kind {
            Kind::Json => (Escape::Json, "application/json"),
            Kind::Form => (Escape::Percent, "application/x-www-form-urlencoded"),
            Kind::Xml => (Escape::Xml, "text/xml"),
        };
        let mut headers: Vec<(String, String)> =
            template.headers.iter().map(|(name, value)| (name.clone(), put(value, Escape::None))).collect();
        let body = self.encoding().encode(&put(&template.body, escape)).0.into_owned();
        if !body.is_empty() {
            let charset = if template.charset == Charset::Gbk { "; charset=gbk" } else { "; charset=utf-8" };
            headers.push(("content-type".into(), format!("{content_type}{charset}")));
        }
        let method = if template.post { Method::POST } else { Method::GET };
        Ok(Filled { method, url, headers, body })
    }

    fn sign(&self, digesting: Digesting, text: &str, fill: &Fill<'_>) -> String {
        let text = replace(text, |place| value(place, fill, ""));
        let bytes = self.encoding().encode(&text).0;
        match digesting {
            Digesting::Md5 => hex::encode(Md5::digest(&bytes)),
            Digesting::Sha256 => hex::encode(Sha256::digest(&bytes)),
        }
    }

    fn encoding(&self) -> &'static Encoding {
        match self.0.charset {
            Charset::Utf8 => UTF_8,
            Charset::Gbk => GB18030,
        }
    }

    fn escaped(&self, text: &str, escape: Escape) -> String {
        match escape {
            Escape::None => text.to_owned(),
            Escape::Percent => {
                let bytes = self.encoding().encode(text).0;
                url::form_urlencoded::byte_serialize(&bytes).collect::<String>().replace('+', "%20")
            }
            Escape::Json => {
                let quoted = serde_json::Value::from(text).to_string();
                quoted[1..quoted.len() - 1].to_owned()
            }
            Escape::Xml => quick_xml::escape::escape(text).into_owned(),
        }
    }
}

fn value(place: &str, fill: &Fill<'_>, sign: &str) -> String {
    match place {
        "mobile" => fill.mobile.to_owned(),
        "text" => fill.text.to_owned(),
        "key" => fill.key.to_owned(),
        "user" => fill.account.user.clone(),
        "secret" => fill.account.secret.to_string(),
        "millis" => fill.now.as_millisecond().to_string(),
        // Gateways in China mean their own clock.
        "time" => {
            fill.now.to_zoned(TimeZone::fixed(Offset::constant(8))).strftime("%Y%m%d%H%M%S").to_string()
        }
        "sign" => sign.to_owned(),
        _ => String::new(),
    }
}

/// The names between `{` and `}`. Braces of JSON are told apart: a name has small letters alone.
fn places(text: &str) -> impl Iterator<Item = &str> {
    text.split('{').skip(1).filter_map(|rest| {
        let (name, _) = rest.split_once('}')?;
        let is_name = !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_lowercase());
        is_name.then_some(name)
    })
}

fn replace(text: &str, put: impl Fn(&str) -> String) -> String {
    let mut pieces = text.split('{');
    let mut out = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        match piece.split_once('}') {
            Some((name, rest)) if PLACES.contains(&name) => {
                out.push_str(&put(name));
                out.push_str(rest);
            }
            Some(_) | None => {
                out.push('{');
                out.push_str(piece);
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text() -> TemplateText {
        TemplateText {
            post: true,
            url: "https://sms.example/send?m={mobile}&s={sign}".into(),
            headers: vec![("x-key".into(), "{secret}".into())],
            body: r#"{"to":"{mobile}","content":"{text}","id":"{key}","at":"{time}"}"#.into(),
            kind: Kind::Json,
            charset: Charset::Utf8,
            sign: Some((Digesting::Md5, "{user}{secret}{millis}".into())),
        }
    }

    fn fill(template: &Template, text: &str) -> Filled {
        let account = Account { user: "gov".into(), secret: "s3cret".to_owned().into() };
        let now = "2026-11-28T01:02:03Z".parse().unwrap();
        template.fill(&Fill { mobile: "13800000001", text, key: "12-3", account: &account, now }).unwrap()
    }

    #[test]
    fn places_are_filled_and_escaped_for_where_they_stand() {
        let template = Template::new(text()).unwrap();
        let filled = fill(&template, "图像\"丢失\",\"to\":\"110\"\n");
        let body: serde_json::Value = serde_json::from_slice(&filled.body).unwrap();
        assert_eq!(body["content"], "图像\"丢失\",\"to\":\"110\"\n");
        assert_eq!((&body["to"], &body["at"]), (&"13800000001".into(), &"20261128090203".into()));
        // md5("govs3cret1795827723000")
        assert_eq!(
            filled.url.as_str(),
            "https://sms.example/send?m=13800000001&s=82862f5117df3144d87d27388cf6f635"
        );
        assert_eq!(filled.headers[0], ("x-key".into(), "s3cret".into()));
    }

    #[test]
    fn a_gateway_of_gbk_is_spoken_to_in_gbk() {
        let body = String::from("mobile={mobile}&content={text}");
        let form = TemplateText { kind: Kind::Form, charset: Charset::Gbk, body, ..text() };
        let filled = fill(&Template::new(form).unwrap(), "图像 &a=b");
        assert_eq!(filled.body, b"mobile=13800000001&content=%CD%BC%CF%F1%20%26a%3Db");
        let body = String::from("<m><to>{mobile}</to><c>{text}</c></m>");
        let xml = TemplateText { kind: Kind::Xml, body, ..text() };
        let filled = fill(&Template::new(xml).unwrap(), "<b>&");
        assert_eq!(filled.body, "<m><to>13800000001</to><c>&lt;b&gt;&amp;</c></m>".as_bytes());
    }

    #[test]
    fn a_template_that_cannot_work_is_refused() {
        let with = |change: fn(&mut TemplateText)| {
            let mut text = text();
            change(&mut text);
            Template::new(text).unwrap_err()
        };
        assert_eq!(with(|text| text.body = "{text} {phone}".into()), BadTemplate::Place("phone".into()));
        assert_eq!(with(|text| text.body = "{mobile}".into()), BadTemplate::Missing("text"));
        assert_eq!(with(|text| text.url = "ftp://x/{mobile}".into()), BadTemplate::Url);
        assert_eq!(with(|text| text.sign = None), BadTemplate::Sign);
        assert_eq!(with(|text| text.sign = Some((Digesting::Md5, "{sign}".into()))), BadTemplate::Sign);
    }
}
