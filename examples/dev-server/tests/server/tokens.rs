use base64ct::{Base64UrlUnpadded, Encoding};
use serde_json::{Value, json};

use crate::support::Server;

async fn mint(server: &Server, body: Value) -> crate::support::Answer {
    server.ask("POST", "/api/v1/auth/public-tokens").body(body.to_string()).answer().await
}

#[tokio::test]
async fn every_bad_credential_is_told_apart_as_far_as_the_original_does() {
    let server = Server::new();
    let run = server.idle_run().await;
    let send = || server.ask("POST", format!("/realtime/v1/streams/{run}/input/x")).body("{}");
    let token = server.mint(&["write:inputStreams".to_owned()]).await;
    send().token(&token).answer().await.is(200, json!({ "ok": true }));
    let (signed, signature) = token.rsplit_once('.').unwrap();
    let forged = format!("{signed}.{}", signature.chars().rev().collect::<String>());
    send().token(&forged).answer().await.is(401, json!({ "error": "Public Access Token is invalid" }));
    send().token("not.a.jwt").answer().await.is(401, json!({ "error": "Invalid API key" }));
    send().anonymous().answer().await.is(401, json!({ "error": "Invalid or Missing API key" }));
}

#[tokio::test]
async fn minting_checks_expiry_and_scopes() {
    let server = Server::new();
    let scopes = json!(["read:runs"]);
    for (expiry, error) in [
        (json!("soon"), "Invalid expiration time"),
        (json!("-5m"), "Expiration time must be in the future"),
        (json!(1_000_000), "Expiration time must be in the future"),
        (json!(-1e300), "Expiration time must be in the future"),
        (json!("999999999999999999999y"), "Expiration time cannot exceed 30 days"),
        (json!("31d"), "Expiration time cannot exceed 30 days"),
    ] {
        mint(&server, json!({ "scopes": scopes, "expirationTime": expiry })).await.is(400, json!({ "error": error }));
    }
    for body in
        [json!({}), json!({ "scopes": "read:runs" }), json!({ "scopes": [1] }), json!({ "scopes": [] }), json!(7)]
    {
        let answer = mint(&server, body).await;
        assert_eq!((answer.status.as_u16(), answer.json()["error"].clone()), (400, json!("Invalid request body")));
    }
    let bare = mint(&server, json!({ "scopes": ["read", "admin", "read:runs"] })).await;
    assert_eq!((bare.status.as_u16(), bare.json()["deniedScopes"].clone()), (403, json!(["read"])));
    let unread = server.ask("POST", "/api/v1/auth/public-tokens").body("{nope").answer().await;
    unread.is(400, json!({ "error": "Invalid request body" }));
}

#[tokio::test]
async fn a_token_tells_what_it_leaves_out_and_that_it_serves_once() {
    let server = Server::new();
    let claims = |token: &Value| {
        let payload = token["token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
        serde_json::from_slice::<Value>(&Base64UrlUnpadded::decode_vec(&payload).unwrap()).unwrap()
    };
    let realtime = json!({ "skipColumns": ["payload", "output"], "more": 1 });
    let body = json!({ "scopes": ["read:runs"], "realtime": realtime, "oneTimeUse": true });
    let both = claims(&mint(&server, body).await.json());
    assert_eq!(both["realtime"], json!({ "skipColumns": ["payload", "output"] }));
    assert_eq!(both["otu"], json!(true));
    let neither = claims(&mint(&server, json!({ "scopes": ["read:runs"], "oneTimeUse": false })).await.json());
    assert_eq!((neither.get("realtime"), neither.get("otu")), (None, None));
    for (name, value, path) in [
        ("oneTimeUse", json!("yes"), json!(["oneTimeUse"])),
        ("realtime", json!([]), json!(["realtime"])),
        ("realtime", json!({ "skipColumns": "payload" }), json!(["realtime", "skipColumns"])),
        ("realtime", json!({ "skipColumns": ["payload", 1] }), json!(["realtime", "skipColumns", 1])),
    ] {
        let refused = mint(&server, json!({ "scopes": ["read:runs"], name: value })).await;
        assert_eq!((refused.status.as_u16(), &refused.json()["issues"][0]["path"]), (400, &path));
    }
}

#[tokio::test]
async fn only_the_secret_key_mints() {
    let server = Server::new();
    let token = server.mint(&["admin".to_owned()]).await;
    for path in ["/api/v1/auth/public-tokens", "/api/v1/auth/jwt", "/api/v1/auth/jwt/claims"] {
        let answer = server.ask("POST", path).token(&token).body(r#"{"scopes":["read:runs"]}"#).answer().await;
        answer.is(401, json!({ "error": "Invalid API key" }));
        assert_eq!(answer.header("access-control-expose-headers"), None, "no route for browsers");
    }
    let claims = server.ask("POST", "/api/v1/auth/jwt/claims").body("{}").answer().await;
    claims.is(200, json!({ "sub": "cmtidegatedevelopment0000", "pub": true }));
}
