//! `hookspool view` as a browser and as an attacker use it, over plain HTTP. `view_browser.rs` uses a real browser.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::thread;

use crate::spool_commands::spool_of;
use crate::wire::Wire;
use crate::world::{TIMEOUT, World, eventually, program};

/// A running `hookspool view`. It is killed when this is dropped.
pub struct View {
    child: Child,
    input: ChildStdin,
    lines: Receiver<String>,
    pub port: u16,
    /// The random first component of all paths, with its slashes.
    pub prefix: String,
    pub link: String,
}

impl View {
    pub fn start(world: &World, arguments: &[&str]) -> Self {
        let mut child = Command::new(program())
            .args(["view", "--listen", "127.0.0.1:0", "--config"])
            .arg(world.path("webhooks.toml"))
            .args(arguments)
            .env("TZ", "America/Sao_Paulo")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let output = BufReader::new(child.stdout.take().unwrap());
        let (sender, lines) = channel();
        thread::spawn(move || output.lines().map_while(Result::ok).try_for_each(|line| sender.send(line)));
        let input = child.stdin.take().unwrap();
        let mut view = Self { child, input, lines, port: 0, prefix: String::new(), link: String::new() };
        view.link = view.next_link();
        let (address, path) = view.link.strip_prefix("http://").unwrap().split_once('/').unwrap();
        view.port = address.strip_prefix("127.0.0.1:").unwrap().parse().unwrap();
        view.prefix = format!("/{}/", path.split('/').next().unwrap());
        view
    }

    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// Requests another link.
    pub fn new_link(&self) -> String {
        let sent = Command::new("kill").args(["-USR1", &self.pid().to_string()]).status().unwrap();
        assert!(sent.success());
        self.next_link()
    }

    fn next_link(&self) -> String {
        self.lines.recv_timeout(TIMEOUT).expect("a link")
    }

    /// Sends a request, and returns the status, the headers in lowercase, and the body.
    pub fn request(&self, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let mut stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(TIMEOUT)).unwrap();
        let mut text =
            format!("{method} {path} HTTP/1.1\r\nconnection: close\r\ncontent-length: {}\r\n", body.len());
        if headers.iter().all(|(name, _)| *name != "host") {
            text += &format!("host: 127.0.0.1:{}\r\n", self.port);
        }
        headers.iter().for_each(|(name, value)| text += &format!("{name}: {value}\r\n"));
        stream.write_all(format!("{text}\r\n{body}").as_bytes()).unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        Answer::parse(&answer)
    }

    pub fn get(&self, path: &str, headers: &[(&str, &str)]) -> Answer {
        self.request("GET", path, headers, "")
    }

    /// Opens a session with the link, and returns the cookie.
    pub fn open(&self) -> String {
        let path = self.link.split_once(&format!(":{}", self.port)).unwrap().1;
        let answer = self.get(path, &[]);
        assert_eq!(answer.status, 200, "{answer:?}");
        let cookie = answer.header("set-cookie").expect("a cookie");
        cookie.split(';').next().unwrap().to_owned()
    }

    /// A page of a session.
    pub fn page(&self, cookie: &str, path: &str) -> String {
        let answer = self.get(&format!("{}{path}", self.prefix), &[("cookie", cookie)]);
        assert_eq!(answer.status, 200, "{path}: {answer:?}");
        answer.text()
    }

    /// Presses a button of an entry and confirms, with the fields of the form.
    fn press(&self, cookie: &str, id: &str, button: &str) -> Answer {
        let path = format!("{}entry/{id}/{button}", self.prefix);
        let question = self.page(cookie, &format!("entry/{id}/{button}"));
        let form = format!("form_token={}&from={}", field(&question, "form_token"), field(&question, "from"));
        self.request("POST", &path, &[("cookie", cookie), ("origin", &self.origin())], &form)
    }

    fn origin(&self) -> String {
        format!("http://127.0.0.1:{}", self.port)
    }
}

