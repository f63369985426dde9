use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;

use super::*;

/// What a server does with each connection.
#[derive(Clone, Copy)]
enum Does {
    /// Says its name.
    Answer(&'static str),
    /// Begins an answer and never ends it.
    Watch,
    /// Takes the request and says nothing.
    Hang,
    /// Takes the request and goes.
    HangUp,
    /// Says that it lives, and else nothing.
    Live,
}

/// How many requests it has had, and its URL.
async fn server(does: Does) -> (Arc<AtomicUsize>, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let count = Arc::new(AtomicUsize::new(0));
    let counted = count.clone();
    tokio::spawn(async move {
        let mut held = Vec::new();
        loop {
            let (mut stream, _) = listener.accept().await.unwrap();
            let mut request = [0; 4096];
            if stream.read(&mut request).await.unwrap_or(0) == 0 {
                continue;
            }
            counted.fetch_add(1, Ordering::Relaxed);
            let is_looked_after = request.starts_with(b"GET /livez");
            let head = "HTTP/1.1 200 OK\r\nconnection: close\r\n";
            let answer = match does {
                Does::Answer(name) => format!("{head}content-length: {}\r\n\r\n{name}", name.len()),
                Does::Watch => format!("{head}content-length: 1000\r\n\r\nbegun"),
                Does::Live if is_looked_after => format!("{head}content-length: 2\r\n\r\nok"),
                Does::Hang | Does::Live => String::new(),
                Does::HangUp => continue,
            };
            stream.write_all(answer.as_bytes()).await.unwrap();
            if !matches!(does, Does::Answer(_)) {
                held.push(stream);
            }
        }
    });
    (count, url)
}

/// Where nobody listens.
async fn nowhere() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    format!("http://{}", listener.local_addr().unwrap())
}

fn client(servers: &Servers) -> kube::Client {
    servers.client(make).unwrap()
}

fn make(url: &str) -> Result<kube::Client, BoxError> {
    let config = kube::Config::new(url.parse().unwrap());
    Ok(kube::Client::try_from(config).unwrap())
}

async fn ask(client: &kube::Client, method: Method) -> Result<Vec<u8>, String> {
    let request = Request::builder().method(method).uri("/version");
    let request = request.body(Body::from(b"{}".to_vec())).unwrap();
    let response = client.send(request).await.map_err(|e| format!("{e:?}"))?;
    let body = response.into_body().collect_bytes().await;
    Ok(body.map_err(|e| format!("{e:?}"))?.to_vec())
}

#[tokio::test]
async fn the_next_is_asked_where_nobody_listens_and_by_all_clients() {
    let (count, url) = server(Does::Answer("b")).await;
    let servers = Servers::new(vec![nowhere().await, url]);
    let (one, other) = (client(&servers), client(&servers));
    // Nothing was sent, so even a creation goes to the next.
    assert_eq!(ask(&one, Method::POST).await.unwrap(), b"b");
    assert_eq!(*servers.current.borrow(), 1);
    assert_eq!(ask(&other, Method::GET).await.unwrap(), b"b");
    assert_eq!(count.load(Ordering::Relaxed), 2);
}

/// One of a single server, and one of a watch.
#[tokio::test]
async fn what_waits_at_connections_that_are_no_more_is_told() {
    for does in [Does::Hang, Does::Watch] {
        let (count, url) = server(does).await;
        let servers = Servers::new(vec![url]);
        let made = Arc::new(AtomicUsize::new(0));
        let making = made.clone();
        let client = servers.client(move |url| {
            making.fetch_add(1, Ordering::Relaxed);
            make(url)
        });
        let client = client.unwrap();
        let asking = || {
            let client = client.clone();
            tokio::spawn(async move { ask(&client, Method::GET).await })
        };
        let has_asked = async |times| {
            while count.load(Ordering::Relaxed) < times {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let waiting = asking();
        has_asked(1).await;
        tokio::time::sleep(Duration::from_millis(50)).await;
        assert!(!waiting.is_finished());
        servers.reconnect();
        let told = tokio::time::timeout(Duration::from_secs(5), waiting).await;
        let why = told.unwrap().unwrap().unwrap_err();
        assert!(why.contains("begun anew"), "{why}");
        // What is asked next does not go by them.
        let next = asking();
        has_asked(2).await;
        assert_eq!(made.load(Ordering::Relaxed), 2);
        next.abort();
    }
}

#[tokio::test]
async fn what_may_have_been_done_is_not_asked_for_twice() {
    let (first, a) = server(Does::HangUp).await;
    let (second, b) = server(Does::Answer("b")).await;
    let servers = Servers::new(vec![a.clone(), b.clone()]);
    ask(&client(&servers), Method::POST).await.unwrap_err();
    let counts = || [&first, &second].map(|it| it.load(Ordering::Relaxed));
    // Once more to see whether it lives.
    assert_eq!(counts(), [2, 0]);
    assert_eq!(ask(&client(&servers), Method::POST).await.unwrap(), b"b");
    // To read twice does no harm.
    let servers = Servers::new(vec![a, b]);
    assert_eq!(ask(&client(&servers), Method::GET).await.unwrap(), b"b");
}

#[tokio::test]
async fn none_answers_and_each_was_asked_once() {
    let (first, a) = server(Does::HangUp).await;
    let (second, b) = server(Does::HangUp).await;
    let servers = Servers::new(vec![a, b]);
    ask(&client(&servers), Method::GET).await.unwrap_err();
    // Twice, to see whether it lives.
    assert_eq!([first, second].map(|it| it.load(Ordering::Relaxed)), [2, 2]);
    assert!(
        Servers::new(Vec::new())
            .client::<BoxError>(|_| unreachable!())
            .is_err()
    );
}

#[tokio::test]
async fn a_watch_ends_when_another_is_asked() {
    let (_, a) = server(Does::Watch).await;
    let (_, b) = server(Does::Answer("b")).await;
    let servers = Servers::new(vec![a, b]);
    let watch = client(&servers);
    let watch = tokio::spawn(async move { ask(&watch, Method::GET).await });
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert!(!watch.is_finished());
    servers.leave(0, &*BoxError::from("test"));
    assert!(watch.await.unwrap().unwrap_err().contains(EXCHANGED));
    assert_eq!(ask(&client(&servers), Method::GET).await.unwrap(), b"b");
}

#[tokio::test]
async fn a_server_that_says_nothing_is_left() {
    let (_, a) = server(Does::Hang).await;
    let (_, b) = server(Does::Answer("b")).await;
    let servers = Servers::new(vec![a, b]);
    let client = client(&servers);
    let asked = tokio::spawn(async move { ask(&client, Method::GET).await });
    let left = tokio::time::timeout(ANSWER * 2, asked).await.unwrap();
    assert_eq!(left.unwrap().unwrap(), b"b");
}

#[tokio::test]
async fn a_server_that_is_slow_is_not_left() {
    let (count, a) = server(Does::Live).await;
    let (other, b) = server(Does::Answer("b")).await;
    let servers = Servers::new(vec![a, b]);
    ask(&client(&servers), Method::POST).await.unwrap_err();
    assert_eq!(*servers.current.borrow(), 0);
    let counts = [count, other].map(|it| it.load(Ordering::Relaxed));
    assert_eq!(counts, [2, 0]);
}
