import { invalidOptions } from "../client/errors.js";

/** Ids of one kind; `true` for all of that kind. */
export type ScopeIds = string | readonly string[] | true;

/** What a permission is for. */
export interface ScopeTargets {
  runs?: ScopeIds | undefined;
  /** Runs of these tasks. */
  tasks?: ScopeIds | undefined;
  /** Runs with these tags. */
  tags?: ScopeIds | undefined;
  /** The runs of these batches. */
  batch?: ScopeIds | undefined;
  /** Under `write`: to complete these wait tokens. */
  waitpoints?: ScopeIds | undefined;
  /** Under `write`: to send to the input streams of these runs. `runs` does not allow that. */
  inputStreams?: ScopeIds | undefined;
  sessions?: ScopeIds | undefined;
  deployments?: ScopeIds | undefined;
}

/** What a token allows, such as `{ read: { runs: id }, write: { inputStreams: id } }`. */
export interface PublicTokenScopes {
  read?: ScopeTargets | undefined;
  write?: ScopeTargets | undefined;
  trigger?: { tasks: ScopeIds } | undefined;
  batchTrigger?: { tasks: ScopeIds } | undefined;
}

const ACTIONS = ["read", "write", "trigger", "batchTrigger"];
const TYPES = ["runs", "tasks", "tags", "batch", "waitpoints", "inputStreams", "sessions", "deployments"];

/** As the wire has them: `action:type` or `action:type:id`. Throws `invalid-options` for what grants nothing, or more than it seems. */
export function toScopes(given: PublicTokenScopes | readonly string[]): string[] {
  if (typeof given === "string")
    throw invalidOptions(
      'scopes is a text. Pass texts in an array, such as ["read:runs:run_1234"], or { read: { runs: runId } }.',
    );
  const scopes = Array.isArray(given) ? given.map(checked) : Object.entries(Object(given)).flatMap(flatten);
  if (scopes.length > 0) return [...new Set(scopes)];
  throw invalidOptions(
    "A token needs at least one scope, or it allows nothing: such as { read: { runs: runId }, write: { inputStreams: runId } }.",
  );
}

function flatten([action, targets]: [string, unknown]): string[] {
  if (!ACTIONS.includes(action))
    throw invalidOptions(`scopes.${action} grants nothing. There are ${ACTIONS.join(", ")}.`);
  return Object.entries(Object(targets)).flatMap(([type, ids]) => {
    if (ids === undefined || ids === false) return [];
    if (ids === true) return [checked(`${action}:${type}`)];
    return [ids].flat().map((id) => {
      if (typeof id === "string" && id.trim()) return checked(`${action}:${type}:${id}`);
      throw invalidOptions(`scopes.${action}.${type} must be ids that are not empty, or true for all.`);
    });
  });
}

function checked(scope: unknown): string {
  if (typeof scope !== "string") throw invalidOptions('A scope is a text, such as "read:runs:run_1234".');
  const [action, type, id] = scope.split(":");
  if (scope === "admin") return scope;
  if (!action || !type)
    throw invalidOptions(`The scope "${scope}" grants nothing: it takes action:type or action:type:id.`);
  // To the server no id means all of them.
  if (id !== undefined && !scope.slice(`${action}:${type}:`.length).trim())
    throw invalidOptions(
      `The scope "${scope}" has an empty id, which would grant all ${type}. Pass the id, or leave out the colon.`,
    );
  const meant = TYPES.find((known) => known !== type && bare(known) === bare(type));
  if (meant) throw invalidOptions(`The scope "${scope}" grants nothing: its type is written "${meant}".`);
  return scope;
}

/** As far as people remember how it is written. */
const bare = (type: string) => type.toLowerCase().replace(/s$/, "");
