//! The authorization sweep: every path that the resource table yields, with each of its verbs, asked for by each kind of user.
//!
//! `decisions.txt` is what came of it: a line a path, for each user the verbs that are permitted. A request that acts twice is tried too:
//! a PUT or an apply patch of what is not there makes it, and needs both verbs.
//! A path that is new, or a decision
//! that changes, changes the file: `UPDATE_EXPECT=1` writes it anew, and the difference is to be read.

mod paths;
mod users;

use std::fmt::Write;

use expect_test::expect_file;
use futures::StreamExt;
use http_body_util::BodyExt;
use serde_json::Value;

use crate::api_only::ApiOnly;
use crate::raw::{Body, Server};
use paths::{Path, Try};
use users::User;

/// Requests that are under way at a time.
const SIDE_BY_SIDE: usize = 16;

#[tokio::test]
async fn every_path_is_decided_as_the_table_of_decisions_says() {
    let api = ApiOnly::with_everything().await;
    users::bind(&api.server).await;
    let users = users::all();
    let paths = paths::all();
    let width = paths.iter().map(|path| path.shown.len()).max().unwrap();
    let server = &api.server;
    let lines = futures::stream::iter(&paths)
        .map(|path| line(server, &users, path, width))
        .buffered(SIDE_BY_SIDE);
    let lines: Vec<String> = lines.collect().await;
    let mut told = String::from(
        "# g get, l list, w watch, c create, u update, p patch, d delete, x deletecollection; U update that creates, A apply that creates; \
         -: nothing\n",
    );
    for line in lines {
        told.push_str(&line);
    }
    expect_file!["decisions.txt"].assert_eq(&told);
}

/// What each user may do with a path.
async fn line(server: &Server, users: &[User], path: &Path, width: usize) -> String {
    let mut line = format!("{:width$}", path.shown);
    for user in users {
        let mut may = String::new();
        for attempt in &path.tries {
            if is_permitted(server, user, attempt).await {
                may.push(attempt.letter);
            }
        }
        let may = if may.is_empty() { "-" } else { &may };
        write!(line, "  {} {may:8}", user.shown).unwrap();
    }
    format!("{}\n", line.trim_end())
}

/// Whether a request is let through to where it is looked at, whatever becomes of it there.
async fn is_permitted(server: &Server, user: &User, attempt: &Try) -> bool {
    let mut request = http::Request::builder()
        .method(attempt.method.clone())
        .uri(format!("{}{}", server.url, attempt.path))
        .header("content-type", attempt.content_type);
    if user.is_known() {
        request = request
            .header("authorization", format!("Bearer {}", server.token))
            .header("impersonate-user", user.name);
    }
    for group in user.groups {
        request = request.header("impersonate-group", *group);
    }
    let request = request.body(Body::from(attempt.body.clone())).unwrap();
    let answer = server.connections.request(request).await.unwrap();
    let status = answer.status().as_u16();
    assert_ne!(status, 401, "{} {}", attempt.method, attempt.path);
    if status != 403 {
        return true;
    }
    let text = answer.into_body().collect().await.unwrap().to_bytes();
    let refusal: Value = serde_json::from_slice(&text).unwrap();
    let message = refusal["message"].as_str().unwrap_or_default();
    // Admission refuses as well, with other words.
    let mut verbs = attempt.verbs.iter();
    let by_permission = verbs.any(|verb| message.contains(&format!(" cannot {verb} ")));
    !by_permission
}
