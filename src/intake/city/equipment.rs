//! Equipment with the limits of its readings, and how any device is spoken to.

use std::collections::BTreeMap;

use crate::domain::address::{ADDRESS_BYTES_MAX, AddressForm, BadAddress, check, check_beside};
use crate::domain::id::{CredentialId, MappingId};
use crate::domain::inventory::{Equipment, Item};
use crate::domain::lang::Text;
use crate::domain::mcu::{ConferenceRef, Control, Interface, TestConference};
use crate::domain::reading::{READING_NAME_BYTES_MAX, ReadingLimit, ReadingName};
use crate::intake::fields::{Fields, Reading, table};
use crate::intake::meeting::Context;
use crate::intake::mistake::Mistake;
use crate::intake::names::id;
use crate::intake::tree::Node;
use crate::intake::value::{finite, parsed, text, word};

/// What has a control, and which interfaces it may have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Controlled {
    Mcu,
    Endpoint,
    Equipment,
}

pub(super) fn equipment(fields: &mut Fields<'_, '_>, cx: &Context<'_>) -> Option<Item> {
    let own = fields.need("id", id);
    let name = fields.need("name", text);
    let region = fields.need("region", cx.names.refers());
    let venue = fields.maybe("venue", cx.names.refers());
    let kind = fields.need("kind", word);
    let control = fields.maybe("control", control(Controlled::Equipment));
    let limits = fields.or("limits", BTreeMap::new(), limits);
    let equipment = Equipment { id: own?, name: name?, region: region?, venue, kind: kind?, control, limits };
    Some(Item::Equipment(equipment))
}

/// How a device is spoken to. What was written as an address is not repeated in a message: it may hold a password.
pub(super) fn control(of: Controlled) -> impl Fn(&mut Reading, &Node) -> Option<Control> {
    move |reading, node| {
        let table = table(reading, node)?;
        let mut fields = Fields::new(reading, table, node.at);
        let interface: Option<Interface> = fields.need("interface", word);
        let address = fields.need("address", text);
        let beside = fields.maybe("beside", text);
        let credential = fields.maybe("credential", parsed(credential));
        let mapping = fields.maybe("mapping", parsed(mapping));
        if let Some(interface) = interface {
            addresses_fit(&mut fields, interface, address.as_deref(), beside.as_deref());
            mapping_fits(&mut fields, interface);
            if !fits(of, interface) {
                fields.refuse(fields.place("interface"), strange_interface(interface));
            }
        }
        let clean = fields.finish();
        let control = Control { interface: interface?, address: address?, beside, credential, mapping };
        clean.then_some(control)
    }
}

/// An MCU's conference for tests: by its own name, by the address that is called to join it, or both.
pub(super) fn test_conference(reading: &mut Reading, node: &Node) -> Option<TestConference> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let conference = fields.maybe("conference", text).map(|name| ConferenceRef::new(&name));
    let address = fields.maybe("address", text);
    if let Some(Err(bad)) = address.as_deref().map(|text| check(AddressForm::Sip, text)) {
        fields.refuse(fields.place("address"), bad_address(bad, Interface::Sip));
    }
    if !fields.has("conference") && !fields.has("address") {
        fields.refuse(fields.at, Mistake::missing_field("conference"));
    }
    fields.finish().then_some(TestConference { conference, address })
}

fn addresses_fit(
    fields: &mut Fields<'_, '_>,
    interface: Interface,
    address: Option<&str>,
    beside: Option<&str>,
) {
    if let Some(Err(bad)) = address.map(|text| check(interface.address_form(), text)) {
        fields.refuse(fields.place("address"), bad_address(bad, interface));
    }
    if let Some(Err(bad)) = beside.map(|text| check_beside(interface, text)) {
        fields.refuse(fields.place("beside"), bad_address(bad, interface));
    }
}

fn mapping_fits(fields: &mut Fields<'_, '_>, interface: Interface) {
    let takes_one = matches!(interface, Interface::Json | Interface::Snmp | Interface::Prometheus);
    match fields.has("mapping") {
        false if interface == Interface::Json => fields.refuse(fields.at, no_mapping()),
        true if !takes_one => fields.refuse(fields.place("mapping"), needless_mapping(interface)),
        _ => {}
    }
}

fn credential(text: &str) -> Result<CredentialId, Mistake> {
    CredentialId::parse(text).map_err(|why| Mistake::bad_id(text, &why))
}

fn mapping(text: &str) -> Result<MappingId, Mistake> {
    MappingId::parse(text).map_err(|why| Mistake::bad_id(text, &why))
}

/// Endpoints have no rosters and equipment takes no calls, so neither is spoken to by an MCU's interface.
fn fits(of: Controlled, interface: Interface) -> bool {
    let general = matches!(interface, Interface::Snmp | Interface::Prometheus | Interface::Json);
    let endpoint = matches!(interface, Interface::Te | Interface::Roomos);
    let either = matches!(interface, Interface::Sip | Interface::Zte | Interface::Kedacom);
    match of {
        Controlled::Mcu => !endpoint,
        Controlled::Endpoint => general || endpoint || either,
        Controlled::Equipment => general,
    }
}

