//! Settings of live monitors, the same in controller and agent: what may be watched, with which credentials, and how
//! much of the machine it may take.

use std::path::PathBuf;
use std::{fs, io};

use super::guard::{Guard, host_of};
use super::setting::settings;
use crate::domain::id::CredentialId;
use crate::domain::lang::Text;
use crate::domain::stream::{SourceKind, StreamSource};
use crate::intake::fields::Fields;
use crate::intake::mistake::Mistake;
use crate::link::reflector::Network;
use crate::stream::burst::BenchSettings;
use crate::stream::settings::{Credential, StreamSettings};
use crate::worker::pool::PoolSettings;

pub use super::guard::Unlisted;

settings! {
    /// 画面与声音的监看。要看哪些流由清单决定；这里只限定本机可以连接哪里、占用多少。
    /// Watching of streams. The inventory says which; this only limits where this machine connects and what it takes.
    WatchingSettings check credentials_differ {
        /// 可以连接的视频源地址。不写时，控制端可连接本机与链路本地以外的任何地址，测试机则哪里也不连接。组播与单播接收不连接任何地方，不受此限。
        /// Addresses of video sources that may be connected to. Without any the controller connects to anything but loopback and link-local addresses, an agent to nothing. Listening for RTP and MPEG-TS connects to nothing and is not limited.
        sources: Vec<Network> = "[]",
        /// 可以连接的视频源主机名；不写时同上。
        /// Names of hosts that may be connected to; without any as above.
        source_names: Vec<String> = "[]",
        /// 最多同时监看的流数。
        /// Streams watched at once.
        streams_max: usize [0, 4096] = "400",
        /// 解码进程数。0 表示只看包头，不解码。
        /// Decoding processes. With 0 nothing is decoded and only headers are watched.
        workers: usize [0, 16] = "2",
        /// 每个解码进程最多占用的内存，兆字节。
        /// Memory that one of them may hold, MiB.
        worker_memory_mib: u64 [256, 16384] = "1536",
        /// 遇有可疑时逐帧解码的总额度，占一个核的百分比；用完时结论写“疑似”。
        /// Processor time for decoding every picture on suspicion, percent of one core; beyond it verdicts say "suspected".
        burst_core_pct: u32 [10, 1600] = "100",
        /// 同时点开观看的路数。
        /// Streams that people may have open with picture and sound at once.
        viewers_max: usize [0, 1000] = "16",
        /// 取流用的账号，按清单中的名称。
        /// Accounts for fetching streams, by the name that the inventory gives.
        credentials: Vec<StreamCredential> = "[]",
    }
}

settings! {
    /// 取流账号。口令单独放在文件里。
    /// An account for fetching streams. The password lies in a file of its own.
    StreamCredential {
        /// 清单中引用的名称。
        /// The name that the inventory refers to.
        name: CredentialId,
        /// 用户名。
        /// User name.
        user: String,
        /// 存放口令的文件，只有一行。
        /// File that holds the password on one line.
        password_file: PathBuf,
    }
}

impl WatchingSettings {
    /// Whether a source may be connected to.
    pub fn permits(&self, source: &StreamSource, unlisted: Unlisted) -> bool {
        match source.kind() {
            // Nothing is sent there: packets are only taken in.
            SourceKind::Rtp(_) | SourceKind::Ts(_) | SourceKind::Sdp => true,
            SourceKind::Rtsp | SourceKind::Srt | SourceKind::Rtmp | SourceKind::Hls => {
                let guard = Guard { networks: &self.sources, names: &self.source_names };
                host_of(source.as_str()).is_some_and(|host| guard.permits(&host, unlisted))
            }
        }
    }

    /// What monitors must be told; reads the password files.
    pub fn monitors(&self) -> io::Result<StreamSettings> {
        let credential = |it: &StreamCredential| {
            let password = fs::read_to_string(&it.password_file)?;
            let password = password.trim_end_matches(['\r', '\n']).to_owned();
            Ok((it.name.clone(), Credential { user: it.user.clone(), password }))
        };
        let credentials = self.credentials.iter().map(credential).collect::<io::Result<_>>()?;
        Ok(StreamSettings { credentials, streams_max: self.streams_max, ..StreamSettings::default() })
    }

    /// How decoding processes run; `None` when there are to be none.
    pub fn pool(&self, registry: PathBuf) -> Option<PoolSettings> {
        let memory_mib = u32::try_from(self.worker_memory_mib).unwrap_or(u32::MAX);
        let settings = PoolSettings {
            children: self.workers,
            memory_mib,
            registry: Some(registry),
            ..PoolSettings::default()
        };
        (self.workers > 0).then_some(settings)
    }

    /// How much may be decoded on suspicion.
    pub fn bench(&self) -> BenchSettings {
        BenchSettings { cores: f64::from(self.burst_core_pct) / 100.0, ..BenchSettings::default() }
    }

    /// The files that must be there, by the name of their field.
    pub(super) fn files(&self) -> Vec<(&'static str, &PathBuf)> {
        self.credentials.iter().map(|it| ("streams.credentials.password_file", &it.password_file)).collect()
    }
}

fn credentials_differ(watching: &WatchingSettings, fields: &mut Fields<'_, '_>) {
    let mut names: Vec<&CredentialId> = watching.credentials.iter().map(|it| &it.name).collect();
    names.sort();
    if let Some(twice) = names.windows(2).find(|pair| pair[0] == pair[1]) {
        let what = Text::new(
            format!("取流账号 {} 写了两次", twice[0]),
            format!("the stream account {} is there twice", twice[0]),
        );
        let remedy = Text::new("改名，或删去一个", "rename one or remove it");
        fields.refuse(fields.place("credentials"), Mistake::new("conflict", what, remedy));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn settings(sources: &[&str], names: &[&str]) -> WatchingSettings {
        let mut settings = crate::config::read_controller("test", "").unwrap().streams;
        settings.sources = sources.iter().map(|text| text.parse().unwrap()).collect();
        settings.source_names = names.iter().map(|name| (*name).to_owned()).collect();
        settings
    }

    #[test]
    fn a_source_is_connected_to_only_where_the_settings_permit_it() {
        let cases: [(&str, &[&str], &[&str], bool, bool); 10] = [
            ("rtsp://10.0.0.1/live", &[], &[], true, false),
            ("rtsp://127.0.0.1:8554/live", &[], &[], false, false),
            ("http://169.254.169.254/latest.m3u8", &[], &[], false, false),
            ("rtsp://[::1]/live", &[], &[], false, false),
            ("rtsp://127.0.0.1:8554/live", &["127.0.0.0/8"], &[], true, true),
            ("rtsp://10.0.0.1/live", &["127.0.0.0/8"], &[], false, false),
            ("rtsp://camera.example/live", &[], &[], true, false),
            ("rtsp://camera.example/live", &["10.0.0.0/8"], &[], false, false),
            ("srt://camera.example:9000?mode=caller", &[], &["camera.example"], true, true),
            ("rtp://239.1.1.1:5004", &["10.0.0.0/8"], &[], true, true),
        ];
        for (source, sources, names, hub, agent) in cases {
            let settings = settings(sources, names);
            let parsed = StreamSource::parse(source).unwrap();
            let permits = [Unlisted::Permitted, Unlisted::Refused].map(|it| settings.permits(&parsed, it));
            assert_eq!(permits, [hub, agent], "{source} {sources:?} {names:?}");
        }
    }
}
