//! A durable queue of events in an SQLite database: what the server emits is kept before it is sent, what clients ask to be
//! stored is stored before it is acknowledged. Whoever kills the server between two steps loses nothing that was promised.

use std::path::{Path, PathBuf};
use std::time::Duration;

use rusqlite::{Connection, OptionalExtension as _, params};
use serde_json::Value;
use tempfile::TempDir;

/// Where the database lies: in a folder of its own, which goes with this. Whoever only uses it has the path: what the server's
/// library still holds when a play is over must not keep the folder.
#[derive(Debug)]
pub struct Shelf(TempDir);

impl Shelf {
    /// Makes the folder.
    pub fn create() -> std::io::Result<Self> {
        tempfile::Builder::new().prefix("wiretale-queue-").tempdir().map(Self)
    }

    /// Where the database is.
    pub fn path(&self) -> PathBuf {
        self.0.path().join("events.sqlite")
    }
}

/// An event that was kept.
#[derive(Debug, Clone, PartialEq)]
pub struct Kept {
    /// Its number: events are numbered from 1 in the order in which they were kept.
    pub id: i64,
    /// Its name.
    pub event: String,
    /// What it carries.
    pub args: Vec<Value>,
}

/// The queue.
#[derive(Debug)]
pub struct EventQueue {
    database: Connection,
}

impl EventQueue {
    /// Opens a queue, or begins one. What a function here returns is on the disk: no commit returns before that
    /// (<https://www.sqlite.org/pragma.html#pragma_synchronous>).
    pub fn open(path: &Path) -> rusqlite::Result<Self> {
        let database = Connection::open(path)?;
        database.busy_timeout(Duration::from_secs(2))?;
        database.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = FULL;
             CREATE TABLE IF NOT EXISTS outbox (
                 id INTEGER PRIMARY KEY AUTOINCREMENT, namespace TEXT NOT NULL, event TEXT NOT NULL, args TEXT NOT NULL);
             CREATE TABLE IF NOT EXISTS inbox (
                 id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT UNIQUE, event TEXT NOT NULL, args TEXT NOT NULL);",
        )?;
        Ok(Self { database })
    }

    /// Keeps an event for whoever will have missed it; returns its number.
    pub fn keep(&self, namespace: &str, event: &str, args: &[Value]) -> rusqlite::Result<i64> {
        let args = Value::from(args).to_string();
        let insert = "INSERT INTO outbox (namespace, event, args) VALUES (?1, ?2, ?3)";
        self.database.execute(insert, params![namespace, event, args])?;
        Ok(self.database.last_insert_rowid())
    }

    /// The events of a namespace behind this number, in their order.
    pub fn since(&self, namespace: &str, id: i64) -> rusqlite::Result<Vec<Kept>> {
        let select = "SELECT id, event, args FROM outbox WHERE namespace = ?1 AND id > ?2 ORDER BY id";
        let mut statement = self.database.prepare(select)?;
        let rows = statement.query_map(params![namespace, id], |row| {
            let args: String = row.get(2)?;
            // Written above as a list.
            let args = serde_json::from_str(&args).unwrap_or_default();
            Ok(Kept { id: row.get(0)?, event: row.get(1)?, args })
        })?;
        rows.collect()
    }

    /// Stores what a client sent, and returns its number; what came before under the same name is not stored again, and has
    /// the number it had.
    pub fn store(&self, name: Option<&str>, event: &str, args: &[Value]) -> rusqlite::Result<i64> {
        let known = "SELECT id FROM inbox WHERE name = ?1";
        if let Some(number) = self.database.query_row(known, params![name], |row| row.get(0)).optional()? {
            return Ok(number);
        }
        let args = Value::from(args).to_string();
        let insert = "INSERT INTO inbox (name, event, args) VALUES (?1, ?2, ?3)";
        self.database.execute(insert, params![name, event, args])?;
        Ok(self.database.last_insert_rowid())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn queue() -> (Shelf, EventQueue) {
        let shelf = Shelf::create().unwrap();
        let queue = EventQueue::open(&shelf.path()).unwrap();
        (shelf, queue)
    }

    #[test]
    fn what_is_kept_is_there_after_a_restart() {
        let (shelf, queue) = queue();
        let args = [Value::from("x"), Value::Null];
        assert_eq!(queue.keep("/", "news", &args).unwrap(), 1);
        assert_eq!(queue.keep("/other", "news", &[]).unwrap(), 2);
        assert_eq!(queue.keep("/", "more", &[]).unwrap(), 3);
        drop(queue);
        let queue = EventQueue::open(&shelf.path()).unwrap();
        let ids = |since| queue.since("/", since).unwrap().iter().map(|kept| kept.id).collect::<Vec<_>>();
        assert_eq!((ids(0), ids(1), ids(3)), (vec![1, 3], vec![3], vec![]));
        assert_eq!(queue.since("/", 0).unwrap()[0], Kept { id: 1, event: "news".to_owned(), args: args.to_vec() });
        assert_eq!(queue.keep("/", "later", &[]).unwrap(), 4);
    }

    #[test]
    fn what_has_a_name_is_stored_once() {
        let (_shelf, queue) = queue();
        assert_eq!(queue.store(None, "pay", &[]).unwrap(), 1);
        assert_eq!(queue.store(None, "pay", &[]).unwrap(), 2);
        assert_eq!(queue.store(Some("a"), "pay", &[]).unwrap(), 3);
        assert_eq!(queue.store(Some("a"), "pay", &[]).unwrap(), 3);
        assert_eq!(queue.store(Some("b"), "pay", &[]).unwrap(), 4);
        assert_eq!(queue.store(Some("a"), "pay", &[]).unwrap(), 3);
    }
}
