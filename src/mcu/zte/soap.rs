//! SOAP 1.1 as ZTE's service speaks it: remote calls with encoded values, as Axis 1.4 writes them. Total over any bytes;
//! asks nothing.
//!
//! Axis writes an object once, as a `multiRef` beside the answer, and points to it. What is pointed to is put in its
//! place here, with a bound on how much that may become, for a few hundred bytes can point to each other endlessly.

use std::collections::BTreeMap;

use serde_json::Value;

use super::super::fault::{AuthWhy, Fault};
use super::super::xml::{self, Element, escaped};

/// Deepest nesting after what is pointed to is in its place.
const DEPTH_MAX: usize = 32;
/// Most elements after what is pointed to is in its place.
const ELEMENTS_MAX: usize = 200_000;

/// A call. `fields` is an object of texts, numbers, lists of texts and objects; `token` is what a login gave.
pub fn call(operation: &str, fields: &Value, token: Option<&str>) -> String {
    let token = token.map(|token| format!("<Token>{}</Token>", escaped(token))).unwrap_or_default();
    let request = capitalised(operation);
    let inside = written(fields);
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\
         <soapenv:Envelope xmlns:soapenv=\"http://schemas.xmlsoap.org/soap/envelope/\" \
         xmlns:soapenc=\"http://schemas.xmlsoap.org/soap/encoding/\" \
         xmlns:xsd=\"http://www.w3.org/2001/XMLSchema\" xmlns:xsi=\"http://www.w3.org/2001/XMLSchema-instance\" \
         xmlns:m900=\"http://m900.zte.com\" xmlns:req=\"http://request.m900.zte.com\">\
         <soapenv:Header><AuthHeader><Version>1</Version>{token}</AuthHeader></soapenv:Header>\
         <soapenv:Body><m900:{operation} soapenv:encodingStyle=\"http://schemas.xmlsoap.org/soap/encoding/\">\
         <req xsi:type=\"req:{request}Request\">{inside}</req></m900:{operation}></soapenv:Body></soapenv:Envelope>"
    )
}

fn written(fields: &Value) -> String {
    let all = fields.as_object().into_iter().flatten();
    all.map(|(name, value)| field(name, value)).collect()
}

fn field(name: &str, value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(flag) => format!("<{name} xsi:type=\"xsd:boolean\">{flag}</{name}>"),
        Value::Number(number) => format!("<{name} xsi:type=\"xsd:int\">{number}</{name}>"),
        Value::String(text) => format!("<{name} xsi:type=\"xsd:string\">{}</{name}>", escaped(text)),
        Value::Object(_) => format!("<{name}>{}</{name}>", written(value)),
        Value::Array(entries) => {
            let inside: String = entries.iter().map(|entry| field("item", entry)).collect();
            let count = entries.len();
            format!(
                "<{name} xsi:type=\"soapenc:Array\" soapenc:arrayType=\"xsd:string[{count}]\">{inside}</{name}>"
            )
        }
    }
}

fn capitalised(word: &str) -> String {
    let mut chars = word.chars();
    chars.next().map_or_else(String::new, |first| first.to_ascii_uppercase().to_string() + chars.as_str())
}

/// What an answer returns, everything in its place, when its result is 200. Else what the service said no with.
pub fn returned(bytes: &[u8]) -> Result<Element, Fault> {
    let envelope = xml::parse(bytes)?;
    let body = envelope.child("Body").filter(|_| envelope.is("Envelope"));
    let body = body.ok_or_else(|| shape("no envelope"))?;
    if let Some(fault) = body.child("Fault") {
        return Err(refusal(fault));
    }
    let known = body.children("multiRef").filter_map(|part| Some((part.attribute("id")?, part)));
    let placing = &mut Placing { known: known.collect(), left: ELEMENTS_MAX };
    let answer =
        body.children.iter().find(|child| !child.is("multiRef")).ok_or_else(|| shape("an empty body"))?;
    let answer = answer.children.first().ok_or_else(|| shape("an answer without a return"))?;
    let answer = placing.place(answer, 0)?;
    match answer.text_at(&["result"]).or_else(|| answer.text_at(&["status"])) {
        Some("200") => Ok(answer),
        Some(code) => Err(said(code)),
        None => Err(shape("no `result`")),
    }
}

struct Placing<'a> {
    known: BTreeMap<&'a str, &'a Element>,
    left: usize,
}

impl Placing<'_> {
    fn place(&mut self, element: &Element, depth: usize) -> Result<Element, Fault> {
        self.left = self.left.checked_sub(1).ok_or_else(|| shape("too many elements"))?;
        if depth > DEPTH_MAX {
            return Err(shape("too deep, or pointing in a circle"));
        }
        let pointed = element.attribute("href").and_then(|href| href.strip_prefix('#'));
        let source = match pointed {
            Some(id) => *self.known.get(id).ok_or_else(|| shape("points to nothing"))?,
            None => element,
        };
        let children = source.children.iter().map(|child| self.place(child, depth + 1));
        Ok(Element {
            name: element.name.clone(),
            attributes: Vec::new(),
            children: children.collect::<Result<_, _>>()?,
            text: source.text.clone(),
        })
    }
}

