/** What the browser needs to follow one run and to answer it. */
export interface Access {
  runId: string;
  accessToken: string;
  /** Where the API listens, e.g. `http://127.0.0.1:3030`. */
  baseURL: string;
}

export const startRun = (topic: string) => post("/api/runs", { topic });

export const freshAccess = (runId: string) => post(`/api/runs/${encodeURIComponent(runId)}/token`);

async function post(path: string, body: object = {}): Promise<Access> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(path, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw new Error("The backend of this page does not answer. Is it still running?");
  });
  const answer = await response
    .json()
    .catch(() => ({ error: `The backend of this page answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
