//! The admin listener, over a real socket: what it shows, what it refuses, and that slow callers cannot hold it up.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tamis::config::{Admin, Secret};
use tamis::runtime::admin::{self, Running, Views};

fn start(listen: &str, token: Option<&str>, reasons: &[&str]) -> (Running, Arc<AtomicUsize>) {
    let resumed = Arc::new(AtomicUsize::new(0));
    let counter = Arc::clone(&resumed);
    let reasons: Vec<String> = reasons.iter().map(|reason| (*reason).to_owned()).collect();
    let views = Views {
        metrics: Box::new(|| "tamis_records_total{policy=\"web\"} 1\n".to_owned()),
        not_ready: Box::new(move || reasons.clone()),
        resume: Box::new(move || {
            counter.fetch_add(1, Ordering::SeqCst);
            1
        }),
    };
    let admin = Admin { listen: listen.parse().unwrap(), token: token.map(|token| Secret::new(token.to_owned())) };
    (admin::start(&admin, views).unwrap(), resumed)
}

fn ask(address: SocketAddr, request: &str, headers: &str) -> String {
    let mut stream = TcpStream::connect(("127.0.0.1", address.port())).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    write!(stream, "{request} HTTP/1.1\r\nHost: tamis\r\nConnection: close\r\n{headers}\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

fn status(answer: &str) -> &str {
    answer.split(' ').nth(1).unwrap_or_default()
}

fn body(answer: &str) -> &str {
    answer.split_once("\r\n\r\n").map_or("", |(_, body)| body)
}

#[test]
fn metrics_and_health_are_answered() {
    let (running, _) = start("127.0.0.1:0", None, &[]);
    let metrics = ask(running.address(), "GET /metrics", "");
    assert_eq!(status(&metrics), "200");
    assert!(metrics.contains("content-type: text/plain; version=0.0.4; charset=utf-8\r\n"), "{metrics}");
    assert_eq!(body(&metrics), "tamis_records_total{policy=\"web\"} 1\n");
    assert_eq!(body(&ask(running.address(), "GET /healthz", "")), "ok\n");
    assert_eq!(body(&ask(running.address(), "GET /readyz", "")), "ready\n");
    assert_eq!(status(&ask(running.address(), "GET /", "")), "404");
}

#[test]
fn readyz_says_every_reason_why_not() {
    let (running, _) = start("127.0.0.1:0", None, &["policy web is halted", "worker 1 has not started"]);
    let answer = ask(running.address(), "GET /readyz", "");
    assert_eq!(status(&answer), "503");
    assert_eq!(body(&answer), "not ready\npolicy web is halted\nworker 1 has not started\n");
}

#[test]
fn resume_works_on_loopback_without_a_token_but_not_for_web_pages_nor_by_get() {
    let (running, resumed) = start("127.0.0.1:0", None, &[]);
    assert_eq!(status(&ask(running.address(), "GET /quarantine/resume", "")), "405");
    assert_eq!(status(&ask(running.address(), "POST /quarantine/resume", "Origin: https://example.com\r\n")), "403");
    assert_eq!(resumed.load(Ordering::SeqCst), 0);
    assert_eq!(body(&ask(running.address(), "POST /quarantine/resume", "")), "resumed 1\n");
    assert_eq!(resumed.load(Ordering::SeqCst), 1);
}

#[test]
fn resume_asks_for_the_token_when_there_is_one() {
    let (running, resumed) = start("127.0.0.1:0", Some("made-up-token"), &[]);
    for wrong in [
        "",
        "Authorization: Bearer made-up-tokem\r\n",
        "Authorization: Bearer \r\n",
        "Authorization: made-up-token\r\n",
    ] {
        assert_eq!(status(&ask(running.address(), "POST /quarantine/resume", wrong)), "401", "{wrong}");
    }
    assert_eq!(resumed.load(Ordering::SeqCst), 0);
    let right = "Authorization: Bearer made-up-token\r\n";
    assert_eq!(status(&ask(running.address(), "POST /quarantine/resume", right)), "200");
    assert_eq!(resumed.load(Ordering::SeqCst), 1);
    assert_eq!(status(&ask(running.address(), "GET /metrics", "")), "200", "reading needs no token");
}

#[test]
fn beyond_loopback_nothing_is_changed_without_a_token() {
    let (running, resumed) = start("0.0.0.0:0", None, &[]);
    assert_eq!(status(&ask(running.address(), "POST /quarantine/resume", "")), "403");
    assert_eq!(resumed.load(Ordering::SeqCst), 0);
}

#[test]
fn a_request_that_dawdles_is_cut_off_and_others_are_answered_meanwhile() {
    let (running, _) = start("127.0.0.1:0", None, &[]);
    let mut slow = TcpStream::connect(running.address()).unwrap();
    slow.set_read_timeout(Some(Duration::from_millis(10))).unwrap();
    let begun = Instant::now();
    let cut = loop {
        // One byte now and then, which would keep an idle timeout away for ever.
        if slow.write_all(b"G").is_err() {
            break true;
        }
        match slow.read(&mut [0; 256]) {
            Ok(_) => break true,
            Err(error) if matches!(error.kind(), std::io::ErrorKind::WouldBlock | std::io::ErrorKind::TimedOut) => {}
            Err(_) => break true,
        }
        assert_eq!(body(&ask(running.address(), "GET /healthz", "")), "ok\n");
        if begun.elapsed() > Duration::from_secs(15) {
            break false;
        }
        std::thread::sleep(Duration::from_millis(300));
    };
    assert!(cut, "still open after {:?}", begun.elapsed());
    assert!(begun.elapsed() >= Duration::from_secs(4), "cut after {:?}", begun.elapsed());
}

#[test]
fn a_taken_address_is_a_start_up_error_that_says_what_to_do() {
    let (running, _) = start("127.0.0.1:0", None, &[]);
    let views = Views { metrics: Box::new(String::new), not_ready: Box::new(Vec::new), resume: Box::new(|| 0) };
    let error = admin::start(&Admin { listen: running.address(), token: None }, views).err().unwrap();
    let expected = format!(
        "cannot listen on {} (admin.listen): choose a free address: Address already in use (os error 98)",
        running.address()
    );
    assert_eq!(format!("{error:#}"), expected);
}
