import { TidegateProvider } from "tidegate/react";
import { Desk } from "./desk";
import { Start } from "./start";
import { useRun } from "./use-run";

export function App() {
  const { run, topic, opening, starting, problem, start, leave } = useRun();
  if (!run)
    return (
      <Start
        topic={topic}
        busy={starting ? "Starting…" : opening && !problem ? "Opening…" : undefined}
        problem={problem}
        onStart={start}
      />
    );
  return (
    <TidegateProvider baseURL={run.baseURL} shareTabs>
      <Desk key={run.runId} runId={run.runId} accessToken={run.accessToken} topic={topic} onLeave={leave} />
    </TidegateProvider>
  );
}
