//! The console's routes: its files, who is given a token, and what the token does.

use std::path::PathBuf;
use std::{env, fs, process};

use serde_json::{Value, json};
use tidegate_dev_server::{Config, Console};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

use crate::hand::Hand;
use crate::support::{Answer, Ask, KEY, Server};

const HERE: &str = "127.0.0.1:3030";

/// A folder with a built page, and beside it a file that is none of its own.
struct Built(PathBuf);

impl Built {
    fn new(name: &str) -> Self {
        let folder = env::temp_dir().join(format!("tidegate-console-{name}-{}", process::id()));
        fs::create_dir_all(folder.join("page/assets")).unwrap();
        for (file, text) in [
            ("secret.txt", "not for pages"),
            ("page/secret.js", "not for pages"),
            ("page/index.html", "<!doctype html><title>Runs</title>"),
            ("page/icon.svg", "<svg/>"),
            ("page/assets/index-1a2b.js", "export {};"),
            ("page/assets/core-1a2b.wasm", "\0asm"),
            ("page/assets/index-1a2b.css", "p {}"),
        ] {
            fs::write(folder.join(file), text).unwrap();
        }
        Self(folder)
    }

    fn server(&self) -> Server {
        with(Console { files: self.0.join("page"), ..Console::default() })
    }
}

impl Drop for Built {
    fn drop(&mut self) {
        fs::remove_dir_all(&self.0).unwrap();
    }
}

fn with(console: Console) -> Server {
    Server::with(Config { console: Some(console), ..Config::default() })
}

async fn get(server: &Server, path: &str) -> Answer {
    server.ask("GET", path).anonymous().answer().await
}

/// As the page asks, opened at this host.
fn ask_token<'a>(server: &'a Server, host: &str) -> Ask<'a> {
    let ask = server.ask("POST", "/console/api/token").anonymous().header("host", host);
    ask.header("origin", &format!("http://{host}")).header("sec-fetch-site", "same-origin")
}

async fn token_of(server: &Server) -> String {
    let answer = ask_token(server, HERE).answer().await.json();
    answer["accessToken"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn the_page_and_its_files_are_served_with_a_strict_policy() {
    let built = Built::new("files");
    let server = built.server();
    for path in ["/", "/console/"] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status.as_u16(), answer.header("location")), (307, Some("/console")), "{path}");
    }
    for (path, kind, cache) in [
        ("/console", "text/html", "no-cache"),
        ("/console/icon.svg", "image/svg+xml", "no-cache"),
        ("/console/assets/index-1a2b.js", "text/javascript", "public, max-age=31536000, immutable"),
        ("/console/assets/index-1a2b.css", "text/css", "public, max-age=31536000, immutable"),
        ("/console/assets/core-1a2b.wasm", "application/wasm", "public, max-age=31536000, immutable"),
    ] {
        let answer = get(&server, path).await;
        assert_eq!((answer.status.as_u16(), answer.header("cache-control")), (200, Some(cache)), "{path}");
        assert!(
            answer.header("content-type").unwrap().starts_with(kind),
            "{path}: {:?}",
            answer.header("content-type")
        );
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
        let policy = answer.header("content-security-policy").unwrap();
        assert!(
            policy.contains("default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'"),
            "{policy}"
        );
        assert!(!policy.contains("unsafe-inline") && !policy.contains("'unsafe-eval'"), "{policy}");
    }
    let changed = get(&server, "/console").await.header("last-modified").unwrap().to_owned();
    let again = server.ask("GET", "/console").anonymous().header("if-modified-since", &changed).answer().await;
    assert_eq!(again.status, 304);
}

#[tokio::test]
async fn no_path_leads_out_of_the_folder() {
    let built = Built::new("paths");
    let server = built.server();
    for path in [
        "/console/assets/missing.js",
        "/console/assets/../secret.js",
        "/console/assets/../../secret.txt",
        "/console/assets/%2e%2e/secret.js",
        "/console/assets/..%2fsecret.js",
        "/console/assets/..%2f..%2fsecret.txt",
        "/console/assets/..%5c..%5csecret.txt",
        "/console/assets//etc/passwd",
        "/console/assets/%2fetc%2fpasswd",
        "/console/assets/%00",
        "/console/secret.js",
        "/console/index.html",
        "/secret.txt",
    ] {
        let answer = get(&server, path).await;
        assert!(answer.status.is_client_error(), "{path}: {}", answer.status);
        assert!(!answer.body.contains("not for pages"), "{path}");
        assert_ne!(answer.header("cache-control"), Some("public, max-age=31536000, immutable"), "{path}");
    }
}

