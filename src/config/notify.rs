//! Settings of notices: by which channels they leave, with which secrets, where this machine may connect for them, and
//! where answers come in.

use std::net::SocketAddr;
use std::path::PathBuf;

use super::setting::settings;
use super::value::{BrokerUrl, HostPort, MailAddress, WebUrl};
use crate::domain::id::ChannelId;
use crate::domain::lang::Text;
use crate::intake::fields::Fields;
use crate::intake::mistake::Mistake;
use crate::link::reflector::Network;
use crate::notify::gateway::{Charset, Digesting, Expect, Kind, Template, TemplateText};
use crate::notify::mail::Encryption;

settings! {
    /// 通知的渠道、可连接的地址与回复入口。谁收到什么由值班与预案决定。
    /// Channels of notices, where to connect, where answers come in. Who is told what follows from duty and plans.
    NotifySettings check notify_agrees {
        /// 本系统在通知里的名称，如“某市视联网”。
        /// What this installation calls itself in notices.
        site: String = "\"vcops\"",
        /// 通知没有指明渠道时依次使用的渠道。
        /// Channels for notices that name none, the first first.
        default: Vec<ChannelId> = "[]",
        /// 可以连接的地址。不写时，可连接本机、链路本地与云元数据以外的任何地址。
        /// Addresses that may be connected to. Without any, anything but loopback, link-local and cloud metadata.
        addresses: Vec<Network> = "[]",
        /// 可以连接的主机名；不写时同上。
        /// Names of hosts that may be connected to; without any as above.
        names: Vec<String> = "[]",
        /// 签发各渠道证书的 CA，PEM 文件，可含多张。不写则用系统自带的。
        /// Authorities of the channels' certificates, a PEM file. Without it, those of the system.
        ca: Option<PathBuf>,
        /// 接收回复、链接确认与外部告警的监听地址；不写则不接收。
        /// Where answers, confirmations by link and alerts of others come in; without it none do.
        listen: Option<SocketAddr>,
        /// 上述监听的 TLS 证书链，PEM 文件。与 `key` 同时写。
        /// TLS certificate chain of that listener, a PEM file. Goes with `key`.
        certificate: Option<PathBuf>,
        /// 上述监听的 TLS 私钥，PEM 文件。
        /// TLS private key of that listener, a PEM file.
        key: Option<PathBuf>,
        /// 允许在非本机地址上不加密地接收。
        /// Allows that listener to be unencrypted beyond loopback.
        plain_http: bool = "false",
        /// 通知里的确认链接以此开头，收件人的手机要能打开；不写则通知里没有链接。
        /// How confirmation links begin; recipients' telephones must reach it. Without it notices hold no link.
        public_url: Option<WebUrl>,
        /// 存放外部 Alertmanager 推送凭据（Bearer）的文件；不写则不接收外部告警。
        /// File with the bearer token that an Alertmanager must show; without it no alerts are taken.
        alerts_token_file: Option<PathBuf>,
        /// 心跳：定时告诉外部“我还在”，停了由对方报警。
        /// Heartbeats: tell something outside that this process lives; its silence is the alarm.
        heartbeats: Vec<HeartbeatSettings> = "[]",
        /// 企业微信群机器人。
        /// Robots of WeCom groups.
        wecom: Vec<WecomSettings> = "[]",
        /// 钉钉群机器人。
        /// Robots of DingTalk groups.
        dingtalk: Vec<DingtalkSettings> = "[]",
        /// 短信网关（HTTP）。
        /// Gateways for text messages, over HTTP.
        sms: Vec<SmsSettings> = "[]",
        /// 短信猫（串口）。
        /// Serial modems for text messages.
        modem: Vec<ModemSection> = "[]",
        /// 邮件。
        /// Mail.
        mail: Vec<MailSettings> = "[]",
        /// MQTT 发布。
        /// Publishing over MQTT.
        mqtt: Vec<MqttSettings> = "[]",
        /// 带签名的 webhook。
        /// Signed webhooks.
        webhook: Vec<WebhookSettings> = "[]",
        /// Alertmanager（API v2）。
        /// Alertmanagers, API v2.
        alertmanager: Vec<AlertmanagerSettings> = "[]",
        /// 日志主机（RFC 5424）。
        /// Log hosts, RFC 5424.
        syslog: Vec<SyslogSettings> = "[]",
    }
}

settings! {
    /// 一处心跳。
    /// One heartbeat.
    HeartbeatSettings {
        /// 渠道名称；webhook、mqtt、alertmanager 可用。
        /// The channel: a webhook, MQTT or Alertmanager.
        channel: ChannelId,
        /// 间隔秒数。
        /// Seconds between two.
        seconds: u64 [5, 3600] = "60",
    }
}