impl Drop for View {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Answer {
    fn parse(bytes: &[u8]) -> Self {
        let end = bytes.windows(4).position(|it| it == b"\r\n\r\n").expect("a response");
        let head = str::from_utf8(&bytes[..end]).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers: Vec<_> = lines
            .map(|line| line.split_once(": ").unwrap())
            .map(|(name, value)| (name.to_lowercase(), value.to_owned()))
            .collect();
        let mut body = bytes[end + 4..].to_vec();
        if headers.iter().any(|(name, value)| name == "transfer-encoding" && value == "chunked") {
            body = dechunked(&body);
        }
        Self { status, headers, body }
    }

    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(it, _)| it == name).map(|(_, value)| value.as_str())
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }
}

fn dechunked(mut rest: &[u8]) -> Vec<u8> {
    let mut body = Vec::new();
    while let Some(end) = rest.windows(2).position(|it| it == b"\r\n") {
        let length = usize::from_str_radix(str::from_utf8(&rest[..end]).unwrap(), 16).unwrap();
        body.extend_from_slice(&rest[end + 2..end + 2 + length]);
        rest = &rest[end + 4 + length..];
    }
    body
}

/// The value of a hidden field.
fn field(page: &str, name: &str) -> String {
    let start = page.split(&format!("name=\"{name}\" value=\"")).nth(1).expect(name);
    start.split('"').next().unwrap().to_owned()
}

fn in_queue(world: &World, queue: &str, id: &str) -> bool {
    world.path(&format!("spool/pix/{queue}/{id}.hook")).exists()
}

#[test]
fn link_works_once_and_enter_and_sigusr1_print_another_one() {
    let (world, _) = spool_of(&[b"{}"]);
    let mut view = View::start(&world, &[]);
    let cookie = view.open();
    let path = view.link.split_once(&format!(":{}", view.port)).unwrap().1.to_owned();
    assert_eq!(view.get(&path, &[]).status, 403, "used");
    let first = view.get(&view.prefix, &[("cookie", &cookie)]);
    assert_eq!(first.status, 200);
    for (name, value) in [
        ("referrer-policy", "no-referrer"),
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
    ] {
        assert_eq!(first.header(name), Some(value));
    }
    let policy = first.header("content-security-policy").unwrap();
    assert!(
        policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"),
        "{policy}"
    );

    view.input.write_all(b"\n").unwrap();
    let second = view.next_link();
    let third = view.new_link();
    let path = |link: &str| link.split_once(&format!(":{}", view.port)).unwrap().1.to_owned();
    assert_eq!(view.get(&path(&second), &[]).status, 403, "replaced by a newer one");
    // A program that looks at a link with HEAD does not use it up, unlike a browser.
    assert_eq!(view.request("HEAD", &path(&third), &[], "").status, 403);
    let opened = view.get(&path(&third), &[("sec-fetch-site", "cross-site")]);
    let cookie = opened.header("set-cookie").unwrap();
    let prefix = view.prefix.trim_end_matches('/');
    assert!(
        cookie.ends_with(&format!("; Path={prefix}; Max-Age=43200; HttpOnly; SameSite=Strict")),
        "{cookie}"
    );
}

