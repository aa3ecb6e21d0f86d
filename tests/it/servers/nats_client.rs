//! The part of the NATS protocol that inspects a server: a request and its reply.

use std::io::{self, BufRead, BufReader, Read, Write};
use std::net::TcpStream;

use base64ct::{Base64, Encoding};
use serde_json::Value;

use crate::world::TIMEOUT;

/// The subject that replies come to. Each request has its own connection.
const INBOX: &str = "_INBOX.reply";

/// A message of a stream.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    pub sequence: u64,
    pub subject: String,
    pub headers: Vec<(String, String)>,
    pub payload: Vec<u8>,
}

impl Message {
    /// The first value of a header, whose name is case-sensitive.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Reads the answer to `$JS.API.STREAM.MSG.GET`.
    pub fn from_reply(reply: &Value) -> Self {
        let message = &reply["message"];
        let bytes = |key: &str| Base64::decode_vec(message[key].as_str().unwrap_or_default()).unwrap();
        let head = String::from_utf8(bytes("hdrs")).unwrap();
        let headers = head.lines().filter_map(|line| line.split_once(':'));
        Self {
            sequence: message["seq"].as_u64().unwrap(),
            subject: message["subject"].as_str().unwrap().to_owned(),
            headers: headers.map(|(name, value)| (name.to_owned(), value.trim().to_owned())).collect(),
            payload: bytes("data"),
        }
    }
}

pub struct Client {
    stream: BufReader<TcpStream>,
    /// The `INFO` of the server.
    pub info: Value,
}

impl Client {
    pub fn connect(port: u16) -> io::Result<Self> {
        let stream = TcpStream::connect(("127.0.0.1", port))?;
        stream.set_read_timeout(Some(TIMEOUT))?;
        stream.set_nodelay(true)?;
        let mut client = Self { stream: BufReader::new(stream), info: Value::Null };
        client.info = serde_json::from_str(client.line()?.strip_prefix("INFO ").unwrap()).unwrap();
        let options = r#"{"verbose":false,"headers":true,"no_responders":true}"#;
        client.send(format!("CONNECT {options}\r\nSUB {INBOX} 1\r\nPING\r\n").as_bytes())?;
        while client.line()? != "PONG" {}
        Ok(client)
    }

    /// Sends a message; returns the reply, or `None` if nothing receives the subject.
    pub fn request(&mut self, subject: &str, headers: &[(&str, &str)], payload: &[u8]) -> Option<Value> {
        let lines: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
        let head = format!("NATS/1.0\r\n{lines}\r\n");
        let (length, total) = (head.len(), head.len() + payload.len());
        let verb = format!("HPUB {subject} {INBOX} {length} {total}\r\n{head}");
        self.send(&[verb.as_bytes(), payload, b"\r\n"].concat()).unwrap();
        loop {
            let line = self.line().unwrap();
            let words: Vec<&str> = line.split(' ').collect();
            match words[0] {
                "PING" => self.send(b"PONG\r\n").unwrap(),
                "MSG" => return Some(serde_json::from_slice(&self.body(&words)).unwrap()),
                // Only the server's status 503 has headers here: no responders.
                "HMSG" => return (!self.body(&words).starts_with(b"NATS/1.0 503")).then(|| panic!("{line}")),
                "INFO" => {}
                _ => panic!("{subject}: {line}"),
            }
        }
    }

    fn body(&mut self, words: &[&str]) -> Vec<u8> {
        let length: usize = words.last().unwrap().parse().unwrap();
        let mut body = vec![0; length + 2];
        self.stream.read_exact(&mut body).unwrap();
        body.truncate(length);
        body
    }

    fn line(&mut self) -> io::Result<String> {
        let mut line = String::new();
        match self.stream.read_line(&mut line)? {
            0 => Err(io::ErrorKind::UnexpectedEof.into()),
            _ => Ok(line.trim_end().to_owned()),
        }
    }

    fn send(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.stream.get_mut().write_all(bytes)
    }
}