settings! {
    /// 企业微信群机器人。
    /// A robot of a WeCom group.
    WecomSettings {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 服务地址，私有化部署时更改。
        /// Where the service is; another one for private installations.
        url: WebUrl = "\"https://qyapi.weixin.qq.com\"",
        /// 存放机器人 key 的文件。
        /// File that holds the robot's key.
        key_file: PathBuf,
        /// 每分钟最多条数；官方上限 20。
        /// Messages a minute; the provider takes 20.
        per_minute: u32 [1, 20] = "19",
    }
}

settings! {
    /// 钉钉群机器人。
    /// A robot of a DingTalk group.
    DingtalkSettings {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 服务地址，私有化部署时更改。
        /// Where the service is; another one for private installations.
        url: WebUrl = "\"https://oapi.dingtalk.com\"",
        /// 存放 access_token 的文件。
        /// File that holds the access token.
        token_file: PathBuf,
        /// 存放加签密钥（SEC…）的文件；机器人用“加签”时写。
        /// File that holds the secret of the signature, if the robot has one.
        secret_file: Option<PathBuf>,
        /// 机器人要求的关键词；正文没有时自动加在开头。
        /// The keyword that the robot wants; put before a text that lacks it.
        keyword: Option<String>,
        /// 每分钟最多条数；超过 20 条会被停 10 分钟。
        /// Messages a minute; above 20 the robot is locked for ten minutes.
        per_minute: u32 [1, 20] = "19",
    }
}

settings! {
    /// 短信网关，请求按模板拼出。
    /// A gateway for text messages; its request is made from templates.
    SmsSettings check sms_works {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 请求方法是否为 POST；否则为 GET。
        /// Whether the request is a POST; else a GET.
        post: bool = "true",
        /// 地址模板。占位名：`{mobile}`、`{text}`、`{key}`、`{user}`、`{secret}`、`{time}`、`{millis}`、`{sign}`，按所在位置转义。
        /// Template of the URL. Places: `{mobile}`, `{text}`, `{key}`, `{user}`, `{secret}`, `{time}`, `{millis}`, `{sign}`, escaped for where they stand.
        url: String,
        /// 其他请求头，每项写成 `名称: 值`。
        /// Further headers, each as `Name: value`.
        headers: Vec<String> = "[]",
        /// 正文模板；没有正文则不写。
        /// Template of the body; none if left out.
        body: Option<String>,
        /// 正文格式。
        /// What the body is.
        kind: Kind = "\"json\"",
        /// 字符编码。
        /// In which characters the gateway is spoken to.
        charset: Charset = "\"utf-8\"",
        /// `{sign}` 的原文模板，如 `{user}{secret}{time}`。
        /// What `{sign}` is made of, such as `{user}{secret}{time}`.
        sign: Option<String>,
        /// `{sign}` 的算法。
        /// How `{sign}` is made.
        sign_with: Digesting = "\"md5\"",
        /// `{user}` 的值。
        /// What `{user}` is.
        user: Option<String>,
        /// 存放 `{secret}` 的文件。
        /// File that holds `{secret}`.
        secret_file: Option<PathBuf>,
        /// 什么样的应答算成功：`status 200`、`json /code = 0`、`text starts OK`、`text contains …`。
        /// Which answer is a success: `status 200`, `json /code = 0`, `text starts OK`, `text contains …`.
        success: Expect,
        /// 什么样的应答表示发得太快。
        /// Which answer means: asked too often.
        too_often: Option<Expect>,
        /// 什么样的应答表示稍后可再发。其余应答都算失败，不再重发。
        /// Which answer means: try again later. Any other is a failure for good.
        again: Option<Expect>,
        /// 单条最多字数；70 字为一条短信，再多每 67 字计一条。
        /// Longest text in characters; 70 are one message, each further 67 another.
        chars_max: usize [50, 670] = "201",
        /// 每分钟最多条数。
        /// Messages a minute.
        per_minute: u32 [1, 6000] = "60",
        /// 存放回复推送密钥的文件：网关把回复推到 `/sms/渠道名称/密钥`。不写则不接收回复。
        /// File with the key under which the gateway hands answers on, to `/sms/CHANNEL/KEY`. Without it none are taken.
        callback_key_file: Option<PathBuf>,
        /// 回复推送中的号码字段。
        /// Field of a handed-on answer that holds the number.
        callback_from: String = "\"mobile\"",
        /// 回复推送中的内容字段。
        /// Field of a handed-on answer that holds the text.
        callback_text: String = "\"content\"",
        /// 收到推送后答什么。
        /// What the gateway is answered.
        callback_answer: String = "\"OK\"",
    }
}

