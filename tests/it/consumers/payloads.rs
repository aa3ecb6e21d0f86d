//! Payloads with payments, refunds and repetitions, and the items that they contain.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use super::ledgers::Ledger;

/// The samples, in order of their names.
fn samples() -> Vec<Vec<u8>> {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let mut paths: Vec<_> = fs::read_dir(directory).unwrap().map(|file| file.unwrap().path()).collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read(path).unwrap()).collect()
}

/// The samples that contain a Pix.
pub fn usable_samples() -> Vec<Vec<u8>> {
    samples().into_iter().filter(|payload| read(payload).is_some()).collect()
}

fn payment(number: usize) -> Value {
    json!({ "endToEndId": format!("E99999004202611231312{number:011}"), "valor": format!("{number}.90") })
}

fn refund(id: &str, status: &str) -> Value {
    json!({ "id": id, "valor": "0.10", "status": status })
}

fn with_refunds(number: usize, refunds: &[Value]) -> Value {
    let mut payment = payment(number);
    payment["devolucoes"] = json!(refunds);
    payment
}

/// Payloads of which nothing may be booked: without a Pix, or with a part of a key that is missing or not valid.
fn malformed() -> Vec<Vec<u8>> {
    let valid = payment(0);
    let mut without_status = with_refunds(1, &[refund("dev1", "DEVOLVIDO")]);
    without_status["devolucoes"][0].as_object_mut().unwrap().remove("status");
    let invalid = [
        json!({}),
        json!({ "endToEndId": "" }),
        json!({ "endToEndId": "../E1" }),
        json!({ "endToEndId": "E1\n" }),
        json!({ "endToEndId": "E".repeat(41) }),
        json!({ "endToEndId": 1 }),
        json!({ "endToEndId": "E1", "status": 1 }),
        json!({ "endToEndId": "E1", "devolucoes": "dev1" }),
        with_refunds(1, &[refund("a.b", "DEVOLVIDO")]),
        without_status,
        Value::Null,
    ];
    let pix = invalid.into_iter().map(|invalid| json!({ "pix": [valid, invalid] }).to_string());
    let others = ["", "pix", "[]", "{\"pix\":null}", "{\"pix\":[]}"].map(str::to_owned);
    pix.chain(others).map(String::into_bytes).collect()
}

/// `count` payloads: all samples twice, then payments alone, in groups that differ in each repetition, and refunds.
pub fn many(count: usize) -> Vec<Vec<u8>> {
    let mut payloads = [samples(), malformed(), samples()].concat();
    for number in payloads.len()..count {
        let pix = match number % 8 {
            0 | 1 => vec![payment(number)],
            2 => vec![payment(number - 1)],
            3 => vec![payment(number - 3), payment(number), payment(number + 1_000_000)],
            4 => vec![with_refunds(number - 4, &[refund("dev1", "EM_PROCESSAMENTO")])],
            5 => vec![with_refunds(
                number - 5,
                &[refund("dev1", "DEVOLVIDO"), refund("dev2", "NAO_REALIZADO")],
            )],
            6 => vec![with_refunds(number - 6, &[refund("dev1", "DEVOLVIDO")]), payment(number - 3)],
            _ => {
                let mut sent = payment(number);
                sent["status"] = json!(if number % 16 == 7 { "REALIZADO" } else { "NAO_REALIZADO" });
                vec![payment(number - 6), sent]
            }
        };
        payloads.push(json!({ "pix": pix }).to_string().into_bytes());
    }
    payloads
}

/// A part of a key.
fn part(value: &Value) -> Option<&str> {
    let part = value.as_str()?;
    let valid =
        (1..=40).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
    valid.then_some(part)
}

/// The items of one payload; `None` if it goes to `failed/`.
fn read(payload: &[u8]) -> Option<Ledger> {
    let payload: Value = serde_json::from_slice(payload).ok()?;
    let mut ledger = Ledger::new();
    for payment in payload.get("pix")?.as_array()? {
        let (id, mut alone) = (part(&payment["endToEndId"])?, payment.clone());
        alone.as_object_mut()?.remove("devolucoes");
        match &payment["status"] {
            Value::Null => ledger.insert(id.to_owned(), alone),
            status => ledger.insert(format!("{id}.{}", part(status)?), alone),
        };
        let refunds = &payment["devolucoes"];
        if !refunds.is_null() && !refunds.is_array() {
            return None;
        }
        for refund in refunds.as_array().into_iter().flatten() {
            let key = format!("{id}.{}.{}", part(&refund["id"])?, part(&refund["status"])?);
            ledger.insert(key, refund.clone());
        }
    }
    (!ledger.is_empty()).then_some(ledger)
}

/// All items, and the number of payloads without a Pix.
pub fn items(payloads: &[Vec<u8>]) -> (Ledger, usize) {
    let usable: Vec<Ledger> = payloads.iter().filter_map(|payload| read(payload)).collect();
    let unusable = payloads.len() - usable.len();
    (usable.into_iter().flatten().collect(), unusable)
}
