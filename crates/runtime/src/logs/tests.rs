use super::*;

fn entries(chunks: &[&[u8]]) -> Vec<(String, usize)> {
    let (mut buffer, mut stamp, mut out) = (
        LineBuffer::new(StreamName::Stdout),
        Stamp::default(),
        Vec::new(),
    );
    for chunk in chunks {
        buffer.push(chunk, &mut stamp, &mut out);
    }
    buffer.finish(&mut stamp, &mut out);
    let text = String::from_utf8(out).unwrap();
    text.lines()
        .map(|line| {
            let mut parts = line.splitn(4, ' ');
            let (_, stream, tag, rest) = (
                parts.next(),
                parts.next().unwrap(),
                parts.next().unwrap(),
                parts.next().unwrap(),
            );
            assert_eq!(stream, "stdout");
            (format!("{tag} {}", &rest[..rest.len().min(8)]), rest.len())
        })
        .collect()
}

#[test]
fn lines_are_joined_over_reads() {
    let expected = [
        ("F one".to_owned(), 3),
        ("F ".to_owned(), 0),
        ("F two".to_owned(), 3),
        ("P end".to_owned(), 3),
    ];
    assert_eq!(entries(&[b"on", b"e\n\ntw", b"o\nend"]), expected);
}

#[test]
fn a_line_of_the_greatest_length_is_whole() {
    let mut line = vec![b'a'; MAX_LINE];
    line.push(b'\n');
    assert_eq!(entries(&[&line]), [("F aaaaaaaa".to_owned(), MAX_LINE)]);
}

#[test]
fn a_longer_line_is_cut() {
    let mut line = vec![b'a'; 2 * MAX_LINE + 1];
    line.push(b'\n');
    let expected = [
        ("P aaaaaaaa".to_owned(), MAX_LINE),
        ("P aaaaaaaa".to_owned(), MAX_LINE),
        ("F a".to_owned(), 1),
    ];
    assert_eq!(entries(&[&line[..100], &line[100..]]), expected);
}

#[test]
fn time_as_kubernetes_writes_it() {
    let mut stamp = Stamp::default();
    assert_eq!(
        stamp.at(1_728_173_829, 669_794_202),
        "2024-10-06T00:17:09.669794202Z"
    );
    assert_eq!(stamp.at(1_728_173_829, 5), "2024-10-06T00:17:09.000000005Z");
    assert_eq!(stamp.at(951_782_400, 0), "2000-02-29T00:00:00.000000000Z");
    assert_eq!(stamp.at(0, 0), "1970-01-01T00:00:00.000000000Z");
}

#[test]
fn rotation_keeps_the_newest() {
    let directory = tempfile::tempdir().unwrap();
    let log = directory.path().join("0.log");
    let policy = RotationPolicy {
        max_size: 4,
        max_files: 3,
    };
    std::fs::write(&log, "abc").unwrap();
    assert!(!rotate_if_large(&log, policy, jiff::Timestamp::UNIX_EPOCH).unwrap());
    for second in 0..5 {
        std::fs::write(&log, format!("file{second}")).unwrap();
        assert!(
            rotate_if_large(&log, policy, jiff::Timestamp::from_second(second).unwrap()).unwrap()
        );
    }
    let mut left: Vec<String> = std::fs::read_dir(directory.path())
        .unwrap()
        .map(|e| e.unwrap().file_name().into_string().unwrap())
        .collect();
    left.sort();
    assert_eq!(left, ["0.log.19700101-000003", "0.log.19700101-000004"]);
}

#[test]
fn a_link_in_the_place_of_a_log_is_not_followed() {
    let directory = tempfile::tempdir().unwrap();
    let (log, other) = (
        directory.path().join("0.log"),
        directory.path().join("other"),
    );
    std::os::unix::fs::symlink(&other, &log).unwrap();
    assert!(LogWriter::open(&log).is_err());
    assert!(!other.exists());
}