/// Limits by the name of the reading; the names are free, so that any sensor can be watched.
fn limits(reading: &mut Reading, node: &Node) -> Option<BTreeMap<ReadingName, ReadingLimit>> {
    let table = table(reading, node)?;
    let limits: Vec<Option<(ReadingName, ReadingLimit)>> = table
        .entries
        .iter()
        .map(|entry| {
            let name = ReadingName::parse(&entry.key).ok_or_else(|| bad_name(&entry.key));
            let name = reading.keep(entry.at, name);
            let limit = reading.within(&entry.key, |reading| limit(reading, &entry.node));
            Some((name?, limit?))
        })
        .collect();
    limits.into_iter().collect()
}

fn limit(reading: &mut Reading, node: &Node) -> Option<ReadingLimit> {
    let table = table(reading, node)?;
    let mut fields = Fields::new(reading, table, node.at);
    let limit = ReadingLimit {
        severe_below: fields.maybe("severe_below", finite),
        warn_below: fields.maybe("warn_below", finite),
        warn_above: fields.maybe("warn_above", finite),
        severe_above: fields.maybe("severe_above", finite),
    };
    if !fields.finish() {
        return None;
    }
    reading.keep(node.at, if limit.holds() { Ok(limit) } else { Err(limits_out_of_order()) })
}

fn bad_address(bad: BadAddress, interface: Interface) -> Mistake {
    let (kind, what, remedy) = match bad {
        BadAddress::TooLong => (
            "address_too_long",
            Text::new(
                format!("接口地址超过 {ADDRESS_BYTES_MAX} 字节"),
                format!("the address has more than {ADDRESS_BYTES_MAX} bytes"),
            ),
            example(interface.address_form()),
        ),
        BadAddress::Character => (
            "address_character",
            Text::new("接口地址中有空格或控制字符", "the address holds blanks or control characters"),
            Text::new("删去它们", "remove them"),
        ),
        BadAddress::Form(form) => (
            "address_form",
            Text::new(
                format!("这不是 {interface} 接口的地址"),
                format!("this is no address of the interface {interface}"),
            ),
            example(form),
        ),
        BadAddress::Host => (
            "address_host",
            Text::new("接口地址的主机或端口不对", "the address has no proper host or port"),
            example(interface.address_form()),
        ),
        BadAddress::Secret => (
            "address_secret",
            Text::new(
                "接口地址中不能写用户名、口令和 ? 之后的内容",
                "user name, password and what follows a ? must not stand in the address",
            ),
            Text::new(
                "从地址中删去，口令写入主控的设置，这里用 credential 写其名称",
                "take them out, put the secret into the controller's settings and name it here as credential",
            ),
        ),
        BadAddress::OneOnly => (
            "one_address",
            Text::new(
                format!("{interface} 接口只有一个地址"),
                format!("the interface {interface} has one address only"),
            ),
            Text::new("删去 beside", "remove beside"),
        ),
    };
    Mistake::new(kind, what, remedy)
}

fn example(form: AddressForm) -> Text {
    let example = match form {
        AddressForm::Http => "https://10.43.0.10:8443/",
        AddressForm::Host => "10.43.0.50:161",
        AddressForm::Sip => "sip:hall@10.43.0.31:5060",
    };
    Text::new(format!("写法如 {example}"), format!("write it like {example}"))
}

fn strange_interface(interface: Interface) -> Mistake {
    Mistake::new(
        "strange_interface",
        Text::new(
            format!("这类设备没有 {interface} 接口"),
            format!("no device of this kind has the interface {interface}"),
        ),
        Text::new(
            "MCU 的接口写在 mcu 中，终端的写在 endpoint 中；机房设备用 snmp、prometheus 或 json",
            "an MCU's interface stands under mcu, an endpoint's under endpoint; equipment takes snmp, prometheus or json",
        ),
    )
}

fn no_mapping() -> Mistake {
    Mistake::new(
        "no_mapping",
        Text::new(
            "json 接口要有 mapping，说明各值在哪里",
            "the interface json needs a mapping that says where its values are",
        ),
        Text::new("用 mapping 写出映射文件的名称", "name the mapping's file as mapping"),
    )
}

fn needless_mapping(interface: Interface) -> Mistake {
    Mistake::new(
        "needless_mapping",
        Text::new(
            format!("{interface} 接口不用 mapping"),
            format!("the interface {interface} takes no mapping"),
        ),
        Text::new("删去 mapping", "remove mapping"),
    )
}

fn bad_name(name: &str) -> Mistake {
    Mistake::new(
        "bad_reading",
        Text::new(format!("“{name}” 不是读数的名称"), format!("\"{name}\" is no name of a reading")),
        Text::new(
            format!(
                "只用小写字母、数字和 “_”，至多 {READING_NAME_BYTES_MAX} 字节，末尾写单位，如 room_temperature_c"
            ),
            format!(
                "use a-z, 0-9 and \"_\", at most {READING_NAME_BYTES_MAX} bytes, the unit at the end, such as room_temperature_c"
            ),
        ),
    )
}

fn limits_out_of_order() -> Mistake {
    Mistake::new(
        "limits_order",
        Text::new("没有写限值，或限值的次序不对", "no limit is given, or the limits are not in their order"),
        Text::new(
            "依次不减：severe_below、warn_below、warn_above、severe_above",
            "keep severe_below ≤ warn_below ≤ warn_above ≤ severe_above",
        ),
    )
}
