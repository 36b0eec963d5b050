//! What an RMX is sent: one XML document per request, a transaction with one action. Knows no line and no reply.
//!
//! Which transaction carries which action, and in which order the elements stand, follows requests of a public
//! management program to an RMX 1800 with version 8.6.7. Of names and addresses nothing passes unescaped.

use std::fmt;

use zeroize::Zeroizing;

use crate::mcu::trust::Login;
use crate::mcu::xml::escaped;

/// The two numbers that a login gives and every later request carries. Never shown.
#[derive(Clone, PartialEq, Eq)]
pub struct Tokens {
    /// `MCU_TOKEN`.
    pub mcu: Zeroizing<String>,
    /// `MCU_USER_TOKEN`.
    pub user: Zeroizing<String>,
}

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Tokens(..)")
    }
}

/// A transaction with its action: the whole request but for the tokens, so it may be shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    transaction: Transaction,
    action: String,
}

/// The transactions that are used.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Transaction {
    Mcu,
    Resources,
    ConferenceList,
    /// Adds and removes parties, sets the layout.
    Conference1,
    /// Reads a conference, calls, mutes.
    Conference2,
    Party,
}

impl Transaction {
    const ALL: [Self; 6] =
        [Self::Mcu, Self::Resources, Self::ConferenceList, Self::Conference1, Self::Conference2, Self::Party];

    fn name(self) -> &'static str {
        match self {
            Self::Mcu => "TRANS_MCU",
            Self::Resources => "TRANS_RSRC_REPORT",
            Self::ConferenceList => "TRANS_CONF_LIST",
            Self::Conference1 => "TRANS_CONF_1",
            Self::Conference2 => "TRANS_CONF_2",
            Self::Party => "TRANS_PARTY",
        }
    }
}

impl Request {
    /// How the MCU is; also what keeps a session alive when sent every 15 s.
    pub fn state() -> Self {
        Self { transaction: Transaction::Mcu, action: "<GET_STATE/>".into() }
    }

    /// What it has room for.
    pub fn resources() -> Self {
        Self { transaction: Transaction::Resources, action: "<GET_CARMEL_REPORT/>".into() }
    }

    /// The conferences; `since` is the token of the reply that is known already, −1 asks for all.
    pub fn list(since: i64) -> Self {
        let action = format!("<GET_LS><OBJ_TOKEN>{since}</OBJ_TOKEN></GET_LS>");
        Self { transaction: Transaction::ConferenceList, action }
    }

    /// One conference with its parties; `since` as in [`Self::list`].
    pub fn conference(id: &str, since: i64) -> Self {
        let action = format!("<GET><ID>{}</ID><OBJ_TOKEN>{since}</OBJ_TOKEN></GET>", escaped(id));
        Self { transaction: Transaction::Conference2, action }
    }

    /// One party with the measurements of its channels: about 40 kB.
    pub fn party(conference: &str, party: &str) -> Self {
        let action = format!(
            "<GET><CONF_ID>{}</CONF_ID><PARTY_ID>{}</PARTY_ID></GET>",
            escaped(conference),
            escaped(party)
        );
        Self { transaction: Transaction::Party, action }
    }

    /// Calls a defined party, or hangs up.
    pub fn connect(conference: &str, party: &str, on: bool) -> Self {
        let action = format!(
            "<SET_CONNECT><ID>{}</ID><CONNECT>{on}</CONNECT><PARTY_ID>{}</PARTY_ID></SET_CONNECT>",
            escaped(conference),
            escaped(party)
        );
        Self { transaction: Transaction::Conference2, action }
    }

    /// Takes a party out of the conference, its definition included.
    pub fn delete(conference: &str, party: &str) -> Self {
        let action = format!(
            "<DELETE_PARTY><ID>{}</ID><PARTY_ID>{}</PARTY_ID></DELETE_PARTY>",
            escaped(conference),
            escaped(party)
        );
        Self { transaction: Transaction::Conference1, action }
    }

    /// Mutes what comes from a party, sound or pictures, or takes it back. What is not named stays as it is.
    pub fn mute(conference: &str, party: &str, what: MuteWhat, on: bool) -> Self {
        let tag = match what {
            MuteWhat::Audio => "AUDIO_MUTE",
            MuteWhat::Video => "VIDEO_MUTE",
        };
        let action = format!(
            "<SET_AUDIO_VIDEO_MUTE><ID>{}</ID><{tag}>{on}</{tag}><PARTY_ID>{}</PARTY_ID></SET_AUDIO_VIDEO_MUTE>",
            escaped(conference),
            escaped(party)
        );
        Self { transaction: Transaction::Conference2, action }
    }

