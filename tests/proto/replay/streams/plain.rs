//! A plain reading of a whole recorded stream, with serde_json and nothing of the core.

use serde_json::Value;
use tidegate::proto::http::StreamVersion;

#[derive(Debug, PartialEq)]
pub(super) struct Record {
    /// What to resume behind.
    pub(super) place: String,
    pub(super) value: Value,
    pub(super) part_id: Option<String>,
}

pub(super) fn read(body: &str, version: StreamVersion) -> Vec<Record> {
    let blocks = body.split("\n\n").map(|block| {
        let field = |name: &str| block.lines().find_map(|line| line.strip_prefix(name));
        (field("event: "), field("id: "), field("data: "))
    });
    match version {
        StreamVersion::V1 => blocks.filter_map(|(_, id, data)| Some(single(id?, data?))).collect(),
        StreamVersion::V2 => {
            blocks.filter(|(event, ..)| *event == Some("batch")).flat_map(|(_, _, data)| batch(data)).collect()
        }
    }
}

fn single(id: &str, data: &str) -> Record {
    let value = if data == "undefined" { Value::Null } else { json(data) };
    Record { place: id.to_owned(), value, part_id: None }
}

fn batch(data: Option<&str>) -> Vec<Record> {
    let batch = json(data.expect("a batch has data"));
    let records = batch["records"].as_array().expect("a batch has records");
    let record = |record: &Value| {
        let body = json(record["body"].as_str().expect("a body is text"));
        Record {
            place: record["seq_num"].to_string(),
            value: body["data"].clone(),
            part_id: body["id"].as_str().map(str::to_owned),
        }
    };
    records.iter().map(record).collect()
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).expect("it was recorded as JSON")
}
