//! What an endpoint asks of a request besides a certificate: a secret in the URL, and a network.

use std::fs;

use crate::wire::Wire;
use crate::world::World;

const SECRET: &str = "s3cret-0123456789/+=";

fn world() -> World {
    let world = World::new();
    fs::create_dir(world.path("secrets")).unwrap();
    fs::write(world.path("secrets/pix"), format!("{SECRET}\n")).unwrap();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap()
        + "\n[[endpoint]]\nname = \"told\"\npath = \"/told\"\nsenders = [\"bank\"]\nsuffixes = [\"/pix\"]\n\
           query_secret = { name = \"hmac\", file = \"secrets/pix\" }\n\
           [[endpoint]]\nname = \"near\"\npath = \"/near\"\nsenders = [\"bank\"]\nfrom = [\"127.0.0.0/8\"]\n\
           [[endpoint]]\nname = \"far\"\npath = \"/far\"\nsenders = [\"bank\"]\nfrom = [\"198.51.100.0/24\", \"2001:db8::1\"]\n";
    fs::write(world.path("webhooks.toml"), text).unwrap();
    world
}

#[test]
fn without_the_secret_there_is_no_such_endpoint() {
    let world = world();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let mut post = |path: &str| {
        let answer = wire.post(path, b"{}").unwrap();
        (answer.status, answer.body)
    };
    let not_found = (404, "{\"error\":\"not_found\"}\n".to_owned());
    for path in [
        "/told",
        "/told?hmac=",
        "/told?hmac=s3cret",
        "/told/pix",
        "/told?x=s3cret-0123456789/+=",
        "/told?HMAC=s3cret-0123456789/+=",
    ] {
        assert_eq!(post(path), not_found, "{path}");
    }
    assert!(world.entries("told").is_empty());
    for path in ["/told?hmac=", "/told/pix?a=b&hmac=", "/told//pix?hmac="] {
        assert_eq!(post(&format!("{path}{SECRET}")).0, 200, "{path}");
    }
    assert_eq!(post(&format!("/told?hmac={SECRET}&ignorar=/pix")).0, 200);
    assert_eq!(post(&format!("/told?hmac={SECRET}/pix")).0, 200, "as a bank appends the suffix");
    assert_eq!(daemon.metric("hookspool_deliveries_total{endpoint=\"told\",outcome=\"not_found\"}"), 6.0);
}

#[test]
fn the_secret_is_neither_stored_nor_logged() {
    let world = world();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let head = format!(
        "POST /told?hmac={SECRET}/pix HTTP/1.1\r\nhost: localhost\r\nreferer: https://localhost/told?hmac={SECRET}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    wire.send(head).unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    assert_eq!(wire.post(&format!("/told?hmac={SECRET}x"), b"{}").unwrap().status, 404);
    let entries = world.entries("told");
    let envelope = &entries.values().next().unwrap().envelope;
    assert_eq!(envelope["request"]["query"], "hmac=***/pix");
    assert_eq!(envelope["event"], "pix");
    assert!(envelope.to_string().contains("https://localhost/told?hmac=***"), "{envelope}");
    daemon.logged("delivery not taken", |line| {
        line["detail"].as_str().is_some_and(|d| d.contains("query_secret"))
    });
    for text in
        [envelope.to_string(), daemon.log_text(), daemon.admin("/status").1, daemon.admin("/metrics").1]
    {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn deliveries_come_from_the_networks_that_are_listed() {
    let world = world();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/near", b"{}").unwrap().status, 200);
    let answer = wire.post("/far", b"{}").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (403, "{\"error\":\"forbidden\"}\n"));
    let line = daemon.logged("delivery not taken", |line| line["reason"] == "forbidden");
    assert!(line["detail"].as_str().unwrap().contains("127.0.0.1"), "{line}");
    assert!(world.entries("far").is_empty());
}
