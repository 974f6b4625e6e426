//! `tamis demo`: the whole pipeline on an embedded broker, with made-up traffic, live in the terminal.
//!
//! The worker, the engine, the policy and the admin listener are the ones of `tamis run`; only the broker, the people
//! and the keys are made up, and gone afterwards. The trap: the embedded broker cannot isolate transactions, so the demo
//! delivers at least once, and says so.

mod broker;
mod pipeline;
mod sample;
mod screen;
pub mod shop;
mod summary;
mod terminal;
mod view;

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::Context;

use super::Exit;
use broker::{Broker, Seen, Sent, lock, spawn};
use pipeline::Pipeline;
use terminal::Terminal;
use view::View;

/// `tamis demo`
#[derive(clap::Args, Debug)]
pub struct DemoArgs {
    /// End by itself after so many seconds; without it, Ctrl-C ends it
    #[arg(long, value_name = "N")]
    seconds: Option<u64>,
    /// Events a second that the shop sends
    #[arg(long, value_name = "R", default_value_t = 1000, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    rate: u64,
    /// What the made-up traffic depends on: the same number, the same people
    #[arg(long, value_name = "S", default_value_t = 1)]
    seed: u64,
    /// Keep the broker and /metrics up for so many seconds after the summary
    #[arg(long, value_name = "N", default_value_t = 0)]
    linger: u64,
}

/// How often the terminal is drawn, and without one, a line is written.
const FRAME: Duration = Duration::from_millis(250);
const PLAIN_LINE: Duration = Duration::from_secs(1);

/// How long one sample stays on the screen: to read six lines of it.
const SAMPLE: Duration = Duration::from_secs(5);

/// How long the end waits until everything sent is committed and read back.
const DRAIN: Duration = Duration::from_secs(20);

/// Runs it to its end.
pub fn run(args: &DemoArgs) -> Exit {
    match whole(args) {
        Ok(exit) => exit,
        Err(error) => {
            let _ = writeln!(anstream::stderr(), "the demo cannot go on: {error:#}");
            Exit::Failure
        }
    }
}

fn whole(args: &DemoArgs) -> anyhow::Result<Exit> {
    let ended = ended_by_signal()?;
    let pipeline = Pipeline::prepare()?;
    let policy = &pipeline.policy;
    let routes: Vec<String> = policy.routes.iter().map(|route| route.topic.clone()).collect();
    let input = policy.input.topics.first().context("the policy reads no topic")?.clone();
    let topics = [input.as_str(), pipeline::QUARANTINE].into_iter().chain(routes.iter().map(String::as_str));
    let broker = Broker::start(topics)?;
    let running = pipeline.start(&broker.address)?;

    let (sent, seen) = (Arc::new(Sent::default()), Arc::new(Seen::new(routes.len())));
    let failed = Arc::default();
    let (address, selling) = (broker.address.clone(), Arc::clone(&sent));
    let (seed, rate) = (args.seed, args.rate);
    let shop = spawn("shop", &failed, move || broker::sell(&address, &input, seed, rate, &selling))?;
    let (address, looking) = (broker.address.clone(), Arc::clone(&seen));
    let reader = spawn("reader", &failed, move || broker::look(&address, &routes, &looking))?;

    let show = Show { running: &running, sent: &sent, seen: &seen, failed: &failed, broker: &broker.address };
    let terminal = Terminal::open();
    let mut view = View::default();
    let began = Instant::now();
    show.live(&mut view, terminal.as_ref(), || {
        ended.load(Ordering::Acquire) || args.seconds.is_some_and(|seconds| began.elapsed().as_secs() >= seconds)
    });
    sent.close();
    let _ = shop.join();
    show.drain();
    running.stop();
    show.drain_reader();
    seen.close();
    let _ = reader.join();
    show.fill(&mut view);
    drop(terminal);

    let whole = view.records == sent.records.load(Ordering::Acquire) && lock(&failed).is_none();
    if !whole {
        view.trouble.get_or_insert_with(|| "not everything that was sent was committed before the end".to_owned());
    }
    say(&format!("{}\nmetrics: {}\n", summary::summary(&view), view.metrics))?;
    let linger = Instant::now();
    // A second Ctrl-C ends the lingering.
    ended.store(false, Ordering::Release);
    while linger.elapsed() < Duration::from_secs(args.linger) && !ended.load(Ordering::Acquire) {
        std::thread::sleep(Duration::from_millis(50));
    }
    Ok(if whole && view.conserved { Exit::Fine } else { Exit::Failure })
}

