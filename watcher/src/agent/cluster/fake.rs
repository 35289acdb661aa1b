//! A server that gives the answers it was told to give, in order, and keeps what it was asked.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// One answer.
#[derive(Clone)]
pub(super) struct Answer {
    code: u16,
    headers: String,
    body: Vec<u8>,
    end: End,
}

#[derive(Clone, Copy)]
enum End {
    Whole,
    BrokenOff,
    Silent,
}

impl Answer {
    pub(super) fn of(code: u16, body: &str) -> Self {
        Self { code, headers: String::new(), body: body.into(), end: End::Whole }
    }

    /// A watch in protobuf that says this, and then is silent.
    pub(super) fn frames(frames: &[Vec<u8>]) -> Self {
        let answer = Self { body: frames.concat(), end: End::Silent, ..Self::of(200, "") };
        answer.with_header("Content-Type: application/vnd.kubernetes.protobuf;stream=watch")
    }

    /// A watch that says this, and then is silent.
    pub(super) fn stream(lines: &[&str]) -> Self {
        Self { end: End::Silent, ..Self::of(200, &(lines.join("\n") + "\n")) }
    }

    pub(super) fn ends(self) -> Self {
        Self { end: End::Whole, ..self }
    }

    pub(super) fn breaks_off(self) -> Self {
        Self { end: End::BrokenOff, ..self }
    }

    pub(super) fn with_header(mut self, header: &str) -> Self {
        self.headers += header;
        self.headers += "\r\n";
        self
    }
}

pub(super) struct Server {
    pub(super) address: SocketAddr,
    asked: Arc<Mutex<Vec<String>>>,
    bodies: Arc<Mutex<Vec<String>>>,
}

impl Server {
    /// When there are no answers left, nothing is answered any more.
    pub(super) fn start(answers: Vec<Answer>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let asked = Arc::new(Mutex::new(Vec::new()));
        let answers = Arc::new(Mutex::new(answers.into_iter()));
        let bodies = Arc::new(Mutex::new(Vec::new()));
        let (keep, keep_body) = (Arc::clone(&asked), Arc::clone(&bodies));
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                let (keep, keep_body, answers) = (Arc::clone(&keep), Arc::clone(&keep_body), Arc::clone(&answers));
                let next = move |(asked, body): (String, String)| {
                    keep.lock().unwrap().push(asked);
                    keep_body.lock().unwrap().push(body);
                    answers.lock().unwrap().next()
                };
                let stream = stream.unwrap();
                std::thread::spawn(move || {
                    let mut reader = BufReader::new(stream.try_clone().unwrap());
                    while let Some(request) = request(&mut reader) {
                        let Some(answer) = next(request) else { break };
                        if !say(&stream, &answer) {
                            return;
                        }
                    }
                    std::thread::sleep(Duration::from_secs(60));
                });
            }
        });
        Self { address, asked, bodies }
    }

    /// What was asked, without the limit of time, which is chosen by lot.
    pub(super) fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        let without = |target: &String| target.split("&timeoutSeconds=").next().unwrap().to_owned();
        asked.iter().map(without).collect()
    }

    /// What came with each request.
    pub(super) fn bodies(&self) -> Vec<String> {
        self.bodies.lock().unwrap().clone()
    }
}

/// The target of a request, and its body.
fn request(reader: &mut BufReader<TcpStream>) -> Option<(String, String)> {
    let mut first = String::new();
    reader.read_line(&mut first).ok()?;
    let mut length = 0;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line).ok().filter(|read| *read > 0)?;
        if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
            length = value.trim().parse().ok()?;
        }
        if line == "\r\n" {
            let mut body = vec![0; length];
            reader.read_exact(&mut body).ok()?;
            return Some((first.split(' ').nth(1)?.to_owned(), String::from_utf8(body).ok()?));
        }
    }
}

/// Returns whether the connection can be used again.
fn say(mut stream: &TcpStream, answer: &Answer) -> bool {
    let Answer { code, headers, body, end } = answer;
    write!(stream, "HTTP/1.1 {code} X\r\n{headers}Transfer-Encoding: chunked\r\n\r\n").unwrap();
    // In pieces, so that lines are cut where they are not.
    for piece in body.chunks(50) {
        write!(stream, "{:x}\r\n", piece.len()).unwrap();
        stream.write_all(piece).unwrap();
        stream.write_all(b"\r\n").unwrap();
    }
    match end {
        End::Whole => {
            stream.write_all(b"0\r\n\r\n").unwrap();
            true
        }
        End::BrokenOff => false,
        End::Silent => {
            std::thread::sleep(Duration::from_secs(60));
            false
        }
    }
}
