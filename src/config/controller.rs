//! The controller's settings, `vcops.toml`. The doc comments are the manual, `docs/CONFIG.md`.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::accounts::AccountsSettings;
use super::devices::DevicesSettings;
use super::notify::NotifySettings;
use super::setting::{Manual, Section, Setting, Spec, join, section_node, settings};
use super::streams::WatchingSettings;
use super::value::{BrokerUrl, HostPort, LogFormat, LogLevel};
use crate::domain::lang::{Lang, Text};
use crate::intake::fields::{Fields, Reading, table};
use crate::intake::mistake::Mistake;
use crate::intake::tree::{Node, Table};
use crate::link::reflector::Network;
use crate::store::Home;

settings! {
    /// 控制端的进程设置。会场、线路、会议等属于清单，用 `vcops apply` 提交，不写在这里。
    /// Process settings of the controller. Venues, links and meetings are inventory: submit them with `vcops apply`.
    ControllerSettings check addresses_differ {
        /// 命令行、日志与报告所用的语言。
        /// Language of the command line, the log and reports.
        @live language: Lang = "\"zh\"",
        /// 显示与读取时刻所用的时区。
        /// Time zone in which times are shown and read.
        @live timezone: TimeZone = "\"Asia/Shanghai\"",
        /// 数据目录：记录链、证据、密钥。只应由本程序读写。
        /// Directory of the journal, evidence and keys. No other program should write there.
        data_dir: PathBuf = "\"/var/lib/vcops\"",
        /// 网页与接口。
        /// The page and the API.
        web: WebSettings,
        /// 账号与会话。
        /// Accounts and sessions.
        accounts: AccountsSettings,
        /// 统计。
        /// Statistics.
        statistics: StatisticsSettings,
        /// 本机命令行与守护进程之间的套接字。
        /// The socket between the command line and the daemon on this machine.
        socket: SocketSettings,
        /// 测试机所连的 MQTT 服务：内置或站内已有的，二者选一。
        /// The MQTT broker that agents connect to: the embedded one or the site's own.
        broker: Broker,
        /// 测试机登记。
        /// Enrolment of agents.
        enrolment: EnrolmentSettings,
        /// 线路探测。
        /// Path tests.
        prober: ProberSettings,
        /// 画面与声音的监看。
        /// Watching of streams.
        streams: WatchingSettings,
        /// MCU、终端与机房设备。
        /// MCUs, endpoints and other devices.
        devices: DevicesSettings,
        /// 通知。
        /// Notices.
        notify: NotifySettings,
        /// 记录链。
        /// The journal.
        journal: JournalSettings,
        /// 日志。
        /// The log.
        log: LogSettings,
    }
}

settings! {
    /// 网页与接口。只听本机时可以不用 TLS；听其他地址必须用 TLS，或明确写 `plain_http = true`。
    /// The page and the API. On loopback TLS may be left out; any other address needs it, or `plain_http = true`.
    WebSettings check web_is_guarded {
        /// 监听地址。
        /// Address to listen on.
        listen: SocketAddr = "\"127.0.0.1:8080\"",
        /// TLS 证书链，PEM 文件。与 `key` 同时写。
        /// TLS certificate chain, a PEM file. Goes with `key`.
        certificate: Option<PathBuf>,
        /// TLS 私钥，PEM 文件。
        /// TLS private key, a PEM file.
        key: Option<PathBuf>,
        /// 允许在非本机地址上不加密。页面会一直显示警示条。
        /// Allows an unencrypted page beyond loopback. The page then shows a banner all the time.
        plain_http: bool = "false",
    }
}

settings! {
    /// 统计。节约的里程和时间按这里填写的人工成本计算；不填则不显示。
    /// Statistics. Travel and time saved are computed from what is written here; without it nothing is shown.
    StatisticsSettings {
        /// 人工联调一个会场平均所需的工作分钟数。
        /// Working minutes that testing one venue by hand takes on average.
        minutes_by_hand_per_venue: Option<u32> [1, 10080],
        /// 人工联调一个会场平均往返的公里数。
        /// Kilometres travelled to test one venue by hand, on average.
        travel_km_per_venue: Option<u32> [1, 10000],
    }
}

settings! {
    /// 本机套接字。操作人即系统账号，由内核证明。
    /// The local socket. The actor is the system account, vouched for by the kernel.
    SocketSettings {
        /// 套接字文件。
        /// The socket's file.
        path: PathBuf = "\"/run/vcops/vcops.sock\"",
    }
}

/// Which broker agents connect to.
#[derive(Debug, Clone, PartialEq)]
pub enum Broker {
    /// The one inside the controller: for a demonstration or a single machine.
    Embedded(EmbeddedBroker),
    /// The site's own.
    External(ExternalBroker),
}

