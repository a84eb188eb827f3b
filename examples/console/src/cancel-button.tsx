import { useState } from "react";
import { useApiClient } from "tidegate/react";

/** Ends the run at once, whatever its task thinks of it. A task that listens can be asked to stop by its input stream instead. */
export function CancelButton({ runId, isFinished }: { runId: string; isFinished: boolean }) {
  const client = useApiClient();
  const [isAsking, setIsAsking] = useState(false);
  const [problem, setProblem] = useState<string>();
  if (isFinished) return null;
  const cancel = async () => {
    setIsAsking(true);
    setProblem(undefined);
    try {
      await client?.cancelRun(runId);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setIsAsking(false);
  };
  return (
    <span className="cancel">
      {problem && (
        <span className="problem" role="alert">
          {problem}
        </span>
      )}
      <button type="button" disabled={!client || isAsking} onClick={cancel}>
        {isAsking ? "Cancelling…" : "Cancel the run"}
      </button>
    </span>
  );
}
