//! Damaged bytes of the consent topic: what they were is not guessed, and what is behind them is not read. A withdrawal
//! may be there, so the table may not be asked until they are whole again.

use std::time::Duration;

use tamis::runtime::consent::Word;

use crate::broker::{Broker, turn};
use crate::segment::{Place, Segment};
use crate::topic::{SOON, Topic, choice};
use crate::wait::wait;

#[test]
fn damaged_records_are_neither_read_nor_passed_over() {
    let Some(_turn) = turn() else { return };
    let broker = Broker::start("damaged");
    // The last one has a batch of one record: a client that goes on behind a record would go on behind the batch.
    for (number, place, records) in
        [(0, Place::Record, 20), (1, Place::Checksum, 20), (2, Place::Magic, 20), (3, Place::Magic, 1)]
    {
        let case = format!("{place:?}, {records} records");
        let topic = Topic::new(&format!("damaged-{number}"), &broker.address, 2, &[("cleanup.policy", "compact")]);
        let choices = |part: u64, records: u64, stance: &str| {
            let one = |n| choice(0, &format!("c-{part}-{n}"), 100 * part + n, "ads.profile", stance, 5);
            topic.write(&(0..records).map(one).collect::<Vec<_>>());
        };
        choices(0, 20, "granted");
        let heart = topic.beat();
        let table = topic.follow(Some(&topic.file()), 7);
        table.ready();
        assert_eq!(table.consent().subjects(), 20);
        table.stop();
        drop(heart);

        let (_, begin) = topic.ends(0);
        choices(1, records, "withdrawn");
        choices(2, 20, "denied");
        let segment = Segment::of(&broker, &topic.name, 0);
        let at = segment.find(begin, place);
        segment.flip(at, 0x40);
        let _heart = topic.beat();
        for checkpoint in [Some(topic.file()), None] {
            let table = topic.follow(checkpoint.as_deref(), 7);
            let said = || table.consent().trouble().is_some_and(|said| said.contains("fail their checksum"));
            assert!(wait(SOON, said), "{case}: {:?}", table.consent().trouble());
            for _ in 0..30 {
                assert_eq!(table.consent().word(), Word::Cold, "{case}");
                assert_eq!(table.consent().subjects(), 20, "{case}: what is behind them has to wait");
                std::thread::sleep(Duration::from_millis(100));
            }
            assert!(said(), "{case}: it goes on saying why, {:?}", table.consent().trouble());
        }

        // The disk was repaired while it waits.
        let table = topic.follow(None, 7);
        assert!(wait(SOON, || table.consent().trouble().is_some()), "{case}");
        segment.flip(at, 0x40);
        table.ready();
        let all = 40 + usize::try_from(records).unwrap();
        assert!(wait(SOON, || table.consent().subjects() == all), "{case}: {}", table.consent().subjects());
        assert_eq!(table.consent().trouble(), None, "{case}");
    }
}
