// Statistics of measurements taken side by side: what is compared was measured in the same round, so that what else the machine
// does meanwhile harms all alike.

/** Runs every subject once a round, in turning order; resolves to the measurements of each by round. */
export async function interleave(subjects, rounds, measure) {
  const measured = Object.fromEntries(subjects.map((subject) => [subject, []]));
  for (let round = 0; round < rounds; round++) {
    for (let turn = 0; turn < subjects.length; turn++) {
      const subject = subjects[(turn + round) % subjects.length];
      measured[subject].push(await measure(subject, round));
    }
  }
  return measured;
}

/** The middle, the two ends, and what a quarter of the values is not above. */
export function summary(values) {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = (sorted.length - 1) / 2;
  return {
    median: (sorted[Math.floor(middle)] + sorted[Math.ceil(middle)]) / 2,
    least: sorted[0],
    lowerQuarter: sorted[Math.floor((sorted.length - 1) / 4)],
    most: sorted.at(-1),
  };
}

/** How many times as much of something one subject took as another, over the rounds. */
export function ratio(measured, subject, base, key) {
  return summary(measured[subject].map((one, round) => one[key] / measured[base][round][key]));
}
