import { type FormEvent, useId, useState } from "react";
import { InputStream } from "./input-stream";
import { type Sample, type Streams, useAsked } from "./server";

interface Props {
  runId: string;
  task: string;
  /** Undefined until the server has told them. */
  known: Streams["inputs"] | undefined;
  isFinished: boolean;
}

/** The input streams of a run: those that have records, those that its task waits for or is known to read, and any that one names. */
export function InputStreams({ runId, task, known, isFinished }: Props) {
  const { answer: samples } = useAsked<Sample[]>("/console/api/tasks", {});
  const [added, setAdded] = useState<string[]>([]);
  const [name, setName] = useState("");
  const field = useId();
  const inputs = samples?.find(({ id }) => id === task)?.inputs ?? [];
  const read = isFinished ? [] : inputs.map(({ id }) => id);
  const ids = [...new Set([...read, ...(known ?? []).map(({ id }) => id), ...added])];

  const add = (event: FormEvent) => {
    event.preventDefault();
    if (!name.trim()) return;
    setAdded([...added, name.trim()]);
    setName("");
  };

  return (
    <section className="inputs" aria-labelledby={`${field}-title`}>
      <h2 id={`${field}-title`}>Input streams</h2>
      {ids.map((id) => (
        <InputStream
          key={id}
          runId={runId}
          streamId={id}
          sample={inputs.find((input) => input.id === id)?.data}
          isAwaited={known?.find((input) => input.id === id)?.isAwaited ?? false}
          hasRecords={(known?.find((input) => input.id === id)?.records ?? 0) > 0}
          isFinished={isFinished}
        />
      ))}
      {isFinished && <p className="hint">{ids.length === 0 ? "Nothing was sent to it." : "It takes no more."}</p>}
      {!isFinished && (
        <form className="add" onSubmit={add}>
          <label htmlFor={field}>{ids.length === 0 ? "Name of the stream" : "Another one, by its name"}</label>
          <input id={field} autoComplete="off" value={name} onChange={(event) => setName(event.target.value)} />
          <button type="submit" className="quiet" disabled={!name.trim()}>
            Add
          </button>
        </form>
      )}
    </section>
  );
}
