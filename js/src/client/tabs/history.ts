/** A place in a stream, counted from where its readers began. */
export interface Position {
  /** Parts before it. */
  readonly index: number;
  /** Resume position. */
  readonly cursor: string | undefined;
}

/** Parts that follow each other. */
export interface Batch {
  readonly from: Position;
  readonly to: Position;
  /** An array with one element per part. */
  readonly json: string;
}

const sizeOf = ({ json }: Batch) => json.length + 100;

/** Parts that are read again when another tab reads on: the decoder drops what a writer repeats only if it has seen it. */
const OVERLAP = 50;

/** What a reader has passed: where it stands, and the newest batches that led there, each beginning where the last one ends. */
export class History {
  readonly #batches: Batch[] = [];
  /** Where batches of this reader or of others begin and end, oldest first: the same parts are in front of each. */
  #places: Position[];
  #size = 0;
  #end: Position;

  constructor(
    start: string | undefined,
    private readonly memory = 2_000_000,
  ) {
    this.#end = { index: 0, cursor: start };
    this.#places = [this.#end];
  }

  get end(): Position {
    return this.#end;
  }

  /** Whether another reader stands where this one does. */
  isAt(place: Position): boolean {
    return place.index === this.#end.index && this.#knows(place);
  }

  /** Moves on by what a batch brings and returns that: no parts if all was known, undefined if it does not lead on from here. */
  take(batch: Batch, isOwn: boolean): { parts: unknown[]; added?: Batch } | undefined {
    const parts = this.#newsIn(batch, isOwn);
    if (!parts) return undefined;
    if (!this.#knows(batch.to)) this.#places.push(batch.to);
    if (parts.length === 0) return { parts };
    const isWhole = parts.length === batch.to.index - batch.from.index;
    const added = { from: this.#end, to: batch.to, json: isWhole ? batch.json : JSON.stringify(parts) };
    this.#batches.push(added);
    this.#end = batch.to;
    this.#size += sizeOf(added);
    this.#forget();
    return { parts, added };
  }

  /** What is known behind `index`, and perhaps a little before it; nothing where that would leave a gap. */
  since(index: number): Batch[] {
    const first = this.#batches.findIndex(({ to }) => to.index > index);
    const found = first < 0 ? [] : this.#batches.slice(first);
    return found[0] && found[0].from.index <= index ? found : [];
  }

  /** From where to read on, best first, with an overlap to compare: what is repeated is known only to who has read it. */
  get readingPoints(): Position[] {
    const isFar = ({ from }: Batch) => this.#end.index - from.index >= OVERLAP;
    const [oldest] = this.#batches;
    return oldest ? [(this.#batches.findLast(isFar) ?? oldest).from, oldest.from] : [this.#end];
  }

  /**
   * The parts behind the end. Another reader's batch counts when it begins at a known place and repeats what is known from there on.
   * A connection of one's own began at a known place, so only what it repeats is compared.
   */
  #newsIn({ from, to, json }: Batch, isOwn: boolean): unknown[] | undefined {
    const { index } = this.#end;
    if (!isOwn && !this.#knows(from)) return undefined;
    const parts: unknown[] = JSON.parse(json);
    if (from.index === index) return parts;
    const passed = this.since(from.index);
    const [first] = passed;
    if (!first) return undefined;
    const known = passed.flatMap(({ json }): unknown[] => JSON.parse(json));
    const repeated = known.slice(from.index - first.from.index, to.index - first.from.index);
    const isRepeated = JSON.stringify(repeated) === JSON.stringify(parts.slice(0, repeated.length));
    return isRepeated ? parts.slice(repeated.length) : undefined;
  }

  #knows(place: Position): boolean {
    return this.#places.findLast(({ index, cursor }) => index === place.index && cursor === place.cursor) !== undefined;
  }

  #forget(): void {
    let count = 0;
    for (const batch of this.#batches) {
      if (this.#size <= this.memory) break;
      this.#size -= sizeOf(batch);
      count += 1;
    }
    if (count === 0) return;
    this.#batches.splice(0, count);
    const { index } = this.#batches[0]?.from ?? this.#end;
    this.#places = this.#places.filter((place) => place.index >= index);
  }
}
