//! What the examples booked: the item of each key.

use std::collections::BTreeMap;
use std::fs;
use std::process::Command;

use serde_json::Value;

use crate::world::World;

pub type Ledger = BTreeMap<String, Value>;

/// A directory with one file for each item.
pub fn files(world: &World) -> Ledger {
    let files = fs::read_dir(world.path("ledger")).unwrap().map(|file| file.unwrap());
    let files = files.map(|file| (file.file_name().into_string().unwrap(), fs::read(file.path()).unwrap()));
    let booked = files.filter(|(name, _)| !name.starts_with(".new."));
    booked.map(|(name, text)| (name, serde_json::from_slice(&text).unwrap_or(Value::Null))).collect()
}

/// An SQLite database with one row for each item.
pub fn database(world: &World) -> Ledger {
    let print = "import json, sqlite3
print(json.dumps([[key, json.loads(item)] for key, item in sqlite3.connect('ledger.db').execute('SELECT * FROM booked')]))";
    let output = Command::new("python3").args(["-c", print]).current_dir(world.path("")).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let rows: Vec<(String, Value)> = serde_json::from_slice(&output.stdout).unwrap();
    let count = rows.len();
    let ledger: Ledger = rows.into_iter().collect();
    assert_eq!(ledger.len(), count, "a key is booked twice");
    ledger
}
