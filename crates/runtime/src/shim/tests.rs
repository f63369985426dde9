use std::os::fd::{AsFd, AsRawFd};
use std::os::unix::net::UnixStream;

use super::*;

#[test]
fn frames_arrive_whole_with_their_descriptors() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    theirs.set_nonblocking(true).unwrap();
    let file = tempfile::tempfile().unwrap();
    let first = encode(&Envelope {
        id: 1,
        descriptors: 1,
        request: Request::List,
    })
    .unwrap();
    let second = encode(&Envelope {
        id: 2,
        descriptors: 0,
        request: Request::Shutdown,
    })
    .unwrap();
    let mut reader = FrameReader::default();
    assert_eq!(
        send_some(ours.as_fd(), &first[..7], &[file.as_raw_fd()]).unwrap(),
        7
    );
    assert!(reader.fill(theirs.as_fd()).unwrap());
    assert!(reader.next().unwrap().is_none());
    send_some(ours.as_fd(), &[&first[7..], &second[..]].concat(), &[]).unwrap();
    assert!(reader.fill(theirs.as_fd()).unwrap());
    let envelope: Envelope = serde_json::from_slice(&reader.next().unwrap().unwrap()).unwrap();
    assert_eq!(
        (envelope.id, reader.take_descriptors(1).unwrap().len()),
        (1, 1)
    );
    let envelope: Envelope = serde_json::from_slice(&reader.next().unwrap().unwrap()).unwrap();
    assert_eq!(envelope.id, 2);
    assert!(reader.take_descriptors(1).is_err());
    drop(ours);
    assert!(!reader.fill(theirs.as_fd()).unwrap());
}

#[test]
fn a_frame_that_is_too_long_is_refused() {
    let (ours, theirs) = UnixStream::pair().unwrap();
    send_some(ours.as_fd(), &u32::MAX.to_le_bytes(), &[]).unwrap();
    let mut reader = FrameReader::default();
    reader.fill(theirs.as_fd()).unwrap();
    assert!(reader.next().is_err());
}

#[test]
fn an_exit_file_is_read_back() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("exit.json");
    assert_eq!(read_exit(&path), None);
    let record = ExitRecord {
        started_at: 1,
        finished_at: 2,
        code: 137,
        signal: 9,
        oom_killed: true,
    };
    exit_file::write_exit(&path, &record).unwrap();
    assert_eq!(read_exit(&path), Some(record));
}