#[test]
fn nothing_is_shown_without_a_session_or_to_other_sites() {
    let (world, ids) = spool_of(&[b"{\"secret\":1}"]);
    let view = View::start(&world, &[]);
    let cookie = view.open();
    let (prefix, port) = (&view.prefix, view.port);
    let own = ("cookie", cookie.as_str());
    let paths = [
        "",
        "deliveries",
        "refused",
        "senders",
        "events/now",
        &format!("entry/{}", ids[0]),
        &format!("entry/{}/payload", ids[0]),
    ];
    for path in paths {
        let path = format!("{prefix}{path}");
        let elsewhere = format!("localhost.bank.example:{port}");
        for headers in [
            &[][..],
            &[("cookie", "hookspool=00000000000000000000000000000000")],
            &[own, ("host", "bank.example")],
            &[own, ("host", &elsewhere)],
            &[own, ("origin", "http://127.0.0.1:1")],
            &[own, ("origin", "null")],
            &[own, ("sec-fetch-site", "cross-site")],
            &[own, ("sec-fetch-site", "same-site")],
        ] {
            let answer = view.get(&path, headers);
            assert_eq!(answer.status, 403, "{path} {headers:?}");
            assert!(
                !answer.text().contains("secret") && !answer.text().contains(&ids[0]),
                "{path} {headers:?}"
            );
        }
    }
    let guessed = "/00000000000000000000000000000000/";
    assert_eq!(view.get(guessed, &[own]).status, 404);
    assert_eq!(view.get("/", &[own]).status, 404);
    assert_eq!(view.get(&format!("{prefix}?token=00000000000000000000000000000000"), &[]).status, 403);
    assert_eq!(view.request("PUT", prefix, &[own, ("origin", &view.origin())], "").status, 405);
}

#[test]
fn entries_are_moved_only_with_the_forms_of_the_session() {
    let (world, ids) = spool_of(&[b"1", b"2"]);
    let view = View::start(&world, &[]);
    let cookie = view.open();
    let [id, leased] = &ids[..] else { panic!("two entries") };
    let new = world.path(&format!("spool/pix/new/{id}.hook"));
    fs::rename(new, world.path(&format!("spool/pix/taken/{id}.hook"))).unwrap();
    let question = view.page(&cookie, &format!("entry/{id}/done"));
    let good = format!("form_token={}&from=taken", field(&question, "form_token"));
    let path = format!("{}entry/{id}/done", view.prefix);
    let (own, origin) = (("cookie", cookie.as_str()), view.origin());
    let from = ("origin", origin.as_str());
    for (headers, form) in [
        (&[own, from][..], "from=taken"),
        (&[own, from], "form_token=&from=taken"),
        (&[own, from], "form_token=00000000000000000000000000000000&from=taken"),
        (&[from], &good),
        (&[own], &good),
        (&[own, ("origin", "http://bank.example")], &good),
        (&[own, ("origin", "null")], &good),
        (&[own, ("origin", "null"), ("sec-fetch-site", "same-site")], &good),
        (&[own, from, ("sec-fetch-site", "cross-site")], &good),
    ] {
        assert_eq!(view.request("POST", &path, headers, form).status, 403, "{headers:?} {form}");
        assert!(in_queue(&world, "taken", id));
    }
    let other_queue = good.replace("from=taken", "from=new");
    assert_eq!(view.request("POST", &path, &[own, from], &other_queue).status, 409);
    let moved =
        view.request("POST", &path, &[own, ("origin", "null"), ("sec-fetch-site", "same-origin")], &good);
    assert_eq!(
        (moved.status, moved.header("location")),
        (303, Some(format!("{}entry/{id}", view.prefix).as_str()))
    );
    assert!(in_queue(&world, "done", id));
    assert_eq!(view.request("POST", &path, &[own, from], &good).status, 409, "moved already");
    assert_eq!(view.press(&cookie, id, "requeue").status, 303);
    assert!(in_queue(&world, "new", id));

    // Like a handler of `spool take --exec`.
    let file = fs::File::open(world.path(&format!("spool/pix/new/{leased}.hook"))).unwrap();
    rustix::fs::flock(&file, rustix::fs::FlockOperation::LockExclusive).unwrap();
    fs::rename(
        world.path(&format!("spool/pix/new/{leased}.hook")),
        world.path(&format!("spool/pix/taken/{leased}.hook")),
    )
    .unwrap();
    let held = view.press(&cookie, leased, "requeue");
    assert!(held.status == 409 && held.text().contains("being processed"), "{held:?}");
    drop(file);
    assert_eq!(view.press(&cookie, leased, "fail").status, 303);
    assert!(in_queue(&world, "failed", leased));
}

