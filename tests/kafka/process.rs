//! A running `tamis run`: its log, what its admin listener says, its end. `TAMIS_BIN` names another build of it, for
//! measurements.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use crate::wait::wait;

/// Killed when dropped.
pub struct Tamis {
    child: Child,
    log: PathBuf,
    already: usize,
}

impl Tamis {
    pub fn start(config: &Path, log: PathBuf, fault: &str) -> Tamis {
        let file = fs::OpenOptions::new().create(true).append(true).open(&log).unwrap();
        let already = usize::try_from(fs::metadata(&log).unwrap().len()).unwrap();
        let program = std::env::var_os("TAMIS_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_tamis").into());
        let child = Command::new(program)
            .args(["run", "--config"])
            .arg(config)
            .env("TAMIS_FAULT", fault)
            .env("NO_COLOR", "1")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(file)
            .spawn()
            .unwrap();
        Tamis { child, log, already }
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    pub fn running(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// SIGTERM: it must end by itself, and well. Returns how long that took.
    pub fn terminate(mut self) -> Duration {
        let started = Instant::now();
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().unwrap().success());
        wait(Duration::from_secs(30), || self.child.try_wait().unwrap().is_some());
        let code = self.child.try_wait().unwrap().and_then(|status| status.code());
        assert_eq!(code, Some(0), "{}", self.log_text());
        started.elapsed()
    }

    /// Waits until this process has logged these words.
    pub fn wait_log(&self, words: &str, limit: Duration) -> bool {
        wait(limit, || self.log_text().contains(words))
    }

    /// What this process has logged.
    pub fn log_text(&self) -> String {
        let text = fs::read_to_string(&self.log).unwrap_or_default();
        text.get(self.already..).unwrap_or_default().to_owned()
    }

    /// Status and body of a page of the admin listener; nothing while it is not there. Where the machine is busy with other
    /// things the listener may hang up on us: asked again, a few times.
    pub fn get(&self, page: &str) -> Option<(u16, String)> {
        (0..5).find_map(|again| {
            std::thread::sleep(Duration::from_millis(50 * again));
            self.get_once(page)
        })
    }

    fn get_once(&self, page: &str) -> Option<(u16, String)> {
        let log = self.log_text();
        let address = log.split("admin=").nth(1)?.split_whitespace().next()?;
        let mut stream = TcpStream::connect(address).ok()?;
        stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        let request = format!("GET {page} HTTP/1.1\r\nHost: {address}\r\nConnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        let status = answer.split_whitespace().nth(1)?.parse().ok()?;
        Some((status, answer.split_once("\r\n\r\n")?.1.to_owned()))
    }

    /// The sum of every series that begins like this; 0 where there is none.
    pub fn sum(&self, series: &str) -> f64 {
        let Some((200, text)) = self.get("/metrics") else { return 0.0 };
        let lines = text.lines().filter(|line| line.starts_with(series));
        lines.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum()
    }

    pub fn ready(&self, limit: Duration) -> bool {
        wait(limit, || self.get("/readyz").is_some_and(|(status, _)| status == 200))
    }
}

impl Drop for Tamis {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
