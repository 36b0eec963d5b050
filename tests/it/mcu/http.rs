//! The line to a device tells apart what went wrong, and only what cannot be reached is a sign of death.

use std::time::Duration;

use axum::Router;
use axum::routing::get;
use reqwest::Method;
use vcops::mcu::fault::Fault;
use vcops::mcu::http::{HttpLine, Intent, Reply};

use super::stand_in::{StandIn, Trouble, line_to};

async fn ask(line: &HttpLine) -> Result<Reply, Fault> {
    line.send(line.request(Method::GET, "state?x=1")?, Intent::Read).await
}

#[tokio::test]
async fn every_trouble_of_the_line_has_its_own_fault() {
    let device = StandIn::serve(Router::new().route("/state", get(|| async { "{\"up\":true}" }))).await;
    let line = line_to(device.base());
    assert_eq!(ask(&line).await.unwrap().body, b"{\"up\":true}");
    assert_eq!(device.asked().len(), 1);
    assert_eq!(device.asked()[0].path, "/state?x=1");
    let cases = [
        (Trouble::Busy, Fault::Busy("503".into())),
        (Trouble::RateLimited, Fault::RateLimited { retry_after: Some(Duration::from_secs(7)) }),
        (Trouble::Truncated, Fault::Timeout { sent: true }),
        (Trouble::SilentAfter, Fault::Timeout { sent: true }),
        (Trouble::Slow(Duration::from_secs(8)), Fault::Timeout { sent: true }),
    ];
    for (trouble, fault) in cases {
        device.trouble(Some(trouble.clone()));
        assert_eq!(ask(&line).await, Err(fault.clone()), "{trouble:?}");
        assert!(!matches!(fault.meaning(), Some(Ok(_))), "{trouble:?} is no sign of death");
    }
    device.trouble(Some(Trouble::Renamed("up", "running")));
    assert_eq!(ask(&line).await.unwrap().body, b"{\"running\":true}");
    device.trouble(None);
    assert!(ask(&line).await.is_ok(), "it recovers");
}

#[tokio::test]
async fn nobody_at_the_address_is_unreachable() {
    let free = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = free.local_addr().unwrap();
    drop(free);
    let fault = ask(&line_to(format!("http://{address}/").parse().unwrap())).await.unwrap_err();
    assert!(matches!(fault, Fault::Unreachable(_)), "{fault}");
}

#[tokio::test]
async fn a_device_that_does_not_speak_tls_is_not_down() {
    let device = StandIn::serve(Router::new()).await;
    let base = format!("https://{}/", device.address).parse().unwrap();
    let fault = ask(&line_to(base)).await.unwrap_err();
    assert!(matches!(fault, Fault::Tls(_)), "{fault}");
}
