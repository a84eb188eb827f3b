import { post } from "../../shared/post";

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

export const startJob = (desk: string, job: Job) =>
  post<{ runId: string }>(`/api/desks/${encodeURIComponent(desk)}/runs`, job);

/** Lets a page see all runs of a desk. */
export const seeDesk = (desk: string) => post<Access>(`/api/desks/${encodeURIComponent(desk)}/token`);

/** Lets a page stop one run. */
export const stopRun = async (runId: string) =>
  (await post<Access>(`/api/runs/${encodeURIComponent(runId)}/token`)).accessToken;
