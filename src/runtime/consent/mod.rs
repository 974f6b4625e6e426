//! The consent table: what people chose, apart from their events, always at hand.
//!
//! * `table` keeps a history for every subject, in memory; `apply` puts records of the consent topic into it.
//! * `follow` reads the topic, on a thread and with a consumer of its own; `snapshot` is the file that makes the next
//!   start short, `keeper` the thread that writes it.
//! * `standing` says whether the table may be asked: read to the end, and fresh.
//! * `withdrawals` measures how long a denial takes to be in force.
//!
//! [`Consent`] is all of it for those who ask; [`Following`] is the threads. The trap: an answer counts only if the
//! table may be asked *after* it was given, which [`Consent::ask`] sees to.

mod apply;
mod follow;
mod keeper;
mod snapshot;
mod standing;
mod table;
mod withdrawals;

use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use rdkafka::ClientConfig;

pub use apply::ChoiceResult;
pub use standing::{Standing, Word};
pub use withdrawals::Withdrawals;

use crate::engine::consent::Purpose;
use crate::engine::consent::choice::{IndexKey, Purposes, SubjectKey};
use crate::runtime::keys::Index;
use crate::runtime::metrics::Metrics;
use crate::runtime::pipeline::lock;
use apply::{Applier, Became, Taken};
use snapshot::{Identity, Mark, Refused, Unwritten};
use table::{Row, Table};

/// How often a checkpoint is written. Ten million subjects are half a gigabyte, which a slow disk takes in a minute; and
/// the topic of five minutes is read in a second.
pub const CHECKPOINT_EVERY: Duration = Duration::from_secs(300);

/// What following the consent topic takes.
pub struct Settings {
    /// The consumer's client settings, `group.id` among them, which it never joins.
    pub client: ClientConfig,
    /// The consent topic.
    pub topic: String,
    /// The checkpoint file, if there is to be one.
    pub checkpoint: Option<PathBuf>,
    /// How often it is written.
    pub checkpoint_every: Duration,
    /// How old the last heartbeat of a partition may be.
    pub max_staleness: Duration,
}

/// The table and what is known about it. Shared by workers, which ask, and the threads that keep it.
pub struct Consent {
    index: Index,
    table: Table,
    purposes: Mutex<Arc<Purposes>>,
    standing: Standing,
    /// How far each partition has been read; `None` until reading begins, or begins anew.
    marks: Mutex<Option<Vec<Mark>>>,
    /// How often the table was cleared: what was read of it before is void.
    cleared: AtomicU64,
    /// Whose choices these are, once a broker has told.
    identity: Mutex<Option<Identity>>,
    trouble: Mutex<Option<String>>,
    withdrawals: Withdrawals,
    stopping: AtomicBool,
}

impl Consent {
    /// An empty table that is cold.
    pub fn new(index: Index, max_staleness: Duration) -> Consent {
        Consent {
            index,
            table: Table::default(),
            purposes: Mutex::default(),
            standing: Standing::new(max_staleness),
            marks: Mutex::new(None),
            cleared: AtomicU64::new(0),
            identity: Mutex::new(None),
            trouble: Mutex::new(None),
            withdrawals: Withdrawals::default(),
            stopping: AtomicBool::new(false),
        }
    }

    /// May the table be asked? For the batch loop, before a batch.
    pub fn word(&self) -> Word {
        self.standing.word()
    }

    /// Hands the history of every subject to `each`, in order: its bytes, which are to be copied at once, or `None` for
    /// a subject that never chose. Anything but [`Word::Ready`] means that the answers are void and nothing may be decided
    /// by them: what was not found may only be unread.
    #[must_use]
    pub fn ask(&self, subjects: &[SubjectKey], each: impl FnMut(Option<&[u8]>)) -> Word {
        self.table.look(subjects.iter().map(|subject| Row(*subject.bytes())), each);
        // After the look-up: who clears the table says so before.
        self.word()
    }

