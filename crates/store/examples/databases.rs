//! Measures the databases the embedded backend could stand on; the numbers are in docs/adr/0001-embedded-database.md.
//!
//! `cargo run --release -p navarch-store --example databases -- [DIR] [NAME…]`
#![allow(clippy::print_stdout, clippy::unwrap_used, missing_docs)]

use std::fs::File;
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use redb::{ReadableDatabase, ReadableTable};

const VALUE: usize = 1024;
const KEYS: u64 = 10_000;
const TABLE: redb::TableDefinition<'static, &str, &[u8]> = redb::TableDefinition::new("entries");

/// A database as far as this program needs one.
trait Candidate {
    fn open(dir: &Path) -> Self;
    /// Writes all of the group and syncs it.
    fn commit(&mut self, group: &[(String, Vec<u8>)]);
    /// Reads everything; how many keys there are.
    fn load(&self) -> usize;
}

struct Redb(redb::Database);

impl Candidate for Redb {
    fn open(dir: &Path) -> Self {
        Self(
            redb::Database::builder()
                .set_cache_size(16 << 20)
                .create(dir.join("redb"))
                .unwrap(),
        )
    }
    fn commit(&mut self, group: &[(String, Vec<u8>)]) {
        let txn = self.0.begin_write().unwrap();
        {
            let mut table = txn.open_table(TABLE).unwrap();
            for (key, value) in group {
                table.insert(key.as_str(), value.as_slice()).unwrap();
            }
        }
        txn.commit().unwrap();
    }
    fn load(&self) -> usize {
        let txn = self.0.begin_read().unwrap();
        txn.open_table(TABLE)
            .unwrap()
            .iter()
            .unwrap()
            .filter(|row| row.as_ref().unwrap().1.value().len() == VALUE)
            .count()
    }
}

struct Fjall(fjall::Database, fjall::Keyspace);

impl Candidate for Fjall {
    fn open(dir: &Path) -> Self {
        let db = fjall::Database::builder(dir.join("fjall"))
            .cache_size(16 << 20)
            .worker_threads(1)
            .open()
            .unwrap();
        let keyspace = db
            .keyspace("entries", fjall::KeyspaceCreateOptions::default)
            .unwrap();
        Self(db, keyspace)
    }
    fn commit(&mut self, group: &[(String, Vec<u8>)]) {
        let mut batch = self
            .0
            .batch()
            .durability(Some(fjall::PersistMode::SyncData));
        for (key, value) in group {
            batch.insert(&self.1, key.as_str(), value.as_slice());
        }
        batch.commit().unwrap();
    }
    fn load(&self) -> usize {
        self.1
            .iter()
            .filter_map(|row| row.into_inner().ok())
            .filter(|(_, value)| value.len() == VALUE)
            .count()
    }
}

/// The floor: what the disk itself takes for the same bytes, appended to a file whose blocks are written already.
struct Floor(File, u64);

impl Candidate for Floor {
    fn open(dir: &Path) -> Self {
        let file = File::options()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(dir.join("floor"))
            .unwrap();
        for block in 0..256 {
            file.write_all_at(&vec![0; 1 << 20], block << 20).unwrap();
        }
        file.sync_all().unwrap();
        Self(file, 0)
    }
    fn commit(&mut self, group: &[(String, Vec<u8>)]) {
        let bytes: Vec<u8> = group
            .iter()
            .flat_map(|(k, v)| k.bytes().chain(v.iter().copied()))
            .collect();
        if self.1 + bytes.len() as u64 > 256 << 20 {
            self.1 = 0;
        }
        self.0.write_all_at(&bytes, self.1).unwrap();
        self.1 += bytes.len() as u64;
        self.0.sync_data().unwrap();
    }
    fn load(&self) -> usize {
        0
    }
}

/// Repeatable pseudo-random numbers (splitmix64).
struct Numbers(u64);

impl Numbers {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
}

fn group(numbers: &mut Numbers, size: u64, keys: u64) -> Vec<(String, Vec<u8>)> {
    (0..size)
        .map(|_| {
            let key = format!(
                "configmaps/team-{}/object-{:07}",
                numbers.next() % 10,
                numbers.next() % keys
            );
            let value = (0..VALUE / 8)
                .flat_map(|_| numbers.next().to_le_bytes())
                .collect();
            (key, value)
        })
        .collect()
}

fn disk(dir: &Path) -> u64 {
    std::fs::read_dir(dir)
        .unwrap()
        .flatten()
        .map(|e| {
            let meta = e.metadata().unwrap();
            if meta.is_dir() {
                disk(&e.path())
            } else {
                meta.blocks() * 512
            }
        })
        .sum()
}

fn measure<C: Candidate>(name: &str, base: &Path) {
    let dir = base.join(name);
    let _ = std::fs::remove_dir_all(&dir);
    std::fs::create_dir_all(&dir).unwrap();
    let mut db = C::open(&dir);
    let mut numbers = Numbers(1);
    let mut written = 0;
    for size in [1, 8, 32, 128] {
        let mut times = Vec::new();
        let start = Instant::now();
        while start.elapsed() < Duration::from_secs(4) {
            let group = group(&mut numbers, size, KEYS / 10);
            let begun = Instant::now();
            db.commit(&group);
            times.push(begun.elapsed());
            written += size;
        }
        let busy: f64 = times.iter().map(Duration::as_secs_f64).sum();
        times.sort();
        let at = |q: f64| times[((times.len() - 1) as f64 * q) as usize].as_secs_f64() * 1e3;
        let commits = times.len() as f64 / busy;
        println!(
            "{name}: group {size:3}: {commits:6.0} commits/s {:7.0} puts/s, p50 {:.3} ms, p99 {:.3} ms, max {:.1} ms",
            commits * size as f64,
            at(0.5),
            at(0.99),
            at(1.0)
        );
    }
    while written < 200_000 {
        db.commit(&group(&mut numbers, 128, KEYS / 10));
        written += 128;
    }
    println!(
        "{name}: {} MiB on disk after {written} writes over {KEYS} keys",
        disk(&dir) >> 20
    );
    for _ in 0..1000 {
        db.commit(&group(&mut numbers, 128, 100_000));
    }
    drop(db);
    let begun = Instant::now();
    let db = C::open(&dir);
    let count = db.load();
    println!(
        "{name}: opened and read {count} keys in {:.0} ms",
        begun.elapsed().as_secs_f64() * 1e3
    );
    drop(db);
    let _ = std::fs::remove_dir_all(&dir);
}

fn main() {
    let mut args = std::env::args().skip(1);
    let base = args
        .next()
        .map_or_else(std::env::temp_dir, PathBuf::from)
        .join("navarch-databases");
    let names: Vec<String> = args.collect();
    let wanted = |name: &str| names.is_empty() || names.iter().any(|n| n == name);
    if wanted("floor") {
        measure::<Floor>("floor", &base);
    }
    if wanted("redb") {
        measure::<Redb>("redb", &base);
    }
    if wanted("fjall") {
        measure::<Fjall>("fjall", &base);
    }
    let _ = std::fs::remove_dir_all(&base);
}
