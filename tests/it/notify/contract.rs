//! What every channel must do, whatever it speaks: one suite, one row per channel.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use vcops::notify::alertmanager::Alertmanager;
use vcops::notify::channel::Channel;
use vcops::notify::fault::{Class, Code};
use vcops::notify::gateway::{
    Account, Charset, Digesting, Gateway, Kind, Measure, Reading, Template, TemplateText,
};
use vcops::notify::guard::Guard;
use vcops::notify::line::Trust;
use vcops::notify::mail::{Encryption, Mail, MailServer, address};
use vcops::notify::mqtt::{Broker, Mqtt};
use vcops::notify::robot::dingtalk::{Dingtalk, Security};
use vcops::notify::robot::wecom::Wecom;
use vcops::notify::syslog::{Carriage, LogHost, Syslog};
use vcops::notify::webhook::Webhook;

use super::rig::{Certificate, closed_port, here, id, line, message, nowhere_near, silent_port, tls_port};

const SECRET: &str = "s3cret-of-the-channel";

/// Where a channel is pointed.
#[derive(Clone)]
struct Target {
    host: String,
    port: u16,
    tls: bool,
    guard: Guard,
    trust: Trust,
}

impl Target {
    fn at(address: SocketAddr) -> Self {
        let host = address.ip().to_string();
        Self { host, port: address.port(), tls: false, guard: here(), trust: Trust::default() }
    }

    fn url(&self) -> url::Url {
        let scheme = if self.tls { "https" } else { "http" };
        format!("{scheme}://{}:{}/", self.host, self.port).parse().unwrap()
    }
}

type Made = Box<dyn Fn(&Target) -> Arc<dyn Channel>>;

fn secret() -> zeroize::Zeroizing<String> {
    SECRET.to_owned().into()
}

/// Every channel that connects somewhere; the modem has its own tests.
fn channels() -> Vec<(&'static str, Made)> {
    let made = |name, make: fn(&Target) -> Arc<dyn Channel>| (name, Box::new(make) as Made);
    vec![
        made("wecom", |at| {
            Arc::new(Wecom::new(id("c"), line(&at.guard, &at.trust), &at.url(), secret(), 19))
        }),
        made("dingtalk", |at| {
            let keys = (secret(), Security { secret: Some(secret()), keyword: String::new() });
            Arc::new(Dingtalk::new(id("c"), line(&at.guard, &at.trust), &at.url(), keys, 19))
        }),
        made("sms", |at| Arc::new(gateway(at))),
        made("webhook", |at| {
            Arc::new(Webhook::new(id("c"), line(&at.guard, &at.trust), at.url(), secret(), 60))
        }),
        made("alertmanager", |at| {
            let login = Some(("vcops".to_owned(), secret()));
            Arc::new(Alertmanager::new(id("c"), line(&at.guard, &at.trust), &at.url(), login, 60))
        }),
        made("mail", |at| Arc::new(mail(at))),
        made("mqtt", |at| {
            let broker = Broker {
                host: at.host.clone(),
                port: at.port,
                trust: at.tls.then(|| at.trust.clone()),
                login: Some(("vcops".to_owned(), secret())),
                topic: "vcops/notices".into(),
            };
            Arc::new(Mqtt::new(id("c"), broker, at.guard.clone(), 60))
        }),
        made("syslog", |at| {
            let carriage = if at.tls { Carriage::Tls(at.trust.clone()) } else { Carriage::Tcp };
            let host = LogHost {
                host: at.host.clone(),
                port: at.port,
                carriage,
                facility: 16,
                own_name: "hub".into(),
            };
            Arc::new(Syslog::new(id("c"), host, at.guard.clone(), 60))
        }),
    ]
}

fn gateway(at: &Target) -> Gateway {
    let text = TemplateText {
        post: true,
        url: format!("{}send?p={{secret}}", at.url()),
        headers: Vec::new(),
        body: r#"{"mobile":"{mobile}","text":"{text}"}"#.into(),
        kind: Kind::Json,
        charset: Charset::Utf8,
        sign: Some((Digesting::Md5, "{secret}".into())),
    };
    let reading = Reading { success: "json /code = 0".parse().unwrap(), too_often: None, again: None };
    let account = Account { user: "vcops".into(), secret: secret() };
    let measure = Measure { units_max: 201, per_minute: 60 };
    let template = Template::new(text).unwrap();
    Gateway::new(id("c"), line(&at.guard, &at.trust), (template, reading), account, measure)
}

