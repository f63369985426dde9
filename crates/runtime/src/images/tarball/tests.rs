use super::*;

fn read(bytes: &[u8]) -> io::Result<Vec<(Entry, Vec<u8>)>> {
    let mut tarball = Tarball::new(bytes);
    let mut entries = Vec::new();
    while let Some(entry) = tarball.next()? {
        let mut data = Vec::new();
        tarball.read_to_end(&mut data)?;
        entries.push((entry, data));
    }
    Ok(entries)
}

fn header(kind: EntryType, size: u64) -> Header {
    let mut header = Header::new_gnu();
    header.set_entry_type(kind);
    header.set_size(size);
    header.set_mode(0o644);
    header.set_uid(0);
    header.set_gid(0);
    header.set_mtime(7);
    header
}

fn with_records(records: &[u8]) -> Vec<u8> {
    let mut builder = tar::Builder::new(Vec::new());
    let mut pax = header(EntryType::XHeader, records.len() as u64);
    pax.set_cksum();
    builder.append(&pax, records).unwrap();
    builder
        .append_data(&mut header(EntryType::Regular, 3), "file", &b"abc"[..])
        .unwrap();
    builder.into_inner().unwrap()
}

#[test]
fn an_attribute_with_line_feeds_stays_whole() {
    let entries = read(&with_records(b"31 SCHILY.xattr.user.a=\n\0\n=x \n\n")).unwrap();
    let (entry, data) = &entries[0];
    assert_eq!(
        entry.xattrs,
        [("user.a".to_owned(), b"\n\0\n=x \n".to_vec())]
    );
    assert_eq!(data, b"abc");
}

#[test]
fn times_before_the_epoch_and_fractions_are_kept() {
    for (text, expected) in [
        ("1.5", (1, 500_000_000)),
        ("-1.25", (-2, 750_000_000)),
        ("12", (12, 0)),
    ] {
        let length = text.len() + 10;
        let entries = read(&with_records(format!("{length} mtime={text}\n").as_bytes())).unwrap();
        assert_eq!(
            (entries[0].0.mtime, entries[0].0.mtime_nanos),
            expected,
            "{text}"
        );
    }
}

#[test]
fn paths_longer_than_a_header_are_read_in_both_dialects() {
    let long = format!("{}/end", "d".repeat(200));
    let mut builder = tar::Builder::new(Vec::new());
    builder
        .append_data(&mut header(EntryType::Regular, 1), &long, &b"x"[..])
        .unwrap();
    assert_eq!(
        read(&builder.into_inner().unwrap()).unwrap()[0].0.path,
        long.as_bytes()
    );
    let length = long.len() + 10;
    let entries = read(&with_records(format!("{length} path={long}\n").as_bytes())).unwrap();
    assert_eq!(entries[0].0.path, long.as_bytes());
}

#[test]
fn an_extension_that_would_fill_memory_is_refused() {
    let size = 1 << 40;
    let mut pax = header(EntryType::XHeader, size);
    pax.set_cksum();
    let stream = pax.as_bytes().chain(io::repeat(b' '));
    let error = Tarball::new(stream).next().unwrap_err();
    assert!(error.to_string().contains("exceed"), "{error}");
    // Many small ones in a row are no way around the bound.
    let mut one = header(EntryType::XGlobalHeader, 0);
    one.set_cksum();
    let many: Vec<u8> = one
        .as_bytes()
        .iter()
        .copied()
        .cycle()
        .take(512 * 3000)
        .collect();
    assert!(read(&many).is_err());
}

#[test]
fn what_is_no_archive_is_refused() {
    for bytes in [&b"not a tar archive"[..], &[b'x'; 2048][..]] {
        assert!(read(bytes).is_err());
    }
    let whole = with_records(b"11 mtime=1\n");
    assert!(
        read(&whole[..whole.len() - 1024 - 510]).is_err(),
        "cut in the data of an entry"
    );
    assert!(read(&whole[..300]).is_err(), "cut in a header");
}

#[test]
fn record_lengths_that_lie_are_refused() {
    for records in [
        &b"99 path=x\n"[..],
        b"0 path=x\n",
        b"5 path=x\n",
        b"x",
        b"18446744073709551615 a=b\n",
        b"6 abc\n",
    ] {
        assert!(read(&with_records(records)).is_err(), "{records:?}");
    }
}

#[test]
fn fields_left_blank_are_zero() {
    let mut header = Header::new_gnu();
    header.set_size(0);
    header.set_path("x").unwrap();
    header.set_cksum();
    let entry = &read(header.as_bytes()).unwrap()[0].0;
    assert_eq!(
        (entry.uid, entry.gid, entry.mode, entry.mtime),
        (0, 0, 0, 0)
    );
}
