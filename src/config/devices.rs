//! Settings of MCUs, endpoints and other devices.
//!
//! With which secrets they are spoken to, whose certificates count, where this machine may connect, how often each make
//! is asked, and where devices may report.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::{fs, io};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use url::Host;
use zeroize::Zeroizing;

use super::guard::{Guard, Unlisted, host_of};
use super::pushes::{DevicePush, pushes_agree};
use super::setting::settings;
use super::value::{Fingerprint, HttpBase};
use crate::domain::id::{CredentialId, MappingId};
use crate::domain::lang::Text;
use crate::domain::mcu::{Control, Interface};
use crate::intake::fields::Fields;
use crate::intake::mistake::Mistake;
use crate::link::reflector::Network;
use crate::mcu::trust::{Login, Trust};

settings! {
    /// MCU、终端与机房设备。要问哪些设备写在清单里；这里只写口令、证书、可以连接的地址和询问的频度。
    /// MCUs, endpoints and other devices. The inventory says which; this holds secrets, certificates, where this machine may connect, and how often it asks.
    DevicesSettings check devices_agree {
        /// 可以连接的设备地址。不写时，可连接本机与链路本地以外的任何地址。
        /// Addresses of devices that may be connected to. Without any, anything but loopback and link-local addresses.
        addresses: Vec<Network> = "[]",
        /// 可以连接的设备主机名；不写时同上。
        /// Names of hosts that may be connected to; without any as above.
        names: Vec<String> = "[]",
        /// 接收设备推送（事件、话单）的监听地址；不写则不接收。
        /// Where devices may push events and call records; without it none are taken.
        listen: Option<SocketAddr>,
        /// 上述监听的 TLS 证书链，PEM 文件。与 `key` 同时写。
        /// TLS certificate chain of that listener, a PEM file. Goes with `key`.
        certificate: Option<PathBuf>,
        /// 上述监听的 TLS 私钥，PEM 文件。
        /// TLS private key of that listener, a PEM file.
        key: Option<PathBuf>,
        /// 允许设备在非本机地址上不加密地推送。不少设备只会这样。
        /// Allows devices to push without encryption beyond loopback. Many cannot do better.
        plain_http: bool = "false",
        /// 设备访问上述监听所用的地址。RoomOS 终端据此登记推送；不写则只轮询。
        /// The address by which devices reach that listener. RoomOS endpoints are told to push there; without it they are only asked.
        reach: Option<HttpBase>,
        /// 接收 SNMP 陷阱的 UDP 地址；不写则不接收。
        /// UDP address for SNMP traps; without it none are taken.
        traps: Option<SocketAddr>,
        /// 每台设备每分钟最多呼叫的会场数，防止重启后一拥而上。
        /// Calls that one device may be told to make in a minute, so that a restart does not become a storm.
        calls_per_minute: u32 [1, 600] = "10",
        /// 操作之后，画面声音最多多少秒内应当恢复。
        /// Seconds within which media must show that an action worked.
        verify_seconds: u64 [4, 300] = "20",
        /// 设备账号，按清单中的名称。
        /// Accounts of devices, by the name that the inventory gives.
        credentials: Vec<DeviceCredential> = "[]",
        /// 各设备的证书。没有写的设备只能用不加密的接口。
        /// Certificates of devices. A device without an entry can only be spoken to unencrypted.
        trust: Vec<DeviceTrust> = "[]",
        /// 每类接口每分钟的询问次数。
        /// Requests per minute for each kind of interface.
        budgets: Vec<DeviceBudget> = "[]",
        /// 读数映射文件，按清单中的名称。
        /// Mapping files, by the name that the inventory gives.
        mappings: Vec<DeviceMapping> = "[]",
        /// 设备推送。
        /// What devices push.
        pushes: Vec<DevicePush> = "[]",
    }
}

