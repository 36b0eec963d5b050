//! Gateways for text messages in the shapes that providers have.

use std::time::Duration;

use vcops::notify::channel::Channel;
use vcops::notify::fault::{Class, Code};
use vcops::notify::gateway::{
    Account, Charset, Digesting, Gateway, Kind, Measure, Reading, Template, TemplateText,
};
use vcops::notify::line::Trust;
use vcops::notify::message::{Addressee, Answering};

use super::rig::{Provider, Says, here, id, line, message};

fn gateway(provider: &Provider, text: TemplateText, success: &str) -> Gateway {
    let reading = Reading {
        success: success.parse().unwrap(),
        too_often: Some("json /code = 105".parse().unwrap()),
        again: Some("text contains busy".parse().unwrap()),
    };
    let account = Account { user: "gov".into(), secret: "s3cret".to_owned().into() };
    let measure = Measure { units_max: 70, per_minute: 60 };
    let text = TemplateText { url: text.url.replace("BASE", provider.url().as_str()), ..text };
    let template = Template::new(text).unwrap();
    Gateway::new(id("sms"), line(&here(), &Trust::default()), (template, reading), account, measure)
}

fn json() -> TemplateText {
    TemplateText {
        post: true,
        url: "BASEsend".into(),
        headers: vec![("x-account".into(), "{user}".into())],
        body: r#"{"mobile":"{mobile}","content":"{text}","id":"{key}","sign":"{sign}"}"#.into(),
        kind: Kind::Json,
        charset: Charset::Utf8,
        sign: Some((Digesting::Sha256, "{user}{secret}{mobile}".into())),
    }
}

#[tokio::test]
async fn a_json_gateway_is_asked_as_its_template_says_within_one_message() {
    let provider = Provider::start(Says::Body(200, r#"{"code":0}"#.into())).await;
    let channel = gateway(&provider, json(), "json /code = 0");
    let mut long = message("12-3");
    long.body = "很长".repeat(100);
    long.answer = Some(Answering { code: Some("3817".into()), link: None });
    channel.deliver(&long).await.unwrap();
    let asked = &provider.asked()[0];
    let body = asked.json();
    let content = body["content"].as_str().unwrap();
    assert!(content.chars().count() <= 70, "{content}");
    assert!(content.ends_with("收到回3817，无法处理回3817 0 [12-3]"), "{content}");
    assert_eq!((body["mobile"].as_str(), body["id"].as_str()), (Some("13800000001"), Some("12-3")));
    assert_eq!(asked.header("x-account"), "gov");
    assert_eq!(body["sign"].as_str().unwrap().len(), 64);
}

#[tokio::test]
async fn a_gateway_by_get_in_gbk_with_a_text_answer() {
    let provider = Provider::start(Says::Body(200, "0,20261128".into())).await;
    let text = TemplateText {
        post: false,
        url: "BASEsms.aspx?mobile={mobile}&content={text}&account={user}&password={secret}".into(),
        body: String::new(),
        charset: Charset::Gbk,
        sign: None,
        ..json()
    };
    let channel = gateway(&provider, text, "text starts 0,");
    channel.deliver(&message("12-3")).await.unwrap();
    let path = &provider.asked()[0].path;
    // 主用 in GBK.
    assert!(path.contains("content=%A1%BE%BD%F4%BC%B1%A1%BF%D6%F7%D3%C3%20MCU"), "{path}");
    assert!(path.ends_with("&account=gov&password=s3cret"), "{path}");
}

#[tokio::test]
async fn what_is_no_success_is_a_failure_of_its_kind() {
    let provider = Provider::start(Says::Body(200, r#"{"code":0}"#.into())).await;
    let channel = gateway(&provider, json(), "json /code = 0");
    let cases = [
        (Says::Body(200, r#"{"code":105}"#.into()), Class::Locked(Duration::from_secs(60)), Code::TooOften),
        (Says::Body(200, "busy".into()), Class::Again, Code::Busy),
        (Says::Body(200, r#"{"code":9,"m":"s3cret 13800000001"}"#.into()), Class::Final, Code::Rejected),
        (Says::Body(400, "{}".into()), Class::Final, Code::Rejected),
        (Says::Body(200, String::new()), Class::Final, Code::Rejected),
        (Says::Body(500, String::new()), Class::Again, Code::Busy),
        (Says::Body(401, String::new()), Class::Final, Code::Credential),
        (Says::Body(200, "x".repeat(100_000)), Class::Again, Code::Shape),
    ];
    for (says, class, code) in cases {
        provider.next(says);
        let fault = channel.deliver(&message("12-3")).await.unwrap_err();
        assert_eq!((fault.class, fault.code), (class, code), "{fault}");
        let shown = fault.to_string();
        assert!(!shown.contains("s3cret") && !shown.contains("1380000"), "{shown}");
    }
}

#[tokio::test]
async fn a_person_without_a_mobile_number_is_not_reached_by_text_message() {
    let provider = Provider::start(Says::Body(200, r#"{"code":0}"#.into())).await;
    let channel = gateway(&provider, json(), "json /code = 0");
    for to in [Addressee::Group, Addressee::Person { mobile: None, mail: Some("a@b".into()) }] {
        let fault = channel.deliver(&vcops::notify::Message { to, ..message("12-3") }).await.unwrap_err();
        assert_eq!((fault.class, fault.code), (Class::Final, Code::NoAddress));
    }
    assert!(provider.asked().is_empty());
}
