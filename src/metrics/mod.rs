//! Process counters, free space, and the failpoints that every adapter passes.
//!
//! Counters say what this process did since it started; they are counted where things happen. Facts about the city
//! are not here: they are computed from the snapshot at each scrape.

pub mod disk;
pub mod failpoint;

use prometheus::core::Collector;
use prometheus::proto::MetricFamily;
use prometheus::{CounterVec, Histogram, HistogramOpts, IntCounter, IntCounterVec, IntGauge, Opts, Registry};

/// Every counter of the process. One is made at the start and handed to whoever counts; there is no global.
#[derive(Debug)]
pub struct Counters {
    registry: Registry,
    http_requests: IntCounterVec,
    http_seconds: Histogram,
    /// Sign-ins by outcome: `ok`, `refused`, `locked_out`.
    pub sign_ins: IntCounterVec,
    /// Live connections that are open.
    pub live_readers: IntGauge,
    /// Live connections that were dropped because they took a message too slowly.
    pub live_dropped: IntCounter,
    /// Streams that are viewed with picture and sound.
    pub live_viewers: IntGauge,
    /// Commands by outcome: `done`, `refused`, `busy`, `timeout`.
    pub commands: IntCounterVec,
    /// Inputs that the engine decided on.
    pub engine_inputs: IntCounter,
    /// Durable events that were committed to the journal.
    pub journal_events: IntCounter,
    /// Seconds that a journal commit took.
    pub journal_commit_seconds: Histogram,
    /// Commits that failed.
    pub journal_failures: IntCounter,
    /// Path tests by outcome: `measured`, `broke`.
    pub path_tests: IntCounterVec,
    /// Messages from agents by outcome: `accepted`, or the word of the refusal.
    pub uplink_messages: IntCounterVec,
    /// Media workers that ended unasked, by reason: `died`, `hung`, `stopped`, `protocol`, `start`.
    pub worker_restarts: IntCounterVec,
    /// Requests that workers answered, by outcome: `done`, `refused`.
    pub worker_requests: IntCounterVec,
    /// Processor time of workers by kind of request: `video`, `audio`, `transcode`, `encode`.
    pub worker_cpu_seconds: CounterVec,
    /// Fetched units that nobody took in time.
    pub worker_dropped: IntCounter,
    /// What stream monitors did.
    pub stream: StreamCounters,
    /// What was read of devices, and what they were told.
    pub device: DeviceCounters,
    /// What was told to people.
    pub notice: NoticeCounters,
}

/// Counters of notices.
#[derive(Debug)]
pub struct NoticeCounters {
    /// Attempts by channel and outcome: `accepted`, or the word of the fault.
    pub attempts: IntCounterVec,
    /// Notices that were given up, by channel.
    pub given_up: IntCounterVec,
    /// Notices that wait for a channel.
    pub waiting: IntGauge,
    /// Answers by means: `sms`, `link`, `unreadable`.
    pub answers: IntCounterVec,
    /// Signs of life by channel and outcome.
    pub heartbeats: IntCounterVec,
    /// Seconds from the decision to a channel's acceptance.
    pub accepted_seconds: Histogram,
}

/// Counters of MCUs, endpoints and other devices.
#[derive(Debug)]
pub struct DeviceCounters {
    /// Devices that this process watches.
    pub watched: IntGauge,
    /// Reads by interface and outcome: `answered`, or the word of the fault.
    pub reads: IntCounterVec,
    /// Actions by kind and how they ended: the word of the outcome, or `refused`.
    pub actions: IntCounterVec,
    /// What devices posted, by outcome: `taken`, `refused` by the adapter, or why nobody was let in; `no_place` counts
    /// connections.
    pub pushes: IntCounterVec,
    /// Datagrams at the socket for traps by outcome: `taken`, `lost` when they came faster than they were taken, or why
    /// they were refused.
    pub traps: IntCounterVec,
    /// Reports for which there was no room; they were made anew later.
    pub reports_dropped: IntCounter,
    /// Watches and queues that failed on their own and began again.
    pub restarts: IntCounter,
}