settings! {
    /// 短信猫：串口 GSM 模块，用 AT 命令，适合没有短信网关的隔离网络。收件人的回复也由它接收。
    /// A serial modem, spoken to with AT commands, for isolated networks. Answers arrive by it as well.
    ModemSection {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 串口。
        /// The port.
        port: PathBuf,
        /// 波特率。
        /// Bits per second.
        baud: u32 [300, 921600] = "115200",
        /// 单条最多字数。
        /// Longest text in characters.
        chars_max: usize [50, 670] = "134",
        /// 每分钟最多条数；一张卡每条要几秒。
        /// Messages a minute; a card needs some seconds for each.
        per_minute: u32 [1, 60] = "10",
    }
}

settings! {
    /// 邮件（SMTP）。
    /// Mail, by SMTP.
    MailSettings check mail_works {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 服务器与端口。
        /// Server and port.
        server: HostPort,
        /// 加密方式：`tls`（465）、`starttls`（587）、`none`。
        /// Encryption: `tls` (465), `starttls` (587), `none`.
        encryption: Encryption = "\"starttls\"",
        /// 用户名。与 `password_file` 同时写。
        /// User name. Goes with `password_file`.
        user: Option<String>,
        /// 存放口令的文件。
        /// File that holds the password.
        password_file: Option<PathBuf>,
        /// 发件人地址。
        /// Address of the sender.
        from: MailAddress,
        /// 不指明个人的通知发给谁。
        /// Who receives notices that are for no person in particular.
        to: Vec<MailAddress> = "[]",
        /// 允许对非本机的服务器不加密。
        /// Allows an unencrypted server beyond loopback.
        plain_smtp: bool = "false",
        /// 每分钟最多封数。
        /// Messages a minute.
        per_minute: u32 [1, 600] = "30",
    }
}

settings! {
    /// MQTT 发布：供声光报警器与其他程序订阅。
    /// Publishing over MQTT, for sirens and other programs.
    MqttSettings check mqtt_works {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 地址，`mqtts://` 加密，`mqtt://` 不加密。
        /// Its address; `mqtts://` is encrypted, `mqtt://` is not.
        url: BrokerUrl,
        /// 用户名。与 `password_file` 同时写。
        /// User name. Goes with `password_file`.
        user: Option<String>,
        /// 存放口令的文件。
        /// File that holds the password.
        password_file: Option<PathBuf>,
        /// 主题；心跳发到其下的 `heartbeat`。
        /// The topic; heartbeats go to `heartbeat` below it.
        topic: String = "\"vcops/notices\"",
        /// 允许对非本机的服务不加密。
        /// Allows an unencrypted broker beyond loopback.
        plain_mqtt: bool = "false",
        /// 每分钟最多条数。
        /// Messages a minute.
        per_minute: u32 [1, 6000] = "600",
    }
}

settings! {
    /// 带签名的 webhook（Standard Webhooks）：HMAC-SHA256，含时间与编号，可防重放。
    /// A signed webhook (Standard Webhooks): HMAC-SHA256 over id, time and body, safe against replay.
    WebhookSettings {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 地址。
        /// The URL.
        url: WebUrl,
        /// 存放签名密钥的文件，`whsec_…` 或任意文字。
        /// File that holds the secret, `whsec_…` or any other text.
        secret_file: PathBuf,
        /// 每分钟最多条数。
        /// Messages a minute.
        per_minute: u32 [1, 6000] = "600",
    }
}

settings! {
    /// Alertmanager（API v2）。
    /// An Alertmanager, API v2.
    AlertmanagerSettings {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 地址，不含 `/api/v2`。
        /// Its URL, without `/api/v2`.
        url: WebUrl,
        /// 用户名（前置代理的 Basic 认证）。与 `password_file` 同时写。
        /// User name for a proxy before it (basic authentication). Goes with `password_file`.
        user: Option<String>,
        /// 存放口令的文件。
        /// File that holds the password.
        password_file: Option<PathBuf>,
        /// 每分钟最多条数。
        /// Messages a minute.
        per_minute: u32 [1, 6000] = "600",
    }
}

/// How a log host is spoken to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogCarriage {
    /// UDP.
    Udp,
    /// TCP.
    Tcp,
    /// TLS.
    Tls,
}