#[test]
fn read_only_page_has_no_buttons_and_moves_nothing() {
    let (world, ids) = spool_of(&[b"1"]);
    fs::rename(
        world.path(&format!("spool/pix/new/{}.hook", ids[0])),
        world.path(&format!("spool/pix/done/{}.hook", ids[0])),
    )
    .unwrap();
    let view = View::start(&world, &["--read-only"]);
    let cookie = view.open();
    assert!(!view.page(&cookie, &format!("entry/{}", ids[0])).contains("/requeue"));
    let path = format!("{}entry/{}/requeue", view.prefix, ids[0]);
    let headers = [("cookie", cookie.as_str()), ("origin", &view.origin())];
    assert_eq!(view.get(&path, &headers[..1]).status, 403);
    assert_eq!(view.request("POST", &path, &headers, "form_token=x&from=done").status, 403);
    assert!(in_queue(&world, "done", &ids[0]));
}

#[test]
fn payloads_and_names_are_text_and_payloads_are_downloaded_byte_for_byte() {
    let hostile = br#"{"a":"<script>alert(1)</script><img src=x onerror=alert(2)>","b":"\u001b[31m"}"#;
    let binary: Vec<u8> = (0..=255).collect();
    let (world, ids) = spool_of(&[hostile, &binary]);
    let view = View::start(&world, &[]);
    let cookie = view.open();
    let page = view.page(&cookie, &format!("entry/{}", ids[0]));
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;&lt;img")
            && !page.contains("<script>")
            && !page.contains("<img")
    );
    for (id, payload) in ids.iter().zip([&hostile[..], &binary]) {
        let answer = view.get(&format!("{}entry/{id}/payload", view.prefix), &[("cookie", &cookie)]);
        assert_eq!((answer.status, answer.body.as_slice()), (200, payload));
        assert_eq!(answer.header("content-type"), Some("application/octet-stream"));
        assert!(answer.header("content-disposition").unwrap().starts_with("attachment; "));
    }
    // Its envelope cannot be read, and its name is not that of an entry.
    let damaged = hookspool::envelope::EntryId::fresh();
    fs::write(world.path(&format!("spool/pix/new/{damaged}.hook")), "<b>\x1b[31m\n").unwrap();
    fs::write(world.path("spool/pix/new/<script>.hook"), "").unwrap();
    let list = view.page(&cookie, "deliveries");
    assert!(
        list.contains("not readable")
            && !list.contains("<b>")
            && !list.contains("<script>.hook")
            && !list.contains('\x1b'),
        "{list}"
    );
    let page = view.page(&cookie, &format!("entry/{damaged}"));
    assert!(page.contains("Not intact") && !page.contains('\x1b'), "{page}");
}

#[test]
fn list_is_filtered_searched_and_paged() {
    let payloads: Vec<_> =
        (0..120).map(|number| format!("{{\"endToEndId\":\"E{number:04}X\"}}").into_bytes()).collect();
    let payloads: Vec<_> = payloads.iter().map(Vec::as_slice).collect();
    let (world, ids) = spool_of(&payloads);
    fs::rename(
        world.path(&format!("spool/pix/new/{}.hook", ids[7])),
        world.path(&format!("spool/pix/failed/{}.hook", ids[7])),
    )
    .unwrap();
    let view = View::start(&world, &[]);
    let cookie = view.open();
    let shown = |path: &str| {
        let page = view.page(&cookie, path);
        let rows = page.split("<tr data-id=\"").skip(1).map(|row| row[..36].to_owned()).collect::<Vec<_>>();
        let next = page
            .split("rel=\"next\" href=\"")
            .nth(1)
            .map(|rest| rest.split('"').next().unwrap().replace("&amp;", "&"));
        (rows, next.map(|path| path.strip_prefix(&view.prefix).unwrap().to_owned()))
    };
    let mut listed = Vec::new();
    let mut path = Some("deliveries".to_owned());
    while let Some(page) = path {
        let (rows, next) = shown(&page);
        assert!(rows.len() <= 50);
        listed.extend(rows);
        path = next;
    }
    assert_eq!(listed, ids.iter().rev().cloned().collect::<Vec<_>>());
    let found = |query: &str| shown(&format!("deliveries?{query}")).0;
    assert_eq!(found("q=E0042X"), [ids[42].clone()]);
    assert_eq!(found("queue=failed"), [ids[7].clone()]);
    assert_eq!(found("queue=failed&q=E0008X"), [] as [String; 0]);
    assert_eq!(found("sender=bank&event=rec&q=E0003X"), [ids[3].clone()]);
    assert_eq!(
        (found("sender=other").len(), found("endpoint=second").len(), found("day=2020-01-01").len()),
        (0, 0, 0)
    );
    assert_eq!(
        view.get(&format!("{}deliveries?day=yesterday", view.prefix), &[("cookie", &cookie)]).status,
        400
    );
}