/// Counters of stream monitors.
#[derive(Debug)]
pub struct StreamCounters {
    /// Streams that this process watches.
    pub watched: IntGauge,
    /// Attempts to receive a stream by outcome: `opened`, `failed`, `blind`.
    pub attempts: IntCounterVec,
    /// Times at which a stream's media began, or began again.
    pub resumed: IntCounter,
    /// Reports for which there was no room; they were made anew later.
    pub reports_dropped: IntCounter,
    /// Monitors that failed on their own and began again.
    pub restarts: IntCounter,
}

impl Counters {
    /// All counters at zero.
    pub fn new() -> Self {
        let registry = Registry::new();
        let made = Make { registry: &registry };
        Self {
            http_requests: made.counters("vcops_http_requests_total", "Requests by status class.", "class"),
            http_seconds: made.seconds("vcops_http_request_seconds", "Time to answer a request."),
            sign_ins: made.counters("vcops_sign_ins_total", "Sign-ins by outcome.", "outcome"),
            live_readers: made.gauge("vcops_live_readers", "Live connections that are open."),
            live_dropped: made.counter("vcops_live_dropped_total", "Live connections dropped as too slow."),
            live_viewers: made.gauge("vcops_live_viewers", "Streams viewed with picture and sound."),
            commands: made.counters("vcops_commands_total", "Commands by outcome.", "outcome"),
            engine_inputs: made.counter("vcops_engine_inputs_total", "Inputs that the engine decided on."),
            journal_events: made.counter("vcops_journal_events_total", "Durable events committed."),
            journal_commit_seconds: made.seconds("vcops_journal_commit_seconds", "Time of a journal commit."),
            journal_failures: made.counter("vcops_journal_failures_total", "Journal commits that failed."),
            path_tests: made.counters("vcops_path_tests_total", "Path tests by outcome.", "outcome"),
            uplink_messages: made.counters(
                "vcops_uplink_messages_total",
                "Agents' messages by outcome.",
                "outcome",
            ),
            worker_restarts: made.counters(
                "vcops_worker_restarts_total",
                "Media workers that ended unasked, by reason.",
                "reason",
            ),
            worker_requests: made.counters(
                "vcops_worker_requests_total",
                "Requests that media workers answered, by outcome.",
                "outcome",
            ),
            worker_cpu_seconds: made.sums(
                "vcops_worker_cpu_seconds_total",
                "Processor time of media workers, by kind of request.",
                "kind",
            ),
            worker_dropped: made
                .counter("vcops_worker_dropped_total", "Fetched units that nobody took in time."),
            stream: StreamCounters::new(&made),
            device: DeviceCounters::new(&made),
            notice: NoticeCounters::new(&made),
            registry,
        }
    }

    /// Counts an answered request.
    pub fn http(&self, status: u16, seconds: f64) {
        self.http_requests.with_label_values(&[&format!("{}xx", status / 100)]).inc();
        self.http_seconds.observe(seconds);
    }

    /// The families for a scrape.
    pub fn gather(&self) -> Vec<MetricFamily> {
        self.registry.gather()
    }
}

impl Default for Counters {
    fn default() -> Self {
        Self::new()
    }
}

impl StreamCounters {
    fn new(made: &Make<'_>) -> Self {
        Self {
            watched: made.gauge("vcops_streams_watched", "Streams that this process watches."),
            attempts: made.counters(
                "vcops_stream_attempts_total",
                "Attempts to receive a stream, by outcome.",
                "outcome",
            ),
            resumed: made
                .counter("vcops_stream_resumed_total", "Times at which media began, or began again."),
            reports_dropped: made
                .counter("vcops_stream_reports_dropped_total", "Stream reports for which there was no room."),
            restarts: made
                .counter("vcops_stream_restarts_total", "Stream monitors that failed and began again."),
        }
    }
}

