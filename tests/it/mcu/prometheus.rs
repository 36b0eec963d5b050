//! The scrape of metrics: a real exporter from Debian, and pages as the makers document them.

use std::process::Stdio;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::Router;
use axum::routing::get;
use tokio::process::Command;
use vcops::mcu::Bridge as _;
use vcops::mcu::budget::Budget;
use vcops::mcu::fault::Fault;
use vcops::mcu::http::HttpLine;
use vcops::mcu::prometheus::Prometheus;
use vcops::mcu::trust::Trust;
use vcops::observation::device::{Absent, Given, Service};

use super::stand_in::{StandIn, Trouble};
use crate::stream_rig::free_port;

const PATIENCE: Duration = Duration::from_secs(60);
/// Longer than a page answers, so that the next question fetches it anew.
const NEXT_PAGE: Duration = Duration::from_millis(1000);

fn adapter(base: url::Url) -> Prometheus {
    let line = HttpLine::new(base, Trust::Nobody.client().unwrap(), Arc::new(Budget::new(60_000))).unwrap();
    Prometheus::new(line, None, Vec::new())
}

#[tokio::test]
async fn a_real_exporter_tells_how_its_host_is() {
    let at = free_port();
    let mut command = Command::new("prometheus-node-exporter");
    command.arg(format!("--web.listen-address={at}")).stdout(Stdio::null()).stderr(Stdio::null());
    let _exporter = command.kill_on_drop(true).spawn().expect("scripts/system-packages.sh test installs it");
    let device = adapter(format!("http://{at}/").parse().unwrap());
    let health = tokio::time::timeout(PATIENCE, async {
        loop {
            match device.health().await {
                Ok(health) => return health,
                Err(fault) => assert!(matches!(fault, Fault::Unreachable(_)), "{fault}"),
            }
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    });
    let health = health.await.expect("the exporter answers");
    assert_eq!((health.service, health.load_pct), (Service::Unknown, Given::Absent(Absent::NotYet)));
    assert!(health.uptime.value().is_some() && health.boot.is_some() && health.version.is_some());
    assert!(health.clock_skew_ms.value().unwrap().abs() < 5000.0, "{health:?}");
    tokio::time::sleep(NEXT_PAGE).await;
    let readings = device.readings().await.unwrap();
    for name in ["load_pct", "memory_used_pct", "disk_used_pct"] {
        let value = readings[name].value().unwrap_or_else(|| panic!("{name}: {readings:?}"));
        assert!((0.0..=100.0).contains(&value), "{name} {value}");
    }
}

/// A page that can be changed.
async fn page(text: &str) -> (StandIn, Arc<Mutex<String>>) {
    let page = Arc::new(Mutex::new(text.to_owned()));
    let served = Arc::clone(&page);
    let router = Router::new().route("/metrics", get(move || async move { served.lock().unwrap().clone() }));
    (StandIn::serve(router).await, page)
}

#[tokio::test]
async fn a_videobridge_says_its_load_and_whether_it_drains() {
    let healthy = include_str!("../../data/mcu/prometheus/jitsi.txt");
    for (from, to, service) in [
        ("", "", Service::Up),
        ("jitsi_jvb_healthy 1", "jitsi_jvb_healthy 0", Service::Failed),
        ("jitsi_jvb_drain 0", "jitsi_jvb_drain 1", Service::Draining),
        ("muc_clients_connected 1", "muc_clients_connected 0", Service::Degraded),
    ] {
        let (device, _page) = page(&healthy.replace(from, to)).await;
        let adapter = adapter(device.base());
        let health = adapter.health().await.unwrap();
        assert_eq!((health.service, health.load_pct), (service, Given::Value(42.0)), "{to}");
        let readings = adapter.readings().await.unwrap();
        assert_eq!(readings["participants"], Given::Value(27.0));
        assert_eq!(readings["incoming_loss_pct"], Given::Value(1.5));
        assert_eq!(device.asked().len(), 1, "one page answers both");
    }
}

#[tokio::test]
async fn counters_become_rates_and_a_restart_gives_none() {
    let counters = |bytes: u64| {
        format!("paths{{name=\"a\",state=\"ready\"}} 1\npaths_inbound_bytes{{name=\"a\"}} {bytes}\n")
    };
    let (device, text) = page(&counters(1_000_000)).await;
    let adapter = adapter(device.base());
    let inbound = async || adapter.readings().await.unwrap()["inbound_kbps"];
    assert_eq!(inbound().await, Given::Absent(Absent::NotYet));
    *text.lock().unwrap() = counters(2_000_000);
    tokio::time::sleep(NEXT_PAGE).await;
    let kbps = inbound().await.value().unwrap();
    assert!(kbps > 0.0 && kbps <= 8000.0, "{kbps}");
    *text.lock().unwrap() = counters(10);
    tokio::time::sleep(NEXT_PAGE).await;
    assert_eq!(inbound().await, Given::Absent(Absent::NotYet));
}

#[tokio::test]
async fn what_goes_wrong_is_told_apart() {
    let (device, text) = page("up 1\n").await;
    for (trouble, fault) in [
        (Trouble::Busy, Fault::Busy("503".into())),
        (Trouble::RateLimited, Fault::RateLimited { retry_after: Some(Duration::from_secs(7)) }),
        (Trouble::Truncated, Fault::Timeout { sent: true }),
    ] {
        device.trouble(Some(trouble));
        assert_eq!(adapter(device.base()).health().await, Err(fault));
    }
    device.trouble(None);
    *text.lock().unwrap() = "<html>".into();
    assert!(matches!(adapter(device.base()).health().await, Err(Fault::Shape(_))));
}