    /// Sets what all see. `layout` is the device's word, such as `2x2`; which site stands where it chooses itself.
    pub fn layout(conference: &str, layout: &str) -> Self {
        let action = format!(
            "<SET_VIDEO_LAYOUT><ID>{}</ID><FORCE><LAYOUT>{}</LAYOUT></FORCE></SET_VIDEO_LAYOUT>",
            escaped(conference),
            escaped(layout)
        );
        Self { transaction: Transaction::Conference1, action }
    }

    /// Shows one party to all: a layout of one cell into which it is forced.
    pub fn show(conference: &str, party: &str) -> Self {
        let action = format!(
            "<SET_VIDEO_LAYOUT><ID>{}</ID><FORCE><LAYOUT>1x1</LAYOUT><CELL><ID>1</ID>\
             <FORCE_STATE>forced</FORCE_STATE><FORCE_ID>{}</FORCE_ID></CELL></FORCE></SET_VIDEO_LAYOUT>",
            escaped(conference),
            escaped(party)
        );
        Self { transaction: Transaction::Conference1, action }
    }

    /// Adds a party, which the MCU then calls.
    pub fn add(conference: &str, party: &NewParty<'_>) -> Self {
        let action = format!("<ADD_PARTY><ID>{}</ID>{}</ADD_PARTY>", escaped(conference), party.element());
        Self { transaction: Transaction::Conference1, action }
    }

    /// As a step of a dry run; [`Self::from_step`] reads it again.
    pub fn step(&self) -> String {
        format!("{} {}", self.transaction.name(), self.action)
    }

    /// The request of a step. `None` for what is no step of ours.
    pub fn from_step(step: &str) -> Option<Self> {
        let (name, action) = step.split_once(' ')?;
        let transaction = Transaction::ALL.into_iter().find(|each| each.name() == name)?;
        Some(Self { transaction, action: action.to_owned() })
    }

    /// The document as it is sent.
    pub fn document(&self, tokens: &Tokens, message: u32) -> Zeroizing<String> {
        document(self.transaction, &self.action, tokens, message)
    }
}

/// The login. `host` is what the MCU is called by; the document holds the secret.
pub fn login(host: &str, port: u16, login: &Login) -> Zeroizing<String> {
    let password = Zeroizing::new(escaped(&login.secret));
    let action = Zeroizing::new(format!(
        "<LOGIN><MCU_IP><IP>{}</IP><LISTEN_PORT>{port}</LISTEN_PORT><HOST_NAME/></MCU_IP>\
         <USER_NAME>{}</USER_NAME><PASSWORD>{}</PASSWORD><STATION_NAME>vcops</STATION_NAME></LOGIN>",
        escaped(host),
        escaped(&login.user),
        password.as_str()
    ));
    let none = Tokens { mcu: Zeroizing::new("0".into()), user: Zeroizing::new("0".into()) };
    document(Transaction::Mcu, &action, &none, 0)
}

fn document(transaction: Transaction, action: &str, tokens: &Tokens, message: u32) -> Zeroizing<String> {
    let name = transaction.name();
    Zeroizing::new(format!(
        "<{name}><TRANS_COMMON_PARAMS><MCU_TOKEN>{}</MCU_TOKEN><MCU_USER_TOKEN>{}</MCU_USER_TOKEN>\
         <MESSAGE_ID>{message}</MESSAGE_ID></TRANS_COMMON_PARAMS><ACTION>{action}</ACTION></{name}>",
        escaped(&tokens.mcu),
        escaped(&tokens.user)
    ))
}

/// What is muted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MuteWhat {
    /// Its sound.
    Audio,
    /// Its pictures.
    Video,
}

/// A party to be called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NewParty<'a> {
    name: &'a str,
    place: Place<'a>,
    kbps: Option<u32>,
}

