//! `listen = "[::]:PORT"` accepts IPv4, too, unless an IPv4 address with the port is listed.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpListener, TcpStream};

use crate::wire::{Wire, client_config};
use crate::world::{Daemon, World};

/// A port that is free for both families.
fn free_port() -> u16 {
    TcpListener::bind((Ipv6Addr::UNSPECIFIED, 0)).unwrap().local_addr().unwrap().port()
}

fn serve(world: &World, listen: &str, spool: &str) -> Daemon {
    world.configure_all("", &format!("directory = \"{spool}\"\nmin_free = \"1 MiB\""));
    crate::tools::edit(world, "listen = [\"127.0.0.1:0\"]", &format!("listen = {listen}"));
    world.start()
}

/// The peer's address in the entry of a delivery over this address; `None` if nothing listens.
fn delivered(world: &World, spool: &str, address: SocketAddr) -> Option<String> {
    let before: Vec<_> = entries(world, spool);
    let tcp = TcpStream::connect(address).ok()?;
    let mut wire = Wire::over(client_config(world, "client"), tcp).unwrap();
    assert_eq!(wire.post("/webhooks/pix", b"{}").unwrap().status, 200);
    let new = entries(world, spool).into_iter().find(|path| !before.contains(path)).unwrap();
    let bytes = std::fs::read(new).unwrap();
    let line = bytes.split(|byte| *byte == b'\n').next().unwrap();
    let envelope: serde_json::Value = serde_json::from_slice(line).unwrap();
    let peer: SocketAddr = envelope["peer"]["address"].as_str().unwrap().parse().unwrap();
    Some(peer.ip().to_string())
}

fn entries(world: &World, spool: &str) -> Vec<std::path::PathBuf> {
    let folder = world.path(&format!("{spool}/pix/new"));
    std::fs::read_dir(folder).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

#[test]
fn the_ipv6_wildcard_accepts_both_families_unless_ipv4_has_its_own_address() {
    let world = World::new();
    let port = free_port();
    let (v4, v6) =
        (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), SocketAddr::from((Ipv6Addr::LOCALHOST, port)));
    let other = SocketAddr::from(([127, 0, 0, 2], port));
    for (spool, listen, on_v4, on_other) in [
        ("one", format!("\"[::]:{port}\""), true, true),
        ("two", format!("[\"[::]:{port}\", \"127.0.0.1:{port}\"]"), true, false),
        ("three", format!("[\"0.0.0.0:{port}\", \"[::]:{port}\"]"), true, true),
        ("four", format!("[\"[::1]:{port}\"]"), false, false),
    ] {
        let daemon = serve(&world, &listen, spool);
        assert_eq!(delivered(&world, spool, v6), Some("::1".to_owned()), "{listen}");
        assert_eq!(delivered(&world, spool, v4), on_v4.then(|| "127.0.0.1".to_owned()), "{listen}");
        assert_eq!(delivered(&world, spool, other).is_some(), on_other, "{listen}");
        crate::tools::stop(daemon);
    }
}

#[test]
fn an_admin_address_that_the_wildcard_covers_is_a_finding() {
    let world = World::new();
    for (listen, admin, is_found) in [
        ("[\"[::]:9464\"]", "127.0.0.1:9464", true),
        ("[\"[::]:9464\"]", "[::1]:9464", true),
        ("[\"0.0.0.0:9464\"]", "127.0.0.1:9464", true),
        ("[\"0.0.0.0:9464\"]", "[::1]:9464", false),
        ("[\"[::]:9464\", \"192.0.2.1:9464\"]", "127.0.0.1:9464", false),
        ("[\"[::]:9465\"]", "127.0.0.1:9464", false),
    ] {
        world.configure("");
        crate::tools::edit(&world, "listen = [\"127.0.0.1:0\"]", &format!("listen = {listen}"));
        crate::tools::edit(&world, "unix:run/admin.sock", admin);
        let output = world.run(&["check"]);
        let said = String::from_utf8_lossy(&output.stderr);
        let finding = format!("`{admin}` is also an address of `[server]`");
        assert_eq!(said.contains(&finding), is_found, "{listen}, {admin}: {said}");
    }
}
