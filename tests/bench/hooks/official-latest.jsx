import { useRealtimeStream } from "hooks-latest";

export function useStream(baseURL, runId, accessToken, throttleInMs) {
  return useRealtimeStream(runId, "default", { baseURL, accessToken, throttleInMs }).parts;
}
