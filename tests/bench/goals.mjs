// What has to hold of the ratios. Absolute times are nobody's goal.
import { ratio, summary } from "./compare.mjs";
import { number } from "./table.mjs";

const FLOOR_LIMITS = { v2: 1.2, v1: 2 };
const DOUBLING_LIMIT = 2.2;

/** Verdicts `{ goal, worst, missed }`: the value that comes nearest to the limit, and those that are past it. */
export function judge(results) {
  const [even, uneven] = [results.filter(isEven), results.filter((result) => !isEven(result))];
  const verdicts = [
    verdict("every part read, in order and once", 0, incomplete(results)),
    verdict("less work than the official client for the same promises", 1, againstOfficial(even, isWork)),
    verdict("less work than the official client that keeps no order of sends", 1, againstOfficial(uneven, isWork)),
    verdict("not later at the end than the official client", 1, againstOfficial(results, isTime)),
  ];
  for (const [version, limit] of Object.entries(FLOOR_LIMITS)) {
    const goal = `main thread at most ${limit} x the floor on ${version}`;
    verdicts.push(verdict(goal, limit, againstFloor(results, version)));
  }
  verdicts.push(
    verdict(`twice the parts at most ${DOUBLING_LIMIT} x the main thread`, DOUBLING_LIMIT, growth(results)),
  );
  // Of a run of some loads only: what was not measured is not judged.
  return verdicts.filter(({ worst }) => worst);
}

function verdict(goal, limit, values) {
  const sorted = values.toSorted((a, b) => b.value - a.value);
  return { goal, worst: sorted[0], missed: sorted.filter(({ value }) => value > limit) };
}

const nameOf = ({ section, load }, detail) => `${section.name}, ${load.name}${detail ? `, ${detail}` : ""}`;

function incomplete(results) {
  return results.flatMap((result) =>
    Object.entries(result.measured).map(([subject, rounds]) => ({
      name: nameOf(result, subject),
      value: rounds.filter(({ isComplete }) => isComplete === false).length,
    })),
  );
}

/** Whether all that were measured gave the same promises. */
const isEven = ({ load }) => !load.isUneven;
const isTime = (cost) => cost === "ms";
const isWork = (cost) => !isTime(cost);

/**
 * Of work the middle round counts. When the last byte comes is decided by who sends and by the machine too, for the largest records
 * almost alone: there a quarter of the rounds has to be as early.
 */
function againstOfficial(results, isJudged) {
  return results.flatMap((result) =>
    Object.keys(result.measured)
      .filter((subject) => subject.startsWith("official"))
      .flatMap((official) =>
        result.section.costs.filter(isJudged).map((cost) => {
          const { lowerQuarter, median } = ratio(result.measured, "tidegate", official, cost);
          return { name: nameOf(result, `${cost} of ${official}`), value: isTime(cost) ? lowerQuarter : median };
        }),
      ),
  );
}

function againstFloor(results, version) {
  return results
    .filter(({ section, load }) => section.name === "decode-chromium" && load.version === version)
    .map((result) => ({
      name: nameOf(result),
      value: ratio(result.measured, "tidegate", "floor", "busyMs").median,
    }));
}

/** From one length to the next, as if it had been twice as long. */
function growth(results) {
  const hooks = results.filter(({ section }) => section.name === "hook");
  const busy = ({ measured }) => summary(measured.tidegate.map(({ busyMs }) => busyMs)).median;
  return hooks.flatMap((longer, index) => {
    const shorter = hooks[index - 1];
    if (shorter?.load.series !== longer.load.series) return [];
    const doublings = Math.log2(longer.load.count / shorter.load.count);
    return [{ name: nameOf(longer), value: (busy(longer) / busy(shorter)) ** (1 / doublings) }];
  });
}

export function printVerdicts(verdicts) {
  console.log("");
  for (const { goal, worst, missed } of verdicts) {
    console.log(`${missed.length > 0 ? "MISSED" : "held  "}  ${goal}: worst ${number(worst.value)} (${worst.name})`);
    for (const { name, value } of missed) console.log(`          ${number(value)}  ${name}`);
  }
  const missed = verdicts.filter(({ missed }) => missed.length > 0);
  const which = missed.length > 0 ? `: ${missed.map(({ goal }) => goal).join("; ")}` : "";
  console.log(`\nbench: ${verdicts.length - missed.length} goals held, ${missed.length} missed${which}`);
  return missed.length === 0;
}
