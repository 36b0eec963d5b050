//! A log host: Debian's rsyslog, over UDP and TCP.

use std::net::SocketAddr;

use vcops::notify::channel::Channel;
use vcops::notify::fault::Code;
use vcops::notify::syslog::{Carriage, LogHost, Syslog};

use super::rig::{Program, closed_port, here, id, listening, message, until};

struct Host {
    _program: Program,
    at: SocketAddr,
    dir: tempfile::TempDir,
}

impl Host {
    /// rsyslog in a folder of its own, both ways on one port, writing what it understood.
    async fn start() -> Self {
        let dir = tempfile::tempdir().unwrap();
        let at = closed_port().await;
        let (port, log) = (at.port(), dir.path().join("log"));
        let config = format!(
            "global(workDirectory=\"{dir}\")\nmodule(load=\"imtcp\")\nmodule(load=\"imudp\")\n\
             template(name=\"seen\" type=\"string\" \
             string=\"%pri%|%hostname%|%app-name%|%msgid%|%structured-data%|%msg%\\n\")\n\
             input(type=\"imtcp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             input(type=\"imudp\" address=\"127.0.0.1\" port=\"{port}\")\n\
             *.* action(type=\"omfile\" file=\"{log}\" template=\"seen\")\n",
            dir = dir.path().display(),
            log = log.display(),
        );
        let (file, pid) = (dir.path().join("conf"), dir.path().join("pid"));
        std::fs::write(&file, config).unwrap();
        let arguments = ["-n", "-f", file.to_str().unwrap(), "-i", pid.to_str().unwrap()];
        let program = Program::start("/usr/sbin/rsyslogd", &arguments);
        listening(at).await;
        Self { _program: program, at, dir }
    }

    fn lines(&self) -> Vec<String> {
        let text = std::fs::read_to_string(self.dir.path().join("log")).unwrap_or_default();
        text.lines().filter(|line| line.contains("vcops")).map(str::to_owned).collect()
    }

    fn channel(&self, carriage: Carriage) -> Syslog {
        let host = LogHost {
            host: "127.0.0.1".into(),
            port: self.at.port(),
            carriage,
            facility: 16,
            own_name: "hub-1".into(),
        };
        Syslog::new(id("log"), host, here(), 6000)
    }
}

#[tokio::test]
async fn rsyslog_understands_each_field_over_both_carriages() {
    let host = Host::start().await;
    for (count, carriage) in [(1, Carriage::Tcp), (2, Carriage::Udp)] {
        let mut notice = message("12-3");
        notice.body = "引号\" 括号] 反斜线\\ 换行\n<13>1 forged".into();
        host.channel(carriage).deliver(&notice).await.unwrap();
        until("the log has the record", || host.lines().len() == count).await;
        let line = host.lines().pop().unwrap();
        let fields: Vec<&str> = line.splitn(6, '|').collect();
        // local0.alert
        assert_eq!(fields[..4], ["129", "hub-1", "vcops", "incident"], "{line}");
        for part in ["[vcops@32473 key=\"12-3\"", "incident=\"12\"", "level=\"urgent\"", "result=\"success\""]
        {
            assert!(fields[4].contains(part), "{line}");
        }
        assert!(fields[5].contains("主用 MCU 失联") && fields[5].contains("<13>1 forged"), "{line}");
    }
}

#[tokio::test]
async fn many_records_keep_their_borders() {
    let host = Host::start().await;
    let channel = host.channel(Carriage::Tcp);
    for at in 0..50 {
        channel.deliver(&message(&format!("12-{at}"))).await.unwrap();
    }
    until("the log has all", || host.lines().len() == 50).await;
    let lines = host.lines();
    for at in 0..50 {
        let found = lines.iter().filter(|line| line.contains(&format!("key=\"12-{at}\""))).count();
        assert_eq!(found, 1, "12-{at}");
    }
}

#[tokio::test]
async fn a_udp_port_on_which_nobody_listens_refuses() {
    let at = closed_port().await;
    let host = LogHost {
        host: "127.0.0.1".into(),
        port: at.port(),
        carriage: Carriage::Udp,
        facility: 16,
        own_name: "hub-1".into(),
    };
    let channel = Syslog::new(id("log"), host, here(), 6000);
    assert_eq!(channel.deliver(&message("12-3")).await.unwrap_err().code, Code::Unreachable);
}
