import { useState } from "react";
import { TidegateProvider, useRealtimeRunsWithTag } from "tidegate/react";
import { useRoute } from "./route";
import { RunPage } from "./run-page";
import { RunsPage } from "./runs-page";
import { tokenFunction, useTokenProblem } from "./server";

/** What a list of runs does without: it would be most of what is sent. */
const unlisted = ["payload", "payloadType", "output", "outputType", "metadata", "metadataType", "error"] as const;

/** How often the list changes at most: it is read by people, and may have hundreds of runs that all change. */
const LIST_MS = 200;

export function App() {
  const [accessToken, setAccessToken] = useState(tokenFunction);
  return (
    <TidegateProvider baseURL="/" accessToken={accessToken} shareTabs>
      <Pages onRetry={() => setAccessToken(tokenFunction)} />
    </TidegateProvider>
  );
}

/**
 * The list is followed only while it is seen, since a browser has few connections to one server and a run's streams want them; what it
 * last showed is there at once when one comes back.
 */
function Pages({ onRetry }: { onRetry: () => void }) {
  const route = useRoute();
  const problem = useTokenProblem();
  const isList = route.page === "runs";
  const feed = useRealtimeRunsWithTag([], { enabled: isList, skipColumns: unlisted, throttleInMs: LIST_MS });
  const [last, setLast] = useState(feed.runs);
  const runs = feed.status === "live" || feed.runs.length > 0 ? feed.runs : last;
  if (runs !== last) setLast(runs);

  if (problem?.isRefusal)
    return (
      <main className="refusal">
        <h1>The console is closed here</h1>
        <p role="alert">{problem.message}</p>
        <button type="button" onClick={onRetry}>
          Try again
        </button>
      </main>
    );
  if (route.page === "run") return <RunPage key={route.runId} runId={route.runId} onRetry={onRetry} />;
  return <RunsPage feed={feed} runs={runs} filter={route.filter} onRetry={onRetry} />;
}
