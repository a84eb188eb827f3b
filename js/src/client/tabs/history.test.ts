import { describe, expect, it } from "vitest";
import { type Batch, History } from "./history.js";

const at = (index: number, cursor = index === 0 ? undefined : String(index - 1)) => ({ index, cursor });
const batch = (from: number, to: number, partOf = (index: number): unknown => `part ${index}`): Batch => ({
  from: at(from),
  to: at(to),
  json: JSON.stringify(Array.from({ length: to - from }, (_, place) => partOf(from + place))),
});

function historyOf(...batches: Batch[]) {
  const history = new History(undefined);
  for (const one of batches) expect(history.take(one, false)).toBeDefined();
  return history;
}

describe("a batch of another tab", () => {
  it("is taken where it begins at the end, and in part where it begins before", () => {
    const history = historyOf(batch(0, 4), batch(4, 6));
    expect(history.take(batch(6, 8), false)?.parts).toEqual(["part 6", "part 7"]);
    expect(history.take(batch(4, 9), false)?.parts).toEqual(["part 8"]);
    expect(history.take(batch(0, 4), false)?.parts).toEqual([]);
    expect(history.end).toEqual(at(9));
  });

  it("is refused where it leaves a gap, or says something else than is known", () => {
    const history = historyOf(batch(0, 4), batch(4, 6));
    expect(history.take(batch(7, 8), false)).toBeUndefined();
    expect(history.take(batch(4, 9, String), false)).toBeUndefined();
    expect(history.end).toEqual(at(6));
  });

  it("is refused where it is counted from another beginning, even if it says the same", () => {
    const same = () => "tick";
    const history = historyOf(batch(0, 4, same), batch(4, 8, same));
    const began3Later = (from: number, to: number): Batch => {
      const { json } = batch(from, to, same);
      return { from: at(from, String(from + 2)), to: at(to, String(to + 2)), json };
    };
    for (const [from, to] of [
      [4, 9],
      [8, 9],
      [4, 8],
    ] as const) {
      expect(history.take(began3Later(from, to), false)).toBeUndefined();
    }
    expect(history.isAt(at(8, "10"))).toBe(false);
    expect(history.isAt(at(8))).toBe(true);
  });

  it("that is known makes its end a place from which the next one is taken", () => {
    const history = historyOf(batch(0, 5), batch(5, 8));
    expect(history.take(batch(3, 9), false)).toBeUndefined();
    expect(history.take(batch(0, 3), false)?.parts).toEqual([]);
    expect(history.take(batch(3, 9), false)?.parts).toEqual(["part 8"]);
  });
});

describe("what is remembered", () => {
  it("is handed on from a batch's beginning, and forgotten from the oldest on", () => {
    const history = new History(undefined, 500);
    for (let index = 0; index < 20; index += 2) history.take(batch(index, index + 2), true);
    expect(history.since(17).map(({ from }) => from.index)).toEqual([16, 18]);
    expect(history.since(20)).toEqual([]);
    expect(history.since(3)).toEqual([]);
    expect(history.take(batch(2, 22), false)).toBeUndefined();
  });

  it("is read again to some extent", () => {
    const history = historyOf(batch(0, 40), batch(40, 80), batch(80, 100));
    expect(history.readingPoints).toEqual([at(40), at(0)]);
    expect(new History("7").readingPoints).toEqual([{ index: 0, cursor: "7" }]);
  });
});
