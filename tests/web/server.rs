//! The development server, as a backend uses it, and tokens of every kind.

use gloo_net::http::{Request, Response};
use js_sys::{Array, JSON, Object, Reflect, Uint8Array};
use serde::{Deserialize, Serialize};
use wasm_bindgen::prelude::*;
use wasm_bindgen_futures::JsFuture;
use web_sys::CryptoKey;

use crate::log::before_deadline;

/// A task that the server does not know: its runs stay queued, and take input for ever.
pub(crate) const NOBODY: &str = "nobody-runs-this";

/// Nothing listens there, and browsers would not go there.
pub(crate) const UNREACHABLE: &str = "http://127.0.0.1:1";

pub(crate) struct Run {
    pub(crate) id: String,
    /// May read this run and send to it, for an hour.
    pub(crate) token: String,
}

#[derive(Clone, Serialize, Deserialize)]
pub(crate) struct Claims {
    sub: String,
    #[serde(rename = "pub")]
    public: bool,
    pub(crate) scopes: Vec<String>,
    iss: String,
    aud: String,
    /// Seconds since the epoch.
    pub(crate) iat: u32,
    pub(crate) exp: u32,
}

pub(crate) fn address() -> &'static str {
    const ADDRESS: Option<&str> = option_env!("TIDEGATE_TEST_SERVER");
    ADDRESS.expect("compile with TIDEGATE_TEST_SERVER=http://… of a running tidegate-dev")
}

fn secret_key() -> &'static str {
    option_env!("TIDEGATE_SECRET_KEY").unwrap_or("tr_dev_tidegate")
}

/// Starts a run. The payload is JSON.
pub(crate) async fn trigger(task: &str, payload: &str) -> Run {
    #[derive(Deserialize)]
    struct Triggered {
        id: String,
    }
    let request = Request::post(&format!("{}/api/v1/tasks/{task}/trigger", address()))
        .header("authorization", &format!("Bearer {}", secret_key()))
        .body(format!("{{\"payload\":{payload}}}"));
    let response = answered(request.expect("a trigger is a request")).await;
    let token = response.headers().get("x-trigger-jwt").expect("a run comes with a token");
    let Triggered { id } = response.json().await.expect("a run comes with its id");
    Run { id, token }
}

impl Run {
    /// Waits until the run is over.
    pub(crate) async fn end(&self) {
        #[derive(Deserialize)]
        #[serde(rename_all = "camelCase")]
        struct Retrieved {
            is_completed: bool,
        }
        let poll = async {
            loop {
                let request = Request::get(&format!("{}/api/v3/runs/{}", address(), self.id))
                    .header("authorization", &format!("Bearer {}", self.token));
                let response = answered(request.build().expect("a look at a run is a request")).await;
                if response.json::<Retrieved>().await.expect("a run is shown as JSON").is_completed {
                    return;
                }
            }
        };
        before_deadline("the end of the run", poll).await;
    }

    /// What its token claims.
    pub(crate) fn claims(&self) -> Claims {
        let payload =
            self.token.split('.').nth(1).expect("a JWT has a middle part").replace('-', "+").replace('_', "/");
        let json = window().atob(&payload).expect("the middle part is base64");
        serde_wasm_bindgen::from_value(JSON::parse(&json).expect("claims are JSON")).expect("all claims are there")
    }
}

impl Claims {
    /// A token that the server takes for its own.
    pub(crate) async fn sign(&self) -> String {
        let signed = self.unsigned();
        let subtle = window().crypto().expect("a browser has crypto").subtle();
        let algorithm = Object::new();
        for (name, value) in [("name", "HMAC"), ("hash", "SHA-256")] {
            Reflect::set(&algorithm, &name.into(), &value.into()).expect("an object takes it");
        }
        let (secret, usages) = (Uint8Array::from(secret_key().as_bytes()), Array::of1(&"sign".into()));
        let key = subtle.import_key_with_object("raw", &secret, &algorithm, false, &usages);
        let key: CryptoKey = JsFuture::from(key.expect("a key")).await.expect("a key").unchecked_into();
        let signature = subtle.sign_with_str_and_u8_array("HMAC", &key, signed.as_bytes()).expect("a signature");
        let signature = Uint8Array::new(&JsFuture::from(signature).await.expect("a signature")).to_vec();
        let signature: String = signature.into_iter().map(char::from).collect();
        format!("{signed}.{}", base64url(&signature))
    }

    /// A token with a signature of somebody else.
    pub(crate) fn forge(&self) -> String {
        format!("{}.{}", self.unsigned(), base64url("not the server's"))
    }

    fn unsigned(&self) -> String {
        let claims = serde_wasm_bindgen::to_value(self).expect("claims are an object");
        let claims = String::from(JSON::stringify(&claims).expect("claims are JSON"));
        format!("{}.{}", base64url(r#"{"alg":"HS256"}"#), base64url(&claims))
    }
}

async fn answered(request: Request) -> Response {
    let response = before_deadline("an answer of the server", request.send()).await;
    response.expect("the server is reachable: start tidegate-dev, or see whether its address is right")
}

fn base64url(binary: &str) -> String {
    let base64 = window().btoa(binary).expect("bytes only");
    base64.trim_end_matches('=').replace('+', "-").replace('/', "_")
}

fn window() -> web_sys::Window {
    web_sys::window().expect("the tests run in a page")
}