settings! {
    /// 设备账号。口令单独放在文件里。
    /// An account of a device. The secret lies in a file of its own.
    DeviceCredential {
        /// 清单中引用的名称。
        /// The name that the inventory refers to.
        name: CredentialId,
        /// 用户名；接口只认口令或团体名时不写。
        /// User name; left out where the interface knows only a secret.
        user: Option<String>,
        /// 存放口令的文件。
        /// File that holds the secret.
        secret_file: PathBuf,
        /// 使用该账号的接口。写了，启动时就核对账号的写法；不写，到连接设备时才核对。
        /// The interface that uses it. With it the account's form is checked at the start; without it, when a device is first spoken to.
        interface: Option<Interface>,
    }
}

settings! {
    /// 一台设备（或一个域名）的证书：签发它的 CA，或证书本身的指纹，二者选一。
    /// The certificate of a device: the authority that signed it, or its own fingerprint, one of the two.
    DeviceTrust check trust_is_one {
        /// 设备地址或主机名，可带端口。
        /// Address or name of the device, with or without a port.
        address: String,
        /// CA 证书，PEM 文件，可含多张。
        /// Certificates of authorities, a PEM file.
        ca: Option<PathBuf>,
        /// 证书的 SHA-256 指纹，十六进制。
        /// SHA-256 fingerprint of the certificate, hexadecimal.
        fingerprint: Option<Fingerprint>,
    }
}

settings! {
    /// 一类接口的询问额度。
    /// How often one kind of interface is asked.
    DeviceBudget {
        /// 接口。
        /// The interface.
        interface: Interface,
        /// 每分钟最多询问次数。
        /// Requests per minute at most.
        requests_per_minute: u32 [6, 60000],
    }
}

settings! {
    /// 读数映射文件。
    /// A mapping file.
    DeviceMapping {
        /// 清单中引用的名称。
        /// The name that the inventory refers to.
        name: MappingId,
        /// 文件。
        /// The file.
        file: PathBuf,
    }
}

impl DevicesSettings {
    /// Whether every address of a device may be connected to.
    pub fn permits(&self, control: &Control) -> bool {
        let addresses = [Some(control.address.as_str()), control.beside.as_deref()];
        addresses.into_iter().flatten().all(|text| self.permits_address(text))
    }

    /// Whether one address may be connected to.
    pub fn permits_address(&self, text: &str) -> bool {
        let guard = Guard { networks: &self.addresses, names: &self.names };
        host_of(text).is_some_and(|host| guard.permits(&host, Unlisted::Permitted))
    }

    /// Name and secret of a credential; reads the file. `None` when there is none of that name.
    pub fn login(&self, name: &CredentialId) -> Option<io::Result<Login>> {
        let found = self.credentials.iter().find(|it| &it.name == name)?;
        let secret = fs::read_to_string(&found.secret_file).map(Zeroizing::new);
        Some(secret.map(|secret| Login {
            user: found.user.clone().unwrap_or_default(),
            secret: Zeroizing::new(secret.trim_end_matches(['\r', '\n']).to_owned()),
        }))
    }

    /// Whose certificate a device at that address may show; reads the file of authorities. An entry with the port
    /// counts before one without.
    pub fn trust(&self, address: &str) -> io::Result<Trust> {
        match self.entry(address).map(|it| (&it.ca, &it.fingerprint)) {
            None | Some((None, None)) => Ok(Trust::Nobody),
            Some((_, Some(fingerprint))) => Ok(Trust::Pinned(fingerprint.0)),
            Some((Some(ca), None)) => authorities(ca),
        }
    }

    /// Whether it is said whose certificate a device at that address may show.
    pub(super) fn trusts(&self, address: &str) -> bool {
        self.entry(address).is_some()
    }

    fn entry(&self, address: &str) -> Option<&DeviceTrust> {
        let host = bare(&host_of(address)?);
        let full = authority(address);
        let exact = self.trust.iter().find(|it| it.address.eq_ignore_ascii_case(full));
        exact.or_else(|| self.trust.iter().find(|it| it.address.eq_ignore_ascii_case(&host)))
    }