fn mail(at: &Target) -> Mail {
    let server = MailServer {
        host: at.host.clone(),
        port: at.port,
        encryption: if at.tls { Encryption::Tls } else { Encryption::None },
        login: Some(("vcops".to_owned(), secret())),
        from: address("vcops@example.org").unwrap(),
        group: vec![address("duty@example.org").unwrap()],
        trust: at.trust.clone(),
    };
    Mail::new(id("c"), server, at.guard.clone(), 60)
}

/// Delivers to a target by every channel and holds the fault against what is expected.
async fn all_fail(target: &Target, class: Class, codes: &[Code]) {
    for (name, make) in channels() {
        let channel = make(target);
        let began = Instant::now();
        let fault = channel.deliver(&message("12-3")).await.unwrap_err();
        let (most, took) = (channel.limits().patience + Duration::from_secs(5), began.elapsed());
        assert!(took < most, "{name} took {took:?}");
        assert!(codes.contains(&fault.code), "{name}: {fault}");
        assert_eq!(fault.class, class, "{name}: {fault}");
        assert!(!fault.to_string().contains(SECRET), "{name} tells its secret: {fault}");
        assert!(!fault.to_string().contains("138000"), "{name} tells the number: {fault}");
    }
}

#[tokio::test]
async fn a_port_on_which_nobody_listens_is_unreachable_and_tried_again() {
    all_fail(&Target::at(closed_port().await), Class::Again, &[Code::Unreachable]).await;
}

#[tokio::test]
async fn a_name_that_cannot_be_looked_up_is_told_apart() {
    let target = Target { host: "nothing.invalid".into(), ..Target::at(closed_port().await) };
    all_fail(&target, Class::Again, &[Code::Dns]).await;
}

#[tokio::test]
async fn this_machine_is_not_connected_to_unless_it_is_listed() {
    let open = Target { guard: nowhere_near(), ..Target::at(closed_port().await) };
    all_fail(&open, Class::Final, &[Code::NotPermitted]).await;
    let named = Target { host: "localhost".into(), ..open.clone() };
    all_fail(&named, Class::Final, &[Code::NotPermitted]).await;
    let metadata = Target { host: "169.254.169.254".into(), ..open };
    all_fail(&metadata, Class::Final, &[Code::NotPermitted]).await;
}

#[tokio::test]
async fn an_expired_and_an_unknown_certificate_are_faults_of_tls() {
    let expired = Certificate::new(true);
    let address = tls_port(&expired).await;
    let target = Target {
        host: "localhost".into(),
        port: address.port(),
        tls: true,
        guard: here(),
        trust: expired.trust(),
    };
    all_fail(&target, Class::Again, &[Code::Tls]).await;
    let good = Certificate::new(false);
    let port = tls_port(&good).await.port();
    let strangers = Target { port, trust: Certificate::new(false).trust(), ..target };
    all_fail(&strangers, Class::Again, &[Code::Tls]).await;
}

/// A log host has no answer to give: silence is acceptance there, as the protocol has it.
#[tokio::test]
async fn a_far_side_that_says_nothing_costs_no_more_than_the_channels_patience() {
    let target = Target::at(silent_port().await);
    let mut running = tokio::task::JoinSet::new();
    for (name, make) in channels() {
        let channel = make(&target);
        running.spawn(async move {
            let began = Instant::now();
            let result = channel.deliver(&message("12-3")).await;
            (name, channel.limits().patience, began.elapsed(), result)
        });
    }
    while let Some(ended) = running.join_next().await {
        let (name, patience, took, result) = ended.unwrap();
        assert!(took < patience + Duration::from_secs(5), "{name} took {took:?}");
        match (name, result) {
            ("syslog", Ok(())) => {}
            (_, Err(fault)) => assert_eq!((fault.class, fault.code), (Class::Again, Code::Timeout), "{name}"),
            (_, Ok(())) => panic!("{name} takes silence for acceptance"),
        }
    }
}

#[test]
fn no_channel_prints_its_secret() {
    let target = Target::at(([127, 0, 0, 1], 1).into());
    for (name, make) in channels() {
        let shown = format!("{:?}", make(&target));
        assert!(!shown.contains(SECRET), "{name}: {shown}");
    }
}
