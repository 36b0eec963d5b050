//! The channels of the settings, opened: secrets read, guards and certificates in place.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::net::IpAddr;
use std::path::Path;
use std::sync::Arc;

use anyhow::Context as _;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject as _;
use tokio::sync::mpsc;
use zeroize::Zeroizing;

use crate::config::notify::{
    LogCarriage, MailSettings, MqttSettings, NotifySettings, SmsSettings, SyslogSettings,
};
use crate::domain::id::ChannelId;
use crate::notify::alertmanager::Alertmanager;
use crate::notify::answer::CallbackFields;
use crate::notify::channel::Channel;
use crate::notify::gateway::{Account, Gateway, Measure, Reading};
use crate::notify::guard::{Guard, Listed};
use crate::notify::line::{Line, Trust};
use crate::notify::mail::{Mail, MailServer, address};
use crate::notify::modem::{Incoming, Modem, ModemSettings, ModemTask};
use crate::notify::mqtt::{Broker, Mqtt};
use crate::notify::robot::dingtalk::{Dingtalk, Security};
use crate::notify::robot::wecom::Wecom;
use crate::notify::syslog::{Carriage, LogHost, Syslog};
use crate::notify::webhook::Webhook;
use crate::web::ChannelShown;

/// Where Debian and its kin keep the authorities of the system.
const SYSTEM_AUTHORITIES: &str = "/etc/ssl/certs/ca-certificates.crt";
/// Text messages from modems that may wait.
const INCOMING_MAX: usize = 64;

/// The channels, by name.
#[derive(Debug, Default)]
pub(in crate::controller) struct Channels {
    by_id: BTreeMap<ChannelId, Arc<dyn Channel>>,
    /// Those whose recipients can answer by text message.
    hearing: BTreeSet<ChannelId>,
    /// For notices that name none.
    pub(super) default: Vec<ChannelId>,
}

impl Channels {
    /// The channel of that name.
    pub(in crate::controller) fn get(&self, id: &ChannelId) -> Option<&Arc<dyn Channel>> {
        self.by_id.get(id)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (&ChannelId, &Arc<dyn Channel>)> {
        self.by_id.iter()
    }

    /// For whoever wants to know which there are.
    pub(in crate::controller) fn shown(&self) -> Arc<[ChannelShown]> {
        let shown = |(id, channel): (&ChannelId, &Arc<dyn Channel>)| ChannelShown {
            id: id.clone(),
            personal: channel.limits().personal,
            default: self.default.contains(id),
        };
        self.by_id.iter().map(shown).collect()
    }

    /// Whether answers by text message to this channel arrive here.
    pub(super) fn hears(&self, id: &ChannelId) -> bool {
        self.hearing.contains(id)
    }

    fn add(&mut self, channel: impl Channel + 'static) {
        self.by_id.insert(channel.id().clone(), Arc::new(channel));
    }
}

/// What was opened.
#[derive(Debug)]
pub(in crate::controller) struct Opened {
    pub(in crate::controller) channels: Channels,
    /// Modems, which need a task each.
    pub(in crate::controller) modems: Vec<ModemTask>,
    /// What people send to them.
    pub(in crate::controller) incoming: mpsc::Receiver<Incoming>,
    /// Gateways that hand answers on.
    pub(in crate::controller) callbacks: BTreeMap<String, CallbackFields>,
}

/// Opens all. A secret that cannot be read stops the start: a channel that silently never works is worse.
pub(in crate::controller) fn open(settings: &NotifySettings) -> anyhow::Result<Opened> {
    let opener = Opener::new(settings)?;
    let mut channels = Channels { default: settings.default.clone(), ..Channels::default() };
    opener.robots(settings, &mut channels)?;
    let mut callbacks = BTreeMap::new();
    for sms in &settings.sms {
        channels.add(opener.gateway(sms)?);
        if let Some(key) = &sms.callback_key_file {
            channels.hearing.insert(sms.id.clone());
            callbacks.insert(sms.id.to_string(), callback(sms, secret(key)?));
        }
    }
    for mail in &settings.mail {
        channels.add(opener.mail(mail)?);
    }
    for mqtt in &settings.mqtt {
        channels.add(opener.mqtt(mqtt)?);
    }
    opener.programs(settings, &mut channels)?;
    for syslog in &settings.syslog {
        channels.add(opener.syslog(syslog));
    }
    let (answers, incoming) = mpsc::channel(INCOMING_MAX);
    let mut modems = Vec::new();
    for modem in &settings.modem {
        let own = ModemSettings {
            port: modem.port.clone(),
            baud: modem.baud,
            units_max: modem.chars_max,
            per_minute: modem.per_minute,
        };
        let (channel, task) = Modem::new(modem.id.clone(), own, answers.clone());
        channels.hearing.insert(modem.id.clone());
        channels.add(channel);
        modems.push(task);
    }
    Ok(Opened { channels, modems, incoming, callbacks })
}

#[derive(Debug)]
struct Opener {
    guard: Guard,
    trust: Trust,
    line: Line,
}

impl Opener {
    fn new(settings: &NotifySettings) -> anyhow::Result<Self> {
        let networks = settings.addresses.clone();
        let listed: Listed = Arc::new(move |ip: IpAddr| networks.iter().any(|network| network.contains(ip)));
        let any = !settings.addresses.is_empty();
        let guard = Guard::new(any.then_some(listed), settings.names.clone());
        let trust = Trust(match &settings.ca {
            Some(path) => authorities(path)?,
            // Without the system's file nothing encrypted is trusted, and each delivery says so.
            None => authorities(Path::new(SYSTEM_AUTHORITIES)).unwrap_or_default(),
        });
        let line = Line::new(&guard, &trust).context("preparing HTTP for notices")?;
        Ok(Self { guard, trust, line })
    }

