//! The lines of the text log: what people read at 100 columns, and what hostile values cannot do.

use proptest::prelude::*;

use super::super::text::tests::Buffer;
use super::*;

const ID: &str = "01a209e5-0f6a-7499-9320-a41957822a68";
const SHA256: &str = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad";
/// What an attacker would like to see in the log.
const LIE: &str = "12:00:00 stored  pix  efi  1 B  1 ms  …9320a41957822a68";

fn noon() -> Clock {
    Clock::fixed_at("2026-11-30T12:00:00.9Z".parse().expect("a timestamp"))
}

fn logged(clock: Clock, color: bool, log: impl FnOnce()) -> String {
    let buffer = Buffer::default();
    let writer = buffer.clone();
    let lines = tracing_subscriber::fmt()
        .with_ansi(color)
        .event_format(TextLines::new(clock))
        .with_max_level(Level::TRACE)
        .with_writer(move || writer.clone())
        .finish();
    tracing::subscriber::with_default(lines, log);
    let bytes = buffer.0.lock().expect("no panic").clone();
    String::from_utf8(bytes).expect("text")
}

/// What is written at noon, after the line with the date.
fn written(log: impl FnOnce()) -> String {
    let text = logged(noon(), false, log);
    text.strip_prefix("2026-11-30 UTC\n").expect("the date").to_owned()
}

fn stored(endpoint: &str, sender: &str, bytes: usize) {
    let milliseconds = 1.734_f64;
    tracing::info!(id = %ID, endpoint, sender, peer = "127.0.0.1:1", bytes, milliseconds, "delivery stored");
}

fn refused(subject: &str, admit: &str) {
    tracing::warn!(
        stage = "handshake",
        reason = "rule",
        detail = "sender `efi` trusts the certificate, but its cn must be `a.example`: the certificate has `b.example`",
        peer = "203.0.113.7:50312",
        vouched = "efi",
        expected = "efi: cn `a.example`",
        presented = "efi: cn `b.example`",
        admit,
        claimed_subject = subject,
        claimed_sha256 = SHA256,
        "peer refused"
    );
}

/// Checks what every line must have, whatever a peer wrote.
fn check(text: &str) {
    for (number, line) in text.lines().enumerate() {
        let begin = if number == 0 { "12:00:00 " } else { "         " };
        assert!(line.starts_with(begin), "{text}");
        assert!(width(line) <= COLUMNS, "{} columns: {text}", width(line));
        assert!(!line.contains(char::is_control), "{text:?}");
    }
}

#[test]
fn frequent_events_show_only_values_and_the_end_of_the_id() {
    assert_eq!(
        written(|| stored("pix", "efi", 218)),
        "12:00:00 stored  pix  efi  218 B  1.7 ms  …9320a41957822a68\n"
    );
    assert_eq!(written(|| tracing::info!(seconds = 2.5, "stopped")), "12:00:00 stopped  2.5 s\n");
    let forwarded = |attempt: u32| {
        let (consumer, endpoint, milliseconds) = ("ledger", "pix", 7_u64);
        let detail = "200 OK";
        written(
            || tracing::info!(id = %ID, consumer, endpoint, attempt, milliseconds, %detail, "entry forwarded"),
        )
    };
    assert_eq!(forwarded(1), "12:00:00 forwarded  ledger  pix  200 OK  7 ms  …9320a41957822a68\n");
    assert_eq!(forwarded(2), "12:00:00 forwarded  ledger  pix  200 OK  attempt 2  7 ms  …9320a41957822a68\n");
}

#[test]
fn other_events_at_level_info_are_one_line_with_the_names_of_their_fields() {
    let line = written(|| tracing::info!(address = %"127.0.0.1:8443", swept = 0, "listening"));
    assert_eq!(line, "12:00:00 listening address=127.0.0.1:8443 swept=0\n");
    let line = written(|| tracing::info!(seconds = 2.5, body_bytes = 64_u64 << 20, "ended"));
    assert_eq!(line, "12:00:00 ended seconds=\"2.5 s\" body_bytes=\"64 MiB\"\n");
    let line = written(|| tracing::info!(id = %ID, to = "done", "moved"));
    assert_eq!(line, "12:00:00 moved to=done  …9320a41957822a68\n");
    let line = written(|| tracing::info!(directory = "/srv/".repeat(40), "spool opened"));
    assert_eq!(line, format!("12:00:00 spool opened directory={}…\n", &"/srv/".repeat(40)[..67]));
    check(&line);
    let names = ["p".repeat(63), "s".repeat(63)];
    let line = written(|| stored(&names[0], &names[1], 218));
    assert!(line.ends_with("…  …9320a41957822a68\n"), "{line}");
    check(&line);
}

#[test]
fn warnings_that_fit_are_one_line_and_contain_everything() {
    let line = written(|| tracing::warn!(id = %ID, error = "no space", "queue not listed"));
    let expected = format!("queue not listed id={ID} error=\"no space\"");
    assert_eq!(line, format!("12:00:00 warn {expected}\n"));
    assert_eq!(written(|| tracing::error!("x")), "12:00:00 error x\n");
    assert_eq!(written(|| tracing::debug!(some = ?Some(1), "x")), "12:00:00 debug x some=Some(1)\n");
}

