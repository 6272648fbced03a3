//! Servers that stall.

use std::io::BufRead;
use std::net::TcpListener;

use super::*;

const FILE: RemoteFile = RemoteFile {
    name: "a.tar.gz",
    bytes: 4000,
    sha256: "",
};

struct Silent;

impl Progress for Silent {
    fn downloaded(&mut self, _bytes: u64, _total: u64) {}

    fn message(&mut self, _text: &str) {}
}

/// An agent as the program's, that does not wait as long.
fn impatient() -> Agent {
    let soon = Some(Duration::from_millis(50));
    Agent::config_builder()
        .timeout_recv_response(soon)
        .timeout_per_read(soon)
        .proxy(None)
        .build()
        .into()
}

/// Why a download into the file at `path` failed.
fn failure(listener: &TcpListener, path: &Path) -> String {
    let url = format!("http://{}", listener.local_addr().unwrap());
    let mut part = Part::open(path).unwrap();
    match from_source(&impatient(), &url, &FILE, &mut part, &mut Silent) {
        Err(Failure::Source(cause)) => cause,
        Err(Failure::Local(error)) => panic!("{error}"),
        Ok(()) => panic!("nothing has the right checksum"),
    }
}

#[test]
fn a_server_that_never_answers_is_given_up_and_leaves_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.part");
    // The system connects; nobody accepts.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let cause = failure(&listener, &path);
    assert!(cause.starts_with("timeout: "), "{cause}");
    assert!(!path.exists());
}

#[test]
fn a_server_that_stalls_is_given_up_and_what_it_sent_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("a.part");
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let cause = std::thread::scope(|scope| {
        scope.spawn(|| {
            let (mut stream, _) = listener.accept().unwrap();
            let head = b"HTTP/1.1 200 OK\r\nContent-Length: 4000\r\n\r\n";
            stream.write_all(&[head, &[7; 1000][..]].concat()).unwrap();
            // Until the client hangs up.
            let lines = std::io::BufReader::new(stream).lines();
            lines.map_while(Result::ok).for_each(drop);
        });
        failure(&listener, &path)
    });
    assert!(cause.contains("timeout: "), "{cause}");
    let kept = std::fs::read(&path).unwrap_or_default();
    assert!(kept.len() <= 1000 && kept.iter().all(|byte| *byte == 7));
}

#[test]
fn every_wait_for_a_server_ends() {
    for url in [
        "https://example.org/a.tar.gz",
        "http://127.0.0.1:80/a.tar.gz",
    ] {
        let agent = agent_for(url);
        let timeouts = agent.config().timeouts();
        for timeout in [
            timeouts.resolve,
            timeouts.connect,
            timeouts.recv_response,
            agent.config().timeout_per_read(),
        ] {
            assert!(timeout.is_some_and(|timeout| timeout <= Duration::from_mins(1)));
        }
        // The whole may take as long as it needs.
        assert_eq!(
            (timeouts.global, timeouts.per_call, timeouts.recv_body),
            (None, None, None)
        );
    }
}
