//! What the inventory and the settings make of a device of each interface.

use super::bridges::{Made, Workshop};
use crate::config::devices::DevicesSettings;
use crate::domain::id::{CredentialId, MappingId, McuId};
use crate::domain::mcu::{Control, Interface};
use crate::mcu::fault::Fault;
use crate::observation::device::Device;

fn device() -> Device {
    Device::Mcu(McuId::parse("dev").unwrap())
}

/// A place with a secret and the mappings that the tests of mappings have.
fn settings(more: &str) -> (tempfile::TempDir, DevicesSettings) {
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("secret");
    std::fs::write(&secret, "word-one\nword-two\n").unwrap();
    let plain = folder.path().join("plain");
    std::fs::write(&plain, "word-three\n").unwrap();
    let data = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/mcu/mapping");
    let mapping = |name: &str| {
        let file = data.join(format!("{name}.toml"));
        format!("[[devices.mappings]]\nname = {name:?}\nfile = {file:?}\n")
    };
    let text = format!(
        "[devices]\n{more}\n[[devices.credentials]]\nname = \"one\"\nuser = \"key/ops\"\nsecret_file = {secret:?}\n\
         [[devices.credentials]]\nname = \"plain\"\nuser = \"ops\"\nsecret_file = {plain:?}\n{}",
        ["bridge", "room", "backup"].map(mapping).concat()
    );
    (folder, crate::config::read_controller("test", &text).unwrap().devices)
}

fn control(interface: Interface, address: &str) -> Control {
    Control { interface, address: address.into(), beside: None, credential: None, mapping: None }
}

fn made(settings: &DevicesSettings, control: &Control) -> Made {
    Workshop::open(settings, None).unwrap().make(&device(), control)
}

fn named(name: &str) -> CredentialId {
    CredentialId::parse(name).unwrap()
}

#[tokio::test]
async fn every_interface_has_its_adapter() {
    let (_folder, settings) = settings("");
    for interface in Interface::ALL {
        let address = match interface {
            Interface::Sip | Interface::SipRtpengine => "sip:1@10.0.0.1",
            Interface::Snmp => "10.0.0.1",
            Interface::Janus
            | Interface::Pexip
            | Interface::Cms
            | Interface::Smc3
            | Interface::Rmx
            | Interface::Kedacom
            | Interface::Zte
            | Interface::Te
            | Interface::Roomos
            | Interface::Prometheus
            | Interface::Json => "http://10.0.0.1/path",
        };
        let beside = (interface == Interface::SipRtpengine).then(|| "10.0.0.1:2223".to_owned());
        let mapping = (interface == Interface::Json).then(|| MappingId::parse("bridge").unwrap());
        // A community has no user, and two logins are written as such.
        let account = if interface == Interface::Kedacom { "one" } else { "plain" };
        let credential = (interface != Interface::Snmp).then(|| named(account));
        let control = Control { beside, mapping, credential, ..control(interface, address) };
        let made = made(&settings, &control);
        let shown = format!("{:?}", made.bridge);
        assert_eq!(made.bridge.interface(), interface);
        assert_eq!(shown.starts_with("Mute"), interface == Interface::Snmp, "{interface}: {shown}");
        assert!(!shown.contains("word-"), "{shown}");
        assert_eq!(made.budget.per_minute(), settings.requests_per_minute(interface, None));
    }
}

#[tokio::test]
async fn what_cannot_be_spoken_to_says_why() {
    let (_folder, settings) = settings("addresses = [\"10.0.0.0/8\"]");
    let json = |mapping: Option<&str>| Control {
        mapping: mapping.map(|name| MappingId::parse(name).unwrap()),
        ..control(Interface::Json, "http://10.0.0.1/")
    };
    let ours = |words: &str| Fault::Ours(words.to_owned());
    for (control, why) in [
        (control(Interface::Cms, "https://192.0.2.1/"), ours("the settings forbid its address")),
        (
            Control { credential: Some(named("two")), ..control(Interface::Cms, "https://10.0.0.1/") },
            Fault::NoCredential,
        ),
        (json(None), ours("a device of JSON needs a mapping, and the inventory names none")),
        (json(Some("nothing")), ours("the settings have no mapping named nothing")),
        (json(Some("room")), ours("the mapping room is for snmp and the device speaks json")),
        (
            Control {
                credential: Some(named("one")),
                ..control(Interface::Janus, "http://10.0.0.1:8088/janus")
            },
            Fault::Account(
                "write admin_secret on the first line, below it at most one line `api SECRET` and one `room SECRET`; no user"
                    .to_owned(),
            ),
        ),
        (control(Interface::Snmp, "10.0.0.1"), Fault::NoCredential),
    ] {
        assert_eq!(made(&settings, &control).bridge.health().await.unwrap_err(), why, "{control:?}");
    }
}

#[tokio::test]
async fn only_what_the_settings_name_may_push() {
    let push = "[[devices.pushes]]\ndevice = \"mcus/dev\"\n";
    let listen = "listen = \"127.0.0.1:8445\"\n";
    let reach = "reach = \"http://10.9.9.9:8445/\"\n";
    let broker = "[[devices.pushes]]\ndevice = \"mcus/dev\"\nbroker = \"mqtt://127.0.0.1\"\n";
    let another = "[[devices.pushes]]\ndevice = \"mcus/another\"\n";
    for (interface, more, takes) in [
        (Interface::Pexip, String::new(), false),
        (Interface::Pexip, listen.to_owned(), false),
        (Interface::Pexip, format!("{listen}{another}"), false),
        (Interface::Pexip, format!("{listen}{push}"), true),
        (Interface::Cms, format!("{listen}{push}"), true),
        (Interface::Janus, format!("{listen}{push}"), true),
        (Interface::Janus, broker.to_owned(), false),
        (Interface::Roomos, listen.to_owned(), false),
        (Interface::Roomos, format!("{listen}{reach}"), true),
        (Interface::Rmx, format!("{listen}{push}"), false),
    ] {
        let (_folder, settings) = settings(&more);
        let made = made(&settings, &control(interface, "http://10.0.0.1/"));
        assert_eq!(made.entrance.is_some(), takes, "{interface} {more}");
        if interface == Interface::Janus {
            let tells = made.bridge.abilities().tells;
            assert!(tells.contains(&crate::mcu::Tells::Events), "{more}");
        }
    }
}
