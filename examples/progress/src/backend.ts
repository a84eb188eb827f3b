/** A token, and where the API listens. */
interface Access {
  accessToken: string;
  baseURL: string;
}

/** What a run is to do. */
export interface Job {
  name: string;
  steps: number;
  fail: boolean;
}

export const startJob = (desk: string, job: Job) => post<{ runId: string }>(`desks/${desk}/runs`, job);

/** Lets a page see all runs of a desk. */
export const seeDesk = (desk: string) => post(`desks/${desk}/token`);

/** Lets a page stop one run. */
export const stopRun = async (runId: string) => (await post(`runs/${encodeURIComponent(runId)}/token`)).accessToken;

async function post<T = Access>(path: string, body: object = {}): Promise<T> {
  const headers = { "content-type": "application/json" };
  const response = await fetch(`/api/${path}`, { method: "POST", headers, body: JSON.stringify(body) }).catch(() => {
    throw new Error("The backend of this page does not answer. Is it still running?");
  });
  const answer = await response
    .json()
    .catch(() => ({ error: `The backend of this page answered ${response.status}.` }));
  if (!response.ok) throw new Error(answer.error);
  return answer;
}