settings! {
    /// 内置 MQTT 服务，适合单机起步。
    /// The embedded broker, for a start on a single machine.
    EmbeddedBroker check embedded_is_guarded {
        /// 监听地址。
        /// Address to listen on.
        listen: SocketAddr = "\"127.0.0.1:1883\"",
        /// TLS 证书链，PEM 文件。
        /// TLS certificate chain, a PEM file.
        certificate: Option<PathBuf>,
        /// TLS 私钥，PEM 文件。
        /// TLS private key, a PEM file.
        key: Option<PathBuf>,
        /// 允许在非本机地址上不加密。消息有签名，但旁人可以读到。
        /// Allows an unencrypted broker beyond loopback. Messages are signed, but others can read them.
        plain_mqtt: bool = "false",
        /// 最多同时连接数。
        /// Connections at once.
        connections_max: usize [16, 20000] = "4096",
    }
}

settings! {
    /// 站内已有的 MQTT 服务（如 Mosquitto、EMQX）。
    /// The site's own broker, such as Mosquitto or EMQX.
    ExternalBroker check external_is_guarded {
        /// 地址，`mqtts://` 加密，`mqtt://` 不加密。
        /// Its address; `mqtts://` is encrypted, `mqtt://` is not.
        url: BrokerUrl,
        /// 用户名。与 `password_file` 同时写。
        /// User name. Goes with `password_file`.
        user: Option<String>,
        /// 存放口令的文件，只有一行。口令不写在设置里。
        /// File that holds the password on one line. Passwords never stand in settings.
        password_file: Option<PathBuf>,
        /// 签发该服务证书的 CA，PEM 文件；用 `mqtts://` 时必须写。
        /// Certificate authority of the broker, a PEM file; needed with `mqtts://`.
        ca: Option<PathBuf>,
        /// 允许对非本机的服务不加密。
        /// Allows an unencrypted broker beyond loopback.
        plain_mqtt: bool = "false",
    }
}

settings! {
    /// 测试机登记：凭一次性登记码，经固定证书的 TLS 连接，不经 MQTT。
    /// Enrolment of agents: by a one-time token over pinned TLS, never over MQTT.
    EnrolmentSettings {
        /// 监听地址。测试机在别的机器上时，改为它们能到达的地址。
        /// Address to listen on. With agents on other machines, one that they can reach.
        listen: SocketAddr = "\"127.0.0.1:8444\"",
        /// 登记时告诉测试机的 MQTT 服务地址；不写则为内置服务的监听地址或站内服务的地址。
        /// Broker address told to agents; without it, where the embedded broker listens or the site's broker is.
        broker: Option<HostPort>,
        /// 登记码的有效分钟数。
        /// Minutes for which a token is valid.
        token_minutes: u32 [1, 10080] = "60",
    }
}

settings! {
    /// 线路探测（STAMP，RFC 8762）。
    /// Path tests (STAMP, RFC 8762).
    ProberSettings check reflector_answers_someone {
        /// 本端应答器的监听地址，会场测试机向它探测；通常每条线路一个。
        /// Where this end answers the venues' agents, one address per line as a rule.
        hub_reflector: Vec<SocketAddr> = "[]",
        /// 应答器只回应这些来源。
        /// Sources that the reflector answers; nobody else.
        allow: Vec<Network> = "[]",
        /// 每个来源每秒最多回应的包数。
        /// Packets per second answered to one source.
        packets_per_second_max: u32 [1, 10000] = "500",
        /// 最多同时进行的探测数。
        /// Tests at once.
        tests_max: usize [1, 65536] = "4096",
        /// 请求实时调度（需要 CAP_SYS_NICE）；得不到时照常运行，报告会注明。
        /// Ask for real-time scheduling (needs CAP_SYS_NICE); without it tests run all the same and say so.
        realtime: bool = "true",
    }
}

settings! {
    /// 记录链：只追加，逐条相扣，定期签名。
    /// The journal: append-only, hash-chained, signed now and then.
    JournalSettings check journal_has_a_home {
        /// 数据库：`"sqlite"` 为数据目录内的 SQLite 文件；`"postgres://用户@主机:5432/库名"` 为 PostgreSQL。口令另放文件。
        /// The database: `"sqlite"`, a file in the data directory, or `"postgres://user@host:5432/database"`. The password lies in a file of its own.
        url: String = "\"sqlite\"",
        /// 存放 PostgreSQL 口令的文件。与数据库之间不加密：用本机套接字或可信网络。
        /// File that holds the password of PostgreSQL. The way to it is not encrypted: use a local socket or a trusted network.
        password_file: Option<PathBuf>,
        /// 保存天数，不少于 184 天。
        /// Days that entries are kept, at least 184.
        retention_days: u16 [184, 36500] = "400",
        /// 签名检查点的副本目录，应在另一台主机或介质上。不写则无法发现整体回退。
        /// Directory for copies of signed checkpoints, on another host or medium. Without it a rollback goes unnoticed.
        anchors: Option<PathBuf>,
        /// 每多少条签一个检查点。
        /// A checkpoint is signed after this many entries.
        checkpoint_rows: u64 [1, 1000000] = "256",
        /// 至多每多少秒签一个检查点。
        /// A checkpoint is signed after this many seconds at the latest.
        checkpoint_seconds: u64 [1, 86400] = "60",
        /// 单个证据文件的最大兆字节数。
        /// Largest evidence file in MiB.
        evidence_mib_max: u64 [1, 4096] = "64",
    }
}

