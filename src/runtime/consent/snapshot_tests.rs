//! A checkpoint gives back what was written, and anything else gives back nothing.

use super::*;

fn identity() -> Identity {
    Identity { cluster: "c1".to_owned(), topic: "consent".to_owned(), key: [7; 16] }
}

fn seal() -> TokenKey {
    TokenKey::new([9; 32])
}

fn row(number: u64) -> Row {
    let digest: [u8; 32] = Sha256::digest(number.to_le_bytes()).into();
    Row(std::array::from_fn(|at| digest[at]))
}

fn table(rows: u64) -> Table {
    let table = Table::default();
    for number in 0..rows {
        table.change(row(number), &mut Vec::new(), |bytes| {
            bytes.extend_from_slice(number.to_string().repeat(3).as_bytes());
            true
        });
    }
    table
}

fn all(table: &Table) -> Vec<([u8; 16], Vec<u8>)> {
    let mut rows = Vec::new();
    for shard in 0..SHARDS {
        table.rows(shard, |row, bytes| rows.push((row.0, bytes.to_vec())));
    }
    rows.sort();
    rows
}

fn marks() -> Vec<Mark> {
    vec![Mark { next: 12, heartbeat_ms: None }, Mark { next: i64::MAX, heartbeat_ms: Some(1_790_000_000_000) }]
}

fn write_to(path: &Path, table: &Table) -> Result<u64, Unwritten> {
    write(path, &identity(), &seal(), &marks(), table, || vec!["x.own".to_owned(), "x.other".to_owned()], || true)
}

fn refusal(path: &Path, identity: &Identity, seal: &TokenKey) -> String {
    read(path, identity, seal, &Table::default()).unwrap_err().to_string()
}

#[test]
fn what_was_written_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consent.checkpoint");
    for rows in [0, 1, 5_000] {
        let before = table(rows);
        let size = write_to(&path, &before).unwrap();
        assert_eq!(size, std::fs::metadata(&path).unwrap().len());
        let after = Table::default();
        let contents = read(&path, &identity(), &seal(), &after).unwrap();
        assert_eq!(contents, Contents { marks: marks(), purposes: vec!["x.own".to_owned(), "x.other".to_owned()] });
        assert_eq!(all(&after), all(&before));
        assert_eq!(after.subjects() as u64, rows);
    }
    assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "nothing is left beside it");
}

#[test]
fn others_cannot_read_it() {
    use std::os::unix::fs::PermissionsExt;
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consent.checkpoint");
    write_to(&path, &table(3)).unwrap();
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

#[test]
fn one_that_is_cut_off_or_changed_anywhere_is_refused() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consent.checkpoint");
    write_to(&path, &table(20)).unwrap();
    let whole = std::fs::read(&path).unwrap();
    let broken = dir.path().join("broken");
    for cut in (0..whole.len()).step_by(97).chain([whole.len() - 1]) {
        std::fs::write(&broken, &whole[..cut]).unwrap();
        let said = refusal(&broken, &identity(), &seal());
        assert!(said == "it is torn or was changed" || cut < 16, "{cut}: {said}");
    }
    for at in (0..whole.len()).step_by(41) {
        let mut bytes = whole.clone();
        bytes[at] ^= 0x10;
        std::fs::write(&broken, &bytes).unwrap();
        assert!(read(&broken, &identity(), &seal(), &Table::default()).is_err(), "byte {at}");
    }
    let mut longer = whole;
    longer.push(0);
    std::fs::write(&broken, &longer).unwrap();
    assert_eq!(refusal(&broken, &identity(), &seal()), "it is torn or was changed");
}

#[test]
fn one_of_another_topic_cluster_or_key_is_refused_and_says_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consent.checkpoint");
    assert_eq!(refusal(&path, &identity(), &seal()), "there is none");
    write_to(&path, &table(3)).unwrap();
    let other = |change: fn(&mut Identity)| {
        let mut other = identity();
        change(&mut other);
        refusal(&path, &other, &seal())
    };
    assert_eq!(other(|it| it.cluster = "c2".to_owned()), "it is of another cluster or topic");
    assert_eq!(other(|it| it.topic = "choices".to_owned()), "it is of another cluster or topic");
    assert_eq!(other(|it| it.key = [8; 16]), "it was made with another index key");
    assert_eq!(refusal(&path, &identity(), &TokenKey::new([10; 32])), "it is torn or was changed");
    std::fs::write(&path, b"tamis-consent-00 and more").unwrap();
    assert_eq!(refusal(&path, &identity(), &seal()), "it is not a checkpoint of this version");
}

#[test]
fn a_table_that_is_cleared_meanwhile_leaves_the_old_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consent.checkpoint");
    write_to(&path, &table(3)).unwrap();
    let told = write(&path, &identity(), &seal(), &marks(), &table(9), Vec::new, || false).unwrap_err();
    assert!(matches!(told, Unwritten::Overtaken));
    let after = Table::default();
    read(&path, &identity(), &seal(), &after).unwrap();
    assert_eq!(after.subjects(), 3);
}

#[test]
fn two_processes_cannot_write_one_file() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("consent.checkpoint");
    let held = File::create(aside(&path)).unwrap();
    held.lock().unwrap();
    assert!(matches!(write_to(&path, &table(3)), Err(Unwritten::Shared)));
    drop(held);
    write_to(&path, &table(3)).unwrap();
}
