import { type FormEvent, useState } from "react";
import { useTaskTrigger } from "tidegate/react";
import { JsonField, readJson } from "./json";
import { Notice } from "./notice";
import { open, runAddress } from "./route";
import type { Sample } from "./server";

/** Starts a run, of any task, and goes to its page. */
export function TriggerForm({ tasks, samples }: { tasks: string[]; samples: Sample[] }) {
  const [chosen, setChosen] = useState<string>();
  const [written, setWritten] = useState<string>();
  const [tags, setTags] = useState("");
  const [problem, setProblem] = useState<string>();
  const task = chosen ?? samples[0]?.id ?? "";
  const sample = samples.find(({ id }) => id === task);
  const payload = written ?? sample?.payload ?? "";
  const trigger = useTaskTrigger(task.trim());

  const submit = async (event?: FormEvent) => {
    event?.preventDefault();
    if (!task.trim() || trigger.isLoading) return;
    const read = readJson(payload, true);
    if ("problem" in read) return setProblem(read.problem);
    setProblem(undefined);
    const list = tags.split(",").map((tag) => tag.trim());
    const handle = await trigger.submitAsync(read.value, { tags: list.filter(Boolean) }).catch(() => undefined);
    if (handle) open(runAddress(handle.id));
  };

  return (
    <aside className="panel" aria-labelledby="trigger">
      <h2 id="trigger">Trigger a run</h2>
      <form onSubmit={submit}>
        <div className="field">
          <label htmlFor="task">Task</label>
          <input
            id="task"
            list="tasks"
            required
            autoComplete="off"
            value={task}
            onChange={(event) => setChosen(event.target.value)}
            onFocus={(event) => event.target.select()}
          />
          <datalist id="tasks">
            {tasks.map((task) => (
              <option key={task} value={task} />
            ))}
          </datalist>
          <p className="chips">
            {samples.map(({ id }) => (
              <button
                key={id}
                type="button"
                aria-pressed={id === task}
                onClick={() => {
                  setChosen(id);
                  setWritten(undefined);
                  setProblem(undefined);
                }}
              >
                {id}
              </button>
            ))}
          </p>
        </div>
        <JsonField
          id="payload"
          label="Payload, as JSON"
          rows={4}
          value={payload}
          problem={problem}
          onChange={(text) => {
            setWritten(text);
            if (problem) setProblem(problemOf(text));
          }}
          onSubmit={submit}
        />
        <div className="field">
          <label htmlFor="run-tags">Tags, with commas between them</label>
          <input id="run-tags" autoComplete="off" value={tags} onChange={(event) => setTags(event.target.value)} />
        </div>
        <button type="submit" className="solid" disabled={!trigger.isReady || trigger.isLoading}>
          {trigger.isLoading ? "Triggering…" : "Trigger"}
        </button>
      </form>
      <Notice error={trigger.error} />
    </aside>
  );
}

function problemOf(text: string): string | undefined {
  const read = readJson(text, true);
  return "problem" in read ? read.problem : undefined;
}
