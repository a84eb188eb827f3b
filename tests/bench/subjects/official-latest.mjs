// The official client in a newer version.
import { ApiClient } from "core-latest/v3";

let client;

export async function subscribe(baseURL, runId, token, onPart) {
  client ??= new ApiClient(baseURL, token);
  for await (const part of await client.fetchStream(runId, "default")) onPart(part);
}

export function send(baseURL, runId, streamId, token, data) {
  client ??= new ApiClient(baseURL, token);
  return client.sendInputStream(runId, streamId, data);
}
