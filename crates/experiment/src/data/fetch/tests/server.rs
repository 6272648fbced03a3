//! An HTTP server on the loopback that answers as it is told to.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};

/// How one request is answered.
#[derive(Clone, Debug)]
pub enum Answer {
    /// From where the request asks, with status 206; from the start without such a wish.
    Range,
    /// Like `Range`, but the connection is cut after so many bytes of content.
    RangeCut(usize),
    /// Everything with status 200, as a server answers that knows no ranges.
    Whole,
    /// Like `Whole`, but the connection is cut after so many bytes of content.
    WholeCut(usize),
    /// Other content with status 200.
    Other(Vec<u8>),
    /// From another place than the one asked for.
    WrongRange,
    /// Content whose length is not announced.
    Unannounced,
    Status(u16),
}

pub struct Server {
    pub url: String,
    /// Request line and range of every request.
    requests: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// Gives the answers in turn, the last one again and again.
    pub fn start(content: Vec<u8>, answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        std::thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let answer = &answers[number.min(answers.len() - 1)];
                // A client that hangs up early is part of the tests.
                let _ = respond(stream.unwrap(), &content, answer, &seen);
            }
        });
        Self { url, requests }
    }

    pub fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

fn respond(
    mut stream: TcpStream,
    content: &[u8],
    answer: &Answer,
    seen: &Mutex<Vec<String>>,
) -> std::io::Result<()> {
    let mut lines = BufReader::new(stream.try_clone()?).lines();
    let first = lines.next().unwrap()?;
    let mut start = 0;
    for line in lines {
        let line = line?.to_ascii_lowercase();
        if let Some(range) = line.strip_prefix("range: bytes=") {
            start = range.trim_end_matches('-').parse().unwrap();
        }
        if line.is_empty() {
            break;
        }
    }
    let path = first.split(' ').nth(1).unwrap();
    seen.lock().unwrap().push(format!("{path} from {start}"));

    let total = content.len();
    let ranged = |start: usize| match start {
        0 => format!("200 OK\r\nContent-Length: {total}"),
        _ => format!(
            "206 Partial Content\r\nContent-Length: {}\r\nContent-Range: bytes {start}-{}/{total}",
            total - start,
            total - 1
        ),
    };
    let (head, body) = match answer {
        Answer::Range => (ranged(start), &content[start..]),
        Answer::RangeCut(cut) => (ranged(start), &content[start..(start + cut).min(total)]),
        Answer::Whole => (ranged(0), content),
        Answer::WholeCut(cut) => (ranged(0), &content[..*cut]),
        Answer::Other(other) => (
            format!("200 OK\r\nContent-Length: {}", other.len()),
            other.as_slice(),
        ),
        Answer::WrongRange => (ranged(start + 1), &content[start + 1..]),
        Answer::Unannounced => ("200 OK".to_owned(), content),
        Answer::Status(status) => (format!("{status} No\r\nContent-Length: 0"), &content[..0]),
    };
    write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n")?;
    stream.write_all(body)
}