/// What the live view looks at.
struct Show<'a> {
    running: &'a pipeline::Running,
    sent: &'a Sent,
    seen: &'a Seen,
    failed: &'a Arc<std::sync::Mutex<Option<String>>>,
    broker: &'a str,
}

impl Show<'_> {
    /// Draws until `end`, or until a thread of the demo failed.
    fn live(&self, view: &mut View, terminal: Option<&Terminal>, end: impl Fn() -> bool) {
        let began = Instant::now();
        let mut marks = std::collections::VecDeque::from([(began, 0)]);
        let (mut sampled, mut said) = (None::<Instant>, began);
        while !end() && lock(self.failed).is_none() {
            self.fill(view);
            view.seconds = began.elapsed().as_secs();
            // The rate is over the last three seconds.
            marks.push_back((Instant::now(), view.events()));
            while marks.len() > 2 && marks[0].0.elapsed() > Duration::from_secs(3) {
                marks.pop_front();
            }
            let (since, before) = marks[0];
            let span = since.elapsed().as_secs_f64().max(0.25);
            view.rate = ((view.events() - before) as f64 / span) as u64;
            if sampled.is_none_or(|at| at.elapsed() > SAMPLE) {
                let made = lock(&self.sent.last).take();
                if let Some(sample) = made.and_then(|made| self.running.sample(&made)) {
                    view.sample = Some(sample);
                    sampled = Some(Instant::now());
                }
            }
            match terminal {
                Some(terminal) => {
                    let (columns, rows) = Terminal::size();
                    terminal.draw(&screen::lines(view, columns, rows), columns);
                }
                None if said.elapsed() >= PLAIN_LINE => {
                    said = Instant::now();
                    // Whoever reads the lines may have gone; the demo ends by its own means.
                    let _ = say(&format!("{}\n", summary::line(view)));
                }
                None => {}
            }
            std::thread::sleep(FRAME);
        }
        view.seconds = began.elapsed().as_secs();
    }

    /// Takes all numbers of now.
    fn fill(&self, view: &mut View) {
        view.count(&self.running.report(), self.running.engine.policy());
        view.planted = *lock(&self.sent.planted);
        view.left = lock(&self.seen.left).clone();
        view.broker = self.broker.to_owned();
        view.metrics = self.running.metrics_url();
        let failed = lock(self.failed).clone();
        view.trouble = failed.or_else(|| self.running.trouble());
    }

    /// Waits until everything that was sent is committed.
    fn drain(&self) {
        let began = Instant::now();
        let sent = self.sent.records.load(Ordering::Acquire);
        while self.running.report().records() < sent && began.elapsed() < DRAIN {
            std::thread::sleep(Duration::from_millis(20));
        }
    }

    /// Waits until everything that was written is read back.
    fn drain_reader(&self) {
        let began = Instant::now();
        let open: u64 =
            self.running.report().openings().filter(|opening| opening.1 == "open").map(|opening| opening.3).sum();
        while self.seen.total() < open && began.elapsed() < DRAIN {
            std::thread::sleep(Duration::from_millis(20));
        }
    }
}

/// True once Ctrl-C or SIGTERM came.
fn ended_by_signal() -> anyhow::Result<Arc<AtomicBool>> {
    use tokio::signal::unix::{SignalKind, signal};
    let ended = Arc::new(AtomicBool::new(false));
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().build().context("cannot wait for signals")?;
    let (mut interrupt, mut terminate) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt())?, signal(SignalKind::terminate())?)
    };
    let told = Arc::clone(&ended);
    std::thread::Builder::new().name("signals".to_owned()).spawn(move || {
        runtime.block_on(async move {
            loop {
                tokio::select! { _ = interrupt.recv() => {}, _ = terminate.recv() => {} }
                told.store(true, Ordering::Release);
            }
        });
    })?;
    Ok(ended)
}

fn say(text: &str) -> std::io::Result<()> {
    let mut stdout = anstream::stdout().lock();
    stdout.write_all(text.as_bytes())?;
    stdout.flush()
}