#[tokio::test]
async fn a_page_that_is_not_built_says_how_to_build_it() {
    let built = Built::new("later");
    fs::rename(built.0.join("page"), built.0.join("elsewhere")).unwrap();
    let server = built.server();
    let answer = get(&server, "/console").await;
    assert_eq!(answer.status, 404);
    assert!(answer.body.contains("make console"), "{}", answer.body);
    fs::rename(built.0.join("elsewhere"), built.0.join("page")).unwrap();
    assert_eq!(get(&server, "/console").await.status, 200);
}

#[tokio::test]
async fn only_its_own_page_on_this_machine_is_given_a_token() {
    let server = Server::new();
    for host in [HERE, "localhost:3030", "LOCALHOST:8080", "[::1]:3030", "127.0.0.1"] {
        let answer = ask_token(&server, host).answer().await;
        assert_eq!(answer.status, 200, "{host}: {}", answer.body);
        assert_eq!(answer.header("cache-control"), Some("no-store"));
        assert_eq!(answer.header("access-control-allow-origin"), None);
        assert!(!answer.body.contains(KEY));
    }
    // A name that points here by DNS rebinding is of one origin with itself.
    for host in ["evil.example:3030", "127.0.0.1.evil.example:3030", "localhost.evil.example", "0.0.0.0:3030", ""] {
        let answer = ask_token(&server, host).answer().await;
        assert_eq!(answer.status, 403, "{host}");
        assert!(answer.body.contains("--console-host"), "{}", answer.body);
    }
    let ask = || server.ask("POST", "/console/api/token").anonymous();
    for origin in ["http://localhost:5173", "https://evil.example", "http://127.0.0.1:3031", "null", ""] {
        let answer = ask().header("host", HERE).header("origin", origin).answer().await;
        assert_eq!(answer.status, 403, "{origin}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    }
    assert_eq!(ask().answer().await.status, 403, "without either");
    assert_eq!(ask().header("host", HERE).answer().await.status, 403, "without an origin");
    let own = format!("http://{HERE}");
    let embedded = ask().header("host", HERE).header("origin", &own).header("sec-fetch-site", "cross-site");
    assert_eq!(embedded.answer().await.status, 403);
    assert_eq!(server.ask("GET", "/console/api/token").header("host", HERE).answer().await.status, 405);
    let preflight = server.ask("OPTIONS", "/console/api/token").anonymous().header("origin", "https://evil.example");
    assert_eq!(preflight.answer().await.header("access-control-allow-origin"), None);
}

/// Whatever comes first: when it is answered, the server serves.
async fn wait_for(address: std::net::SocketAddr) {
    let mut socket = TcpStream::connect(("127.0.0.1", address.port())).await.unwrap();
    socket.write_all(b"GET / HTTP/1.0\r\n\r\n").await.unwrap();
    socket.read_to_end(&mut Vec::new()).await.unwrap();
}

#[tokio::test]
async fn a_server_that_others_can_reach_gives_no_token_unless_told_for_which_name() {
    let server = with(Console { hosts: vec!["dev.example".to_owned()], ..Console::default() });
    wait_for(server.listen().await).await;
    assert_eq!(ask_token(&server, HERE).answer().await.status, 200);
    wait_for(server.listen_at("0.0.0.0:0").await).await;
    let refused = ask_token(&server, HERE).answer().await;
    assert_eq!(refused.status, 403);
    assert!(refused.body.contains("beyond its own machine"), "{}", refused.body);
    assert_eq!(ask_token(&server, "dev.example:3030").answer().await.status, 200);
    assert_eq!(ask_token(&server, "other.example:3030").answer().await.status, 403);
}

#[tokio::test]
async fn the_token_does_what_the_console_does_and_no_more() {
    let server = Server::new();
    let token = token_of(&server).await;
    let run = server.idle_run().await;
    let may = async |method, path: String, body: &str| {
        server.ask(method, path).token(&token).body(body).answer().await.status.as_u16()
    };
    assert_eq!(may("GET", "/realtime/v1/runs".to_owned(), "").await, 200);
    assert_eq!(may("GET", format!("/realtime/v1/runs/{run}"), "").await, 200);
    assert_eq!(may("GET", "/api/v1/runs".to_owned(), "").await, 200);
    assert_eq!(may("GET", format!("/api/v3/runs/{run}"), "").await, 200);
    assert_eq!(may("POST", format!("/realtime/v1/streams/{run}/input/x"), r#"{"data":1}"#).await, 200);
    assert_eq!(may("POST", "/api/v1/tasks/anything/trigger".to_owned(), "{}").await, 200);
    assert_eq!(may("POST", format!("/api/v2/runs/{run}/cancel"), "{}").await, 200);
    assert_eq!(may("POST", "/api/v1/auth/public-tokens".to_owned(), r#"{"scopes":["admin"]}"#).await, 401);
    assert_eq!(may("POST", format!("/realtime/v1/streams/{run}/self/out/append"), "forged").await, 401);
}

#[tokio::test(start_paused = true)]
async fn the_streams_of_a_run_are_told_with_what_its_task_waits_for() {
    let server = Server::new();
    let token = token_of(&server).await;
    let run = server.idle_run().await;
    let ask = |run: &str| server.ask("GET", format!("/console/api/runs/{run}/streams"));
    ask(&run).token(&token).answer().await.is(200, json!({ "inputs": [], "outputs": [] }));
    server.send(&run, "notes", json!(1)).await;
    server.send(&run, "notes", json!(2)).await;
    server.send(&server.idle_run().await, "elsewhere", json!(1)).await;
    server.append(&run, "out", "a").await;
    server.stream(&run, "read-only").header("timeout-seconds", "1").answer().await;
    let (inputs, outputs) =
        (json!([{ "id": "notes", "records": 2, "isAwaited": false }]), json!([{ "key": "out", "records": 1 }]));
    ask(&run).token(&token).answer().await.is(200, json!({ "inputs": inputs, "outputs": outputs }));

    let story = server.run_of("story", json!({})).await;
    let waits = loop {
        let inputs = ask(&story).token(&token).answer().await.json()["inputs"].clone();
        if inputs != json!([]) {
            break inputs;
        }
        tokio::task::yield_now().await;
    };
    assert_eq!(waits, json!([{ "id": "cancel", "records": 0, "isAwaited": true }]));
    let told = ask(&story).token(&token).answer().await.json();
    assert_eq!(told["outputs"][0]["key"], "tokens");

    assert_eq!(ask(&run).anonymous().answer().await.status, 401);
    assert_eq!(ask("run_none").token(&token).answer().await.status, 404);
    let narrow = server.mint(&["read:runs:run_other".to_owned()]).await;
    assert_eq!(ask(&run).token(&narrow).answer().await.status, 403);
}

#[tokio::test]
async fn every_sample_triggers_its_task() {
    let server = Server::new();
    let token = token_of(&server).await;
    let samples = server.ask("GET", "/console/api/tasks").token(&token).answer().await.json();
    let ids: Vec<_> = samples.as_array().unwrap().iter().map(|sample| sample["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["approval", "progress", "story", "chat", "gate"]);
    for sample in samples.as_array().unwrap() {
        let payload: Value = serde_json::from_str(sample["payload"].as_str().unwrap()).unwrap();
        let run = server.run_of(sample["id"].as_str().unwrap(), payload).await;
        // A payload that is not to a task's liking ends its run before it has written or told anything.
        while server.view(&run).await["status"] == "QUEUED" {
            tokio::task::yield_now().await;
        }
        let view = server.view(&run).await;
        assert_eq!((view["status"].as_str(), view.get("error")), (Some("EXECUTING"), None), "{view}");
    }
}

#[tokio::test]
async fn without_a_console_there_is_nothing() {
    let server = Server::with(Config { console: None, ..Config::default() });
    for path in ["/", "/console", "/console/assets/index.js", "/console/api/tasks"] {
        assert_eq!(get(&server, path).await.status, 404, "{path}");
    }
    assert_eq!(ask_token(&server, HERE).answer().await.status, 404);
}

#[tokio::test(start_paused = true)]
async fn an_input_whose_wait_is_over_is_not_waited_for() {
    let server = Server::new();
    let token = token_of(&server).await;
    let worker = Hand::new(&server, "a", 1).await;
    let run = worker.begin().await;
    let inputs = async || {
        let ask = server.ask("GET", format!("/console/api/runs/{run}/streams")).token(&token);
        ask.answer().await.json()["inputs"].clone()
    };
    let awaited = json!([{ "id": "words", "records": 0, "isAwaited": true }]);
    server.wait(&run, 1, json!({ "timeout": "2s" })).await;
    assert_eq!(inputs().await, awaited);
    let order = loop {
        if let [order] = &worker.take().await[..] {
            break order.clone();
        }
    };
    assert_eq!(order["wait"]["ok"], false);
    assert_ne!(inputs().await, awaited, "its time is out");
    server.wait(&run, 1, json!({})).await;
    assert_eq!(inputs().await, awaited);
    server.cancel(&run).await;
    assert_ne!(inputs().await, awaited, "the run has ended");
}
