import { useState } from "react";
import { startJob } from "./backend";

interface Props {
  desk: string;
  onStarted: (runId: string) => void;
}

/** Starts a run. The list learns of it from the server, as it would of one that somebody else has started. */
export function JobForm({ desk, onStarted }: Props) {
  const [name, setName] = useState("Import the customers");
  const [steps, setSteps] = useState(24);
  const [fail, setFail] = useState(false);
  const [starting, setStarting] = useState(false);
  const [problem, setProblem] = useState<string>();

  async function start() {
    setStarting(true);
    setProblem(undefined);
    try {
      const { runId } = await startJob(desk, { name, steps, fail });
      onStarted(runId);
    } catch (error) {
      setProblem((error as Error).message);
    }
    setStarting(false);
  }

  return (
    <form
      className="job"
      onSubmit={(event) => {
        event.preventDefault();
        if (!starting) start();
      }}
    >
      <h1>
        <label htmlFor="name">Set out to</label>
      </h1>
      <input
        id="name"
        value={name}
        onChange={(event) => setName(event.target.value)}
        maxLength={60}
        required
        autoComplete="off"
      />
      <div className="how">
        <label>
          in{" "}
          <input
            type="number"
            min={1}
            max={500}
            value={steps}
            onChange={(event) => setSteps(Number(event.target.value))}
          />{" "}
          steps
        </label>
        <label>
          <input type="checkbox" checked={fail} onChange={(event) => setFail(event.target.checked)} /> and run aground
        </label>
        <button type="submit" className="solid" disabled={starting}>
          {starting ? "Starting…" : "Start the run"}
        </button>
      </div>
      <p className="problem" role="alert">
        {problem}
      </p>
    </form>
  );
}
