import { type KeyboardEvent, type ReactNode, useId, useRef, useState, useSyncExternalStore } from "react";
import type { DebugDump } from "../client/insight/dump.js";
import { debug } from "./page.js";
import { type PanelTable, tablesOf } from "./rows.js";
import { usePageState } from "./use-page-state.js";
import { usePanelStyle } from "./use-panel-style.js";

/** Props of {@link TidegatePanel}. */
export interface TidegatePanelProps {
  /** Whether it is open at first. Default: false. */
  defaultOpen?: boolean | undefined;
  /** How many of the newest events are shown. Default: 50. */
  events?: number | undefined;
}

const never = () => () => {};

/**
 * Shows in a corner of the page what its hooks and clients do: connections, sends, tokens and when they expire, recent events, and a button
 * that copies the dump. Works without a provider and under any Content Security Policy that lets the page's own scripts run. Escape closes
 * it. On a server, and until it is hydrated, it is nothing.
 */
export function TidegatePanel(props: TidegatePanelProps): ReactNode {
  const isInBrowser = useSyncExternalStore(
    never,
    () => true,
    () => false,
  );
  return isInBrowser ? <Panel {...props} /> : null;
}

function Panel({ defaultOpen = false, events: most = 50 }: TidegatePanelProps): ReactNode {
  usePanelStyle();
  const [isOpen, setOpen] = useState(defaultOpen);
  const { dump, events } = usePageState(most, isOpen);
  const opener = useRef<HTMLButtonElement>(null);
  const body = useId();
  const closeByKey = (event: KeyboardEvent) => {
    if (event.key !== "Escape" || !isOpen) return;
    event.stopPropagation();
    setOpen(false);
    opener.current?.focus();
  };
  return (
    <section className="tidegate-panel" aria-label="Tidegate" onKeyDown={closeByKey}>
      <button
        ref={opener}
        type="button"
        aria-expanded={isOpen}
        aria-controls={isOpen ? body : undefined}
        onClick={() => setOpen(!isOpen)}
      >
        Tidegate: {dump ? summaryOf(dump) : "loading"}
      </button>
      {isOpen && (
        <div id={body}>
          {dump && tablesOf(dump, events).map((table) => <Table key={table.caption} {...table} />)}
          <Copy />
        </div>
      )}
    </section>
  );
}

function summaryOf({ engine, readers, sends }: DebugDump): string {
  const live = readers.filter(({ status }) => status === "live").length;
  // Before anything is sent or read none is needed, and that is no trouble.
  const state = engine.state === "stopped" && !engine.crashes ? "not in use" : engine.state;
  return `core ${state}${engine.kind === "js" ? " as JavaScript" : ""}, ${live} of ${readers.length} readers live, ${sends.length} sends`;
}

function Table({ caption, head, rows, none }: PanelTable): ReactNode {
  if (rows.length === 0) return <p>{none}</p>;
  return (
    <table>
      <caption>{caption}</caption>
      <thead>
        <tr>
          {head.map((name) => (
            <th key={name} scope="col">
              {name}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {rows.map(({ key, cells: [first, ...others] }) => (
          <tr key={key}>
            <th scope="row">{first}</th>
            {others.map((cell, column) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: a column is what it is by its place
              <td key={column}>{cell}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

/** Copies the dump, or shows it to be copied by hand where the page may not write to the clipboard. */
function Copy(): ReactNode {
  const [said, setSaid] = useState("");
  const [text, setText] = useState<string>();
  const copy = async () => {
    try {
      const dumped = JSON.stringify(await debug(), null, 2);
      try {
        await navigator.clipboard.writeText(dumped);
        setText(undefined);
        setSaid("Copied.");
      } catch {
        setText(dumped);
        setSaid("The clipboard is closed to this page: copy it from here.");
      }
    } catch {
      setSaid("The dump could not be made, since the code for it could not be loaded.");
    }
  };
  return (
    <p>
      <button type="button" onClick={copy}>
        Copy the dump
      </button>{" "}
      <span role="status">{said}</span>
      {text !== undefined && (
        <textarea readOnly aria-label="The dump" value={text} onFocus={(event) => event.currentTarget.select()} />
      )}
    </p>
  );
}