impl DeviceCounters {
    fn new(made: &Make<'_>) -> Self {
        let by = |name: &str, help: &str, labels: [&str; 2]| {
            made.known(IntCounterVec::new(Opts::new(name, help), &labels))
        };
        Self {
            watched: made.gauge("vcops_devices_watched", "Devices that this process watches."),
            reads: by(
                "vcops_device_reads_total",
                "Reads of devices, by interface and outcome.",
                ["interface", "outcome"],
            ),
            actions: by(
                "vcops_device_actions_total",
                "Actions on devices, by kind and outcome.",
                ["action", "outcome"],
            ),
            pushes: made.counters(
                "vcops_device_pushes_total",
                "Pushes that devices posted, by outcome.",
                "outcome",
            ),
            traps: made.counters(
                "vcops_device_traps_total",
                "Datagrams at the socket for traps, by outcome.",
                "outcome",
            ),
            reports_dropped: made
                .counter("vcops_device_reports_dropped_total", "Device reports for which there was no room."),
            restarts: made
                .counter("vcops_device_restarts_total", "Watches and queues that failed and began again."),
        }
    }
}

impl NoticeCounters {
    fn new(made: &Make<'_>) -> Self {
        let by = |name: &str, help: &str| {
            made.known(IntCounterVec::new(Opts::new(name, help), &["channel", "outcome"]))
        };
        Self {
            attempts: by(
                "vcops_notice_attempts_total",
                "Attempts to deliver a notice, by channel and outcome.",
            ),
            given_up: made.counters("vcops_notices_given_up_total", "Notices that were given up.", "channel"),
            waiting: made.gauge("vcops_notices_waiting", "Notices that wait for a channel."),
            answers: made.counters("vcops_notice_answers_total", "Answers to notices, by means.", "means"),
            heartbeats: by("vcops_heartbeats_total", "Signs of life, by channel and outcome."),
            accepted_seconds: made
                .seconds("vcops_notice_accepted_seconds", "Time from a decision to a channel's acceptance."),
        }
    }
}

/// Makes and registers; names are fixed and distinct, so neither can fail.
struct Make<'a> {
    registry: &'a Registry,
}

impl Make<'_> {
    fn counters(&self, name: &str, help: &str, label: &str) -> IntCounterVec {
        self.known(IntCounterVec::new(Opts::new(name, help), &[label]))
    }

    fn sums(&self, name: &str, help: &str, label: &str) -> CounterVec {
        self.known(CounterVec::new(Opts::new(name, help), &[label]))
    }

    fn counter(&self, name: &str, help: &str) -> IntCounter {
        self.known(IntCounter::with_opts(Opts::new(name, help)))
    }

    fn gauge(&self, name: &str, help: &str) -> IntGauge {
        self.known(IntGauge::with_opts(Opts::new(name, help)))
    }

    /// Buckets from 1 ms to 10 s.
    fn seconds(&self, name: &str, help: &str) -> Histogram {
        let buckets = vec![0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0];
        self.known(Histogram::with_opts(HistogramOpts::new(name, help).buckets(buckets)))
    }

    fn known<C: Collector + Clone + 'static>(&self, made: prometheus::Result<C>) -> C {
        let made = made.expect("names, labels and buckets are fixed and valid");
        self.registry.register(Box::new(made.clone())).expect("every name is used once");
        made
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_counter_registers_and_says_what_it_is() {
        let counters = Counters::new();
        counters.http(204, 0.01);
        let families = counters.gather();
        let http = families.iter().find(|family| family.name() == "vcops_http_requests_total").unwrap();
        assert_eq!(http.get_metric()[0].get_label()[0].value(), "2xx");
        assert!(families.iter().all(|family| !family.help().is_empty()));
    }
}
