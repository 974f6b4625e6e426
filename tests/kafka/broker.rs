//! A real Apache Kafka for these tests: started by `scripts/kafka`, ended when the test process ends.

use std::path::PathBuf;
use std::process::Command;
use std::sync::{Mutex, MutexGuard, OnceLock};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

/// A broker of our own, with data that outlives its kills.
pub struct Broker {
    dir: PathBuf,
    pub address: String,
}

/// One test at a time: brokers, loaders and workers of two would starve each other on two cores. `None` where no broker
/// can be started; where CI is set that fails the run.
pub fn turn() -> Option<MutexGuard<'static, ()>> {
    static TURN: Mutex<()> = Mutex::new(());
    can_run(&["java", "mvn", "kcat"]).then(|| TURN.lock().unwrap_or_else(|held| held.into_inner()))
}

/// Whether these programs, which a real Kafka and its tests need, are there; where CI is set they must be.
pub fn can_run(programs: &[&str]) -> bool {
    let found = programs.iter().all(|program| {
        Command::new("sh").args(["-c", &format!("command -v {program}")]).output().is_ok_and(|out| out.status.success())
    });
    let needs = format!("{} are needed for a real Kafka (scripts/bootstrap installs them)", programs.join(", "));
    assert!(found || std::env::var_os("CI").is_none(), "{needs}");
    if !found {
        eprintln!("skipped: {needs}");
    }
    found
}

/// The broker that most tests share; `TAMIS_TEST_KAFKA` names one that runs already.
pub fn shared() -> &'static str {
    static NAMED: OnceLock<Option<String>> = OnceLock::new();
    static SHARED: OnceLock<Broker> = OnceLock::new();
    match NAMED.get_or_init(|| std::env::var("TAMIS_TEST_KAFKA").ok()) {
        Some(address) => address,
        None => &SHARED.get_or_init(|| Broker::start("shared")).address,
    }
}

impl Broker {
    /// Starts a broker with an empty log.
    pub fn start(name: &str) -> Broker {
        let dir = root().join(format!("target/kafka/test-{}-{name}", std::process::id()));
        let mut broker = Broker { dir, address: String::new() };
        broker.restart();
        broker
    }

    /// Starts it again where it was.
    pub fn restart(&mut self) {
        let out = self.script("start").args(["--memory", "--owner", &std::process::id().to_string()]).output().unwrap();
        assert!(out.status.success(), "scripts/kafka start: {}", String::from_utf8_lossy(&out.stderr));
        self.address = String::from_utf8(out.stdout).unwrap().trim().to_owned();
    }

    /// Where its log segments are.
    pub fn data(&self) -> PathBuf {
        let settings = std::fs::read_to_string(self.dir.join("server.properties")).unwrap();
        settings.lines().find_map(|line| line.strip_prefix("log.dirs=")).unwrap().into()
    }

    /// Ends it as a crash would.
    pub fn kill(&self) {
        assert!(self.script("stop").arg("--kill").status().unwrap().success());
    }

    fn script(&self, verb: &str) -> Command {
        let mut command = Command::new(root().join("scripts/kafka"));
        command.arg(verb).arg("--dir").arg(&self.dir);
        command
    }
}

/// A broker that nobody asks any more would take its share of two cores from those that follow.
impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.script("stop").arg("--kill").status();
    }
}

fn root() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR"))
}

/// Name, partitions, settings.
pub type Topic<'a> = (&'a str, i32, &'a [(&'a str, &'a str)]);

/// Makes topics.
pub fn create(brokers: &str, topics: &[Topic<'_>]) {
    let admin: AdminClient<DefaultClientContext> =
        ClientConfig::new().set("bootstrap.servers", brokers).create().unwrap();
    let topics: Vec<NewTopic<'_>> = topics
        .iter()
        .map(|(name, partitions, settings)| {
            let topic = NewTopic::new(name, *partitions, TopicReplication::Fixed(1));
            settings.iter().fold(topic, |topic, (name, value)| topic.set(name, value))
        })
        .collect();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let options = AdminOptions::new().operation_timeout(Some(Duration::from_secs(20)));
    for made in runtime.block_on(admin.create_topics(&topics, &options)).unwrap() {
        made.unwrap();
    }
}
