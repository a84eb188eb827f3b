import { useEffect, useMemo, useState } from "react";
import type { TidegateError } from "../client/errors.js";
import type { Json } from "../client/runs/run.js";
import type { SkipColumn } from "../client/runs/target.js";
import { type OutputOf, type Parsed, parse, type StandardSchema } from "../client/schema.js";
import { hasFinished } from "../store/has-finished.js";
import type { RunsSnapshot } from "../store/runs-store.js";
import { type Feed, type UseRealtimeRunOptions, useRuns } from "./use-runs.js";

const SKIPPED: readonly SkipColumn[] = ["payload", "payloadType", "output", "outputType"];

/** Options of {@link useRunMetadata}; what is left out comes from the provider. */
export interface UseRunMetadataOptions<TSchema extends StandardSchema | undefined = undefined>
  extends Omit<UseRealtimeRunOptions, "skipColumns" | "storedPackets"> {
  /** Checks the metadata each time they change, at once or later, and gives them their type. Default: no check. */
  schema?: TSchema;
  /** False goes on after the run has finished: for what other runs write later. Default: true. */
  stopOnCompletion?: boolean | undefined;
}

/** What {@link useRunMetadata} returns. */
export interface UseRunMetadataInstance<TMetadata> extends Feed {
  /** With a schema: what it makes of the newest metadata that fit. Undefined before there are any. Never those of another run. */
  readonly metadata: TMetadata | undefined;
  /** What is wrong with the connection, or with the newest metadata: the code of the latter is `invalid-data`. */
  readonly error: TidegateError | undefined;
  /** Whether the run has come to its end: it has succeeded, failed or been cancelled. */
  readonly isFinished: boolean;
}

/**
 * Follows the metadata of a run; the server leaves out payload and output. Metadata that do not fit the schema are an `error` next
 * to the last that did.
 *
 * @param options With a `schema`, any validator that follows Standard Schema, `metadata` has the type it makes.
 */
export function useRunMetadata<TSchema extends StandardSchema | undefined = undefined>(
  runId: string | undefined,
  options: UseRunMetadataOptions<TSchema> = {},
): UseRunMetadataInstance<TSchema extends StandardSchema ? OutputOf<TSchema> : Record<string, Json>> {
  const { schema, stopOnCompletion } = options;
  const target = runId ? { runId, stopOnCompletion: stopOnCompletion !== false, skipColumns: SKIPPED } : undefined;
  const { shown, stop } = useRuns(target, options, pickMetadata);
  const { run, metadata, ...feed } = shown;
  const isOurs = run !== undefined;

  // By what it is of, not by schema: one that is made anew with each render would never come to rest.
  // biome-ignore lint/correctness/useExhaustiveDependencies: see above.
  const outcome = useMemo(
    (): Parsed | Promise<Parsed> => (schema && metadata !== undefined ? parse(schema, metadata) : { value: metadata }),
    [runId, metadata],
  );
  const [awaited, setAwaited] = useState<{ outcome: unknown; checked: Parsed }>();
  useEffect(() => {
    if (!(outcome instanceof Promise)) return;
    let isCurrent = true;
    outcome.then((checked) => isCurrent && setAwaited({ outcome, checked }));
    return () => {
      isCurrent = false;
    };
  }, [outcome]);

  const checked = outcome instanceof Promise ? (awaited?.outcome === outcome ? awaited.checked : undefined) : outcome;
  const [good, setGood] = useState<{ runId: string | undefined; metadata: unknown }>();
  const isNews = checked && !checked.error && checked.value !== undefined;
  if (isNews && (good?.runId !== runId || good?.metadata !== checked.value)) {
    setGood({ runId, metadata: checked.value });
  }
  const kept = good && good.runId === runId && isOurs ? good.metadata : undefined;
  const value = isNews ? checked.value : kept;
  type Metadata = TSchema extends StandardSchema ? OutputOf<TSchema> : Record<string, Json>;
  return {
    ...feed,
    metadata: value as Metadata | undefined,
    error: feed.error ?? checked?.error,
    isFinished: hasFinished(run),
    stop,
  };
}

function pickMetadata({ runs: [run], status, endReason, error }: RunsSnapshot) {
  return { run, metadata: run?.metadata, status, endReason, error };
}
