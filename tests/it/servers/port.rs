//! A port for a server that stops and starts again.

use tokio::net::TcpSocket;

/// A port on the loopback interface, chosen by the system.
///
/// It stays reserved while no server listens on it: the socket is bound and never listens, so that the
/// system assigns the port to no other socket. Otherwise, a client that connects to the port repeatedly could be assigned
/// it and connect to itself. A server that sets `SO_REUSEADDR` can listen on it nevertheless.
pub struct Port {
    _reserved: TcpSocket,
    pub number: u16,
}

impl Port {
    pub fn reserve() -> Self {
        let socket = TcpSocket::new_v4().unwrap();
        socket.set_reuseaddr(true).unwrap();
        socket.bind(([127, 0, 0, 1], 0).into()).unwrap();
        let number = socket.local_addr().unwrap().port();
        Self { _reserved: socket, number }
    }
}

#[test]
fn reserved_port_refuses_connections_until_a_server_listens() {
    use std::net::{TcpListener, TcpStream};
    let port = Port::reserve();
    let connect = || TcpStream::connect(("127.0.0.1", port.number));
    for _ in 0..2 {
        assert_eq!(connect().unwrap_err().kind(), std::io::ErrorKind::ConnectionRefused);
        let listener = TcpListener::bind(("127.0.0.1", port.number)).unwrap();
        connect().unwrap();
        drop(listener);
    }
}