/// Where a party is called.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place<'a> {
    Sip(&'a str),
    H323Ip(std::net::Ipv4Addr),
    H323Alias(&'a str),
}

impl<'a> NewParty<'a> {
    /// A party with a name, an address (`sip:a@b`, `h323:alias`, `h323:10.0.0.7`, or one without a scheme, which is
    /// H.323 where it is an IPv4 address and SIP otherwise) and a rate in kbit/s. That the rate is written in kbit/s,
    /// as the conference's is, is an assumption; without one the party takes the conference's.
    pub fn new(name: &'a str, address: &'a str, kbps: Option<u32>) -> Self {
        Self { name, place: place(address), kbps }
    }

    fn element(&self) -> String {
        let (interface, alias, ip, port, sip) = match self.place {
            Place::Sip(uri) => ("sip", "", "0.0.0.0".to_owned(), 5060, uri),
            Place::H323Ip(ip) => ("h323", "", ip.to_string(), 1720, ""),
            Place::H323Alias(alias) => ("h323", alias, "0.0.0.0".to_owned(), 1720, ""),
        };
        let rate = self.kbps.map_or("automatic".to_owned(), |kbps| kbps.to_string());
        format!(
            "<PARTY><NAME>{}</NAME><ID></ID><INTERFACE>{interface}</INTERFACE>\
             <CONNECTION>dial_out</CONNECTION><VIDEO_PROTOCOL>auto</VIDEO_PROTOCOL>\
             <CALL_CONTENT>framed</CALL_CONTENT>\
             <ALIAS><NAME>{}</NAME><ALIAS_TYPE>323_id</ALIAS_TYPE></ALIAS>\
             <IP>{ip}</IP><SIGNALING_PORT>{port}</SIGNALING_PORT><AUTO_DETECT>false</AUTO_DETECT>\
             <VIDEO_BIT_RATE>{rate}</VIDEO_BIT_RATE><LAYOUT_TYPE>conference</LAYOUT_TYPE>\
             <SIP_ADDRESS>{}</SIP_ADDRESS><SIP_ADDRESS_TYPE>uri_type</SIP_ADDRESS_TYPE>\
             <UNDEFINED>false</UNDEFINED><NODE_TYPE>terminal</NODE_TYPE><ENCRYPTION_EX>auto</ENCRYPTION_EX></PARTY>",
            escaped(self.name),
            escaped(alias),
            escaped(sip)
        )
    }
}

fn place(address: &str) -> Place<'_> {
    let bare = bare(address);
    match (bare.parse(), address.starts_with("h323:")) {
        (Ok(ip), _) => Place::H323Ip(ip),
        (Err(_), true) => Place::H323Alias(bare),
        (Err(_), false) => Place::Sip(bare),
    }
}

/// An address without its scheme, as the RMX writes it.
pub(super) fn bare(address: &str) -> &str {
    ["sip:", "sips:", "h323:"].iter().find_map(|scheme| address.strip_prefix(scheme)).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::mcu::xml;

    fn tokens() -> Tokens {
        Tokens { mcu: Zeroizing::new("17".into()), user: Zeroizing::new("18".into()) }
    }

    #[test]
    fn a_request_is_one_action_in_its_transaction_with_both_tokens() {
        let document = Request::connect("100", "2", false).document(&tokens(), 5);
        let read = xml::parse(document.as_bytes()).unwrap();
        assert!(read.is("TRANS_CONF_2"));
        let common = ["TRANS_COMMON_PARAMS", "MCU_TOKEN"];
        assert_eq!(read.text_at(&common), Some("17"));
        let action = read.at(&["ACTION", "SET_CONNECT"]).unwrap();
        let fields = ["ID", "CONNECT", "PARTY_ID"].map(|name| action.text_at(&[name]).unwrap());
        assert_eq!(fields, ["100", "false", "2"]);
    }

    #[test]
    fn a_name_with_markup_stays_a_name() {
        let hostile = "</NAME><DELETE_CONF/>&";
        let party = NewParty::new(hostile, "sip:a@b", None);
        let document = Request::add("100", &party).document(&tokens(), 5);
        let read = xml::parse(document.as_bytes()).unwrap();
        assert_eq!(read.text_at(&["ACTION", "ADD_PARTY", "PARTY", "NAME"]), Some(hostile));
        assert_eq!(read.at(&["ACTION"]).unwrap().children.len(), 1);
    }

    #[test]
    fn an_address_is_called_by_the_protocol_it_names() {
        let cases = [
            ("sip:40031@172.16.100.232", Place::Sip("40031@172.16.100.232")),
            ("40031@172.16.100.232", Place::Sip("40031@172.16.100.232")),
            ("10.1.3.150", Place::H323Ip("10.1.3.150".parse().unwrap())),
            ("h323:10.1.3.150", Place::H323Ip("10.1.3.150".parse().unwrap())),
            ("h323:0731001", Place::H323Alias("0731001")),
        ];
        for (address, wanted) in cases {
            assert_eq!(place(address), wanted, "{address}");
        }
        let rated = NewParty::new("A县", "10.1.3.150", Some(1920)).element();
        assert!(rated.contains("<VIDEO_BIT_RATE>1920</VIDEO_BIT_RATE>"), "{rated}");
    }

    #[test]
    fn a_step_is_the_request_and_shows_no_token() {
        let request = Request::mute("100", "2", MuteWhat::Audio, true);
        assert_eq!(Request::from_step(&request.step()), Some(request));
        assert_eq!(Request::from_step("TRANS_OTHER <X/>"), None);
        let secret = Login { user: "a".into(), secret: Zeroizing::new("<p&ss>".into()) };
        let document = login("10.0.0.1", 80, &secret);
        let read = xml::parse(document.as_bytes()).unwrap();
        assert_eq!(read.text_at(&["ACTION", "LOGIN", "PASSWORD"]), Some("<p&ss>"));
    }
}
