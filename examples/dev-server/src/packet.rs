//! Packets: values as texts with a type, and large ones kept aside.

use axum::body::Bytes;
use serde_json::{Value, json};

use crate::store::{Object, Packet, Store};

/// From this size on a payload or an output, of a run or of a wait token, is kept aside, in bytes.
const LARGE: usize = 524_288;

/// The packet that a task's value becomes.
pub(crate) fn encode(value: &Value) -> Packet {
    match value {
        Value::String(text) => Packet::new(text.as_str(), Packet::TEXT),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_) => {
            Packet::new(json!({ "json": value }).to_string(), Packet::SUPER_JSON)
        }
    }
}

/// The value of a packet, as far as plain JSON can say it. `None` for undefined, and for a packet that is kept
/// elsewhere.
pub(crate) fn decode(packet: &Packet, store: &Store) -> Option<Value> {
    let data = packet.data.as_deref().filter(|data| !data.is_empty())?;
    if packet.kind != Packet::STORE {
        return read(data, &packet.kind);
    }
    let object = store.object(data)?;
    read(&String::from_utf8_lossy(&object.bytes), &object.kind)
}

fn read(data: &str, kind: &str) -> Option<Value> {
    match kind {
        Packet::JSON => serde_json::from_str(data).ok(),
        Packet::SUPER_JSON => serde_json::from_str::<Value>(data).ok()?.get_mut("json").map(Value::take),
        _ => Some(data.into()),
    }
}

/// The packet itself, or the one that lies under its path, where that is here.
pub(crate) fn unshelve(packet: Packet, store: &Store) -> Packet {
    let path = packet.data.as_deref().filter(|_| packet.kind == Packet::STORE);
    match path.and_then(|path| store.object(path)) {
        Some(object) => Packet::new(String::from_utf8_lossy(&object.bytes), object.kind),
        None => packet,
    }
}

/// The packet itself, or the path under which a large one is now kept. `owner` is the id of a run or of a wait token.
pub(crate) fn shelve(packet: Packet, owner: &str, name: &str, store: &Store) -> Packet {
    let Some(data) = packet.data.as_ref().filter(|data| data.len() >= LARGE && packet.kind != Packet::STORE) else {
        return packet;
    };
    let extension = if packet.kind == Packet::TEXT { "txt" } else { "json" };
    let path = format!("{owner}/{name}.{extension}");
    store.put_object(&path, Object { bytes: Bytes::copy_from_slice(data.as_bytes()), kind: packet.kind.into_owned() });
    Packet::new(path, Packet::STORE)
}
