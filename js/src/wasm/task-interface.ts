/** The input streams of one run, by numbers; values stay outside. After each call {@link poll} until it gives nothing. */
export interface InputsMachine {
  free(): void;
  /** A handler listens to a stream. */
  on(stream: number): number;
  /** It listens no more. With nobody left the log is read no more, and what is not taken stays. */
  off(stream: number, handler: number): void;
  /** Somebody wants the next record that nobody before it gets; `asleep`: without the log being read meanwhile. */
  take(stream: number, asleep: boolean): number;
  /** Whoever has got a record of it has had time to ask for another. */
  goOn(stream: number): void;
  /** An earlier life of the run has taken this record from sleep. Told before anything else of the stream. */
  reserve(stream: number, seq: number): void;
  /** It wants none any more; false when it has got one. */
  cancel(stream: number, taker: number): boolean;
  /** The record that would be taken next. */
  peek(stream: number): number | undefined;
  /**
   * A record has arrived; `isAnswer`: its value is that of a record that a sleep has ended with, and of which no number was told.
   * 0: its value is not needed. 1: it waits to be taken. 2: it was that record.
   */
  receive(stream: number, seq: number, size: number, isAnswer: boolean): 0 | 1 | 2 | number;
  /** A record has arrived of which nobody can make anything. */
  skip(stream: number, seq: number): void;
  /** Whether the log is read to find out where the stream stands. */
  searching(stream: number): boolean;
  /** The log has been read to its end. */
  giveUpSearch(stream: number): void;
  /** A sleep has ended. False: it goes on, because that record had been taken before. */
  wake(stream: number, taker: number, how: Woken, seq: number): boolean;
  /** What is to be done next: {@link InputsStep}, of which stream, for whom, and a record (-1: none). */
  poll(): Float64Array | undefined;
}

/** How a sleep ended. */
export const Woken = { empty: 0, unnamed: 1, by: 2, keyed: 3 } as const;
export type Woken = (typeof Woken)[keyof typeof Woken];

/** What is to be done. */
export const InputsStep = { open: 0, close: 1, setReading: 2, give: 3, tell: 4, drop: 5, sleep: 6, rest: 7 } as const;
