use serde_json::{Value, json};

use crate::support::{Answer, Server};

const TOKENS: &str = "/api/v1/waitpoints/tokens";

async fn create(server: &Server, body: Value) -> Answer {
    server.ask("POST", TOKENS).body(body.to_string()).answer().await
}

async fn id_of_new(server: &Server, body: Value) -> String {
    create(server, body).await.json()["id"].as_str().unwrap().to_owned()
}

async fn complete(server: &Server, id: &str, body: &str) -> Answer {
    server.ask("POST", format!("{TOKENS}/{id}/complete")).body(body).answer().await
}

async fn get(server: &Server, id: &str) -> Value {
    server.ask("GET", format!("{TOKENS}/{id}")).answer().await.json()
}

/// What the task `gate` says of the wait token that it waits for.
async fn gate_of(server: &Server, run: &str) -> Value {
    let mut events = server.stream(run, "gate").events().await;
    loop {
        if let Some(gate) = events.next().await.unwrap().parts().first() {
            return gate.clone();
        }
    }
}

/// The path of an address that this server gave out.
fn path_of(url: &Value) -> &str {
    url.as_str().unwrap().strip_prefix("http://127.0.0.1:3030").unwrap()
}

#[tokio::test]
async fn a_page_completes_what_a_backend_made() {
    let server = Server::new();
    let made = create(&server, json!({ "timeout": "10m", "tags": "one" })).await;
    let id = made.json()["id"].as_str().unwrap().to_owned();
    assert_eq!((made.status.as_u16(), &made.json()["isCached"]), (200, &json!(false)));
    assert_eq!(made.header("x-trigger-jwt-claims"), Some(r#"{"sub":"cmtidegatedevelopment0000","pub":true}"#));
    assert_eq!(made.header("access-control-expose-headers"), None, "no route for browsers");

    let before = get(&server, &id).await;
    assert_eq!((&before["status"], &before["tags"], before.get("output")), (&json!("WAITING"), &json!(["one"]), None));
    let token = made.header("x-trigger-jwt").unwrap();
    let other = id_of_new(&server, json!({})).await;
    let ask = |id: &str| server.ask("POST", format!("{TOKENS}/{id}/complete")).header("origin", "https://a.example");
    let page = |id: &str, body: &str| ask(id).token(token).body(body).answer();
    assert_eq!(page(&other, r#"{"data":1}"#).await.status, 403);
    let done = page(&id, r#"{"data":{"b":1,"a":2}}"#).await;
    assert_eq!(done.header("access-control-allow-origin"), Some("https://a.example"));
    done.is(200, json!({ "success": true }));
    page(&id, r#"{"data":"late"}"#).await.is(200, json!({ "success": true }));
    let after = get(&server, &id).await;
    assert_eq!(after["output"], json!(r#"{"json":{"b":1,"a":2}}"#));
    assert_eq!((&after["status"], &after["outputType"]), (&json!("COMPLETED"), &json!("application/super+json")));
    assert_eq!(after["outputIsError"], json!(false));
}

#[tokio::test]
async fn a_large_result_stands_beside_its_wait_token() {
    let server = Server::new();
    let run = server.run_of("gate", json!({})).await;
    let gate = gate_of(&server, &run).await;
    let id = gate["id"].as_str().unwrap();
    let data = |letter: &str| json!({ "data": { "text": letter.repeat(600_000) } }).to_string();
    for letter in ["a", "b"] {
        complete(&server, id, &data(letter)).await.is(200, json!({ "success": true }));
    }
    let token = get(&server, id).await;
    assert_eq!(token["outputType"], json!("application/store"));
    let path = token["output"].as_str().unwrap().replace('/', "%2F");
    let told = server.ask("GET", format!("/api/v1/packets/{path}")).answer().await.json();
    let stored = server.ask("GET", path_of(&told["presignedUrl"])).anonymous().answer().await;
    assert_eq!(stored.header("content-type"), Some("application/super+json"));
    assert_eq!(stored.json()["json"]["text"].as_str().unwrap(), "a".repeat(600_000), "the first result stays");
    let ended = server.ended(&run).await;
    assert_eq!(ended["status"], json!("COMPLETED"), "who waits gets the value, not the path");
    assert!(ended["outputPresignedUrl"].is_string());
}

#[tokio::test]
async fn every_kind_of_result_has_its_packet() {
    let server = Server::new();
    for (body, output, kind) in [
        (r#"{"data":"text \"q\""}"#, json!("text \"q\""), "text/plain"),
        (r#"{"data":null}"#, json!(r#"{"json":null}"#), "application/super+json"),
        (r#"{"data":1.50}"#, json!(r#"{"json":1.5}"#), "application/super+json"),
        (r#"{"data":""}"#, Value::Null, "application/json"),
        ("{}", Value::Null, "application/json"),
    ] {
        let id = id_of_new(&server, json!({})).await;
        complete(&server, &id, body).await.is(200, json!({ "success": true }));
        let token = get(&server, &id).await;
        assert_eq!((&token["output"], &token["outputType"]), (&output, &json!(kind)), "{body}");
    }
}

#[tokio::test]
async fn what_cannot_complete_is_refused_and_an_unknown_id_is_no_server_error() {
    let server = Server::new();
    let id = id_of_new(&server, json!({})).await;
    for (body, error) in [
        ("", "Request body is empty"),
        ("{oops", "Invalid JSON"),
        ("null", "Invalid JSON"),
        ("[1]", "Validation error: Expected object, received array"),
    ] {
        complete(&server, &id, body).await.is(400, json!({ "error": error }));
    }
    complete(&server, "waitpoint_none", r#"{"data":1}"#).await.is(404, json!({ "error": "Waitpoint not found" }));
    let unknown = server.ask("GET", format!("{TOKENS}/waitpoint_none")).answer().await;
    assert_eq!(unknown.header("x-should-retry"), Some("false"));
    unknown.is(404, json!({ "error": "Not found" }));
    assert_eq!(get(&server, &id).await["status"], json!("WAITING"));
}

#[tokio::test]
async fn creating_checks_what_it_is_given() {
    let server = Server::new();
    let token = server.mint(&["admin".to_owned()]).await;
    let ask = || server.ask("POST", TOKENS);
    ask().token(&token).body("{}").answer().await.is(401, json!({ "error": "Invalid API key" }));
    ask().body("").answer().await.is(400, json!({ "error": "Request body is empty" }));
    let many: Vec<String> = (0..11).map(|n| format!("tag-{n}")).collect();
    let error = "Waitpoints can only have 10 tags, you're trying to set 11.";
    create(&server, json!({ "tags": many })).await.is(422, json!({ "error": error }));
    let error = "Validation error: idempotencyKey must be 2048 characters or less at \"idempotencyKey\"";
    create(&server, json!({ "idempotencyKey": "k".repeat(2049) })).await.is(400, json!({ "error": error }));
    let error = "Validation error: Expected string, received number at \"timeout\"";
    create(&server, json!({ "timeout": 5 })).await.is(400, json!({ "error": error }));
    assert_eq!(create(&server, json!({ "tags": ["x".repeat(10_240)] })).await.status, 413);
    let id = id_of_new(&server, json!({ "timeout": "soon" })).await;
    assert_eq!(get(&server, &id).await.get("timeoutAt"), None);
    let late = id_of_new(&server, json!({ "timeout": "2001-01-01T00:00:00Z" })).await;
    assert_eq!(get(&server, &late).await["status"], json!("TIMED_OUT"));
}

#[tokio::test]
async fn the_same_key_is_the_same_wait_token() {
    let server = Server::new();
    let body = json!({ "idempotencyKey": "k", "idempotencyKeyTTL": "1h", "tags": ["b", "a"] });
    let first = create(&server, body.clone()).await.json();
    let again = create(&server, body).await.json();
    assert_eq!((&again["id"], &again["isCached"]), (&first["id"], &json!(true)));
    let token = get(&server, first["id"].as_str().unwrap()).await;
    assert_eq!((&token["idempotencyKey"], &token["userProvidedIdempotencyKey"]), (&json!("k"), &json!(true)));
    assert!(token["idempotencyKeyExpiresAt"].is_string());
    assert_eq!(token["tags"], json!(["a", "b"]));
    let short = json!({ "idempotencyKey": "short", "idempotencyKeyTTL": "0s" });
    assert_ne!(create(&server, short.clone()).await.json()["id"], create(&server, short).await.json()["id"]);
}

#[tokio::test]
async fn a_callback_needs_its_hash_and_nothing_else() {
    let server = Server::new();
    let made = create(&server, json!({})).await.json();
    let (id, path) = (made["id"].as_str().unwrap(), path_of(&made["url"]));
    let ask = |path: &str| server.ask("POST", path).anonymous();
    let mismatch = json!({ "error": "Invalid URL, hash doesn't match" });
    for wrong in ["c".repeat(64), "é".to_owned(), "abc".to_owned(), path[path.len() - 64..].replace(['0', '1'], "2")] {
        let path = format!("{TOKENS}/{id}/callback/{}", wrong.replace('é', "%C3%A9"));
        ask(&path).body("{}").answer().await.is(401, mismatch.clone());
    }
    let unannounced = ask(path).body("{}").unannounced().answer().await;
    unannounced.is(411, json!({ "error": "Content-Length header is required" }));
    let wrong = server.ask("PUT", path).anonymous().body("{}").answer().await;
    assert_eq!(wrong.header("allow"), Some("POST"));
    wrong.is(405, json!({ "error": "Method not allowed" }));
    let unknown = path.replace(id, "waitpoint_none");
    ask(&unknown).body("{}").answer().await.is(404, json!({ "error": "Waitpoint not found" }));

    let done = ask(path).body(r#"{"via":"webhook"}"#).answer().await;
    assert_eq!(done.header("access-control-expose-headers"), None, "no route for browsers");
    done.is(200, json!({ "success": true }));
    assert_eq!(get(&server, id).await["output"], json!(r#"{"json":{"via":"webhook"}}"#));
    ask(path).body("2").answer().await.is(200, json!({ "success": true }));
    let made = create(&server, json!({})).await.json();
    ask(path_of(&made["url"])).body("not json").answer().await.is(200, json!({ "success": true }));
    assert_eq!(get(&server, made["id"].as_str().unwrap()).await["output"], json!(r#"{"json":{}}"#));
}

#[tokio::test]
async fn lists_are_filtered_and_come_in_pages() {
    let server = Server::new();
    let mut ids = Vec::new();
    for n in 0..4 {
        let body = json!({ "tags": [format!("t{}", n % 2)], "idempotencyKey": format!("k{n}") });
        ids.push(id_of_new(&server, body).await);
    }
    complete(&server, &ids[1], r#"{"data":1}"#).await;
    let list = |query: &str| {
        let query = query.replace('[', "%5B").replace(']', "%5D");
        let answer = server.ask("GET", format!("{TOKENS}?{query}")).answer();
        async { answer.await.json() }
    };
    let found = |body: &Value| -> Vec<usize> {
        let items = body["data"].as_array().unwrap().iter();
        items.map(|item| ids.iter().position(|id| item["id"] == json!(id)).unwrap()).collect()
    };
    for (query, expected) in [
        ("", vec![3, 2, 1, 0]),
        ("filter[status]=COMPLETED", vec![1]),
        ("filter[status]=WAITING,TIMED_OUT", vec![3, 2, 0]),
        ("filter[tags]=t0,t9", vec![2, 0]),
        ("filter[idempotencyKey]=k2", vec![2]),
        ("filter[createdAt][period]=1h", vec![3, 2, 1, 0]),
        ("filter[createdAt][to]=2001-01-01", vec![]),
        ("filter[createdAt][from]=0&page[size]=1", vec![3]),
    ] {
        assert_eq!(found(&list(query).await), expected, "{query}");
    }
    let first = list("page[size]=3").await;
    assert_eq!((found(&first), &first["pagination"]), (vec![3, 2, 1], &json!({ "next": &ids[1][10..] })));
    let second = list(&format!("page[size]=3&page[after]={}", &ids[1][10..])).await;
    assert_eq!((found(&second), &second["pagination"]), (vec![0], &json!({ "previous": &ids[0][10..] })));
    let back = list(&format!("page[size]=3&page[before]={}", &ids[0][10..])).await;
    assert_eq!((found(&back), &back["pagination"]), (vec![3, 2, 1], &json!({ "next": &ids[1][10..] })));
    for query in ["page[size]=0", "page[size]=101", "filter[status]=DONE", "filter[createdAt][to]=soon"] {
        let answer = list(query).await;
        assert_eq!(answer["error"], json!("Query Error"), "{query}");
    }
}

#[tokio::test]
async fn a_gate_opens_with_what_it_is_told() {
    let server = Server::new();
    for by_page in [true, false] {
        let run = server.run_of("gate", json!({ "question": "May it?" })).await;
        let gate = gate_of(&server, &run).await;
        assert_eq!(gate["question"], json!("May it?"));
        let answer = if by_page {
            let path = format!("{TOKENS}/{}/complete", gate["id"].as_str().unwrap());
            let ask = server.ask("POST", path).token(gate["publicAccessToken"].as_str().unwrap());
            ask.body(r#"{"data":{"open":true}}"#).answer().await
        } else {
            server.ask("POST", path_of(&gate["url"])).anonymous().body(r#"{"open":true}"#).answer().await
        };
        answer.is(200, json!({ "success": true }));
        let ended = server.ended(&run).await;
        assert_eq!((&ended["status"], &ended["output"]), (&json!("COMPLETED"), &json!({ "open": true })));
    }
}

#[tokio::test]
async fn a_gate_that_nobody_opens_fails_when_its_time_is_out() {
    let server = Server::new();
    let run = server.run_of("gate", json!({ "timeout": "0s" })).await;
    let ended = server.ended(&run).await;
    let error = ended["error"].to_string();
    assert!(ended["status"] == json!("FAILED") && error.contains("Waitpoint timed out at 20"), "{ended}");
    let tokens = server.ask("GET", TOKENS).answer().await.json();
    assert_eq!(tokens["data"][0]["status"], json!("TIMED_OUT"));
    let token = get(&server, tokens["data"][0]["id"].as_str().unwrap()).await;
    assert_eq!((&token["outputType"], &token["outputIsError"]), (&json!("application/json"), &json!(true)));
    assert!(token["output"].as_str().unwrap().starts_with(r#"{"code":"TRIGGER_WAITPOINT_TIMEOUT","message":"#));

    let odd = server.run_of("gate", json!({ "timeout": "soon" })).await;
    assert!(server.ended(&odd).await["error"].to_string().contains("gate wants a payload"));
}

/// Waits on the clock of the wall, for the shortest time-out that there is.
#[tokio::test]
async fn a_waiting_gate_notices_that_its_time_is_out() {
    let server = Server::new();
    let run = server.run_of("gate", json!({ "timeout": "1s" })).await;
    assert_eq!(server.view(&run).await["status"], json!("EXECUTING"));
    assert!(server.ended(&run).await["error"].to_string().contains("Waitpoint timed out at"));
}

#[tokio::test]
async fn a_callback_address_leads_to_where_the_server_listens() {
    let server = Server::new();
    let address = server.listen().await;
    let asked = server.ask("POST", TOKENS).header("host", "desk.example:1").body("{}").answer().await.json();
    assert!(asked["url"].as_str().unwrap().starts_with("http://desk.example:1/api/v1/waitpoints/tokens/waitpoint_"));
    // Whoever asks tells how the server is reached; a task has only the address of the listener.
    let run = loop {
        tokio::task::yield_now().await;
        let run = server.run_of("gate", json!({})).await;
        let parts = server.stream(&run, "gate").header("timeout-seconds", "0").events().await.parts().await;
        if parts.iter().any(|gate| gate["url"].as_str().unwrap().starts_with(&format!("http://{address}/api/"))) {
            break run;
        }
    };
    server.cancel(&run).await;
}