    /// The numbers of purposes in histories. Take it after [`Consent::ask`]: it then has every number that the answers
    /// can have.
    pub fn purposes(&self) -> Arc<Purposes> {
        Arc::clone(&lock(&self.purposes))
    }

    /// The key that makes subject keys.
    pub fn index(&self) -> &IndexKey {
        &self.index.key
    }

    /// Denials that have arrived and not yet closed a route.
    pub fn withdrawals(&self) -> &Withdrawals {
        &self.withdrawals
    }

    /// How many subjects are known.
    pub fn subjects(&self) -> usize {
        self.table.subjects()
    }

    /// Takes one record that comes from elsewhere than the topic: a file of choices, a benchmark. Heartbeats change
    /// nothing there.
    pub fn learn(&self, key: Option<&[u8]>, value: Option<&[u8]>, timestamp_ms: i64) -> ChoiceResult {
        let taken = Taken { partition: 0, offset: 0, key, value, timestamp_ms };
        match Applier::default().apply(self, &taken, &mut |_| ()) {
            Became::Heartbeat(_) => ChoiceResult::Repeated,
            Became::Choice(result, _) => result,
        }
    }

    /// Everything there is was learned, and it does not age: what comes from a file is as of the file.
    pub fn settle(&self) {
        self.standing.read_to_the_end(Some(i64::MAX));
    }