    fn robots(&self, settings: &NotifySettings, channels: &mut Channels) -> anyhow::Result<()> {
        for robot in &settings.wecom {
            let key = secret(&robot.key_file)?;
            let line = self.line.clone();
            channels.add(Wecom::new(robot.id.clone(), line, &robot.url.0, key, robot.per_minute));
        }
        for robot in &settings.dingtalk {
            let secret_file = robot.secret_file.as_deref().map(secret).transpose()?;
            let security =
                Security { secret: secret_file, keyword: robot.keyword.clone().unwrap_or_default() };
            let keys = (secret(&robot.token_file)?, security);
            let line = self.line.clone();
            channels.add(Dingtalk::new(robot.id.clone(), line, &robot.url.0, keys, robot.per_minute));
        }
        Ok(())
    }

    /// Webhooks and Alertmanagers.
    fn programs(&self, settings: &NotifySettings, channels: &mut Channels) -> anyhow::Result<()> {
        for hook in &settings.webhook {
            let (url, key) = (hook.url.0.clone(), secret(&hook.secret_file)?);
            channels.add(Webhook::new(hook.id.clone(), self.line.clone(), url, key, hook.per_minute));
        }
        for manager in &settings.alertmanager {
            let login = login(manager.user.as_ref(), manager.password_file.as_deref())?;
            let line = self.line.clone();
            channels.add(Alertmanager::new(
                manager.id.clone(),
                line,
                &manager.url.0,
                login,
                manager.per_minute,
            ));
        }
        Ok(())
    }

    fn gateway(&self, sms: &SmsSettings) -> anyhow::Result<Gateway> {
        let template = sms.template().map_err(|why| anyhow::anyhow!("the gateway {}: {why}", sms.id))?;
        let reading = Reading {
            success: sms.success.clone(),
            too_often: sms.too_often.clone(),
            again: sms.again.clone(),
        };
        let key = sms.secret_file.as_deref().map(secret).transpose()?.unwrap_or_default();
        let account = Account { user: sms.user.clone().unwrap_or_default(), secret: key };
        let measure = Measure { units_max: sms.chars_max, per_minute: sms.per_minute };
        Ok(Gateway::new(sms.id.clone(), self.line.clone(), (template, reading), account, measure))
    }

    fn mail(&self, mail: &MailSettings) -> anyhow::Result<Mail> {
        let server = MailServer {
            host: mail.server.host.clone(),
            port: mail.server.port,
            encryption: mail.encryption,
            login: login(mail.user.as_ref(), mail.password_file.as_deref())?,
            from: address(&mail.from.0).context("the sender's address")?,
            group: mail
                .to
                .iter()
                .map(|to| address(&to.0))
                .collect::<Result<_, _>>()
                .context("a recipient")?,
            trust: self.trust.clone(),
        };
        Ok(Mail::new(mail.id.clone(), server, self.guard.clone(), mail.per_minute))
    }

    fn mqtt(&self, mqtt: &MqttSettings) -> anyhow::Result<Mqtt> {
        let broker = Broker {
            host: mqtt.url.at.host.clone(),
            port: mqtt.url.at.port,
            trust: mqtt.url.tls.then(|| self.trust.clone()),
            login: login(mqtt.user.as_ref(), mqtt.password_file.as_deref())?,
            topic: mqtt.topic.clone(),
        };
        Ok(Mqtt::new(mqtt.id.clone(), broker, self.guard.clone(), mqtt.per_minute))
    }

    fn syslog(&self, syslog: &SyslogSettings) -> Syslog {
        let carriage = match syslog.carriage {
            LogCarriage::Udp => Carriage::Udp,
            LogCarriage::Tcp => Carriage::Tcp,
            LogCarriage::Tls => Carriage::Tls(self.trust.clone()),
        };
        let host = LogHost {
            host: syslog.server.host.clone(),
            port: syslog.server.port,
            carriage,
            facility: u8::try_from(syslog.facility).unwrap_or(16),
            own_name: syslog.own_name.clone(),
        };
        Syslog::new(syslog.id.clone(), host, self.guard.clone(), syslog.per_minute)
    }
}

fn callback(sms: &SmsSettings, key: Zeroizing<String>) -> CallbackFields {
    CallbackFields {
        from: sms.callback_from.clone(),
        text: sms.callback_text.clone(),
        answer: sms.callback_answer.clone(),
        key,
    }
}

type Login = Option<(String, Zeroizing<String>)>;

fn login(user: Option<&String>, password: Option<&Path>) -> anyhow::Result<Login> {
    let Some((user, password)) = user.zip(password) else { return Ok(None) };
    Ok(Some((user.clone(), secret(password)?)))
}

/// A secret on one line of a file.
pub(in crate::controller) fn secret(path: &Path) -> anyhow::Result<Zeroizing<String>> {
    let text = fs::read_to_string(path).map(Zeroizing::new).with_context(|| path.display().to_string())?;
    let text = text.trim_end_matches(['\r', '\n']);
    anyhow::ensure!(!text.is_empty(), "{} is empty", path.display());
    Ok(Zeroizing::new(text.to_owned()))
}

fn authorities(path: &Path) -> anyhow::Result<Vec<CertificateDer<'static>>> {
    let pem = fs::read(path).with_context(|| path.display().to_string())?;
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(&pem).collect();
    found.map_err(|error| anyhow::anyhow!("{}: {error}", path.display()))
}
