import { post } from "../../shared/post";

/** What the browser needs to follow one run and to answer it. */
export interface Access {
  runId: string;
  accessToken: string;
  /** Where the API listens, e.g. `http://127.0.0.1:3030`. */
  baseURL: string;
}

export const startRun = (topic: string) => post<Access>("/api/runs", { topic });

export const freshAccess = (runId: string) => post<Access>(`/api/runs/${encodeURIComponent(runId)}/token`);
