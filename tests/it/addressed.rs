//! The requirements of an endpoint on a request: the secret in the URL, and the networks of `from`.

use std::fs;

use crate::wire::Wire;
use crate::world::World;

const SECRET: &str = "s3cret-0123456789/+=";

fn world() -> World {
    let world = World::new();
    fs::create_dir(world.path("secrets")).unwrap();
    fs::write(world.path("secrets/pix"), format!("{SECRET}\n")).unwrap();
    let text = fs::read_to_string(world.path("webhooks.toml")).unwrap()
        + "\n[[endpoint]]\nname = \"guarded\"\npath = \"/guarded\"\nsenders = [\"bank\"]\nsuffixes = [\"/pix\"]\n\
           query_secret = { name = \"hmac\", file = \"secrets/pix\" }\n\
           [[endpoint]]\nname = \"near\"\npath = \"/near\"\nsenders = [\"bank\"]\nfrom = [\"127.0.0.0/8\"]\n\
           [[endpoint]]\nname = \"far\"\npath = \"/far\"\nsenders = [\"bank\"]\nfrom = [\"198.51.100.0/24\", \"2001:db8::1\"]\n";
    fs::write(world.path("webhooks.toml"), text).unwrap();
    world
}

#[test]
fn a_request_without_the_secret_gets_404() {
    let world = world();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let mut post = |path: &str| {
        let answer = wire.post(path, b"{}").unwrap();
        (answer.status, answer.body)
    };
    let not_found = (404, "{\"error\":\"not_found\"}\n".to_owned());
    for path in [
        "/guarded",
        "/guarded?hmac=",
        "/guarded?hmac=s3cret",
        "/guarded/pix",
        "/guarded?x=s3cret-0123456789/+=",
        "/guarded?HMAC=s3cret-0123456789/+=",
    ] {
        assert_eq!(post(path), not_found, "{path}");
    }
    assert!(world.entries("guarded").is_empty());
    for path in ["/guarded?hmac=", "/guarded/pix?a=b&hmac=", "/guarded//pix?hmac="] {
        assert_eq!(post(&format!("{path}{SECRET}")).0, 200, "{path}");
    }
    assert_eq!(post(&format!("/guarded?hmac={SECRET}&ignorar=/pix")).0, 200);
    assert_eq!(post(&format!("/guarded?hmac={SECRET}/pix")).0, 200, "as a bank appends the suffix");
    assert_eq!(daemon.metric("hookspool_deliveries_total{endpoint=\"guarded\",outcome=\"not_found\"}"), 6.0);
}

#[test]
fn the_secret_is_neither_stored_nor_logged() {
    let world = world();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    let head = format!(
        "POST /guarded?hmac={SECRET}/pix HTTP/1.1\r\nhost: localhost\r\nreferer: https://localhost/guarded?hmac={SECRET}\r\ncontent-length: 2\r\n\r\n{{}}"
    );
    wire.send(head).unwrap();
    assert_eq!(wire.answer().unwrap().status, 200);
    assert_eq!(wire.post(&format!("/guarded?hmac={SECRET}x"), b"{}").unwrap().status, 404);
    for mistake in ["/guarded%3Fhmac=", "/guarded&hmac=", "/guarded/"] {
        assert_eq!(wire.post(&format!("{mistake}{SECRET}"), b"{}").unwrap().status, 404, "{mistake}");
        daemon.logged("delivery refused", |line| line["path"] == format!("{mistake}***"));
    }
    let entries = world.entries("guarded");
    let envelope = &entries.values().next().unwrap().envelope;
    assert_eq!(envelope["request"]["query"], "hmac=***/pix");
    assert_eq!(envelope["event"], "pix");
    assert!(envelope.to_string().contains("https://localhost/guarded?hmac=***"), "{envelope}");
    daemon.logged("delivery refused", |line| {
        line["detail"].as_str().is_some_and(|d| d.contains("query_secret"))
    });
    for text in
        [envelope.to_string(), daemon.log_text(), daemon.admin("/status").1, daemon.admin("/metrics").1]
    {
        assert!(!text.contains("s3cret"), "{text}");
    }
}

#[test]
fn deliveries_from_networks_that_are_not_listed_get_403() {
    let world = world();
    let daemon = world.start();
    let mut wire = Wire::connect(&world, &daemon, "client");
    assert_eq!(wire.post("/near", b"{}").unwrap().status, 200);
    let answer = wire.post("/far", b"{}").unwrap();
    assert_eq!((answer.status, answer.body.as_str()), (403, "{\"error\":\"forbidden\"}\n"));
    let line = daemon.logged("delivery refused", |line| line["reason"] == "forbidden");
    assert!(line["detail"].as_str().unwrap().contains("127.0.0.1"), "{line}");
    assert!(world.entries("far").is_empty());
}