fn shape(why: &str) -> Fault {
    Fault::Shape(format!("SOAP: {why}"))
}

/// A SOAP fault: Axis tells a refused login or token by the words of the fault.
fn refusal(fault: &Element) -> Fault {
    let words = fault.text_at(&["faultstring"]).unwrap_or_default();
    let lower = words.to_ascii_lowercase();
    if ["token", "auth", "login", "session"].iter().any(|word| lower.contains(word)) {
        return Fault::Auth(AuthWhy::Expired);
    }
    let code = fault.text_at(&["faultcode"]).unwrap_or("fault").to_owned();
    Fault::Said { code, words: words.chars().take(120).collect() }
}

fn said(code: &str) -> Fault {
    Fault::Said { code: code.chars().take(60).collect(), words: String::new() }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn answer(inside: &str) -> String {
        format!(
            "<soapenv:Envelope xmlns:soapenv='http://schemas.xmlsoap.org/soap/envelope/'><soapenv:Body>\
             {inside}</soapenv:Body></soapenv:Envelope>"
        )
    }

    #[test]
    fn a_call_is_escaped_and_carries_the_token_in_its_header() {
        let fields = json!({"conferenceIdentifier": "a<b&c", "page": 1, "terminalIdentifier": ["1", "2"]});
        let text = call("connectParticipant", &fields, Some("tok"));
        let envelope = xml::parse(text.as_bytes()).unwrap();
        assert_eq!(envelope.text_at(&["Header", "AuthHeader", "Token"]), Some("tok"));
        let request = envelope.at(&["Body", "connectParticipant", "req"]).unwrap();
        assert_eq!(request.attribute("type"), Some("req:ConnectParticipantRequest"));
        assert_eq!(request.text_at(&["conferenceIdentifier"]), Some("a<b&c"));
        assert_eq!(request.child("terminalIdentifier").unwrap().children.len(), 2);
    }

    #[test]
    fn what_is_pointed_to_is_put_in_its_place() {
        let text = answer(
            "<ns1:getXResponse xmlns:ns1='m'><getXReturn href='#id0'/></ns1:getXResponse>\
             <multiRef id='id0'><result>200</result><list><list href='#id1'/><list href='#id1'/></list></multiRef>\
             <multiRef id='id1'><name>A县</name></multiRef>",
        );
        let found = returned(text.as_bytes()).unwrap();
        let list = found.child("list").unwrap();
        assert_eq!(
            list.children.iter().filter_map(|one| one.text_at(&["name"])).collect::<Vec<_>>(),
            ["A县", "A县"]
        );
    }

    #[test]
    fn what_points_in_a_circle_or_swells_is_refused() {
        let circle =
            answer("<r><x href='#a'/></r><multiRef id='a'><result>200</result><b href='#a'/></multiRef>");
        assert!(matches!(returned(circle.as_bytes()), Err(Fault::Shape(_))));
        let mut swelling = String::from("<r><x href='#i0'/></r>");
        for level in 0..20 {
            let next = format!("<y href='#i{}'/>", level + 1).repeat(10);
            swelling.push_str(&format!("<multiRef id='i{level}'>{next}</multiRef>"));
        }
        swelling.push_str("<multiRef id='i20'>.</multiRef>");
        assert!(matches!(returned(answer(&swelling).as_bytes()), Err(Fault::Shape(_))));
    }

    #[test]
    fn results_and_faults_have_their_meaning() {
        let result = |code: &str| {
            let inside = format!("<r><x><result>{code}</result></x></r>");
            returned(answer(&inside).as_bytes())
        };
        assert!(result("200").is_ok());
        assert_eq!(result("30012"), Err(Fault::Said { code: "30012".into(), words: String::new() }));
        let fault = |words: &str| {
            let inside = format!(
                "<soapenv:Fault><faultcode>soapenv:Server</faultcode><faultstring>{words}</faultstring></soapenv:Fault>"
            );
            returned(answer(&inside).as_bytes()).unwrap_err()
        };
        assert_eq!(fault("Token invalid"), Fault::Auth(AuthWhy::Expired));
        assert!(matches!(fault("NullPointerException"), Fault::Said { .. }));
        for bad in [
            "<html/>",
            "<Envelope/>",
            "<Envelope><Body/></Envelope>",
            "<Envelope><Body><a/></Body></Envelope>",
        ] {
            assert!(matches!(returned(bad.as_bytes()), Err(Fault::Shape(_))), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn any_bytes_are_read_without_a_panic(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
            let _ = returned(&bytes);
        }

        #[test]
        fn any_text_survives_a_call(text in "\\PC{0,60}") {
            let written = call("login", &json!({"userName": text}), None);
            let read = xml::parse(written.as_bytes()).unwrap();
            let found = read.text_at(&["Body", "login", "req", "userName"]).unwrap_or_default().to_owned();
            let fit = |c: &char| !c.is_control() && !matches!(c, '\u{fffe}' | '\u{ffff}');
            let wanted: String = text.chars().filter(fit).collect();
            prop_assert_eq!(found.as_str(), wanted.trim());
        }
    }
}