settings! {
    /// 日志。日志中没有口令、密钥、姓名和电话。
    /// The log. It holds no passwords, keys, names or telephone numbers.
    LogSettings {
        /// 详细程度。
        /// How much is logged.
        @live level: LogLevel = "\"info\"",
        /// 一行的样式。
        /// What a line looks like.
        format: LogFormat = "\"text\"",
    }
}

impl ControllerSettings {
    /// The files that must be there, by the name of their field.
    pub(super) fn files(&self) -> Vec<(&'static str, &PathBuf)> {
        let broker = match &self.broker {
            Broker::Embedded(broker) => vec![
                ("broker.embedded.certificate", broker.certificate.as_ref()),
                ("broker.embedded.key", broker.key.as_ref()),
            ],
            Broker::External(broker) => vec![
                ("broker.external.password_file", broker.password_file.as_ref()),
                ("broker.external.ca", broker.ca.as_ref()),
            ],
        };
        let journal = self.journal.password_file.as_ref().map(|path| ("journal.password_file", path));
        let web = [("web.certificate", self.web.certificate.as_ref()), ("web.key", self.web.key.as_ref())];
        let given = web.into_iter().chain(broker).filter_map(|(field, path)| Some((field, path?)));
        given
            .chain(self.streams.files())
            .chain(self.devices.files())
            .chain(self.notify.files())
            .chain(journal)
            .collect()
    }
}

fn addresses_differ(settings: &ControllerSettings, fields: &mut Fields<'_, '_>) {
    let mut taken = vec![("web.listen", settings.web.listen)];
    if let Broker::Embedded(broker) = &settings.broker {
        taken.push(("broker.embedded.listen", broker.listen));
    }
    let here = settings.enrolment.listen;
    if let Some((other, _)) = taken.iter().find(|(_, listen)| *listen == here && here.port() != 0) {
        let what = Text::new(
            format!("enrolment.listen 与 {other} 都是 {here}"),
            format!("enrolment.listen and {other} are both {here}"),
        );
        let remedy = Text::new("换一个端口", "choose another port");
        fields.refuse(fields.inner_place("enrolment", "listen"), Mistake::new("conflict", what, remedy));
    }
}

fn web_is_guarded(web: &WebSettings, fields: &mut Fields<'_, '_>) {
    let encrypted = pair(fields, [("certificate", web.certificate.is_some()), ("key", web.key.is_some())]);
    if !web.listen.ip().is_loopback() && !encrypted && !web.plain_http {
        fields.refuse(fields.place("listen"), unencrypted(&web.listen.to_string(), "plain_http"));
    }
}

fn embedded_is_guarded(broker: &EmbeddedBroker, fields: &mut Fields<'_, '_>) {
    let encrypted =
        pair(fields, [("certificate", broker.certificate.is_some()), ("key", broker.key.is_some())]);
    if !broker.listen.ip().is_loopback() && !encrypted && !broker.plain_mqtt {
        fields.refuse(fields.place("listen"), unencrypted(&broker.listen.to_string(), "plain_mqtt"));
    }
}

fn external_is_guarded(broker: &ExternalBroker, fields: &mut Fields<'_, '_>) {
    pair(fields, [("user", broker.user.is_some()), ("password_file", broker.password_file.is_some())]);
    let host = &broker.url.at.host;
    let local = host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback());
    if !broker.url.tls && !local && !broker.plain_mqtt {
        fields.refuse(fields.place("url"), unencrypted(host, "plain_mqtt"));
    }
    if broker.url.tls && broker.ca.is_none() {
        fields.refuse(fields.place("url"), Mistake::missing_field("ca"));
    }
}

fn reflector_answers_someone(prober: &ProberSettings, fields: &mut Fields<'_, '_>) {
    if !prober.hub_reflector.is_empty() && prober.allow.is_empty() {
        fields.refuse(fields.place("hub_reflector"), Mistake::missing_field("allow"));
    }
}