settings! {
    /// 日志主机（RFC 5424）：集中日志审计。字段按 GB/T 22239 的审计记录要求。
    /// A log host, RFC 5424, for central audit. Its fields are those that GB/T 22239 asks of a record.
    SyslogSettings {
        /// 渠道名称。
        /// Name of the channel.
        id: ChannelId,
        /// 主机与端口。
        /// Host and port.
        server: HostPort,
        /// 传输方式：`udp`、`tcp`、`tls`。
        /// How it is spoken to: `udp`, `tcp`, `tls`.
        carriage: LogCarriage = "\"tcp\"",
        /// 设施编号，16 为 local0。
        /// Facility; 16 is local0.
        facility: u32 [0, 23] = "16",
        /// 本机在日志里的名称，只用字母、数字与连字符。
        /// What this host calls itself there: letters, digits, hyphens.
        own_name: String = "\"vcops\"",
        /// 每分钟最多条数。
        /// Messages a minute.
        per_minute: u32 [1, 60000] = "6000",
    }
}

impl NotifySettings {
    /// The names of all channels, each with the section that it stands in.
    pub fn channels(&self) -> Vec<(&'static str, &ChannelId)> {
        let mut found = Vec::new();
        found.extend(self.wecom.iter().map(|it| ("wecom", &it.id)));
        found.extend(self.dingtalk.iter().map(|it| ("dingtalk", &it.id)));
        found.extend(self.sms.iter().map(|it| ("sms", &it.id)));
        found.extend(self.modem.iter().map(|it| ("modem", &it.id)));
        found.extend(self.mail.iter().map(|it| ("mail", &it.id)));
        found.extend(self.mqtt.iter().map(|it| ("mqtt", &it.id)));
        found.extend(self.webhook.iter().map(|it| ("webhook", &it.id)));
        found.extend(self.alertmanager.iter().map(|it| ("alertmanager", &it.id)));
        found.extend(self.syslog.iter().map(|it| ("syslog", &it.id)));
        found
    }

    /// The files that must be there, by the name of their field.
    pub(super) fn files(&self) -> Vec<(&'static str, &PathBuf)> {
        let own = [
            ("notify.ca", self.ca.as_ref()),
            ("notify.certificate", self.certificate.as_ref()),
            ("notify.key", self.key.as_ref()),
            ("notify.alerts_token_file", self.alerts_token_file.as_ref()),
        ];
        let mut found: Vec<_> = own.into_iter().filter_map(|(field, path)| Some((field, path?))).collect();
        found.extend(self.wecom.iter().map(|it| ("notify.wecom.key_file", &it.key_file)));
        found.extend(self.dingtalk.iter().map(|it| ("notify.dingtalk.token_file", &it.token_file)));
        let signed = self.dingtalk.iter().filter_map(|it| it.secret_file.as_ref());
        found.extend(signed.map(|path| ("notify.dingtalk.secret_file", path)));
        let secrets = self.sms.iter().filter_map(|it| it.secret_file.as_ref());
        found.extend(secrets.map(|path| ("notify.sms.secret_file", path)));
        let callbacks = self.sms.iter().filter_map(|it| it.callback_key_file.as_ref());
        found.extend(callbacks.map(|path| ("notify.sms.callback_key_file", path)));
        let mail = self.mail.iter().filter_map(|it| it.password_file.as_ref());
        found.extend(mail.map(|path| ("notify.mail.password_file", path)));
        let mqtt = self.mqtt.iter().filter_map(|it| it.password_file.as_ref());
        found.extend(mqtt.map(|path| ("notify.mqtt.password_file", path)));
        found.extend(self.webhook.iter().map(|it| ("notify.webhook.secret_file", &it.secret_file)));
        let managers = self.alertmanager.iter().filter_map(|it| it.password_file.as_ref());
        found.extend(managers.map(|path| ("notify.alertmanager.password_file", path)));
        found
    }
}

impl SmsSettings {
    /// The template, or why it cannot be used.
    pub fn template(&self) -> Result<Template, String> {
        let header = |line: &String| {
            let (name, value) =
                line.split_once(':').ok_or_else(|| format!("{line:?} is not \"Name: value\""))?;
            Ok((name.trim().to_owned(), value.trim().to_owned()))
        };
        let headers = self.headers.iter().map(header).collect::<Result<_, String>>()?;
        let text = TemplateText {
            post: self.post,
            url: self.url.clone(),
            headers,
            body: self.body.clone().unwrap_or_default(),
            kind: self.kind,
            charset: self.charset,
            sign: self.sign.clone().map(|sign| (self.sign_with, sign)),
        };
        Template::new(text).map_err(|error| error.to_string())
    }
}

