// The built package. For it the end of a response is not the end of the stream, so it is told how many parts there are.
import { createClient } from "tidegate";

let client;

export async function subscribe(baseURL, runId, accessToken, onPart, count) {
  client ??= createClient({ baseURL, accessToken });
  let left = count;
  for await (const part of client.stream(runId)) {
    onPart(part);
    left -= 1;
    if (left === 0) break;
  }
}

export function send(baseURL, runId, streamId, accessToken, data) {
  client ??= createClient({ baseURL, accessToken });
  return client.send(runId, streamId, data);
}
