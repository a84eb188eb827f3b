import { secretKey } from "./processes.ts";

const authorization = `Bearer ${secretKey}`;

/** Everything in a stream of a run so far, read with the secret key and decoded by hand. */
export async function readStream(apiUrl: string, runId: string, key: string): Promise<unknown[]> {
  const response = await fetch(`${apiUrl}/realtime/v1/streams/${runId}/${key}`, {
    headers: { authorization, "timeout-seconds": "1" },
  });
  if (!response.ok) throw new Error(`reading ${key} of ${runId}: HTTP ${response.status}`);
  const batches = (await response.text()).split("\n\n").filter((event) => event.startsWith("event: batch"));
  return batches.flatMap((event) => {
    const data = event.split("\n").find((line) => line.startsWith("data: ")) ?? "";
    const { records } = JSON.parse(data.slice("data: ".length)) as { records: { body: string }[] };
    return records.map(({ body }) => JSON.parse(body).data);
  });
}

/** Adds text to a stream of a run, as its task would. */
export async function append(apiUrl: string, runId: string, key: string, text: string): Promise<void> {
  const response = await fetch(`${apiUrl}/realtime/v1/streams/${runId}/self/${key}/append`, {
    method: "POST",
    headers: { authorization },
    body: text,
  });
  if (!response.ok) throw new Error(`appending to ${key} of ${runId}: HTTP ${response.status}`);
}

/** Answers a run as another person would; resolves with the HTTP status. */
export async function answer(apiUrl: string, runId: string, data: object): Promise<number> {
  const response = await fetch(`${apiUrl}/realtime/v1/streams/${runId}/input/approval`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({ data }),
  });
  return response.status;
}

/** A run that nothing executes: what is in its streams, the test has written. */
export async function startDesk(apiUrl: string): Promise<{ runId: string; accessToken: string }> {
  const response = await postAsBackend(apiUrl, "/api/v1/tasks/nobody-runs-this/trigger");
  const { id } = (await response.json()) as { id: string };
  return { runId: id, accessToken: response.headers.get("x-trigger-jwt") ?? "" };
}

/** A run of the task `progress` under the tag of a desk. */
export async function startJob(apiUrl: string, desk: string, payload: object): Promise<void> {
  const body = JSON.stringify({ payload, options: { tags: [`desk_${desk}`] } });
  await postAsBackend(apiUrl, "/api/v1/tasks/progress/trigger", body);
}

/** A run of any task. */
export async function trigger(
  apiUrl: string,
  task: string,
  payload: unknown = {},
  options: object = {},
): Promise<string> {
  const response = await postAsBackend(apiUrl, `/api/v1/tasks/${task}/trigger`, JSON.stringify({ payload, options }));
  return ((await response.json()) as { id: string }).id;
}

/** So many runs that nothing executes. */
export async function triggerMany(apiUrl: string, task: string, count: number): Promise<void> {
  const items = Array.from({ length: count }, () => ({ task, payload: {} }));
  await postAsBackend(apiUrl, "/api/v2/tasks/batch", JSON.stringify({ items }));
}

/** What a run says about itself. */
export async function metadataOf(apiUrl: string, runId: string) {
  const response = await fetch(`${apiUrl}/api/v1/runs/${runId}/metadata`, { headers: { authorization } });
  const { metadata } = (await response.json()) as { metadata: string };
  return JSON.parse(metadata);
}

/** Ends a run. */
export async function cancelRun(apiUrl: string, runId: string) {
  await postAsBackend(apiUrl, `/api/v2/runs/${runId}/cancel`);
}

async function postAsBackend(apiUrl: string, path: string, body = "{}"): Promise<Response> {
  const headers = { authorization, "content-type": "application/json" };
  const response = await fetch(apiUrl + path, { method: "POST", headers, body });
  if (!response.ok) throw new Error(`${path}: HTTP ${response.status}`);
  return response;
}

/** A token for one run that expires in so many seconds. */
export async function mintToken(apiUrl: string, runId: string, seconds: number): Promise<string> {
  const response = await fetch(`${apiUrl}/api/v1/auth/public-tokens`, {
    method: "POST",
    headers: { authorization, "content-type": "application/json" },
    body: JSON.stringify({
      scopes: [`read:runs:${runId}`, `write:inputStreams:${runId}`],
      expirationTime: Math.floor(Date.now() / 1000) + seconds,
    }),
  });
  return ((await response.json()) as { token: string }).token;
}

/** What the API answers when a run is read with this token. */
export async function statusOf(apiUrl: string, runId: string, token: string): Promise<number> {
  const response = await fetch(`${apiUrl}/realtime/v1/streams/${runId}/draft`, {
    headers: { authorization: `Bearer ${token}` },
  });
  await response.body?.cancel();
  return response.status;
}
