//! The agent's settings, `agent.toml`. The doc comments are the manual, `docs/CONFIG.md`.
//!
//! What an agent may be told to do is limited here, at the venue: no command can widen it.

use std::net::SocketAddr;
use std::path::PathBuf;

use jiff::tz::TimeZone;

use super::controller::LogSettings;
use super::period::Period;
use super::setting::settings;
use super::streams::WatchingSettings;
use super::value::HostPort;
use crate::domain::inventory::Consent;
use crate::domain::lang::{Lang, Text};
use crate::domain::time::Utc;
use crate::intake::fields::Fields;
use crate::intake::mistake::Mistake;
use crate::link::reflector::Network;

settings! {
    /// 会场测试机的进程设置。这里的限制由会场自己掌握，控制端不能放宽。
    /// Process settings of a venue's agent. These limits belong to the venue; the controller cannot widen them.
    AgentSettings {
        /// 命令行与日志所用的语言。
        /// Language of the command line and the log.
        @live language: Lang = "\"zh\"",
        /// 禁测时段所用的时区。
        /// Time zone of the no-test periods.
        @live timezone: TimeZone = "\"Asia/Shanghai\"",
        /// 状态目录：密钥、未送达的事件。只应由本程序读写。
        /// Directory of the key and of events not yet delivered. No other program should write there.
        state_dir: PathBuf = "\"/var/lib/vcops-agent\"",
        /// 控制端。
        /// The controller.
        controller: ControllerAddress,
        /// 应答器：回应控制端的线路探测。
        /// The reflector: answers the controller's path tests.
        reflector: AgentReflector,
        /// 测试的限制。
        /// Limits of tests.
        tests: TestLimits,
        /// 画面与声音的监看。
        /// Watching of streams.
        streams: WatchingSettings,
        /// 待送事件。
        /// Events that wait for delivery.
        outbox: OutboxLimits,
        /// 日志。
        /// The log.
        log: LogSettings,
    }
}

settings! {
    /// 控制端。MQTT 地址、证书与口令在登记时取得，不写在这里。
    /// The controller. The broker's address, certificate and password come with enrolment.
    ControllerAddress {
        /// 登记地址。
        /// Address for enrolment.
        enrol: HostPort,
        /// 代替登记时所得地址的 MQTT 服务地址（本会场看到的地址不同时才写）。
        /// Broker address to use instead of the one that enrolment gave, where the venue sees it elsewhere.
        broker: Option<HostPort>,
    }
}

settings! {
    /// 应答器（STAMP，RFC 8762）：只回应名单内的来源，限速，从不回得比收到的大。
    /// The reflector (STAMP, RFC 8762): answers only listed sources, rate-limited, never larger than asked.
    AgentReflector check answers_someone {
        /// 监听地址，通常每条线路一个。
        /// Addresses to listen on, one per line as a rule.
        listen: Vec<SocketAddr> = "[\"0.0.0.0:862\"]",
        /// 只回应这些来源：控制端在各条线路上的地址。
        /// Sources that are answered: the controller's addresses on each line.
        allow: Vec<Network>,
        /// 每个来源每秒最多回应的包数。
        /// Packets per second answered to one source.
        packets_per_second_max: u32 [1, 10000] = "500",
        /// 最多记住的会话数，每个至多 8 KiB。
        /// Sessions remembered at once, each at most 8 KiB.
        sessions_max: usize [1, 4096] = "256",
        /// 请求实时调度（需要 CAP_SYS_NICE）；得不到时照常运行。
        /// Ask for real-time scheduling (needs CAP_SYS_NICE); it runs without it all the same.
        realtime: bool = "true",
    }
}

settings! {
    /// 测试的限制。
    /// Limits of tests.
    TestLimits {
        /// 允许从本机测试的对端；不写则本机不主动测试。
        /// Where this machine may send tests; without any it sends none.
        @live targets: Vec<Network> = "[]",
        /// 每秒最多发出的探测包数。超过 50 的测试会占用线路，须由控制端持续许可。
        /// Probe packets per second at most. A test above 50 loads the line and runs only while the controller renews its lease.
        @live packets_per_second_max: u16 [1, 2000] = "50",
        /// 一次测试最多发出的包数。
        /// Packets of one test at most.
        @live packets_max: u32 [10, 65536] = "6000",
        /// 最多同时进行的测试数。
        /// Tests at once.
        at_once_max: usize [1, 64] = "4",
        /// 请求实时调度（需要 CAP_SYS_NICE）；得不到时照常运行。
        /// Ask for real-time scheduling (needs CAP_SYS_NICE); it runs without it all the same.
        realtime: bool = "true",
        /// 触及会场的测试（摄像机、话筒、呼叫终端）是每次征得同意，还是长期许可。
        /// Whether tests that touch the hall are agreed to each time or have standing permission.
        @live consent: Consent = "\"each_time\"",
        /// 禁测时段：期间不做任何主动测试，无论谁下令。
        /// No-test periods: nothing active is sent in them, whoever asks.
        @live no_test: Vec<Period> = "[]",
    }
}

settings! {
    /// 待送事件：写入磁盘后才算数，控制端确认入库后才删除。
    /// Events on their way: they count once on disk and go once the controller has recorded them.
    OutboxLimits {
        /// 最多占用的兆字节数。满了以后，新事件被拒绝并计数，旧事件不丢。
        /// MiB at most. When full, new events are refused and counted; old ones are kept.
        mib_max: u64 [1, 65536] = "64",
    }
}

impl AgentSettings {
    /// Whether a no-test period 禁测时段 holds at a moment.
    pub fn no_test_at(&self, at: Utc) -> bool {
        self.tests.no_test.iter().any(|period| period.holds(at, &self.timezone))
    }
}

fn answers_someone(reflector: &AgentReflector, fields: &mut Fields<'_, '_>) {
    let wide = |network: &Network| {
        ["0.0.0.0", "255.255.255.255"].iter().all(|ip| network.contains(ip.parse().expect("an address")))
    };
    if reflector.allow.is_empty() && !reflector.listen.is_empty() {
        let what = Text::new("名单为空，谁也不会得到回应", "the list is empty: nobody would be answered");
        let remedy = Text::new(
            "写上控制端的地址，如 [\"10.43.0.1\"]",
            "list the controller's addresses: [\"10.43.0.1\"]",
        );
        fields.refuse(fields.place("allow"), Mistake::new("empty", what, remedy));
    }
    if reflector.allow.iter().any(wide) {
        let what = Text::new("名单包括了所有地址", "the list takes in every address");
        let remedy =
            Text::new("只写控制端所在的地址或网段", "list only the controller's addresses or networks");
        fields.refuse(fields.place("allow"), Mistake::new("open_to_all", what, remedy));
    }
}
