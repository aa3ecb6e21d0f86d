//! HTTP/2 frame by frame over TLS, for clients that no library would be.

use std::io::{Read, Write};
use std::sync::Arc;

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World};

/// A connection on which the preface and empty settings were sent.
pub struct Http2(pub rustls::StreamOwned<rustls::ClientConnection, std::net::TcpStream>);

impl Http2 {
    pub fn connect(world: &World, daemon: &Daemon) -> Self {
        let mut config = client_config(world, "client");
        Arc::get_mut(&mut config).unwrap().alpn_protocols = vec![b"h2".to_vec()];
        let mut wire = Wire::with_config(config, daemon.port).unwrap();
        wire.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").unwrap();
        let mut this = Self(wire.0);
        this.send(0x4, 0, 0, b"");
        this
    }

    pub fn send(&mut self, kind: u8, flags: u8, stream: u8, payload: &[u8]) {
        let [_, a, b, c] = u32::try_from(payload.len()).unwrap().to_be_bytes();
        self.0.write_all(&[&[a, b, c, kind, flags, 0, 0, 0, stream], payload].concat()).unwrap();
        self.0.flush().unwrap();
    }

    /// A request with this path and a field, and without a body.
    pub fn request(&mut self, stream: u8, path: &[u8], name: &str, value: &str) {
        self.begin(0x1, stream, path, name, value);
    }

    /// The headers of a request; `flags` says whether they end the stream.
    pub fn begin(&mut self, flags: u8, stream: u8, path: &[u8], name: &str, value: &str) {
        let fields = [
            (&b":method"[..], &b"POST"[..]),
            (b":scheme", b"https"),
            (b":authority", b"localhost"),
            (b":path", path),
            (name.as_bytes(), value.as_bytes()),
        ];
        self.fields(flags, stream, &fields);
    }

    /// These fields, as literals without indexing and without Huffman coding (RFC 7541, section 6.2.2).
    pub fn fields(&mut self, flags: u8, stream: u8, fields: &[(&[u8], &[u8])]) {
        let mut block = Vec::new();
        for (name, value) in fields.iter().copied() {
            block.push(0);
            for text in [name, value] {
                let mut length = text.len();
                if length < 127 {
                    block.push(length.try_into().unwrap());
                } else {
                    block.push(127);
                    length -= 127;
                    while length >= 128 {
                        block.push((length % 128) as u8 | 128);
                        length /= 128;
                    }
                    block.push(length as u8);
                }
                block.extend_from_slice(text);
            }
        }
        let mut pieces = block.chunks(16_000).peekable();
        let mut kind = 0x1;
        while let Some(piece) = pieces.next() {
            let end = if pieces.peek().is_none() { 0x4 } else { 0 };
            self.send(kind, end | if kind == 0x1 { flags } else { 0 }, stream, piece);
            kind = 0x9;
        }
    }

    /// Reads frames until one of this kind comes for this stream.
    pub fn until(&mut self, kind: u8, stream: u8) -> Vec<u8> {
        loop {
            let (head, payload) = self.frame();
            if (head[3], head[8]) == (kind, stream) {
                return payload;
            }
        }
    }

    /// The kinds of the frames that the server has sent before it answers a ping.
    pub fn sent_before_ping(&mut self) -> Vec<u8> {
        self.send(0x6, 0, 0, &[7; 8]);
        let mut kinds = Vec::new();
        loop {
            match self.frame() {
                ([_, _, _, 0x6, 1, ..], payload) if payload == [7; 8] => return kinds,
                (head, _) => kinds.push(head[3]),
            }
        }
    }

    fn frame(&mut self) -> ([u8; 9], Vec<u8>) {
        let mut head = [0; 9];
        self.0.read_exact(&mut head).unwrap();
        let mut payload = vec![0; usize::from(head[1]) << 8 | usize::from(head[2])];
        self.0.read_exact(&mut payload).unwrap();
        (head, payload)
    }
}