fn notify_agrees(notify: &NotifySettings, fields: &mut Fields<'_, '_>) {
    let channels = notify.channels();
    let mut seen = std::collections::BTreeMap::new();
    for (section, id) in &channels {
        if seen.insert((*id).clone(), *section).is_some() {
            let what = Text::new(format!("渠道 {id} 写了两次"), format!("the channel {id} is there twice"));
            let remedy = Text::new("改名，或删去一个", "rename one or remove it");
            fields.refuse(fields.place(section), Mistake::new("conflict", what, remedy));
        }
    }
    for id in notify.default.iter().filter(|id| !seen.contains_key(*id)) {
        fields.refuse(fields.place("default"), no_channel(id));
    }
    for heartbeat in &notify.heartbeats {
        match seen.get(&heartbeat.channel) {
            None => fields.refuse(fields.place("heartbeats"), no_channel(&heartbeat.channel)),
            Some(&("webhook" | "mqtt" | "alertmanager")) => {}
            Some(_) => fields.refuse(fields.place("heartbeats"), no_heartbeat(&heartbeat.channel)),
        }
    }
    let given = [("certificate", notify.certificate.is_some()), ("key", notify.key.is_some())];
    let encrypted = super::controller::pair(fields, given);
    match notify.listen {
        Some(listen) if !listen.ip().is_loopback() && !encrypted && !notify.plain_http => {
            fields.refuse(
                fields.place("listen"),
                super::controller::unencrypted(&listen.to_string(), "plain_http"),
            );
        }
        Some(_) => {}
        None => inlets_need_listener(notify, encrypted, fields),
    }
}

/// What comes in needs where it comes in.
fn inlets_need_listener(notify: &NotifySettings, encrypted: bool, fields: &mut Fields<'_, '_>) {
    let callbacks = notify.sms.iter().any(|it| it.callback_key_file.is_some());
    let inlets = [
        ("certificate", encrypted),
        ("public_url", notify.public_url.is_some()),
        ("alerts_token_file", notify.alerts_token_file.is_some()),
        ("sms", callbacks),
    ];
    for (field, _) in inlets.into_iter().filter(|(_, given)| *given) {
        fields.refuse(fields.place(field), Mistake::missing_field("listen"));
    }
}

fn no_channel(id: &ChannelId) -> Mistake {
    let what = Text::new(format!("没有名为 {id} 的渠道"), format!("no channel is called {id}"));
    Mistake::new(
        "unknown_channel",
        what,
        Text::new("改正名称，或写上这个渠道", "correct the name or add the channel"),
    )
}

fn no_heartbeat(id: &ChannelId) -> Mistake {
    let what = Text::new(format!("渠道 {id} 不能发心跳"), format!("the channel {id} carries no heartbeat"));
    let remedy = Text::new("改用 webhook、mqtt 或 alertmanager", "use a webhook, MQTT or an Alertmanager");
    Mistake::new("unsupported", what, remedy)
}

fn sms_works(sms: &SmsSettings, fields: &mut Fields<'_, '_>) {
    if let Err(why) = sms.template() {
        let what = Text::new(format!("模板不能用：{why}"), format!("the templates cannot be used: {why}"));
        let remedy = Text::new(
            "模板须有 {mobile} 与 {text}，只用列出的占位名",
            "they need {mobile} and {text}, and no place beyond the listed ones",
        );
        fields.refuse(fields.place("url"), Mistake::new("bad_template", what, remedy));
    }
}

fn mail_works(mail: &MailSettings, fields: &mut Fields<'_, '_>) {
    super::controller::pair(
        fields,
        [("user", mail.user.is_some()), ("password_file", mail.password_file.is_some())],
    );
    if mail.encryption == Encryption::None && !is_here(&mail.server.host) && !mail.plain_smtp {
        fields
            .refuse(fields.place("server"), super::controller::unencrypted(&mail.server.host, "plain_smtp"));
    }
}

fn mqtt_works(mqtt: &MqttSettings, fields: &mut Fields<'_, '_>) {
    super::controller::pair(
        fields,
        [("user", mqtt.user.is_some()), ("password_file", mqtt.password_file.is_some())],
    );
    if !mqtt.url.tls && !is_here(&mqtt.url.at.host) && !mqtt.plain_mqtt {
        fields.refuse(fields.place("url"), super::controller::unencrypted(&mqtt.url.at.host, "plain_mqtt"));
    }
    if mqtt.topic.is_empty() || mqtt.topic.contains(['+', '#', '\0']) {
        let what = Text::new("不是可发布的主题", "not a topic that can be published to");
        let remedy = Text::new("不写通配符", "leave wildcards out");
        fields.refuse(fields.place("topic"), Mistake::new("bad_topic", what, remedy));
    }
}

fn is_here(host: &str) -> bool {
    host == "localhost" || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
}
