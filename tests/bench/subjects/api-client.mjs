// The official client as a subject, whatever its version.
export function subjectOf(ApiClient) {
  let client;
  return {
    async subscribe(baseURL, runId, token, onPart) {
      client ??= new ApiClient(baseURL, token);
      for await (const part of await client.fetchStream(runId, "default")) onPart(part);
    },
    send(baseURL, runId, streamId, token, data) {
      client ??= new ApiClient(baseURL, token);
      return client.sendInputStream(runId, streamId, data);
    },
  };
}
