use serde_json::json;
use tidegate_dev_server::{Config, RateLimits};

use crate::support::{Answer, Server};

/// More than two minutes' worth, so that a minute that ends meanwhile does not matter.
const MANY: usize = 125;

fn server(rate_limits: RateLimits) -> Server {
    Server::with(Config { rate_limits, ..Config::default() })
}

async fn ask(server: &Server, token: &str) -> Answer {
    let ask = server.ask("GET", "/api/v3/runs/run_none").token(token).header("origin", "https://a.example");
    ask.answer().await
}

async fn spend(server: &Server, token: &str) -> Answer {
    for _ in 0..MANY {
        let answer = ask(server, token).await;
        if answer.status == 429 {
            return answer;
        }
    }
    ask(server, token).await
}

fn number(answer: &Answer, name: &str) -> Option<u64> {
    answer.header(name).map(|number| number.parse().unwrap())
}

#[tokio::test]
async fn answers_announce_what_is_left() {
    let server = server(RateLimits::default());
    let token = server.mint(&["read:runs".to_owned()]).await;
    let first = ask(&server, &token).await;
    assert_eq!(number(&first, "x-ratelimit-limit"), Some(60));
    assert_eq!(number(&first, "x-ratelimit-remaining"), Some(59));
    assert_eq!(number(&first, "x-ratelimit-reset").unwrap() % 60_000, 0, "the end of a minute");
    let exposed = first.header("access-control-expose-headers").unwrap();
    assert!(exposed.ends_with(",x-ratelimit-limit,x-ratelimit-remaining,x-ratelimit-reset"), "{exposed}");

    let key = server.ask("GET", "/api/v3/runs/run_none").answer().await;
    assert_eq!(number(&key, "x-ratelimit-limit"), Some(750));
    let nobody = ask(&server, "tr_dev_wrong").await;
    assert_eq!((nobody.status.as_u16(), number(&nobody, "x-ratelimit-remaining")), (401, Some(749)));
    let unknown = server.ask("GET", "/api/v1/nothing-here").answer().await;
    assert!(number(&unknown, "x-ratelimit-limit").is_some());

    let run = server.idle_run().await;
    let made = server.ask("POST", "/api/v1/waitpoints/tokens").body("{}").answer().await.json();
    let callback = made["url"].as_str().unwrap().split("3030").last().unwrap().to_owned();
    for free in [
        server.send(&run, "x", json!(1)).await,
        server.ask("POST", "/api/v1/auth/jwt/claims").answer().await,
        server.ask("POST", callback).body("{}").answer().await,
        server.ask("OPTIONS", "/api/v3/runs/run_1").answer().await,
    ] {
        assert_eq!((free.status.as_u16(), number(&free, "x-ratelimit-limit")), (200, None));
    }
}

#[tokio::test]
async fn by_default_nothing_is_refused() {
    let server = server(RateLimits::default());
    let token = server.mint(&["read:runs".to_owned()]).await;
    assert_eq!(spend(&server, &token).await.status, 404);
}

#[tokio::test]
async fn beyond_its_limit_a_token_is_refused_and_another_is_not() {
    let server = server(RateLimits::Refused);
    let token = server.mint(&["read:runs".to_owned()]).await;
    let refused = spend(&server, &token).await;
    assert_eq!(refused.status, 429);
    assert_eq!(refused.header("content-type"), Some("application/problem+json; charset=utf-8"));
    assert_eq!(refused.header("access-control-allow-origin"), Some("https://a.example"));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("x-ratelimit-reset"));
    assert_eq!((number(&refused, "x-ratelimit-remaining"), refused.header("retry-after")), (Some(0), None));
    let problem = refused.json();
    let seconds = problem["secondsUntilReset"].as_f64().unwrap();
    assert!((0.0..=60.0).contains(&seconds), "{problem}");
    let text = format!("Rate limit exceeded 0/60 requests remaining. Retry in {seconds} seconds.");
    let reset = number(&refused, "x-ratelimit-reset");
    let expected = json!({
        "title": "Rate Limit Exceeded", "status": 429, "detail": text, "error": text, "limit": 60, "remaining": 0,
        "type": "https://developer.mozilla.org/en-US/docs/Web/HTTP/Status/429",
        "reset": reset, "secondsUntilReset": problem["secondsUntilReset"],
    });
    assert_eq!(problem, expected);
    let other = server.mint(&["read:runs".to_owned(), "read:tags:x".to_owned()]).await;
    assert_eq!(ask(&server, &other).await.status, 404);
    let run = server.idle_run().await;
    let read = server.stream(&run, "x").token(&token).header("timeout-seconds", "0").answer().await;
    assert_eq!(read.status, 200, "streams have no limit");
}

#[tokio::test]
async fn as_on_the_original_a_page_cannot_read_the_refusal() {
    let server = server(RateLimits::TriggerDev);
    let token = server.mint(&["read:runs".to_owned()]).await;
    let refused = spend(&server, &token).await;
    assert_eq!((refused.status.as_u16(), number(&refused, "x-ratelimit-limit")), (429, Some(60)));
    for name in ["access-control-allow-origin", "access-control-expose-headers", "vary"] {
        assert_eq!(refused.header(name), None, "{name}");
    }
    let other = server.mint(&["read:runs:run_1".to_owned()]).await;
    let exposed = ask(&server, &other).await;
    let exposed = exposed.header("access-control-expose-headers").unwrap();
    assert!(!exposed.contains("ratelimit"), "{exposed}");
}

#[test]
fn every_kind_has_a_name() {
    assert_eq!("announced".parse(), Ok(RateLimits::Announced));
    assert_eq!("refused".parse(), Ok(RateLimits::Refused));
    assert_eq!("trigger-dev".parse(), Ok(RateLimits::TriggerDev));
    let unknown = "there are no \"off\" rate limits: say announced, refused or trigger-dev";
    assert_eq!("off".parse::<RateLimits>(), Err(unknown.to_owned()));
}
