use bytes::{BufMut, BytesMut};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::frame;
use super::headers::{Reader, Writer};
use super::*;

#[test]
fn headers_survive_compression_over_frames() {
    let (mut writer, mut reader) = (Writer::new(), Reader::new());
    for round in 0..3 {
        let round = round.to_string();
        let block = writer
            .write(&[
                ("Streamtype", "data"),
                ("port", "8080"),
                ("requestid", &round),
            ])
            .unwrap();
        let headers = reader.read(&block).unwrap();
        assert_eq!(headers["streamtype"], "data");
        assert_eq!(headers["requestid"], round);
    }
}

#[test]
fn garbage_is_refused() {
    assert!(Reader::new().read(b"garbage that is no zlib").is_err());
    assert!(frame::take(&mut BytesMut::from(&[0x80, 9, 0, 1, 0, 0, 0, 0][..])).is_err());
    assert!(frame::take(&mut BytesMut::from(&[0x80, 3, 0, 1, 0, 0, 0, 1, 7][..])).is_err());
    assert!(frame::take(&mut BytesMut::from(&[0, 0, 0, 1, 0, 0xff, 0xff, 0xff][..])).is_err());
    assert!(
        frame::take(&mut BytesMut::from(&[0, 0, 0, 1, 0, 0, 0][..]))
            .unwrap()
            .is_none()
    );
}

#[tokio::test]
async fn a_stream_goes_both_ways() {
    let (mut client, server) = tokio::io::duplex(4096);
    let mut session = Session::start(server);
    let block = Writer::new().write(&[("streamtype", "error")]).unwrap();
    let mut syn = BytesMut::new();
    syn.put_u32(0x8003_0001);
    syn.put_u32(u32::try_from(block.len() + 10).unwrap());
    syn.put_u32(1);
    syn.put_u32(0);
    syn.put_u16(0);
    syn.put_slice(&block);
    client.write_all(&syn).await.unwrap();
    client
        .write_all(&frame::data(1, true, b"ping"))
        .await
        .unwrap();
    let stream = session.accept().await.unwrap();
    assert_eq!(stream.headers["streamtype"], "error");
    let (writer, mut incoming) = stream.split();
    assert_eq!(incoming.recv().await.unwrap(), "ping");
    assert!(incoming.recv().await.is_none());
    assert!(writer.write(b"pong").await);
    writer.finish().await;
    let mut reply = [0; 8];
    client.read_exact(&mut reply).await.unwrap();
    assert_eq!(reply[..4], [0x80, 3, 0, 2]);
    let mut rest = vec![0; usize::from(reply[7])];
    client.read_exact(&mut rest).await.unwrap();
    let mut answer = [0; 20];
    client.read_exact(&mut answer).await.unwrap();
    assert_eq!(&answer, b"\0\0\0\x01\0\0\0\x04pong\0\0\0\x01\x01\0\0\0");
}
