use tokio::io::{AsyncReadExt, AsyncWriteExt};

use super::*;

#[tokio::test]
async fn what_is_written_goes_out_when_the_cork_is_pulled() {
    let (near, mut far) = tokio::io::duplex(8);
    // As TLS does, this one takes more than goes out.
    let (mut stream, cork) = corked(tokio::io::BufWriter::new(near));
    cork.put_in();
    for word in ["one ", "two ", "three"] {
        stream.write_all(word.as_bytes()).await.unwrap();
        stream.flush().await.unwrap();
    }
    assert_eq!(far.try_read(), None);
    // More than fits: the rest goes out as the other end reads.
    let pulled = tokio::spawn(std::future::poll_fn(move |context| cork.pull(context)));
    let mut read = [0; 13];
    far.read_exact(&mut read).await.unwrap();
    assert_eq!(&read, b"one two three");
    pulled.await.unwrap().unwrap();
    stream.write_all(b"four").await.unwrap();
    stream.flush().await.unwrap();
    assert_eq!(far.try_read(), Some(b'f'));
}

#[tokio::test]
async fn no_more_is_collected_than_there_is_room() {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (mut stream, cork) = corked(near);
    cork.put_in();
    let part = vec![7; ROOM / 4];
    for _ in 0..5 {
        stream.write_all(&part).await.unwrap();
    }
    assert_eq!(stream.0.lock().collected.len(), ROOM / 4);
    stream.write_all(&vec![8; ROOM + 1]).await.unwrap();
    stream.shutdown().await.unwrap();
    drop((stream, cork));
    let mut all = Vec::new();
    far.read_to_end(&mut all).await.unwrap();
    assert_eq!(all.len(), 5 * (ROOM / 4) + ROOM + 1);
    assert_eq!(all.iter().position(|byte| *byte == 8), Some(5 * (ROOM / 4)));
}

trait TryRead {
    fn try_read(&mut self) -> Option<u8>;
}

impl TryRead for tokio::io::DuplexStream {
    fn try_read(&mut self) -> Option<u8> {
        let mut byte = [0];
        let mut buffer = ReadBuf::new(&mut byte);
        let mut context = Context::from_waker(std::task::Waker::noop());
        let read = Pin::new(self).poll_read(&mut context, &mut buffer);
        (read.is_ready() && !buffer.filled().is_empty()).then(|| byte[0])
    }
}