    /// Requests per minute for an interface, given what its maker allows: a tenth of that is left to others.
    pub fn requests_per_minute(&self, interface: Interface, allowed: Option<u32>) -> u32 {
        let set = self.budgets.iter().find(|it| it.interface == interface).map(|it| it.requests_per_minute);
        set.unwrap_or_else(|| allowed.map_or(usual(interface), |most| (most / 10 * 9).max(1)))
    }

    /// The mapping file of that name.
    pub fn mapping(&self, name: &MappingId) -> Option<&PathBuf> {
        self.mappings.iter().find(|it| &it.name == name).map(|it| &it.file)
    }

    /// The files that must be there, by the name of their field.
    pub(super) fn files(&self) -> Vec<(&'static str, &PathBuf)> {
        let listener =
            [("devices.certificate", self.certificate.as_ref()), ("devices.key", self.key.as_ref())];
        let listener = listener.into_iter().filter_map(|(field, path)| Some((field, path?)));
        let secrets = self.credentials.iter().map(|it| ("devices.credentials.secret_file", &it.secret_file));
        let trusted = self.trust.iter().filter_map(|it| Some(("devices.trust.ca", it.ca.as_ref()?)));
        let mappings = self.mappings.iter().map(|it| ("devices.mappings.file", &it.file));
        listener.chain(secrets).chain(trusted).chain(mappings).collect()
    }
}

/// Requests per minute where neither maker nor settings say: servers bear more than endpoints and old MCUs.
fn usual(interface: Interface) -> u32 {
    match interface {
        Interface::Janus | Interface::SipRtpengine => 3000,
        Interface::Pexip => 900,
        Interface::Cms | Interface::Smc3 | Interface::Prometheus | Interface::Json => 600,
        Interface::Rmx | Interface::Kedacom | Interface::Zte => 300,
        Interface::Sip | Interface::Te | Interface::Roomos | Interface::Snmp => 120,
    }
}

/// The name or address of a device's host.
pub fn host_name(address: &str) -> Option<String> {
    host_of(address).map(|host| bare(&host))
}

fn bare(host: &Host<String>) -> String {
    match host {
        Host::Domain(name) => name.clone(),
        Host::Ipv4(ip) => ip.to_string(),
        Host::Ipv6(ip) => ip.to_string(),
    }
}

