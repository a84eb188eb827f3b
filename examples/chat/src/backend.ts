import { post } from "../../shared/post";

/** What the browser needs to read one conversation and to write in it. */
export interface Access {
  runId: string;
  accessToken: string;
  /** Where the API listens, e.g. `http://127.0.0.1:3030`. */
  baseURL: string;
}

export const begin = () => post<Access>("/api/conversations");

export const freshAccess = (runId: string) => post<Access>(`/api/conversations/${encodeURIComponent(runId)}/token`);
