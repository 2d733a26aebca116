//! A small HTTP client over a Unix socket: what a program by somebody else would do.

use std::{
    fmt,
    io::{self, BufRead as _, BufReader, ErrorKind, Read, Write as _},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use serde_json::Value;

use crate::wait::PATIENCE;

/// Why a request brought no result.
#[derive(Debug)]
pub enum Failed {
    /// There was no whole answer: nobody knows whether it was done.
    Gone(io::Error),
    /// The node said no.
    Refused(Value),
}

impl fmt::Display for Failed {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Gone(error) => write!(f, "no whole answer: {error}"),
            Self::Refused(error) => write!(f, "refused: {error}"),
        }
    }
}

impl From<io::Error> for Failed {
    fn from(error: io::Error) -> Self {
        Self::Gone(error)
    }
}

/// The socket of one node.
#[derive(Debug, Clone)]
pub struct Api {
    socket: PathBuf,
}

/// A request that was sent and whose answer was not read yet.
#[derive(Debug)]
pub struct Pending(UnixStream);

/// The head of an answer, and the way to its body.
struct Answer {
    status: u16,
    body: Box<dyn Read>,
}

impl Api {
    /// A node's socket; nothing is connected yet.
    pub fn at(socket: &Path) -> Self {
        Self { socket: socket.to_owned() }
    }

    /// Sends a request.
    pub fn send(&self, method: &str, path: &str, body: Option<&Value>) -> io::Result<Pending> {
        let mut stream = UnixStream::connect(&self.socket)?;
        stream.set_read_timeout(Some(PATIENCE * 2))?;
        let body = body.map(Value::to_string).unwrap_or_default();
        let length = body.len();
        let head = format!(
            "{method} {path} HTTP/1.1\r\nhost: musette\r\nconnection: close\r\n\
             content-type: application/json\r\ncontent-length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes())?;
        stream.write_all(body.as_bytes())?;
        Ok(Pending(stream))
    }

    /// A request and its answer: a JSON document, or the `result` of JSON lines.
    pub fn call(&self, method: &str, path: &str, body: Option<&Value>) -> Result<Value, Failed> {
        self.send(method, path, body)?.answer()
    }

    /// What a path holds.
    pub fn get(&self, path: &str) -> Value {
        self.call("GET", path, None).unwrap_or_else(|failed| panic!("GET {path}: {failed}"))
    }

    /// What posting gives.
    pub fn post(&self, path: &str, body: &Value) -> Value {
        self.call("POST", path, Some(body)).unwrap_or_else(|failed| panic!("POST {path}: {failed}"))
    }

    /// The bytes at a path.
    pub fn bytes(&self, path: &str) -> Result<Vec<u8>, Failed> {
        let mut answer = self.send("GET", path, None)?.read()?;
        let mut bytes = Vec::new();
        answer.body.read_to_end(&mut bytes)?;
        if answer.status == 200 { Ok(bytes) } else { Err(refusal(&bytes)) }
    }

    /// Follows an answer that does not end, such as the events.
    pub fn follow(&self, path: &str) -> Result<Lines, Failed> {
        let answer = self.send("GET", path, None)?.read()?;
        Ok(Lines(BufReader::new(answer.body)))
    }

    /// All items, archived ones too.
    pub fn items(&self) -> Vec<Value> {
        match self.get("/v1/items?all=true")["items"].take() {
            Value::Array(items) => items,
            other => panic!("items are a list, not {other}"),
        }
    }
}

/// JSON lines as they come.
pub struct Lines(BufReader<Box<dyn Read>>);

impl Lines {
    /// Waits for the next one.
    pub fn next_line(&mut self) -> io::Result<Value> {
        let mut line = String::new();
        self.0.read_line(&mut line)?;
        serde_json::from_str(&line).map_err(io::Error::other)
    }
}

impl Pending {
    /// Waits for the answer.
    pub fn answer(self) -> Result<Value, Failed> {
        let mut answer = self.read()?;
        let mut bytes = Vec::new();
        answer.body.read_to_end(&mut bytes)?;
        if answer.status != 200 {
            return Err(refusal(&bytes));
        }
        // One document; or lines, of which the last counts.
        if let Ok(document) = serde_json::from_slice::<Value>(&bytes) {
            return match document.get("result") {
                Some(result) => Ok(result.clone()),
                None if document.get("error").is_some() => Err(Failed::Refused(document)),
                None => Ok(document),
            };
        }
        let last = bytes.trim_ascii_end().rsplit(|byte| *byte == b'\n').next().unwrap_or_default();
        let last: Value = serde_json::from_slice(last).map_err(io::Error::other)?;
        match last.get("result") {
            Some(result) => Ok(result.clone()),
            None if last.get("error").is_some() => Err(Failed::Refused(last)),
            None => Err(Failed::Gone(ErrorKind::UnexpectedEof.into())),
        }
    }

    fn read(self) -> io::Result<Answer> {
        let mut reader = BufReader::new(self.0);
        let mut line = String::new();
        reader.read_line(&mut line)?;
        let status = line.split(' ').nth(1).and_then(|code| code.parse().ok());
        let status = status.ok_or(ErrorKind::UnexpectedEof)?;
        let (mut length, mut chunked) = (None, false);
        loop {
            line.clear();
            if reader.read_line(&mut line)? == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            let header = line.trim_end().to_ascii_lowercase();
            match header.split_once(':') {
                None if header.is_empty() => break,
                Some(("content-length", value)) => length = value.trim().parse::<u64>().ok(),
                Some(("transfer-encoding", value)) => chunked = value.trim() == "chunked",
                _ => {}
            }
        }
        let body: Box<dyn Read> = match length {
            Some(length) => Box::new(Exactly { reader, left: length }),
            None if chunked => Box::new(Chunks { reader, left: 0, ended: false }),
            None => return Err(io::Error::other("a body without an end")),
        };
        Ok(Answer { status, body })
    }
}

fn refusal(bytes: &[u8]) -> Failed {
    Failed::Refused(serde_json::from_slice(bytes).unwrap_or(Value::Null))
}

/// A body of an announced length; one that ends before is an error.
struct Exactly {
    reader: BufReader<UnixStream>,
    left: u64,
}

impl Read for Exactly {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.reader.read(&mut buffer[..most])?;
        self.left -= read as u64;
        if read == 0 && most > 0 { Err(ErrorKind::UnexpectedEof.into()) } else { Ok(read) }
    }
}

/// A body in chunks; one without the last, empty chunk is an error.
struct Chunks {
    reader: BufReader<UnixStream>,
    left: u64,
    ended: bool,
}

impl Chunks {
    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        self.reader.read_line(&mut line)?;
        if line.ends_with('\n') {
            Ok(line.trim_end().to_owned())
        } else {
            Err(ErrorKind::UnexpectedEof.into())
        }
    }
}

impl Read for Chunks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if self.ended || buffer.is_empty() {
            return Ok(0);
        }
        if self.left == 0 {
            self.left = u64::from_str_radix(&self.line()?, 16).map_err(io::Error::other)?;
            if self.left == 0 {
                self.ended = true;
                return Ok(0);
            }
        }
        let most = usize::try_from(self.left).unwrap_or(usize::MAX).min(buffer.len());
        let read = self.reader.read(&mut buffer[..most])?;
        if read == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        self.left -= read as u64;
        if self.left == 0 {
            self.line()?;
        }
        Ok(read)
    }
}