fn journal_has_a_home(journal: &JournalSettings, fields: &mut Fields<'_, '_>) {
    if journal.url == "sqlite" {
        if journal.password_file.is_some() {
            let what = Text::new("SQLite 没有口令", "SQLite has no password");
            let remedy =
                Text::new("删去这一项，或写 PostgreSQL 的 url", "remove it, or give the url of PostgreSQL");
            fields.refuse(fields.place("password_file"), Mistake::new("conflict", what, remedy));
        }
        return;
    }
    // The address may hold a password: it is not repeated.
    let url = url::Url::parse(&journal.url).ok();
    let known = url.as_ref().is_some_and(|url| matches!(url.scheme(), "postgres" | "postgresql"));
    if !known {
        let what = Text::new("不是已知的数据库", "not a database that is known");
        let remedy = Text::new("写 \"sqlite\" 或 \"postgres://…\"", "write \"sqlite\" or \"postgres://…\"");
        fields.refuse(fields.place("url"), Mistake::new("unsupported", what, remedy));
    } else if url.is_some_and(|url| url.password().is_some()) {
        let what = Text::new("口令写在了设置里", "a password stands in the settings");
        let remedy =
            Text::new("口令放进 password_file 所指的文件", "put it into the file that password_file names");
        fields.refuse(fields.place("url"), Mistake::new("password_here", what, remedy));
    }
}

impl JournalSettings {
    /// Where the tables are; reads the password's file.
    pub fn home(&self) -> std::io::Result<Home> {
        if self.url == "sqlite" {
            return Ok(Home::File);
        }
        let mut url = url::Url::parse(&self.url).map_err(std::io::Error::other)?;
        if let Some(path) = &self.password_file {
            let password = zeroize::Zeroizing::new(std::fs::read_to_string(path)?);
            let _ = url.set_password(Some(password.trim_end_matches(['\r', '\n'])));
        }
        Ok(Home::Postgres(zeroize::Zeroizing::new(url.to_string())))
    }
}

/// Two settings that only make sense together; whether both are given.
pub(super) fn pair(fields: &mut Fields<'_, '_>, given: [(&'static str, bool); 2]) -> bool {
    let [(first, has_first), (second, has_second)] = given;
    if has_first != has_second {
        let (there, lacking) = if has_first { (first, second) } else { (second, first) };
        fields.refuse(fields.place(there), Mistake::missing_field(lacking));
    }
    has_first && has_second
}

pub(super) fn unencrypted(at: &str, allow: &str) -> Mistake {
    Mistake::new(
        "unencrypted",
        Text::new(
            format!("{at} 不是本机地址，却没有加密"),
            format!("{at} is not loopback, yet nothing is encrypted"),
        ),
        Text::new(
            format!("配置 TLS，或明确写 {allow} = true"),
            format!("set up TLS, or write {allow} = true"),
        ),
    )
}

impl Setting for Broker {
    fn kind() -> Text {
        Text::new("小节 `embedded` 或 `external`", "a section `embedded` or `external`")
    }

    fn read(reading: &mut Reading, node: &Node, spec: &Spec) -> Option<Self> {
        let table = table(reading, node)?;
        let mut fields = Fields::new(reading, table, node.at);
        let both = fields.has("embedded") && fields.has("external");
        let embedded = fields.maybe("embedded", section_node).map(Self::Embedded);
        let external = fields.maybe("external", section_node).map(Self::External);
        let neither = !fields.has("embedded") && !fields.has("external");
        if both {
            let what =
                Text::new("embedded 与 external 只能写一个", "embedded and external exclude each other");
            let remedy = Text::new("只留一个", "keep one of the two");
            fields.refuse(fields.place("external"), Mistake::new("conflict", what, remedy));
        }
        let default = if neither { Self::absent(&mut fields, spec) } else { None };
        let clean = fields.finish();
        external.or(embedded).or(default).filter(|_| clean)
    }

    fn absent(fields: &mut Fields<'_, '_>, _: &Spec) -> Option<Self> {
        super::setting::section(fields.reading, &Table::default(), fields.at).map(Self::Embedded)
    }

    fn parts() -> Vec<(&'static str, Manual)> {
        vec![("embedded", EmbeddedBroker::manual()), ("external", ExternalBroker::manual())]
    }

    fn differs(&self, new: &Self, name: &str, _: bool, found: &mut Vec<String>) {
        match (self, new) {
            (Self::Embedded(old), Self::Embedded(new)) => old.changes(new, &join(name, "embedded"), found),
            (Self::External(old), Self::External(new)) => old.changes(new, &join(name, "external"), found),
            (Self::Embedded(_), Self::External(_)) | (Self::External(_), Self::Embedded(_)) => {
                found.push(name.to_owned());
            }
        }
    }
}
