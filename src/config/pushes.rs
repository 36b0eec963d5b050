//! What devices push to this machine: which device may, from where, and with which account. Knows no protocol.

use super::devices::DevicesSettings;
use super::setting::settings;
use super::value::{BrokerUrl, DeviceName};
use crate::domain::id::CredentialId;
use crate::domain::lang::Text;
use crate::intake::fields::Fields;
use crate::intake::mistake::Mistake;
use crate::link::reflector::Network;
use crate::observation::device::Device;

/// The topic to which Janus publishes unless it is told otherwise (`mqttevh`).
pub const JANUS_TOPIC: &str = "/janus/events";

settings! {
    /// 一台设备的推送。没有写的设备只是轮询；RoomOS 终端的推送地址自带密钥，可以不写。
    /// What one device pushes. One without an entry is only asked; a RoomOS endpoint needs none, for its address holds a key.
    DevicePush check push_is_one {
        /// 清单中的设备，如 `mcus/prov-mcu`。推送地址是 `devices.listen` 之下的 `/mcus/prov-mcu/` 加上 `events`（Pexip）、`cdr`（CMS）或不加（Janus）。
        /// The device in the inventory, such as `mcus/prov-mcu`. It pushes to `/mcus/prov-mcu/` at `devices.listen`, followed by `events` (Pexip), `cdr` (CMS) or nothing (Janus).
        device: DeviceName,
        /// 设备推送时要出示的账号（HTTP Basic），或连接 `broker` 所用的账号。
        /// The account that the device must show when it pushes (HTTP Basic), or with which `broker` is spoken to.
        credential: Option<CredentialId>,
        /// 设备从哪些地址推送；不写则只认设备自己的地址。Pexip 的各会议节点都会推送，须一并写上。
        /// From which addresses it pushes; without any only from its own. Every conferencing node of a Pexip platform pushes and has to be named.
        sources: Vec<Network> = "[]",
        /// Janus 把事件发到哪个 MQTT 代理；写了就不再经 HTTP 接收。
        /// The MQTT broker to which a Janus publishes its events; with it nothing is taken by HTTP.
        broker: Option<BrokerUrl>,
        /// Janus 发布事件的主题；不写为 `/janus/events`。
        /// The topic to which a Janus publishes; without it `/janus/events`.
        topic: Option<String>,
        /// Janus 推送统计的周期（`stats_period`），秒。
        /// How often a Janus pushes its statistics (`stats_period`), seconds.
        statistics_seconds: u64 [1, 60] = "1",
    }
}

impl DevicesSettings {
    /// What is said of a device's pushes.
    pub fn push(&self, device: &Device) -> Option<&DevicePush> {
        self.pushes.iter().find(|push| push.device.0 == *device)
    }
}

fn push_is_one(push: &DevicePush, fields: &mut Fields<'_, '_>) {
    if push.broker.is_some() && !push.sources.is_empty() {
        let what = Text::new("broker 与 sources 只能写一个", "broker and sources exclude each other");
        let remedy =
            Text::new("经 MQTT 写 broker，经 HTTP 写 sources", "give broker for MQTT, sources for HTTP");
        fields.refuse(fields.place("sources"), Mistake::new("conflict", what, remedy));
    }
    if push.broker.is_none() && push.topic.is_some() {
        fields.refuse(fields.place("topic"), Mistake::missing_field("broker"));
    }
}

/// Holds the pushes against the rest of the section: there is a listener, accounts are there, nobody comes twice, and
/// a broker is spoken to so that nobody listens.
pub(super) fn pushes_agree(devices: &DevicesSettings, fields: &mut Fields<'_, '_>) {
    let at = fields.place("pushes");
    let by_http = devices.pushes.iter().any(|push| push.broker.is_none());
    if devices.listen.is_none() && by_http {
        fields.refuse(at, Mistake::missing_field("listen"));
    }
    if devices.listen.is_none() && devices.reach.is_some() {
        fields.refuse(fields.place("reach"), Mistake::missing_field("listen"));
    }
    for push in &devices.pushes {
        let known = |name: &CredentialId| devices.credentials.iter().any(|it| it.name == *name);
        if let Some(name) = push.credential.as_ref().filter(|name| !known(name)) {
            fields.refuse(at, no_account(name));
        }
        let Some(broker) = &push.broker else { continue };
        let host = &broker.at.host;
        let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
        if !broker.tls && !local && !devices.plain_http {
            fields.refuse(at, super::controller::unencrypted(host, "plain_http"));
        }
        if broker.tls && !devices.trusts(&broker.at.to_string()) {
            fields.refuse(at, no_trust(host));
        }
    }
}

fn no_account(name: &CredentialId) -> Mistake {
    Mistake::new(
        "no_account",
        Text::new(format!("没有名为 {name} 的账号"), format!("there is no account named {name}")),
        Text::new("在 [[devices.credentials]] 中写上", "add it to [[devices.credentials]]"),
    )
}

fn no_trust(host: &str) -> Mistake {
    Mistake::new(
        "no_trust",
        Text::new(
            format!("不知道 {host} 的证书由谁签发"),
            format!("it is not said whose certificate {host} may show"),
        ),
        Text::new("在 [[devices.trust]] 中写上", "add it to [[devices.trust]]"),
    )
}