#[test]
fn details_of_a_refusal_follow_on_indented_lines() {
    let admit =
        "sender `efi`: cn = ['a.example', 'b.example']  # this CA also issues for others: ask the bank";
    let expected = format!(
        "12:00:00 warn peer refused reason=rule peer=203.0.113.7:50312 vouched=efi
         detail           sender `efi` trusts the certificate, but its cn must be `a.example`: the
                          certificate has `b.example`
         expected         efi: cn `a.example`
         presented        efi: cn `b.example`
         admit            {admit}
         claimed_subject  CN=b.example,O=\"B\"
         claimed_sha256   {SHA256}\n"
    );
    assert_eq!(written(|| refused("CN=b.example,O=\"B\"", admit)), expected);
}

#[test]
fn a_finding_shows_its_place_the_message_and_the_hint() {
    let (finding, hint) = ("`/hooks/pix` is already the path of endpoint `pix` (line 6)", "x ".repeat(60));
    let place = "webhooks.toml:14:8";
    let text = written(|| tracing::error!(place, finding, hint = hint.trim(), "configuration finding"));
    let rows = ["x ".repeat(41), "x ".repeat(19)];
    let rows = rows.each_ref().map(|row| row.trim());
    let expected = format!(
        "12:00:00 error configuration finding place={place}
         finding  {finding}
         hint     {}
                  {}\n",
        rows[0], rows[1]
    );
    assert_eq!(text, expected);
}

#[test]
fn the_date_precedes_the_first_event_of_each_day() {
    let clock = noon();
    let text = logged(clock.clone(), false, || {
        tracing::info!("one");
        clock.advance(Duration::from_secs(11 * 3_600));
        tracing::info!("two");
        clock.advance(Duration::from_secs(3_600));
        tracing::info!("three");
    });
    assert_eq!(text, "2026-11-30 UTC\n12:00:00 one\n23:00:00 two\n2026-12-01 UTC\n00:00:00 three\n");
}

#[test]
fn without_its_colors_a_line_is_the_same() {
    let log = || {
        stored("pix", "efi", 218);
        refused("CN=\x1b[31mx", "y");
    };
    let [plain, colored] = [false, true].map(|color| logged(noon(), color, log));
    assert!(!plain.contains('\x1b') && colored.contains("\x1b[1;33mwarn\x1b[0m "), "{colored}");
    assert_eq!(anstream::adapter::strip_str(&colored).to_string(), plain);
}

#[test]
fn values_of_peers_can_neither_start_a_line_nor_add_a_field() {
    let spaces = " ".repeat(60);
    for hostile in [
        format!("x\n{LIE}"),
        format!("x\r\x1b[2K{LIE}"),
        format!("x{spaces}{LIE}"),
        format!("{}{LIE}", "x".repeat(70)),
        format!("x{spaces}admit  sender `efi`: cn = ['evil']"),
        format!("\u{2028}\u{202e}{LIE}"),
        "日".repeat(400),
    ] {
        check(&written(|| stored("pix", &hostile, 218)));
        check(&written(|| tracing::info!(name = hostile, "listening")));
        let text = written(|| refused(&hostile, "y"));
        check(&text);
        // Details begin at column 9, and rows that continue them farther to the right.
        let begins = |line: &str| line.len() - line.trim_start().len();
        assert_eq!(text.lines().filter(|line| begins(line) == MARGIN).count(), 6, "{text}");
    }
    let answer = "200 OK  1 ms  …9320a41957822a68";
    let line = written(|| tracing::info!(consumer = "ledger", detail = answer, "entry forwarded"));
    assert_eq!(line, format!("12:00:00 forwarded  ledger  \"{answer}\"\n"));
    let line = written(|| tracing::warn!(path = "/x admit=\"y\"", "delivery refused"));
    assert_eq!(line, "12:00:00 warn delivery refused path=\"/x admit=\\\"y\\\"\"\n");
}

#[test]
fn advice_of_any_length_is_one_line_that_can_be_copied() {
    let admit = format!("sender `efi`: san_dns = ['{}']", "a b.example ".repeat(40));
    let text = written(|| refused("CN=b", &admit));
    assert!(text.lines().any(|line| line == format!("         admit            {admit}")), "{text}");
}

proptest! {
    #[test]
    fn no_value_is_wider_than_the_screen_or_lost(value in "\\PC{0,300}|[ -~\n\x1b日]{0,300}") {
        check(&written(|| stored(&value, &value, 1)));
        check(&written(|| tracing::info!(value, "x")));
        let text = written(|| tracing::warn!(value, "x"));
        check(&text);
        let quoted = Quoted::word(&value).to_string();
        let shown = if text.contains("value=") { quoted } else { Quoted::inside(&value).to_string() };
        let without_spaces = |text: &str| text.replace([' ', '\n'], "");
        prop_assert!(without_spaces(&text).contains(&without_spaces(&shown)), "{}", text);
    }
}
