//! A relay that delays every byte, as a long distance does.

use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

/// The delay in each direction.
const DELAY: Duration = Duration::from_millis(100);
/// The chunks that are under way in one direction, at most.
const CHUNKS_MAX: usize = 64;
/// The address from which the relay connects.
const FROM: Ipv4Addr = Ipv4Addr::new(127, 88, 0, 1);

/// Passes each connection to `to` until its runtime ends.
pub async fn relay(listener: TcpListener, to: SocketAddr) {
    while let Ok((near, _)) = listener.accept().await {
        tokio::spawn(async move {
            if let Ok(far) = connect(to).await {
                let ((near_read, near_write), (far_read, far_write)) = (near.into_split(), far.into_split());
                tokio::join!(pump(near_read, far_write), pump(far_read, near_write));
            }
        });
    }
}

async fn connect(to: SocketAddr) -> io::Result<TcpStream> {
    let socket = TcpSocket::new_v4()?;
    socket.bind((FROM, 0).into())?;
    let stream = socket.connect(to).await?;
    stream.set_nodelay(true)?;
    Ok(stream)
}

async fn pump(mut from: OwnedReadHalf, mut to: OwnedWriteHalf) {
    let (sender, mut receiver) = mpsc::channel::<(Instant, Vec<u8>)>(CHUNKS_MAX);
    let read = async move {
        let mut buffer = vec![0; 16 << 10];
        while let Ok(count @ 1..) = from.read(&mut buffer).await {
            if sender.send((Instant::now() + DELAY, buffer[..count].to_vec())).await.is_err() {
                break;
            }
        }
    };
    let write = async move {
        while let Some((due, bytes)) = receiver.recv().await {
            sleep_until(due).await;
            if to.write_all(&bytes).await.is_err() {
                break;
            }
        }
        let _ = to.shutdown().await;
    };
    tokio::join!(read, write);
}
