use std::time::Duration;

use super::*;

#[test]
fn each_is_renewed_in_time_and_taken_into_use() {
    let place = tempfile::tempdir().unwrap();
    let start = SystemTime::now();
    let life = Duration::from_secs(3000);
    let pki = Pki::open(place.path(), "i", start).unwrap();
    let leaves = Leaves::new(Arc::new(pki.with_leaf_life(life)));
    let shown: Arc<Mutex<Vec<String>>> = Arc::default();
    for (name, purpose) in [("a", Purpose::Server), ("b", Purpose::Client)] {
        let shown = shown.clone();
        let leaf = Leaf {
            name: name.to_owned(),
            subject: Subject {
                name: name.to_owned(),
                ..Subject::default()
            },
            purpose,
            in_use: Box::new(move |issued| {
                shown.lock().push(issued.certificate.clone());
                Ok(())
            }),
        };
        leaves.add(leaf, start).unwrap();
    }
    let after = |seconds| start + Duration::from_secs(seconds);
    assert!(leaves.renew(after(1890)).unwrap().is_empty());
    assert_eq!(shown.lock().len(), 2);
    // It began 300 seconds before it was made.
    assert_eq!(leaves.renew(after(1910)).unwrap(), ["a", "b"]);
    assert!(leaves.renew(after(1911)).unwrap().is_empty());
    assert_eq!(leaves.rotate(after(1912)).unwrap(), ["a", "b"]);
    let mut shown = shown.lock().clone();
    assert_eq!(shown.len(), 6);
    shown.dedup();
    assert_eq!(shown.len(), 6, "each is new");
}

#[test]
fn one_may_be_for_another_subject() {
    let place = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let leaves = Leaves::new(Arc::new(Pki::open(place.path(), "i", now).unwrap()));
    let subject = |last| Subject {
        name: "a".to_owned(),
        addresses: vec![[192, 0, 2, last].into()],
        ..Subject::default()
    };
    let leaf = Leaf {
        name: "a".to_owned(),
        subject: subject(1),
        purpose: Purpose::Server,
        in_use: Box::new(|_| Ok(())),
    };
    leaves.add(leaf, now).unwrap();
    leaves.rename("a", subject(1));
    assert!(leaves.renew(now).unwrap().is_empty());
    leaves.rename("a", subject(2));
    assert_eq!(leaves.renew(now).unwrap(), ["a"]);
    assert!(leaves.renew(now).unwrap().is_empty());
}

#[test]
fn what_cannot_be_taken_into_use_is_tried_again() {
    let place = tempfile::tempdir().unwrap();
    let now = SystemTime::now();
    let pki = Arc::new(Pki::open(place.path(), "i", now).unwrap());
    let leaves = Leaves::new(pki.clone());
    let calls = Arc::new(Mutex::new(0));
    let counted = calls.clone();
    let leaf = Leaf {
        name: "a".to_owned(),
        subject: Subject::default(),
        purpose: Purpose::Client,
        in_use: Box::new(move |_| {
            *counted.lock() += 1;
            let second = *counted.lock() == 2;
            if second { Err("no".to_owned()) } else { Ok(()) }
        }),
    };
    leaves.add(leaf, now).unwrap();
    let error = leaves.rotate(now).err().unwrap().to_string();
    assert!(error.contains("a: no"), "{error}");
    assert_eq!(leaves.renew(now).unwrap(), ["a"]);
    assert_eq!(*calls.lock(), 3);
}