/// `host:port` of an address, as written.
fn authority(address: &str) -> &str {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// The authorities of a PEM file: at least one, each of them usable.
pub(super) fn authorities(path: &Path) -> io::Result<Trust> {
    let pem = fs::read(path)?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    let found = found.map_err(|error| io::Error::other(error.to_string()))?;
    if found.is_empty() {
        return Err(io::Error::other("no certificate"));
    }
    let trust = Trust::Authorities(found);
    trust.client().map(|_| trust).map_err(|fault| io::Error::other(fault.to_string()))
}

fn devices_agree(devices: &DevicesSettings, fields: &mut Fields<'_, '_>) {
    twice(fields, "credentials", devices.credentials.iter().map(|it| it.name.to_string()));
    twice(fields, "trust", devices.trust.iter().map(|it| it.address.to_ascii_lowercase()));
    twice(fields, "budgets", devices.budgets.iter().map(|it| it.interface.to_string()));
    twice(fields, "mappings", devices.mappings.iter().map(|it| it.name.to_string()));
    twice(fields, "pushes", devices.pushes.iter().map(|it| it.device.to_string()));
    let given = [("certificate", devices.certificate.is_some()), ("key", devices.key.is_some())];
    let encrypted = super::controller::pair(fields, given);
    match devices.listen {
        Some(listen) if !listen.ip().is_loopback() && !encrypted && !devices.plain_http => {
            let mistake = super::controller::unencrypted(&listen.to_string(), "plain_http");
            fields.refuse(fields.place("listen"), mistake);
        }
        None if encrypted => fields.refuse(fields.place("certificate"), Mistake::missing_field("listen")),
        Some(_) | None => {}
    }
    pushes_agree(devices, fields);
}

fn trust_is_one(trust: &DeviceTrust, fields: &mut Fields<'_, '_>) {
    if trust.ca.is_some() == trust.fingerprint.is_some() {
        let what =
            Text::new("ca 与 fingerprint 须写且只写一个", "exactly one of ca and fingerprint must be there");
        let remedy = Text::new(
            "设备自签证书写 fingerprint，有 CA 写 ca",
            "give fingerprint for a device that signs its own, ca where there is an authority",
        );
        fields.refuse(fields.place("address"), Mistake::new("conflict", what, remedy));
    }
}

fn twice(fields: &mut Fields<'_, '_>, field: &'static str, names: impl Iterator<Item = String>) {
    let mut names: Vec<String> = names.collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let what = Text::new(format!("{} 写了两次", twice[0]), format!("{} is there twice", twice[0]));
        let remedy = Text::new("改名，或删去一个", "rename one or remove it");
        fields.refuse(fields.place(field), Mistake::new("conflict", what, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> DevicesSettings {
        crate::config::read_controller("test", text).unwrap().devices
    }

    fn control(address: &str, beside: Option<&str>) -> Control {
        Control {
            interface: Interface::Janus,
            address: address.into(),
            beside: beside.map(ToOwned::to_owned),
            credential: None,
            mapping: None,
        }
    }

    #[test]
    fn a_device_is_connected_to_only_where_every_address_is_permitted() {
        let local = "[devices]\naddresses = [\"127.0.0.0/8\"]";
        let cases = [
            ("", "https://10.0.0.1/", None, true),
            ("", "http://127.0.0.1:8088/", None, false),
            ("", "http://10.0.0.1:8088/", Some("http://169.254.169.254/"), false),
            ("", "http://[::1]:7088/", None, false),
            (local, "http://127.0.0.1:8088/", Some("http://127.0.0.1:7088/"), true),
            (local, "127.0.0.1:161", None, true),
            (local, "10.0.0.1:161", None, false),
            (local, "sip:9000@127.0.0.1:5060", None, true),
            ("[devices]\nnames = [\"mcu.example\"]", "mcu.example:161", None, true),
        ];
        for (settings, address, beside, permitted) in cases {
            assert_eq!(read(settings).permits(&control(address, beside)), permitted, "{settings} {address}");
        }
    }

    #[test]
    fn the_certificate_of_one_port_counts_before_that_of_the_host() {
        let digest = |digit: &str| digit.repeat(64);
        let text = format!(
            "[[devices.trust]]\naddress = \"10.0.0.1\"\nfingerprint = \"{}\"\n\
             [[devices.trust]]\naddress = \"10.0.0.1:8443\"\nfingerprint = \"{}\"\n",
            digest("1"),
            digest("2")
        );
        let settings = read(&text);
        let pinned = |address: &str| match settings.trust(address).unwrap() {
            Trust::Pinned(digest) => Some(digest[0]),
            Trust::Nobody | Trust::Authorities(_) => None,
        };
        assert_eq!(pinned("https://10.0.0.1:8443/api"), Some(0x22));
        assert_eq!(pinned("https://10.0.0.1/api"), Some(0x11));
        assert_eq!(pinned("https://10.0.0.2/api"), None);
    }

    #[test]
    fn the_settings_count_before_the_maker_and_the_maker_before_the_usual() {
        let set = read("[[devices.budgets]]\ninterface = \"pexip\"\nrequests_per_minute = 100");
        assert_eq!(set.requests_per_minute(Interface::Pexip, Some(1000)), 100);
        assert_eq!(read("").requests_per_minute(Interface::Pexip, Some(1000)), 900);
        assert_eq!(read("").requests_per_minute(Interface::Snmp, None), 120);
    }
}