#[test]
fn pages_report_a_daemon_that_does_not_run_and_what_one_reports() {
    let world = World::new();
    drop(world.start());
    let view = View::start(&world, &[]);
    let cookie = view.open();
    assert!(view.page(&cookie, "").contains("The daemon does not answer"));
    let portuguese =
        view.get(&view.prefix, &[("cookie", &cookie), ("accept-language", "pt-BR,pt;q=0.9,en;q=0.5")]);
    assert!(
        portuguese.text().contains("O daemon não responde")
            && portuguese.text().contains("<html lang=\"pt\">")
    );
    let chosen = view.get(&format!("{}?lang=pt", view.prefix), &[("cookie", &cookie)]);
    assert!(chosen.header("set-cookie").unwrap().starts_with("language=pt; Path="));

    let daemon = world.start();
    let refused = Wire::with_config(crate::wire::client_config(&world, "nobody"), daemon.port);
    assert!(refused.and_then(|mut wire| wire.post("/webhooks/pix", b"{}")).is_err());
    eventually("the refusal is shown", || {
        let page = view.page(&cookie, "refused");
        (page.contains("rule") && page.contains("cn = [") && page.contains("Issued by the CA of"))
            .then_some(())
    });
    eventually("the daemon is ready", || view.page(&cookie, "").contains("Ready").then_some(()));
    let senders = view.page(&cookie, "senders");
    assert!(senders.contains("/webhooks/pix") && senders.contains("-03:00"), "{senders}");
}

#[test]
fn a_delivery_appears_on_open_pages() {
    let world = World::new();
    let daemon = world.start();
    let view = View::start(&world, &[]);
    let cookie = view.open();
    let mut stream = TcpStream::connect(("127.0.0.1", view.port)).unwrap();
    stream.set_read_timeout(Some(TIMEOUT)).unwrap();
    let path = format!("{}events/entries", view.prefix);
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\ncookie: {cookie}\r\n\r\n").unwrap();
    let mut lines = BufReader::new(stream).lines().map_while(Result::ok);
    lines.find(|line| line == ": open").expect("the stream is open");
    assert_eq!(Wire::connect(&world, &daemon, "client").post("/webhooks/pix", b"{}").unwrap().status, 200);
    let row = lines.find(|line| line.starts_with("data: ")).expect("an event");
    let id = world.entries("pix").into_keys().next_back().unwrap();
    assert!(row.contains(&format!("data-id=\"{id}\"")), "{row}");
}

#[test]
fn only_loopback_is_served_and_the_sandbox_hides_other_files() {
    let (world, _) = spool_of(&[b"{}"]);
    let refused = world.run(&["view", "--listen", "0.0.0.0:9466"]);
    assert_eq!(refused.status.code(), Some(64));
    let error = String::from_utf8(refused.stderr).unwrap();
    assert!(error.contains("ssh -L 9466:127.0.0.1:9466 USER@HOST"), "{error}");
    let view = View::start(&world, &[]);
    let address = format!("127.0.0.1:{}", view.port);
    assert_eq!(world.run(&["view", "--listen", &address]).status.code(), Some(73));
    let status =
        fs::read_to_string(Path::new("/proc").join(view.child.id().to_string()).join("status")).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
}
