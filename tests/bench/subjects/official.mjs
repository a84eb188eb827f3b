// The official client in the version that the comparison began with.
import { ApiClient } from "@trigger.dev/core/v3";

let client;

export async function subscribe(baseURL, runId, token, onPart) {
  client ??= new ApiClient(baseURL, token);
  for await (const part of await client.fetchStream(runId, "default")) onPart(part);
}

export function send(baseURL, runId, streamId, token, data) {
  client ??= new ApiClient(baseURL, token);
  return client.sendInputStream(runId, streamId, data);
}