    /// One number for all that is known, the same for tables that know the same.
    pub fn digest(&self) -> String {
        use sha2::{Digest, Sha256};
        let mut all = Sha256::new();
        for shard in 0..table::SHARDS {
            let mut rows = Vec::new();
            self.table.rows(shard, |row, bytes| rows.push((row, bytes.to_vec())));
            rows.sort();
            for (row, bytes) in rows {
                all.update(row.0);
                all.update((bytes.len() as u64).to_le_bytes());
                all.update(bytes);
            }
        }
        self.purposes().own().iter().for_each(|own| all.update(own.as_str()));
        all.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Writes a checkpoint of this moment and returns its size; `None` if there is nothing to write yet.
    ///
    /// # Errors
    ///
    /// In words; the file that was there stays.
    pub fn save(&self, path: &Path) -> Result<Option<u64>, String> {
        // Before the marks: what is cleared from here on is noticed.
        let cleared = self.cleared.load(Ordering::SeqCst);
        let (marks, identity) = (lock(&self.marks).clone(), lock(&self.identity).clone());
        let (Some(marks), Some(identity)) = (marks, identity) else { return Ok(None) };
        let names = || self.purposes().own().iter().map(Purpose::as_str).map(str::to_owned).collect();
        let valid = || self.cleared.load(Ordering::SeqCst) == cleared;
        match snapshot::write(path, &identity, &self.index.seal, &marks, &self.table, names, valid) {
            Ok(bytes) => Ok(Some(bytes)),
            // The table is being read anew: the next one will be of what it then is.
            Err(Unwritten::Overtaken) => Ok(None),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Reads a checkpoint into a table that is empty and cold; it is empty again where that fails.
    fn load(&self, path: &Path, identity: &Identity) -> Result<Vec<Mark>, Refused> {
        let read = snapshot::read(path, identity, &self.index.seal, &self.table);
        let read =
            read.and_then(
                |contents| {
                    if self.number(&contents.purposes) { Ok(contents.marks) } else { Err(Refused::Damaged) }
                },
            );
        if read.is_err() {
            self.clear();
        }
        read
    }

    /// As [`Consent::save`] and its reading at a start, by themselves, for the benchmark: seconds that each takes, and the
    /// size.
    ///
    /// # Errors
    ///
    /// In words.
    #[doc(hidden)]
    pub fn measure_checkpoint(&self, path: &Path, into: &Consent) -> Result<(f64, f64, u64), String> {
        let identity = Identity { cluster: "c".to_owned(), topic: "t".to_owned(), key: self.index.check };
        *lock(&self.identity) = Some(identity.clone());
        *lock(&self.marks) = Some(vec![Mark { next: 0, heartbeat_ms: None }]);
        let began = Instant::now();
        let bytes = self.save(path)?.ok_or("nothing was written")?;
        let saved = began.elapsed().as_secs_f64();
        let began = Instant::now();
        into.load(path, &identity).map_err(|refused| refused.to_string())?;
        Ok((saved, began.elapsed().as_secs_f64(), bytes))
    }

    /// What keeps the topic from being read, as a sentence for `/readyz`, if anything.
    pub fn trouble(&self) -> Option<String> {
        lock(&self.trouble).clone()
    }

    fn set_trouble(&self, trouble: Option<String>) {
        let mut held = lock(&self.trouble);
        if *held == trouble {
            return;
        }
        match &trouble {
            Some(what) => tracing::warn!("the consent topic: {what}"),
            None => tracing::info!("the consent topic is read again"),
        }
        *held = trouble;
    }

    /// Shows how things are in the metrics.
    pub fn show(&self, metrics: &Metrics) {
        metrics.consent_state(self.word() == Word::Ready, self.standing.age(), self.subjects());
    }

    /// Forgets everything, to read it anew. The order matters: who asks meanwhile, and who writes a checkpoint
    /// meanwhile, looks at these when it has what it asked for.
    fn clear(&self) {
        self.standing.cold();
        self.cleared.fetch_add(1, Ordering::SeqCst);
        *lock(&self.marks) = None;
        self.table.clear();
    }

    /// Numbers purposes in this order, as a checkpoint has them. Only while the table is cold.
    fn number(&self, names: &[String]) -> bool {
        let mut purposes = Purposes::default();
        let known = names.iter().all(|name| Purpose::parse(name).is_some_and(|own| purposes.learn(&own).is_some()));
        let same = purposes.own().iter().map(Purpose::as_str).eq(names.iter().map(String::as_str));
        if known && same {
            *lock(&self.purposes) = Arc::new(purposes);
        }
        known && same
    }

    fn stopping(&self) -> bool {
        self.stopping.load(Ordering::Acquire)
    }
}

/// The threads that keep a [`Consent`].
pub struct Following {
    consent: Arc<Consent>,
    threads: Vec<JoinHandle<()>>,
}

impl Following {
    /// Starts to read the topic, and to write checkpoints.
    ///
    /// # Errors
    ///
    /// When the system cannot start a thread.
    pub fn start(settings: Settings, index: Index, metrics: &Arc<Metrics>) -> std::io::Result<Following> {
        metrics.consent_begin();
        let consent = Arc::new(Consent::new(index, settings.max_staleness));
        let settings = Arc::new(settings);
        let mut threads = Vec::new();
        let (followed, of, counted) = (Arc::clone(&consent), Arc::clone(&settings), Arc::clone(metrics));
        let follow = move || follow::tend(&followed, &of, &counted);
        let follower = std::thread::Builder::new().name("consent".to_owned()).spawn(follow)?;
        if let Some(path) = settings.checkpoint.clone() {
            let (kept, every, counted) = (Arc::clone(&consent), settings.checkpoint_every, Arc::clone(metrics));
            let keep = move || keeper::keep(&kept, &path, every, &counted, follower);
            threads.push(std::thread::Builder::new().name("checkpoint".to_owned()).spawn(keep)?);
        } else {
            threads.push(follower);
        }
        Ok(Following { consent, threads })
    }

    /// The table.
    pub fn consent(&self) -> &Arc<Consent> {
        &self.consent
    }

    /// Asks the threads to end, after a last checkpoint. The table can still be asked.
    pub fn stop(&self) {
        self.consent.stopping.store(true, Ordering::Release);
    }

    /// Waits for them, but no longer than this. True if they have ended.
    pub fn wait(&self, limit: Duration) -> bool {
        let started = Instant::now();
        while !self.threads.iter().all(JoinHandle::is_finished) {
            if started.elapsed() > limit {
                return false;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        true
    }
}

/// Sleeps, but not through a stop.
fn sleep(length: Duration, consent: &Consent) {
    let end = Instant::now() + length;
    while Instant::now() < end && !consent.stopping() {
        std::thread::sleep(Duration::from_millis(20));
    }
}
