import { useState } from "react";
import { Composer } from "./composer";

const suggestions = ["How does the tide know when to turn?", "Tell me about ferries.", "What is fog?"];

interface Props {
  busy: string | undefined;
  problem: string | undefined;
  onStart: (text: string) => void;
}

export function Start({ busy, problem, onStart }: Props) {
  const [text, setText] = useState("");
  return (
    <div className="chat" data-empty="true">
      <header>
        <h1>What would you like to know?</h1>
      </header>
      <main>
        <ul className="suggestions" aria-label="Suggestions">
          {suggestions.map((suggestion) => (
            <li key={suggestion}>
              <button type="button" disabled={busy !== undefined} onClick={() => onStart(suggestion)}>
                {suggestion}
              </button>
            </li>
          ))}
        </ul>
      </main>
      <footer>
        <p className="problem" role="alert">
          {problem}
        </p>
        {/* What was written stays until it has left with a conversation. */}
        <Composer
          value={text}
          onChange={setText}
          onSend={onStart}
          isDisabled={busy !== undefined}
          label="Your message"
        />
        <p className="hint" role="status">
          {busy}
        </p>
      </footer>
    </div>
  );
}
