// Recorded exchanges that cannot be asked of a server without v1 streams or a log service of its own.
import { readEvents, recordsOf } from "./events.mjs";
import { isStream } from "./replay.mjs";
import { needsWorker } from "./runs.mjs";

/** Why a fixture is not replayed; undefined when it is. */
export function skipReason(fixture, { slow, hasWorker, hasLogService }) {
  const { name, given, response } = fixture;
  if (!hasWorker && needsWorker(fixture))
    return "needs a run that a worker has; tidegate-dev --faults lets it be played";
  if (given?.streams === "v1" && (isStream(fixture) || name === "stream-create-v1")) {
    return "streams of v1 runs are not served; every run is v2";
  }
  if (name === "input-v1-just-under") return "v1 runs have no limit per record; v2 runs refuse this body";
  if (name === "sse-v2-default-wait" && !slow) return "waits a minute; --slow runs it";
  const isOutput = isStream(fixture) && !fixture.request.path.includes("/input/");
  if (isOutput && !hasLogService && holdsUndefined(response.body)) {
    return "holds a part that is undefined, which only a direct writer of the log service can write";
  }
  return undefined;
}

function holdsUndefined(body) {
  const batches = readEvents(body).filter(({ kind }) => kind === "batch");
  return batches.flatMap(recordsOf).some((record) => !("data" in record));
}
