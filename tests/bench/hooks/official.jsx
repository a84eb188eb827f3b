import { useRealtimeStream } from "@trigger.dev/react-hooks";

export function useStream(baseURL, runId, accessToken, throttleInMs) {
  return useRealtimeStream(runId, "default", { baseURL, accessToken, throttleInMs }).parts;
}
