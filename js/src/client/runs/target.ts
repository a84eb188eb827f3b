import { warnInDevelopment } from "../../wasm/development.js";
import type { FeedAddress } from "../entries.js";
import { invalidOptions } from "../errors.js";
import { checkName, checkStrings } from "../options.js";

/** A column that the server can leave out. */
export type SkipColumn =
  | "startedAt"
  | "delayUntil"
  | "queuedAt"
  | "expiredAt"
  /** Without it nobody learns that a run has finished: the feed of a single run never ends. */
  | "completedAt"
  | "number"
  | "isTest"
  | "usageDurationMs"
  | "costInCents"
  | "baseCostInCents"
  | "ttl"
  | "payload"
  | "payloadType"
  | "metadata"
  | "metadataType"
  | "output"
  | "outputType"
  | "runTags"
  | "error"
  | "realtimeStreams";

/** Which runs to follow. */
export type RunsTarget = (
  | {
      readonly runId: string;
      /** Whether the feed ends when the run has finished. Default: true. */
      readonly stopOnCompletion?: boolean | undefined;
    }
  | {
      /** A run has to have all of them; none stand for every run of the environment. */
      readonly tags: string | readonly string[];
      /** How old runs can be at most, such as `30m`, `1h` or `1d`. Default, and most: 24 hours. */
      readonly createdAt?: string | undefined;
    }
  | { readonly batchId: string }
) & {
  /** What is not needed and need not be sent. */
  readonly skipColumns?: readonly SkipColumn[] | undefined;
};

/** The feed of a target; throws `invalid-options`. Targets of the same runs have the same one. */
export function toAddress(target: RunsTarget): FeedAddress {
  const { skipColumns = [] } = target;
  checkStrings("skipColumns", skipColumns);
  const query = [...skipColumns].sort().join();
  const skipped = query && `skipColumns=${encodeURIComponent(query)}`;
  if ("runId" in target) {
    checkName("run id", target.runId, "Pass the id of the run, such as run_1234.");
    const endless = target.stopOnCompletion === false;
    warnInDevelopment(
      () =>
        !endless &&
        skipColumns.includes("completedAt") &&
        "skipColumns leaves out completedAt, by which the end of a run is known, so the feed of a single run never ends. Keep the column, or say that this is meant with stopOnCompletion: false.",
    );
    return { kind: 0, name: target.runId, query: skipped, endless };
  }
  if ("batchId" in target) {
    checkName("batch id", target.batchId, "Pass the id of the batch, such as batch_1234.");
    return { kind: 2, name: target.batchId, query: skipped, endless: true };
  }
  const { createdAt } = target;
  const given = typeof target.tags === "string" ? [target.tags] : target.tags;
  checkStrings("tags", given);
  const tags = [...new Set(given)].sort();
  for (const tag of tags) {
    // biome-ignore lint/suspicious/noControlCharactersInRegex: the server refuses them
    if (!tag || /[\u0000-\u001f\u007f\\",]/.test(tag)) {
      throw invalidOptions(
        `The tag ${JSON.stringify(tag)} cannot be asked for: it ${tag ? "has a comma, quote, backslash or control character" : "is empty"}.`,
      );
    }
  }
  if (createdAt !== undefined && !/^(\d+[smhdw])+$/.test(createdAt)) {
    throw invalidOptions('createdAt must be an age, such as "30m", "1h" or "1d".');
  }
  const age = createdAt && `createdAt=${createdAt}`;
  return { kind: 1, name: tags.join(), query: [skipped, age].filter(Boolean).join("&"), endless: true };
}
