import { useEffect, useRef, useState } from "react";
import { Gauge } from "./gauge";

interface Props {
  topic: string | null;
  busy: string | undefined;
  problem: string | undefined;
  onStart: (topic: string) => void;
}

export function Start({ topic, busy, problem, onStart }: Props) {
  const [text, setText] = useState(topic ?? "dark mode");
  const input = useRef<HTMLInputElement>(null);
  useEffect(() => input.current?.focus(), []);

  return (
    <div className="page">
      <Gauge stage="topic" />
      <main>
        <form
          className="sheet opening"
          onSubmit={(event) => {
            event.preventDefault();
            if (!busy) onStart(text);
          }}
        >
          <p className="folio">A new run</p>
          <h1>
            <label htmlFor="topic">Write a few lines about</label>
          </h1>
          <input
            id="topic"
            ref={input}
            value={text}
            onChange={(event) => setText(event.target.value)}
            maxLength={120}
            required
            autoComplete="off"
            aria-describedby="problem"
          />
          <button type="submit" className="solid" disabled={busy !== undefined}>
            {busy ?? "Start the run"}
          </button>
          <p id="problem" className="problem" role="alert">
            {problem}
          </p>
        </form>

        <aside className="margin">
          <h2>What happens next</h2>
          <p>A task on the server writes a draft. You read it as it comes.</p>
          <p>Then the task waits, for as long as it takes, until you approve or reject.</p>
          <p>Your answer travels into the running task, and its result streams back here.</p>
        </aside>
      </main>
    </div>
  );
}
