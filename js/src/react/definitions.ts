/** An input stream as a task defines it: `streams.input<T>({ id })`. Import it with `import type`; only its type is used. */
export interface InputStreamDefinition<T> {
  readonly id: string;
  /** Never called here. */
  send(runId: string, data: T, ...rest: never[]): unknown;
}

/** An output stream as a task defines it: `streams.define<T>({ id })`. Of the value, only `id` is used. */
export interface StreamDefinition<T> {
  readonly id: string;
  /** Never called here. */
  append(value: T, ...rest: never[]): unknown;
}

/** The data type of an input stream definition; any other type stands for itself. */
export type InputData<T> = T extends {
  readonly id: string;
  send: (runId: string, data: infer D, ...rest: never[]) => unknown;
}
  ? D
  : T;

/** The part type of an output stream definition. */
export type PartOf<T> = T extends { append: (value: infer P, ...rest: never[]) => unknown } ? P : unknown;
